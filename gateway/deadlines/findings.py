"""What does not fit in a dossier's history: rewritten times, jumps, notices that came late (§4.3, §4.4, R12).

Invariant: a finding changes no result; it is recorded with the first and the later value and stays as a flag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.classes import OF_HISTORY, Flag
from gateway.deadlines.instants import day_of, from_micros, to_micros
from gateway.deadlines.judge import promise_of
from gateway.deadlines.policy import Policy
from gateway.deadlines.promises import Promises
from gateway.deadlines.standing import Anomaly, Standing
from gateway.deadlines.timeline import CAN_END, FINISHED, Event, runs_of
from gateway.domain.dossier import Channel
from gateway.domain.status import Status, judge_move

_RUNNING = frozenset({Status.RECEIVED, Status.PROCESSING})
_RECALLS = frozenset(
    {
        (Status.FINISHED, Status.PROCESSING),
        (Status.RETURNED, Status.PROCESSING),
        (Status.RETURNED, Status.FINISHED),
    }
)
# what a change of the promise shows besides (R5): notes, not anomalies
_NOTES = frozenset({Flag.REAPPOINTED, Flag.DUE_AFTER_LEGAL_DAY, Flag.CALENDAR_GAP})


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a finding can rest on. ``ended_at``: the end that is kept; ``same_end``: known before.

    ``start``: before it nobody had to synchronise anything.
    """

    before: Standing | None
    account: Account
    events: Sequence[Event]
    promises: Promises
    ended_at: datetime | None
    same_end: bool
    heard_at: datetime
    calendar: Calendar
    policy: Policy
    start: datetime | None = None


def findings(told: Told) -> Iterator[Anomaly]:
    """Everything that does not fit, each with a key that stays the same however often it is shown."""
    yield from _rewritten(told)
    yield from _filing(told)
    yield from _end(told)
    yield from _rounds(told)
    yield from _moves(told)
    yield from _due_changes(told)


def lasting(told: Told, found: Sequence[Anomaly]) -> frozenset[Flag]:
    """The flags that stay with the dossier from now on."""
    kept = set() if told.before is None else set(told.before.flags & OF_HISTORY)
    kept |= {anomaly.kind for anomaly in found} | (told.promises.flags & OF_HISTORY)
    if told.account.due_at == told.promises.held:
        kept.discard(Flag.SILENT_DUE_CHANGE)  # F04: a paper has arrived, or the old promise has come back
    if not told.same_end:
        kept -= {Flag.SYNC_LATE, Flag.BEFORE_START}
        if _told_after_due(told):
            kept.add(Flag.BEFORE_START if _before_start(told) else Flag.SYNC_LATE)
    return frozenset(kept)


def _told_after_due(told: Told) -> bool:
    """R27: ended on time, but heard of after the day of the promise."""
    end, held = told.ended_at, told.promises.held
    if end is None or held is None or told.account.status not in FINISHED:
        return False
    return day_of(end) <= day_of(held) < day_of(told.heard_at)


def _before_start(told: Told) -> bool:
    """Whether its end and its promise were over when the gateway first ran: an initial load is nobody's lag."""
    end, held, start = told.ended_at, told.promises.held, told.start
    return end is not None and held is not None and start is not None and day_of(held) < day_of(start)


def _rewritten(told: Told) -> Iterator[Anomaly]:
    """§4.4: the first value of each time field is kept."""
    before, account = told.before, told.account
    if before is None:
        return
    pairs = [
        (Flag.SUBMISSION_REWRITTEN, "submitted_at", before.submitted_at, account.submitted_at),
        (Flag.RECEPTION_REWRITTEN, "received_at", before.received_at, account.received_at),
    ]
    if told.same_end:
        pairs.append((Flag.END_TIME_REWRITTEN, "finished_at", before.ended_at, account.finished_at))  # F06
    for kind, field, first, later in pairs:
        if first is not None and later is not None and first != later:
            yield _anomaly(kind, field, first, later)


def _filing(told: Told) -> Iterator[Anomaly]:
    """§4.4(4): filed online at the very instant of the reception hides how long the reception took."""
    submitted, received = told.account.submitted_at, told.account.received_at
    if told.account.channel is Channel.ONLINE and submitted is not None and submitted == received:
        yield _anomaly(Flag.SUBMIT_EQUALS_RECEIVE, "submitted_at", submitted, received)


