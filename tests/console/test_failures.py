"""Failures, doubts, lanes and deliveries in the console: what they show, and that actions really act."""

import re
from html import unescape

import pytest

from gateway.delivery.retry_runs import RetryKeeper
from gateway.domain.delivery import DeliveryState
from gateway.storage.sql import Statement
from tests.api_world import open_world
from tests.console_world import ConsoleClient, text_of
from tests.storage.province import Province

S = DeliveryState
WHY = "đã sửa danh mục"
HOSTILE = "<script>alert('x')</script> \"q\" \u202eabc"


class Desk:
    """A world with a browser, and short hands for what happens beside it."""

    def __init__(self, world):
        self.world = world
        self.province = Province(world.gateway.database)
        self.browser = ConsoleClient(world.api)

    async def arrange(self, state, code="H99-1"):
        await self.world.put(code)
        claimed = await self.province.claim("board", lanes=500)
        [lane] = [each for each in claimed if each.dossier == code]
        start = await self.province.send(lane)
        await self.province.settle(lane, start, state)
        return start.deliveries[0]

    async def many(self, count, state=S.REJECTED):
        return [await self.arrange(state, f"H99-{state}-{number}") for number in range(count)]

    async def step(self):
        world = self.world
        return await RetryKeeper(
            world.gateway.database, world.gateway.hub.clock, world.gateway.worker.wake
        ).step()

    async def change(self, sql, **values):
        return await self.world.gateway.database.write(lambda tx: tx.run(Statement(sql), values))

    async def state_of(self, delivery):
        answer = await self.world.call("GET", f"/v1/deliveries/{delivery}")
        return answer.json()["delivery"]["state"]


@pytest.fixture
async def desk(sqlite_url):
    async with open_world(sqlite_url) as world:
        yield Desk(world)


@pytest.fixture
async def any_desk(database_url):
    async with open_world(database_url) as world:
        yield Desk(world)


def hidden(answer, name):
    """The values of the hidden fields ``name``."""
    found = re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)"', answer.text)
    return [unescape(value) for value in found]


PAGES = ("/console/failures", "/console/doubts", "/console/lanes", "/console/failures/runs")


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", PAGES)
async def test_page_without_anything_says_so_in_both_languages(desk, path, language):
    browser = ConsoleClient(desk.world.api, language=language)
    answer = await browser.get(path)
    assert answer.status_code == 200, text_of(answer)
    assert f'<html lang="{language}">' in answer.text
    words = (
        {"vi": "Không ", "en": "othing"} if path != "failures" else {"vi": "Không có lỗi", "en": "no fail"}
    )
    assert words[language] in text_of(answer) or "no " in text_of(answer).lower()


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_every_page_with_data_in_both_languages(desk, language):
    rejected = await desk.arrange(S.REJECTED, "H99-1")
    doubtful = await desk.arrange(S.IN_DOUBT, "H99-2")
    await desk.arrange(S.WAITING, "H99-3")
    await desk.world.call("POST", "/v1/lanes/board/H99-3/hold", json={"reason": "objection"})
    browser = ConsoleClient(desk.world.api, language=language)
    look = await browser.post("/console/failures/retry", every="1")
    assert look.status_code == 200
    begun = await browser.post("/console/failures/begin", cause=hidden(look, "cause"), reason=WHY)
    assert begun.status_code == 303
    for path in (
        *PAGES,
        f"/console/deliveries/{rejected}",
        f"/console/deliveries/{rejected}/skip",
        f"/console/deliveries/{doubtful}/resolve",
        "/console/lanes/board/H99-1",
        "/console/lanes/board/H99-3",
        "/console/failures/deliveries?destination=board&state=rejected&operation=card&code=tested",
        "/console/failures?destination=board&state=",
        "/console/lanes?state=held&destination=",
    ):
        answer = await browser.get(path)
        assert answer.status_code == 200, (path, text_of(answer))
        assert "because of the test" in text_of(answer) or "runs" in path or "H99-3" in text_of(answer)


