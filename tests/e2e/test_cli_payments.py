"""``lienthong payments`` as a user runs it: on the database, beside a running gateway, and through its API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from adapters.payment_platform.simulator import Partner, PaymentSimulator, SimulatorConfig
from gateway.sandbox import serve_sandbox
from tests.e2e.cli import ROOT, Ran, lienthong, served

pytestmark = [pytest.mark.xdist_group("cli_payments"), pytest.mark.timeout(300)]
NAME, SECRET, CODE = "payment_platform", "S3cret-DEMO-2026", "H99.14-261102-0007"
AMOUNT = 250_000
WHY = ("--reason", "sao kê ngân hàng")
CONFIG = """
[database]
url = "sqlite:///{folder}/lienthong.db"
[api]
port = 0
[destination.payment_platform.settings]
payment_hosts = ["{host}"]
receipt_hosts = ["{host}"]
plain_http_hosts = ["{host}"]
[destination.payment_platform.settings.partners.DEMOH99]
secret = {{ env = "PAYMENT_SECRET" }}
init_url = "http://{host}/platform/init"
query_url = "http://{host}/platform/query"
bill_url = "http://{host}/platform/bill"
ip = "203.0.113.10"
account = {{ account = "1180000000001", bank = "DEMO01", name = "SO XAY DUNG TINH MAU" }}
"""
RECORD = {
    "code": CODE,
    "version": 1,
    "procedure": {"code": "1.009901.000.00.00.H99", "name": "Cấp giấy xác nhận thử nghiệm"},
    "agency": {"code": "H99.14", "name": "Ủy ban nhân dân xã Thử"},
    "channel": "counter",
    "applicant": {"kind": "citizen", "name": "Nguyễn Văn Thử"},
    "summary": "Đề nghị cấp giấy xác nhận thử nghiệm",
    "status": "received",
    "received_at": "2026-11-02T08:05:00+07:00",
    "due_at": "2026-11-09T08:05:00+07:00",
    "fees": [
        {"id": "1", "name": "Phí thẩm định", "kind": "fee", "amount": 200_000},
        {"id": "2", "name": "Lệ phí cấp phép", "kind": "charge", "amount": 50_000},
    ],
}


class Place:
    """A configuration, and a platform at ``host``."""

    def __init__(self, folder: Any, host: str) -> None:
        self.folder = folder
        self.config = folder / "lienthong.toml"
        self.config.write_text(CONFIG.format(folder=folder, host=host), encoding="utf-8")
        (folder / "dossier.json").write_text(json.dumps(RECORD), encoding="utf-8")

    async def run(self, *arguments: Any) -> Ran:
        return await asyncio.to_thread(
            lienthong, *arguments, "-c", self.config, PAYMENT_SECRET=SECRET, PYTHONPATH=str(ROOT)
        )

    async def payments(self, *arguments: Any, code: int = 0) -> Ran:
        ran = await self.run("payments", *arguments)
        assert ran.code == code, f"{arguments}: {ran.out}{ran.err}"
        assert SECRET not in ran.out + ran.err
        return ran


@pytest.fixture
async def place(tmp_path, monkeypatch):
    monkeypatch.setenv("PAYMENT_SECRET", SECRET)
    partner = Partner(code="DEMOH99", secrets=(SECRET,), callback_url="", return_url="http://127.0.0.1:9/r")
    simulator = PaymentSimulator(SimulatorConfig(partners=(partner,), base_url=""))
    async with serve_sandbox({NAME: simulator}) as sandbox:
        made = Place(tmp_path, sandbox.url(NAME).removeprefix("http://"))
        ran = await made.run("import", tmp_path / "dossier.json")
        assert ran.code == 0, ran.err
        yield made


async def press(page: str) -> None:
    async with httpx.AsyncClient() as browser:
        assert (await browser.post(page, data={"action": "pay"})).status_code == 302


async def redirected(place: Place, payment: str) -> str:
    """The page at which the payer pays, once the gateway knows it."""
    for _ in range(100):
        view = (await place.payments("show", payment, "--json")).json
        if view["attempts"][-1]["pay_url"]:
            return str(view["attempts"][-1]["pay_url"])
        await asyncio.sleep(0.1)
    raise AssertionError("the payer never got a page")


async def test_a_payment_from_the_question_to_the_refund(place):
    dry = (await place.payments("create", CODE, "--dry-run")).out
    assert '"SoTien": "250000"' in dry
    assert "250.000 đ" in dry
    assert (await place.payments("list", "--json")).json == []

    made = (await place.payments("create", CODE, "--as", "mai", "--json")).json
    assert (made["amount"], made["created_by"], made["state"]) == (AMOUNT, "cli:mai", "open")
    assert (await place.payments("create", CODE, "--json")).json["id"] == made["id"]
    other = await place.payments("create", CODE, "--item", "fee:1:x", code=1)
    assert "other terms" in other.err
    assert "chưa gửi tới nền tảng" in (await place.payments("list")).out

    with served(place.config) as _url:
        page = await redirected(place, made["id"])
        told = (await place.payments("show", made["id"])).out
        assert page in told
        assert "người nộp có thể thanh toán" in told
        locked = await place.payments("ask", made["id"], code=2)
        assert "--url" in locked.err
    unpaid = await place.payments("ask", made["id"], code=1)
    assert "pending" in unpaid.out
    await press(page)
    paid = await place.payments("ask", made["id"])
    assert "đã thanh toán" in paid.out
    assert "đã nộp đủ" in (await place.payments("show", made["id"])).out
    story = (await place.run("status", CODE)).out
    assert "payment fees" in story
    assert "transaction PP" in story

    refund = ("refund", made["id"], "--amount", "50000", "--document", "UNC-147", *WHY)
    asked = (await place.payments(*refund, "--as", "an", "--json")).json
    waiting = await place.payments("waiting", code=1)
    assert "hoàn trả chờ người thứ hai" in waiting.out
    own = await place.payments("approve", asked["refund"], *WHY, "--as", "an", code=1)
    assert "somebody else must decide" in own.err
    done = await place.payments("approve", asked["refund"], *WHY, "--as", "binh")
    assert "đã duyệt" in done.out
    view = (await place.payments("show", made["id"], "--json")).json
    assert (view["state"], view["refunded"]) == ("partly_refunded", 50_000)


async def test_a_running_gateway_is_worked_through_its_api(place):
    key_file = place.folder / "ops.key"
    key_file.write_text((await place.run("clients", "add", "ops", "--scope", "all")).out, encoding="utf-8")
    with served(place.config) as url:
        api = ("--url", url, "--key-file", key_file)
        dry = (await place.payments("create", CODE, "--dry-run", *api, "--json")).json
        assert (dry["result"], dry["amount"]) == ("begun", AMOUNT)
        assert json.loads(dry["request"]["body_text"])["SoTien"] == str(AMOUNT)
        made = (await place.payments("create", CODE, *api, "--as", "mai", "--json")).json
        assert made["created_by"] == "ops/mai"
        await press(await redirected(place, made["id"]))
        assert "settled" in (await place.payments("ask", made["id"], *api)).out

        refund = ("refund", made["id"], "--amount", "50000", "--document", "UNC-147", *WHY, *api)
        asked = (await place.payments(*refund, "--as", "an", "--json")).json
        own = await place.payments("decline", asked["refund"], *WHY, *api, "--as", "an", code=1)
        assert "somebody else must decide" in own.err
        assert (
            "không duyệt"
            in (await place.payments("decline", asked["refund"], *WHY, *api, "--as", "binh")).out
        )

        attempt = made["attempts"][0]["id"]
        more = (
            "propose",
            "excess",
            attempt,
            "--amount",
            "250000",
            "--transaction",
            "PP9",
            "--document",
            "SK-1",
        )
        proposed = (await place.payments(*more, *WHY, *api, "--as", "an", "--json")).json
        taken = await place.payments("approve", proposed["decision"], *WHY, *api, "--as", "binh")
        assert "khoản nộp thừa phải hoàn trả: đã duyệt" in taken.out
        assert (await place.payments("approve", "4711", *WHY, *api, code=1)).err
        nobody = ("propose", "refund_orphan", "--orphan", "4711", "--document", "UNC-9", *WHY, *api)
        assert "there is no orphan 4711" in (await place.payments(*nobody, code=1)).err
        early = ("propose", "give_up", attempt, "--document", "CV-1", *WHY, *api)
        assert "is paid" in (await place.payments(*early, code=1)).err


MEANT_WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("show", "4711"), 1, "there is no payment 4711"),
    (("ask", "4711"), 1, "there is no payment 4711"),
    (("receipt", "4711", *WHY), 1, "no receipt here"),
    (("receipt", "4711"), 2, "--reason"),
    (("receipt", "4711", "--reason", "x"), 2, "--reason"),
    (("create", "H99-none"), 1, "there is no dossier H99-none"),
    (("create", CODE, "--destination", "elsewhere"), 1, "there is no payment platform"),
    (("refund", "4711", "--amount", "1", "--document", "x", *WHY), 1, "4711"),
    (("approve", "4711", *WHY), 1, "4711"),
    (("cancel", "4711", *WHY), 1, "4711"),
]


async def test_what_cannot_be_meant_is_said(place):
    for arguments, code, says in MEANT_WRONG:
        ran = await place.payments(*arguments, code=code)
        assert says in " ".join((ran.err + ran.out).replace("│", " ").split()), arguments


async def test_encode_of_a_stored_dossier_says_where_its_payment_is_shown(place):
    ran = await place.run("encode", NAME, "init", CODE)
    assert ran.code == 1
    assert f"lienthong payments create {CODE} --dry-run" in ran.err


async def test_nothing_waits_where_nothing_was_asked_for(place):
    assert "nothing waits" in (await place.payments("waiting")).out
    assert (await place.payments("orphans", "--json")).json == []
