"""Edits of times at rest: reading them by when they were heard of, and marking those that were made in bulk.

Invariant: one row and one event a version, whoever looks and however often; the flag stands in the period that holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.deadlines.bulk_edit import EDITS
from gateway.deadlines.classes import Flag, names_of
from gateway.storage.queries_standings import structs_of
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.schema import dossier
from gateway.storage.schema_status import STILL, anomaly
from gateway.storage.sql import Statement
from gateway.storage.standings import AnomalyRow, insert_anomaly, open_periods

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class EditRow(msgspec.Struct, frozen=True, kw_only=True):
    """A time that was rewritten: the anomaly that says so, and whose system said it."""

    id: int
    at: int
    source: str
    dossier: str
    version: int
    field: str
    message_id: int | None


class BulkMark(msgspec.Struct, frozen=True, kw_only=True):
    """One dossier that was edited in bulk: the row that says so, and the event that tells it."""

    row: AnomalyRow
    event: EventRow


_KINDS = sorted(flag.value for flag in EDITS)
_COLUMNS = (
    anomaly.c.id,
    anomaly.c.recorded_at.label("at"),
    dossier.c.source,
    anomaly.c.dossier_code.label("dossier"),
    anomaly.c.version,
    anomaly.c.field,
    anomaly.c.message_id,
)
_FLAGS = Statement("SELECT flags FROM standing WHERE id = :standing")
_FLAG = Statement(f"UPDATE standing SET flags = :flags WHERE id = :standing AND effective_to = {STILL}")  # noqa: S608 - a constant


def edits_after(connection: sa.Connection, after: int, limit: int) -> list[EditRow]:
    """The next edits in the order in which they were judged, after the one with identifier ``after``."""
    question = _edits().where(anomaly.c.id > after).order_by(anomaly.c.id).limit(limit)
    return structs_of(connection, question, EditRow)


def edits_between(connection: sa.Connection, since: int, until: int) -> list[EditRow]:
    """Every edit that was heard of from ``since`` to ``until``."""
    question = _edits().where(anomaly.c.recorded_at.between(since, until)).order_by(anomaly.c.id)
    return structs_of(connection, question, EditRow)


def marked_between(connection: sa.Connection, since: int, until: int) -> set[tuple[str, int]]:
    """(dossier, version) of every edit heard of from ``since`` to ``until`` that is marked already."""
    rows = connection.execute(
        sa.select(anomaly.c.dossier_code, anomaly.c.version).where(
            anomaly.c.kind == Flag.BULK_EDIT.value, anomaly.c.recorded_at.between(since, until)
        )
    )
    return {(str(row[0]), int(row[1])) for row in rows}


def _edits() -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(*_COLUMNS)
        .join_from(anomaly, dossier, dossier.c.code == anomaly.c.dossier_code)
        .where(anomaly.c.kind.in_(_KINDS))
    )


def mark_bulk_edits(transaction: Transaction, items: Sequence[BulkMark]) -> list[bool]:
    """Write each; False where it was written before, by whomever. The flag is set either way."""
    standing = open_periods(transaction, [item.row.dossier_code for item in items])
    results: list[bool] = []
    for item in items:
        results.append(insert_anomaly(transaction, item.row))
        if results[-1]:
            insert_events(transaction, [item.event])
        if item.row.dossier_code in standing:
            _flag(transaction, standing[item.row.dossier_code])
    return results


def _flag(transaction: Transaction, standing: int) -> None:
    row = transaction.one(_FLAGS, {"standing": standing})
    flags = set() if row is None else set(map(Flag, msgspec.json.decode(row[0], type=list[str])))
    if Flag.BULK_EDIT in flags:
        return
    written = msgspec.json.encode(names_of(flags | {Flag.BULK_EDIT})).decode()
    transaction.run(_FLAG, {"flags": written, "standing": standing})
