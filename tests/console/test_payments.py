"""Payments, both ledgers, and what people do about a dispute, as a browser sees them."""

import re
from contextlib import asynccontextmanager

import pytest

from gateway.api.app import build_api
from tests.console_world import ConsoleClient, text_of
from tests.payment_books_world import open_books

DAY = "2026-09-28"
HOME = "/console/payments/reconciliation"
LEDGER = f"{HOME}?from={DAY}&to={DAY}"


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

    async def run(self, location):
        """What a worker would do with the run that was ordered."""
        number = int(location.rpartition("/")[2])
        book = self.books.gateway.jobs
        await book.scheduler.run_once() if hasattr(book.scheduler, "run_once") else None
        return number


@asynccontextmanager
async def open_desk(url):
    async with open_books(url) as books:
        yield Desk(books)


@pytest.fixture
async def desk(sqlite_url):
    async with open_desk(sqlite_url) as opened:
        yield opened


def link(answer, pattern):
    found = re.search(pattern, answer.text)
    assert found, pattern
    return found[0]


async def lost_call(desk, number=1, amount=250_000):
    """Somebody has paid, and the platform's call got lost."""
    reference = await desk.books.ask_for(number, amount)
    desk.books.press(reference)
    desk.books.lose()
    return reference


async def test_dispute_over_a_payment_is_settled_with_both_ledgers_on_one_page(desk):
    reference = await lost_call(desk)
    await desk.books.reconcile()
    page = await desk.read(LEDGER)
    assert "Có ở nền tảng, chưa ghi nhận ở tỉnh" in text_of(page)
    assert "-250.000 đ" in text_of(page)
    item = link(page, rf"{HOME}/items/\d+")
    shown = await desk.read(item)
    payment = link(shown, r"/console/payments/\d+(?=\")")
    where = await desk.sent(f"{payment}/ask", back=item)
    assert where == item
    settled = await desk.read(item)
    assert f"Nền tảng xác nhận đã thu {reference}" in text_of(settled)
    assert "Sổ của tỉnh nay đã ghi nhận khoản này" in text_of(settled)
    await desk.sent(f"{item}/resolve", reason="đã hỏi nền tảng, hai sổ khớp")
    after = text_of(await desk.read(item))
    assert "console/operator.mau" in after
    assert "đã hỏi nền tảng, hai sổ khớp" in after
    assert desk.books.ours() == 250_000
