"""From the meaning of an answer to outcomes: one per delivery (national_portal §2.7, §2.9, §14).

Invariant: only the verdict ``ok`` becomes Accepted. A create and an update turn into one another once per delivery; a
second contradiction is left to an operator. A refused batch is not refused item by item on a guess.

Memory of a lane: ``exists`` (``yes``/``no``) what the portal last said about the dossier, ``flips`` the delivery that
was turned around, ``batch`` (``1``) send singly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from adapters.national_portal.dialects import LGSP, SESSION
from adapters.national_portal.settings import Settings
from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.mapping import Answer, Row
from mappings.national_portal.responses import Verdict

CREATE, UPDATE, STEPS = "create", "update", "step"
_SHOWN = 300

# Verdicts that refuse what was sent, and who can do something about it.
_REFUSALS: Mapping[Verdict, Actor] = {
    Verdict.VALIDATION: Actor.PROVINCE,
    Verdict.MISCONFIGURED: Actor.OPERATOR,
    Verdict.REFUSED: Actor.OPERATOR,
    Verdict.UNKNOWN: Actor.OPERATOR,
    Verdict.CONTRADICTION: Actor.OPERATOR,
}


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, the row it falls under, and what the lane remembers. ``layers``: configured credential layers."""

    row: Row
    answer: Answer
    memory: Mapping[str, str]
    secrets: tuple[str, ...]
    layers: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.row.verdict)

    @property
    def reason(self) -> str:
        """What was answered, in one line without secrets."""
        answer = self.answer
        told = f"code {answer.code}" if answer.code else f"HTTP {answer.status}, {answer.shape} body"
        message = answer.message
        for secret in self.secrets:
            if secret:
                message = message.replace(secret, "…")
        return f"{told}: {message[:_SHOWN]}" if message else told

    def renew(self) -> tuple[str, ...]:
        """The layers to obtain anew: the one that was refused, where it is configured."""
        wanted = (LGSP, SESSION) if self.verdict is Verdict.TOKEN else (SESSION, LGSP)
        return next(((layer,) for layer in wanted if layer in self.layers), ())


def outcomes(
    meaning: Meaning,
    deliveries: Sequence[Delivery],
    settings: Settings,
    memories: Mapping[int, Mapping[str, str]],
) -> list[Outcome]:
    """What the answer to a write means for each of ``deliveries``; ``memories`` where they are of several lanes."""
    judge = _BY_VERDICT[meaning.verdict]
    if not memories:
        return [judge(meaning, deliveries, settings)] * len(deliveries)
    return [
        judge(msgspec.structs.replace(meaning, memory=memories[delivery.id]), deliveries, settings)
        for delivery in deliveries
    ]


def accepted(memory: Mapping[str, str], receipt: str, *, dossier: bool) -> Accepted:
    """It is there. What was only meant for the way here is forgotten."""
    learned = {name: "" for name in ("flips", "batch") if memory.get(name)}
    if dossier and memory.get("exists") != "yes":
        learned["exists"] = "yes"
    return Accepted(receipt=receipt, learned=learned)


def _done(meaning: Meaning, _deliveries: Sequence[Delivery], _settings: Settings) -> Outcome:
    receipt = meaning.answer.message or f"code {meaning.answer.code}"
    return accepted(meaning.memory, receipt, dossier=meaning.answer.call in {CREATE, UPDATE})


def _later(meaning: Meaning, _deliveries: Sequence[Delivery], _settings: Settings) -> Outcome:
    return Deferred(code=meaning.row.name, reason=meaning.reason, retry_after=meaning.answer.retry_after)


def _unclear(meaning: Meaning, _deliveries: Sequence[Delivery], _settings: Settings) -> Outcome:
    return InDoubt(code=meaning.row.name, reason=meaning.reason)


def _exists(meaning: Meaning, deliveries: Sequence[Delivery], settings: Settings) -> Outcome:
    if len(deliveries) > 1:
        return _refused(meaning, deliveries, settings)  # one of several dossiers exists: each shows by itself
    return _turned(meaning, deliveries, exists="yes")


def _turned(meaning: Meaning, deliveries: Sequence[Delivery], *, exists: str) -> Outcome:
    """§2.9: send it the other way, once for this delivery."""
    key = deliveries[-1].key
    if meaning.memory.get("flips") == key:
        return Rejected(
            code="contradiction",
            reason=f"the portal says both that the dossier exists and that it does not; {meaning.reason}",
            actor=Actor.OPERATOR,
            learned={"flips": "", "exists": exists},
        )
    return Deferred(
        code="exists" if exists == "yes" else "missing",
        reason=meaning.reason,
        retry_after=0,
        learned={"exists": exists, "flips": key},
    )


def _unknown_dossier(meaning: Meaning, deliveries: Sequence[Delivery], settings: Settings) -> Outcome:
    match meaning.answer.call:
        case "update" if len(deliveries) > 1:
            return _refused(meaning, deliveries, settings)
        case "update":
            return _turned(meaning, deliveries, exists="no")
        case "step":
            # The dossier was acknowledged before its steps left (§14.3), so the portal is behind or has lost it.
            # Refusing the step for good would lose it; it waits, and the next snapshot creates the dossier anew.
            return Deferred(code="dossier_unknown", reason=meaning.reason, learned={"exists": "no"})
        case _:
            return Rejected(code="dossier_unknown", reason=meaning.reason, actor=Actor.OPERATOR)


def _credential(meaning: Meaning, deliveries: Sequence[Delivery], settings: Settings) -> Outcome:
    renew = meaning.renew()
    # A session can die in the middle of a batch, after some of it was stored; where the portal shows its steps,
    # it is asked, because an event must arrive once.
    events = meaning.answer.call == STEPS and len(deliveries) > 1
    if events and _asks_about_steps(settings):
        return InDoubt(code=meaning.row.name, reason=meaning.reason, renew=renew)
    return Deferred(
        code=meaning.row.name, reason=meaning.reason, retry_after=0 if renew else None, renew=renew
    )


def _refused(meaning: Meaning, deliveries: Sequence[Delivery], settings: Settings) -> Outcome:
    if len(deliveries) > 1:
        learned = {"batch": "1"}
        reason = f"one code for {len(deliveries)} items, so they go singly; {meaning.reason}"
        if meaning.answer.call == STEPS and _asks_about_steps(settings):
            return InDoubt(code="batch_refused", reason=reason, learned=learned)
        return Deferred(code="batch_refused", reason=reason, retry_after=0, learned=learned)
    learned = {"flips": ""} if meaning.memory.get("flips") else {}
    return Rejected(
        code=meaning.row.name, reason=meaning.reason, actor=_REFUSALS[meaning.verdict], learned=learned
    )


def _asks_about_steps(settings: Settings) -> bool:
    return settings.lookup_detail == "echo" and settings.batch_atomic is not True


_BY_VERDICT: Mapping[Verdict, Callable[[Meaning, Sequence[Delivery], Settings], Outcome]] = {
    Verdict.OK: _done,
    Verdict.DUPLICATE: _exists,
    Verdict.NOT_FOUND: _unknown_dossier,
    Verdict.SESSION: _credential,
    Verdict.TOKEN: _credential,
    Verdict.TRANSIENT: _later,
    Verdict.NOT_REACHED: _later,
    Verdict.UNCLEAR: _unclear,
    **dict.fromkeys(_REFUSALS, _refused),
}
