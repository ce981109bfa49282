"""Payments, both ledgers, and what people do about a dispute, as a browser sees them."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from gateway.api.app import build_api
from gateway.console.pages.payments import plain_amount
from gateway.console.words import catalogue
from gateway.domain.payment import AttemptState, RequestState
from gateway.domain.reconciliation import Kind, Repair
from gateway.storage.queries_payments import PaymentTroubles
from tests.console_world import CSRF, ConsoleClient, text_of
from tests.payment_books_world import NAME, open_books
from tests.payment_gateway import Context

DAY = "2026-09-28"
LIST = "/console/payments"
HOME = f"{LIST}/reconciliation"
LEDGER = f"{HOME}?from={DAY}&to={DAY}"
HOSTILE = "<script>alert(1)</script>\"'\u202e"


class Desk:
    """The console beside the books; ``as_`` gives another person's browser."""

    def __init__(self, books):
        self.books = books
        self.api = build_api(books.gateway)
        self.browser = ConsoleClient(self.api)

    def as_(self, role="operator", name="", language="vi"):
        return ConsoleClient(self.api, role, name, language)

    async def read(self, path, browser=None):
        answer = await (browser or self.browser).get(path)
        assert answer.status_code == 200, text_of(answer)
        return answer

    async def sent(self, path, browser=None, **fields):
        answer = await (browser or self.browser).post(path, **fields)
        assert answer.status_code == 303, text_of(answer)
        return answer.headers["location"]

    @asynccontextmanager
    async def working(self):
        """A worker is there, and does what is ordered."""
        task = asyncio.create_task(self.books.gateway.worker.run())
        try:
            yield
        finally:
            self.books.gateway.worker.stop()
            await task

    async def ended(self, page):
        """The page of a run when it has ended."""
        async with asyncio.timeout(20):
            while re.search("chờ chạy|đang chạy", text_of(answer := await self.read(page))):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        return answer

    def one(self, statement, **given):
        return self.books.database.ask(
            lambda connection: connection.execute(sa.text(statement), given).scalar()
        )

    async def payment(self, number=1, amount=250_000):
        """Somebody is asked for money; its page and its reference."""
        reference = await self.books.ask_for(number, amount)
        request = self.one("SELECT request_id FROM payment_attempt WHERE reference = :r", r=reference)
        return f"{LIST}/{request}", reference

    async def lost_call(self, number=1, amount=250_000):
        """Somebody has paid, and the platform's call got lost."""
        page, reference = await self.payment(number, amount)
        self.books.press(reference)
        self.books.lose()
        return page, reference

    async def heard(self, number=1, amount=250_000):
        """Somebody has paid, and the platform has told us."""
        page, reference = await self.payment(number, amount)
        self.books.press(reference)
        await self.books.hear()
        return page, reference


@asynccontextmanager
async def open_desk(url):
    async with open_books(url) as books:
        yield Desk(books)


@pytest.fixture
async def desk(database_url):
    async with open_desk(database_url) as opened:
        yield opened


@pytest.fixture
async def small(sqlite_url):
    async with open_desk(sqlite_url) as opened:
        yield opened


def link(answer, pattern):
    found = re.search(pattern, answer.text)
    assert found, pattern
    return found[0]


def attempt_of(answer):
    return link(answer, r'(?<=name="attempt"><option value=")\d+')


async def test_dispute_over_a_payment_is_settled_with_both_ledgers_on_one_page(desk):
    _, reference = await desk.lost_call()
    await desk.books.reconcile()
    page = await desk.read(LEDGER)
    assert "Có ở nền tảng, chưa ghi nhận ở tỉnh" in text_of(page)
    assert "-250.000 đ" in text_of(page)
    item = link(page, rf"{HOME}/items/\d+")
    payment = link(await desk.read(item), rf"{LIST}/\d+(?=\")")
    assert await desk.sent(f"{payment}/ask", back=item) == item
    settled = text_of(await desk.read(item))
    assert f"Nền tảng xác nhận đã thu {reference}" in settled
    assert "Sổ của tỉnh nay đã ghi nhận khoản này" in settled
    await desk.sent(f"{item}/resolve", reason="đã hỏi nền tảng, hai sổ khớp")
    after = text_of(await desk.read(item))
    assert "console/operator.mau" in after
    assert "đã hỏi nền tảng, hai sổ khớp" in after
    assert desk.books.ours() == 250_000


