"""Correcting a failed delivery in the console: the form, the changes, the confirmation, and what is never shown."""

import json

import pytest

from gateway.domain.delivery import DeliveryState
from gateway.messagelog.acts import oversight
from gateway.storage.oversight import Dangerous
from gateway.storage.sql import Statement
from tests.api_world import open_world
from tests.console_world import ConsoleClient, text_of
from tests.storage.province import Province

S = DeliveryState
WHY = "người dân đã sửa ở quầy"
HOSTILE = "<script>alert('x')</script> \"q\" \u202eabc"
NAME = "Nguyễn Văn Thí Dụ"


class Desk:
    """A world with a browser and one failed delivery."""

    def __init__(self, world):
        self.world = world
        self.province = Province(world.gateway.database)
        self.browser = ConsoleClient(world.api)

    async def failed(self, code="H99-1", state=S.REJECTED, **fields):
        await self.world.put(code, **fields)
        [lane] = [each for each in await self.province.claim("board", lanes=500) if each.dossier == code]
        start = await self.province.send(lane)
        await self.province.settle(lane, start, state)
        return start.deliveries[0]

    async def look(self, delivery, browser=None, query=""):
        return await (browser or self.browser).get(f"/console/deliveries/{delivery}/edit{query}")

    async def shown(self, delivery):
        return (await self.world.call("GET", f"/v1/deliveries/{delivery}/edit")).json()["shown"]

    async def send(self, delivery, browser=None, **fields):
        fields = {"reason": WHY, "shown": await self.shown(delivery), **fields}
        return await (browser or self.browser).post(f"/console/deliveries/{delivery}/edit", **fields)

    async def payload(self, delivery):
        sql = Statement("SELECT payload FROM delivery WHERE id = :id")
        row = await self.world.gateway.database.write(lambda tx: tx.one(sql, {"id": delivery}))
        return json.loads(bytes(row[0]))


@pytest.fixture
async def desk(database_url):
    async with open_world(database_url) as world:
        yield Desk(world)


SUMMARY = "field./summary"


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_the_form_has_open_fields_and_locked_ones_as_text(desk, language):
    delivery = await desk.failed()
    browser = ConsoleClient(desk.world.api, language=language)
    page = await desk.look(delivery, browser)
    assert page.status_code == 200, text_of(page)
    assert {"vi": "Sửa nội dung gửi", "en": "Correct a delivery"}[language] in text_of(page)
    assert 'name="field./channel" value="counter"' in page.text
    assert 'name="field./code"' not in page.text
    assert {"vi": "chỉ một cửa được khai", "en": "only the one-door system"}[language] in text_of(page)
    assert NAME not in page.text


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_the_changes_are_looked_at_then_made(desk, language):
    delivery = await desk.failed()
    browser = ConsoleClient(desk.world.api, language=language)
    look = await desk.send(delivery, browser, **{"field./channel": "online", SUMMARY: ""})
    assert look.status_code == 200, text_of(look)
    assert "counter" in text_of(look)
    assert "online" in text_of(look)
    assert (await desk.payload(delivery))["channel"] == "counter"

    done = await desk.send(delivery, browser, confirmed="1", **{"field./channel": "online"})

    assert (done.status_code, done.headers["location"]) == (303, f"/console/deliveries/{delivery}")
    after = await desk.payload(delivery)
    assert (after["channel"], after["summary"]) == ("online", "Trích lục khai sinh")
    page = await browser.get(f"/console/deliveries/{delivery}")
    assert {"vi": "Đã sửa tay", "en": "Corrected by hand"}[language] in text_of(page)
    kept = text_of(await desk.look(delivery, browser))
    assert WHY in kept
    assert "/channel" in kept


async def test_a_finding_stands_at_its_field_and_what_was_typed_stays(desk):
    delivery = await desk.failed()
    page = await desk.send(delivery, **{"field./channel": "pigeon"})
    assert page.status_code == 422
    assert 'value="pigeon"' in page.text
    assert 'aria-invalid="true"' in page.text
    assert WHY in page.text
    refused = await desk.send(delivery, **{SUMMARY: "cannot be encoded"})
    assert refused.status_code == 422
    assert (await desk.payload(delivery))["channel"] == "counter"


async def test_a_field_that_is_to_be_left_out_is(desk):
    delivery = await desk.failed(note="ghi chú cũ")
    done = await desk.send(delivery, clear="/note", confirmed="1")
    assert done.status_code == 303
    assert "note" not in await desk.payload(delivery)


async def test_nothing_typed_changes_nothing(desk):
    delivery = await desk.failed()
    page = await desk.send(delivery, confirmed="1", **{"field./channel": "counter"})
    assert page.status_code == 422
    assert (await desk.world.call("GET", f"/v1/deliveries/{delivery}")).json()["delivery"][
        "edited_at"
    ] is None


