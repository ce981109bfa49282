"""Money under a strange number, from the first word of it to the end, in both ledgers.

The platform's stand-in has the truth. Invariant of every test: over all days, their side is what was really collected,
each đồng once, and ours what was settled, recorded or given back by two persons.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.deadlines.instants import day_number
from gateway.domain.errors import ConflictError
from gateway.payments.reconcile_preview import HeldLines
from gateway.storage.payment_orders import Answer
from gateway.storage.reconciliation import Resolution
from gateway.storage.sql import Statement
from tests.payment_books_world import DAY, NAME, Books, open_books
from tests.payments.strange_money import (
    FEE,
    STRANGE,
    adopt,
    attempt_of,
    both,
    decide,
    give_back,
    heard_of,
    items,
    number_of,
    one,
    orphan_of,
    paid_line,
    propose,
    require_even,
    write,
)


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url) as opened:
        yield opened


@pytest.mark.parametrize("how", ["callback", "file", "both"])
async def test_adopted_money_is_once_in_both_ledgers_however_it_was_heard_of(
    books: Books, tmp_path: Path, how: str
) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, how, tmp_path)
    await books.reconcile(apply="yes")
    before = await both(books)
    assert (before.ours, before.theirs, before.difference) == (0, FEE, -FEE)
    await adopt(books, own)
    await books.reconcile(apply="yes")
    assert sum(books.ledger().values()) == books.ours() == FEE
    found = await items(books)
    assert (found[own].kind, found[own].their_transactions[:1]) == ("matched", [number_of(books, STRANGE)])
    assert (found[STRANGE].ours, found[STRANGE].theirs) == (0, 0)
    await require_even(books, FEE)
    await books.reconcile()
    await require_even(books, FEE)


@pytest.mark.parametrize("with_file", [False, True])
async def test_money_that_was_adopted_before_anybody_reconciled(
    books: Books, tmp_path: Path, with_file: bool
) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, "both" if with_file else "callback", tmp_path)
    await adopt(books, own)
    await books.reconcile()
    await require_even(books, FEE)


@pytest.mark.parametrize("how", ["callback", "file"])
@pytest.mark.parametrize("looked", [True, False])
async def test_money_of_another_day_than_its_payment_and_its_adoption(
    books: Books, tmp_path: Path, how: str, looked: bool
) -> None:
    own = await books.ask_for(1, FEE)
    books.press(own, "fail")
    await books.hear()
    if looked:
        await books.reconcile()
        assert (await items(books))[own].state == "resolved"
    books.move(days=2)
    second = DAY + timedelta(days=2)
    await heard_of(books, "callback" if how == "callback" else "none", tmp_path)
    if how == "file":
        books.lose()
        await books.hand_in(write(tmp_path, "two.csv", paid_line(books)), second)
    await books.run(date=second.isoformat(), apply="yes")
    books.move(days=1)
    await adopt(books, own)
    await books.run(date=second.isoformat())
    await require_even(books, FEE, second)
    books.move(days=1)
    await books.run()
    await require_even(books, FEE, second + timedelta(days=2))


async def test_a_file_of_the_day_of_the_adoption_says_nothing_about_the_money(
    books: Books, tmp_path: Path
) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, "callback", tmp_path)
    books.move(days=2)
    await adopt(books, own)
    other = await books.ask_for(2, 50_000)
    books.press(other)
    await books.hear()
    file = write(tmp_path, "later.csv", f"{other},{number_of(books, other)},DEMOH99,50000,PAY")
    await books.hand_in(file, DAY + timedelta(days=2))
    await books.reconcile()
    assert (await items(books))[own].kind == "matched"


async def test_adopted_money_that_the_file_of_its_own_day_does_not_have_is_told(
    books: Books, tmp_path: Path
) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, "callback", tmp_path)
    await books.hand_in(write(tmp_path, "short.csv", f"PGELSE,PPELSE,DEMOH99,{FEE},REFUND"))
    await adopt(books, own)
    await books.reconcile()
    found = (await items(books))[own]
    assert (found.kind, found.difference, found.state) == ("paid_here_not_there", FEE, "open")
    await books.hand_in(write(tmp_path, "late.csv", paid_line(books)), DAY + timedelta(days=1))
    await books.reconcile()
    await require_even(books, FEE)


@pytest.mark.parametrize("part", [FEE, 7_000])
async def test_adopted_money_that_is_given_back_stays_in_both_ledgers(
    books: Books, tmp_path: Path, part: int
) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, "file", tmp_path)
    await books.reconcile(apply="yes")
    await adopt(books, own)
    await give_back(books, own, part)
    await books.reconcile()
    found = (await items(books))[own]
    assert (found.kind, found.refunded_here) == ("refunded", part)
    await require_even(books, FEE)


async def test_a_refund_that_a_file_has_under_the_strange_number_is_to_be_recorded(
    books: Books, tmp_path: Path
) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, "file", tmp_path)
    await books.reconcile(apply="yes")
    await adopt(books, own)
    await books.reconcile()
    later = DAY + timedelta(days=3)
    await books.hand_in(write(tmp_path, "back.csv", f"{STRANGE},PPBACK,DEMOH99,{FEE},REFUND"), later)
    await books.run(date=later.isoformat())
    found = (await items(books))[own]
    assert (found.kind, found.repair, found.state) == ("refunded", "record_refund", "open")
    assert (found.refunded_there, found.difference) == (FEE, 0)
    await give_back(books, own, FEE)
    await books.run(date=later.isoformat())
    await require_even(books, FEE, later)


@pytest.mark.parametrize("asked", [FEE + 1, FEE - 1])
async def test_other_money_than_was_asked_for_is_not_adopted_and_waits_until_it_went_back(
    books: Books, tmp_path: Path, asked: int
) -> None:
    own = await books.ask_for(1, asked)
    await heard_of(books, "file", tmp_path)
    await books.reconcile(apply="yes")
    with pytest.raises(ConflictError, match="asked for"):
        await adopt(books, own)
    await books.reconcile()
    assert (await both(books)).difference == -FEE
    books.press(own, "fail")
    await books.hear()
    await decide(books, "refund_orphan", orphan=orphan_of(books))
    await books.reconcile()
    found = (await items(books))[STRANGE]
    assert (found.kind, found.ours, found.theirs, found.state) == ("refunded", FEE, FEE, "resolved")
    await require_even(books, FEE)


async def test_an_orphan_that_went_back_before_anybody_reconciled_is_in_both_ledgers(
    books: Books, tmp_path: Path
) -> None:
    await heard_of(books, "callback", tmp_path)
    await decide(books, "refund_orphan", orphan=orphan_of(books))
    await books.reconcile()
    await require_even(books, FEE)


async def test_of_two_payments_under_one_strange_number_each_has_its_own_end(
    books: Books, tmp_path: Path
) -> None:
    own, other = await books.ask_for(1, FEE), await books.ask_for(2, FEE)
    lines = [f"{STRANGE},PP{number},DEMOH99,{FEE},PAY" for number in (1, 2, 3)]
    await books.hand_in(write(tmp_path, "one.csv", lines[0]))
    await books.reconcile(apply="yes")
    await adopt(books, own, "PP1")
    await books.hand_in(write(tmp_path, "three.csv", *lines))
    await books.reconcile(apply="yes")
    found = await both(books)
    assert (found.ours, found.theirs, found.difference) == (FEE, 3 * FEE, -2 * FEE)
    assert books.count("payment_orphan") == 3, "money that came later under the same number is kept, too"
    await adopt(books, other, "PP2")
    await books.reconcile(apply="yes")
    assert (await both(books)).difference == -FEE
    await decide(books, "refund_orphan", orphan=orphan_of(books, "PP3"))
    await books.reconcile(apply="yes")
    await require_even(books, 3 * FEE)


async def test_a_payer_who_pays_the_adopted_request_itself_too_has_paid_twice(
    books: Books, tmp_path: Path
) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, "callback", tmp_path)
    await adopt(books, own)
    books.press(own)
    await books.hear()
    await books.hand_in(books.settlement_file(tmp_path))
    await books.reconcile(apply="yes")
    found = (await items(books))[own]
    assert (found.kind, found.ours, found.theirs) == ("duplicate", FEE, 2 * FEE)
    found_in_all = await both(books)
    assert found_in_all.theirs == sum(books.ledger().values())
    assert found_in_all.ours == books.ours()


async def test_a_second_payment_that_is_told_of_on_another_day_is_not_missed(books: Books) -> None:
    own = await books.ask_for(1, FEE)
    books.press(own, "pay", "second_MaGiaoDich")
    await books.hear()
    await books.reconcile()
    await require_even(books, FEE)
    books.move(days=2)
    await books.hear()
    later = DAY + timedelta(days=2)
    await books.run(date=later.isoformat())
    found = await both(books, later)
    assert (found.ours, found.theirs, found.open) == (FEE, sum(books.ledger().values()), 1)
    assert found.theirs == 2 * FEE


async def test_a_look_with_a_held_file_finds_adopted_money_under_its_strange_number(
    books: Books, tmp_path: Path
) -> None:
    own, other = await books.ask_for(1, FEE), await books.ask_for(2, FEE)
    await heard_of(books, "callback", tmp_path)
    await adopt(books, own)
    file = write(tmp_path, "held.csv", paid_line(books), f"{other},PP9,DEMOXA,{FEE},PAY")
    held = HeldLines(books.database, file, day_number(DAY))
    found = await books.reconciliation.preview(books.looking(), DAY, NAME, held)
    named = [(each.reference, each.kind, each.ours, each.theirs) for each in found.items]
    assert (own, "matched", FEE, FEE) in named
    assert (other, "orphan", 0, FEE) in named
    assert (found.ours, found.theirs) == (FEE, 2 * FEE)


async def test_an_item_of_strange_money_that_a_person_has_ended_is_not_made_again_on_another_day(
    books: Books, tmp_path: Path
) -> None:
    await heard_of(books, "file", tmp_path)
    await books.reconcile(apply="yes")
    item = (await items(books))[STRANGE]
    order = Resolution(item=int(item.id), actor="chi.an", reason="đang tra soát", now=books.now)
    await books.reconciliation.resolve(order)
    later = DAY + timedelta(days=1)
    await books.hand_in(write(tmp_path, "again.csv", paid_line(books)), later)
    await books.run(date=later.isoformat(), apply="yes")
    found = await both(books, later)
    assert (found.theirs, found.difference, found.open) == (FEE, -FEE, 0)
    await decide(books, "refund_orphan", orphan=orphan_of(books))
    await books.run(date=(later + timedelta(days=1)).isoformat())
    await require_even(books, FEE, later)


async def test_money_of_another_partner_under_the_number_of_a_payment_is_not_lost(
    books: Books, tmp_path: Path
) -> None:
    own = await books.ask_for(1, FEE)
    await books.hand_in(write(tmp_path, "other.csv", f"{own},PP9,DEMOXA,{FEE},PAY"))
    await books.reconcile(apply="yes")
    found = await both(books)
    assert (found.ours, found.theirs, books.ours()) == (0, FEE, 0)
    assert one(books, "SELECT partner FROM payment_orphan") == "DEMOXA"


async def test_money_that_was_settled_by_hand_with_its_number_is_no_orphan_any_more(
    books: Books, tmp_path: Path
) -> None:
    """The proposal was older than the file that brought the orphan."""
    own = await books.ask_for(1, FEE)
    await heard_of(books, "file", tmp_path)
    proposed = await propose(
        books, "settle", attempt=attempt_of(books, own), transaction=number_of(books, STRANGE)
    )
    await books.reconcile(apply="yes")
    answer = Answer(
        actor="anh.binh", reason="đúng", now=books.now, target=int(proposed.decision), verdict="approved"
    )
    await books.gateway.payments.desk.answer(answer)
    await books.reconcile()
    await require_even(books, FEE)
    with pytest.raises(ConflictError, match="has settled attempt"):
        await propose(books, "refund_orphan", orphan=orphan_of(books))
    await adopt(books, own)
    await books.reconcile()
    await require_even(books, FEE)
    assert books.count("settlement") == 1


async def test_a_known_orphan_is_adopted_and_not_settled_or_counted_by_its_number(
    books: Books, tmp_path: Path
) -> None:
    own, paid = await books.ask_for(1, FEE), await books.ask_for(2, FEE)
    books.press(paid)
    await books.hear()
    await heard_of(books, "callback", tmp_path)
    number = number_of(books, STRANGE)
    with pytest.raises(ConflictError, match=r"is orphan \d+: adopt it, or give it back"):
        await propose(books, "settle", attempt=attempt_of(books, own), transaction=number)
    with pytest.raises(ConflictError, match=r"is orphan \d+: adopt it, or give it back"):
        await propose(books, "excess", attempt=attempt_of(books, paid), transaction=number, amount=FEE)


async def test_a_payment_that_was_counted_once_more_is_not_counted_for_another_attempt(
    books: Books, tmp_path: Path
) -> None:
    own, paid = await books.ask_for(1, FEE), await books.ask_for(2, FEE)
    books.press(paid)
    await books.hear()
    await decide(books, "excess", attempt=attempt_of(books, paid), transaction="PPMORE", amount=FEE)
    with pytest.raises(ConflictError, match="was counted by proposal"):
        await propose(books, "settle", attempt=attempt_of(books, own), transaction="PPMORE")
    await books.hand_in(write(tmp_path, "more.csv", f"{STRANGE},PPMORE,DEMOH99,{FEE},PAY"))
    await books.reconcile(apply="yes")
    with pytest.raises(ConflictError, match="was counted by proposal"):
        await propose(books, "adopt", attempt=attempt_of(books, own), orphan=orphan_of(books))
    with pytest.raises(ConflictError, match="was counted by proposal"):
        await propose(books, "refund_orphan", orphan=orphan_of(books))
    await books.reconcile()
    assert (await both(books)).difference == 0
    await adopt(books, paid)
    await give_back(books, paid, FEE)
    await books.reconcile()
    found = await both(books)
    assert (found.ours, found.theirs, found.difference) == (2 * FEE, 2 * FEE, 0)


async def test_money_of_one_platform_is_not_adopted_at_another(books: Books, tmp_path: Path) -> None:
    own = await books.ask_for(1, FEE)
    await heard_of(books, "callback", tmp_path)
    elsewhere = Statement("UPDATE payment_orphan SET destination = 'another'")
    await books.database.write(lambda transaction: transaction.run(elsewhere, {}))
    with pytest.raises(ConflictError, match=rf"at another, .* at {NAME}"):
        await adopt(books, own)