async def test_reconciliation_looks_first_and_settles_only_when_it_is_told_to(desk):
    await desk.lost_call(1)
    await desk.heard(2, 100_000)
    async with desk.working():
        looking = await desk.sent(f"{HOME}/start", date=DAY)
        looked = await desk.ended(looking)
        said = text_of(looked)
        assert "chưa ghi gì vào sổ" in said
        assert "Có ở nền tảng, chưa ghi nhận ở tỉnh 1" in said
        assert desk.books.ours() == 100_000
        assert desk.books.count("reconciliation") == 0
        assert re.search(r'name="apply" value="true"', looked.text)
        run = await desk.sent(f"{HOME}/start", date=DAY, really="true", apply="true")
        done = await desk.ended(run)
        assert LEDGER.replace("&", "&amp;") in done.text
    assert desk.books.ours() == 350_000
    ledger = text_of(await desk.read(LEDGER))
    assert "0 đ, hai bên khớp" in ledger
    assert "350.000 đ" in ledger


async def test_payment_tells_its_story_and_both_sides(small):
    page, reference = await small.heard()
    await small.books.reconcile()
    shown = await small.read(page)
    said = text_of(shown)
    for words in (
        "Đã nộp đủ",
        "0 đ, hai bên khớp",
        reference,
        "Lập yêu cầu thu",
        "Nền tảng gọi lại",
        "Đối soát:",
    ):
        assert words in said
    assert re.search(r"/console/log/\d+", shown.text)
    assert re.search(r"/console/deliveries/\d+", shown.text)
    english = text_of(await small.read(page, small.as_(language="en")))
    assert "What the platform says" in english
    assert "250.000 VND" in english


async def test_receipt_is_read_for_a_reason_that_is_logged(small):
    page, reference = await small.payment()
    small.books.press(reference, "pay", "bill_pdf")
    await small.books.hear()
    await small.books.gateway.payments.receipts.run(Context())
    path = f"{page}/receipt"

    shown = await small.read(page)
    assert f'action="{path}"' in shown.text
    assert f'href="{path}"' not in shown.text
    assert (await small.browser.get(path)).status_code == 405
    assert (await small.browser.post(path)).status_code == 422
    assert (await small.browser.post(path, reason="x")).status_code == 422
    assert small.one("SELECT count(*) FROM message WHERE channel = 'access'") == 0

    auditor = small.as_("auditor", "kiem")
    found = await auditor.post(path, reason="kiểm toán tháng 9")

    assert (found.status_code, found.content[:5]) == (200, b"%PDF-")
    assert found.headers["content-disposition"].startswith("attachment")
    assert small.one("SELECT operation FROM message WHERE channel = 'access'") == "read_receipt"
    english = text_of(await small.read(page, small.as_("auditor", language="en")))
    assert "Download the receipt (PDF)" in english


async def test_list_is_found_by_what_people_know(small):
    _, first = await small.heard(1)
    _, second = await small.payment(2, 100_000)
    for query, there, gone in (
        ("amount=250.000", first, second),
        ("state=open", second, first),
        (f"reference={second}", second, first),
        ("dossier=H99.15-260928-0001", first, second),
        ("attempt=paid&state=&dossier=", first, second),
        (f"from={DAY}&to={DAY}&amount=100000", second, first),
    ):
        said = text_of(await small.read(f"{LIST}?{query}"))
        assert there in said, query
        assert gone not in said, query
    assert first not in text_of(await small.read(f"{LIST}?to=2026-09-27"))
    wrong = await small.browser.get(f"{LIST}?amount=nhi%E1%BB%81u")
    assert wrong.status_code == 422
    assert (await small.browser.get(f"{LIST}?from=hom-qua")).status_code == 422
    assert (await small.browser.get(f"{LIST}?stranger=1")).status_code == 422