async def test_five_hundred_failures_go_to_zero_in_three_steps(any_desk):
    desk = any_desk
    for state, code, count in ((S.REJECTED, "one", 6), (S.PARKED, "two", 5), (S.REJECTED, "three", 4)):
        for number in range(count):
            delivery = await desk.arrange(state, f"H99-{code}-{number}")
            await desk.change("UPDATE delivery SET code = :code WHERE id = :id", id=delivery, code=code)
    page = await desk.browser.get("/console/failures")
    assert "15 lần gửi đang vướng, thuộc 3 nguyên nhân" in text_of(page)

    look = await desk.browser.post("/console/failures/retry", every="1")
    assert "Gửi lại 15 lần gửi" in text_of(look)
    causes = hidden(look, "cause")
    assert len(causes) == 3
    done = await desk.browser.post("/console/failures/begin", cause=causes, reason=WHY, per_minute="60000")

    assert (done.status_code, done.headers["location"]) == (303, "/console/failures")
    told = text_of(await desk.browser.get("/console/failures"))
    assert "Đang gửi lại 15 lần gửi" in told
    assert await desk.step() == 1
    after = await desk.browser.get("/console/failures")
    assert "Không có lỗi nào" in text_of(after)
    assert "Đã đưa lại 15/15" in text_of(after)
    assert 'hx-trigger="every 2s"' in after.text


async def test_pressing_the_button_twice_begins_one_run(desk):
    await desk.many(2)
    causes = hidden(await desk.browser.post("/console/failures/retry", every="1"), "cause")
    assert (await desk.browser.post("/console/failures/begin", cause=causes, reason=WHY)).status_code == 303
    again = await desk.browser.post("/console/failures/begin", cause=causes, reason=WHY)
    assert again.status_code == 409
    runs = (await desk.world.call("GET", "/v1/retry-runs")).json()["items"]
    assert [run["total"] for run in runs] == [2]


async def test_one_chosen_delivery_alone_is_sent_again(desk):
    first, second = await desk.many(2)
    look = await desk.browser.post("/console/failures/retry", delivery=[str(first)])
    chosen = hidden(look, "delivery")
    assert chosen == [str(first)]
    await desk.browser.post("/console/failures/begin", delivery=chosen, reason=WHY)
    await desk.step()
    assert (await desk.state_of(first), await desk.state_of(second)) == ("pending", "rejected")


async def test_what_waits_by_itself_or_is_in_doubt_cannot_be_chosen(desk):
    await desk.arrange(S.WAITING, "H99-1")
    await desk.arrange(S.IN_DOUBT, "H99-2")
    page = await desk.browser.get("/console/failures")
    assert 'name="cause"' not in page.text
    assert "Không cần ai: tự gửi lại" in text_of(page)
    forged = '{"destination":"board","state":"in_doubt"}'
    assert (await desk.browser.post("/console/failures/retry", cause=[forged])).status_code == 422
    answer = await desk.browser.post("/console/failures/retry", every="1")
    assert answer.headers["location"] == "/console/failures"


@pytest.mark.parametrize("cause", ["", "x", "[]", "{}", '{"destination":"board"}', "\u202e"])
async def test_forged_cause_is_refused(desk, cause):
    fields = {"cause": [cause] if cause else [], "reason": WHY}
    answer = await desk.browser.post("/console/failures/begin", **fields)
    assert answer.status_code in {409, 422}


async def test_risky_ones_are_told_and_left_out_until_they_are_asked_for(desk):
    [target] = await desk.many(1)
    await desk.change("UPDATE delivery SET doubts = 1 WHERE id = :id", id=target)
    look = await desk.browser.post("/console/failures/retry", every="1")
    assert "Gửi cả 1 lần gửi từng chưa rõ kết quả" in text_of(look)
    causes = hidden(look, "cause")
    refused = await desk.browser.post("/console/failures/begin", cause=causes, reason=WHY)
    assert refused.status_code == 409
    done = await desk.browser.post("/console/failures/begin", cause=causes, reason=WHY, doubted="1")
    assert done.status_code == 303


