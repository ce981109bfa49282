"""Receipts: which are still to be fetched, and what came of it.

Invariants: a file is stored once, under its SHA-256; a receipt is told to the one-door system once, and once that it
was given up; a failure only moves the next try.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import ConflictError
from gateway.domain.payment import SETTLED
from gateway.storage.instants import to_micros
from gateway.storage.payment_files import lock_attempt, note, require_words
from gateway.storage.payment_orders import AskAgain, AskedAgain
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.schema_payment import payment_attempt, receipt, settlement
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_FILE = Statement("""
    INSERT INTO receipt_file (sha256, size, body, at) VALUES (:digest, :size, :body, :now)
    ON CONFLICT (sha256) DO NOTHING
""")
_KEEP = Statement("""
    UPDATE receipt SET state = 'kept', tries = tries + 1, next_at = NULL, sha256 = :digest, size = :size,
        failure = NULL, at = :now WHERE attempt_id = :attempt AND state = 'wanted'
""")
_MISS = Statement("""
    UPDATE receipt SET tries = tries + :counts, next_at = :next_at, failure = :failure
    WHERE attempt_id = :attempt AND state = 'wanted'
""")
_GIVE_UP = Statement("""
    UPDATE receipt SET state = 'given_up', tries = tries + :counts, next_at = NULL, failure = :failure
    WHERE attempt_id = :attempt AND state = 'wanted'
""")
_STATE = Statement("SELECT state FROM receipt WHERE attempt_id = :attempt FOR_UPDATE")
_WANT = insert("receipt", ("attempt_id", "state", "next_at", "since"))
_WANT_AGAIN = Statement("""
    UPDATE receipt SET state = 'wanted', tries = 0, next_at = :now, since = :now WHERE attempt_id = :attempt
""")


class WantedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that is due. ``url``: where the platform said it is, if it did; ``confirmed_at``: ThoiGianGD of what
    settled; ``since``: since when it has been wanted, in microseconds."""

    attempt: int
    request: int
    destination: str
    dossier: str
    partner: str
    reference: str
    asked_at: str
    url: str | None
    tries: int
    confirmed_at: str
    since: int


class KeptReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a wanted receipt."""

    wanted: WantedReceipt
    sha256: bytes
    body: bytes
    now: datetime


class MissedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """It could not be had. ``next_at`` None: it is given up. ``counts``: the try was one."""

    wanted: WantedReceipt
    failure: str
    now: datetime
    next_at: datetime | None
    counts: bool = True


def due_receipts(
    connection: sa.Connection, now: int, *, destination: str | None = None, most: int
) -> list[WantedReceipt]:
    """Receipts whose turn has come, the longest due first."""
    columns = (
        *(payment_attempt.c.id, payment_attempt.c.request_id, payment_attempt.c.destination),
        *(payment_attempt.c.dossier_code, payment_attempt.c.partner, payment_attempt.c.reference),
        *(payment_attempt.c.asked_at, receipt.c.url, receipt.c.tries),
        sa.func.coalesce(settlement.c.claimed_at, ""),
        sa.func.coalesce(receipt.c.since, settlement.c.at, receipt.c.next_at),
    )
    question = (
        sa.select(*columns)
        .select_from(receipt)
        .join(payment_attempt, payment_attempt.c.id == receipt.c.attempt_id)
        .join(settlement, settlement.c.attempt_id == receipt.c.attempt_id, isouter=True)
        .where(sa.literal_column("receipt.state = 'wanted'"), receipt.c.next_at <= now)
        .order_by(receipt.c.next_at)
        .limit(most)
    )
    if destination is not None:
        question = question.where(payment_attempt.c.destination == destination)
    names = WantedReceipt.__struct_fields__
    return [WantedReceipt(**dict(zip(names, row, strict=True))) for row in connection.execute(question)]


def keep_receipt(transaction: Transaction, kept: KeptReceipt) -> bool:
    """Store the file and tell of it; False when the receipt was not wanted any more."""
    now, size = to_micros(kept.now), len(kept.body)
    transaction.run(_FILE, {"digest": kept.sha256, "size": size, "body": kept.body, "now": now})
    row = {"digest": kept.sha256, "size": size, "now": now, "attempt": kept.wanted.attempt}
    if not transaction.run(_KEEP, row):
        return False
    told = {"sha256": kept.sha256.hex(), "size": size}
    _tell(transaction, kept.wanted, kept.now, "payment.receipt", told)
    return True


def miss_receipt(transaction: Transaction, missed: MissedReceipt) -> None:
    """Write down why there is no file yet, and when it is tried again, if at all."""
    row = {"counts": int(missed.counts), "failure": missed.failure, "attempt": missed.wanted.attempt}
    if missed.next_at is not None:
        transaction.run(_MISS, {**row, "next_at": to_micros(missed.next_at)})
    elif transaction.run(_GIVE_UP, row):
        told = {"failure": missed.failure}
        _tell(transaction, missed.wanted, missed.now, "payment.receipt_given_up", told)


def ask_again(transaction: Transaction, order: AskAgain) -> AskedAgain:
    """Want the receipt of a paid attempt (again), from now on. ConflictError: nothing was paid by it."""
    require_words(order)
    request, attempt = lock_attempt(transaction, order.attempt)
    if attempt.state not in SETTLED:
        raise ConflictError(
            f"attempt {attempt.reference} is {attempt.state}; only what is paid has a receipt"
        )
    found = transaction.one(_STATE, {"attempt": attempt.id})
    if found is not None and found[0] == "kept":
        return AskedAgain(attempt=str(attempt.id), state="kept", action=None)
    now = to_micros(order.now)
    if found is None:
        transaction.run(_WANT, {"attempt_id": attempt.id, "state": "wanted", "next_at": now, "since": now})
    else:
        transaction.run(_WANT_AGAIN, {"attempt": attempt.id, "now": now})
    action = note(transaction, order, request, "receipt.ask_again", {"attempt": attempt.reference})
    return AskedAgain(attempt=str(attempt.id), state="wanted", action=action)


def _tell(
    transaction: Transaction, wanted: WantedReceipt, now: datetime, kind: str, data: dict[str, Any]
) -> None:
    told = {"payment": str(wanted.request), "attempt": str(wanted.attempt), "reference": wanted.reference}
    row = EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(now),
        kind=kind,
        data=msgspec.json.encode({**told, **data}).decode(),
        dossier_code=wanted.dossier,
        destination=wanted.destination,
    )
    insert_events(transaction, [row])
