"""Deliveries and lanes over HTTP: looking at them, and what an operator may do to them."""

from __future__ import annotations

import functools
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.delivery import DeliveryState
from gateway.domain.dossier import DossierCode
from gateway.domain.errors import NotFoundError
from gateway.port import OperationKind
from gateway.storage import queries_deliveries
from gateway.storage.orders import (
    BulkDone,
    BulkRetry,
    DeliveryDone,
    Hold,
    LaneDone,
    Resolve,
    Retry,
    Retryable,
    Skip,
    Unhold,
    Verdict,
)
from gateway.storage.queries_deliveries import DeliveryDetail, DeliveryFilter, DeliveryView

_LIST = "deliveries"
Reason = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=1000,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="Why; it stands in the history for good.",
        examples=["the portal has repaired its catalogue"],
    ),
]


class Reasoned(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action that needs nothing but its reason."""

    reason: Reason


class Resolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a delivery in doubt. ``absent``: surely not at the partner, so it is sent again."""

    verdict: Verdict
    reason: Reason


class BulkRetryOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to retry. ``dry_run`` (the default) only says which they are."""

    destination: Word
    state: Retryable
    reason: Reason
    code: Word | None = None
    dossier: DossierCode | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 1000
    dry_run: bool = True


class DeliveryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries. ``code`` is that of the last outcome; without ``state`` it means those not final."""

    destination: Word | None = None
    state: DeliveryState | None = None
    dossier: DossierCode | None = None
    operation: Word | None = None
    code: Word | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some deliveries, newest first. ``next`` null: these were the last."""

    items: list[DeliveryView]
    next: str | None


async def list_deliveries(api: Api, call: Call) -> Answer:
    """Some deliveries, newest first."""
    query = call.query_as(DeliveryQuery)
    key = key_of(_LIST, query.cursor, tuple[int])
    question = functools.partial(
        queries_deliveries.deliveries,
        wanted=DeliveryFilter(
            destination=query.destination,
            state=query.state,
            dossier=query.dossier,
            operation=query.operation,
            code=query.code,
        ),
        before=None if key is None else key[0],
        limit=query.limit,
        destinations=list(api.gateway.destinations),
    )
    items = await api.gateway.database.read(question)
    last = (int(items[-1].id),) if items else None
    return Answer(value=DeliveryPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def get_delivery(api: Api, call: Call) -> Answer:
    """One delivery with its attempts."""
    return Answer(value=await _detail(api, int(call.path["delivery"])))


async def _detail(api: Api, delivery: int) -> DeliveryDetail:
    question = functools.partial(queries_deliveries.delivery_detail, delivery_id=delivery)
    found = await api.gateway.database.read(question)
    if found is None:
        raise NotFoundError(f"there is no delivery {delivery}")
    return found


async def retry_delivery(api: Api, call: Call) -> Answer:
    """Send a stuck delivery again."""
    order = call.body_as(Reasoned)
    return await _moved(
        api,
        Retry(actor=call.actor, reason=order.reason, now=api.now, delivery=int(call.path["delivery"])),
    )


async def skip_delivery(api: Api, call: Call) -> Answer:
    """Never send a delivery."""
    order = call.body_as(Reasoned)
    return await _moved(
        api, Skip(actor=call.actor, reason=order.reason, now=api.now, delivery=int(call.path["delivery"]))
    )


async def resolve_delivery(api: Api, call: Call) -> Answer:
    """Say what became of a delivery in doubt."""
    order, delivery = call.body_as(Resolution), int(call.path["delivery"])
    view = (await _detail(api, delivery)).delivery
    return await _moved(
        api,
        Resolve(
            actor=call.actor,
            reason=order.reason,
            now=api.now,
            delivery=delivery,
            verdict=order.verdict,
            snapshot=_is_snapshot(api, view),
        ),
    )


def _is_snapshot(api: Api, view: DeliveryView) -> bool:
    """Whether the delivery tells its partner the whole dossier."""
    destination = api.gateway.destinations.get(view.destination)
    operations = () if destination is None else destination.adapter.manifest.operations
    return any(item.name == view.operation and item.kind is OperationKind.SNAPSHOT for item in operations)


async def _moved(api: Api, order: Retry | Skip | Resolve) -> Answer:
    done = await api.operate(order)
    if isinstance(done, DeliveryDone):
        api.gateway.worker.wake(done.destination)
    return Answer(value=done)


async def retry_deliveries(api: Api, call: Call) -> Answer:
    """Retry many deliveries, or say which they would be."""
    order = call.body_as(BulkRetryOrder)
    done = await api.operate(
        BulkRetry(
            actor=call.actor,
            reason=order.reason,
            now=api.now,
            destination=order.destination,
            state=order.state,
            code=order.code,
            dossier=order.dossier,
            limit=order.limit,
            dry_run=order.dry_run,
        )
    )
    if isinstance(done, BulkDone) and not done.dry_run:
        api.gateway.worker.wake(order.destination)
    return Answer(value=done)


async def hold_lane(api: Api, call: Call) -> Answer:
    """Send nothing more of one dossier to one destination."""
    return await _held(api, call, Hold)


async def release_lane(api: Api, call: Call) -> Answer:
    """Let a held lane go on."""
    return await _held(api, call, Unhold)


async def _held(api: Api, call: Call, kind: type[Hold | Unhold]) -> Answer:
    done = await api.operate(
        kind(
            actor=call.actor,
            reason=call.body_as(Reasoned).reason,
            now=api.now,
            destination=str(call.path["destination"]),
            dossier=str(call.path["dossier"]),
        )
    )
    if isinstance(done, LaneDone) and not done.held:
        api.gateway.worker.wake(done.destination)
    return Answer(value=done)
