"""Destinations over HTTP: their health and backlog, pausing them, refreshing what is cached of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
import structlog

from gateway.api.deliveries import Reasoned
from gateway.api.health import Health
from gateway.api.problem import invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.delivery.catalogues import Refreshed
from gateway.delivery.destination import Destination
from gateway.domain.delivery import DeliveryState, LaneState
from gateway.domain.errors import NotFoundError
from gateway.domain.violation import Violation, shown
from gateway.storage import queries_status
from gateway.storage.orders import Pause, Resume
from gateway.storage.queries_status import CatalogueView

log = structlog.get_logger(__name__)
BreakerState = Literal["closed", "open", "probing"]


class OperationView(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of delivery that the destination takes."""

    name: str
    kind: str
    title: str
    batch: int
    repeatable: bool
    queryable: bool


class DestinationView(msgspec.Struct, frozen=True, kw_only=True):
    """One destination. ``breaker`` open: nothing leaves until ``next_probe_at``; probing: one at a time.

    ``backlog`` counts open deliveries by state, ``lanes`` those that are not idle. ``oldest_at``: when the oldest
    open delivery was planned.
    """

    name: str
    adapter: str
    title: str
    title_vi: str
    operations: list[OperationView]
    catalogues: list[str]
    paused_by: str | None
    paused_reason: str | None
    breaker: BreakerState
    failures: int
    lost_since: datetime | None
    next_probe_at: datetime | None
    last_failure: str | None
    last_success_at: datetime | None
    backlog: dict[DeliveryState, int]
    oldest_at: datetime | None
    lanes: dict[LaneState, int]


class DestinationList(msgspec.Struct, frozen=True, kw_only=True):
    """Every destination that is switched on."""

    items: list[DestinationView]


class DestinationDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One destination with the age of what is cached of it."""

    destination: DestinationView
    cached: list[CatalogueView]


async def views(api: Api) -> list[DestinationView]:
    """Every destination as it stands, by name."""
    health = await api.health()
    return [
        _view(destination, health, api.now) for _, destination in sorted(api.gateway.destinations.items())
    ]


async def list_destinations(api: Api, _call: Call) -> Answer:
    """Every destination with its health."""
    return Answer(value=DestinationList(items=await views(api)))


async def get_destination(api: Api, call: Call) -> Answer:
    """One destination with its health and its catalogues."""
    destination = destination_named(api, call)
    ages = functools.partial(queries_status.catalogue_ages, name=destination.name)
    cached = await api.gateway.database.read(ages)
    view = _view(destination, await api.health(), api.now)
    return Answer(value=DestinationDetail(destination=view, cached=cached))


def destination_named(api: Api, call: Call) -> Destination:
    """The destination of the address; NotFoundError."""
    name = str(call.path["destination"])
    destination = api.gateway.destinations.get(name)
    if destination is None:
        raise NotFoundError(f"there is no destination {name}")
    return destination


def _view(destination: Destination, health: Health, now: datetime) -> DestinationView:
    manifest = destination.adapter.manifest
    row = health.rows[destination.name]
    backlog = health.backlogs.get(destination.name, queries_status.Backlog())
    return DestinationView(
        name=destination.name,
        adapter=manifest.name,
        title=manifest.title,
        title_vi=manifest.title_vi,
        operations=[
            OperationView(
                name=item.name,
                kind=item.kind,
                title=item.title,
                batch=item.batch,
                repeatable=item.repeatable,
                queryable=item.queryable,
            )
            for item in manifest.operations
        ],
        catalogues=[item.name for item in manifest.reads if item.catalogue],
        paused_by=row.paused_by,
        paused_reason=row.paused_reason,
        breaker=_breaker(row.open_until, now),
        failures=row.failures,
        lost_since=row.opened_at,
        next_probe_at=row.open_until,
        last_failure=row.last_failure,
        last_success_at=row.last_success_at,
        backlog=backlog.deliveries,
        oldest_at=backlog.oldest_at,
        lanes=health.lanes.get(destination.name, {}),
    )


def _breaker(open_until: datetime | None, now: datetime) -> BreakerState:
    if open_until is None:
        return "closed"
    return "open" if open_until > now else "probing"


async def pause_destination(api: Api, call: Call) -> Answer:
    """Send nothing to a destination until it is resumed."""
    return await _paused(api, call, Pause)


async def resume_destination(api: Api, call: Call) -> Answer:
    """End a pause."""
    answer = await _paused(api, call, Resume)
    api.gateway.worker.wake(str(call.path["destination"]))
    return answer


async def _paused(api: Api, call: Call, kind: type[Pause | Resume]) -> Answer:
    destination, order = destination_named(api, call), call.body_as(Reasoned)
    done = await api.operate(
        kind(actor=call.actor, reason=order.reason, now=api.now, destination=destination.name)
    )
    api.forget_health()
    api.alarms.forget()
    return Answer(value=done)


class CatalogueParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the partner's question needs, by name; empty for most catalogues."""

    parameters: dict[str, str] = {}


async def refresh_catalogue(api: Api, call: Call) -> Answer:
    """Fetch a catalogue now; a partner that does not give it leaves what is cached as it is."""
    destination, name = destination_named(api, call), str(call.path["catalogue"])
    parameters = call.body_as(CatalogueParameters).parameters
    known = {item.name: item for item in destination.adapter.manifest.reads if item.catalogue}
    if name not in known:
        raise NotFoundError(f"destination {destination.name} has no catalogue {name}")
    _require_parameters(known[name].parameters, parameters)
    done: Refreshed = await api.gateway.catalogues.refresh(destination.name, name, parameters)
    log.info("catalogue_was_asked_for", destination=destination.name, catalogue=name, client=call.client)
    return Answer(value=done)


def _require_parameters(wanted: Sequence[str], given: Mapping[str, str]) -> None:
    if set(wanted) != set(given):
        raise invalid(
            "the catalogue's parameters are not these",
            Violation(
                pointer="/parameters",
                code="parameters",
                got=shown(", ".join(sorted(given)) or "none"),
                expected=", ".join(sorted(wanted)) or "none",
                advice="send exactly these, each with a text",
            ),
        )
