"""The front page: alarms, every destination's health and backlog, lag, on time, what may be shown late.

Invariant: every figure is one of the API's, says as of when it is, and leads to the page behind it.
"""

from __future__ import annotations

from gateway.api.alarms import AlarmList, BacklogTrend, BacklogTrends
from gateway.api.destinations import DestinationList, DestinationView
from gateway.api.glance import NOT_YET, Glance
from gateway.api.problem import Refused
from gateway.console.asking import ask
from gateway.console.page import Page, Response, Shown, Visit
from gateway.console.plot import Kind, Part, Point, gaps, line, share, sparkline
from gateway.console.render import number
from gateway.console.words import said, say
from gateway.domain.delivery import DeliveryState
from gateway.statussync.lag_views import DayLag, DestinationLag
from gateway.storage.clients import Scope
from gateway.storage.samples import FAILED, Sample

_HOURS = 24
_STRIDE = 4  # samples that one point of a line as small as a word stands for: their worst
_PATIENCE_SECONDS = 0.05


async def show(visit: Visit) -> Response:
    """The whole gateway at a glance."""
    glance = await _glance(visit)
    alarms = await ask(visit, "list_alarms", AlarmList)
    destinations = await ask(visit, "list_destinations", DestinationList)
    trends = await ask(visit, "get_backlog", BacklogTrends, query={"hours": _HOURS})
    by_name = {each.destination: each for each in trends.items}
    lags = {each.destination: each for each in glance.lag.destinations} if glance else {}
    return Shown(
        template="overview/overview.html",
        values={
            "alarms": alarms.items,
            "as_of": alarms.at,
            "glance": glance,
            "rows": [
                {
                    "view": each,
                    "trend": _spark(visit, by_name.get(each.name)),
                    "state": state_of(each),
                    **counts_of(each),
                }
                for each in destinations.items
            ],
            "late": [_late(visit, lags[each.name], each) for each in destinations.items if each.name in lags],
            "days": _days(glance),
            "titles": {each.name: title_of(visit, each) for each in destinations.items},
            "totals": _totals(destinations.items),
            "backlog": _whole(visit, trends),
            "risky": sum(glance.at_risk.values()) if glance else None,
        },
    )


async def _glance(visit: Visit) -> Glance | None:
    """None while the figures are counted for the first time since the start: the page does not wait for them."""
    try:
        return await ask(visit, "get_glance", Glance, query={"patience": _PATIENCE_SECONDS})
    except Refused as refusal:
        if refusal.detail != NOT_YET:
            raise
        return None


def _days(glance: Glance | None) -> list[DayLag]:
    days = reversed(glance.lag.days) if glance else ()
    return [day for day in days if day.total is not None or day.ours is not None]


def title_of(visit: Visit, view: DestinationView) -> str:
    """The partner's title in the reader's language."""
    return view.title_vi if visit.language == "vi" else view.title


def state_of(view: DestinationView) -> str:
    """One word for how a destination is: a key under ``destinations.state_``."""
    if view.paused_by is not None:
        return "paused"
    return {"open": "lost", "probing": "probing", "closed": "well"}[view.breaker]


def counts_of(view: DestinationView) -> dict[str, int]:
    """What is open, in doubt and failed."""
    return {
        "waiting": sum(view.backlog.values()),
        "in_doubt": view.backlog.get(DeliveryState.IN_DOUBT, 0),
        "failed": sum(view.backlog.get(state, 0) for state in FAILED),
    }


def _totals(views: list[DestinationView]) -> dict[str, int]:
    found = [counts_of(each) for each in views]
    return {name: sum(each[name] for each in found) for name in ("waiting", "in_doubt", "failed")}


def _spark(visit: Visit, trend: BacklogTrend | None) -> str:
    if trend is None or not trend.samples:
        return ""
    waiting = [each.waiting for each in trend.samples]
    words = say(
        visit.language,
        "overview.trend_words",
        first=waiting[0],
        last=waiting[-1],
        most=max(waiting),
        hours=_HOURS,
    )
    return sparkline([max(waiting[at : at + _STRIDE]) for at in range(0, len(waiting), _STRIDE)], words)


def points_of(samples: list[Sample], minutes: int) -> list[Point]:
    """A trend as a line that breaks where nobody looked."""
    found = [Point(each.at.timestamp(), each.waiting) for each in samples]
    return gaps(found, minutes * 60 * 2.5)


def _whole(visit: Visit, trends: BacklogTrends) -> dict[str, object] | None:
    """The backlog of everything together, step by step."""
    steps: dict[float, float] = {}
    for trend in trends.items:
        for each in trend.samples:
            at = each.at.timestamp()
            steps[at] = steps.get(at, 0) + each.waiting
    if not steps:
        return None
    most = max(steps.values())
    ordered = [Point(at, steps[at]) for at in sorted(steps)]
    words = say(visit.language, "overview.backlog_words", last=number(ordered[-1].value), most=number(most))
    sampled = [trend.samples for trend in trends.items if trend.samples]
    return {
        "plot": line(gaps(ordered, trends.minutes * 60 * 2.5), words),
        "most": most,
        "first": min(samples[0].at for samples in sampled),
        "last": max(samples[-1].at for samples in sampled),
    }


def _late(visit: Visit, lag: DestinationLag, view: DestinationView) -> dict[str, object]:
    """What one destination showed late, cut by whose doing it was."""
    count = lag.late.by_date
    cut: tuple[tuple[str, int, Kind], ...] = (
        ("rightly", count.rightly, "plain"),
        ("gateway", count.gateway, "bad"),
        ("source", count.source, "warn"),
        ("partner", count.partner, "good"),
        ("before_start", count.before_start, "quiet"),
    )
    parts = [Part(_part(visit, name, value), value, kind) for name, value, kind in cut if value]
    words = say(visit.language, "overview.late_words", shown=count.shown, title=title_of(visit, view))
    return {
        "title": title_of(visit, view),
        "name": view.name,
        "count": count,
        "parts": parts,
        "plot": share(parts, words + " " + "; ".join(part.words for part in parts)),
    }


def _part(visit: Visit, name: str, value: int) -> str:
    return f"{said(visit.language, f'overview.late_{name}', name)}: {number(value)}"


PAGES = (
    Page(
        path="/console",
        name="overview",
        title="overview.title",
        scope=Scope.DELIVERIES_READ,
        view=show,
        group="work",
    ),
)
ACTIONS = ()
