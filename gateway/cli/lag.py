"""``lienthong sync lag``: how long partners took to know, what they showed late, and whose fault that was.

Invariant: it reads, and takes no lock; a running gateway does not notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from gateway.cli.options import AsJson, Way, examples, spread

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.statussync.lag_views import (
        DayLag,
        DestinationLag,
        LagReport,
        LateCount,
        LateDossier,
        Lengths,
        Query,
    )

EXAMPLES = examples(
    "lienthong sync lag",
    "lienthong sync lag --days 30 --destination national_portal",
    "lienthong sync lag --dossiers --cause gateway",
    "lienthong sync lag --last 2026-09-30 --days 30 --json",
)
CAUSES = ("gateway", "source", "partner", "before_start")


@spread
def lag(
    *,
    days: Annotated[int, typer.Option(min=1, max=400, help="So many days, the last one included.")] = 7,
    last: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day; today if left out.", show_default=False),
    ] = None,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    dossiers: Annotated[
        bool, typer.Option("--dossiers", help="List the ended dossiers behind the counts.")
    ] = False,
    agencies: Annotated[bool, typer.Option("--agencies", help="Show the counts by agency, too.")] = False,
    cause: Annotated[
        str | None,
        typer.Option(help=f"With --dossiers, only through: {', '.join(CAUSES)}.", show_default=False),
    ] = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Show the lag of synchronisation: percentiles by day, what was shown late, and through whom."""
    from gateway.cli.screen import print_json

    if cause is not None and (cause not in CAUSES or not dossiers):
        raise typer.BadParameter(
            f"--cause goes with --dossiers and is one of {', '.join(CAUSES)}; got {cause}"
        )
    if destination is not None:
        way.require_destination(destination)
    asked = {"days": days, "last": last, "destination": destination}
    if dossiers:
        found = [item for item in _dossiers(way, asked) if _through(item, cause)]
        print_json(found) if as_json else _print_dossiers(found)
        return
    told = _report(way, asked)
    print_json(told) if as_json else _print_report(told, agencies=agencies)


def _through(item: LateDossier, cause: str | None) -> bool:
    return cause is None or cause in {item.cause_by_date, item.cause_by_instant}


def _report(way: Way, asked: dict[str, Any]) -> LagReport:
    from gateway.cli.opening import ask, run
    from gateway.cli.remote import get_from
    from gateway.statussync.lag_report import report
    from gateway.statussync.lag_views import LagReport

    if way.url is None:
        return ask(way.config, partial(report, query=_query(way.settings, asked)))
    return run(get_from(way, f"/v1/sync/lag?{urlencode(_days(asked))}", LagReport))


def _dossiers(way: Way, asked: dict[str, Any]) -> list[LateDossier]:
    from gateway.cli.opening import ask, run
    from gateway.statussync.lag_report import late_dossiers

    if way.url is None:
        return ask(way.config, partial(late_dossiers, query=_query(way.settings, asked)))
    return run(_pages(way, asked))


def _query(settings: Settings, asked: dict[str, Any]) -> Query:
    import msgspec

    from gateway.statussync.lag_report import query_of
    from gateway.statussync.lag_troubles import policy_of

    names = sorted(name for name, section in settings.destination.items() if section.enabled)
    usual = query_of(
        names if asked["destination"] is None else [asked["destination"]],
        now=datetime.now(UTC),
        policy=policy_of(settings),
        days=asked["days"],
    )
    if asked["last"] is None:
        return usual
    end = asked["last"].date()
    return msgspec.structs.replace(usual, first=end - timedelta(days=asked["days"] - 1), last=end)


def _days(asked: dict[str, Any]) -> dict[str, Any]:
    from gateway.cli.screen import VIETNAM

    end = datetime.now(VIETNAM).date() if asked["last"] is None else asked["last"].date()
    given = {
        "first": end - timedelta(days=asked["days"] - 1),
        "last": end,
        "destination": asked["destination"],
    }
    return {name: value for name, value in given.items() if value is not None}


async def _pages(way: Way, asked: dict[str, Any]) -> list[LateDossier]:
    from gateway.api.lag import LatePage
    from gateway.cli.remote import api_of

    async with api_of(way) as remote:
        return await remote.gather("/v1/sync/lag/dossiers", _days(asked), LatePage)


