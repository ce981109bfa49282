"""The questions of readers about payments, on both engines: filters, pages, one payment whole, and their plans."""

from __future__ import annotations

import hashlib
import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.domain.payment import AttemptState, RequestState
from gateway.storage.database import Database
from gateway.storage.instants import from_micros
from gateway.storage.payment_views import PaymentGlance
from gateway.storage.queries_payment import kept_receipt, payment
from gateway.storage.queries_payments import (
    LATE_QUESTION,
    OrphanFilter,
    PaymentFilter,
    orphans,
    payment_key,
    payment_troubles,
    payments,
    waiting_decisions,
    waiting_refunds,
)
from gateway.storage.queries_timeline import PaymentEntry, SettlementEntry, timeline
from tests.storage.payment_rows import SECOND, T0, Book, attempt_row, request_row

S = AttemptState


@pytest.fixture
def book(database_url):
    opened = Book(database_url)
    yield opened
    opened.close()


@pytest.fixture
def reader(database_url, book):
    opened = Database(database_url)
    yield opened
    opened.close()


def ask(reader: Database, question: Any, *args: Any, **kwargs: Any) -> Any:
    return reader.ask(lambda connection: question(connection, *args, **kwargs))


def numbers(reader: Database, **wanted: Any) -> list[int]:
    found = ask(reader, payments, PaymentFilter(**wanted), None, 100)
    return [int(each.id) // 100 for each in found]


@pytest.fixture
def some(book):
    """One that is open, one paid at the second try, one in quarantine, one of another dossier and platform."""
    book.request(1)
    book.attempt(101, 100)
    book.request(2, state="paid", ended_at=T0)
    book.attempt(201, 200, state="failed")
    book.attempt(202, 200, state="paid", transaction_no="PP200")
    book.settled(200, 202)
    book.request(3)
    book.attempt(301, 300, state="quarantined", transaction_no="PPX")
    book.request(4, dossier_code="H99-1", purpose="copies", destination="other_platform")
    book.attempt(401, 400, state="failed", partner="DEMOXA", reference="PG101")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [4, 3, 2, 1]),
        ({"dossier": "H99-1"}, [4, 1]),
        ({"destination": "other_platform"}, [4]),
        ({"state": RequestState.PAID}, [2]),
        ({"state": RequestState.OPEN, "dossier": "H99-3"}, [3]),
        ({"attempt": S.QUARANTINED}, [3]),
        ({"attempt": S.FAILED}, [4, 2]),
        ({"attempt": S.PAID}, [2]),
        ({"reference": "PG101"}, [4, 1]),
        ({"reference": "PG201"}, [2]),
        ({"reference": "nobody's"}, []),
        ({"transaction": "PPX"}, [3]),
        ({"created_from": from_micros(T0 + 2 * SECOND)}, [4, 3, 2]),
        ({"created_before": from_micros(T0 + 2 * SECOND)}, [1]),
        ({"created_from": from_micros(T0 + 2 * SECOND), "created_before": from_micros(T0 + 3 * SECOND)}, [2]),
    ],
)
def test_payments_are_found_by_each_filter(some, reader, wanted, found):
    assert numbers(reader, **wanted) == found


def test_a_list_names_the_newest_attempt_or_the_one_that_was_looked_for(some, reader):
    def named(**wanted: Any) -> PaymentGlance:
        (found,) = ask(reader, payments, PaymentFilter(**wanted), None, 9)
        return found

    newest = named(dossier="H99-2")
    assert (newest.attempt, newest.attempt_state, newest.transaction) == ("202", S.PAID, "PP200")
    assert named(reference="PG201").attempt_state is S.FAILED
    assert named(transaction="PP200").reference == "PG202"
    assert named(attempt=S.FAILED, dossier="H99-2").attempt == "201"