async def test_run_is_paused_resumed_and_stopped_from_its_page(desk):
    await desk.many(2)
    causes = hidden(await desk.browser.post("/console/failures/retry", every="1"), "cause")
    await desk.browser.post("/console/failures/begin", cause=causes, reason=WHY, per_minute="60")
    [run] = (await desk.world.call("GET", "/v1/retry-runs")).json()["items"]
    page = f"/console/failures/runs/{run['id']}"

    await desk.browser.post(page, verb="pause", reason="chờ đối tác")
    shown = await desk.browser.get(page)
    assert "Tạm dừng" in text_of(shown)
    assert "chờ đối tác" in text_of(shown)
    assert await desk.step() == 0
    await desk.browser.post(page, verb="resume", reason="xong", per_minute="120")
    assert "120 lần/phút" in text_of(await desk.browser.get(page))
    assert (await desk.browser.post(page, verb="explode", reason="x y z")).status_code == 422
    await desk.browser.post(page, verb="stop", reason="thôi")
    assert "Dừng hẳn" not in (await desk.browser.get(page)).text
    [after] = (await desk.world.call("GET", "/v1/retry-runs")).json()["items"]
    assert (after["state"], after["changed_by"]) == ("stopped", "console/operator.mau")


async def test_one_delivery_is_retried_with_its_history(desk):
    delivery = await desk.arrange(S.REJECTED)
    here = f"/console/deliveries/{delivery}"
    assert (await desk.browser.post(f"{here}/retry", reason="")).status_code == 422
    assert (await desk.browser.post(f"{here}/retry", reason=WHY)).headers["location"] == here
    page = text_of(await desk.browser.get(here))
    assert "Chờ tới lượt" in page
    assert f"console/operator.mau gửi lại: {WHY}" in page
    assert (await desk.browser.post(f"{here}/retry", reason=WHY)).status_code == 409


async def test_two_operators_at_one_delivery_act_once(desk):
    delivery = await desk.arrange(S.PARKED)
    here = f"/console/deliveries/{delivery}"
    other = ConsoleClient(desk.world.api, name="binh")
    first = await desk.browser.post(f"{here}/skip", reason="gửi giấy")
    second = await other.post(f"{here}/retry", reason=WHY)
    assert (first.status_code, second.status_code) == (303, 409)
    assert await desk.state_of(delivery) == "skipped"


async def test_skip_shows_what_goes_next(desk):
    delivery = await desk.arrange(S.REJECTED)
    page = await desk.browser.get(f"/console/deliveries/{delivery}/skip")
    assert "Đi tiếp ngay sau đó: line (s1)" in text_of(page)
    assert await desk.state_of(delivery) == "rejected"


async def test_doubt_is_decided_with_what_follows(desk):
    delivery = await desk.arrange(S.IN_DOUBT)
    listed = text_of(await desk.browser.get("/console/doubts"))
    assert "Chờ người kết luận" in listed
    here = f"/console/deliveries/{delivery}"
    page = text_of(await desk.browser.get(f"{here}/resolve"))
    assert "đối tác có thể nhận trùng" in page
    assert "Hỏi đối tác ngay" in page
    assert (await desk.browser.post(f"{here}/ask", reason="Cổng đã chạy lại")).status_code == 303
    assert "Chờ người kết luận" not in text_of(await desk.browser.get("/console/doubts"))
    assert (await desk.browser.post(f"{here}/resolve", verdict="perhaps", reason=WHY)).status_code == 422
    done = await desk.browser.post(f"{here}/resolve", verdict="delivered", reason="thấy trên Cổng")
    assert done.headers["location"] == here
    assert await desk.state_of(delivery) == "delivered"


@pytest.mark.parametrize("way", ["resolve", "skip"])
async def test_who_comes_too_late_to_decide_is_told_so(desk, way):
    delivery = await desk.arrange(S.DELIVERED)
    page = await desk.browser.get(f"/console/deliveries/{delivery}/{way}")
    assert "Không còn làm việc này được nữa: tình trạng bây giờ là “Đã nhận”." in text_of(page)
    assert f'action="/console/deliveries/{delivery}/{way}"' not in page.text


