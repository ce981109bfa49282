"""One look at one dossier: what was told, what the partner shows, how they differ.

Invariant: a look that says nothing (nothing was told, too fresh, moved meanwhile, not answered) says so and leaves every
difference that is on record as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.domain.status import Status
from gateway.port import Agreed, Expected, NoRecord, OperationKind, PartnerRecord
from gateway.statussync.compare import (
    NOTHING_UNDERWAY,
    Comparison,
    Difference,
    Underway,
    compare,
    never_told,
    unknown_here,
)
from gateway.statussync.drift_asking import Inquiry, RecordAnswer
from gateway.storage.drift import Findings, Found, RepairPart, RepairPlan
from gateway.storage.drift_lanes import LaneFile, LaneOutline
from gateway.storage.intake import LanePlan
from gateway.wire.asking import Unasked

_dossiers = msgspec.json.Decoder(Dossier)
Ask: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[RecordAnswer]]
"""Asks the partner about a dossier, with the lane's memory."""


class Silence(StrEnum):
    """Why a look said nothing.

    nothing_told    the partner has acknowledged nothing of this dossier, or the dossier has no lane
    too_fresh       it has acknowledged something a moment ago, which its record may not show yet
    moved           something was settled or planned while it was asked
    unread          it did not give a usable answer about this dossier, though it does about others
    cannot_compare  what was told can no longer be encoded
    not_for_them    nothing was planned for the partner, which is not to be told about this dossier
    """

    NOTHING_TOLD = "nothing_told"
    TOO_FRESH = "too_fresh"
    MOVED = "moved"
    UNREAD = "unread"
    CANNOT_COMPARE = "cannot_compare"
    NOT_FOR_THEM = "not_for_them"


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """A look that said nothing."""

    dossier: str
    why: Silence
    reason: str = ""


