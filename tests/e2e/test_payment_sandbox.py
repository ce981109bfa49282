"""The payment platform's stand-in over real HTTP: a payer's browser, an agency that is called back, and what goes
wrong between them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import h11
import httpx
import pytest

from adapters.payment_platform.simulator import Partner, PaymentSimulator, SimulatorConfig
from adapters.payment_platform.simulator_mac import sealed
from gateway.sandbox import FaultPlan, FaultRule, PushOrder, Sandbox, serve_sandbox

NAME = "payment_platform"
SECRET = "S3cret-DEMO-2026"
ORDER = [
    "LoaiBanTin",
    "MaLoi",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "MaTienTe",
    "MaGiaoDich",
    "MaNganHang",
    "ThoiGianGD",
    "ThongTinGiaoDich",
]
PATIENCE = 20.0
BAD_DAY = (
    "bad_mac",
    "late_callback",
    "duplicate_callback",
    "amount_changed_valid_mac",
    "unknown_reference",
    "fail_then_success",
    "success_then_fail",
    "callback_before_init_reply",
    "extra_fields",
    "no_callback",
)


def init(reference: str, amount: int = 250_000) -> dict[str, Any]:
    text = f"THANH TOAN HO SO H99.15-{reference}"
    fields = {
        "LoaiBanTin": "INIT",
        "PhienBan": "1.0.6",
        "MaDoiTac": "DEMOH99",
        "MaThamChieu": reference,
        "SoTien": str(amount),
        "LoaiHinhThanhToan": "PAY",
        "MaKenhThanhToan": "1",
        "MaThietBi": "1",
        "NgonNgu": "vi-VN",
        "MaTienTe": "VND",
        "MaNganHang": "PAYMENT",
        "ThongTinGiaoDich": text,
        "ThoiGianGD": "20260928143015",
        "Ip": "203.0.113.10",
    }
    receipt = {
        "MaDichVu": "2",
        "MaDVC": "9.999001.01",
        "TenDVC": "Cấp giấy phép mẫu",
        "MaTTHC": "9.999001",
        "TenTTHC": "Cấp giấy phép mẫu",
        "MaDonVi": "H99.15",
        "TenDonVi": "Sở Xây dựng tỉnh Mẫu",
        "MaHoSo": f"H99.15-{reference}",
        "TKThuHuong": "1180000000001",
        "MaNHThuHuong": "DEMO01",
        "TenTKThuHuong": "SO XAY DUNG TINH MAU",
        "NoiDungThanhToan": text,
        "HoTenNguoiNop": "Nguyễn Văn Mẫu",
        "SoCMNDNguoiNop": "099000000001",
        "DiaChiNguoiNop": "Số 1 đường Mẫu",
        "PhiLePhi": [{"LoaiPhiLePhi": "1", "MaPhiLePhi": "2", "TenPhiLePhi": "Phí", "SoTien": str(amount)}],
        "DSKhoanNop": [{"NoiDung": text, "SoTien": str(amount)}],
    }
    return {**fields, "MaXacThuc": sealed("INIT", fields, SECRET), "ThongTinBienLai": receipt}


def query(reference: str) -> dict[str, Any]:
    fields = {
        "LoaiBanTin": "QUERY",
        "PhienBan": "1.0.6",
        "MaDoiTac": "DEMOH99",
        "MaThamChieu": reference,
        "ThoiGianGD": "20260928143015",
    }
    return {**fields, "MaXacThuc": sealed("QUERY", fields, SECRET)}


class Agency:
    """A small server that takes CONFIRM as §5.5 wants it: check the code, compare, settle once, answer."""

    def __init__(self) -> None:
        self.ledger: dict[str, int] = {}
        self.asked: dict[str, int] = {}
        self.arrived: list[tuple[str, str]] = []
        self.ill: list[Callable[[asyncio.StreamWriter], bytes | None]] = []
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/in/payment_platform/confirm"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(holds)

    def verdicts(self, reference: str = "") -> list[str]:
        return [verdict for of, verdict in self.arrived if not reference or of == reference]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = h11.Connection(h11.SERVER)
        body = b""
        try:
            while not isinstance(event := server.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    server.receive_data(await reader.read(65_536))
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.ConnectionClosed):
                    return
            answer = self._ill(writer) if self.ill else self._judged(body)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()
            async with self._changed:
                self._changed.notify_all()

    def _ill(self, writer: asyncio.StreamWriter) -> bytes | None:
        self.arrived.append(("", "ill"))
        return self.ill.pop(0)(writer)

    def _judged(self, body: bytes) -> bytes:
        message = {name[0].upper() + name[1:]: value for name, value in json.loads(body).items()}
        status, code, verdict = self._verdict(message)
        self.arrived.append((message["MaThamChieu"], verdict))
        return reply(status, {"MaLoi": code, "MaThamChieu": message["MaThamChieu"]})

    def _verdict(self, message: dict[str, Any]) -> tuple[int, str, str]:
        values = ["" if message.get(name) is None else str(message[name]) for name in ORDER]
        wanted = hashlib.sha256("|".join([*values, SECRET]).encode()).hexdigest()
        if message.get("MaXacThuc") != wanted or any("|" in value for value in values):
            return 401, "99", "forged"
        reference = message["MaThamChieu"]
        fits = str(message["SoTien"]) == str(self.asked.get(reference)) and message["MaTienTe"] == "VND"
        if not fits or message["MaDoiTac"] != "DEMOH99":
            return 200, "99", "mismatch"
        if message["MaLoi"] != "00":
            return 200, "00", "failed"
        verdict = "again" if reference in self.ledger else "settled"
        self.ledger.setdefault(reference, int(message["SoTien"]))
        return 200, "00", verdict


def reply(status: int, document: object) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + body


def down(_writer: asyncio.StreamWriter) -> bytes | None:
    return reply(503, {"MaLoi": "99"})


def torn(writer: asyncio.StreamWriter) -> bytes | None:
    writer.transport.abort()
    return None


class Town:
    """An agency, a platform in the sandbox, and a browser."""

    def __init__(self, sandbox: Sandbox, agency: Agency, browser: httpx.AsyncClient) -> None:
        self.sandbox, self.agency, self.browser = sandbox, agency, browser

    @property
    def url(self) -> str:
        return self.sandbox.url(NAME)

    async def ask_for(self, reference: str, amount: int = 250_000) -> httpx.Response:
        self.agency.asked[reference] = amount
        return await self.browser.post(f"{self.url}/platform", json=init(reference, amount))

    async def pay(self, reference: str, amount: int = 250_000) -> httpx.Response:
        page = (await self.ask_for(reference, amount)).json()["UrlThanhToan"]
        return await self.browser.post(page, data={"action": "pay"})

    async def heard(self, *verdicts: str, reference: str = "") -> None:
        """Wait until the agency has judged so many, and they are these."""
        await self.agency.until(lambda: len(self.agency.verdicts(reference)) >= len(verdicts))
        assert self.agency.verdicts(reference) == list(verdicts)

    async def state(self, reference: str) -> str:
        answer = await self.browser.post(f"{self.url}/platform/query", json=query(reference))
        return str(answer.json()["TrangThaiGD"])

    def faults(self, *faults: str, service: str = "init") -> None:
        rules = tuple(FaultRule(fault=fault, first_n=1, service=service) for fault in faults)
        self.sandbox.use_plan(NAME, FaultPlan(rules=rules))

    @property
    def paid(self) -> dict[str, int]:
        paid: dict[str, int] = self.sandbox.record(NAME)["paid"]
        return paid


@asynccontextmanager
async def town(**config: Any) -> AsyncIterator[Town]:
    agency = Agency()
    await agency.start()
    partner = Partner(
        code="DEMOH99", secrets=(SECRET,), callback_url=agency.url, return_url="http://127.0.0.1:9/return"
    )
    settings = SimulatorConfig(partners=(partner,), **{"base_url": "", "time_scale": 0.001, **config})
    async with (
        serve_sandbox({NAME: PaymentSimulator(settings)}) as sandbox,
        httpx.AsyncClient(timeout=PATIENCE) as browser,
    ):
        yield Town(sandbox, agency, browser)
    await agency.close()


async def test_a_payer_pays_on_the_page_and_the_agency_is_told() -> None:
    async with town() as place:
        page = (await place.ask_for("PG1")).json()["UrlThanhToan"]
        assert page.startswith(place.url)
        assert "250.000 đồng" in (await place.browser.get(page)).text
        sent_back = await place.browser.post(page, data={"action": "pay"})
        assert sent_back.status_code == 302
        assert "responseCode=00" in sent_back.headers["location"]
        await place.heard("settled")
        assert place.agency.ledger == place.paid == {"PG1": 250_000}
        assert await place.state("PG1") == "1"


@pytest.mark.parametrize("illness", [down, torn])
async def test_a_lost_callback_is_repeated_until_it_is_understood(illness: Any) -> None:
    async with town() as place:
        place.agency.ill = [illness, illness]
        await place.pay("PG1")
        await place.heard("ill", "ill", "settled")
        assert place.agency.ledger == place.paid


async def test_an_agency_that_is_not_there_is_called_again_when_it_is() -> None:
    async with town(repeat_seconds=(50.0,) * 100) as place:
        reachable = place.agency.url
        unreachable = place.sandbox.control_url.rpartition(":")[0] + ":9/confirm"
        simulator = place.sandbox.simulator(NAME)
        simulator.administer("register", json.dumps({"callback_url": unreachable}).encode())
        await place.pay("PG1")
        await deliveries(place, 2)
        simulator.administer("register", json.dumps({"callback_url": reachable}).encode())
        await place.heard("settled")
        (callback,) = place.sandbox.record(NAME)["callbacks"]
        assert callback["deliveries"][0]["status"] == 0


async def deliveries(place: Town, wanted: int) -> list[dict[str, Any]]:
    """The deliveries that were answered, or could not be, once there are so many; asked of the admin door."""
    done: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while len(done) < wanted:
            record = (await place.browser.get(f"{place.sandbox.control_url}/{NAME}/-/record")).json()
            made = [delivery for each in record["callbacks"] for delivery in each["deliveries"]]
            done = [delivery for delivery in made if "status" in delivery]
    return done


async def test_parallel_duplicates_arrive_and_settle_once() -> None:
    async with town(copies=20) as place:
        place.faults("duplicate_callback")
        await place.pay("PG1")
        await place.agency.until(lambda: len(place.agency.arrived) == 20)
        assert sorted(place.agency.verdicts()) == ["again"] * 19 + ["settled"]
        assert place.agency.ledger == place.paid


async def test_a_late_callback_comes_after_query_knew() -> None:
    async with town(late_seconds=1500.0) as place:
        place.faults("late_callback")
        await place.pay("PG1")
        assert (await place.state("PG1"), place.agency.arrived) == ("1", [])
        await place.heard("settled")


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("bad_mac", "forged"),
        ("uppercase_mac", "forged"),
        ("pipe_in_field", "forged"),
        ("amount_changed_valid_mac", "mismatch"),
        ("sotien_above_int32", "mismatch"),
        ("currency_changed", "mismatch"),
        ("foreign_partner", "mismatch"),
        ("unknown_reference", "mismatch"),
    ],
)
async def test_a_spoilt_callback_is_refused_and_the_honest_repeat_settles(fault: str, verdict: str) -> None:
    async with town() as place:
        place.faults(fault, service="pay")
        await place.pay("PG1")
        await place.heard(verdict, "settled")
        assert place.agency.ledger == place.paid
        assert place.sandbox.injected(NAME)["counts"] == {fault: 1}


@pytest.mark.parametrize(
    "fault",
    ["camel_case_keys", "sotien_as_string", "extra_fields", "nfd_text", "confirm_time_is_payment_time"],
)
async def test_an_unusual_callback_settles_at_once(fault: str) -> None:
    async with town() as place:
        place.faults(fault)
        await place.pay("PG1")
        await place.heard("settled")
        assert place.agency.ledger == place.paid


@pytest.mark.parametrize(
    ("fault", "verdicts"),
    [("fail_then_success", ["failed", "settled"]), ("success_then_fail", ["settled", "failed"])],
)
async def test_contradicting_callbacks_arrive_in_order(fault: str, verdicts: list[str]) -> None:
    async with town(gap_seconds=100.0) as place:
        place.faults(fault)
        await place.pay("PG1")
        await place.heard(*verdicts)
        assert place.agency.ledger == place.paid


async def test_a_callback_can_overtake_the_answer_to_init() -> None:
    async with town() as place:
        place.faults("callback_before_init_reply")
        await place.ask_for("PG1")
        assert place.agency.verdicts() == ["settled"], "it was there before the answer"


async def test_a_forged_callback_of_another_dossier_settles_nothing() -> None:
    async with town() as place:
        await place.ask_for("PG1")
        await place.pay("PG2")
        await place.heard("settled")
        order = {"reference": "PG2", "fields": {"MaThamChieu": "PG1"}, "mac": "original", "times": 3}
        url = f"{place.sandbox.control_url}/{NAME}/-/admin/send"
        assert (await place.browser.post(url, json=order)).status_code == 200
        await place.heard("forged", "forged", "forged", reference="PG1")
        assert place.agency.ledger == place.paid == {"PG2": 250_000}


async def test_an_init_that_is_accepted_can_keep_its_caller_waiting() -> None:
    async with town(hold_seconds=30.0) as place:
        place.faults("init_timeout_after_accept")
        with pytest.raises(httpx.ReadTimeout):
            await place.browser.post(f"{place.url}/platform", json=init("PG1"), timeout=0.3)
        assert await place.state("PG1") == "3"


async def test_a_rule_says_how_long_a_caller_waits_for_nothing() -> None:
    async with town(hold_seconds=300.0) as place:
        rule = FaultRule(fault="init_timeout_after_accept", first_n=1, service="init", seconds=0.05)
        place.sandbox.use_plan(NAME, FaultPlan(rules=(rule,)))
        with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
            await place.ask_for("PG1")
        assert await place.state("PG1") == "3"
        await place.pay("PG1")
        await place.heard("settled")


async def test_socket_faults_leave_the_ledger_right() -> None:
    async with town() as place:
        place.sandbox.use_plan(
            NAME, FaultPlan(rules=(FaultRule(fault="lost_reply", first_n=1, service="init"),))
        )
        with pytest.raises(httpx.TransportError):
            await place.ask_for("PG1")
        assert await place.state("PG1") == "3"
        await place.pay("PG1")
        await place.heard("settled")
        assert place.agency.ledger == place.paid


async def test_a_receipt_is_fetched() -> None:
    async with town() as place:
        await place.pay("PG1")
        asked = {**query("PG1"), "LoaiBanTin": "GET_BILL"}
        asked["MaXacThuc"] = sealed("GET_BILL", asked, SECRET)
        answer = (await place.browser.post(f"{place.url}/platform/bill", json=asked)).json()
        file = await place.browser.get(answer["UrlBienLai"])
        assert (file.headers["content-type"], file.content[:5]) == ("application/pdf", b"%PDF-")


async def test_only_the_loopback_interface_is_called() -> None:
    async with town(repeat_seconds=()) as place:
        simulator = place.sandbox.simulator(NAME)
        simulator.administer("register", b'{"callback_url": "http://agency.example.invalid/confirm"}')
        await place.pay("PG1")
        (delivery,) = await deliveries(place, 1)
        assert delivery["status"] == 0
        assert "loopback" in delivery["answer"]


async def test_land_notices_are_pushed_to_the_province() -> None:
    async with town(notice_path="/nhantbthuedvcqg") as place:
        place.agency.ill = [lambda _writer: reply(200, {"error_code": 0})] * 2
        address = place.agency.url.rpartition("/in/")[0]
        order = PushOrder(url=address, kind="land/notice", order={"variants": ["duplicate"]})
        receipts = await place.sandbox.push(NAME, order)
        assert [(each.path, each.status) for each in receipts] == [("/nhantbthuedvcqg", 200)] * 2


async def test_a_sandbox_that_closes_leaves_no_call_behind() -> None:
    async with town() as place:
        place.agency.ill = [down] * 50
        for number in range(10):
            await place.pay(f"PG{number}")
    left = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not [task for task in left if "Postman" in repr(task)]


async def test_both_ledgers_agree_after_a_bad_day() -> None:
    async with town(late_seconds=100.0, gap_seconds=20.0) as place:
        rules = tuple(FaultRule(fault=fault, probability=0.15, service="init") for fault in BAD_DAY)
        place.sandbox.use_plan(NAME, FaultPlan(seed=7, rules=rules))
        for number in range(40):
            await place.pay(f"PG{number}", 1_000 + number)
        silent = {
            name.rpartition("/")[2]
            for name, row in place.sandbox.record(NAME)["transactions"].items()
            if "no_callback" in row["faults"]
        }
        await place.agency.until(lambda: len(place.agency.ledger) + len(silent) == 40)
        assert {await place.state(reference) for reference in silent} <= {"1"}
        swept = {reference: place.agency.asked[reference] for reference in silent}
        assert {**place.agency.ledger, **swept} == place.paid
        assert sum(place.paid.values()) == sum(place.agency.asked.values())
        assert len(place.sandbox.injected(NAME)["counts"]) >= 6
