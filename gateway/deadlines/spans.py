"""Events as spans of one state: from when to when, in which room, waiting since when, ended when.

Invariant: spans follow each other without a gap, none is empty, and the last one is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from gateway.deadlines.timeline import CAN_END, WAITING, Event
from gateway.domain.status import Status


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One state from ``start`` to ``end`` (None: still). ``due_at``: the promise that held meanwhile."""

    start: datetime
    end: datetime | None
    status: Status
    unit: str | None = None
    officer: str | None = None
    waiting_since: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None


def spans_of(
    events: Sequence[Event], ended_at: datetime | None, waiting_since: datetime | None = None
) -> list[Span]:
    """The spans of ``events``. ``ended_at``: the end of the last attempt; ``waiting_since``: of the first event's wait.

    A dossier that was taken up again has an earlier end, too: when the step before the recall said so (§4.3).
    """
    runs = list(_runs(events))
    last = last_attempt([run.status for run in runs])
    spans: list[Span] = []
    since = waiting_since
    for index, run in enumerate(runs):
        end = (ended_at if index >= last else _earlier_end(runs, index)) if run.status in CAN_END else None
        waits = run.status in WAITING and end is None
        since = (since or run.start) if waits else None
        # what is finished at 16:00 is not finished at 15:59, whatever the clock of the step says
        start = max(run.start, end) if end is not None and index == last else run.start
        start = max(start, spans[-1].start) if spans else start
        spans.append(msgspec.structs.replace(run, start=start, waiting_since=since, ended_at=end))
    return _without_gaps(spans)


def last_attempt(statuses: Sequence[Status]) -> int:
    """Index of the first of those states at the end that can be one; the length when the last one cannot."""
    index = len(statuses)
    while index and statuses[index - 1] in CAN_END:
        index -= 1
    return index


def split(spans: Iterable[Span], promised: Sequence[tuple[datetime, datetime | None]]) -> Iterator[Span]:
    """``spans`` with the promise of their time, parted where it changed. ``promised``: in the order of time."""
    for span in spans:
        due, start = None, span.start
        for at, promise in promised:
            if at <= start:  # of two changes at one instant the later one holds
                due = promise
            elif span.end is None or at < span.end:
                yield msgspec.structs.replace(span, start=start, end=at, due_at=due)
                due, start = promise, at
        yield msgspec.structs.replace(span, start=start, due_at=due)


def _runs(events: Iterable[Event]) -> Iterator[Span]:
    """One open span a run of one state; the room is that of the last event that names one."""
    run: Span | None = None
    unit = officer = None
    for event in events:
        unit, officer = event.unit or unit, event.officer or officer
        if run is not None and event.status is run.status:
            run = msgspec.structs.replace(run, unit=unit, officer=officer)
            continue
        if run is not None:
            yield run
        run = Span(start=event.at, end=None, status=event.status, unit=unit, officer=officer)
    if run is not None:
        yield run


def _earlier_end(runs: Sequence[Span], index: int) -> datetime | None:
    """The end of an attempt that was taken up again; a stop that went on was a wait."""
    if runs[index].status is Status.STOPPED:
        return None
    while index and runs[index - 1].status in CAN_END and runs[index - 1].status is not Status.STOPPED:
        index -= 1
    return runs[index].start


def _without_gaps(spans: Sequence[Span]) -> list[Span]:
    ends = [span.start for span in spans[1:]]
    closed = [msgspec.structs.replace(span, end=end) for span, end in zip(spans, [*ends, None], strict=True)]
    return [span for span in closed if span.end is None or span.start < span.end]
