"""Status, liveness, readiness and metrics over HTTP."""

from __future__ import annotations

import asyncio
import functools
from datetime import datetime
from importlib import metadata
from typing import Literal

import msgspec

from gateway.api.access import require_scope
from gateway.api.destinations import DestinationView, views
from gateway.api.problem import Refused
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import StorageUnavailable
from gateway.evidence.traffic import Evidence
from gateway.storage import queries_status
from gateway.storage.clients import Scope
from gateway.storage.queries_status import Totals
from gateway.telemetry import metrics_page

TEXT_METRICS = "text/plain; version=0.0.4; charset=utf-8"
READY_SECONDS = 5.0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The whole gateway at a glance. ``evidence``: how the proof of the message log stands."""

    version: str
    now: datetime
    started_at: datetime
    totals: Totals
    destinations: list[DestinationView]
    evidence: Evidence


class Liveness(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: str = "alive"


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway can take dossiers in. ``traffic``: whether partners are spoken to; ``stopped``, and ``reason`` says why,
    while no evidence of it could be produced."""

    status: str = "ready"
    traffic: Literal["open", "stopped"] = "open"
    reason: str = ""


@functools.cache
def version() -> str:
    """The release that runs."""
    try:
        return metadata.version("lienthong")
    except metadata.PackageNotFoundError:
        return "0"


async def get_status(api: Api, _call: Call) -> Answer:
    """Counts over everything, and every destination's health."""
    now = api.now
    totals = await api.gateway.database.read(functools.partial(queries_status.totals, now=now))
    return Answer(
        value=Overview(
            version=version(),
            now=now,
            started_at=api.started_at,
            totals=totals,
            destinations=await views(api),
            evidence=await api.gateway.evidence.traffic.look(),
        )
    )


async def get_liveness(_api: Api, _call: Call) -> Answer:
    """The event loop turns; nothing else is looked at."""
    return Answer(value=Liveness())


async def get_readiness(api: Api, _call: Call) -> Answer:
    """The database answers and the gateway is not about to end."""
    if api.stopping.is_set():
        raise Refused("unavailable", "the gateway is about to end", headers=(("retry-after", "5"),))
    try:
        async with asyncio.timeout(READY_SECONDS):
            await api.gateway.database.read(queries_status.answers)
            evidence = await api.gateway.evidence.traffic.look()
    except TimeoutError as fault:
        raise StorageUnavailable("the database did not answer in time") from fault
    # ready all the same: taken off by a balancer, nobody would answer partners in their contract's words
    traffic = Readiness(traffic="stopped", reason=evidence.reason) if evidence.stopped else Readiness()
    return Answer(value=traffic)


async def get_metrics(api: Api, call: Call) -> Answer:
    """The metrics in Prometheus' text format.

    From this machine without a proxy in between they need no key, since a scraper beside the process has none to
    keep; everybody else needs ``metrics:read``.
    """
    if not call.loopback:
        principal = await api.access.principal(dict(call.header_pairs))
        require_scope(principal, Scope.METRICS_READ)
    await api.tables.measure(api)
    return Answer(content=metrics_page(), media_type=TEXT_METRICS)