@pytest.mark.parametrize(
    ("given", "meant"),
    [("1.250.000", "1250000"), ("250 000 đ", "250000"), ("", ""), ("1,5", "1,5"), ("-5", "-5")],
)
def test_amount_is_read_as_people_write_it(given, meant):
    assert plain_amount(given) == meant


async def test_refund_is_shown_before_it_is_asked_for_and_waits_for_another_person(desk):
    page, reference = await desk.heard()
    shown = await desk.read(page)
    wish = {
        "attempt": attempt_of(shown),
        "amount": "50.000",
        "document": f"UNC 1 {HOSTILE}",
        "reason": "rút hồ sơ",
    }
    before = await desk.browser.post(f"{page}/refund", **wish)
    assert before.status_code == 200
    assert "chờ người thứ hai" in text_of(before)
    assert "<script>alert" not in before.text
    assert desk.books.count("refund") == 0
    approval = await desk.sent(f"{page}/refund", **wish, confirmed="true")
    assert approval.startswith("/console/approvals/")
    mine = await desk.read(approval)
    assert "bạn không duyệt được" in text_of(mine)
    assert re.search(rf"Số tiền phải nộp 250\.000 đ .*Đã hoàn trả đến nay 0 đ .*{reference}", text_of(mine))
    assert "/approve" not in mine.text
    digest = link(
        await desk.read(approval, desk.as_(name="le.van.thu")), r'(?<=name="digest" value=")[0-9a-f]{64}'
    )
    own = await desk.browser.post(f"{approval}/approve", reason="chính tôi", digest=digest)
    assert own.status_code == 409
    other = desk.as_(name="le.van.thu")
    await desk.sent(f"{approval}/approve", other, reason="đã xem ủy nhiệm chi", digest=digest)
    said = text_of(await desk.read(page))
    assert "Đã hoàn trả một phần" in said
    assert "console/le.van.thu đồng ý hoàn trả" in said


async def test_whoever_may_not_see_requests_stays_where_the_money_is(small, tmp_path):
    clerk = small.as_("submitter")
    page, _ = await small.payment()
    about = link(await small.read(page, clerk), r"\d+:settle")
    wish = {"about": about, "document": "Sao kê 14", "reason": "có sao kê", "transaction": "PP9"}
    assert await small.sent(f"{page}/decide", clerk, **wish, confirmed="true") == page
    assert "/console/approvals" not in (await small.read(page, clerk)).text
    small.books.foreign_payment("PGFOREIGN0001", 77_000)
    await small.books.hand_in(small.books.settlement_file(tmp_path))
    await small.books.reconcile(apply="yes")
    orphan = link(await small.read(f"{LIST}/orphans", clerk), rf"{LIST}/orphans/\d+")
    fields = {"document": "Sao kê 1", "reason": "ngân hàng trả lại"}
    assert await small.sent(f"{orphan}/given-back", clerk, **fields) == orphan


async def test_whoever_may_not_see_requests_asks_for_a_refund_all_the_same(desk):
    clerk = desk.as_("submitter")
    page, _ = await desk.heard()
    wish = {
        "attempt": attempt_of(await desk.read(page, clerk)),
        "amount": "50.000",
        "document": "UNC 1",
        "reason": "rút",
    }
    assert await desk.sent(f"{page}/refund", clerk, **wish, confirmed="true") == page
    assert desk.books.count("refund") == 1


