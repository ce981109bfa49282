"""What two sides make together: every class by example, and the sums whatever comes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.payment import SETTLED, AttemptState
from gateway.domain.reconciliation import (
    Heading,
    Kind,
    Ours,
    Paid,
    Repair,
    Statement,
    Theirs,
    judge,
    statement_of,
)
from gateway.payments.reconcile_words import EXPLANATIONS, PROPOSALS, dong, item_of, statement
from gateway.reports.files import csv_of, workbook_of
from gateway.reports.reconciliation import class_sheet, item_sheet, open_sheet, sheets_of_statement
from gateway.storage.reconciliation import Kept

S = AttemptState
NOW = datetime(2026, 9, 29, 1, 0, tzinfo=UTC)


def ours(state: AttemptState = S.PAID, **changes: object) -> Ours:
    given_: dict[str, object] = {
        "partner": "DEMOH99",
        "amount": 250_000,
        "currency": "VND",
        "transaction": "PP1" if state in SETTLED else "",
        "source": "callback" if state in SETTLED else "",
        **changes,
    }
    return Ours(state=state, **given_)  # type: ignore[arg-type]


def paid(transaction: str = "PP1", amount: int = 250_000, **changes: str) -> Paid:
    return Paid(
        transaction=transaction, amount=amount, **{"partner": "DEMOH99", "currency": "VND", **changes}
    )  # type: ignore[arg-type]


def told(*payments: Paid, **changes: object) -> Theirs:
    return Theirs(claim="paid", paid=payments, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mine", "theirs", "kind", "repair", "difference"),
    [
        (ours(), told(paid()), Kind.MATCHED, Repair.NONE, 0),
        (ours(S.REDIRECTED), Theirs(claim="failed"), Kind.MATCHED, Repair.NONE, 0),
        (ours(S.FAILED), Theirs(claim="absent"), Kind.MATCHED, Repair.NONE, 0),
        (ours(), Theirs(claim="failed"), Kind.PAID_HERE_NOT_THERE, Repair.ASK_PLATFORM, 250_000),
        (ours(), told(paid(), missing=True), Kind.PAID_HERE_NOT_THERE, Repair.ASK_PLATFORM, 250_000),
        (ours(S.REDIRECTED), told(paid()), Kind.PAID_THERE_NOT_HERE, Repair.APPLY_EVIDENCE, -250_000),
        (ours(S.FAILED), told(paid()), Kind.PAID_THERE_NOT_HERE, Repair.APPLY_EVIDENCE, -250_000),
        (ours(S.QUARANTINED), told(paid()), Kind.PAID_THERE_NOT_HERE, Repair.DECIDE_QUARANTINE, -250_000),
        (ours(S.REDIRECTED), told(paid(amount=7)), Kind.AMOUNT_DIFFERS, Repair.ASK_PLATFORM, -7),
        (ours(S.REDIRECTED), told(paid(currency="USD")), Kind.AMOUNT_DIFFERS, Repair.ASK_PLATFORM, -250_000),
        (
            ours(S.REDIRECTED),
            told(paid(partner="OTHER")),
            Kind.AMOUNT_DIFFERS,
            Repair.ASK_PLATFORM,
            -250_000,
        ),
        (ours(S.REDIRECTED), told(paid("")), Kind.AMOUNT_DIFFERS, Repair.ASK_PLATFORM, -250_000),
        (ours(), told(paid(amount=300_000)), Kind.AMOUNT_DIFFERS, Repair.ASK_PLATFORM, -50_000),
        (ours(), told(paid(), paid("PP2")), Kind.DUPLICATE, Repair.GIVE_BACK, -250_000),
        (ours(), told(paid("PP2")), Kind.DUPLICATE, Repair.GIVE_BACK, -250_000),
        (ours(S.DUPLICATE_PAID), told(paid()), Kind.DUPLICATE, Repair.GIVE_BACK, 0),
        (ours(S.DUPLICATE_PAID, refunded=250_000), told(paid()), Kind.REFUNDED, Repair.NONE, 0),
        (ours(excess={"PP2": 250_000}), told(paid(), paid("PP2")), Kind.DUPLICATE, Repair.GIVE_BACK, 0),
        (
            ours(excess={"PP2": 250_000}, refunded=250_000),
            told(paid(), paid("PP2")),
            Kind.REFUNDED,
            Repair.NONE,
            0,
        ),
        (ours(refunded=1), told(paid()), Kind.REFUNDED, Repair.NONE, 0),
        (ours(), told(paid(), refunded=9), Kind.REFUNDED, Repair.RECORD_REFUND, 0),
        (None, told(paid(), paid("PP2")), Kind.ORPHAN, Repair.ADOPT_ORPHAN, -500_000),
        (ours(), Theirs(why="down"), Kind.UNANSWERED, Repair.ASK_AGAIN, 250_000),
        (ours(), Theirs(claim="absent"), Kind.UNANSWERED, Repair.ASK_AGAIN, 250_000),
        (ours(S.CREATED), Theirs(claim="pending"), Kind.UNANSWERED, Repair.ASK_AGAIN, 0),
        (ours(S.QUARANTINED), Theirs(claim="failed"), Kind.AMOUNT_DIFFERS, Repair.DECIDE_QUARANTINE, 0),
    ],
)
def test_classes(mine: Ours | None, theirs: Theirs, kind: Kind, repair: Repair, difference: int) -> None:
    verdict = judge(mine, theirs)
    assert (verdict.kind, verdict.repair, verdict.difference) == (kind, repair, difference)
    done = kind is Kind.MATCHED or (kind is Kind.REFUNDED and repair is Repair.NONE)
    assert verdict.resolved is done
    assert (verdict.settled_by is not None) is (repair is Repair.APPLY_EVIDENCE)


def test_what_a_file_and_an_answer_say_of_one_transaction_counts_once() -> None:
    both = told(paid(by="query"), paid(by="file"), paid(by="callback"))
    assert judge(ours(), both).kind is Kind.MATCHED
    assert judge(None, both).theirs == 250_000


_payments = st.builds(
    paid,
    st.sampled_from(["PP1", "PP2", "PP3", ""]),
    st.integers(1, 10**15 - 1),
    by=st.sampled_from(["query", "file", "callback"]),
    partner=st.sampled_from(["DEMOH99", "OTHER"]),
)
_ours = st.none() | st.builds(
    ours,
    st.sampled_from(list(AttemptState)),
    amount=st.integers(1, 10**15 - 1),
    refunded=st.integers(0, 10**15),
    source=st.sampled_from(["", "callback", "query", "file", "operator"]),
    excess=st.dictionaries(st.sampled_from(["PP2", "PP3"]), st.integers(1, 10**12)),
)
_theirs = st.builds(
    Theirs,
    claim=st.sampled_from([None, "paid", "failed", "pending", "absent"]),
    paid=st.lists(_payments, max_size=4).map(tuple),
    refunded=st.integers(0, 10**15),
    missing=st.booleans(),
)


def kept(number: int, mine: Ours | None, theirs: Theirs) -> Kept:
    verdict = judge(mine, theirs)
    return Kept(
        id=number,
        day=20_000,
        destination="payment_platform",
        partner="DEMOH99",
        reference=f"=PG{number}",
        kind=verdict.kind,
        state="resolved" if verdict.resolved else "open",
        ours=mine,
        theirs=theirs,
        ours_amount=verdict.ours,
        theirs_amount=verdict.theirs,
        difference=verdict.difference,
        repair=verdict.repair,
        at=NOW,
    )


@settings(deadline=None)
@given(st.lists(st.tuples(_ours, _theirs), max_size=12))
def test_the_differences_add_up_to_the_difference_of_the_sums(
    sides: list[tuple[Ours | None, Theirs]],
) -> None:
    made = statement(
        Heading(day=date(2026, 9, 28), destination=None, made_at=NOW),
        [kept(number, *side) for number, side in enumerate(sides)],
    )
    assert made.sound
    assert made.difference == made.ours - made.theirs == sum(item.difference for item in made.items)
    for name in ("items", "open", "ours", "theirs", "difference"):
        total = len(made.items) if name == "items" else getattr(made, name)
        assert sum(getattr(each, name) for each in made.classes) == total
    for number, (mine, theirs) in enumerate(sides):
        item = next(each for each in made.items if each.id == str(number))
        if item.repair is Repair.APPLY_EVIDENCE:
            assert mine is not None
            assert mine.state not in SETTLED | {S.QUARANTINED}
            assert any(each.amount == mine.amount and each.partner == mine.partner for each in theirs.paid)


def test_every_class_and_repair_has_its_words() -> None:
    assert set(EXPLANATIONS) == set(Kind)
    assert set(PROPOSALS) == set(Repair)
    assert dong(1_250_000) == ("1.250.000 đồng", "1,250,000 VND")


def of_two() -> Statement:
    rows = [kept(1, ours(), told(paid())), kept(2, ours(S.REDIRECTED), told(paid("PP9")))]
    return statement(Heading(day=date(2026, 9, 28), destination="p", made_at=NOW, unread=3), rows)


def test_sheets_have_the_sums_of_the_statement_and_run_nothing() -> None:
    made = of_two()
    total = class_sheet(made).total
    assert total == ("Tổng cộng", 2, 1, 250_000, 500_000, -250_000)
    assert any("3 dòng" in note for note in class_sheet(made).notes)
    assert [row[3] for row in open_sheet(made).rows] == ["=PG2"]
    text = csv_of(item_sheet(made))
    assert text.startswith(b"\xef\xbb\xbf")
    assert b"'=PG1" in text
    assert b",=PG" not in text
    book = openpyxl.load_workbook(BytesIO(workbook_of(sheets_of_statement(made), made_at=NOW)))
    assert book.sheetnames == ["Chi tiết", "Tổng hợp"]
    cells = [cell for row in book["Chi tiết"].iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells)
    assert {cell.value for cell in cells} >= {"'=PG1", 250_000, -250_000}


def test_a_statement_that_does_not_add_up_says_so() -> None:
    wrong = [item_of(kept(1, ours(), Theirs(claim="failed")))]
    from msgspec.structs import replace

    broken = statement_of(
        Heading(day=date(2026, 9, 28), destination=None, made_at=NOW), [replace(wrong[0], difference=1)]
    )
    assert not broken.sound
    assert "LỖI" in class_sheet(broken).notes[0]