async def test_contents_are_read_for_a_reason_and_masked(desk):
    delivery = await desk.arrange(S.IN_DOUBT)
    here = f"/console/deliveries/{delivery}/contents"
    assert (await desk.browser.post(here, reason="")).status_code == 422
    page = await desk.browser.post(here, reason="xác minh đã gửi gì")
    assert page.status_code == 200
    assert "Nguyên văn" in text_of(page) or "Không hiện được nội dung" in text_of(page)
    assert "Nguyễn Văn Thí Dụ" not in page.text


async def test_lane_is_held_and_released_with_its_effect(desk):
    await desk.world.put("H99-1")
    here = "/console/lanes/board/H99-1"
    assert "Nếu giữ: 2 việc trên đây dừng lại" in text_of(await desk.browser.get(here))
    await desk.browser.post(here, verb="hold", reason="người dân khiếu nại")
    page = text_of(await desk.browser.get(here))
    assert "Nếu bỏ giữ: card (v1) đi trước, rồi 1 việc sau" in page
    assert "người dân khiếu nại" in page
    assert "H99-1" in text_of(await desk.browser.get("/console/lanes?state=held"))
    assert (await desk.browser.post(here, verb="hold", reason="lần nữa")).status_code == 409
    await desk.browser.post(here, verb="release", reason="xong")
    assert "Không có hàng nào" in text_of(await desk.browser.get("/console/lanes"))


async def test_partners_words_are_shown_as_words(desk):
    delivery = await desk.arrange(S.REJECTED)
    await desk.change(
        "UPDATE delivery SET reason = :words, code = :words WHERE id = :id", id=delivery, words=HOSTILE
    )
    group = "/console/failures/deliveries?destination=board&state=rejected"
    for path in ("/console/failures", f"/console/deliveries/{delivery}", "/console/lanes/board/H99-1", group):
        answer = await desk.browser.get(path)
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;alert" in answer.text
    look = await desk.browser.post("/console/failures/retry", every="1")
    assert "<script>alert" not in look.text
    assert "Gửi lại 1 lần gửi" in text_of(look)


@pytest.mark.parametrize("role", ["auditor"])
async def test_who_only_reads_sees_no_buttons_and_is_refused(desk, role):
    delivery = await desk.arrange(S.REJECTED)
    reader = ConsoleClient(desk.world.api, role=role)
    for path in ("/console/failures", f"/console/deliveries/{delivery}", "/console/lanes/board/H99-1"):
        page = await reader.get(path)
        assert page.status_code == 200
        assert "/retry" not in page.text.replace('action="/console/failures/retry"', "")
        assert ">Gửi lại" not in page.text
    for path, fields in (
        ("/console/failures/retry", {"every": "1"}),
        ("/console/failures/begin", {"reason": WHY}),
        (f"/console/deliveries/{delivery}/retry", {"reason": WHY}),
        (f"/console/deliveries/{delivery}/skip", {"reason": WHY}),
        ("/console/lanes/board/H99-1", {"verb": "hold", "reason": WHY}),
    ):
        assert (await reader.post(path, **fields)).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/console/failures?state=delivered",
        "/console/failures?stranger=1",
        "/console/failures/deliveries",
        "/console/lanes?state=lost",
        "/console/deliveries/x",
        "/console/deliveries/5",
        "/console/lanes/board/H99-9",
        "/console/failures/runs/5",
        "/console/failures/runs?cursor=zzz",
    ],
)
async def test_wrong_address_is_refused_as_a_page(desk, path):
    answer = await desk.browser.get(path)
    assert answer.status_code in {404, 422}
    assert "<h1>" in answer.text


async def test_failures_of_a_dossier_that_goes_first_are_looked_at_and_its_lane_too(any_desk):
    rejected = await any_desk.arrange(S.REJECTED, "H99-1")
    await any_desk.change("UPDATE lane SET promise_at = promise_at - 4611686018427387905")
    look = await any_desk.browser.post("/console/failures/retry", delivery=str(rejected))
    assert look.status_code == 200, text_of(look)
    assert "30/09/2026 17:00" in text_of(look)
    lane = await any_desk.browser.get("/console/lanes/board/H99-1")
    assert lane.status_code == 200, text_of(lane)
