"""Reconciliation of payments over HTTP: start a run, hand in a settlement file, read the statement, end an item.

Invariant: nothing settles without ``apply``; an item is ended with a reason, in the name of the key's client.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reasoned
from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.problem import Refused, invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.deadlines.instants import day_number
from gateway.domain.reconciliation import Item, Kind
from gateway.domain.violation import Violation
from gateway.jobs.service import RunOrder
from gateway.payments.reconcile import NAME
from gateway.payments.settlement_import import HandedIn
from gateway.storage.reconciliation import ItemFilter, Resolution

_LIST = "reconciliation"
Day = Annotated[date, Meta(description="A day in Viet Nam.", examples=["2026-09-28"])]
FileName = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f]+$")]


class ReconciliationOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run over the attempts of ``date``; without it every day since the last run, up to yesterday.

    ``apply``: settle what the platform or a file says was paid, and our books do not have. ``dry_run``: look only.
    """

    date: Day | None = None
    destination: Word | None = None
    dry_run: bool = False
    apply: bool = False


class StatementQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which statement."""

    date: Day
    destination: Word | None = None


MOST_DAYS = 92


class LedgerQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which days, both inclusive; without ``to`` that of ``from`` alone. At most three months at once."""

    start: Day = msgspec.field(name="from")
    end: Day | None = msgspec.field(name="to", default=None)
    destination: Word | None = None


class ItemQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which items, of any day."""

    date: Day | None = None
    destination: Word | None = None
    kind: Kind | None = None
    state: Literal["open", "resolved"] | None = None
    reference: Word | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some items, oldest first. ``next`` null: these were the last."""

    items: list[Item]
    next: str | None


class FileQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a settlement file is about."""

    date: Day
    destination: Word
    name: FileName = "settlement"


async def start_reconciliation(api: Api, call: Call) -> Answer:
    """Order a run; a worker process does it."""
    order = call.body_as(ReconciliationOrder)
    given = {
        "date": None if order.date is None else order.date.isoformat(),
        "destination": order.destination,
        "apply": "yes" if order.apply else None,
    }
    view = await api.gateway.jobs.start(
        RunOrder(
            job=NAME,
            actor=call.actor,
            parameters={name: value for name, value in given.items() if value is not None},
            dry_run=order.dry_run,
        )
    )
    return Answer(value=view, status=202, headers=(("location", f"/v1/runs/{view.id}"),))


async def get_statement(api: Api, call: Call) -> Answer:
    """What stands on record for a day."""
    query = call.query_as(StatementQuery)
    async with api.reporting:
        found = await api.gateway.payments.reconciliation.statement(query.date, query.destination)
    return Answer(value=found)


async def get_ledger(api: Api, call: Call) -> Answer:
    """Both ledgers over a period."""
    query = call.query_as(LedgerQuery)
    end = query.end or query.start
    if not 0 <= (end - query.start).days < MOST_DAYS:
        raise invalid(
            "the period cannot be shown",
            Violation(
                pointer="/query/to",
                code="period",
                got=end.isoformat(),
                expected=f"from {query.start.isoformat()} on, at most {MOST_DAYS} days",
                advice="ask for fewer days at once",
            ),
        )
    async with api.reporting:
        found = await api.gateway.payments.reconciliation.ledger(query.start, end, query.destination)
    return Answer(value=found)


async def list_items(api: Api, call: Call) -> Answer:
    """Some items, oldest first."""
    query = call.query_as(ItemQuery)
    key = key_of(_LIST, query.cursor, tuple[int])
    wanted = ItemFilter(
        day=None if query.date is None else day_number(query.date),
        destination=query.destination,
        kind=None if query.kind is None else query.kind.value,
        state=query.state,
        reference=query.reference,
    )
    found = await api.gateway.payments.reconciliation.items(
        wanted, after=None if key is None else key[0], limit=query.limit
    )
    last = (int(found[-1].id),) if found else None
    return Answer(value=ItemPage(items=found, next=next_cursor(_LIST, found, query.limit, last)))


async def get_item(api: Api, call: Call) -> Answer:
    """One item."""
    return Answer(value=await api.gateway.payments.reconciliation.item(int(call.path["item"])))


async def resolve_item(api: Api, call: Call) -> Answer:
    """End an open item."""
    order = Resolution(
        item=int(call.path["item"]),
        actor=call.actor,
        reason=call.body_as(Reasoned).reason,
        now=api.now,
    )
    return Answer(value=await api.gateway.payments.reconciliation.resolve(order))


async def hand_in_file(api: Api, call: Call) -> Answer:
    """Take in a settlement file, as it arrives."""
    query = call.query_as(FileQuery)
    async with _spooled(call.chunks, api.settings.max_import_bytes) as path:
        given = HandedIn(
            path=path,
            name=query.name,
            destination=query.destination,
            day=query.date,
            actor=call.actor,
        )
        taken = await api.gateway.payments.reconciliation.take_in(given)
    return Answer(value=taken, status=200 if taken.known else 201)


@asynccontextmanager
async def _spooled(chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[Path]:
    """A body in a file of its own, gone afterwards; Refused (413) when it is too large."""
    with tempfile.NamedTemporaryFile(prefix="lienthong-settlement-") as file:
        size = 0
        async for piece in chunks:
            size += len(piece)
            if size > most:
                raise Refused("too_large", f"a settlement file has at most {most} bytes; hand it in in parts")
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.flush)
        yield Path(file.name)
