"""The lag of synchronisation over HTTP: how long things took, what was shown late, and through whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.inputs import Word
from gateway.api.lag_judged import judged_lag
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.problem import invalid
from gateway.api.recent import MaxAge
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import NotFoundError
from gateway.domain.violation import Violation
from gateway.statussync.lag import Cause, Shown
from gateway.statussync.lag_report import query_of
from gateway.statussync.lag_troubles import policy_of
from gateway.statussync.lag_views import Lag, LateDossier, Query

_LIST = "late"
MOST_DAYS = 400
USUAL_DAYS = 7
_EARLIEST = date(2000, 1, 1)  # before every system; from here on days can be counted backwards
First = Annotated[
    date,
    Meta(
        description="First day, in Viet Nam; a week before the last one if left out.", examples=["2026-09-22"]
    ),
]
Last = Annotated[date, Meta(description="Last day, included; today if left out.", examples=["2026-09-28"])]


class LagQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which days, by acknowledgement, and which destination."""

    destination: Word | None = None
    first: First | None = None
    last: Last | None = None
    max_age: MaxAge = 0


class LateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dossiers. ``cause``: only what was wrongly shown late through it, by date or by instant."""

    destination: Word | None = None
    first: First | None = None
    last: Last | None = None
    shown: Shown | None = None
    cause: Cause | None = None
    max_age: MaxAge = 0
    cursor: Cursor | None = None
    limit: Limit = 100


class LatePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dossiers as of ``as_of``, the oldest promise first. ``next`` null: these were the last."""

    as_of: datetime
    items: list[LateDossier]
    next: str | None


async def get_lag(api: Api, call: Call) -> Answer:
    """The lag of some days, with the headline."""
    return Answer(value=(await _lag(api, call.query_as(LagQuery))).report)


async def list_late(api: Api, call: Call) -> Answer:
    """The dossiers behind the counts, one page."""
    query = call.query_as(LateQuery)
    after = key_of(_LIST, query.cursor, tuple[str, str, str])
    found = await _lag(api, query)
    wanted = [item for item in found.late if _wanted(item, query) and (after is None or _key(item) > after)]
    items = wanted[: query.limit]
    last = _key(items[-1]) if items else None
    following = next_cursor(_LIST, items, query.limit, last)
    return Answer(value=LatePage(as_of=found.report.as_of, items=items, next=following))


async def _lag(api: Api, query: LagQuery | LateQuery) -> Lag:
    question = _question(api, query.destination, query.first, query.last)
    return await judged_lag(api, question, max_age=query.max_age)


def _key(item: LateDossier) -> tuple[str, str, str]:
    """As ``late_dossiers`` sorts them."""
    return item.due_at.isoformat(), item.dossier, item.destination


def _wanted(item: LateDossier, query: LateQuery) -> bool:
    shown = query.shown is None or query.shown in {item.shown_by_date, item.shown_by_instant}
    return shown and (query.cause is None or query.cause in {item.cause_by_date, item.cause_by_instant})


def _question(api: Api, destination: str | None, first: date | None, last: date | None) -> Query:
    usual = query_of(
        _destinations(api, destination),
        now=api.now,
        policy=policy_of(api.gateway.settings, lambda: api.gateway.worker.here_since),
        days=USUAL_DAYS,
    )
    end = max(last or usual.last, _EARLIEST)
    begin = first or end - timedelta(days=USUAL_DAYS - 1)
    if not timedelta() <= end - begin < timedelta(days=MOST_DAYS):
        raise invalid(
            "the days are not a stretch of time",
            Violation(
                pointer="/query/first",
                code="days",
                got=f"{begin.isoformat()} to {end.isoformat()}",
                expected=f"the first day not after the last, at most {MOST_DAYS} days",
                advice="ask for fewer days, or exchange the two",
            ),
        )
    return msgspec.structs.replace(usual, first=begin, last=end)


def _destinations(api: Api, wanted: str | None) -> Sequence[str]:
    known = sorted(api.gateway.destinations)
    if wanted is None:
        return known
    if wanted not in known:
        raise NotFoundError(f"there is no destination {wanted}")
    return [wanted]
