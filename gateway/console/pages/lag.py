"""Sync lag: how long partners took to know, day by day, and what they showed late through whom.

Invariant: the headline is the share that is only ours to blame, beside its denominator.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from markupsafe import Markup
from msgspec import Meta

from gateway.api.lag import LatePage
from gateway.console import plot
from gateway.console.asking import RECENT, ask
from gateway.console.page import Language, Page, Response, Shown, Visit
from gateway.console.render import VIETNAM, duration
from gateway.console.render import day as day_of
from gateway.console.words import say
from gateway.domain.dossier import NO_NUL
from gateway.statussync.lag_views import DayLag, DestinationLag, LagReport
from gateway.storage.clients import Scope

Text = Annotated[str, Meta(max_length=100, pattern=NO_NUL)]
Days = Annotated[str, Meta(pattern=r"^([1-9]|[1-9][0-9]|[1-3][0-9]{2}|400)?$")]
USUAL = 14
_SHOWN = 50
PARTS = ("source", "queue", "wire", "ours", "total")


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which days, which destination, and which late dossiers; what is empty was left out."""

    days: Days = ""
    last: Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""
    destination: Text = ""
    cause: Text = ""
    shown: Text = ""
    cursor: Annotated[str, Meta(max_length=400)] = ""


async def show_lag(visit: Visit) -> Response:
    """The lag of some days, and who was shown late."""
    which = visit.query_as(Which)
    days = _days(which, visit)
    report = await ask(
        visit, "get_lag", LagReport, query={**days, "destination": which.destination, **RECENT}
    )
    shown = which.shown or ("" if which.cause else "sync_late")
    filters = {"destination": which.destination, "cause": which.cause, "shown": shown}
    late = await ask(
        visit,
        "list_late",
        LatePage,
        query={**days, **filters, "cursor": which.cursor, "limit": _SHOWN, **RECENT},
    )
    asked = {"days": which.days, "last": which.last, **filters}
    values: dict[str, Any] = {
        "report": report,
        "blocks": [_block(each, report, visit.language) for each in report.destinations],
        "late": late,
        "which": which,
        "shown": shown,
        "asked": {name: value for name, value in asked.items() if value},
        "span": which.days or str(USUAL),
        "paged": bool(which.cursor),
        "parts": PARTS,
        "destinations": sorted(visit.api.gateway.destinations),
    }
    return Shown(template="lag/list.html", values=values)


def _days(which: Which, visit: Visit) -> dict[str, str]:
    """The days as the API takes them."""
    today = visit.now.astimezone(VIETNAM).date()
    try:
        last = date.fromisoformat(which.last) if which.last else today
        first = last - timedelta(days=int(which.days or USUAL) - 1)
    except (ValueError, OverflowError):  # a day that there is not: the API says what is wrong with it
        return {"first": which.last, "last": which.last}
    return {"first": first.isoformat(), "last": last.isoformat()}


def _block(of: DestinationLag, report: LagReport, language: Language) -> dict[str, Any]:
    """One destination: its days, newest first, and what they look like."""
    days = [each for each in report.days if each.destination == of.destination]
    return {"of": of, "days": days[::-1], "plots": _plots(days, report, language)}


def _plots(days: Sequence[DayLag], report: LagReport, language: Language) -> list[tuple[str, Markup]]:
    """The percentiles of the whole way, a line each, on one scale; empty without a day that was measured."""
    measured = [each for each in days if each.total is not None]
    if not measured:
        return []
    by_day = {each.day: each.total for each in measured}
    span = [report.first + timedelta(days=n) for n in range((report.last - report.first).days + 1)]
    found = []
    for percentile in ("p50", "p90", "p99"):
        points = [
            plot.Point(place, None if by_day.get(day) is None else getattr(by_day[day], percentile))
            for place, day in enumerate(span)
        ]
        words = say(
            language,
            f"lag.plot_{percentile}",
            first=day_of(report.first),
            last=day_of(report.last),
            worst=duration(language, max(point.value or 0.0 for point in points)),
        )
        found.append((words, plot.line(points, words, top=report.target)))
    return found


PAGES: tuple[Page, ...] = (
    Page(
        path="/console/lag",
        name="lag",
        title="lag.title",
        scope=Scope.DELIVERIES_READ,
        view=show_lag,
        query=Which,
        group="numbers",
    ),
)
