"""From deliveries to judgements: how long each took, and what the partner showed of a dossier's end meanwhile.

Reads through ``gateway.storage``; everything that decides is in ``lag``, ``lag_told`` and ``lag_troubles``. Invariant:
what was told twice is judged once, by the first telling; a later snapshot of the same state is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from gateway.deadlines.instants import day_number_of
from gateway.statussync.lag import End, Grain, Shown, Verdict, judge, last_moment, shown
from gateway.statussync.lag_told import Heard, ended, heard, tells_end
from gateway.statussync.lag_troubles import Rules, troubles
from gateway.storage.lag import Connection, Delivered, LagRow, Told, first_planned, told_before
from gateway.storage.lag_evidence import Evidence, Way, evidence, said

SECOND = 1_000_000


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """``snapshots``: operations that tell the whole state, by destination. ``longest``: the longest pause between two
    tries, in seconds."""

    snapshots: Mapping[str, frozenset[str]]
    longest: float

    def is_snapshot(self, told: Delivered) -> bool:
        """Whether a newer delivery of its kind makes it pointless."""
        return told.operation in self.snapshots.get(told.destination, frozenset())


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with what became of it. ``event_at`` None: not known, or told before; ``end`` None: tells none."""

    told: Delivered
    event_at: int | None
    received_at: int
    end: End | None = None
    by_date: Verdict = Verdict(shown=Shown.IN_TIME)
    by_instant: Verdict = Verdict(shown=Shown.IN_TIME)

    @property
    def late(self) -> bool:
        """Whether the partner showed it late, rightly or not, by date or by instant."""
        return {self.by_date.shown, self.by_instant.shown} != {Shown.IN_TIME}


def judged(
    connection: Connection, deliveries: Sequence[Delivered], policy: Policy, *, now: int
) -> list[Judged]:
    """Each of ``deliveries``, which are in the order of their acknowledgements, or open; ``now`` is for open ones."""
    ends = [each for each in deliveries if tells_end(each.payload)]
    histories = {
        code: heard(versions)
        for code, versions in said(connection, {each.dossier_code for each in ends}).items()
    }
    news = _News(connection, deliveries, policy)
    found = [
        _with_end(news.look(each), histories.get(each.dossier_code, ()), news, now) for each in deliveries
    ]
    return _with_causes(connection, found, policy, now)


def row(item: Judged) -> LagRow:
    """A judged delivery that was acknowledged, as it is kept."""
    told, end = item.told, item.end
    acknowledged_at = told.settled_at or 0
    return LagRow(
        delivery_id=told.id,
        destination=told.destination,
        dossier_code=told.dossier_code,
        operation=told.operation,
        day=day_number_of(acknowledged_at),
        event_at=item.event_at,
        received_at=item.received_at,
        sent_at=told.sent_at,
        acknowledged_at=acknowledged_at,
        ended_at=None if end is None else end.ended_at,
        due_at=None if end is None else end.due_at,
        by_date=None if end is None else item.by_date.shown,
        by_instant=None if end is None else item.by_instant.shown,
        late_cause=item.by_date.cause,
        late_cause_by_instant=item.by_instant.cause,
        late=item.late,
    )


class _News:
    """Tells news from what the destination had been told before."""

    def __init__(self, connection: Connection, deliveries: Sequence[Delivered], policy: Policy) -> None:
        self._policy = policy
        snapshots = [each for each in deliveries if policy.is_snapshot(each)]
        codes = {each.dossier_code for each in snapshots}
        self._told = told_before(connection, codes) if codes else Told(events=set(), ends=set())
        self._planned = first_planned(connection, {each.lane_id for each in snapshots}) if snapshots else {}

    def look(self, told: Delivered) -> Judged:
        """The delivery with the time of its event, if that is news, and when we first knew of it."""
        at = told.event_at
        if at is None or not self._policy.is_snapshot(told):
            return Judged(told=told, event_at=at, received_at=told.created_at)
        if not self._first(self._told.events, told, at):
            return Judged(told=told, event_at=None, received_at=told.created_at)
        planned_at = self._planned.get((told.lane_id, told.operation, at), told.created_at)
        return Judged(told=told, event_at=at, received_at=min(told.created_at, planned_at))

    def is_new_end(self, told: Delivered, ended_at: int) -> bool:
        """Whether this end was not told before; a step is told once, whatever it says."""
        return not self._policy.is_snapshot(told) or self._first(self._told.ends, told, ended_at)

    @staticmethod
    def _first(known: set[tuple[str, str, str, int]], told: Delivered, at: int) -> bool:
        telling = (told.destination, told.dossier_code, told.operation, at)
        if telling in known:
            return False
        known.add(telling)
        return True


def _with_end(item: Judged, history: Sequence[Heard], news: _News, now: int) -> Judged:
    told = item.told
    end = ended(told.payload, history, by=told.settled_at or now)
    if end is None or not news.is_new_end(told, end.ended_at):
        return item
    heard_at = item.received_at if end.heard_at is None else min(item.received_at, end.heard_at)
    whole = End(ended_at=end.ended_at, heard_at=heard_at, due_at=end.due_at, acknowledged_at=told.settled_at)
    return msgspec.structs.replace(item, received_at=heard_at, end=whole)


def _with_causes(connection: Connection, items: Sequence[Judged], policy: Policy, now: int) -> list[Judged]:
    longest = int(policy.longest * SECOND)
    records = evidence(connection, list(_ways(items, longest, now)))
    rules = Rules(longest=longest, now=now)
    return [
        item if item.end is None else _verdict(item, item.end, records.get(item.told.lane_id), rules)
        for item in items
    ]


def _ways(items: Iterable[Judged], longest: int, now: int) -> Iterator[Way]:
    """What must be looked at: the way of every end that was wrongly shown late, up to the last moment of its promise."""
    for item in items:
        end = item.end
        if end is None or end.due_at is None:
            continue
        if all(shown(end, grain, now=now) is not Shown.SYNC_LATE for grain in Grain):
            continue
        yield Way(
            lane_id=item.told.lane_id,
            destination=item.told.destination,
            dossier_code=item.told.dossier_code,
            since=end.heard_at - longest,
            until=max(last_moment(end.due_at, grain) for grain in Grain),
        )


def _verdict(item: Judged, end: End, record: Evidence | None, rules: Rules) -> Judged:
    stood = troubles(record or Evidence(), rules)
    return msgspec.structs.replace(
        item,
        by_date=judge(end, stood, Grain.DATE, now=rules.now),
        by_instant=judge(end, stood, Grain.INSTANT, now=rules.now),
    )
