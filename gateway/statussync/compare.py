"""What the partner has of a dossier against what it must have: the classes of drift, each with what would repair it.

Pure. Invariants: what is still on its way in the lane is no difference, in either direction; a repair names only
deliveries that the partner has acknowledged before (or everything, of what it was never told); what was not looked at is never said to be in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

import msgspec

from gateway.domain.status import Status, judge_move
from gateway.domain.violation import shown
from gateway.port import Expected, NoRecord, PartnerRecord, RecordStep


class DriftKind(StrEnum):
    """How two records of one dossier can differ."""

    MISSING_THERE = "MISSING_THERE"
    UNKNOWN_HERE = "UNKNOWN_HERE"
    STATUS_DIFFERS = "STATUS_DIFFERS"
    DUE_DIFFERS = "DUE_DIFFERS"
    END_MISSING = "END_MISSING"
    STEPS_MISSING = "STEPS_MISSING"
    STEPS_OUT_OF_ORDER = "STEPS_OUT_OF_ORDER"
    FIELDS_DIFFER = "FIELDS_DIFFER"


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """Send these deliveries again, in this order. ``backwards``: the partner's status would move backwards."""

    deliveries: tuple[int, ...]
    backwards: bool = False


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. ``field``: which field (a JSON pointer) or step (its key), empty for the dossier as a whole.

    ``repair`` None: sending again cannot mend it, so a person must decide.
    """

    kind: DriftKind
    field: str = ""
    ours: str | None = None
    theirs: str | None = None
    repair: Repair | None = None


class Underway(msgspec.Struct, frozen=True, kw_only=True):
    """What the lane has not settled as delivered. ``snapshot``: one is open, and will replace what the partner has.

    ``steps``: keys of steps that may or may not be there: open ones, and those that a person has skipped.
    ``instead``: what skipped snapshots say, newer than what was delivered; the partner may have that as well.
    """

    snapshot: bool = False
    steps: frozenset[str] = frozenset()
    instead: tuple[PartnerRecord, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """``differences``, and the kinds and step keys about which nothing can be said now."""

    differences: tuple[Difference, ...] = ()
    unjudged: frozenset[DriftKind] = frozenset()
    unjudged_fields: frozenset[str] = frozenset()

    def judged(self, kind: DriftKind, field: str) -> bool:
        """Whether a difference of this kind would have been seen."""
        return kind not in self.unjudged and field not in self.unjudged_fields


NOTHING_UNDERWAY = Underway()
END = "/finished_at"
STEPS = "/steps"
LANE = "/lane"
_ALL = frozenset(DriftKind)
_BY_SNAPSHOT = _ALL - {DriftKind.UNKNOWN_HERE, DriftKind.STEPS_MISSING, DriftKind.STEPS_OUT_OF_ORDER}
_PRESENCE = frozenset({DriftKind.MISSING_THERE})
# What may be shown as it is: codes and dates. Everything else may name a person or quote one.
_OPEN_PLACES = (
    *("/procedure/", "/channel", "/origin", "/agency/", "/received_at", "/submitted_at", "/returned_at"),
    *("/refused_at", "/finished_at", "/return_method"),
)
_RANK = {
    Status.REGISTERED: 0,
    Status.RECEIVED: 1,
    Status.PROCESSING: 2,
    Status.SUPPLEMENT_REQUESTED: 2,
    Status.PAYMENT_REQUESTED: 2,
    Status.STOPPED: 2,
    Status.FINISHED: 3,
    Status.REFUSED: 4,
    Status.WITHDRAWN: 4,
    Status.RETURNED: 4,
}
_TERMINAL = 4


def compare(expected: Expected, found: PartnerRecord | NoRecord, underway: Underway) -> Comparison:
    """Every difference between what the partner has and what it must have."""
    if isinstance(found, NoRecord):
        return _missing(expected, underway)
    if not found.detail:
        return Comparison(unjudged=_ALL - _PRESENCE)
    differences: list[Difference] = []
    unjudged: frozenset[DriftKind] = frozenset()
    if underway.snapshot:
        unjudged |= _BY_SNAPSHOT - {DriftKind.MISSING_THERE}
    elif not any(_alike(each, found) for each in underway.instead):
        differences += _snapshot_differences(expected, found)
    if expected.record.steps is None or found.steps is None:
        unjudged |= {DriftKind.STEPS_MISSING, DriftKind.STEPS_OUT_OF_ORDER}
    else:
        differences += _step_differences(expected, found.steps, underway)
    return Comparison(
        differences=tuple(differences), unjudged=unjudged, unjudged_fields=frozenset(underway.steps)
    )


def unknown_here(found: PartnerRecord | NoRecord) -> Comparison:
    """A dossier that we have never told the partner about."""
    if isinstance(found, NoRecord):
        return Comparison()
    theirs = str(found.status) if found.status is not None else None
    return Comparison(
        differences=(Difference(kind=DriftKind.UNKNOWN_HERE, theirs=theirs),),
        unjudged=_ALL - {DriftKind.UNKNOWN_HERE},
    )


def never_told(found: PartnerRecord | NoRecord, ours: Status, *, sound: bool) -> Comparison:
    """A dossier that the partner is to know and that nothing was ever planned for. ``sound``: it would take it."""
    if not isinstance(found, NoRecord):
        return unknown_here(found)
    repair = Repair(deliveries=()) if sound else None
    missing = Difference(kind=DriftKind.MISSING_THERE, field=LANE, ours=str(ours), repair=repair)
    return Comparison(differences=(missing,), unjudged=_ALL - _PRESENCE - {DriftKind.UNKNOWN_HERE})


def moves_backwards(theirs: Status | None, ours: Status | None) -> bool:
    """Whether telling the partner ``ours`` would take back what it already has (domain_rules §4.3)."""
    if theirs is None or ours is None or theirs is ours or judge_move(theirs, ours) == "allowed":
        return False
    return _RANK[ours] < _RANK[theirs] or _RANK[theirs] == _TERMINAL


def _missing(expected: Expected, underway: Underway) -> Comparison:
    if underway.snapshot:
        return Comparison(unjudged=_ALL)
    repair = Repair(deliveries=expected.order) if expected.whole else None
    ours = str(expected.record.status) if expected.record.status is not None else None
    missing = Difference(kind=DriftKind.MISSING_THERE, ours=ours, repair=repair)
    return Comparison(differences=(missing,), unjudged=_ALL - _PRESENCE)


def _alike(one: PartnerRecord, found: PartnerRecord) -> bool:
    """Whether ``found`` is what a snapshot says."""
    return (one.status, one.due_at, one.finished_at) == (
        found.status,
        found.due_at,
        found.finished_at,
    ) and all(found.fields.get(place, "") == value for place, value in one.fields.items())


def _snapshot_differences(expected: Expected, found: PartnerRecord) -> Iterator[Difference]:
    """What sending the snapshot again would mend."""
    ours = expected.record
    repair = Repair(deliveries=expected.snapshots, backwards=moves_backwards(found.status, ours.status))
    if ours.status is not None and ours.status is not found.status:
        yield Difference(
            kind=DriftKind.STATUS_DIFFERS,
            field="/status",
            ours=str(ours.status),
            theirs=None if found.status is None else str(found.status),
            repair=repair,
        )
    if not expected.whole:
        return
    for kind, place, one, other in (
        (DriftKind.DUE_DIFFERS, "/due_at", ours.due_at, found.due_at),
        (_end_kind(ours, found), END, ours.finished_at, found.finished_at),
    ):
        if one != other:
            yield Difference(
                kind=kind, field=place, ours=_instant(one), theirs=_instant(other), repair=repair
            )
    if ours.fields == found.fields:  # said at once by a record that reads its fields when they are looked at
        return
    for place, value in ours.fields.items():
        kept = found.fields.get(place, "")
        if kept != value:
            yield Difference(
                kind=DriftKind.FIELDS_DIFFER,
                field=place,
                ours=_told(place, value),
                theirs=_told(place, kept),
                repair=repair,
            )


def _end_kind(ours: PartnerRecord, found: PartnerRecord) -> DriftKind:
    missing = ours.finished_at is not None and found.finished_at is None
    return DriftKind.END_MISSING if missing else DriftKind.FIELDS_DIFFER


def _step_differences(
    expected: Expected, there: Sequence[RecordStep], underway: Underway
) -> Iterator[Difference]:
    steps = expected.record.steps or ()
    known = {each.key for each in there}
    end = next((each for status in expected.ends for each in reversed(steps) if each.status is status), None)
    for each in steps:
        if each.key not in known and each.key not in underway.steps:  # being told again, perhaps
            yield Difference(
                kind=DriftKind.END_MISSING if each is end else DriftKind.STEPS_MISSING,
                field=each.key,
                ours=_step(each),
                repair=Repair(deliveries=(expected.steps[each.key],)),
            )
    if expected.ends and end is None and not _end_underway(expected, there, underway):
        yield Difference(kind=DriftKind.END_MISSING, field=STEPS, ours=str(expected.record.status))
    for each in there:
        if each.key not in expected.steps and each.key not in underway.steps:
            yield Difference(kind=DriftKind.UNKNOWN_HERE, field=each.key, theirs=_step(each))
    yield from _disorder(expected, there)


def _end_underway(expected: Expected, there: Sequence[RecordStep], underway: Underway) -> bool:
    """Whether an end is there that is not ours, or may be on its way."""
    return bool(underway.steps) or any(each.status in expected.ends for each in there)


def _disorder(expected: Expected, there: Sequence[RecordStep]) -> Iterator[Difference]:
    """Steps that stand neither in order of time nor in the order in which we have told them: a late one is told late."""
    shared = [each for each in there if each.key in expected.steps]
    timely = all(one.at is None or other.at is None or one.at <= other.at for one, other in pairwise(shared))
    as_told = all(expected.steps[one.key] <= expected.steps[other.key] for one, other in pairwise(shared))
    if timely or as_told:
        return
    by_time = sorted(shared, key=lambda each: each.at.timestamp() if each.at is not None else 0.0)
    yield Difference(
        kind=DriftKind.STEPS_OUT_OF_ORDER, field=STEPS, ours=_sequence(by_time), theirs=_sequence(shared)
    )


def _sequence(steps: Sequence[RecordStep]) -> str:
    return shown(" ".join("?" if each.status is None else str(each.status.national) for each in steps))


def _step(step: RecordStep) -> str:
    return f"{step.status or '?'} {_instant(step.at) or '?'}"


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


def _told(place: str, value: str) -> str:
    """``value`` as it may stand in a list: codes and dates as they are, of a text only that it is another."""
    if not value or place.startswith(_OPEN_PLACES):
        return shown(value)
    digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{value[:1]}… ({len(value)}, {digest})"
