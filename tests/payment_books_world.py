"""A whole gateway on a real database beside the payment platform's stand-in, whose own ledger can be read.

Requests go straight to the stand-in's functions; it can be away. What it tells in callbacks is delivered only when the
test says so.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa

from adapters.payment_platform import build
from adapters.payment_platform.simulator_mac import sealed
from adapters.payment_platform.stand_in import simulate
from gateway.bootstrap import Gateway, open_gateway
from gateway.codec import canonical
from gateway.delivery.pipeline import LaneRun
from gateway.domain.dossier import Fee, FeeKind
from gateway.domain.payment import Evidence
from gateway.jobs.service import RunOrder
from gateway.payments.cashier import PaymentWish
from gateway.payments.reconcile import NAME as JOB
from gateway.payments.reconcile_preview import Looking
from gateway.payments.settlement_import import HandedIn, TakenIn
from gateway.port import CallbackRequest
from gateway.port.simulator import SimulatedRequest
from gateway.settings import (
    BreakerSettings,
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    RetrySettings,
    Settings,
)
from gateway.storage import upkeep
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance, accept_dossiers
from gateway.storage.lanes import Claim, claim_lanes
from gateway.storage.payments import apply_evidence
from tests.storage import builders
from tests.unit import payment_world as world
from tests.unit import portal

NAME = "payment_platform"
DAY = date(2026, 9, 28)
CALLBACK = "http://127.0.0.1:9/in/payment_platform/confirm"
HEADINGS = ("Mã tham chiếu", "Mã giao dịch", "Mã đối tác", "Số tiền", "Mã tiền tệ", "Thời gian thanh toán")


class Books:
    """``away``: the platform does not answer."""

    def __init__(self, gateway: Gateway, now: list[datetime], platform: Any, adapter: Any) -> None:
        self.gateway, self._now, self.platform, self.adapter = gateway, now, platform, adapter
        self.away = False
        self.asked: list[str] = []
        self.database = gateway.database
        self.reconciliation = gateway.payments.reconciliation
        self._worker = 1

    @property
    def now(self) -> datetime:
        return self._now[0]

    def move(self, **parts: float) -> None:
        self._now[0] += timedelta(**parts)

    async def ask_for(self, number: int, amount: int = 250_000) -> str:
        """A dossier comes in, is asked to pay, and the platform has the order; its reference."""
        code = f"H99.15-260928-{number:04}"
        fee = Fee(id="1", name="Phí thẩm định", kind=FeeKind.FEE, amount=amount)
        record = canonical.encode(portal.dossier(code=code, fees=[fee]))
        row = msgspec.structs.replace(builders.dossier(code, 1), record=record)
        await self.database.apply(accept_dossiers, Acceptance(dossier=row, lanes=(), now=to_micros(self.now)))
        made = await self.gateway.payments.cashier.create(PaymentWish(dossier=code, actor="one-door"))
        await self.work()
        return made.reference

    async def work(self) -> None:
        claim = Claim(destination=NAME, worker=self._worker, lanes=20, depth=10, now=self.now)
        destination = self.gateway.destinations[NAME]
        for lane in await self.database.apply(claim_lanes, claim):
            await LaneRun(destination, lane, self._worker, lambda: 0.5).run(stopping=asyncio.Event())
        await self.database.write(upkeep.seal)
        await self.gateway.payments.follower.run_once()

    def press(self, reference: str, button: str = "pay", *faults: str) -> None:
        """The payer presses a button on the platform's page."""
        found = self.platform._state.transactions
        token = next(each.token for (_, name), each in found.items() if name == reference)
        if faults:
            self.platform.administer(
                "faults", json.dumps({"reference": reference, "faults": faults}).encode()
            )
        self._handle(f"/t/{token}", f"action={button}".encode())

    def lose(self) -> None:
        """Whatever the platform tells now gets lost."""
        for call in self.platform.outgoing(self.now):
            self.platform.answered(call.id, 200, b'{"MaLoi":"00"}')

    async def hear(self) -> None:
        """Whatever the platform tells now arrives."""
        for call in list(self.platform.outgoing(self.now)):
            request = CallbackRequest(method="POST", path="confirm", body=call.body)
            answer = await self.gateway.callbacks.receive(NAME, request)
            self.platform.answered(call.id, answer.status, answer.body)

    async def settle_by_hand(self, reference: str, amount: int, transaction: str) -> None:
        evidence = Evidence(
            destination=NAME,
            source="operator",
            claim="paid",
            partner="DEMOH99",
            reference=reference,
            amount=amount,
            currency="VND",
            transaction=transaction,
            bank="",
            at=self.now,
            actor="chi.an",
        )
        await self.database.apply(apply_evidence, evidence)

    def foreign_payment(self, reference: str, amount: int) -> None:
        """Money at the platform under a reference that nobody here has made."""
        message = world.body_of(self.adapter._requests.init(world.single(amount, reference=reference)))
        fields = {name: value for name, value in message.items() if name != "MaXacThuc"}
        message["MaXacThuc"] = sealed("INIT", fields, world.SECRET)
        self._handle("/platform/init", json.dumps(message).encode())
        self.press(reference)

    def ledger(self) -> dict[str, int]:
        """What was really paid, by reference."""
        paid: dict[str, int] = self.platform.record()["paid"]
        return paid

    def settlement_file(self, folder: Path, *, headings: tuple[str, ...] = HEADINGS) -> Path:
        """The platform's own file of the day, as an operator gets it."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(headings)
        for each in self.platform.record()["payments"]:
            names = ("MaThamChieu", "MaGiaoDich", "MaDoiTac", "SoTien", "MaTienTe")
            writer.writerow([*(each[name] for name in names), "20260928150000"])
        path = folder / "doisoat.csv"
        path.write_bytes(out.getvalue().encode("utf-8-sig"))
        return path

    async def hand_in(self, path: Path, day: date = DAY) -> TakenIn:
        return await self.reconciliation.take_in(
            HandedIn(path=path, name=path.name, destination=NAME, day=day, actor="anh.binh")
        )

    async def run(self, *, dry_run: bool = False, **parameters: str) -> dict[str, Any]:
        """A run of the job, in this process; its summary."""
        view = await self.gateway.jobs.run_here(
            RunOrder(job=JOB, actor="anh.binh", parameters=parameters, dry_run=dry_run),
            asyncio.Event(),
            lambda _run: None,
        )
        assert view.state == "done", view
        return dict(view.summary)

    async def reconcile(self, **parameters: str) -> dict[str, Any]:
        return await self.run(date=DAY.isoformat(), **parameters)

    async def found(self) -> dict[str, str]:
        """Class of each reference of the day."""
        statement = await self.reconciliation.statement(DAY)
        return {item.reference: item.kind.value for item in statement.items}

    def looking(self) -> Looking:
        return Looking("anh.binh")

    def ours(self) -> int:
        """The sum of our settlements."""
        question = sa.text("SELECT COALESCE(SUM(amount), 0) FROM settlement")
        return int(self.database.ask(lambda connection: connection.execute(question).scalar_one()))

    def count(self, table: str) -> int:
        question = sa.text(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - our own names
        return int(self.database.ask(lambda connection: connection.execute(question).scalar_one()))

    def _handle(self, path: str, body: bytes) -> Any:
        return self.platform.handle(
            SimulatedRequest(
                method="POST",
                path=path,
                query="",
                headers=(("host", "pay.example.test"), ("content-type", "application/json")),
                body=body,
                now=self.now,
            )
        )

    async def carry(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content).get("MaThamChieu", ""))
        if self.away:
            raise httpx.ConnectError("refused")
        answer = self._handle(request.url.path, request.content)
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body)


@asynccontextmanager
async def open_books(url: str) -> AsyncIterator[Books]:
    """A gateway and a platform."""
    now = [world.NOW]
    given = world.settings()
    adapter, platform = build(given), simulate(given)
    platform.administer("register", json.dumps({"callback_url": CALLBACK}).encode())
    held: list[Books] = []

    async def carry(request: httpx.Request) -> httpx.Response:
        return await held[0].carry(request)

    settings = Settings(
        database=DatabaseSettings(url=url),
        destination={NAME: DestinationSettings()},
        delivery=DeliverySettings(
            retry=RetrySettings(jitter=0), breaker=BreakerSettings(failures=1_000_000), poll=0.01
        ),
    )
    gateway = await open_gateway(
        settings,
        upgrade=False,
        transports={NAME: httpx.MockTransport(carry)},
        extra={NAME: adapter},
        clock=lambda: now[0],
    )
    books = Books(gateway, now, platform, adapter)
    held.append(books)
    try:
        yield books
    finally:
        await gateway.close()
