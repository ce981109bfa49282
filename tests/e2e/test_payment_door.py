"""The payment door over a real socket, and the platform's stand-in before it: both ledgers, and the payer's browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from adapters.payment_platform.simulator import Partner, PaymentSimulator, SimulatorConfig
from gateway.api.app import build_api
from gateway.api.server import serve_api
from gateway.bootstrap import open_gateway
from gateway.sandbox import FaultPlan, FaultRule, Sandbox, serve_sandbox
from tests.e2e.test_payment_sandbox import BAD_DAY, init
from tests.payment_door_world import NAME, DoorWorld
from tests.unit.payment_world import SECRET
from tests.unit.test_payment_api_door import configuration

PATIENCE = 20.0


class Town:
    """A gateway that listens, a platform that calls it, a browser."""

    def __init__(self, door: DoorWorld, sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
        self.door, self.sandbox, self.browser = door, sandbox, browser

    async def pay(self, reference: str, amount: int = 250_000) -> httpx.Response:
        """Money is asked for on both sides, and the payer pays: what the platform then sends the browser to."""
        await self.door.open(reference, f"H99.15-{reference}", amount)
        asked = await self.browser.post(f"{self.sandbox.url(NAME)}/platform", json=init(reference, amount))
        return await self.browser.post(asked.json()["UrlThanhToan"], data={"action": "pay"})

    def faults(self, *faults: str) -> None:
        rules = tuple(FaultRule(fault=fault, first_n=1, service="pay") for fault in faults)
        self.sandbox.use_plan(NAME, FaultPlan(rules=rules))

    @property
    def ours(self) -> dict[str, int]:
        return dict(
            self.door.rows(
                "SELECT reference, s.amount FROM settlement AS s JOIN payment_attempt AS a ON a.id = s.attempt_id"
            )
        )

    @property
    def theirs(self) -> dict[str, int]:
        paid: dict[str, int] = self.sandbox.record(NAME)["paid"]
        return paid

    async def until(self, holds: Any) -> None:
        """Ask the platform's own record until ``holds``; it answers after what it has sent was answered."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await self.browser.get(f"{self.sandbox.control_url}/{NAME}/-/record")


@asynccontextmanager
async def town(url: str, monkeypatch: pytest.MonkeyPatch, **config: Any) -> AsyncIterator[Town]:
    monkeypatch.setenv("PAYMENT_SECRET", SECRET)
    gateway = await open_gateway(configuration(url))
    api = build_api(gateway)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_api(api, worker=False, started=address.set_result))
    base = await address
    partner = Partner(
        code="DEMOH99",
        secrets=(SECRET,),
        callback_url=f"{base}/in/{NAME}/confirm",
        return_url=f"{base}/payments/return/DEMOH99",
    )
    settings = SimulatorConfig(partners=(partner,), **{"base_url": "", "time_scale": 0.001, **config})
    try:
        async with (
            serve_sandbox({NAME: PaymentSimulator(settings)}) as sandbox,
            httpx.AsyncClient(timeout=PATIENCE) as browser,
        ):
            yield Town(DoorWorld(gateway.database), sandbox, browser)
    finally:
        api.stopping.set()
        await serving
        await gateway.close()


async def test_payer_pays_and_comes_back_to_our_page(database_url, monkeypatch):
    async with town(database_url, monkeypatch) as place:
        sent_back = await place.pay("PG00000001")
        await place.until(lambda: place.ours)

        assert place.ours == place.theirs == {"PG00000001": 250_000}
        assert "responseCode=00" in sent_back.headers["location"]
        page = await place.browser.get(sent_back.headers["location"])
        assert (page.status_code, "<h1>Đã thanh toán</h1>" in page.text) == (200, True)


async def test_browser_that_is_back_before_the_report_is_told_to_wait(database_url, monkeypatch):
    async with town(database_url, monkeypatch, late_seconds=1500.0) as place:
        place.faults("late_callback")
        sent_back = await place.pay("PG00000001")
        page = await place.browser.get(sent_back.headers["location"])
        assert "Đang chờ xác nhận" in page.text
        assert "Đã thanh toán" not in page.text

        await place.until(lambda: place.ours)
        assert "<h1>Đã thanh toán</h1>" in (await place.browser.get(sent_back.headers["location"])).text


async def test_twenty_copies_at_once_settle_once_and_are_all_acknowledged(database_url, monkeypatch):
    async with town(database_url, monkeypatch, copies=20) as place:
        place.faults("duplicate_callback")
        await place.pay("PG00000001")
        await place.until(lambda: place.door.rows("SELECT deliveries FROM payment_callback") == [(20,)])

        assert place.ours == place.theirs
        assert place.door.kinds() == ["payment.settled"]
        await place.until(lambda: all("status" in each for each in _deliveries(place)))
        assert [each["status"] for each in _deliveries(place)] == [200] * 20


def _deliveries(place: Town) -> list[dict[str, Any]]:
    return [each for callback in place.sandbox.record(NAME)["callbacks"] for each in callback["deliveries"]]


@pytest.mark.parametrize("fault", ["bad_mac", "uppercase_mac", "pipe_in_field", "foreign_partner"])
async def test_forged_report_is_refused_and_the_honest_repetition_settles(database_url, monkeypatch, fault):
    async with town(database_url, monkeypatch) as place:
        place.faults(fault)
        await place.pay("PG00000001")
        await place.until(lambda: place.ours)

        assert place.ours == place.theirs
        assert place.sandbox.injected(NAME)["counts"] == {fault: 1}


@pytest.mark.parametrize("fault", ["amount_changed_valid_mac", "sotien_above_int32", "currency_changed"])
async def test_sealed_report_of_other_money_never_settles_by_itself(database_url, monkeypatch, fault):
    """Quarantined by the first word; the honest repetition then waits for a person, too."""
    async with town(database_url, monkeypatch) as place:
        place.faults(fault)
        await place.pay("PG00000001")
        await place.until(lambda: place.door.state("PG00000001") == "quarantined")
        await place.until(lambda: len(place.door.journal()) >= 2)

        assert place.ours == {}
        assert place.door.kinds()[0] == "payment.quarantined"


async def test_bad_day_ends_with_nothing_settled_that_was_not_paid(sqlite_url, monkeypatch):
    async with town(sqlite_url, monkeypatch, late_seconds=100.0) as place:
        for number, fault in enumerate(BAD_DAY):
            place.faults(fault)
            await place.pay(f"PG{number:08d}", 100_000 + number)
        lost = {f"PG{BAD_DAY.index(fault):08d}" for fault in ("no_callback", "amount_changed_valid_mac")}
        wanted = {reference: amount for reference, amount in place.theirs.items() if reference not in lost}

        await place.until(lambda: place.ours.keys() >= wanted.keys())

        assert place.ours == wanted
        assert json.dumps(place.door.settlements()).count("callback") == len(wanted)