class Untold(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier of ours that the partner is to know and nothing was ever planned for, and what would be planned."""

    version: int
    plan: LanePlan


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A look that said something. ``file`` and ``expected`` None: a dossier that we have never told the partner about;
    ``untold`` None then: one that we know nothing of."""

    dossier: str
    answer: PartnerRecord | NoRecord
    comparison: Comparison
    file: LaneFile | None = None
    expected: Expected | None = None
    untold: Untold | None = None


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A look that saw what was in step before, with nothing changed since on either side."""

    dossier: str
    lane: LaneOutline


Compared: TypeAlias = Seen | Silent
Look: TypeAlias = Compared | Remembered


async def look_again(
    inquiry: Inquiry, lane: LaneOutline, ask: Ask, load: Callable[[], Awaitable[LaneFile]]
) -> Look:
    """Ask first: if the partner shows what was in step with ``lane`` before, nothing else is done. If not, compare it
    with what ``load`` gives."""
    answer = await ask(lane.dossier, lane.memory)
    if isinstance(answer, Agreed):
        return Remembered(dossier=lane.dossier, lane=lane)

    async def in_hand(_dossier: str, _memory: Mapping[str, str]) -> RecordAnswer:
        return answer

    return await look(inquiry, await load(), in_hand)


async def look(inquiry: Inquiry, file: LaneFile, ask: Ask) -> Compared:
    """Compare what the lane ``file`` has told with what the partner shows now."""
    try:
        expected = await inquiry.expected(file.delivered, file.memory)
    except CannotEncode as fault:
        reason = inquiry.destination.shown(str(fault))[:500]
        return Silent(dossier=file.dossier, why=Silence.CANNOT_COMPARE, reason=reason)
    if expected is None:
        return Silent(dossier=file.dossier, why=Silence.NOTHING_TOLD)
    answer = await ask(file.dossier, file.memory)
    if isinstance(answer, Unasked):
        reason = f"{answer.code}: {answer.reason}"
        return Silent(dossier=file.dossier, why=Silence.UNREAD, reason=reason)
    underway = await _underway(inquiry, file)
    return Seen(
        dossier=file.dossier,
        answer=answer,
        comparison=compare(expected, answer, underway),
        file=file,
        expected=expected,
    )


async def look_for_unknown(dossier: str, ask: Ask) -> Compared:
    """Ask about a dossier that has no lane: does the partner have what we have not?"""
    answer = await ask(dossier, {"partner_code": dossier})
    if isinstance(answer, Unasked):
        return Silent(dossier=dossier, why=Silence.UNREAD, reason=f"{answer.code}: {answer.reason}")
    return Seen(dossier=dossier, answer=answer, comparison=unknown_here(answer))


async def look_for_untold(inquiry: Inquiry, record: bytes, ask: Ask) -> Compared:
    """Ask about a dossier of ours that has no lane, if the partner is to know it: does it, all the same?"""
    dossier = _dossiers.decode(record)
    adapter = inquiry.destination.adapter
    if not adapter.wants(dossier):
        return Silent(dossier=dossier.code, why=Silence.NOT_FOR_THEM)
    plan = inquiry.plan(dossier)
    answer = await ask(dossier.code, {"partner_code": next(iter(plan.partner_codes), dossier.code)})
    if isinstance(answer, Unasked):
        return Silent(dossier=dossier.code, why=Silence.UNREAD, reason=f"{answer.code}: {answer.reason}")
    sound = not adapter.check(dossier, inquiry.destination.catalogues)
    return Seen(
        dossier=dossier.code,
        answer=answer,
        comparison=never_told(answer, Status(dossier.status), sound=sound),
        untold=Untold(version=dossier.version, plan=plan),
    )


def findings(seen: Seen, *, destination: str, run: int, now: int) -> Findings:
    """What a look showed, as it is written down."""
    told = {each.id: each for each in ([] if seen.file is None else seen.file.delivered)}
    return Findings(
        run=run,
        destination=destination,
        dossier=seen.dossier,
        now=now,
        found=tuple(_found(each, told, seen.untold) for each in seen.comparison.differences),
        unjudged_kinds=frozenset(map(str, seen.comparison.unjudged)),
        unjudged_fields=seen.comparison.unjudged_fields,
    )


def snapshot_operations(inquiry: Inquiry) -> frozenset[str]:
    """Operations of the partner that tell a dossier as it stands."""
    operations = inquiry.destination.adapter.manifest.operations
    return frozenset(each.name for each in operations if each.kind is OperationKind.SNAPSHOT)


def _found(difference: Difference, told: Mapping[int, Delivery], untold: Untold | None) -> Found:
    repair = difference.repair
    plan = None
    if repair is not None and untold is not None:
        parts = [
            RepairPart(delivery="", operation=each.operation, key=each.key) for each in untold.plan.deliveries
        ]
        plan = RepairPlan(deliveries=parts)
    elif repair is not None:
        parts = [
            RepairPart(delivery=str(each), operation=told[each].operation, key=told[each].key)
            for each in repair.deliveries
        ]
        plan = RepairPlan(deliveries=parts, backwards=repair.backwards)
    return Found(
        kind=str(difference.kind),
        field=difference.field,
        ours=difference.ours,
        theirs=difference.theirs,
        repair=plan,
    )


async def _underway(inquiry: Inquiry, file: LaneFile) -> Underway:
    if not file.open and not file.skipped:
        return NOTHING_UNDERWAY
    snapshots = snapshot_operations(inquiry)
    steps: set[str] = set()
    instead: list[PartnerRecord] = []
    for delivery in (*file.open, *file.skipped):
        if delivery.operation in snapshots and delivery.id in {each.id for each in file.open}:
            continue
        try:
            said = await inquiry.expected([delivery], file.memory)
        except CannotEncode:
            continue  # what cannot be encoded is not there, and nobody knows its key
        if said is not None and delivery.operation in snapshots:
            instead.append(said.record)
        elif said is not None:
            steps |= said.steps.keys()
    return Underway(
        snapshot=any(each.operation in snapshots for each in file.open),
        steps=frozenset(steps),
        instead=tuple(instead),
    )