def _end(told: Told) -> Iterator[Anomaly]:
    end = told.ended_at
    if end is None or told.same_end:
        return
    worked = _last_seen_in_work(told)
    held = told.promises.held
    if worked is not None and worked > end:
        if held is not None and end == held and to_micros(worked) > promise_of(to_micros(held)):
            yield _anomaly(Flag.END_EQUALS_DUE, "finished_at", worked, end)
        elif day_of(worked) > day_of(end):
            yield _anomaly(Flag.END_BACKDATED, "finished_at", worked, end)
    step = next((step.at for step in told.account.steps if step.status is Status.FINISHED), None)
    once = sum(event.status is Status.FINISHED for event in runs_of(told.events)) == 1
    if step is not None and once and told.account.status in FINISHED and day_of(step) != day_of(end):
        yield _anomaly(Flag.END_DIFFERS_FROM_STEP, "finished_at", step, end)


def _last_seen_in_work(told: Told) -> datetime | None:
    """The last instant at which it was surely still in work: by its steps, or because a version said so."""
    seen = [event.at for event in told.events if event.status in _RUNNING]
    if told.before is not None and told.before.status in _RUNNING:
        seen.append(told.before.recorded_at)
    return max(seen, default=None)


def _rounds(told: Told) -> Iterator[Anomaly]:
    """R12: one request after the reception, and within three working days of it."""
    received = told.account.received_at if told.before is None else told.before.received_at
    received = received or told.account.received_at
    if received is None:
        return
    asked = sorted(at for at in _requests(told) if at >= received)
    for at in asked[1:]:
        yield _anomaly(Flag.SUPPLEMENT_TWICE, "supplements", asked[0], at)  # E07
    try:
        last = told.calendar.add_working_days(day_of(received), told.policy.notice_working_days)
    except CalendarGap:
        return
    for at in asked:
        if day_of(at) > last:
            yield _anomaly(Flag.SUPPLEMENT_NOTICE_LATE, "supplements", received, at)  # E03


def _requests(told: Told) -> set[datetime]:
    """When supplements were asked for: by the rounds where there are any, else by the steps."""
    rounds = {item.requested_at for item in told.account.supplements}
    return rounds or {
        event.at for event in runs_of(told.events) if event.status is Status.SUPPLEMENT_REQUESTED
    }


def _moves(told: Told) -> Iterator[Anomaly]:
    """§4.3: what cannot follow, and what needs a reason."""
    runs = list(runs_of(told.events))
    first = [(None, runs[0])] if told.before is None and runs else []
    for status, event in [*first, *((one.status, other) for one, other in pairwise(runs))]:
        kind = _kind_of_move(status, event.status)
        if kind is not None:
            yield Anomaly(
                key=f"{kind}:{status}:{event.status}:{to_micros(event.at)}",
                kind=kind,
                field="status",
                first_value=status,
                later_value=event.status,
            )


def _kind_of_move(before: Status | None, after: Status) -> Flag | None:
    match judge_move(before, after):
        case "impossible":
            return Flag.STATE_JUMP
        case "flagged" if before is not None and (before, after) in _RECALLS:
            return Flag.RECALLED
        case "flagged" if before is not None and before in CAN_END and after in _RUNNING:
            return Flag.RECALLED
        case "flagged":
            return Flag.STATE_NEEDS_REASON
        case _:
            return None


def _due_changes(told: Told) -> Iterator[Anomaly]:
    for change in told.promises.changes:
        for flag in sorted(change.flags - _NOTES):
            yield Anomaly(
                key=f"{flag}:{change.key}",
                kind=flag,
                field="due_at",
                first_value=_written(change.old_due_at),
                later_value=_written(change.new_due_at),
            )


def _anomaly(kind: Flag, field: str, first: datetime, later: datetime | None) -> Anomaly:
    key = f"{kind}:{to_micros(first)}:{'' if later is None else to_micros(later)}"
    return Anomaly(key=key, kind=kind, field=field, first_value=_written(first), later_value=_written(later))


def _written(instant: datetime | None) -> str | None:
    return None if instant is None else from_micros(to_micros(instant)).isoformat()
