"""Runs that are broken off, days that nobody was there for, files of every kind, what two people did meanwhile."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.errors import NotFoundError, RecordError
from gateway.domain.job import RunStopped
from gateway.payments import reconcile_pass, settlement_import
from gateway.payments.reconcile import Mark
from gateway.storage.settlement_files import files_of
from gateway.storage.sql import Statement
from tests.payment_books_world import DAY, NAME, Books, open_books


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as opened:
        yield opened


class Context:
    """A run by hand, that ends after so many pieces."""

    run, actor, dry_run = 7, "anh.binh", False

    def __init__(self, watermark: str | None = None, *, pieces: int = 10**9, **parameters: str) -> None:
        self.watermark, self.pieces = watermark, pieces
        self.parameters: dict[str, str] = parameters

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        del total
        if watermark is not None:
            self.watermark = watermark
        if done >= self.pieces:
            raise RunStopped


async def several(books: Books, number: int) -> list[str]:
    references = [await books.ask_for(each) for each in range(1, number + 1)]
    for reference in references:
        books.press(reference)
    books.lose()
    books.asked.clear()
    return references


async def test_a_run_that_was_broken_off_goes_on_behind_what_is_durable(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_pass, "PIECE", 2)
    references = await several(books, 5)
    first = Context(date=DAY.isoformat(), apply="yes", pieces=2)
    with pytest.raises(RunStopped):
        await books.reconciliation.run(first)
    assert sorted(books.asked) == sorted(references[:2])
    assert (books.ours(), books.count("reconciliation")) == (500_000, 2)
    second = Context(first.watermark, date=DAY.isoformat(), apply="yes")
    await books.reconciliation.run(second)
    assert sorted(books.asked) == sorted(references), "nobody is asked about twice"
    assert books.ours() == 1_250_000 == sum(books.ledger().values())
    assert second.watermark == ""
    assert set((await books.found()).values()) == {"matched"}


async def test_a_piece_that_was_done_twice_is_as_if_it_was_done_once(books: Books) -> None:
    references = await several(books, 3)
    for _ in range(2):
        await books.reconciliation.run(Context(date=DAY.isoformat(), apply="yes"))
    assert (books.count("settlement"), books.count("reconciliation")) == (3, 3)
    assert await books.found() == dict.fromkeys(references, "matched")
    settled = [each for each in books.database.ask(_events) if each == "payment.settled"]
    assert len(settled) == 3


def _events(connection: sa.Connection) -> list[str]:
    return [str(kind) for (kind,) in connection.execute(sa.text("SELECT kind FROM event"))]


async def test_days_that_nobody_was_there_for_are_made_up_for(books: Books) -> None:
    await several(books, 1)
    books.move(days=1)
    context = Context()
    assert (await books.reconciliation.run(context))["days"] == ["2026-09-28"]
    books.move(days=3)
    later = Context(context.watermark)
    assert (await books.reconciliation.run(later))["days"] == ["2026-09-29", "2026-09-30", "2026-10-01"]
    books.move(days=90)
    longest = await books.reconciliation.run(Context(later.watermark))
    assert len(longest["days"]) == 31
    again = Context(longest and later.watermark)
    assert msgspec.json.decode(str(again.watermark), type=Mark).through is not None


async def test_a_day_that_was_broken_off_is_finished_before_the_next_one(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_pass, "PIECE", 2)
    references = await several(books, 3)
    books.move(days=1)
    first = Context(pieces=2)
    with pytest.raises(RunStopped):
        await books.reconciliation.run(first)
    books.move(days=1)
    summary = await books.reconciliation.run(Context(first.watermark))
    assert summary["days"] == ["2026-09-28", "2026-09-29"]
    assert set(await books.found()) == set(references)


async def test_what_a_second_attempt_has_settled_makes_the_first_a_duplicate(
    books: Books, tmp_path: Path
) -> None:
    first = await books.ask_for(1)
    books.press(first, "fail")
    await books.hear()
    second = await books.ask_for(1)
    assert second != first
    books.press(second)
    await books.hear()
    late = tmp_path / "late.csv"
    late.write_text(
        f"reference,transaction,amount\n{first},PPLATE,250000\n{second},{number_of(books, second)},250000\n",
        encoding="utf-8",
    )
    await books.hand_in(late)
    await books.reconcile(apply="yes")
    assert await books.found() == {first: "duplicate", second: "matched"}
    statement = await books.reconciliation.statement(DAY)
    assert (statement.difference, statement.open, books.ours()) == (0, 1, 250_000)
    (item,) = [each for each in statement.items if each.state == "open"]
    assert (item.repair, item.attempt_state) == ("give_back", "duplicate_paid")
    await give_back(books, first, 250_000)
    await books.reconcile()
    assert await books.found() == {first: "refunded", second: "matched"}
    assert (await books.reconciliation.statement(DAY)).open == 0


def number_of(books: Books, reference: str) -> str:
    payments = books.platform.record()["payments"]
    return next(str(each["MaGiaoDich"]) for each in payments if each["MaThamChieu"] == reference)


async def give_back(books: Books, reference: str, amount: int) -> None:
    """A refund that two people have signed."""
    statement = Statement("""
        INSERT INTO refund (id, request_id, attempt_id, amount, reason, document, requested_by, requested_at,
            approved_by, approved_at)
        SELECT :id, request_id, id, :amount, 'nộp trùng', '12/QĐ', 'chi.an', 1, 'anh.binh', 2
        FROM payment_attempt WHERE reference = :reference
    """)
    values = {"id": books.database.identifiers.next(), "amount": amount, "reference": reference}
    await books.database.write(lambda transaction: transaction.run(statement, values))


async def test_a_refund_that_only_the_file_knows_is_to_be_recorded(books: Books, tmp_path: Path) -> None:
    reference = await books.ask_for(1)
    books.press(reference)
    await books.hear()
    number = number_of(books, reference)
    file = tmp_path / "refund.csv"
    file.write_text(
        "reference,transaction,amount,type\n"
        f"{reference},{number},250000,PAY\n{reference},{number},250000,REFUND\n",
        encoding="utf-8",
    )
    await books.hand_in(file)
    await books.reconcile()
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.kind, item.repair, item.state, item.difference) == ("refunded", "record_refund", "open", 0)
    await give_back(books, reference, 250_000)
    await books.reconcile()
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.kind, item.state, item.ended_by) == ("refunded", "resolved", "reconciliation")


async def test_an_orphan_is_kept_for_a_person_and_ends_when_it_was_given_to_somebody(
    books: Books, tmp_path: Path
) -> None:
    books.foreign_payment("PGFOREIGN0001", 77_000)
    books.lose()
    await books.hand_in(books.settlement_file(tmp_path))
    await books.reconcile()
    assert books.count("payment_orphan") == 0, "proposals change nothing"
    await books.reconcile(apply="yes")
    assert (books.count("payment_orphan"), books.ours()) == (1, 0)
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.kind, item.state, item.difference) == ("orphan", "open", -77_000)
    given = Statement("UPDATE payment_orphan SET matched_at = 1, attempt_id = 4")
    await books.database.write(lambda transaction: transaction.run(given, {}))
    await books.run(date="2026-10-02")
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.kind, item.state, item.theirs, item.ended_by) == ("matched", "resolved", 0, "reconciliation")


async def test_bad_lines_are_told_and_the_same_file_again_adds_nothing(books: Books, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("reference,transaction,amount\nPG1,PP1,7\nPG2,PP2,7.5\nPG3,PP3,8\n", encoding="utf-8")
    taken = await books.hand_in(path)
    assert (taken.lines, taken.unread, taken.amount, taken.known) == (2, 1, 15, False)
    assert [(each.line, each.column, each.got) for each in taken.bad] == [(3, "amount", "7.5")]
    again = await books.hand_in(path)
    assert (again.lines, again.unread, again.known) == (2, 1, True)
    assert (books.count("settlement_file"), books.count("settlement_line")) == (1, 2)
    assert (await books.reconciliation.statement(DAY)).unread == 1
    other_day = await books.hand_in(path, DAY + timedelta(days=1))
    assert not other_day.known


async def test_a_file_that_was_broken_off_counts_only_when_it_is_whole(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlement_import, "PIECE", 10)
    path = tmp_path / "long.csv"
    lines = [f"PG{number},PP{number},1" for number in range(35)]
    path.write_text("\n".join(["reference,transaction,amount", *lines]), encoding="utf-8")
    real, calls = settlement_import.add_lines, []

    def torn(transaction: Any, rows: Any) -> None:
        calls.append(len(rows))
        if len(calls) == 3:
            raise RuntimeError("killed")
        real(transaction, rows)

    monkeypatch.setattr(settlement_import, "add_lines", torn)
    with pytest.raises(RuntimeError, match="killed"):
        await books.hand_in(path)
    await books.reconcile()
    assert (books.count("settlement_line"), books.count("reconciliation")) == (20, 0)
    monkeypatch.setattr(settlement_import, "add_lines", real)
    taken = await books.hand_in(path)
    assert (taken.lines, taken.known, books.count("settlement_line")) == (35, False, 35)
    day = (DAY - date(1970, 1, 1)).days
    (row,) = await books.database.read(functools.partial(files_of, destination=NAME, day=day))
    assert (row.complete, row.lines, row.amount, row.by) == (True, 35, 35, "anh.binh")
    await books.reconcile()
    assert books.count("reconciliation") == 35


async def test_what_is_no_settlement_file_or_no_platform_is_refused(books: Books, tmp_path: Path) -> None:
    path = tmp_path / "letter.csv"
    path.write_text("Kính gửi\n", encoding="utf-8")
    with pytest.raises(RecordError, match="no row with the headings"):
        await books.hand_in(path)
    assert books.count("settlement_file") == 0
    with pytest.raises(NotFoundError, match="no payment platform 'elsewhere'"):
        await books.reconciliation.statement(DAY, "elsewhere")
    with pytest.raises(NotFoundError, match="no item 5"):
        await books.reconciliation.item(5)
