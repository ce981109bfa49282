"""Taking in a settlement file that an operator hands in: read to its end, a piece at a time, each file once.

Invariants: bad lines are reported and left out, and the rest goes on; the same file again adds nothing; only a file
that was read to its end says anything.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.codec import Unreadable
from gateway.deadlines.instants import day_number
from gateway.domain.errors import RecordError
from gateway.payments.settlement_file import BadLine, Read, SettlementLine, digest_of, read
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.settlement_files import (
    Counted,
    FileRow,
    NewFile,
    add_lines,
    begin_file,
    complete_file,
)

PIECE = 500
MOST_SHOWN = 200


class HandedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A file that somebody hands in for one day's payments at one destination."""

    path: Path
    name: str
    destination: str
    day: date
    actor: str


class TakenIn(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file. ``known``: it was here already, and nothing was added. ``amount``: the sum of its paid
    lines, đồng. ``bad``: the first lines that could not be read; ``unread``: how many there are."""

    digest: str
    name: str
    lines: int
    unread: int
    amount: int
    known: bool
    bad: list[BadLine]


async def take_in(database: Database, clock: Callable[[], datetime], given: HandedIn) -> TakenIn:
    """Take in a file. RecordError: it is no settlement file, or cannot be opened."""
    try:
        digest = await asyncio.to_thread(digest_of, given.path)
        new = NewFile(
            destination=given.destination,
            day=day_number(given.day),
            digest=digest,
            name=given.name,
            by=given.actor,
            now=to_micros(clock()),
        )
        lines = read(given.path)
        piece = await asyncio.to_thread(_next_piece, lines)  # unreadable files leave no row behind
        row: FileRow = await database.write(lambda transaction: begin_file(transaction, new))
        return await _read_on(database, row, new, itertools.chain([piece], _pieces(lines)))
    except (Unreadable, OSError) as fault:
        raise RecordError(f"settlement file {given.name}: {fault}") from fault


async def _read_on(database: Database, row: FileRow, new: NewFile, pieces: Iterator[list[Read]]) -> TakenIn:
    count = unread = amount = 0
    bad: list[BadLine] = []
    while True:
        piece: list[Read] = await asyncio.to_thread(_next_of, pieces)
        if not piece:
            break
        good = [each for each in piece if isinstance(each, SettlementLine)]
        wrong = [each for each in piece if isinstance(each, BadLine)]
        count, unread = count + len(good), unread + len(wrong)
        amount += sum(each.amount for each in good if each.claim == "paid")
        bad += wrong[: MOST_SHOWN - len(bad)]
        if not row.complete:
            rows = [_row(row.id, new, each) for each in good]
            await database.write(functools.partial(add_lines, rows=rows))
    if not row.complete:
        counted = Counted(file=row.id, lines=count, unread=unread, amount=amount)
        await database.write(lambda transaction: complete_file(transaction, counted))
    return TakenIn(
        digest=new.digest,
        name=new.name,
        lines=count,
        unread=unread,
        amount=amount,
        known=row.complete,
        bad=bad,
    )


def _next_of(pieces: Iterator[list[Read]]) -> list[Read]:
    return next(pieces, [])


def _pieces(lines: Iterator[Read]) -> Iterator[list[Read]]:
    while piece := _next_piece(lines):
        yield piece


def _next_piece(lines: Iterator[Read]) -> list[Read]:
    return list(itertools.islice(lines, PIECE))


def _row(file: int, new: NewFile, line: SettlementLine) -> dict[str, Any]:
    return {
        "file_id": file,
        "line": line.line,
        "destination": new.destination,
        "day": new.day,
        "partner": line.partner,
        "reference": line.reference,
        "transaction_no": line.transaction,
        "amount": line.amount,
        "currency": line.currency,
        "claim": line.claim,
        "bank": line.bank,
        "paid_at": line.paid_at,
    }
