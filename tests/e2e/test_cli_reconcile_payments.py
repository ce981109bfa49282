"""``lienthong reconcile payments`` as an official runs it: with a platform that does not answer, and a bank's file."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.e2e.cli import ROOT, Ran, lienthong, served
from tests.payment_books_world import NAME, open_books

pytestmark = [pytest.mark.xdist_group("cli_reconcile_payments"), pytest.mark.timeout(300)]
SECRET = "S3cret-DEMO-2026"
DAY = ("--date", "2026-09-28")
CONFIG = """
[database]
url = "{url}"
[api]
port = 0
[destination.payment_platform.settings]
payment_hosts = ["127.0.0.1:9"]
receipt_hosts = ["127.0.0.1:9"]
plain_http_hosts = ["127.0.0.1:9"]
[destination.payment_platform.settings.partners.DEMOH99]
secret = {{ env = "PAYMENT_SECRET" }}
init_url = "http://127.0.0.1:9/platform/init"
query_url = "http://127.0.0.1:9/platform/query"
bill_url = "http://127.0.0.1:9/platform/bill"
ip = "203.0.113.10"
account = {{ account = "1180000000001", bank = "DEMO01", name = "SO XAY DUNG TINH MAU" }}
"""


class Place:
    """A day with one payment that was told and one whose callback was lost, and the bank's ``file`` of it."""

    def __init__(self, folder: Path, url: str, told: str, lost: str) -> None:
        self.told, self.lost = told, lost
        self.file, self.database = folder / "doisoat.csv", url.removeprefix("sqlite:///")
        self.config = folder / "lienthong.toml"
        self.config.write_text(CONFIG.format(url=url), encoding="utf-8")

    async def run(self, *arguments: Any, code: int = 0, what: str = "reconcile") -> Ran:
        ran = await asyncio.to_thread(
            lienthong, what, *arguments, "-c", self.config, PAYMENT_SECRET=SECRET, PYTHONPATH=str(ROOT)
        )
        assert ran.code == code, f"{arguments}: {ran.code} {ran.out}{ran.err}"
        assert SECRET not in ran.out + ran.err
        return ran

    async def payments(self, *arguments: Any, code: int = 0) -> Ran:
        return await self.run("payments", *DAY, *arguments, code=code)

    def count(self, table: str) -> int:
        with sqlite3.connect(self.database) as database:
            return int(database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608


@pytest.fixture
async def place(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PAYMENT_SECRET", SECRET)
    async with open_books(sqlite_url) as books:
        told, lost = await books.ask_for(1), await books.ask_for(2, amount=1_000_000)
        books.press(told)
        await books.hear()
        books.press(lost)
        books.lose()
        books.settlement_file(tmp_path)
    return Place(tmp_path, sqlite_url, told, lost)


def kinds(ran: Ran) -> dict[str, str]:
    return {item["reference"]: item["kind"] for item in ran.json["items"]}


async def test_a_day_is_reconciled_with_the_banks_file(place: Place, tmp_path: Path) -> None:
    silent = await place.payments("--json", code=1)
    assert kinds(silent) == {place.told: "unanswered", place.lost: "unanswered"}
    shown = (await place.payments("--file", place.file, "--dry-run", code=1)).out
    assert "Có ở nền tảng, chưa ghi nhận ở tỉnh" in shown
    assert "Chạy thử: có" in shown
    assert "-1.000.000" in shown
    assert (place.count("settlement"), place.count("settlement_file")) == (1, 0)
    proposed = await place.payments("--file", place.file, "--json", code=1)
    assert kinds(proposed) == {place.told: "matched", place.lost: "paid_there_not_here"}
    assert (proposed.json["difference"], proposed.json["sound"]) == (-1_000_000, True)
    book = tmp_path / "out.xlsx"
    await place.payments("--file", place.file, "--apply", "-o", book)
    rows = list(openpyxl.load_workbook(book)["Tổng hợp"].values)
    assert ("Tổng cộng", 2, 0, 1_250_000, 1_250_000, 0) in rows
    text = (await place.payments("--format", "csv", "-o", tmp_path / "out.csv")).out
    assert text == ""
    raw = (tmp_path / "out.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert {line["Mã tham chiếu"]: line["Chênh lệch (đồng)"] for line in lines} == {
        place.told: "0",
        place.lost: "0",
    }
    assert place.count("settlement") == 2


async def test_a_file_that_cannot_be_read_is_told_by_line_and_column(place: Place, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    whole = place.file.read_text(encoding="utf-8-sig")
    bad.write_text(whole + "PGX,PPX,DEMOH99,1.000,VND,\n", encoding="utf-8")
    ran = await place.payments("--file", bad, "--apply", code=1)
    assert "dòng 4, cột Số tiền: có 1.000; cần: đồng in digits only" in ran.err
    assert "1 dòng của tệp đối soát không đọc được" in ran.err
    assert place.count("settlement") == 2, "the rest goes on"
    letter = tmp_path / "letter.csv"
    letter.write_text("Kính gửi\n", encoding="utf-8")
    assert "no row with the headings" in (await place.payments("--file", letter, code=1)).err
    for wrong in (("--date", "28/09/2026"), ("--file", "nowhere.csv"), ("--format", "pdf")):
        await place.run("payments", *wrong, code=2)
    await place.payments("--destination", "elsewhere", code=2)


async def test_an_item_is_ended_here_and_through_the_api(place: Place, tmp_path: Path) -> None:
    items = (await place.payments("--json", code=1)).json["items"]
    why = ("--reason", "đã tra soát", "--as", "mai")
    ended = await place.run("resolve", items[0]["id"], *why)
    assert f"khoản {items[0]['id']} đã được kết thúc" in ended.out
    await place.run("resolve", items[0]["id"], *why, code=1)
    key = tmp_path / "ops.key"
    key.write_text((await place.run("add", "ops", "--scope", "all", what="clients")).out, encoding="utf-8")
    with served(place.config) as url:
        api = ("--url", url, "--key-file", key)
        await place.run("resolve", items[1]["id"], *why, *api)
        assert "--url" in (await place.payments("--json", code=2)).err
        there = ("--destination", NAME, "--file", place.file, *api)
        dry = await place.payments("--dry-run", *api, "--json", code=1)
        assert dry.json["dry_run"]
        done = await place.payments("--apply", *there, "--json")
    assert kinds(done) == {place.told: "matched", place.lost: "matched"}
    assert (done.json["ours"], done.json["theirs"], done.json["difference"]) == (1_250_000, 1_250_000, 0)


async def test_both_ledgers_and_peoples_actions_are_read_here_and_through_the_api(
    place: Place, tmp_path: Path
) -> None:
    await place.payments("--file", place.file, "--json", code=1)
    days = ("--from", "2026-09-27", "--to", "2026-09-28")
    here = await place.run("ledger", *days, "--json", code=1)
    assert (here.json["ours"], here.json["theirs"], here.json["open"]) == (250_000, 1_250_000, 1)
    assert [day["looked_at"] is None for day in here.json["days"]] == [True, False]
    assert "-1.000.000" in (await place.run("ledger", *days, code=1)).out
    await place.run("ledger", "--from", "hôm qua", code=2)
    await place.run("ledger", "--from", "2026-09-28", "--to", "2026-09-27", code=2)
    (item,) = [
        each for each in (await place.payments("--json", code=1)).json["items"] if each["state"] == "open"
    ]
    await place.run("resolve", item["id"], "--reason", "đã tra soát", "--as", "mai")
    mine = await place.run("actions", "--by", "mai", "--json", what="log")
    assert [(each["actor"], each["action"]) for each in mine.json] == [("cli:mai", "resolve")]
    assert (await place.run("actions", "--by", "ai", "--json", what="log")).json == []
    file = tmp_path / "thao-tac.csv"
    await place.run("actions", "--dossier", item["dossier"], "-o", file, what="log")
    assert "đã tra soát" in file.read_text(encoding="utf-8-sig")
    assert (await place.run("list", "--amount", "1000000", "--json", what="payments")).json[0][
        "amount"
    ] == 1_000_000
    key = tmp_path / "ops.key"
    key.write_text((await place.run("add", "ops", "--scope", "all", what="clients")).out, encoding="utf-8")
    with served(place.config) as url:
        api = ("--url", url, "--key-file", key)
        assert (await place.run("ledger", *days, "--json", *api)).json["theirs"] == 1_250_000
        there = await place.run("actions", "--by", "mai", "--json", *api, what="log")
        assert there.json == mine.json
