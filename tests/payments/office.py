"""One process of ours and the platform's stand-in, in one thread and without a socket.

The real tables, the real lane engine, the real adapter; requests go to the stand-in's own functions, and what becomes
of each on its way is said beforehand. ``crash`` throws the process away and starts another over the same file.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import shutil
import sqlite3
from collections import defaultdict, deque
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import msgspec

from adapters.payment_platform import build
from adapters.payment_platform.stand_in import simulate
from gateway.codec import canonical
from gateway.delivery.destination import Destination, Hub
from gateway.delivery.pipeline import LaneRun
from gateway.domain.dossier import Fee, FeeKind
from gateway.domain.job import Summary
from gateway.inbound.callbacks import Callbacks
from gateway.inbound.watch import Watch
from gateway.messagelog.entry import About, Scope, no_answer_entry
from gateway.payments.cashier import Cashier, PaymentMade, PaymentWish
from gateway.payments.desk import PaymentDesk
from gateway.payments.follower import payment_follower
from gateway.payments.questions import Questioned, Questions
from gateway.payments.sweep import Sweep
from gateway.port import CallbackRequest, Secret, WireResponse
from gateway.port.simulator import OutgoingCall, SimulatedRequest
from gateway.settings import BreakerSettings, DeliverySettings, DestinationSettings, RetrySettings
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance, accept_dossiers
from gateway.storage.lanes import Claim, claim_lanes
from gateway.storage.takeover import Reap, reap_lanes
from tests.drift_world import Context
from tests.log_reading import logged_bodies
from tests.storage import builders
from tests.unit import payment_world as world
from tests.unit import portal

NAME = "payment_platform"
BEARER = "bearer-of-the-province-2026"
OTHER, OTHER_SECRET = "DEMOXA", "S3cret-DEMO-XA-2026"
CALLBACK = "http://127.0.0.1:9/in/payment_platform/confirm"
SCOPE = Scope(channel=NAME)


class Fate(StrEnum):
    """What becomes of one request to the platform."""

    ANSWERED = "answered"
    UNREACHABLE = "unreachable"  # no connection: surely not there
    LOST_BEFORE = "lost_before"  # sent, never arrived
    LOST_AFTER = "lost_after"  # arrived, the answer did not
    BROKEN_PAGE = "broken_page"  # arrived, and something in front answered 502
    CRASH_BEFORE = "crash_before"  # our process dies with the request on its way
    CRASH_AFTER = "crash_after"  # our process dies when the platform has it


class Crashed(BaseException):
    """Our process is gone; no code of ours may catch this."""


class Office:
    """``platform``: the stand-in. ``fates[service]``: of the next requests; then everything is answered."""

    def __init__(self, folder: Path, template: Path, **changes: Any) -> None:
        self.file = folder / "lienthong.db"
        shutil.copy(template, self.file)
        self.now = world.NOW
        partners = {
            world.CONFIRM["MaDoiTac"]: world.partner(bearer=Secret(BEARER)),
            OTHER: world.partner(secret=Secret(OTHER_SECRET)),
        }
        self.settings = world.settings(
            **{"partners": partners, "default_partner": "DEMOH99", "session_s": 900.0, **changes}
        )
        self.adapter = build(self.settings)
        self.platform = simulate(self.settings)
        self.platform.administer("register", json.dumps({"callback_url": CALLBACK}).encode())
        self.fates: dict[str, deque[Fate]] = defaultdict(deque)
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.before: list[Any] = []
        self.post: list[OutgoingCall] = []
        self.worker = 0
        self._chances = itertools.count(1)
        self._looking = sqlite3.connect(self.file, isolation_level=None)
        self.boot()

    # The process

    def boot(self) -> None:
        """Start a process over what is on disk."""
        self.worker += 1
        self.database = Database(f"sqlite:///{self.file}")
        patient = DeliverySettings(
            retry=RetrySettings(jitter=0), breaker=BreakerSettings(failures=1_000_000), poll=0.01
        )
        self.hub = Hub(database=self.database, clock=lambda: self.now, settings=patient)
        self.destination = Destination(
            NAME,
            self.adapter,
            self.hub,
            DestinationSettings(),
            transport=httpx.MockTransport(self._carry),
        )
        self.callbacks = Callbacks(self.hub, {NAME: self.destination}, None)
        self.follower = payment_follower(
            self.database,
            Watch(self.database, asyncio.sleep),
            clock=self.hub.clock,
            owner=lambda: self.worker,
            schedules={NAME: self.settings.query_schedule_s},
        )
        self.questions = Questions(
            self.database, {NAME: self.destination}, self.hub.clock, may_probe=lambda: True
        )
        self.cashier = Cashier(
            self.database,
            {NAME: self.destination},
            self.hub.clock,
            wake=lambda _name: None,
            chance=lambda: next(self._chances),
            ask=self.questions.ask,
        )
        self.sweeping = Sweep(self.database, self.questions, self.hub.clock)
        self.desk = PaymentDesk(self.database, self.questions.ask, self.hub.clock)
        self.destination.configured_secrets = (world.SECRET, OTHER_SECRET, BEARER)

    def stop(self) -> None:
        """End the process; whatever it had not committed is lost."""
        self.database.close()

    def close(self) -> None:
        """The end of the day."""
        self.stop()
        self._looking.close()

    async def crash(self) -> None:
        """Die and come back: the new process takes over what the old one left in flight."""
        self.stop()
        self.boot()
        dead = tuple(range(1, self.worker))
        await self.database.apply(reap_lanes, Reap(dead=dead, now=self.now, closing=self._closing))

    async def die(self) -> None:
        """Work until a request meets its fate, and come back."""
        try:
            await self.work()
        except Crashed:
            await self.crash()

    def _closing(self, lost: Any) -> Any:
        about = About(
            id=self.database.identifiers.next(), at=self.now, operation=lost.operation, dossier=lost.dossier
        )
        return no_answer_entry(SCOPE, about, "worker_lost: the worker disappeared")

    def move(self, **parts: float) -> None:
        """Let time pass."""
        self.now += timedelta(**parts)

    # Our side

    async def accept(self, code: str, amount: int = 250_000) -> None:
        """A dossier with a fee comes in."""
        fee = Fee(id="1", name="Phí thẩm định", kind=FeeKind.FEE, amount=amount)
        record = canonical.encode(portal.dossier(code=code, fees=[fee]))
        row = msgspec.structs.replace(builders.dossier(code, 1), record=record)
        acceptance = Acceptance(dossier=row, lanes=(), now=to_micros(self.now))
        await self.database.apply(accept_dossiers, acceptance)

    async def ask(self, code: str) -> PaymentMade:
        """Ask for the fees of a dossier."""
        return await self.cashier.create(PaymentWish(dossier=code, actor="one-door/chi.an"))

    async def work(self) -> int:
        """The worker takes every lane that is due, once; how many that were. ``Crashed`` when it dies."""
        claim = Claim(destination=NAME, worker=self.worker, lanes=20, depth=10, now=self.now)
        lanes = await self.database.apply(claim_lanes, claim)
        for lane in lanes:
            await LaneRun(self.destination, lane, self.worker, lambda: 0.5).run(stopping=asyncio.Event())
        return len(lanes)

    async def receive(self, body: bytes) -> tuple[WireResponse, tuple[str, str] | None]:
        """A callback comes in: the answer, and its effect and alarm in the journal; None where it was refused."""
        request = CallbackRequest(method="POST", path="confirm", body=body)
        answer = await self.callbacks.receive(NAME, request)
        journal = self.rows(
            "SELECT effect, alarm FROM payment_callback WHERE digest = :digest",
            digest=hashlib.sha256(body).digest(),
        )
        return answer, journal[0] if journal else None

    async def bill(self, reference: str) -> None:
        """Ask for a receipt."""
        row = self.attempt(reference)
        parameters = {name: row[name] for name in ("partner", "reference", "asked_at")}
        request = self.adapter.encode_read("bill", parameters, world.context())
        await self.destination.recorded_exchange("bill", request)

    async def learn(self) -> None:
        """The follower reads the feed to its end."""
        await self.database.write(upkeep.seal)
        await self.follower.run_once()

    async def inquire(self, reference: str) -> Questioned:
        """Ask the platform about one attempt now."""
        return await self.questions.ask(self.attempt(reference)["id"])

    async def sweep(self, **parameters: str) -> Summary:
        """Ask about everything that is due."""
        return await self.sweeping.run(Context(None, concurrency="1", limit="2000", **parameters))

    # The platform's side

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        service = json.loads(request.content)["LoaiBanTin"]
        fate = self.fates[service].popleft() if self.fates[service] else Fate.ANSWERED
        if fate is Fate.UNREACHABLE:
            raise httpx.ConnectError("refused")
        if fate is Fate.LOST_BEFORE:
            raise httpx.ReadTimeout("lost")
        if fate is Fate.CRASH_BEFORE:
            raise Crashed
        for look in self.before:
            look(service, json.loads(request.content))
        self.seen.append((service, json.loads(request.content)))
        answer = self.platform.handle(self._simulated(request))
        for call in self.notices():
            if call.ahead:  # it overtakes the answer
                await self.heard(call)
            else:
                self.post.append(call)
        match fate:
            case Fate.LOST_AFTER:
                raise httpx.ReadTimeout("lost")
            case Fate.CRASH_AFTER:
                raise Crashed
            case Fate.BROKEN_PAGE:
                return httpx.Response(502, content=b"<html>bad gateway</html>")
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body)

    def _simulated(self, request: httpx.Request) -> SimulatedRequest:
        return SimulatedRequest(
            method=request.method,
            path=request.url.path,
            query="",
            headers=tuple(request.headers.items()),
            body=request.content,
            now=self.now,
        )

    def press(self, reference: str, button: str, *faults: str) -> None:
        """The payer presses a button on the platform's page."""
        transaction = self.transaction(reference)
        if faults:
            order = {"reference": reference, "faults": faults}
            self.platform.administer("faults", json.dumps(order).encode())
        self.platform.handle(
            SimulatedRequest(
                method="POST",
                path=f"/t/{transaction.token}",
                query="",
                headers=(("host", "pay.example.test"),),
                body=f"action={button}".encode(),
                now=self.now,
            )
        )

    def transaction(self, reference: str) -> Any:
        """The platform's own record of an attempt; None when it never took it."""
        found = self.platform._state.transactions
        return next((each for (_, number), each in found.items() if number == reference), None)

    def notices(self) -> list[OutgoingCall]:
        """The callbacks that the platform sends now."""
        return list(self.platform.outgoing(self.now))

    async def heard(self, call: OutgoingCall) -> None:
        """A callback arrives and the platform learns our answer."""
        answer, _effect = await self.receive(call.body)
        self.platform.answered(call.id, answer.status, answer.body)

    # Looking

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of a query on what is committed."""
        return self._looking.execute(statement, parameters).fetchall()

    def attempt(self, reference: str) -> dict[str, Any]:
        """The columns of an attempt."""
        statement = "SELECT * FROM payment_attempt WHERE reference = :reference"
        found = self._looking.execute(statement, {"reference": reference})
        return dict(zip([column[0] for column in found.description], found.fetchone(), strict=True))

    def logged(self) -> list[str]:
        """Addresses, headers and bodies of the message log, as they are stored."""
        headers = [f"{url} {listed}" for url, listed in self.rows("SELECT url, headers FROM message")]
        return headers + [body.decode() for body in logged_bodies(self.database)]

    def events(self, kind: str = "payment.%") -> list[tuple[str, dict[str, Any]]]:
        """What the one-door system is told."""
        found = self.rows("SELECT kind, data FROM event WHERE kind LIKE :kind ORDER BY id", kind=kind)
        return [(row[0], json.loads(row[1])) for row in found]
