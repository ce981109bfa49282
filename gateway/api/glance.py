"""The figures of the front page that take longer to count: on time, lag, at risk.

Invariant: they are counted once a minute however many look, by one reader at a time; whoever asks meanwhile gets the last
ones with the instant that they are of, and only the very first has to wait, as long as it likes to.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import structlog
from msgspec import Meta

from gateway.api.lag_judged import judged_lag
from gateway.api.problem import Refused
from gateway.api.route import Answer, Call
from gateway.deadlines.instants import to_micros
from gateway.domain.errors import StorageUnavailable
from gateway.reports.periods import Wanted, period_of
from gateway.reports.progress import compute_766
from gateway.reports.ratios import Ratio
from gateway.reports.terms import Asked, ReportStamp
from gateway.statussync.at_risk import AtRisk, Question, at_risk
from gateway.statussync.lag_report import query_of
from gateway.statussync.lag_troubles import policy_of
from gateway.statussync.lag_views import LagReport
from gateway.storage import urgency

if TYPE_CHECKING:
    from gateway.api.service import Api

log = structlog.get_logger(__name__)
REMEMBERED_SECONDS = 60.0
WARM_SECONDS = 2.0
NOT_YET = "these figures are being counted for the first time since the start; ask again in a moment"
LAG_DAYS = 7
FIRST_AT_RISK = 5
_ANEW = 1.0  # and kept for the page of the lag


class OnTime(msgspec.Struct, frozen=True, kw_only=True):
    """The on-time ratio of this month so far, by date (form 06a: columns 8 + 9 of 7, or of 3 where the setting ``of`` says
    received). ``below``: it is below ``least`` (0 to 1)."""

    ratio: Ratio
    of: Literal["resolved", "received"]
    least: float
    below: bool
    stamp: ReportStamp


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """As of ``at``. ``lag``: of the last seven days. ``at_risk``: by destination, dossiers that may be shown late, and the
    ``first`` of them."""

    at: datetime
    on_time: OnTime
    lag: LagReport
    at_risk: dict[str, int]
    first: list[AtRisk]


class GlanceMemory:
    """The last glance. ``monotonic``: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: Glance | None = None
        self._read_at = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def read(self, api: Api, patience: float) -> Glance | None:
        """The glance, counted anew behind the reader's back when it is old. None: there is none within ``patience`` seconds."""
        if self._known is None or self._monotonic() - self._read_at >= REMEMBERED_SECONDS:
            counting = self._count(api)
            if self._known is None:
                done, _ = await asyncio.wait({counting}, timeout=patience)
                for each in done:
                    each.result()  # a defect in counting is told, and not taken for patience that ran out
        return self._known

    async def warm(self, api: Api) -> None:
        """Count it a moment after the start, so that nobody has to wait for it."""
        await asyncio.sleep(WARM_SECONDS)
        await self._count(api)

    def _count(self, api: Api) -> asyncio.Task[None]:
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._renew(api), name="glance")
            api.keep(self._counting)
        return self._counting

    async def _renew(self, api: Api) -> None:
        try:
            self._known, self._read_at = await _counted(api), self._monotonic()
        except StorageUnavailable as fault:
            log.warning("storage_was_lost", step="glance", reason=str(fault)[:200])


class GlanceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for the very first figures."""

    patience: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Wait at most so many seconds when nothing was counted yet since the start; after that, 503.",
            examples=[1],
        ),
    ] = 60.0


async def get_glance(api: Api, call: Call) -> Answer:
    """The figures of the front page. Refused (503): they are still being counted for the first time."""
    found = await api.glance.read(api, call.query_as(GlanceQuery).patience)
    if found is None:
        raise Refused("unavailable", NOT_YET, headers=(("retry-after", "2"),))
    return Answer(value=found)


async def _counted(api: Api) -> Glance:
    now, desk = api.now, api.gateway.deadlines
    names = sorted(api.gateway.destinations)
    policy = policy_of(api.gateway.settings, lambda: api.gateway.worker.here_since)
    query = query_of(names, now=now, policy=policy, days=LAG_DAYS)
    instant = to_micros(now)
    risky = Question(now=instant, destinations=desk.destinations, limit=FIRST_AT_RISK)
    found = await api.compute(functools.partial(at_risk, question=risky, rules=desk.rules))
    counts = await api.compute(functools.partial(urgency.counts, horizon=desk.horizon(instant)))
    return Glance(
        at=now,
        on_time=await _on_time(api),
        lag=(await judged_lag(api, query, max_age=_ANEW)).report,
        at_risk={name: counts.get(name, 0) for name in names},
        first=[entry for _, entry in found],
    )


async def _on_time(api: Api) -> OnTime:
    settings = api.gateway.settings.reports
    asked = Asked(period=period_of(Wanted(), now=api.now, closing=settings.closing_day))
    question = functools.partial(
        compute_766, asked=asked, terms=api.gateway.deadlines.rules, settings=settings, now=api.now
    )
    found = await api.compute(question)
    return OnTime(
        ratio=found.total.on_time,
        of=found.on_time_of,
        least=found.least,
        below=found.total.below,
        stamp=found.stamp,
    )
