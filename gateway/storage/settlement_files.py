"""Settlement files at rest: taken in piece by piece, each once a destination and day.

Invariant: the same file again adds nothing; one that was broken off goes on where it is read again, and counts only
once it is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros
from gateway.storage.schema_reconciliation import settlement_file, settlement_line
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to take in. ``digest``: SHA-256 of its bytes, hex."""

    destination: str
    day: int
    digest: str
    name: str
    by: str
    now: int


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is here. ``amount``: the sum of its paid lines, đồng."""

    id: int
    complete: bool
    lines: int
    unread: int
    amount: int
    by: str
    at: datetime


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole file came to."""

    file: int
    lines: int
    unread: int
    amount: int


_FIND = Statement("""
    SELECT id, complete, lines, unread, amount, by, at FROM settlement_file
    WHERE destination = :destination AND day = :day AND digest = :digest
""")
_ADD = insert(
    "settlement_file",
    ("id", "destination", "day", "digest", "name", "by", "at"),
    suffix="ON CONFLICT DO NOTHING",
)
_ADD_LINE = insert(
    "settlement_line",
    (
        *("file_id", "line", "destination", "day", "partner", "reference", "transaction_no", "amount"),
        *("currency", "claim", "bank", "paid_at"),
    ),
    suffix="ON CONFLICT DO NOTHING",
)
_COMPLETE = Statement("""
    UPDATE settlement_file SET complete = 1, lines = :lines, unread = :unread, amount = :amount WHERE id = :file
""")


def begin_file(transaction: Transaction, new: NewFile) -> FileRow:
    """The file's row: a new one, or the one it has had since it was handed in first."""
    where = {"destination": new.destination, "day": new.day, "digest": new.digest}
    added = {**where, "id": transaction.identifiers.next(), "name": new.name, "by": new.by, "at": new.now}
    transaction.run(_ADD, added)
    row = transaction.one(_FIND, where)
    if row is None:
        raise LookupError("a row that was just written is not there")
    return FileRow(
        id=int(row[0]),
        complete=bool(row[1]),
        lines=int(row[2]),
        unread=int(row[3]),
        amount=int(row[4]),
        by=row[5],
        at=from_micros(row[6]),
    )


def add_lines(transaction: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Append lines; those that are here already stay as they are."""
    transaction.many(_ADD_LINE, rows)


def complete_file(transaction: Transaction, counted: Counted) -> None:
    """The file was read to its end."""
    transaction.run(_COMPLETE, msgspec.structs.asdict(counted))


def files_of(connection: sa.Connection, destination: str, day: int) -> list[FileRow]:
    """The files of one day, in the order in which they came."""
    columns = settlement_file.c
    names = ("id", "complete", "lines", "unread", "amount", "by", "at")
    question = (
        sa.select(*(columns[name] for name in names))
        .where(columns.destination == destination, columns.day == day)
        .order_by(columns.id)
    )
    return [
        FileRow(
            id=int(row.id),
            complete=bool(row.complete),
            lines=int(row.lines),
            unread=int(row.unread),
            amount=int(row.amount),
            by=row.by,
            at=from_micros(row.at),
        )
        for row in connection.execute(question)
    ]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a settlement file, as it stands. ``file``: the name it was handed in by."""

    file: str
    line: int
    partner: str
    reference: str
    transaction: str
    amount: int
    currency: str
    claim: str
    bank: str
    paid_at: str


def lines_of(connection: sa.Connection, destination: str, references: Iterable[str]) -> dict[str, list[Line]]:
    """What the complete files of any day say about these references."""
    columns = settlement_line.c
    question = (
        sa.select(settlement_line, settlement_file.c.name)
        .join(settlement_file, settlement_file.c.id == columns.file_id)
        .where(
            columns.destination == destination,
            columns.reference.in_(list(references)),
            settlement_file.c.complete == 1,
        )
        .order_by(columns.file_id, columns.line)
    )
    found: dict[str, list[Line]] = {}
    for row in connection.execute(question):
        line = Line(
            file=row.name,
            line=int(row.line),
            partner=row.partner,
            reference=row.reference,
            transaction=row.transaction_no,
            amount=int(row.amount),
            currency=row.currency,
            claim=row.claim,
            bank=row.bank,
            paid_at=row.paid_at,
        )
        found.setdefault(row.reference, []).append(line)
    return found


def covered(connection: sa.Connection, destination: str, days: Iterable[int]) -> set[tuple[int, str]]:
    """Of which days, and for which partner, a whole file is here; partner "" where the file names none."""
    columns = settlement_line.c
    question = (
        sa.select(columns.day, columns.partner)
        .join(settlement_file, settlement_file.c.id == columns.file_id)
        .where(
            columns.destination == destination,
            columns.day.in_(sorted(set(days))),
            settlement_file.c.complete == 1,
        )
        .distinct()
    )
    return {(int(day), str(partner)) for day, partner in connection.execute(question)}
