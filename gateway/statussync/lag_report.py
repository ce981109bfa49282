"""The lag of synchronisation as a report: how long things took, what was shown late, and whose fault that was.

The headline is the share of what a partner showed late that is only the gateway's to blame; its target is zero.
Invariant: what is not acknowledged yet counts, too: until then the partner shows what it was last told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from gateway.deadlines.instants import (
    DAY,
    SECOND,
    day_number_of,
    day_of_number,
    start_of_day,
    to_micros,
)
from gateway.statussync.lag import SHARE, TARGET, Cause, Shown, Verdict
from gateway.statussync.lag_judgement import Judged, judged
from gateway.statussync.lag_troubles import Policy
from gateway.statussync.lag_views import (
    Absence,
    AgencyLate,
    DayLag,
    DestinationLag,
    Lag,
    LagReport,
    Late,
    LateCount,
    LateDossier,
    Lengths,
    Query,
)
from gateway.storage import lag_days, lag_figures
from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.lag import Connection
from gateway.storage.lag_days import Spread
from gateway.storage.lag_evidence import Outage, outages
from gateway.storage.lag_figures import LateEnd, Moment, OpenTelling, Running

HEADLINE_DAYS = 30


def report(connection: Connection, query: Query) -> LagReport:
    """Everything about the lag on the days of ``query``."""
    return lag_of(connection, query).report


def lag_of(connection: Connection, query: Query) -> Lag:
    """The report, and the dossiers behind its counts: both of one judgement."""
    days, late = query.days, late_dossiers(connection, query)
    since, until = start_of_day(days.first), start_of_day(days.last + 1)
    found = LagReport(
        as_of=query.now,
        first=query.first,
        last=query.last,
        target=TARGET / SECOND,
        goal=SHARE,
        destinations=_headline(connection, query, late),
        days=_day_lags(lag_days.spreads(connection, days, target=TARGET)),
        absences=[_absence(item) for item in outages(connection, query.destinations, since, until)],
    )
    return Lag(report=found, late=late)


def query_of(
    destinations: Sequence[str], *, now: datetime, policy: Policy, days: int = HEADLINE_DAYS
) -> Query:
    """A question about the last ``days`` days, today included."""
    today = day_of_number(day_number_of(to_micros(now)))
    return Query(
        destinations=list(destinations),
        first=today - timedelta(days=days - 1),
        last=today,
        now=now,
        rules=policy.rules(to_micros(now)),
    )


def headline(connection: Connection, query: Query) -> list[DestinationLag]:
    """What every destination showed late, and what of that was only the gateway's fault."""
    return _headline(connection, query, late_dossiers(connection, query))


def _headline(connection: Connection, query: Query, late: Sequence[LateDossier]) -> list[DestinationLag]:
    now = to_micros(query.now)
    moment = Moment(now=now, today=start_of_day(day_number_of(now)), midnight_before=now - DAY + SECOND)
    running = lag_figures.running_late(connection, query.destinations, moment)
    return [
        _destination(
            name,
            [item for item in running if item.destination == name],
            [item for item in late if item.destination == name],
        )
        for name in query.destinations
    ]


def late_dossiers(connection: Connection, query: Query) -> list[LateDossier]:
    """Every ended dossier that was shown late in the period or still is, each once for a destination, oldest first.

    Dossiers that still run past their promise are not among them: they have no end to be shown.
    """
    found: dict[tuple[str, str], LateDossier] = {}
    rows = [_acknowledged(item) for item in lag_figures.late_ends(connection, query.days)]
    for item in (*rows, *_open(connection, query)):
        key = (item.destination, item.dossier)
        found[key] = _joined(found[key], item) if key in found else item
    return sorted(found.values(), key=lambda item: (item.due_at, item.dossier, item.destination))


def _acknowledged(item: LateEnd) -> LateDossier:
    return LateDossier(
        destination=item.destination,
        dossier=item.dossier_code,
        agency=item.agency_code,
        due_at=from_micros(item.due_at),
        ended_at=from_micros(item.ended_at),
        received_at=from_micros(item.received_at),
        sent_at=maybe_from_micros(item.sent_at),
        acknowledged_at=from_micros(item.acknowledged_at),
        waits=None,
        shown_by_date=Shown(item.by_date),
        cause_by_date=None if item.late_cause is None else Cause(item.late_cause),
        shown_by_instant=Shown(item.by_instant),
        cause_by_instant=None if item.late_cause_by_instant is None else Cause(item.late_cause_by_instant),
    )


def _open(connection: Connection, query: Query) -> list[LateDossier]:
    tellings = lag_figures.open_tellings(connection, query.destinations, query.rules.now)
    items = judged(connection, [telling.delivery for telling in tellings], query.rules)
    return [
        _unacknowledged(item, telling)
        for item, telling in zip(items, tellings, strict=True)
        if item.end is not None and item.late
    ]


