"""After a lost answer: what a look-up proves about deliveries in doubt (national_portal §4.3, U15).

Where the portal only shows that a dossier is there, that proves nothing about a second snapshot or a step. Invariant:
Accepted only for what stands in the portal's own record; Deferred only for what surely does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from adapters.national_portal.manifest import DOSSIER
from adapters.national_portal.outcomes import Meaning, accepted
from adapters.national_portal.settings import Settings
from gateway.codec import Json
from gateway.domain.delivery import Delivery
from gateway.domain.errors import CannotEncode
from gateway.domain.outcome import Deferred, InDoubt, Outcome
from mappings.national_portal import lookup
from mappings.national_portal.reads import LOOKUP, entries
from mappings.national_portal.responses import Verdict

Item: TypeAlias = Mapping[str, Any]
Rebuild: TypeAlias = Callable[[Delivery], dict[str, Any]]


def settle(
    meaning: Meaning, result: Json, deliveries: Sequence[Delivery], settings: Settings, rebuild: Rebuild
) -> list[Outcome]:
    """What the answer to a look-up means for each of ``deliveries``; ``rebuild`` gives what was sent for one."""
    match meaning.verdict:
        case Verdict.NOT_FOUND:
            return _absent(meaning, deliveries)
        case Verdict.OK:
            found = entries(LOOKUP, result, settings.province_code) if result is not None else None
        case _:
            found = None
    if found is None:
        # The question itself went wrong; that says nothing about what was sent.
        outcome: Outcome = InDoubt(
            code=meaning.row.name,
            reason=f"the portal could not be asked; {meaning.reason}",
            ask_again=True,
            renew=meaning.renew() if meaning.verdict in {Verdict.SESSION, Verdict.TOKEN} else (),
        )
        return [outcome] * len(deliveries)
    if not found:
        return _absent(meaning, deliveries)
    if settings.lookup_detail == "presence":
        return _present(deliveries, settings)
    code = meaning.memory.get("partner_code") or deliveries[0].dossier
    return _compared(lookup.stored(found.values(), code), deliveries, meaning, rebuild)


def _absent(meaning: Meaning, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """The dossier is not there, so neither is anything about it."""
    learned = {"exists": "no"}
    if deliveries[0].operation == DOSSIER:
        outcome = Deferred(
            code="absent", reason="the portal has no such dossier", retry_after=0, learned=learned
        )
    else:
        outcome = Deferred(
            code="dossier_unknown",
            reason=f"the portal has no such dossier; {meaning.reason}",
            learned=learned,
        )
    return [outcome] * len(deliveries)


def _present(deliveries: Sequence[Delivery], settings: Settings) -> list[Outcome]:
    is_step = deliveries[0].operation != DOSSIER
    if is_step and settings.steps_repeatable:
        again = Deferred(code="maybe_absent", reason="a step may be sent twice at this portal", retry_after=0)
        return [again] * len(deliveries)
    doubt = InDoubt(
        code="cannot_tell",
        reason="the dossier is there; the look-up does not show what of it",
        learned={"exists": "yes"},
    )
    return [doubt] * len(deliveries)


def _compared(
    kept: Item | None, deliveries: Sequence[Delivery], meaning: Meaning, rebuild: Rebuild
) -> list[Outcome]:
    if kept is None:
        doubt = InDoubt(code="cannot_tell", reason="the look-up shows no record of this dossier number")
        return [doubt] * len(deliveries)
    try:
        sent = [rebuild(delivery) for delivery in deliveries]
    except CannotEncode as fault:
        return [InDoubt(code="cannot_compare", reason=str(fault)[:500])] * len(deliveries)
    if deliveries[0].operation == DOSSIER:
        return _dossier(kept, sent, meaning)
    return _steps(kept, sent, meaning)


def _dossier(kept: Item, sent: list[dict[str, Any]], meaning: Meaning) -> list[Outcome]:
    # A later snapshot replaces an earlier one, so only the last of a batch can and must be seen.
    if lookup.same_dossier(sent[-1], kept):
        there: Outcome = accepted(meaning.memory, "found at the portal", dossier=True)
        return [there] * len(sent)
    again = Deferred(
        code="absent",
        reason="the portal has an older state of the dossier",
        retry_after=0,
        learned={"exists": "yes"},
    )
    return [again] * len(sent)


def _steps(kept: Item, sent: list[dict[str, Any]], meaning: Meaning) -> list[Outcome]:
    known = lookup.step_keys(kept)
    if known is None:
        return [InDoubt(code="cannot_tell", reason="the look-up shows no steps")] * len(sent)
    here = [lookup.step_key(item) in known for item in sent]
    # While steps of a refused batch are missing, the lane goes on singly.
    single = {"batch": "1"} if meaning.memory.get("batch") == "1" and not all(here) else {}
    there = accepted({} if single else meaning.memory, "found at the portal", dossier=False)
    absent = Deferred(
        code="absent", reason="the portal does not have this step", retry_after=0, learned=single
    )
    return [there if is_here else absent for is_here in here]
