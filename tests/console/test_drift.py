"""Drift on the console: seen by kind, looked at before it is mended, mended in portions, left with a reason."""

import re

import pytest

from gateway.api.app import build_api
from gateway.console.pages import drift as pages
from gateway.storage.drift import DriftState, Findings, Found, RepairPart, RepairPlan, record_findings
from gateway.storage.instants import to_micros
from tests.console_world import ConsoleClient, text_of
from tests.drift_world import NOW, PORTAL, code_of, dossier, drift_world

HOSTILE = "<script>alert(1)</script>\"'\u202e"
WHY = "Cổng làm mất bước, đã trao đổi"


@pytest.fixture
async def world(database_url):
    """A portal that has lost the end of one dossier and moved the due time of another."""
    async with drift_world(database_url) as opened:
        await opened.accept(dossier(7), dossier(8))
        await opened.deliver()
        await opened.look()
        opened.tamper(7, drop_steps=[{"TrangThai": "9"}])
        opened.tamper(8, fields={"NgayHenTra": None})
        await opened.look(scope="all")
        yield opened


@pytest.fixture
def browser(world):
    return ConsoleClient(build_api(world.gateway))


async def only(world, kind):
    (row,) = await world.rows(kind=kind)
    return row


async def queued(world):
    question = "SELECT COUNT(*) FROM delivery WHERE settled_at IS NULL"
    return await world.gateway.database.read(lambda c: c.exec_driver_sql(question).scalar())


@pytest.mark.parametrize(
    ("language", "words"),
    [("vi", ("Thiếu bước kết thúc", "Ngày hẹn trả khác nhau")), ("en", ("End missing", "Promise differs"))],
)
async def test_differences_stand_by_kind_and_side_by_side(world, language, words):
    browser = ConsoleClient(build_api(world.gateway), language=language)
    told = text_of(await browser.get("/console/drift"))
    for word in words:
        assert word in told
    assert code_of(7) in told
    page = await browser.get(f"/console/drift/{(await only(world, 'DUE_DIFFERS')).id}")
    assert page.status_code == 200
    assert "22/01/2024 08:05:00" in text_of(page)


async def test_list_is_narrowed_by_kind_and_field(browser):
    page = await browser.get("/console/drift?kind=DUE_DIFFERS&field=/due_at&state=open")
    listed = page.text.partition('id="list"')[2]
    assert code_of(8) in listed
    assert code_of(7) not in listed
    assert (await browser.get("/console/drift?kind=ODD")).status_code == 422
    assert (await browser.get("/console/drift/4711")).status_code == 404


async def test_repair_is_shown_before_and_writes_nothing(world, browser):
    page = await browser.post("/console/drift", destination=PORTAL, kind="END_MISSING", reason=WHY)
    assert page.status_code == 200, page.text
    told = text_of(page)
    assert "Chưa gửi gì" in told
    assert "Sẽ gửi lại" in told
    assert "CapNhatTienDo" in page.text or "TrangThai" in page.text
    assert await queued(world) == 0
    assert (await only(world, "END_MISSING")).state is DriftState.OPEN


async def test_people_in_what_would_be_sent_are_masked(browser):
    page = await browser.post("/console/drift", destination=PORTAL, kind="DUE_DIFFERS", reason=WHY)

    assert "DongBoHoSoMC" in page.text
    assert "Nguyễn Văn Thử" not in page.text
    assert "đã che dữ liệu cá nhân" in text_of(page)


async def test_confirmed_repair_is_sent_and_a_later_pass_proves_it(world, browser):
    row = await only(world, "END_MISSING")
    page = await browser.post("/console/drift", ids=[row.id], reason=WHY, confirmed="true")
    assert "Đã đặt lệnh gửi lại" in text_of(page)
    after = await only(world, "END_MISSING")
    assert (after.state, after.applied_by, after.applied_reason) == (
        DriftState.REPAIRING,
        "console/operator.mau",
        WHY,
    )
    assert "Chờ lần đối soát tới" in text_of(await browser.get(f"/console/drift/{row.id}"))

    await world.deliver()
    await world.look(scope="all")
    told = text_of(await browser.get(f"/console/drift/{row.id}"))
    assert "đã sửa xong" in told
    assert "đối tác đã nhận" in told


async def test_many_are_mended_in_portions_that_go_on_by_themselves(world, browser, monkeypatch):
    monkeypatch.setattr(pages, "AT_ONCE", 1)
    page = await browser.post("/console/drift", destination=PORTAL, reason=WHY, confirmed="true")
    assert 'hx-trigger="submit, load delay:1s"' in page.text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text.partition('id="portion"')[2]))
    del fields["csrf"]
    assert (fields["looked"], fields["ordered"]) == ("1", "1")
    last = await browser.post("/console/drift", **fields)
    assert "Đã xem hết" in text_of(last)
    assert 'id="portion"' not in last.text
    assert {row.state for row in await world.rows()} == {DriftState.REPAIRING}


async def test_difference_is_left_as_it_is_until_a_day(world, browser):
    row = await only(world, "DUE_DIFFERS")
    path = f"/console/drift/{row.id}"
    assert (await browser.post(path, reason="")).status_code == 422
    assert (await browser.post(path, reason=WHY, until="2020-01-01")).status_code == 409
    assert (await browser.post(path, reason=WHY, until="tomorrow")).status_code == 422
    answer = await browser.post(path, reason=WHY, until="2999-12-31")
    assert answer.headers["location"] == path
    told = text_of(await browser.get(path))
    assert "31/12/2999 23:59" in told
    assert WHY in told


async def test_what_is_ours_to_blame_is_said_so(world, browser):
    plan = RepairPlan(deliveries=[RepairPart(delivery="", operation="dossier", key="v1")])
    found = Found(kind="MISSING_THERE", field="/lane", ours="received", theirs=HOSTILE, repair=plan)
    item = Findings(run=1, destination=PORTAL, dossier="H99-9", now=to_micros(NOW), found=(found,))
    await world.gateway.database.apply(record_findings, item)
    page = await browser.get("/console/drift?dossier=H99-9")
    assert "Lỗi phía ta" in text_of(page)
    assert "<script>alert" not in page.text
    row = await only(world, "MISSING_THERE")
    assert "lẽ ra phải gửi" in text_of(await browser.get(f"/console/drift/{row.id}"))


async def test_auditor_sees_and_orders_nothing(world):
    auditor = ConsoleClient(build_api(world.gateway), "auditor")
    page = await auditor.get("/console/drift")
    assert page.status_code == 200
    assert "Xem trước sẽ gửi gì" not in page.text
    assert (await auditor.post("/console/drift", destination=PORTAL, reason=WHY)).status_code == 403
    row = await only(world, "DUE_DIFFERS")
    assert (await auditor.post(f"/console/drift/{row.id}", reason=WHY)).status_code == 403
    assert await queued(world) == 0


async def test_order_about_nothing_is_refused(browser):
    assert (await browser.post("/console/drift", reason=WHY)).status_code == 422