@pytest.mark.parametrize(
    "wanted", [{}, {"state": RequestState.OPEN}, {"dossier": "H99-7"}, {"attempt": S.FAILED}]
)
def test_pages_hold_every_payment_once_and_in_order(book, reader, wanted):
    rows = [
        request_row(place * 100, place, dossier_code="H99-7", purpose=f"p{place}", created_at=T0 + place // 4)
        for place in range(1, 31)
    ]
    book.put("payment_request", *rows)
    book.put("payment_attempt", *(attempt_row(row["id"] + 1, row["id"], state="failed") for row in rows))
    found: list[PaymentGlance] = []
    before = None
    while page := ask(reader, payments, PaymentFilter(**wanted), before, 7):
        found += page
        before = payment_key(page[-1])
    assert [int(each.id) // 100 for each in found] == list(range(30, 0, -1))


def test_one_payment_is_told_whole(some, book, reader):
    body = b"%PDF-1.7 receipt"
    digest = hashlib.sha256(body).digest()
    book.put("receipt_file", {"sha256": digest, "size": len(body), "body": body, "at": T0})
    book.put(
        "receipt", {"attempt_id": 202, "state": "kept", "tries": 2, "sha256": digest, "size": 16, "at": T0}
    )
    callback = {
        "destination": "payment_platform",
        "partner": "DEMOH99",
        "status": 200,
        "answer": b"{}",
        "at": T0,
    }
    book.put(
        "payment_callback",
        {**callback, "digest": b"1", "reference": "PG202", "effect": "settled", "alarm": "", "deliveries": 3},
        {**callback, "digest": b"2", "reference": "PG999", "effect": "orphan", "alarm": "", "deliveries": 1},
    )
    refund = {
        "request_id": 200,
        "attempt_id": 202,
        "reason": "rút hồ sơ",
        "requested_by": "ops/an",
        "requested_at": T0,
    }
    book.put("refund", {**refund, "id": 260, "amount": 50_000, "document": "UNC-1"})
    book.put("payment_decision", decision(270, 200, 202))

    found = ask(reader, payment, 200)
    assert (found.state, found.dossier, found.amount) == (RequestState.PAID, "H99-2", 250_000)
    assert [each.state for each in found.attempts] == [S.FAILED, S.PAID]
    assert found.items[0].amount == 250_000
    assert found.payer.name == "Nguyễn Văn Mẫu"
    assert (found.settlement.transaction, found.settlement.message) == ("PP200", "7")
    assert [(each.attempt, each.effect, each.deliveries) for each in found.callbacks] == [
        ("202", "settled", 3)
    ]
    assert [(each.state, each.sha256) for each in found.receipts] == [("kept", digest.hex())]
    assert [(each.state, each.amount) for each in found.refunds] == [("requested", 50_000)]
    assert [(each.kind, each.state) for each in found.decisions] == [("excess", "requested")]
    assert ask(reader, kept_receipt, 200).body == body
    assert ask(reader, kept_receipt, 100) is None
    assert ask(reader, payment, 4711) is None


def decision(number: int, request: int, attempt: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "kind": "excess",
        "destination": "payment_platform",
        "dossier_code": "H99-2",
        "request_id": request,
        "attempt_id": attempt,
        "amount": 1,
        "transaction_no": "PP9",
        "bank": "",
        "claimed_at": "",
        "reason": "sao kê",
        "document": "SK-1",
        "state": "requested",
        "requested_by": "ops/an",
        "requested_at": T0,
    }
    return {**row, **changes}


def orphan(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "destination": "payment_platform",
        "partner": "DEMOH99",
        "reference": f"PGX{number}",
        "transaction_no": f"PP{number}",
        "amount": 10,
        "currency": "VND",
        "source": "callback",
        "evidence": b"{}",
        "at": T0,
        "matched_at": None,
        "attempt_id": None,
    }
    return {**row, **changes}


def test_orphans_are_listed_newest_first(book, reader):
    book.put("payment_orphan", *(orphan(number) for number in (1, 2, 3)))
    book.put("payment_orphan", orphan(4, matched_at=T0, attempt_id=9))

    def listed(before: int | None = None, limit: int = 9, **wanted: Any) -> list[str]:
        return [each.id for each in ask(reader, orphans, OrphanFilter(**wanted), before, limit)]

    assert listed() == ["4", "3", "2", "1"]
    assert listed(state="open") == ["3", "2", "1"]
    assert listed(state="matched") == ["4"]
    assert listed(reference="PGX2") == ["2"]
    assert listed(destination="elsewhere") == []
    assert listed(before=3, limit=1) == ["2"]


def test_troubles_are_counted_until_they_are_dealt_with(some, book, reader):
    now = from_micros(T0) + timedelta(hours=1)
    assert ask(reader, payment_troubles, now).quarantined == 1
    book.attempt(501, book.request(5, state="paid"), state="duplicate_paid")
    book.attempt(601, book.request(6), state="init_unknown", next_question_at=T0)
    late = int((now - LATE_QUESTION).timestamp() * SECOND)
    book.attempt(701, book.request(7), next_question_at=late)
    book.put("payment_orphan", orphan(1), orphan(2, matched_at=T0))
    book.put("receipt", {"attempt_id": 501, "state": "given_up", "tries": 9})
    book.put("payment_decision", decision(570, 500, 501))
    book.put("payment_decision", decision(571, 500, 501, **said("approved")))

    found = ask(reader, payment_troubles, now)
    told = {name: getattr(found, name) for name in found.__struct_fields__}
    assert told == {
        "open": 5,
        "quarantined": 1,
        "paid_twice": 1,
        "unknown": 1,
        "unasked": 1,
        "orphans": 1,
        "receipts": 1,
        "refunds": 0,
        "decisions": 1,
    }
    assert [each.id for each in ask(reader, waiting_decisions, 9)] == ["570"]

    refund = {"request_id": 500, "attempt_id": 501, "reason": "-", "requested_by": "a", "requested_at": T0}
    book.put("refund", {**refund, "id": 560, "amount": 1, "document": "1"})
    assert ask(reader, payment_troubles, now).refunds == 1
    assert [each.id for each in ask(reader, waiting_refunds, 9)] == ["560"]
    approved = sa.text("UPDATE refund SET approved_by = 'b', approved_at = requested_at WHERE id = 560")
    with book.engine.begin() as connection:
        connection.execute(approved)
    after = ask(reader, payment_troubles, now)
    assert (after.refunds, after.paid_twice) == (0, 0)


def said(state: str) -> dict[str, Any]:
    return {"state": state, "decided_by": "ops/binh", "decided_at": T0, "decided_reason": "đúng"}


def test_payments_stand_in_the_history_of_their_dossier(some, reader):
    found = ask(reader, timeline, "H99-2", None, 100)
    asked, paid = found
    assert isinstance(asked, PaymentEntry)
    assert isinstance(paid, SettlementEntry)
    assert (asked.payment.state, asked.payment.reference) == (RequestState.PAID, "PG202")
    assert (paid.payment, paid.settlement.source) == ("200", "callback")
    one = ask(reader, timeline, "H99-2", None, 1)
    assert [each.id for each in one] == [asked.id]


MANY = 3000


@pytest.fixture
def crowded(book):
    """Many payments, most of them paid, as after a year; with statistics where the engine keeps them."""
    chosen = random.Random(7)
    states = ["paid"] * 40 + ["open"] * 2 + ["cancelled"]
    requests = [request_row(n * 100, n, state=chosen.choice(states)) for n in range(1, MANY)]
    book.put("payment_request", *requests)
    ends = {"paid": "paid", "open": "redirected", "cancelled": "failed"}
    rows = [
        attempt_row(row["id"] + 1, row["id"], state=ends[row["state"]], transaction_no=f"PP{row['id']}")
        for row in requests
    ]
    rows[5]["state"] = "quarantined"
    book.put("payment_attempt", *rows)
    book.put("payment_orphan", *(orphan(n, matched_at=None if n % 50 == 0 else T0) for n in range(1, MANY)))
    with book.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


QUESTIONS = {
    "all": (payments, PaymentFilter(), None, 50),
    "page": (payments, PaymentFilter(), (T0 + 500 * SECOND, 50_000), 50),
    "dossier": (payments, PaymentFilter(dossier="H99-7"), None, 50),
    "state": (payments, PaymentFilter(state=RequestState.CANCELLED), None, 50),
    "quarantined": (payments, PaymentFilter(attempt=S.QUARANTINED), None, 50),
    "failed": (payments, PaymentFilter(attempt=S.PAID), None, 50),
    "reference": (payments, PaymentFilter(reference="PG701"), None, 50),
    "transaction": (payments, PaymentFilter(transaction="PP700"), None, 50),
    "time": (
        payments,
        PaymentFilter(created_from=from_micros(T0 + 5 * SECOND), created_before=from_micros(T0 + 9 * SECOND)),
        None,
        50,
    ),
    "orphans": (orphans, OrphanFilter(state="open"), None, 10),
    "one": (payment, 700),
    "receipt": (kept_receipt, 700),
    "troubles": (payment_troubles, from_micros(T0)),
    "refunds": (waiting_refunds, 50),
    "decisions": (waiting_decisions, 50),
    "timeline": (timeline, "H99-7", None, 50),
}
LARGE = ("payment_request", "payment_attempt", "payment_orphan")


def test_no_question_reads_a_table_from_end_to_end(crowded, reader):
    for name, (question, *rest) in QUESTIONS.items():
        plan = planned(reader, question, *rest)
        assert plan, name
        for table in LARGE:
            walked = {f"Seq Scan on {table}", f"SCAN {table}"}
            found = [
                line
                for line in plan
                if line in walked or line.strip(" ->").startswith(f"Seq Scan on {table} ")
            ]
            assert not found, f"{name}:\n" + "\n".join(plan)


def planned(reader: Database, question: Any, *rest: Any) -> list[str]:
    """The plan of every statement that a question makes."""
    plans: list[str] = []

    def watch(connection, cursor, statement, parameters, _context, _many):
        prefix = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        raw = connection.connection.driver_connection.cursor()
        plans.extend(str(row[-1]) for row in raw.execute(prefix + statement, parameters).fetchall())

    def asked(connection):
        sa.event.listen(connection, "before_cursor_execute", watch)
        return question(connection, *rest)

    reader.ask(asked)
    return plans
