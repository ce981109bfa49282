"""A whole gateway beside the payment platform's stand-in over real HTTP, a payer's browser, and a clock that is moved.

The platform knows no address to call back, so that nothing settles but what the test brings to the door itself or the
sweep finds out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa

from adapters.payment_platform.simulator import Partner, PaymentSimulator, SimulatorConfig
from gateway.bootstrap import Gateway, open_gateway
from gateway.delivery.intake import Submission
from gateway.delivery.pipeline import LaneRun
from gateway.domain.dossier import Fee, FeeKind
from gateway.domain.job import RunStopped
from gateway.payments.cashier import PaymentMade, PaymentWish
from gateway.payments.sweep import PARAMETERS
from gateway.port import CallbackRequest, Secret, WireResponse
from gateway.sandbox import FaultPlan, FaultRule, Sandbox, serve_sandbox
from gateway.settings import (
    ApprovalSettings,
    BreakerSettings,
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    RetrySettings,
    Settings,
)
from gateway.storage import upkeep
from gateway.storage.lanes import Claim, claim_lanes
from mappings.payment_platform import checksum
from tests.clocks import Clock
from tests.unit import portal

NAME = "payment_platform"
SECRET = "S3cret-DEMO-2026"
DOSSIER = portal.CODE
FEES = (
    Fee(id="1", name="Phí thẩm định", kind=FeeKind.FEE, amount=200_000, code="PLP-7"),
    Fee(id="2", name="Lệ phí cấp phép", kind=FeeKind.CHARGE, amount=50_000),
)
AMOUNT = 250_000
ACTOR = "one-door/chi.an"


class Context:
    """A run's context that stands for the jobs engine."""

    def __init__(self, *, dry_run: bool = False, **parameters: str) -> None:
        defaults = {each.name: each.default for each in PARAMETERS if each.default is not None}
        self.run = 1
        self.dry_run = dry_run
        self.actor = "tests"
        self.parameters = {**defaults, **parameters}
        self.watermark: str | None = None
        self.reports: list[int] = []
        self.stop_after: int | None = None

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        del total, watermark
        self.reports.append(done)
        if self.stop_after is not None and done >= self.stop_after:
            raise RunStopped("the test wants it")


