"""The figures of the front page that take longer to count: on time, lag, at risk.

Invariant: they are counted once a minute however many look, by one reader at a time; whoever asks meanwhile gets the last
ones with the instant that they are of, and only the very first has to wait.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec
import structlog

from gateway.api.lag_judged import judged_lag
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
        self._reading = asyncio.Lock()

    async def read(self, api: Api) -> Glance:
        """The glance, counted anew behind the reader's back when it is old. Raises StorageUnavailable."""
        if self._known is None:
            return await self._renewed(api)
        if self._old and not self._reading.locked():
            api.keep(asyncio.create_task(self._renew(api)))
        return self._known

    async def warm(self, api: Api) -> None:
        """Count it a moment after the start, so that nobody has to wait for it."""
        await asyncio.sleep(WARM_SECONDS)
        await self._renew(api)

    @property
    def _old(self) -> bool:
        return self._known is None or self._monotonic() - self._read_at >= REMEMBERED_SECONDS

    async def _renew(self, api: Api) -> None:
        try:
            await self._renewed(api)
        except StorageUnavailable as fault:
            log.warning("storage_was_lost", step="glance", reason=str(fault)[:200])

    async def _renewed(self, api: Api) -> Glance:
        async with self._reading:
            if self._known is None or self._old:
                self._known, self._read_at = await _counted(api), self._monotonic()
            return self._known


async def get_glance(api: Api, _call: Call) -> Answer:
    """The figures of the front page."""
    return Answer(value=await api.glance.read(api))


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
