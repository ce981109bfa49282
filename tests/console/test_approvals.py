"""What waits for a second person, and what people did, as a browser sees them."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from gateway.api.app import build_api
from gateway.console.pages.actions import VERBS
from gateway.console.pages.approvals import ACTIONS_OF_TWO
from gateway.console.words import catalogue
from gateway.domain.errors import ApprovalRequired
from gateway.storage.approvals import Wanted, approved
from gateway.storage.operator_log import write_action
from gateway.storage.oversight import Action, Dangerous
from tests.console_world import ConsoleClient, text_of
from tests.payment_books_world import open_books

LIST = "/console/approvals"
ACTIONS = "/console/actions"
HOSTILE = "<script>alert(1)</script>\"'\u202e"
DELIVERY = "250228600404447232"
TARGET = "payment_platform/H99.15-260928-0007"


class House:
    """A gateway, and browsers of its people."""

    def __init__(self, books):
        self.books = books
        self.api = build_api(books.gateway)
        self.browser = self.as_(name="le.van.thu")

    def as_(self, role="operator", name="", language="vi"):
        return ConsoleClient(self.api, role, name, language)

    async def read(self, path, browser=None):
        answer = await (browser or self.browser).get(path)
        assert answer.status_code == 200, text_of(answer)
        return answer

    async def wanted(self, by="console/tran.thi.mau", action=Dangerous.SKIP, **parameters):
        """Somebody wants something dangerous; the page of the approval."""
        wish = Wanted(
            actor=by,
            reason=f"đã giao bản giấy {HOSTILE}",
            now=self.books.now,
            action=action,
            target=TARGET,
            parameters={"delivery": DELIVERY, "state": "parked", "attempts": 7, **parameters},
        )
        with pytest.raises(ApprovalRequired) as asked:
            await self.books.database.write(partial(approved, wanted=wish))
        return f"{LIST}/{asked.value.approval}"

    async def did(self, actor, verb, target=TARGET, at=None, **detail):
        """Somebody did something."""
        action = Action(
            actor=actor, verb=verb, target=target, reason="vì cần", now=at or self.books.now, detail=detail
        )
        await self.books.database.write(partial(write_action, action=action))


@pytest.fixture
async def house(database_url):
    async with open_books(database_url) as books:
        yield House(books)


@pytest.fixture
async def small(sqlite_url):
    async with open_books(sqlite_url) as books:
        yield House(books)


def digest_of(answer):
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', answer.text)
    assert found
    return found[1]


async def test_second_person_sees_exactly_what_will_be_done_and_declines(house):
    page = await house.wanted()
    listed = await house.read(LIST)
    assert page in listed.text
    assert "Bỏ qua một bản tin" in text_of(listed)
    assert "<script>alert" not in listed.text
    shown = await house.read(page)
    said = text_of(shown)
    for words in ("không bao giờ được gửi nữa", DELIVERY, "console/tran.thi.mau", "đang chờ người xử lý"):
        assert words in said
    assert f"/console/deliveries/{DELIVERY}" in shown.text
    sent = await house.browser.post(f"{page}/decline", reason="bản giấy chưa tới", digest=digest_of(shown))
    assert (sent.status_code, sent.headers["location"]) == (303, page)
    after = text_of(await house.read(page))
    assert "không có gì thay đổi" in after
    assert "bản giấy chưa tới" in after
    assert page not in (await house.read(LIST)).text
    assert page in (await house.read(f"{LIST}?state=declined")).text


async def test_approved_and_not_done_says_why(small):
    page = await small.wanted()
    sent = await small.browser.post(
        f"{page}/approve", reason="đã xem sổ", digest=digest_of(await small.read(page))
    )
    assert sent.status_code == 303
    said = text_of(await small.read(page))
    assert "chưa thực hiện được" in said
    assert "Đã đồng ý, chưa thực hiện" in said


@pytest.mark.parametrize("asker", ["console/tran.thi.mau", "console/Tran.Thi.Mau", "cli:tran.thi.mau"])
async def test_own_request_is_shown_and_cannot_be_approved(small, asker):
    page = await small.wanted(by=asker)
    mine = small.as_(name="tran.thi.mau")
    assert "của tôi" in text_of(await small.read(LIST, mine))
    shown = await small.read(page, mine)
    assert "bạn không duyệt được" in text_of(shown)
    assert 'name="digest"' not in shown.text
    digest = digest_of(await small.read(page))
    assert (await mine.post(f"{page}/approve", reason="chính tôi", digest=digest)).status_code == 409


async def test_word_about_something_else_than_what_was_shown_is_refused(small):
    page = await small.wanted()
    refused = await small.browser.post(f"{page}/approve", reason="đã xem", digest="0" * 64)
    assert refused.status_code == 409
    assert (await small.browser.post(f"{page}/approve", reason="đã xem", digest="x")).status_code == 422
    assert (await small.browser.post(f"{page}/approve", reason="x", digest="0" * 64)).status_code == 422
    assert "Chờ duyệt" in text_of(await small.read(page))


async def test_request_whose_time_is_over_is_shown_as_expired(small):
    page = await small.wanted()
    small.books.move(days=4)
    said = text_of(await small.read(page))
    assert "Hết hạn" in said
    assert "Đồng ý và thực hiện" not in said
    assert page in (await small.read(f"{LIST}?state=expired")).text


async def test_auditor_reads_approvals_and_decides_nothing(small):
    page = await small.wanted()
    auditor = small.as_("auditor")
    said = text_of(await small.read(page, auditor))
    assert "không được duyệt loại việc này" in said
    assert (await auditor.post(f"{page}/approve", reason="đã xem", digest="0" * 64)).status_code == 403
    assert (await small.as_("submitter").get(LIST)).status_code == 403


async def test_lists_are_narrowed_and_refuse_what_they_do_not_know(small):
    skip = await small.wanted()
    resolve = await small.wanted(action=Dangerous.RESOLVE, verdict="absent", snapshot=True)
    narrowed = await small.read(f"{LIST}?state=requested&kind=delivery.resolve")
    assert resolve in narrowed.text
    assert skip not in narrowed.text
    said = text_of(await small.read(resolve))
    assert "chưa tới đối tác" in said
    for query in ("state=never", "stranger=1", "cursor=%21"):
        assert (await small.browser.get(f"{LIST}?{query}")).status_code == 422
    assert (await small.browser.get(f"{LIST}/1")).status_code == 404
    english = text_of(await small.read(resolve, small.as_(language="en", name="le.van.thu")))
    assert "Resolve a delivery that is in doubt" in english


async def test_empty_pages_say_so(small):
    for language, words in (("vi", "Không có gì ở đây."), ("en", "There is nothing here.")):
        for path in (f"{LIST}?state=all", ACTIONS):
            assert words in text_of(await small.read(path, small.as_(language=language)))


async def test_actions_are_found_by_person_kind_dossier_and_time(house):
    earlier = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
    await house.did("console/tran.thi.mau", "retry", at=earlier, before="parked", after="pending")
    await house.did("cli:le.van.thu", "pause", target="payment_platform")
    await house.did("one-door/pham.an", "reschedule", target="job:payment-reconciliation")
    await house.did("console/le.van.thu", "payment.propose", payment="7", amount=50_000)
    for query, count in (
        ("", 4),
        ("actor=tran.thi.mau", 1),
        ("actor=console%2Ftran.thi.mau", 1),
        ("actor=le.van.thu", 2),
        ("actor=one-door%2Fpham.an", 1),
        ("actor=pham.an", 0),
        ("action=pause", 1),
        ("dossier=H99.15-260928-0007", 2),
        ("target=payment_platform", 1),
        ("from=2026-09-01&to=2026-09-01", 1),
        ("from=2026-09-02", 3),
        ("to=2026-08-31", 0),
    ):
        shown = await house.read(f"{ACTIONS}?{query}")
        assert len(re.findall(r"<tr>", shown.text)) - (1 if count else 0) == count, query
    shown = await house.read(ACTIONS)
    for href in (
        "/console/payments/7",
        "/console/jobs/payment-reconciliation",
        "/console/destinations/payment_platform",
    ):
        assert f'href="{href}"' in shown.text
    assert "trước: parked" in text_of(shown)
    assert re.search(r"/console/log/\d+", shown.text)


async def test_actions_go_on_behind_the_page_before(house):
    for number in range(60):
        await house.did(
            "console/tran.thi.mau", "retry", at=house.books.now + timedelta(seconds=number // 2), n=number
        )
    first = await house.read(ACTIONS)
    following = re.search(r'href="(/console/actions\?cursor=[^"]+)" rel="next"', first.text)
    assert following
    second = await house.read(following[1])
    numbers = [
        int(each) for answer in (first, second) for each in re.findall(r"</span> (\d+)</span>", answer.text)
    ]
    assert sorted(numbers) == list(range(60))
    assert len(numbers) == len(set(numbers))


async def test_actions_are_handed_out_as_a_file_that_runs_nothing(small):
    await small.did("=cmd|' /C calc'!A0", "retry", n=1)
    await small.did("console/tran.thi.mau", "pause", target="payment_platform")
    answer = await small.read(f"{ACTIONS}/file?action=retry")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Mã,Thời điểm,Người thực hiện")
    assert "'=cmd|" in lines[1]


async def test_history_is_for_who_may_read_the_log(small):
    assert (await small.as_("auditor").get(ACTIONS)).status_code == 200
    assert (await small.as_("administrator").get(ACTIONS)).status_code == 200
    assert (await small.as_("submitter").get(ACTIONS)).status_code == 403
    await small.did(f"console/{HOSTILE}", "retry", **{HOSTILE: HOSTILE})
    assert "<script>alert" not in (await small.read(ACTIONS)).text
    assert (await small.browser.get(f"{ACTIONS}?dossier=%3Cscript%3E")).status_code == 422


@pytest.mark.parametrize("verb", VERBS)
def test_every_kind_of_action_has_its_words(verb):
    assert f"actions.verb_{verb}" in catalogue()


@pytest.mark.parametrize("action", ACTIONS_OF_TWO)
def test_everything_that_takes_two_people_says_what_will_be_done(action):
    assert f"approvals.what_{action}" in catalogue()
    assert f"approvals.will_{action}" in catalogue()
