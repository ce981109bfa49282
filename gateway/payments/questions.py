"""Asking the platform about one attempt (QUERY), and what its answer does.

Invariants: the question carries the attempt's own reference and time, verbatim (payment_platform §5.6, §13 pitfall 4);
an answer settles only through ``apply_evidence``, which compares it with what was asked for; a question that failed
changes nothing but when the next one is asked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import msgspec
import structlog

from gateway.domain.errors import NotFoundError
from gateway.domain.payment import SETTLED, AttemptState, Decision, Evidence, decide
from gateway.domain.payment_order import PaymentAnswer
from gateway.payments.asking import Asked, Asker, Destination
from gateway.payments.schedule import SECOND, ask_again, next_question
from gateway.port import CannotRead, CollectsPayments, PaymentTerms, Read
from gateway.storage import payment_following
from gateway.storage.database import Database
from gateway.storage.instants import maybe_from_micros, to_micros
from gateway.storage.payment_questions import (
    Concluded,
    Outcome,
    Pending,
    conclude,
    known,
    pending,
    postpone,
)
from gateway.storage.payments import FIRST_QUESTION_MICROS
from gateway.telemetry import PAYMENT_QUESTIONS
from gateway.wire.asking import Unasked

log = structlog.get_logger(__name__)
READ = "payment"
NOT_LEFT = frozenset({"pending", "waiting", "in_flight"})
Effect = Literal[
    "settled", "duplicate", "failed", "pending", "quarantined", "repeated", "ignored", "orphan",
    "absent", "closed", "no_answer", "shut", "not_asked",
]  # fmt: skip


class Questioned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one question. ``absent``: the platform does not know the attempt; ``closed``: it said so twice, far
    enough apart. ``no_answer``: no usable one. ``shut``: the destination takes no questions for now. ``not_asked``:
    the attempt is settled, or its INIT is still to leave. ``state``: the attempt's, afterwards. ``amount``: in đồng, of
    an answer that says paid."""

    attempt: str
    reference: str
    effect: Effect
    state: AttemptState
    alarm: str = ""
    code: str = ""
    reason: str = ""
    amount: int | None = None
    next_question_at: datetime | None = None


