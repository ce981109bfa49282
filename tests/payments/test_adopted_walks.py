"""Strange money, files, refunds, adoptions and reconciliations in any order, against the platform's own ledger.

Whatever happened, and however often and for which days anybody looked: when a whole file has come in and was looked at,
their side is what was really collected and ours what our books have received, each đồng once.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.domain.errors import ConflictError
from tests.payment_books_world import DAY, Books, open_books
from tests.payments.strange_money import HEADINGS, adopt, attempt_of, decide, give_back, items, one

VIET_NAM = timezone(timedelta(hours=7))
SEEDS = range(int(os.environ.get("MONEY_WALKS", "8")))
STEPS = 60
AMOUNTS = (50_000, 77_000, 77_000, 77_000)
RECEIVED = """
    SELECT (SELECT COALESCE(SUM(amount), 0) FROM payment_attempt WHERE state IN ('paid', 'duplicate_paid'))
        + (SELECT COALESCE(SUM(amount), 0) FROM payment_decision
           WHERE state = 'approved' AND kind IN ('excess', 'refund_orphan'))
"""


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as opened:
        yield opened


class Walk:
    """``own``: references that we have asked with."""

    def __init__(self, books: Books, folder: Path, seed: int) -> None:
        self.books, self.folder, self.seed = books, folder, seed
        self.chance = random.Random(seed)
        self.own: list[str] = []
        self.strange = self.files = 0

    @property
    def today(self) -> date:
        return self.books.now.astimezone(VIET_NAM).date()

    async def step(self) -> None:
        names = ("ask", "pay", "stranger", "stranger", "post", "file", "look", "look", "adopt", "adopt")
        await getattr(
            self, self.chance.choice((*names, "orphan_back", "refund", "excess", "by_hand", "later"))
        )()

    async def ask(self) -> None:
        self.own.append(await self.books.ask_for(len(self.own) + 1, self.chance.choice(AMOUNTS)))

    async def pay(self) -> None:
        if self.own:
            faults = self.chance.choice(((), (), ("second_MaGiaoDich",), ("no_callback",)))
            self.books.press(
                self.chance.choice(self.own), self.chance.choice(("pay", "pay", "fail")), *faults
            )

    async def stranger(self) -> None:
        """Money under a reference that nobody here has."""
        self.strange += 1
        self.books.foreign_payment(f"PGFOREIGN{self.strange:04}", self.chance.choice(AMOUNTS))

    async def post(self) -> None:
        if self.chance.random() < 0.5:
            self.books.lose()
        else:
            await self.books.hear()

    async def file(self, *, whole: bool = False) -> None:
        payments = self.books.platform.record()["payments"]
        lines = [
            f"{each['MaThamChieu']},{each['MaGiaoDich']},DEMOH99,{each['SoTien']},PAY\n"
            for each in payments
            if whole or self.chance.random() < 0.7
        ]
        self.files += 1
        path = self.folder / f"file-{self.files}.csv"
        path.write_text(HEADINGS + "".join(lines), encoding="utf-8")
        await self.books.hand_in(path, self.today)

    async def look(self) -> None:
        given = {"apply": "yes"} if self.chance.random() < 0.6 else {}
        await self.books.run(date=self.chance.choice((self.today, self.today, DAY)).isoformat(), **given)

    async def every_day(self) -> None:
        """As the job does it: no day is left out."""
        for number in range((self.today - DAY).days + 1):
            await self.books.run(date=(DAY + timedelta(days=number)).isoformat(), apply="yes")

    def _orphan(self) -> str | None:
        question = sa.text("SELECT transaction_no FROM payment_orphan ORDER BY id")
        found = self.books.database.ask(lambda connection: connection.execute(question).scalars().all())
        return self.chance.choice(found) if found else None

    async def adopt(self) -> None:
        orphan = self._orphan()
        with suppress(ConflictError):  # it has its place, or the attempt is in no state for it
            if orphan and self.own:
                await adopt(self.books, self.chance.choice(self.own), orphan)

    async def orphan_back(self) -> None:
        orphan = self._orphan()
        number = one(self.books, "SELECT MIN(id) FROM payment_orphan WHERE transaction_no = :it", it=orphan)
        with suppress(ConflictError):
            if orphan:
                await decide(self.books, "refund_orphan", orphan=int(number))

    async def refund(self) -> None:
        with suppress(ConflictError):
            if self.own:
                await give_back(self.books, self.chance.choice(self.own), 10_000)

    async def excess(self) -> None:
        await self._by_number("excess")

    async def by_hand(self) -> None:
        await self._by_number("settle")

    async def _by_number(self, kind: str) -> None:
        """Somebody has the platform's paper of a payment, and takes it for one of ours that asked for as much."""
        payments = self.books.platform.record()["payments"]
        if not (payments and self.own):
            return
        it, own = self.chance.choice(payments), self.chance.choice(self.own)
        asked = one(self.books, "SELECT amount FROM payment_attempt WHERE reference = :it", it=own)
        if int(asked) == int(it["SoTien"]) and (kind == "settle" or it["MaThamChieu"] == own):
            with suppress(ConflictError):
                await decide(
                    self.books,
                    kind,
                    attempt=attempt_of(self.books, own),
                    amount=int(asked),
                    transaction=str(it["MaGiaoDich"]),
                )

    async def later(self) -> None:
        self.books.move(hours=self.chance.choice((1, 20)))


@pytest.mark.parametrize("seed", SEEDS)
async def test_after_a_whole_file_both_ledgers_have_each_dong_once(
    books: Books, tmp_path: Path, seed: int
) -> None:
    walk = Walk(books, tmp_path, seed)
    await walk.ask()
    for _ in range(STEPS):
        await walk.step()
    await walk.file(whole=True)
    for _ in range(2):  # what the first round has kept and settled is in its place in the second
        await walk.every_day()
    found = await books.reconciliation.ledger(DAY, walk.today)
    assert found.theirs == sum(books.ledger().values())
    assert found.ours == int(one(books, RECEIVED))
    assert found.sound
    ended = [item for item in (await items(books)).values() if item.state == "resolved"]
    assert not [item for item in ended if item.difference]