async def test_decision_about_what_does_not_fit_goes_to_a_second_person(small):
    page, reference = await small.payment()
    shown = await small.read(page)
    about = link(shown, r"\d+:settle")
    wish = {
        "about": about,
        "document": "Sao kê dòng 14",
        "reason": "nền tảng hỏng, có sao kê",
        "transaction": "PP9",
    }
    before = await small.browser.post(f"{page}/decide", **wish)
    assert before.status_code == 200
    assert "dù nền tảng chưa ghi nhận" in text_of(before)
    approval = await small.sent(f"{page}/decide", **wish, confirmed="true")
    said = text_of(await small.read(approval))
    assert "Ghi nhận đã nộp theo chứng từ" in said
    assert "Sao kê dòng 14" in said
    assert reference in text_of(await small.read(page))
    assert small.books.ours() == 0


async def test_payment_that_could_still_be_paid_is_not_cancelled(small):
    page, _ = await small.payment()
    assert "Sẽ xảy ra" in text_of(await small.browser.post(f"{page}/cancel", reason="rút hồ sơ"))
    refused = await small.browser.post(f"{page}/cancel", reason="rút hồ sơ", confirmed="true")
    assert refused.status_code == 409
    assert "Đang chờ nộp tiền" in text_of(await small.read(page))


async def test_asking_while_the_platform_is_away_says_so_and_changes_nothing(small):
    page, _ = await small.payment()
    small.books.away = True
    assert await small.sent(f"{page}/ask") == page
    said = text_of(await small.read(page))
    assert "chưa có gì thay đổi" in said
    small.books.away = False
    elsewhere = await small.browser.post(f"{page}/ask", back="https://evil.example/")
    assert elsewhere.status_code == 422


async def test_money_without_a_dossier_is_given_to_a_payment_by_two_people(small, tmp_path):
    _, reference = await small.payment(1, 77_000)
    small.books.foreign_payment("PGFOREIGN0001", 77_000)
    small.books.lose()
    await small.books.hand_in(small.books.settlement_file(tmp_path))
    await small.books.reconcile(apply="yes")
    listed = await small.read(f"{LIST}/orphans")
    assert "PGFOREIGN0001" in text_of(listed)
    orphan = link(listed, rf"{LIST}/orphans/\d+")
    shown = await small.read(orphan)
    assert reference in text_of(shown)
    nothing = await small.browser.post(f"{orphan}/adopt", document="x1", reason="tìm thấy")
    assert nothing.status_code == 422
    fields = {"other": reference, "document": "Sao kê 1", "reason": "người nộp ghi sai mã"}
    approval = await small.sent(f"{orphan}/adopt", **fields)
    assert "Gán khoản tiền chưa rõ hồ sơ" in text_of(await small.read(approval))
    assert re.search(rf"{reference} .*PGFOREIGN0001 77\.000 đ", text_of(await small.read(approval)))
    item = link(await small.read(f"{LEDGER}&kind=orphan"), rf"{HOME}/items/\d+")
    assert f"{LIST}/orphans?reference=PGFOREIGN0001" in (await small.read(item)).text
    assert (await small.browser.get(f"{LIST}/orphans/12345")).status_code == 404


async def test_settlement_file_is_handed_in_from_the_page(small, tmp_path):
    await small.lost_call()
    content = small.books.settlement_file(tmp_path).read_bytes()
    fields = {"csrf": CSRF, "date": DAY, "destination": NAME, "text": ""}
    file = {"file": ("đối soát.csv", content, "text/csv")}
    taken = await small.browser.http.post(f"{HOME}/files", data=fields, files=file)
    assert taken.status_code == 200, text_of(taken)
    assert "250.000 đ" in text_of(taken)
    assert "đối soát.csv" in text_of(taken)
    again = await small.browser.http.post(f"{HOME}/files", data=fields, files=file)
    assert "không thêm gì" in text_of(again)
    pasted = await small.browser.post(f"{HOME}/files", date=DAY, destination=NAME, text="Mã lạ,Cột\n1,2\n")
    assert pasted.status_code == 422
    assert (await small.browser.post(f"{HOME}/files", date=DAY, destination=NAME)).status_code == 422