def _unacknowledged(item: Judged, telling: OpenTelling) -> LateDossier:
    end = item.end
    if end is None or end.due_at is None:
        raise ValueError("only an end with a promise can be late")
    return LateDossier(
        destination=item.delivery.destination,
        dossier=item.delivery.dossier_code,
        agency=telling.agency_code,
        due_at=from_micros(end.due_at),
        ended_at=from_micros(end.ended_at),
        received_at=from_micros(item.received_at),
        sent_at=maybe_from_micros(item.delivery.sent_at),
        acknowledged_at=None,
        waits=telling.state,
        shown_by_date=item.by_date.shown,
        cause_by_date=item.by_date.cause,
        shown_by_instant=item.by_instant.shown,
        cause_by_instant=item.by_instant.cause,
    )


_RANK = {Shown.IN_TIME: 0, Shown.SYNC_LATE: 1, Shown.LATE: 2}


def _joined(before: LateDossier, after: LateDossier) -> LateDossier:
    """Two tellings of one dossier as one: the later one's times, of each comparison the worse that was shown."""
    by_date = _worse(
        Verdict(shown=before.shown_by_date, cause=before.cause_by_date),
        Verdict(shown=after.shown_by_date, cause=after.cause_by_date),
    )
    by_instant = _worse(
        Verdict(shown=before.shown_by_instant, cause=before.cause_by_instant),
        Verdict(shown=after.shown_by_instant, cause=after.cause_by_instant),
    )
    return msgspec.structs.replace(
        after,
        shown_by_date=by_date.shown,
        cause_by_date=by_date.cause,
        shown_by_instant=by_instant.shown,
        cause_by_instant=by_instant.cause,
    )


def _worse(before: Verdict, after: Verdict) -> Verdict:
    return before if _RANK[before.shown] > _RANK[after.shown] else after


def _destination(name: str, running: Sequence[Running], ended: Sequence[LateDossier]) -> DestinationLag:
    agencies = sorted({item.agency_code for item in running} | {item.agency for item in ended})
    return DestinationLag(
        destination=name,
        late=_late(running, ended),
        now=_late(running, _unknown(ended)),
        agencies=[
            _agency(
                agency,
                [item for item in running if item.agency_code == agency],
                [item for item in ended if item.agency == agency],
            )
            for agency in agencies
        ],
    )


def _agency(agency: str, running: Sequence[Running], ended: Sequence[LateDossier]) -> AgencyLate:
    return AgencyLate(agency=agency, late=_late(running, ended), now=_late(running, _unknown(ended)))


def _unknown(ended: Iterable[LateDossier]) -> list[LateDossier]:
    """Those of which the partner does not know yet."""
    return [item for item in ended if item.acknowledged_at is None]


def _late(running: Iterable[Running], ended: Sequence[LateDossier]) -> Late:
    listed = list(running)
    return Late(
        by_date=_count(
            sum(item.by_date for item in listed), [(item.shown_by_date, item.cause_by_date) for item in ended]
        ),
        by_instant=_count(
            sum(item.by_instant for item in listed),
            [(item.shown_by_instant, item.cause_by_instant) for item in ended],
        ),
    )


def _count(running: int, ended: Iterable[tuple[Shown, Cause | None]]) -> LateCount:
    listed = list(ended)
    rightly = running + sum(shown is Shown.LATE for shown, _ in listed)
    causes = {each: sum(cause is each for _, cause in listed) for each in Cause}
    shown = rightly + sum(causes.values())
    return LateCount(
        shown=shown,
        rightly=rightly,
        gateway=causes[Cause.GATEWAY],
        source=causes[Cause.SOURCE],
        partner=causes[Cause.PARTNER],
        before_start=causes[Cause.BEFORE_START],
        ours=causes[Cause.GATEWAY] / shown if shown else None,
    )


def _day_lags(spreads: Iterable[Spread]) -> list[DayLag]:
    days: defaultdict[tuple[int, str], dict[str, Spread]] = defaultdict(dict)
    for spread in spreads:
        days[spread.day, spread.destination][spread.part] = spread
    return [_day_lag(*key, parts) for key, parts in sorted(days.items())]


def _day_lag(day: int, destination: str, parts: dict[str, Spread]) -> DayLag:
    total = parts.get("total")
    return DayLag(
        day=day_of_number(day),
        destination=destination,
        deliveries=parts["ours"].count,
        kept=None if total is None else total.kept / total.count,
        **{part: _lengths(parts.get(part)) for part in lag_days.PARTS},
    )


def _lengths(spread: Spread | None) -> Lengths | None:
    if spread is None:
        return None
    return Lengths(
        count=spread.count,
        p50=spread.p50 / SECOND,
        p90=spread.p90 / SECOND,
        p99=spread.p99 / SECOND,
        longest=spread.longest / SECOND,
    )


def _absence(outage: Outage) -> Absence:
    return Absence(
        destination=outage.destination,
        began_at=from_micros(outage.began_at),
        ended_at=maybe_from_micros(outage.ended_at),
        failure=outage.failure,
    )
