"""A destination on a real database, with a clock that moves when told and a partner that does as told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from gateway.delivery.destination import Destination, Hub
from gateway.delivery.dispatcher import Dispatcher
from gateway.delivery.pipeline import LaneRun
from gateway.domain.errors import StorageUnavailable
from gateway.settings import BreakerSettings, DeliverySettings, DestinationSettings, RetrySettings
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance, LanePlan, PlannedDelivery, accept_dossiers
from gateway.storage.lanes import Claim, ClaimedLane, claim_lanes
from tests.clocks import START, Clock
from tests.delivery.partner import Partner, StubAdapter
from tests.storage.builders import dossier


def planned(operation: str, key: str, text: str = "") -> PlannedDelivery:
    payload = msgspec.json.encode({"status": "processing", "version": 1, "text": text})
    digest = hashlib.sha256(payload).digest()
    return PlannedDelivery(
        operation=operation, key=key, payload=payload, digest=digest, snapshot=operation == "dossier"
    )


class Engine:
    """One process: a database, a destination and its partner."""

    def __init__(self, database: Database, partner: Partner, clock: Clock, **options: Any) -> None:
        self.database = database
        self.partner = partner
        self.clock = clock
        self.adapter: StubAdapter = options.pop("adapter", None) or StubAdapter()
        self.hub = Hub(database=database, clock=clock, settings=options.pop("settings", None) or settings())
        self.destination = Destination(
            "portal",
            self.adapter,
            self.hub,
            options.pop("section", None) or DestinationSettings(),
            transport=partner.transport(),
        )
        self.worker = 1

    async def accept(self, code: str, *deliveries: PlannedDelivery, version: int = 1) -> None:
        plan = LanePlan(destination="portal", partner_codes=(), deliveries=deliveries)
        await self.database.apply(
            accept_dossiers,
            Acceptance(dossier=dossier(code, version), lanes=(plan,), now=to_micros(self.clock())),
        )

    async def steps(self, code: str, count: int) -> None:
        await self.accept(code, *(planned("step", str(number)) for number in range(1, count + 1)))

    async def claim(self, lanes: int = 1) -> list[ClaimedLane]:
        order = Claim(destination="portal", worker=self.worker, lanes=lanes, depth=10, now=self.clock())
        claimed: list[ClaimedLane] = await self.database.apply(claim_lanes, order)
        return claimed

    def turn(self, lane: ClaimedLane) -> LaneRun:
        return LaneRun(self.destination, lane, self.worker, lambda: 0.5)

    async def work(self, *, probe: bool = False) -> None:
        """One worker's turn at the lane that is due first; a probe while the gate is shut."""
        (lane,) = await self.claim()
        await self.turn(lane).run(stopping=asyncio.Event(), probe=probe or self.destination.gate.shut())

    async def settle_everything(self, *, hours: int = 24) -> None:
        """Turn after turn, the clock moved to whatever is due next, until nothing can be done."""
        limit = self.clock() + timedelta(hours=hours)
        while True:
            lanes = await self.claim()
            if lanes:
                probe = self.destination.gate.shut()
                await self.turn(lanes[0]).run(stopping=asyncio.Event(), probe=probe)
                continue
            due = self.rows("SELECT min(due_at) FROM lane WHERE state = 'waiting'")[0][0]
            if due is None or due > to_micros(limit):
                return
            self.clock.now = START + timedelta(microseconds=due - to_micros(START))

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    def states(self, code: str) -> list[str]:
        return [
            row[0]
            for row in self.rows(
                "SELECT state FROM delivery WHERE dossier_code = :code AND state <> 'superseded' ORDER BY position",
                code=code,
            )
        ]

    def delivery(self, code: str, key: str) -> dict[str, Any]:
        """The columns of one delivery."""
        statement = sa.text("SELECT * FROM delivery WHERE dossier_code = :code AND key = :key")
        return self.database.ask(
            lambda connection: dict(
                connection.execute(statement, {"code": code, "key": key}).mappings().one()
            )
        )

    def lane_state(self, code: str) -> str:
        return str(self.rows("SELECT state FROM lane WHERE dossier_code = :code", code=code)[0][0])

    def log(self) -> list[tuple[str, str]]:
        """(operation, kind) of every log entry, in order."""
        return [(row[0], row[1]) for row in self.rows("SELECT operation, kind FROM message ORDER BY id")]

    def breaker(self) -> upkeep.Breaker:
        return self.database.ask(lambda connection: upkeep.read_breaker(connection, "portal"))

    async def execute(self, statement: str) -> None:
        """Change rows behind the engine's back."""
        await self.database.write(lambda transaction: transaction._cursor.execute(statement))

    async def close(self) -> None:
        await self.destination.close()


class Flaky:
    """A database in which one operation fails for a while, before or after it was committed."""

    def __init__(
        self,
        database: Database,
        operation: str,
        *,
        failures: int = 1,
        committed: bool = False,
        fault: Exception | None = None,
    ) -> None:
        self._database = database
        self._operation = operation
        self._committed = committed
        self._fault = fault or StorageUnavailable("away")
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def apply(self, operation: Any, item: Any) -> Any:
        if operation.__name__ == self._operation and self.failures:
            self.failures -= 1
            if self._committed:
                await self._database.apply(operation, item)
            raise self._fault
        return await self._database.apply(operation, item)


def settings(**changes: Any) -> DeliverySettings:
    """Short pauses, no jitter."""
    retry = RetrySettings(**{"first": 2.0, "longest": 600.0, "jitter": 0.0, **changes.pop("retry", {})})
    breaker = BreakerSettings(
        **{"failures": 6, "first_pause": 2.0, "longest_pause": 60.0, **changes.pop("breaker", {})}
    )
    return DeliverySettings(retry=retry, breaker=breaker, **{"poll": 0.01, **changes})


class Running:
    """A dispatcher at work; ``until`` waits for what the test expects, and fails after a while."""

    def __init__(self, engine: Engine) -> None:
        self.dispatcher = Dispatcher(engine.destination, lambda: engine.worker)
        self._task = asyncio.create_task(self.dispatcher.run())

    async def until(self, expected: Callable[[], bool], *, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not expected():
                if self._task.done():
                    await self._task
                    return
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self.dispatcher.stop()
        await self._task


@pytest.fixture
def partner() -> Partner:
    return Partner()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def engine(database: Database, partner: Partner, clock: Clock) -> Any:
    opened = Engine(database, partner, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def more_engines(database_url: str, database: Database, partner: Partner, clock: Clock) -> Any:
    """A function that opens another engine: on the same database object, or as a process of its own."""
    opened: list[Any] = []

    def build(*, own_database: bool = False, **options: Any) -> Engine:
        held = Database(database_url) if own_database else database
        if own_database:
            opened.append(held)
        engine = Engine(held, partner, clock, **options)
        engine.worker = len(opened) + 2
        opened.append(engine)
        return engine

    yield build
    for item in reversed(opened):
        result = item.close()
        if result is not None:
            await result
