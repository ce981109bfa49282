"""Failures over HTTP: their causes with what to do about them, lanes that stand still, and what a delivery allows."""

from __future__ import annotations

import functools

import msgspec

from gateway.api.deliveries import Reasoned
from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.delivery.causes import explained
from gateway.domain.cause import Cause
from gateway.domain.delivery import STUCK, DeliveryState
from gateway.domain.errors import ConflictError, NotFoundError
from gateway.port import Operation
from gateway.storage.orders import AskAgain, DeliveryDone
from gateway.storage.queries_deliveries import DeliveryView, delivery_detail
from gateway.storage.queries_failures import MOST_GROUPS, FailureFilter, FailureRow, Trouble, failures
from gateway.storage.queries_lanes import (
    DeskAction,
    LaneDetail,
    LaneStanding,
    Stopped,
    lane_detail,
    lane_history,
    stopped_lanes,
)
from gateway.storage.queries_retry_runs import RetryOf, retries_of

_LANES = "lanes"
_CAN_RETRY = frozenset({DeliveryState.REJECTED, DeliveryState.PARKED, DeliveryState.WAITING})
_CAN_SKIP = _CAN_RETRY | {DeliveryState.PENDING, DeliveryState.IN_DOUBT}


class FailureQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which failures."""

    destination: Word | None = None
    state: Trouble | None = None
    operation: Word | None = None
    code: Word | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries that fail for one cause, and what can be done about it."""

    group: FailureRow
    cause: Cause


class FailureList(msgspec.Struct, frozen=True, kw_only=True):
    """The causes, the one with the most deliveries first. ``more``: there are others with fewer."""

    items: list[Failure]
    deliveries: int
    more: bool


class LaneQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lanes that stand still."""

    destination: Word | None = None
    state: Stopped | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class BlockedLane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane that stands still, and the cause of what is at its head."""

    lane: LaneStanding
    cause: Cause | None


class LanePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some lanes, newest first. ``next`` null: these were the last."""

    items: list[BlockedLane]
    next: str | None


class DeliveryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be done with a delivery as it stands. ``ask``: the partner can be asked; ``edit``: what it
    says can be corrected; ``repeatable``: sent twice it has
    the same effect as once. ``retries``: the retry runs it was in; ``history``: what people did to its lane."""

    cause: Cause | None
    retry: bool
    skip: bool
    resolve: bool
    ask: bool
    edit: bool
    repeatable: bool
    operation_title: str
    lane: LaneStanding
    retries: list[RetryOf]
    history: list[DeskAction]


async def list_failures(api: Api, call: Call) -> Answer:
    """The causes of everything that is in trouble."""
    query = call.query_as(FailureQuery)
    question = functools.partial(
        failures,
        wanted=FailureFilter(
            destination=query.destination, state=query.state, operation=query.operation, code=query.code
        ),
        destinations=list(api.gateway.destinations),
        limit=MOST_GROUPS + 1,
    )
    rows = await api.gateway.database.read(question)
    shown = rows[:MOST_GROUPS]
    items = [
        Failure(group=row, cause=cause_of(api, row.destination, row.code, row.state, row.actor))
        for row in shown
    ]
    found = FailureList(items=items, deliveries=sum(row.count for row in shown), more=len(rows) > MOST_GROUPS)
    return Answer(value=found)


def cause_of(api: Api, destination: str, code: str | None, state: str, actor: str | None) -> Cause:
    """What a failure at ``destination`` means."""
    found = api.gateway.destinations.get(destination)
    manifest = None if found is None else found.adapter.manifest
    return explained(manifest, code=code, state=state, actor=actor)


async def list_lanes(api: Api, call: Call) -> Answer:
    """Some lanes that stand still."""
    query = call.query_as(LaneQuery)
    key = key_of(_LANES, query.cursor, tuple[int])
    question = functools.partial(
        stopped_lanes,
        state=query.state,
        before=None if key is None else key[0],
        limit=query.limit,
        destinations=[query.destination] if query.destination else list(api.gateway.destinations),
    )
    rows = await api.gateway.database.read(question)
    items = [BlockedLane(lane=row, cause=_head_cause(api, row.head)) for _, row in rows]
    last = (rows[-1][0],) if rows else None
    return Answer(value=LanePage(items=items, next=next_cursor(_LANES, items, query.limit, last)))


def _head_cause(api: Api, head: DeliveryView | None) -> Cause | None:
    if head is None or head.state is DeliveryState.PENDING:
        return None
    return cause_of(api, head.destination, head.code, head.state, head.actor)


async def get_lane(api: Api, call: Call) -> Answer:
    """One lane with its queue and its history."""
    return Answer(value=await _lane(api, str(call.path["destination"]), str(call.path["dossier"])))


async def _lane(api: Api, destination: str, dossier: str) -> LaneDetail:
    question = functools.partial(lane_detail, destination=destination, dossier=dossier)
    found = await api.gateway.database.read(question)
    if found is None:
        raise NotFoundError(f"dossier {dossier} has no lane to {destination}")
    return found


async def get_delivery_options(api: Api, call: Call) -> Answer:
    """What may be done with a delivery."""
    number = int(call.path["delivery"])
    view = await _view(api, number)
    lane = (await _lane(api, view.destination, view.dossier)).lane
    operation = operation_of(api, view)
    retries = await api.gateway.database.read(functools.partial(retries_of, delivery_id=number))
    asking = functools.partial(lane_history, destination=view.destination, dossier=view.dossier)
    troubled = view.state in _CAN_SKIP and view.state is not DeliveryState.PENDING
    found = DeliveryOptions(
        cause=cause_of(api, view.destination, view.code, view.state, view.actor) if troubled else None,
        retry=view.state in _CAN_RETRY,
        skip=view.state in _CAN_SKIP,
        resolve=view.state is DeliveryState.IN_DOUBT,
        ask=view.state is DeliveryState.IN_DOUBT and operation is not None and operation.queryable,
        edit=view.state in STUCK and view.destination in api.gateway.destinations,
        repeatable=operation is not None and operation.repeatable,
        operation_title=view.operation if operation is None else operation.title,
        lane=lane,
        retries=retries,
        history=await api.gateway.database.read(asking),
    )
    return Answer(value=found)


async def _view(api: Api, number: int) -> DeliveryView:
    found = await api.gateway.database.read(functools.partial(delivery_detail, delivery_id=number))
    if found is None:
        raise NotFoundError(f"there is no delivery {number}")
    return found.delivery


def operation_of(api: Api, view: DeliveryView) -> Operation | None:
    """The operation of a delivery, as its adapter declares it; None for one that it has dropped."""
    destination = api.gateway.destinations.get(view.destination)
    operations = () if destination is None else destination.adapter.manifest.operations
    return next((each for each in operations if each.name == view.operation), None)


async def ask_partner(api: Api, call: Call) -> Answer:
    """Ask the partner again what became of a delivery in doubt."""
    number = int(call.path["delivery"])
    view = await _view(api, number)
    operation = operation_of(api, view)
    if operation is None or not operation.queryable:
        raise ConflictError(
            f"{view.destination} has no question about {view.operation}; find out from its contact, then resolve"
        )
    order = AskAgain(actor=call.actor, reason=call.body_as(Reasoned).reason, now=api.now, delivery=number)
    done = await api.operate(order)
    if isinstance(done, DeliveryDone):
        api.gateway.worker.wake(done.destination)
    return Answer(value=done)