class _Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, understood: evidence, or that the platform does not know the attempt, or neither."""

    evidence: Evidence | None = None
    absent: bool = False
    code: str = ""
    reason: str = ""
    shut: bool = False


class Questions:
    """Questions to every payment platform. ``may_probe``: nobody else in this process tries whether one is back."""

    def __init__(
        self,
        database: Database,
        destinations: Mapping[str, Destination],
        clock: Callable[[], datetime],
        *,
        may_probe: Callable[[], bool],
    ) -> None:
        self._database = database
        self._clock = clock
        self._askers = {name: Asker(each, may_probe=may_probe) for name, each in destinations.items()}

    @property
    def destinations(self) -> list[str]:
        """Every payment platform."""
        return sorted(self._askers)

    def asker(self, destination: str) -> Asker:
        """Reads of ``destination`` (``payment``, ``bill``). NotFoundError: there is none of that name."""
        if destination not in self._askers:
            names = ", ".join(self.destinations) or "none"
            raise NotFoundError(f"there is no payment platform {destination!r}; there are: {names}")
        return self._askers[destination]

    def terms(self, destination: str) -> PaymentTerms:
        """The terms of ``destination``. NotFoundError: there is none of that name."""
        adapter = self.asker(destination).destination.adapter
        if not isinstance(adapter, CollectsPayments):
            raise NotFoundError(f"{destination} is no payment platform")
        return adapter.payment_terms

    async def ask(self, attempt: int, *, apply: bool = True) -> Questioned:
        """Ask about one attempt now, whatever its schedule says; ``apply`` False: look, change nothing.

        NotFoundError: no such attempt, or its destination is switched off.
        """
        found = await self._database.read(functools.partial(pending, attempt=attempt))
        if found is None:
            raise NotFoundError(f"there is no payment attempt {attempt}")
        return await self.ask_about(found, apply=apply)

    async def ask_about(self, item: Pending, *, apply: bool = True) -> Questioned:
        """Like ``ask``, about an attempt that has just been read."""
        terms = self.terms(item.destination)
        item = await self._caught_up(item, terms) if apply else item
        if item.state in SETTLED or not _has_left(item):
            return await self._not_asked(item, apply=apply)
        asked = await self.asker(item.destination).ask(READ, _parameters(item), item.dossier)
        now = self._clock()
        heard = _heard(item, asked, terms, now)
        done = await (self._conclude if apply else self._look)(item, heard, terms, now)
        PAYMENT_QUESTIONS.labels(item.destination, done.effect).inc()
        return done

    async def _caught_up(self, item: Pending, terms: PaymentTerms) -> Pending:
        """A created attempt whose INIT has ended, though nobody has heard of it yet: a worker that died tells nothing."""
        if item.state is not AttemptState.CREATED or item.delivery is None or not _has_left(item):
            return item
        delivery, now = item.delivery, to_micros(self._clock())
        first = {
            item.destination: int(terms.schedule[0] * SECOND) if terms.schedule else FIRST_QUESTION_MICROS
        }
        await self._database.write(
            lambda tx: payment_following.follow_init(tx, delivery, now, first_question=first)
        )
        found = await self._database.read(functools.partial(pending, attempt=item.id))
        return found or item

    async def _not_asked(self, item: Pending, *, apply: bool) -> Questioned:
        if apply and item.state not in SETTLED:
            later = to_micros(self._clock()) + FIRST_QUESTION_MICROS
            await self._database.write(lambda tx: postpone(tx, item.id, later))
        return _questioned(item, "not_asked", reason="settled" if item.state in SETTLED else "not sent yet")

    async def _conclude(self, item: Pending, heard: _Heard, terms: PaymentTerms, now: datetime) -> Questioned:
        if heard.shut:
            return _questioned(item, "shut", heard=heard)
        micros = to_micros(now)
        usable = heard.evidence is not None or heard.absent
        plan = functools.partial(next_question if usable else ask_again, terms, now=micros)
        outcome = Outcome(
            attempt=item.id,
            now=micros,
            plan=lambda state, since: plan(state=state, since=since),
            evidence=heard.evidence,
            absent=heard.absent,
            absent_after=round(terms.absent_after * SECOND),
            session=round(terms.session * SECOND),
        )
        done = await self._database.write(lambda tx: conclude(tx, outcome))
        return _concluded(item, heard, done)

    async def _look(self, item: Pending, heard: _Heard, terms: PaymentTerms, now: datetime) -> Questioned:
        """What the answer would do."""
        del terms, now
        if heard.evidence is None:
            return _questioned(item, _without_evidence(heard), heard=heard)
        given = functools.partial(known, attempt=item, transaction=heard.evidence.transaction)
        decision = decide(heard.evidence, await self._database.read(given))
        return _decided(item, heard, decision, item.state if decision.move is None else decision.move)


def _has_left(item: Pending) -> bool:
    """Whether the platform may have the attempt."""
    return item.delivery_state not in NOT_LEFT


def _parameters(item: Pending) -> dict[str, str]:
    return {"partner": item.partner, "reference": item.reference, "asked_at": item.asked_at}


def _heard(item: Pending, asked: Asked, terms: PaymentTerms, now: datetime) -> _Heard:
    match asked.told:
        case Unasked(code=code, reason=reason, shut=shut):
            return _Heard(code=code, reason=reason, shut=shut)
        case CannotRead(code=code, reason=reason):
            return _Heard(code=code, reason=reason, absent=code in terms.absent_codes)
        case Read(entries=entries):
            try:
                answer = msgspec.convert(entries[READ], PaymentAnswer)
            except (KeyError, msgspec.ValidationError):
                return _Heard(code="unreadable_answer", reason="the adapter's reading holds no payment")
            return _Heard(evidence=_evidence(item, answer, now, asked.message), code=answer.code)


def _evidence(item: Pending, answer: PaymentAnswer, now: datetime, message: int | None) -> Evidence:
    if answer.proof == "wrong":  # told, and compared all the same: whoever wants it refused sets response_mac
        log.warning("payment_answer_was_not_proved", destination=item.destination, reference=item.reference)
    if answer.claim == "unknown":
        log.warning(
            "payment_state_is_unknown",
            destination=item.destination,
            reference=item.reference,
            state=answer.state,
        )
    return Evidence(
        destination=item.destination,
        source="query",
        claim="pending" if answer.claim == "unknown" else answer.claim,
        partner=answer.partner,
        reference=answer.reference,
        amount=answer.amount,
        currency=answer.currency,
        transaction=answer.transaction,
        bank=answer.bank,
        at=now,
        claimed_at=answer.claimed_at,
        code=answer.code,
        message=message,
    )


def _without_evidence(heard: _Heard) -> Effect:
    if heard.shut:
        return "shut"
    return "absent" if heard.absent else "no_answer"


def _concluded(item: Pending, heard: _Heard, done: Concluded) -> Questioned:
    following = maybe_from_micros(done.next_question_at)
    if done.decision is not None:
        shown = _decided(item, heard, done.decision, done.state)
        return msgspec.structs.replace(shown, next_question_at=following)
    effect: Effect = "closed" if done.closed else _without_evidence(heard)
    shown = _questioned(item, effect, heard=heard)
    return msgspec.structs.replace(shown, state=done.state, next_question_at=following)


def _decided(item: Pending, heard: _Heard, decision: Decision, state: AttemptState) -> Questioned:
    paid = heard.evidence is not None and heard.evidence.claim == "paid"
    return Questioned(
        attempt=str(item.id),
        reference=item.reference,
        effect=decision.effect,
        state=state,
        alarm=decision.alarm,
        code=heard.code,
        amount=heard.evidence.amount if heard.evidence is not None and paid else None,
    )


def _questioned(
    item: Pending, effect: Effect, *, heard: _Heard | None = None, reason: str = ""
) -> Questioned:
    return Questioned(
        attempt=str(item.id),
        reference=item.reference,
        effect=effect,
        state=item.state,
        code="" if heard is None else heard.code,
        reason=reason if heard is None else heard.reason,
        next_question_at=maybe_from_micros(item.next_question_at),
    )