def _print_report(told: LagReport, *, agencies: bool) -> None:
    from gateway.cli.screen import age, console, local, table

    out = console()
    out.print(f"{told.first} to {told.last}, as of {local(told.as_of)} (+07:00)", markup=False)
    for each in told.destinations:
        out.print(headline(each), markup=False, soft_wrap=True)
    if agencies:
        _print_agencies(told)
    within = f"in {age(told.target)}"
    parts = ("event to us", "us to sending", "sending to answer", "in all")
    out.print(
        table(
            ("day", "destination", "deliveries", within, *parts),
            map(_day, told.days),
            title=f"half of all, 9 of 10, 99 of 100, longest; the goal is {told.goal:.0%} {within}",
        )
    )
    if told.absences:
        rows = [(each.destination, each.began_at, each.ended_at, each.failure) for each in told.absences]
        out.print(table(("destination", "away from", "to", "why"), rows))


def _print_agencies(told: LagReport) -> None:
    from gateway.cli.screen import console, table

    headings = (
        *("destination", "agency", "showed late", "rightly", "only through us", "through the source"),
        *("through the partner", "before the start", "now"),
    )
    rows = [
        (
            *(each.destination, item.agency, count.shown, count.rightly, count.gateway, count.source),
            *(count.partner, count.before_start, item.now.by_date.shown),
        )
        for each in told.destinations
        for item in each.agencies
        for count in (item.late.by_date,)
    ]
    console().print(table(headings, rows, title="by date"))


def headline(found: DestinationLag) -> str:
    """What a destination showed late, in one line."""
    late = found.late
    differs = late.by_date != late.by_instant
    by_instant = f"; by instant: {_counted(late.by_instant)}" if differs else ""
    return f"{found.destination} showed late: {_counted(late.by_date)}{by_instant}; now {found.now.by_date.shown:,}"


def _counted(count: LateCount) -> str:
    if not count.shown:
        return "nothing"
    before = f", before the start {count.before_start:,}" if count.before_start else ""
    return (
        f"{count.shown:,}, rightly {count.rightly:,}, only through us {count.gateway:,} ({count.ours or 0:.1%}), "
        f"through the source {count.source:,}, through the partner {count.partner:,}{before}"
    )


def _day(each: DayLag) -> tuple[Any, ...]:
    kept = None if each.kept is None else f"{each.kept:.1%}"
    lengths = (each.source, each.queue, each.wire, each.total)
    return (each.day, each.destination, f"{each.deliveries:,}", kept, *map(_lengths, lengths))


def _lengths(found: Lengths | None) -> str:
    if found is None:
        return ""
    return ", ".join(map(_short, (found.p50, found.p90, found.p99, found.longest)))


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def _short(seconds: float) -> str:
    """A length in its largest unit, two figures of it."""
    size, unit = next((item for item in _UNITS if seconds >= item[0]), _UNITS[-1])
    value = seconds / size
    return f"{value:.0f}{unit}" if value >= 10 else f"{value:.2g}{unit}"


def _print_dossiers(found: Sequence[LateDossier]) -> None:
    from gateway.cli.screen import console, table

    headings = (
        *("dossier", "destination", "agency", "promised", "ended", "we heard", "acknowledged"),
        *("late by date", "late by instant"),
    )
    console().print(table(headings, map(_dossier, found), title="times: +07:00"))


def _dossier(each: LateDossier) -> tuple[Any, ...]:
    known = f"not yet ({each.waits})" if each.acknowledged_at is None else _minute(each.acknowledged_at)
    return (
        *(each.dossier, each.destination, each.agency),
        *map(_minute, (each.due_at, each.ended_at, each.received_at)),
        known,
        _verdict(each.shown_by_date, each.cause_by_date),
        _verdict(each.shown_by_instant, each.cause_by_instant),
    )


def _minute(instant: datetime) -> str:
    from gateway.cli.screen import local

    return local(instant)[:-3]


_VERDICTS = {"in_time": "in time", "late": "late"}
_THROUGH = {
    "gateway": "through us",
    "source": "through the source",
    "partner": "through the partner",
    "before_start": "before the start",
}


def _verdict(shown: str, cause: str | None) -> str:
    return _VERDICTS[shown] if cause is None else _THROUGH[cause]
