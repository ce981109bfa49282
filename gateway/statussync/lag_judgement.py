"""From deliveries to judgements: how long each took, and what the partner showed of a dossier's end meanwhile.

Reads through ``gateway.storage``; everything that decides is in ``lag``, ``lag_told`` and ``lag_troubles``. Invariant:
what was told twice is judged once, by the first telling; a later snapshot of the same state is no news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.deadlines.instants import day_number_of
from gateway.statussync.lag import End, Grain, Shown, Trouble, Verdict, judge, last_moment, shown
from gateway.statussync.lag_told import Heard, Told, ended, heard, told
from gateway.statussync.lag_troubles import Rules, troubles
from gateway.storage.lag import Connection, Delivered, LagRow, Telling, first_planned, told_before
from gateway.storage.lag_evidence import Evidence, Way, evidence, said
from gateway.storage.presence import first_run


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with what became of it. ``event_at`` None: not known, or told before; ``end`` None: tells none.

    ``start``: before it nobody had to synchronise anything.
    """

    delivery: Delivered
    told: Told
    event_at: int | None
    received_at: int
    end: End | None = None
    by_date: Verdict = Verdict(shown=Shown.IN_TIME)
    by_instant: Verdict = Verdict(shown=Shown.IN_TIME)
    start: int | None = None

    @property
    def before_start(self) -> bool:
        """Whether what it tells happened when nobody had to synchronise anything: its age is nobody's lag."""
        return self.event_at is not None and self.start is not None and self.event_at < self.start

    @property
    def late(self) -> bool:
        """Whether the partner showed it late, rightly or not, by date or by instant."""
        return {self.by_date.shown, self.by_instant.shown} != {Shown.IN_TIME}


def judged(connection: Connection, deliveries: Sequence[Delivered], rules: Rules) -> list[Judged]:
    """Each of ``deliveries``, which are in the order of their acknowledgements, or open."""
    if rules.start is None:
        rules = msgspec.structs.replace(rules, start=first_run(connection))
    items = [
        Judged(
            delivery=each,
            told=told(each.payload),
            event_at=each.event_at,
            received_at=each.created_at,
            start=rules.start,
        )
        for each in deliveries
    ]
    items = _with_news(connection, items, rules)
    items = _with_ends(connection, items, rules)
    return _with_causes(connection, items, rules)


def row(item: Judged) -> LagRow:
    """A judged delivery that was acknowledged, as it is kept."""
    delivery, end = item.delivery, item.end
    acknowledged_at = delivery.settled_at or 0
    return LagRow(
        delivery_id=delivery.id,
        destination=delivery.destination,
        dossier_code=delivery.dossier_code,
        operation=delivery.operation,
        day=day_number_of(acknowledged_at),
        event_at=item.event_at,
        received_at=item.received_at,
        sent_at=delivery.sent_at,
        acknowledged_at=acknowledged_at,
        ended_at=None if end is None else end.ended_at,
        due_at=None if end is None else end.due_at,
        by_date=None if end is None else item.by_date.shown,
        by_instant=None if end is None else item.by_instant.shown,
        late_cause=item.by_date.cause,
        late_cause_by_instant=item.by_instant.cause,
        late=item.late,
        before_start=item.before_start,
    )


def _with_news(connection: Connection, items: Sequence[Judged], rules: Rules) -> list[Judged]:
    """Take the time of the event away where a snapshot tells nothing new; count from the first plan where it does."""
    snapshots = [item.delivery for item in items if item.told.snapshot and item.event_at is not None]
    if not snapshots:
        return list(items)
    known = told_before(connection, {each.dossier_code for each in snapshots}).events
    planned = first_planned(connection, {each.lane_id for each in snapshots})
    return [_as_news(item, known, planned, rules) for item in items]


def _as_news(
    item: Judged, known: set[Telling], planned: Mapping[tuple[int, str, int], int], rules: Rules
) -> Judged:
    delivery = item.delivery
    if not item.told.snapshot or item.event_at is None:
        return item
    if item.event_at < rules.known_from or not _first(known, delivery, item.event_at):
        return msgspec.structs.replace(item, event_at=None)
    planned_at = planned.get((delivery.lane_id, delivery.operation, item.event_at), item.received_at)
    return msgspec.structs.replace(item, received_at=min(item.received_at, planned_at))


def _with_ends(connection: Connection, items: Sequence[Judged], rules: Rules) -> list[Judged]:
    """Find what tells the end of a dossier for the first time: a repair that tells it again is drift, not lag."""
    codes = {item.delivery.dossier_code for item in items if item.told.may_end}
    if not codes:
        return list(items)
    histories = {code: heard(versions) for code, versions in said(connection, codes).items()}
    known = told_before(connection, codes).ends
    return [
        _with_end(item, histories.get(item.delivery.dossier_code, ()), known, rules)
        if item.told.may_end
        else item
        for item in items
    ]


def _with_end(item: Judged, history: Sequence[Heard], known: set[Telling], rules: Rules) -> Judged:
    delivery = item.delivery
    end = ended(item.told, history, by=delivery.settled_at or rules.now)
    if end is None or end.ended_at < rules.known_from or not _first(known, delivery, end.ended_at):
        return item
    heard_at = item.received_at if end.heard_at is None else min(item.received_at, end.heard_at)
    whole = End(
        ended_at=end.ended_at,
        heard_at=heard_at,
        due_at=end.due_at,
        acknowledged_at=delivery.settled_at,
        start=rules.start,
    )
    return msgspec.structs.replace(item, received_at=heard_at, end=whole)


def _first(known: set[Telling], delivery: Delivered, at: int) -> bool:
    """Whether this instant was not told before; from now on it was."""
    telling = (delivery.destination, delivery.dossier_code, delivery.operation, at)
    if telling in known:
        return False
    known.add(telling)
    return True


def _with_causes(connection: Connection, items: Sequence[Judged], rules: Rules) -> list[Judged]:
    ways = [None if item.end is None else _way(item, item.end, rules) for item in items]
    records = evidence(connection, [way for way in ways if way is not None], here_since=rules.here_since)
    return [
        item
        if item.end is None
        else _verdict(
            item,
            item.end,
            [] if way is None else troubles(records.get(way.lane_id, Evidence()), way, rules),
            rules,
        )
        for item, way in zip(items, ways, strict=True)
    ]


def _way(item: Judged, end: End, rules: Rules) -> Way | None:
    """What must be looked at: the way of an end that was wrongly shown late, up to the last moment of its promise."""
    if end.due_at is None:
        return None
    if all(shown(end, grain, now=rules.now) is not Shown.SYNC_LATE for grain in Grain):
        return None
    return Way(
        lane_id=item.delivery.lane_id,
        destination=item.delivery.destination,
        dossier_code=item.delivery.dossier_code,
        since=end.heard_at - rules.longest,
        until=max(last_moment(end.due_at, grain) for grain in Grain),
    )


def _verdict(item: Judged, end: End, stood: Sequence[Trouble], rules: Rules) -> Judged:
    return msgspec.structs.replace(
        item,
        by_date=judge(end, stood, Grain.DATE, now=rules.now),
        by_instant=judge(end, stood, Grain.INSTANT, now=rules.now),
    )
