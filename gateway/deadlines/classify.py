"""Early, on time, late: the class of one dossier against its promise (domain_rules §3.2, R16-R22, R25, R26).

Two answers, never one: by calendar date, which is the official figure, and by instant, for warnings. Invariant:
impossible data is DATA_ERROR and never silently on time; what the promise says is taken as it is, never recomputed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta, timezone
from enum import StrEnum
from typing import TypeAlias, assert_never

import msgspec

from gateway.domain.status import Status

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
_END_OF_DAY = time(23, 59, 59)


class Verdict(StrEnum):
    """Where a dossier stands (domain_rules §3.2, column "official class")."""

    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"
    IN_TIME = "in_time"
    OVERDUE = "overdue"
    PAUSED = "paused"
    PAUSED_LATE = "paused_late"
    NOT_COUNTED = "not_counted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DATA_ERROR = "data_error"


class Flag(StrEnum):
    """What a reader must know beside the class."""

    NO_DUE = "no_due"
    DUE_TODAY = "due_today"
    MIDNIGHT_DUE = "midnight_due"
    DATE_INSTANT_DIFFER = "date_instant_differ"
    WITHDRAWN_AFTER_DUE = "withdrawn_after_due"
    NO_END_TIME = "no_end_time"
    END_BEFORE_RECEPTION = "end_before_reception"
    DUE_BEFORE_RECEPTION = "due_before_reception"
    RECEPTION_IN_FUTURE = "reception_in_future"
    END_IN_FUTURE = "end_in_future"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the class follows from; aware instants. ``waiting_since``: when the present wait of 5, 6 or 8 began."""

    status: Status
    as_of: datetime
    received_at: datetime | None = None
    due_at: datetime | None = None
    finished_at: datetime | None = None
    waiting_since: datetime | None = None


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """The two answers, and what to know beside them."""

    by_date: Verdict
    by_instant: Verdict
    flags: frozenset[Flag] = frozenset()


_Pair: TypeAlias = tuple[Verdict, Verdict]
_BAD = frozenset({Verdict.LATE, Verdict.OVERDUE, Verdict.PAUSED_LATE})
_OUTSIDE = {
    Status.REGISTERED: Verdict.NOT_COUNTED,
    Status.REFUSED: Verdict.REFUSED,
    Status.WITHDRAWN: Verdict.WITHDRAWN,
}


def classify(facts: Facts) -> Classification:
    """The class of a dossier by the decision table of domain_rules §3.2; the first row that fits wins."""
    impossible = frozenset(_impossible(facts))
    if impossible:
        return Classification(
            by_date=Verdict.DATA_ERROR, by_instant=Verdict.DATA_ERROR, flags=impossible | _notes(facts)
        )
    by_date, by_instant = _verdicts(facts)
    disputed = by_date != by_instant and bool(_BAD & {by_date, by_instant})
    flags = _notes(facts) | ({Flag.DATE_INSTANT_DIFFER} if disputed else frozenset())
    return Classification(by_date=by_date, by_instant=by_instant, flags=flags)


def _verdicts(facts: Facts) -> _Pair:
    match facts.status:
        case Status.REGISTERED | Status.REFUSED | Status.WITHDRAWN:
            return _both(_OUTSIDE[facts.status])
        case Status.FINISHED | Status.RETURNED:
            return _finished(facts)
        case Status.SUPPLEMENT_REQUESTED | Status.PAYMENT_REQUESTED:
            return _waiting(facts)
        case Status.STOPPED:  # row 12: a stop with a time is an end, a stop without one is a wait
            return _waiting(facts) if facts.finished_at is None else _finished(facts)
        case Status.RECEIVED | Status.PROCESSING:
            return _pending(facts)
        case _:
            assert_never(facts.status)


def _finished(facts: Facts) -> _Pair:
    end, due = facts.finished_at, _promise(facts)
    if due is None or end is None:  # R20; a missing end of 9 and 10 was found impossible before
        return _both(Verdict.ON_TIME)
    return (
        _three_way((_day(end) > _day(due)) - (_day(end) < _day(due))),
        _three_way((end > due) - (end < due)),
    )


def _three_way(sign: int) -> Verdict:
    return {-1: Verdict.EARLY, 0: Verdict.ON_TIME, 1: Verdict.LATE}[sign]


def _waiting(facts: Facts) -> _Pair:
    """Rows 10 and 11: a wait never cures lateness that was there when it began."""
    since, due = facts.waiting_since, _promise(facts)
    if since is None or due is None:
        return _both(Verdict.PAUSED)
    return (
        Verdict.PAUSED_LATE if _day(since) > _day(due) else Verdict.PAUSED,
        Verdict.PAUSED_LATE if since > due else Verdict.PAUSED,
    )


def _pending(facts: Facts) -> _Pair:
    due = _promise(facts)
    if due is None:
        return _both(Verdict.IN_TIME)
    return (
        Verdict.OVERDUE if _day(facts.as_of) > _day(due) else Verdict.IN_TIME,
        Verdict.OVERDUE if facts.as_of > due else Verdict.IN_TIME,
    )


def _both(verdict: Verdict) -> _Pair:
    return verdict, verdict


def _impossible(facts: Facts) -> Iterator[Flag]:
    """Rows 1 and 5 (R26). A missing end is told only where the state says that there must be one."""
    received, due, end = facts.received_at, facts.due_at, facts.finished_at
    if received is not None and received > facts.as_of:
        yield Flag.RECEPTION_IN_FUTURE
    if end is not None and end > facts.as_of:
        yield Flag.END_IN_FUTURE
    if received is not None and end is not None and end < received:
        yield Flag.END_BEFORE_RECEPTION
    # by date: an appointment of the reception day at 00:00 means that whole day (R25)
    if received is not None and due is not None and _day(due) < _day(received):
        yield Flag.DUE_BEFORE_RECEPTION
    if facts.status in {Status.FINISHED, Status.RETURNED} and end is None:
        yield Flag.NO_END_TIME


def _notes(facts: Facts) -> frozenset[Flag]:
    due, status = _promise(facts), facts.status
    notes = {
        Flag.NO_DUE: due is None and status in _NEEDS_DUE,
        Flag.MIDNIGHT_DUE: due is not None and due != facts.due_at,
        Flag.DUE_TODAY: due is not None and status in _PENDING and _day(due) == _day(facts.as_of),
        Flag.WITHDRAWN_AFTER_DUE: status is Status.WITHDRAWN
        and due is not None
        and _day(facts.finished_at or facts.as_of) > _day(due),
    }
    return frozenset(flag for flag, holds in notes.items() if holds)


_PENDING = frozenset({Status.RECEIVED, Status.PROCESSING})
_NEEDS_DUE = _PENDING | {Status.FINISHED, Status.RETURNED, Status.STOPPED}


def _promise(facts: Facts) -> datetime | None:
    """R25: a promise at 00:00:00 means that day, so it ends when the day ends."""
    if facts.due_at is None:
        return None
    local = facts.due_at.astimezone(VIETNAM)
    return facts.due_at if local.time() != time() else datetime.combine(local, _END_OF_DAY, VIETNAM)


def _day(instant: datetime) -> int:
    return instant.astimezone(VIETNAM).toordinal()
