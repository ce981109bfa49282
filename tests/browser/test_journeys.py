"""The three great journeys, counted: a click is a press of the mouse or of Enter; typing is none."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.proof import lienthong_verify
from tests.browser.house import open_house
from tests.browser.seeding import CODE
from tests.payment_books_world import DAY

pytestmark = [pytest.mark.xdist_group("browser-journeys"), pytest.mark.timeout(300)]
MANY = 500
LATE = CODE.format(7)
OURS = "SELECT COALESCE(SUM(amount), 0) FROM settlement"


@pytest.fixture(scope="module")
def house(tmp_path_factory, chromium):
    with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="module")
def disputed(house):
    """The platform has been paid twice, and we know of neither: a call was lost, and a payment has a strange number.

    Gives the reference of the payment to which the strange money belongs.
    """
    books = house.books

    async def make():
        books.press(await books.ask_for(1, 250_000))
        own = await books.ask_for(2, 77_000)
        books.foreign_payment("PGFOREIGN0001", 77_000)
        books.lose()
        await books.hand_in(books.settlement_file(house.folder))
        await books.reconcile()
        return own

    return house.run(make())


@pytest.fixture(scope="module")
def working(house, disputed):
    """The worker is there, after the payments were made."""
    house.start_worker()
    return house


def test_payment_that_only_the_platform_knows_is_settled_on_the_page_of_both_ledgers(house, disputed, person):
    operator = person("tran.thi.mau")
    operator.open(f"/console/payments/reconciliation?from={DAY}&to={DAY}")
    item = operator.page.locator("tr", has_text="250.000 đ").locator("a[href*='/items/']").first
    operator.click(item)
    ours, theirs = (
        operator.page.locator("section:has(> #ours)"),
        operator.page.locator("section:has(> #theirs)"),
    )
    assert "250.000 đ" in theirs.inner_text()
    assert "250.000 đ" not in ours.inner_text().partition("lúc này")[0]
    operator.click("section:has(> #way-ask) button")
    assert "đã ghi nhận khoản này" in operator.text()
    assert "250.000 đ" in ours.inner_text()
    operator.type("#resolve-reason", "Nền tảng xác nhận, hai sổ khớp")
    operator.click("section:has(> #way-resolve) button")
    assert operator.clicks <= 4
    assert "console/tran.thi.mau" in operator.text()
    operator.click(".ledgers .facts a[href^='/console/payments/']")
    assert "0 đ, hai bên khớp" in operator.text()
    assert house.one(f"{OURS} WHERE amount = 250000") == 250_000
    assert operator.complaints == []


def test_money_under_a_strange_number_is_given_to_its_payment_by_two_persons(house, disputed, person):
    house.run(house.books.reconcile(apply="yes"))
    first, second = person("tran.thi.mau"), person("le.van.thu")
    assert "-77.000 đ" in sums(first)[2]
    first.open("/console/payments/orphans")
    first.click("main a[href*='/orphans/']")
    first.type("[name=other]", disputed)
    first.type("form[action$='/adopt'] [name=document]", "Sao kê ngày 28/09, dòng 14")
    first.type("form[action$='/adopt'] [name=reason]", "Người nộp ghi sai mã tham chiếu")
    first.click("form[action$='/adopt'] button")
    assert "/console/approvals/" in first.page.url
    assert house.one(f"{OURS} WHERE amount = 77000") == 0

    second.open("/console/approvals")
    second.click("main a[href*='/console/approvals/']")
    assert "Sao kê ngày 28/09, dòng 14" in second.text()
    second.type("#yes-reason", "Đã xem sao kê")
    second.click("form[action$='/approve'] button")
    assert house.one(f"{OURS} WHERE amount = 77000") == 77_000
    assert house.one("SELECT COUNT(*) FROM payment_orphan WHERE matched_at IS NULL") == 0
    assert "đã thực hiện" in second.text()
    assert first.clicks + second.clicks <= 6

    house.run(house.books.reconcile())
    assert sums(first) == ["327.000 đ", "327.000 đ", "0 đ, hai bên khớp"]
    assert sum(house.books.ledger().values()) == house.one(OURS) == 327_000
    assert house.one("SELECT COUNT(*) FROM reconciliation WHERE state = 'open' AND difference <> 0") == 0
    assert first.complaints == second.complaints == []


def sums(who):
    """What the page of both ledgers shows on top: ours, theirs, the difference."""
    who.open(f"/console/payments/reconciliation?from={DAY}&to={DAY}")
    return [each.strip() for each in who.page.locator("#sums .sum").all_inner_texts()]


def test_auditor_proves_in_five_clicks_whether_a_dossier_was_on_time(working, person, tmp_path):
    house = working
    house.put(
        LATE,
        status="returned",
        received_at="2026-09-08T08:05:00+07:00",
        due_at="2026-09-12T17:00:00+07:00",
        finished_at="2026-09-15T10:00:00+07:00",
        returned_at="2026-09-15T11:00:00+07:00",
        steps=[{"id": "s1", "at": "2026-09-08T08:05:00+07:00", "status": "received"}],
    )
    house.wait_until(lambda: house.one("SELECT COUNT(*) FROM dossier_version WHERE assessed = 0") == 0)
    house.wait_until(lambda: len(house.portal.taken.get(LATE, ())) == 2)
    house.run(house.world.gateway.evidence.checkpointer.make())

    auditor = person("thanh.tra")
    auditor.open("/console")
    auditor.type("#find", LATE)
    auditor.page.press("#find", "Enter")
    auditor.clicks += 1
    auditor.page.wait_for_url(f"**/dossiers/{LATE}")
    assert "quá hạn" in auditor.page.inner_text(".verdict").lower()
    auditor.type("#export-reason", "Thanh tra theo kế hoạch")
    auditor.click("form[action$='/evidence'] button")
    bundle = kept(auditor, "a[href*='/evidence/files/']", tmp_path / "bundle.asice")
    keys = kept(auditor, "main a[href='/console/evidence/keys']", tmp_path / "pinned.json")

    assert auditor.clicks <= 5
    verifier = [sys.executable, "-I", lienthong_verify.__file__, str(bundle), "--keys", str(keys)]
    told = subprocess.run(verifier, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    bundle.write_bytes(bundle.read_bytes().replace(b"Thanh", b"Thinh", 1)[:-1] + b"x")
    assert subprocess.run(verifier, capture_output=True, check=False).returncode != 0


def kept(who, link, path: Path) -> Path:
    """The file behind ``link``, as the browser keeps it."""
    with who.page.expect_download() as coming:
        who.page.click(link)
    who.clicks += 1
    coming.value.save_as(path)
    return path


def test_five_hundred_failures_of_three_causes_go_from_alarm_to_zero(working, person, capsys):
    house = working
    codes = [CODE.format(1000 + number) for number in range(MANY)]
    refusals = dict(zip(codes, ("E101", "E202", "E303") * MANY, strict=False))
    house.portal.judge = lambda code: refusals.get(code, "")
    for code in codes:
        house.put(code)
    failed = "SELECT COUNT(*) FROM delivery WHERE state = 'rejected'"
    house.wait_until(lambda: house.one(failed) == MANY, 120)
    house.portal.judge = lambda _code: ""  # what was wrong has been put right
    operator = person("tran.thi.mau")
    time.sleep(5)  # alarms are remembered for so long

    operator.open("/console")
    operator.click("#now table a[href='/console/failures']")
    assert "500 lần gửi đang vướng, thuộc 3 nguyên nhân" in operator.text()
    operator.click("button[name=every]")
    assert "Gửi lại 500 lần gửi" in operator.text()
    assert house.one(failed) == MANY, "the dry run sends nothing"
    operator.type("#reason", "Đối tác đã sửa cả ba nguyên nhân")
    operator.type("#pace", "60000")
    operator.click("form[action$='/begin'] button")
    begun = time.monotonic()
    operator.page.get_by_text("Không có lỗi nào").wait_for(timeout=100_000)
    waited = time.monotonic() - begun
    operator.click("a.brand")

    operator.page.locator("#now table a[href='/console/failures']").wait_for(state="detached", timeout=20_000)
    assert operator.clicks <= 8
    assert operator.seconds < 60
    house.wait_until(lambda: all(len(house.portal.taken.get(code, ())) >= 2 for code in codes))
    assert {code: house.portal.taken[code] for code in codes} == {
        code: ["card v1", "line s1"] for code in codes
    }
    assert operator.complaints == []
    with capsys.disabled():
        sys.stdout.write(
            f"\n{MANY} repaired: {operator.clicks} clicks, {operator.seconds:.1f} s, {waited:.1f} s of delivery\n"
        )
