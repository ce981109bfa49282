"""A day's payments at the platform's stand-in, whose ledger is the truth, and what a reconciliation makes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.deadlines.instants import day_number
from gateway.domain.errors import ConflictError
from gateway.domain.reconciliation import Statement
from gateway.payments.reconcile_preview import HeldLines
from gateway.storage.reconciliation import Resolution
from tests.payment_books_world import DAY, NAME, Books, open_books


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as opened:
        yield opened


async def bad_day(books: Books) -> dict[str, str]:
    """Payments with everything that goes wrong; the references by what happened."""
    names = ("told", "lost", "wrong", "twice", "failed", "by_hand")
    references = {name: await books.ask_for(number) for number, name in enumerate(names, start=1)}
    books.press(references["told"])
    await books.hear()
    books.press(references["lost"])
    books.lose()
    books.press(references["wrong"], "pay", "amount_changed_valid_mac")
    await books.hear()
    books.lose()
    books.press(references["twice"], "pay", "second_MaGiaoDich")
    await books.hear()
    books.move(hours=2)
    await books.hear()
    books.press(references["failed"], "fail")
    books.press(references["by_hand"], "fail")
    books.lose()
    await books.settle_by_hand(references["by_hand"], 250_000, "BANK-0001")
    return references


def require_sums(statement: Statement) -> None:
    assert statement.sound
    assert statement.difference == statement.ours - statement.theirs
    assert statement.difference == sum(item.difference for item in statement.items)
    assert statement.difference == sum(each.difference for each in statement.classes)


async def test_after_a_run_that_applies_both_ledgers_agree_but_for_what_is_listed(
    books: Books, tmp_path: Path
) -> None:
    references = await bad_day(books)
    books.foreign_payment("PGFOREIGN0001", 77_000)
    books.lose()
    taken = await books.hand_in(books.settlement_file(tmp_path))
    assert (taken.unread, taken.known, taken.amount) == (0, False, sum(books.ledger().values()))
    summary = await books.reconcile(apply="yes")
    assert (summary["applied"], summary["answer"]) == (1, "no")
    found = await books.found()
    assert found == {
        references["told"]: "matched",
        references["lost"]: "matched",
        references["wrong"]: "paid_there_not_here",
        references["twice"]: "duplicate",
        references["failed"]: "matched",
        references["by_hand"]: "paid_here_not_there",
        "PGFOREIGN0001": "orphan",
    }
    statement = await books.reconciliation.statement(DAY)
    require_sums(statement)
    assert statement.theirs == sum(books.ledger().values())
    assert statement.ours == books.ours()
    listed = {item.reference: item.difference for item in statement.items if item.state == "open"}
    assert listed == {
        references["wrong"]: -250_000,
        references["twice"]: -250_000,
        references["by_hand"]: 250_000,
        "PGFOREIGN0001": -77_000,
    }
    assert sum(listed.values()) == statement.difference
    agreed = {item.reference: item for item in statement.items if item.state == "resolved"}
    assert all(item.ours == books.ledger().get(name, 0) for name, item in agreed.items())


async def test_without_apply_nothing_is_settled_and_it_is_proposed(books: Books) -> None:
    lost = await books.ask_for(1)
    books.press(lost)
    books.lose()
    summary = await books.reconcile()
    assert (summary["applied"], books.ours()) == (0, 0)
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.kind, item.repair, item.state, item.difference) == (
        "paid_there_not_here",
        "apply_evidence",
        "open",
        -250_000,
    )
    assert "250.000 đồng" in item.explanation
    assert "250,000 VND" in item.explanation_en
    await books.reconcile(apply="yes")
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.kind, item.state, item.ended_by, item.applied) == (
        "matched",
        "resolved",
        "reconciliation",
        True,
    )
    assert books.ours() == 250_000


async def test_while_the_platform_is_away_everything_is_unanswered_and_the_next_run_finds_the_truth(
    books: Books,
) -> None:
    references = await bad_day(books)
    books.away = True
    summary = await books.reconcile(apply="yes")
    assert set((await books.found()).values()) == {"unanswered", "duplicate"}
    assert (await books.found())[references["lost"]] == "unanswered"
    assert summary["applied"] == 0
    statement = await books.reconciliation.statement(DAY)
    require_sums(statement)
    assert all(item.code for item in statement.items)
    books.away = False
    books.move(minutes=10)
    await books.reconcile(apply="yes")
    found = await books.found()
    assert found == {
        references["told"]: "matched",
        references["lost"]: "matched",
        references["wrong"]: "paid_there_not_here",
        references["twice"]: "duplicate",
        references["failed"]: "matched",
        references["by_hand"]: "paid_here_not_there",
    }
    assert (await books.reconciliation.statement(DAY)).theirs == sum(books.ledger().values())


async def test_an_outage_does_not_take_back_what_an_answer_showed(books: Books) -> None:
    told = await books.ask_for(1)
    books.press(told)
    await books.hear()
    await books.reconcile()
    assert await books.found() == {told: "matched"}
    books.away = True
    await books.reconcile()
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.kind, item.state, item.asked) == ("matched", "resolved", 2)
    assert item.code


async def test_what_is_open_is_asked_again_by_a_run_over_another_day(books: Books) -> None:
    lost = await books.ask_for(1)
    books.press(lost)
    books.lose()
    books.away = True
    await books.reconcile()
    assert await books.found() == {lost: "unanswered"}
    books.away = False
    await books.run(date="2026-10-02", apply="yes")
    assert await books.found() == {lost: "matched"}
    assert books.ours() == 250_000


async def test_a_dry_run_finds_the_same_and_writes_nothing(books: Books) -> None:
    await bad_day(books)
    before = {
        table: books.count(table) for table in ("reconciliation", "settlement", "payment_orphan", "event")
    }
    dry = await books.run(dry_run=True, date=DAY.isoformat(), apply="yes")
    assert before == {table: books.count(table) for table in before}
    assert before["reconciliation"] == 0
    wet = await books.reconcile()
    assert (dry["classes"], dry["difference"]) == (wet["classes"], wet["difference"])
    assert len(dry["items"]) == 6


async def test_a_dry_run_with_a_file_only_holds_the_file(books: Books, tmp_path: Path) -> None:
    told = await books.ask_for(1)
    books.press(told)
    await books.hear()
    books.foreign_payment("PGFOREIGN0001", 77_000)
    books.lose()
    held = HeldLines(books.database, books.settlement_file(tmp_path), day_number(DAY))
    statement = await books.reconciliation.preview(books.looking(), DAY, NAME, held)
    assert {item.reference: item.kind.value for item in statement.items} == {
        told: "matched",
        "PGFOREIGN0001": "orphan",
    }
    assert statement.dry_run
    assert books.count("settlement_line") == books.count("reconciliation") == 0


async def test_a_payment_that_the_file_does_not_have_is_told_until_a_later_file_has_it(
    books: Books, tmp_path: Path
) -> None:
    told = await books.ask_for(1)
    books.press(told)
    await books.hear()
    other = await books.ask_for(2)
    books.press(other)
    await books.hear()
    whole = books.settlement_file(tmp_path).read_text(encoding="utf-8-sig").splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join(line for line in whole if told not in line), encoding="utf-8")
    await books.hand_in(short)
    await books.reconcile()
    assert await books.found() == {told: "paid_here_not_there", other: "matched"}
    late = tmp_path / "late.csv"
    late.write_text("\n".join([whole[0], *(line for line in whole if told in line)]), encoding="utf-8")
    await books.hand_in(late, DAY + timedelta(days=1))
    await books.reconcile()
    assert await books.found() == {told: "matched", other: "matched"}


async def test_a_file_settles_what_the_platform_does_not_answer_about(books: Books, tmp_path: Path) -> None:
    lost = await books.ask_for(1)
    books.press(lost)
    books.lose()
    await books.hand_in(books.settlement_file(tmp_path))
    books.away = True
    summary = await books.reconcile(apply="yes")
    assert summary["applied"] == 1
    assert await books.found() == {lost: "matched"}
    assert books.ours() == 250_000
    again = await books.hand_in(books.settlement_file(tmp_path))
    assert (again.known, books.count("settlement_file"), books.count("settlement_line")) == (True, 1, 1)
    await books.reconcile(apply="yes")
    assert (books.ours(), books.count("reconciliation")) == (250_000, 1)


async def test_an_item_that_a_person_has_ended_stays_ended_until_something_changes(
    books: Books, tmp_path: Path
) -> None:
    hand = await books.ask_for(1)
    books.press(hand, "fail")
    books.lose()
    await books.settle_by_hand(hand, 250_000, "BANK-0001")
    await books.reconcile()
    (item,) = (await books.reconciliation.statement(DAY)).items
    order = Resolution(item=int(item.id), actor="chi.an", reason="đã tra soát", now=books.now)
    await books.reconciliation.resolve(order)
    with pytest.raises(ConflictError, match="is resolved"):
        await books.reconciliation.resolve(order)
    summary = await books.reconcile()
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.state, item.ended_by, item.ended_reason) == ("resolved", "chi.an", "đã tra soát")
    assert (summary["answer"], books.count("operator_action")) == ("yes", 1)
    other = tmp_path / "other.csv"
    other.write_text(f"Mã tham chiếu,Mã giao dịch,Số tiền\n{hand},PP0009,250000\n", encoding="utf-8")
    await books.hand_in(other)
    await books.reconcile()
    (item,) = (await books.reconciliation.statement(DAY)).items
    assert (item.state, item.kind, item.ended_by) == ("open", "duplicate", None)