async def test_file_without_the_word_of_the_session_or_where_none_is_taken_does_nothing(small):
    file = {"file": ("a.csv", b"x", "text/csv")}
    fields = {"date": DAY, "destination": NAME}
    stranger = await small.browser.http.post(f"{HOME}/files", data=fields, files=file)
    assert stranger.status_code == 403
    renamed = {"other": ("a.csv", b"x", "text/csv")}
    wrong = await small.browser.http.post(f"{HOME}/files", data={**fields, "csrf": CSRF}, files=renamed)
    assert wrong.status_code == 422
    nowhere = await small.browser.http.post(f"{HOME}/start", data={"csrf": CSRF}, files=file)
    assert nowhere.status_code == 403
    assert small.books.count("settlement_file") == 0


async def test_auditor_looks_and_is_offered_nothing_to_do(small):
    page, _ = await small.lost_call()
    await small.books.reconcile()
    auditor = small.as_("auditor")
    item = link(await small.read(LEDGER, auditor), rf"{HOME}/items/\d+")
    for path in (LIST, page, LEDGER, item, f"{LIST}/orphans"):
        assert '<form method="post" action="/console/payments' not in (await small.read(path, auditor)).text
    for path, fields in (
        (f"{page}/ask", {}),
        (f"{page}/cancel", {"reason": "không được"}),
        (f"{item}/resolve", {"reason": "không được"}),
        (f"{HOME}/start", {}),
        (f"{HOME}/files", {"date": DAY, "destination": NAME}),
    ):
        assert (await auditor.post(path, **fields)).status_code == 403, path
    administrator = small.as_("administrator")
    assert (await administrator.get(LIST)).status_code == 403


async def test_pages_without_anything_say_so_in_both_languages(small):
    for language, words in (("vi", "Không có gì ở đây."), ("en", "There is nothing here.")):
        browser = small.as_(language=language)
        for path in (LIST, HOME, f"{LIST}/orphans"):
            assert words in text_of(await small.read(path, browser))
    for path in (f"{LIST}/1", f"{HOME}/items/1", f"{HOME}/runs/1", f"{LIST}/x"):
        assert (await small.browser.get(path)).status_code == 404
    assert (await small.browser.get(f"{HOME}?from={DAY}&to=2026-09-01")).status_code == 422


async def test_period_shows_each_day_and_a_day_that_was_never_compared(small):
    await small.heard()
    await small.books.reconcile()
    said = text_of(await small.read(f"{HOME}?from=2026-09-27&to={DAY}"))
    assert "27/09/2026 không có khoản nào được đối soát" in said
    assert "1 / 1" in said


async def test_answer_of_the_api_and_page_are_the_same_sums(small):
    await small.lost_call()
    await small.books.reconcile()
    ledger = await small.books.reconciliation.ledger(*[_day(DAY)] * 2)
    statement = await small.books.reconciliation.statement(_day(DAY))
    assert (ledger.ours, ledger.theirs, ledger.difference, ledger.open) == (
        statement.ours,
        statement.theirs,
        statement.difference,
        statement.open,
    )
    assert ledger.classes == statement.classes


def _day(text):
    from datetime import date

    return date.fromisoformat(text)


@pytest.mark.parametrize(
    "key",
    [
        *(f"payments.request_{each}" for each in RequestState),
        *(f"payments.request_{each}_todo" for each in RequestState),
        *(f"payments.attempt_{each}" for each in AttemptState),
        *(f"payments.attempt_{each}_todo" for each in AttemptState),
        *(f"reconciliation.kind_{each}" for each in Kind),
        *(f"reconciliation.cause_{each}" for each in Kind),
        *(f"reconciliation.todo_{each}" for each in Repair),
        *(f"payments.trouble_{each}_todo" for each in PaymentTroubles.__struct_fields__ if each != "open"),
    ],
)
def test_every_state_and_class_has_its_words(key):
    assert key in catalogue()


def test_every_answer_of_a_question_has_its_words():
    from typing import get_args

    from gateway.payments.questions import Effect

    for effect in get_args(Effect):
        assert f"payments.asked_{effect}" in catalogue()