@pytest.mark.parametrize("pointer", ["/code", "/version", "/due_at", "/nothing", "/<script>"])
async def test_a_form_cannot_reach_what_it_does_not_offer(desk, pointer):
    delivery = await desk.failed()
    before = await desk.payload(delivery)
    page = await desk.send(delivery, confirmed="1", **{f"field.{pointer}": "x"})
    assert page.status_code == 422
    assert "<script>" not in page.text.replace("<script src", "")
    assert await desk.payload(delivery) == before


async def test_hostile_text_is_shown_as_text(desk):
    delivery = await desk.failed()
    look = await desk.send(delivery, **{SUMMARY: HOSTILE})
    assert look.status_code == 200
    assert "<script>alert" not in look.text
    done = await desk.send(delivery, confirmed="1", **{SUMMARY: HOSTILE})
    assert done.status_code == 303
    page = await desk.look(delivery)
    assert "<script>alert" not in page.text


async def test_what_somebody_else_corrected_meanwhile_is_not_overwritten(desk):
    delivery = await desk.failed()
    page = await desk.send(delivery, shown="0" * 64, confirmed="1", **{"field./channel": "online"})
    assert page.status_code == 409
    assert (await desk.payload(delivery))["channel"] == "counter"


async def test_a_second_person_is_asked_on_the_page(desk):
    delivery = await desk.failed()
    desk.world.gateway.database.oversight = oversight([Dangerous.EDIT], 86_400.0)
    page = await desk.send(delivery, confirmed="1", **{"field./channel": "online"})
    assert page.status_code == 428
    assert "/console/approvals/" in page.text
    assert (await desk.payload(delivery))["channel"] == "counter"
    assert "Chờ người thứ hai" in text_of(await desk.look(delivery))


async def test_who_may_only_look_gets_no_form(desk):
    delivery = await desk.failed()
    auditor = ConsoleClient(desk.world.api, role="auditor")
    page = await desk.look(delivery, auditor)
    assert page.status_code == 200
    assert SUMMARY not in page.text
    assert (await desk.send(delivery, auditor, **{"field./channel": "online"})).status_code == 403


async def test_the_way_there_stands_where_it_is_allowed(desk):
    rejected, doubtful = await desk.failed(), await desk.failed("H99-2", S.IN_DOUBT)
    way = "/console/deliveries/{}/edit"
    assert way.format(rejected) in (await desk.browser.get(f"/console/deliveries/{rejected}")).text
    assert way.format(doubtful) not in (await desk.browser.get(f"/console/deliveries/{doubtful}")).text
    assert "không sửa được" in text_of(await desk.look(doubtful))


async def test_the_story_of_the_dossier_marks_the_correction_and_names_who_made_it(desk):
    delivery = await desk.failed()
    await desk.send(delivery, confirmed="1", **{"field./channel": "online"})
    story = text_of(await desk.browser.get("/console/dossiers/H99-1"))
    assert "Đã sửa tay" in story
    assert "sửa rồi gửi lại" in story
    history = text_of(await desk.browser.get("/console/actions?action=edit"))
    assert WHY in history


@pytest.mark.parametrize(
    ("pointer", "typed", "vietnamese"),
    [
        ("/channel", "pigeon", "Không thuộc các giá trị cho phép"),
        ("/code", "H99-2", "không được sửa tay"),
        ("/nothing", "x", "Nội dung gửi không có ô này"),
        ("/summary", "cannot be encoded", "không lập được bản tin"),
    ],
)
async def test_findings_are_said_in_the_reader_s_language(desk, pointer, typed, vietnamese):
    delivery = await desk.failed()
    page = await desk.send(delivery, **{f"field.{pointer}": typed})
    assert page.status_code == 422
    assert vietnamese in text_of(page)
    english = await desk.send(
        delivery, ConsoleClient(desk.world.api, language="en"), **{f"field.{pointer}": typed}
    )
    assert vietnamese not in text_of(english)


async def test_our_own_reasons_are_said_in_vietnamese_and_the_partners_stay(desk):
    ours, theirs = await desk.failed(), await desk.failed("H99-2")
    sql = Statement("UPDATE delivery SET reason = :reason, code = 'brand_new' WHERE id = :id")
    for delivery, reason in ((ours, "no answer within the read timeout"), (theirs, "Mã thủ tục sai <b>")):
        told = {"reason": reason, "id": delivery}
        await desk.world.gateway.database.write(lambda tx, told=told: tx.run(sql, told))
    listed = await desk.browser.get(
        "/console/failures/deliveries?destination=board&state=rejected&code=brand_new"
    )
    for page in (listed, await desk.browser.get("/console/failures")):
        assert "no answer within" not in page.text
    assert "đối tác không trả lời kịp" in text_of(listed)
    assert "Mã thủ tục sai <b>" in text_of(listed)
    english = ConsoleClient(desk.world.api, language="en")
    assert "no answer within the read timeout" in text_of(await english.get(f"/console/deliveries/{ours}"))
