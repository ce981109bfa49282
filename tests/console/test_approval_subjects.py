"""What the second person sees of what would be done: corrections field by field, deliveries, differences, money."""

import re
from functools import partial

import pytest

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import ApprovalRequired
from gateway.messagelog.acts import oversight
from gateway.storage.approvals import Wanted, approved
from gateway.storage.drift import Findings, Found, record_findings
from gateway.storage.instants import to_micros
from gateway.storage.oversight import Dangerous
from tests.api_world import open_world
from tests.console.test_delivery_edit import HOSTILE, WHY, Desk
from tests.console_world import ConsoleClient, text_of

PHONE = "0900000001"


class House(Desk):
    """A desk where everything dangerous needs two people."""

    def as_(self, name="le.van.thu", role="operator", language="vi"):
        return ConsoleClient(self.world.api, role, name, language)

    async def proposed(self, delivery, **fields):
        """Somebody proposes a correction; the page of its approval."""
        waits = await self.send(delivery, confirmed="1", **{f"field.{at}": to for at, to in fields.items()})
        assert waits.status_code == 428, text_of(waits)
        return re.search(r"/console/approvals/\d+", waits.text)[0]

    async def wanted(self, action, **parameters):
        """Somebody else wants this; the page of its approval."""
        wish = Wanted(
            actor="console/mai",
            reason=WHY,
            now=self.world.api.now,
            action=action,
            target="board/H99-1",
            parameters=parameters,
        )
        with pytest.raises(ApprovalRequired) as waits:
            await self.world.gateway.database.write(partial(approved, wanted=wish))
        return f"/console/approvals/{waits.value.approval}"

    async def says(self, page, verb):
        second = self.as_()
        digest = re.search(r'name="digest" value="([0-9a-f]{64})"', (await second.get(page)).text)[1]
        sent = await second.post(f"{page}/{verb}", reason="đã đối chiếu", digest=digest)
        assert sent.status_code == 303, text_of(sent)


@pytest.fixture
async def house(database_url):
    async with open_world(database_url) as world:
        world.gateway.database.oversight = oversight(list(Dangerous), 86_400.0)
        yield House(world)


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_second_person_sees_each_corrected_field_before_and_after(house, language):
    delivery = await house.failed(applicant={"kind": "citizen", "name": "Lê Thị Mẫu", "phone": "0900000009"})
    page = await house.proposed(delivery, **{"/channel": "online", "/applicant/phone": PHONE})
    shown = await house.as_(language=language).get(page)
    said = text_of(shown)
    assert {"vi": "Những chỗ sẽ sửa", "en": "What is corrected"}[language] in said
    assert re.search(r"/channel counter online", said)
    assert re.search(r"/applicant/phone \S.* ••• •••", said)
    assert PHONE not in shown.text
    assert f"/console/deliveries/{delivery}" in shown.text


async def test_second_person_sees_persons_for_a_reason(house):
    page = await house.proposed(await house.failed(), **{"/applicant/phone": PHONE, "/summary": HOSTILE})
    assert "Xem dữ liệu cá nhân" in text_of(await house.as_().get(page))
    assert (await house.as_().get(f"{page}?personal=1")).status_code == 422
    shown = await house.as_().get(f"{page}?personal=1&reason=so+v%E1%BB%9Bi+gi%E1%BA%A5y")
    assert PHONE in text_of(shown)
    assert "Xem dữ liệu cá nhân" not in text_of(shown)
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;alert" in shown.text
    administrator = house.as_(role="administrator", name="quan.tri")
    assert "Xem dữ liệu cá nhân" not in text_of(await administrator.get(page))
    assert (await administrator.get(f"{page}?personal=1&reason=abc")).status_code == 403


async def test_a_declined_correction_is_shown_as_declined_and_another_is_made(house):
    delivery = await house.failed()
    page = await house.proposed(delivery, **{"/channel": "online"})
    await house.says(page, "decline")
    assert "Người thứ hai không đồng ý" in text_of(await house.look(delivery))
    assert "/channel counter online" in text_of(await house.as_().get(page))
    again = await house.proposed(delivery, **{"/channel": "online"})
    assert again != page
    await house.says(again, "approve")
    assert (await house.payload(delivery))["channel"] == "online"


async def test_second_person_sees_which_delivery_is_skipped(house):
    delivery = await house.failed(state=DeliveryState.PARKED)
    await house.browser.post(f"/console/deliveries/{delivery}/skip", reason=WHY)
    listed = await house.as_().get("/console/approvals")
    page = re.search(r"/console/approvals/\d+", listed.text)[0]
    said = text_of(await house.as_().get(page))
    assert re.search(r"Các bản tin liên quan, như đang lưu .* card board H99-1 v1 .* [0-9a-f]{64}", said)


async def test_second_person_sees_which_status_is_taken_back(house):
    delivery = await house.failed(state=DeliveryState.DELIVERED)
    differs = Found(kind="STATUS_DIFFERS", field="/status", ours="received", theirs="returned", repair=None)
    item = Findings(
        run=1, destination="board", dossier="H99-1", now=to_micros(house.world.api.now), found=(differs,)
    )
    await house.world.gateway.database.apply(record_findings, item)
    [drift] = (await house.world.call("GET", "/v1/drift")).json()["items"]
    page = await house.wanted(Dangerous.REPAIR_BACKWARDS, drifts=[drift["id"]], deliveries=[str(delivery)])
    said = text_of(await house.as_().get(page))
    assert re.search(r"Các chỗ lệch sẽ sửa .*/status .* Được tiếp nhận Đã trả kết quả", said)
    assert " card board H99-1 v1 " in said


async def test_second_person_is_led_to_what_would_be_erased(house):
    page = await house.wanted(Dangerous.ERASE, dossier="H99-1", version=1, shared=[])
    await house.world.put()
    assert "/console/dossiers/H99-1/erasure" in (await house.as_().get(page)).text
    auditor = await house.as_(role="auditor", name="thanh.tra").get(page)
    assert auditor.status_code == 200
    assert "/erasure" not in auditor.text


@pytest.mark.parametrize(
    ("action", "parameters", "words"),
    [
        (Dangerous.ROTATE_KEYS, {"key": "h99.example+7a+Abc"}, "Khóa h99.example+7a+Abc"),
        (Dangerous.ROTATE_KEYS, {"master": 2}, "Khóa chủ số 2"),
        (
            Dangerous.GRANT,
            {"account": "mot.cua", "roles": ["auditor", "operator"], "before": ["submitter"]},
            "Vai trò hiện có Gửi hồ sơ Vai trò sẽ có Thanh tra, Vận hành",
        ),
        (
            Dangerous.RESOLVE,
            {"delivery": "7", "state": "in_doubt", "attempts": 1, "verdict": "absent", "snapshot": True},
            "Gửi bản mới nhất thay thế có Trạng thái khi đề nghị chưa rõ kết quả Kết luận chưa tới đối tác",
        ),
        (Dangerous.EDIT, {"delivery": "7", "shown": "a", "edit": "b"}, "không còn được lưu"),
    ],
)
async def test_second_person_sees_all_that_decides_what_is_done(house, action, parameters, words):
    page = await house.wanted(action, **parameters)
    assert words in text_of(await house.as_().get(page))
