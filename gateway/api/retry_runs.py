"""Retry runs over HTTP: what one would do, beginning it, watching it, pausing, resuming and stopping it."""

from __future__ import annotations

import functools
import math
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import DossierCode
from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.orders import Retryable
from gateway.storage.queries_failures import destinations_of, exchange_seconds
from gateway.storage.queries_retry_runs import RetryRunView, RetryState, retry_run_view, retry_runs
from gateway.storage.retry_orders import ChangeRun, Chosen, NewRetryRun, RetryPlan, RunVerb
from gateway.storage.retry_runs import begin_retry_run, change_retry_run, look_at_retry_run

_LIST = "retry-runs"
FASTEST = 60_000
Pace = Annotated[
    int, Meta(ge=1, le=FASTEST, description="Deliveries a minute; left out: what the destination carries.")
]
_Number = Annotated[str, Meta(pattern=r"^[0-9]{1,19}$(?!\n)")]


class CauseChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that stands in ``state`` at ``destination`` for this cause; what is left out does not matter."""

    destination: Word
    state: Retryable
    operation: Word | None = None
    code: Word | None = None
    dossier: DossierCode | None = None


class RetryRunOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send again: whole causes, single deliveries. ``dry_run`` (the default) only says what would happen.

    ``doubted``: also what was in doubt before and may not be sent twice by the contract.
    """

    reason: Reason
    causes: Annotated[list[CauseChoice], Meta(max_length=200)] = []
    deliveries: Annotated[list[_Number], Meta(max_length=1000)] = []
    per_minute: Pace | None = None
    doubted: bool = False
    dry_run: bool = True


class PlannedRetry(msgspec.Struct, frozen=True, kw_only=True):
    """What a run does at one destination. ``closed``: nothing leaves for it now (paused, or its breaker is open)."""

    plan: RetryPlan
    closed: str | None


class RetryRunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One run for each destination."""

    dry_run: bool
    items: list[PlannedRetry]


class RetryRunChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change to a run, and why. ``per_minute``: its pace from now on."""

    reason: Reason
    per_minute: Pace | None = None


class RetryRunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs."""

    state: RetryState | None = None
    cursor: Cursor | None = None
    limit: Limit = 20


class RetryRunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs, newest first. ``next`` null: these were the last."""

    items: list[RetryRunView]
    next: str | None


async def start_retry_run(api: Api, call: Call) -> Answer:
    """Begin a run for each destination, or say what each would do."""
    order = call.body_as(RetryRunOrder)
    numbers = [int(each) for each in order.deliveries]
    owners = await api.gateway.database.read(functools.partial(destinations_of, deliveries=numbers))
    names = sorted({cause.destination for cause in order.causes} | set(owners.values()))
    # all of them first: a destination that is not there any more must not be found when the first run goes on already
    every = [
        await _new_run(api, call, order, name, [each for each in numbers if owners.get(each) == name])
        for name in names
    ]
    found: list[PlannedRetry] = []
    nothing: ConflictError | None = None
    for new in every:
        try:
            plan = await _planned(api, new)
        except ConflictError as fault:
            nothing = fault
            continue
        found.append(PlannedRetry(plan=plan, closed=await _closed(api, new.destination)))
    if not found:
        raise nothing or ConflictError("nothing was chosen that could be sent again")
    return Answer(value=RetryRunAnswer(dry_run=order.dry_run, items=found))


async def _planned(api: Api, new: NewRetryRun) -> RetryPlan:
    database = api.gateway.database
    if new.dry_run:
        return await database.read(functools.partial(look_at_retry_run, database=database, order=new))
    return await database.write(functools.partial(begin_retry_run, order=new))


async def _new_run(api: Api, call: Call, order: RetryRunOrder, name: str, mine: list[int]) -> NewRetryRun:
    destination = api.gateway.destinations.get(name)
    if destination is None:
        raise NotFoundError(f"there is no destination {name}")
    operations = destination.adapter.manifest.operations
    return NewRetryRun(
        actor=call.actor,
        reason=order.reason,
        now=api.now,
        destination=name,
        per_minute=order.per_minute or await _pace(api, name),
        causes=tuple(
            Chosen(state=each.state, operation=each.operation, code=each.code, dossier=each.dossier)
            for each in order.causes
            if each.destination == name
        ),
        deliveries=tuple(mine),
        repeatable=frozenset(each.name for each in operations if each.repeatable),
        doubted=order.doubted,
        dry_run=order.dry_run,
    )


async def _pace(api: Api, name: str) -> int:
    """What the destination carries: its rate limit, or what its connections did lately."""
    capacity = api.gateway.destinations[name].capacity
    seconds = await api.gateway.database.read(functools.partial(exchange_seconds, destination=name))
    a_second = capacity.concurrency / max(0.01, 1.0 if seconds is None else seconds)
    if capacity.rate is not None:
        a_second = min(a_second, capacity.rate)
    return max(1, min(FASTEST, math.floor(a_second * 60)))


async def _closed(api: Api, name: str) -> str | None:
    row = (await api.health()).rows[name]
    if row.paused_by is not None:
        return "paused"
    return "breaker" if row.open_until is not None else None


async def list_retry_runs(api: Api, call: Call) -> Answer:
    """Some runs, newest first."""
    query = call.query_as(RetryRunQuery)
    key = key_of(_LIST, query.cursor, tuple[int])
    before = None if key is None else key[0]
    question = functools.partial(retry_runs, state=query.state, before=before, limit=query.limit)
    items = await api.gateway.database.read(question)
    last = (int(items[-1].id),) if items else None
    return Answer(value=RetryRunPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def get_retry_run(api: Api, call: Call) -> Answer:
    """One run."""
    return Answer(value=await _run(api, int(call.path["run"])))


async def _run(api: Api, number: int) -> RetryRunView:
    found = await api.gateway.database.read(functools.partial(retry_run_view, run=number))
    if found is None:
        raise NotFoundError(f"there is no retry run {number}")
    return found


async def pause_retry_run(api: Api, call: Call) -> Answer:
    """Let a run stand still."""
    return await _change(api, call, "pause")


async def resume_retry_run(api: Api, call: Call) -> Answer:
    """Let a run go on."""
    return await _change(api, call, "resume")


async def stop_retry_run(api: Api, call: Call) -> Answer:
    """End a run; what it has not sent yet stays where it is."""
    return await _change(api, call, "stop")


async def _change(api: Api, call: Call, verb: RunVerb) -> Answer:
    wish, run = call.body_as(RetryRunChange), int(call.path["run"])
    order = ChangeRun(
        actor=call.actor, reason=wish.reason, now=api.now, run=run, verb=verb, per_minute=wish.per_minute
    )
    await api.gateway.database.write(functools.partial(change_retry_run, order=order))
    return Answer(value=await _run(api, run))