class PaymentWorld:
    """``gateway``, ``sandbox``, and the browser of whoever pays."""

    def __init__(self, gateway: Gateway, sandbox: Sandbox, browser: httpx.AsyncClient, clock: Clock) -> None:
        self.gateway = gateway
        self.sandbox = sandbox
        self.browser = browser
        self.clock = clock

    # Our side

    async def accept(self, code: str = DOSSIER, version: int = 1, **changes: Any) -> None:
        """A dossier comes in with its fees."""
        record = portal.dossier(**{"code": code, "version": version, "fees": list(FEES), **changes})
        await self.gateway.intake.accept(
            Submission(body=msgspec.json.encode(msgspec.to_builtins(record)), client="tests")
        )

    async def ask(self, code: str = DOSSIER, **changes: Any) -> PaymentMade:
        """Somebody wants the dossier's fees paid."""
        return await self.gateway.payments.cashier.create(PaymentWish(dossier=code, actor=ACTOR, **changes))

    async def work(self) -> None:
        """Every lane that is due is worked once, and the follower reads what came of it."""
        hub = self.gateway.hub
        claim = Claim(destination=NAME, worker=1, lanes=50, depth=20, now=hub.clock())
        for lane in await hub.database.apply(claim_lanes, claim):
            await LaneRun(self.gateway.destinations[NAME], lane, 1, lambda: 0.5).run(stopping=asyncio.Event())
        await self.follow()

    async def follow(self) -> int | None:
        """The follower reads the feed to its end."""
        await self.gateway.database.write(upkeep.seal)
        return await self.gateway.payments.follower.run_once()

    async def begin(self, code: str = DOSSIER, **changes: Any) -> str:
        """A dossier, its payment, its INIT answered; the reference."""
        await self.accept(code, **changes)
        made = await self.ask(code)
        await self.work()
        assert self.attempt(made.reference)["state"] == "redirected"
        return made.reference

    async def sweep(self, *, dry_run: bool = False, **parameters: str) -> dict[str, Any]:
        """One run of the job."""
        return dict(await self.gateway.payments.sweep.run(Context(dry_run=dry_run, **parameters)))

    async def hear(self, reference: str, **changes: Any) -> WireResponse:
        """The platform's CONFIRM about a transaction comes to the door, or one that was changed and sealed anew."""
        payment = self.transaction(reference)
        message: dict[str, Any] = {
            "LoaiBanTin": "CONFIRM",
            "MaLoi": "00",
            "MaDoiTac": "DEMOH99",
            "MaThamChieu": reference,
            "SoTien": payment["SoTien"],
            "MaTienTe": "VND",
            "MaGiaoDich": payment["MaGiaoDich"],
            "MaNganHang": "DEMOBANK",
            "ThoiGianGD": self.attempt(reference)["asked_at"],
            "ThongTinGiaoDich": "THANH TOAN",
            **changes,
        }
        message["MaXacThuc"] = checksum.mac("CONFIRM", message, SECRET)
        request = CallbackRequest(method="POST", path="confirm", body=msgspec.json.encode(message))
        return await self.gateway.callbacks.receive(NAME, request)

    # The platform's side

    def faults(self, *faults: str, service: str = "init", times: int = 1) -> None:
        rules = tuple(
            FaultRule(fault=fault, first_n=times, service=service, seconds=0.05) for fault in faults
        )
        self.sandbox.use_plan(NAME, FaultPlan(rules=rules))

    def calm(self) -> None:
        self.sandbox.use_plan(NAME, FaultPlan())

    async def press(self, reference: str, button: str = "pay") -> None:
        """The payer presses a button on the page that we sent him to."""
        page = self.attempt(reference)["pay_url"]
        assert page.startswith("http://127.0.0.1:")
        answer = await self.browser.post(page, data={"action": button})
        assert answer.status_code == 302

    def transaction(self, reference: str) -> dict[str, Any]:
        """The platform's own record of an attempt."""
        found = self.sandbox.record(NAME)["transactions"]
        return {name.rpartition("/")[2]: row for name, row in found.items()}[reference]

    @property
    def paid_there(self) -> dict[str, int]:
        """What was really paid."""
        paid: dict[str, int] = self.sandbox.record(NAME)["paid"]
        return paid

    # What is on record

    @property
    def paid_here(self) -> dict[str, int]:
        return dict(
            self.rows(
                "SELECT a.reference, s.amount FROM settlement AS s JOIN payment_attempt AS a ON a.id = s.attempt_id"
            )
        )

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        return self.gateway.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    def attempt(self, reference: str) -> dict[str, Any]:
        """The columns of one attempt."""
        statement = sa.text("SELECT * FROM payment_attempt WHERE reference = :reference")
        return self.gateway.database.ask(
            lambda connection: dict(connection.execute(statement, {"reference": reference}).mappings().one())
        )

    def states(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT state FROM payment_attempt ORDER BY id")]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What the one-door system is told about payments, in order."""
        found = self.rows("SELECT kind, data FROM event WHERE kind LIKE 'payment.%' ORDER BY id")
        return [(row[0], msgspec.json.decode(row[1])) for row in found]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events()]

    def said(self, operation: str) -> int:
        """How many requests of ``operation`` were logged."""
        statement = "SELECT count(*) FROM message WHERE kind = 'request' AND operation = :operation"
        return int(self.rows(statement, operation=operation)[0][0])


def settings(url: str, platform: str, **changes: Any) -> Settings:
    host = platform.removeprefix("http://")
    adapter = {
        "partners": {
            "DEMOH99": {
                "secret": Secret(SECRET),
                "init_url": f"{platform}/platform/init",
                "query_url": f"{platform}/platform/query",
                "bill_url": f"{platform}/platform/bill",
                "ip": "203.0.113.10",
                "account": {"account": "1180000000001", "bank": "DEMO01", "name": "SO XAY DUNG TINH MAU"},
            }
        },
        "payment_hosts": [host],
        "receipt_hosts": [host],
        "plain_http_hosts": [host],
        **changes,
    }
    return Settings(
        approvals=ApprovalSettings(required=[]),
        database=DatabaseSettings(url=url),
        delivery=DeliverySettings(
            retry=RetrySettings(first=5.0, longest=60.0, ask_after=5.0, jitter=0.0),
            breaker=BreakerSettings(failures=50, first_pause=0.05, longest_pause=0.1),
        ),
        destination={NAME: DestinationSettings(connect_timeout=2.0, read_timeout=5.0, settings=adapter)},
    )


@asynccontextmanager
async def payment_gateway(url: str, **changes: Any) -> AsyncIterator[PaymentWorld]:
    """A gateway on a migrated database, and the platform; both look at one clock."""
    clock = Clock(datetime(2026, 9, 28, 7, 30, 15, tzinfo=UTC))
    partner = Partner(
        code="DEMOH99", secrets=(SECRET,), callback_url="", return_url="http://127.0.0.1:9/return"
    )
    simulator = PaymentSimulator(
        SimulatorConfig(partners=(partner,), base_url="", session_seconds=86_400.0 * 30)
    )
    async with (
        serve_sandbox({NAME: simulator}, clock=clock) as sandbox,
        httpx.AsyncClient(timeout=20.0) as browser,
    ):
        gateway = await open_gateway(settings(url, sandbox.url(NAME), **changes), clock=clock)
        try:
            yield PaymentWorld(gateway, sandbox, browser, clock)
        finally:
            await gateway.close()
