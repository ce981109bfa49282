"""Thresholds that dossiers cross as time passes: finding who is to be looked at now, and writing what was crossed.

Invariant: one row and one event a threshold, whoever looks and however often; a dossier that moved on meanwhile is left
to the next look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.queries_standings import CrossingRow, structs_of
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.schema_status import STILL, crossing, standing
from gateway.storage.sql import Statement, insert
from gateway.storage.standings import StandingRow, open_periods

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_OPEN: sa.ColumnElement[bool] = sa.literal_column(f"standing.effective_to = {STILL}")
_PENDING: sa.ColumnElement[bool] = sa.literal_column("standing.status IN (2, 4)")


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold crossed now, and the event that tells it."""

    row: CrossingRow
    event: EventRow


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of looking at one period: what it has crossed, and when to look again (None: never)."""

    standing: int
    code: str
    crossings: tuple[Crossing, ...]
    look_at: int | None


_TOLD = Statement("SELECT dossier_code, kind, due_at FROM crossing WHERE dossier_code IN_ARRAY(:codes)")
_INSERT = insert(
    "crossing", CrossingRow.__struct_fields__, suffix="ON CONFLICT (dossier_code, kind, due_at) DO NOTHING"
)
_LOOK = Statement("UPDATE standing SET look_at = :look_at WHERE id = :standing")


def to_look_at(connection: sa.Connection, now: int, most: int) -> list[StandingRow]:
    """Open periods that time has done something to by ``now``, the longest ago first."""
    question = (
        sa.select(*(standing.c[name] for name in StandingRow.__struct_fields__))
        .where(_OPEN, standing.c.look_at <= now)
        .order_by(standing.c.look_at)
        .limit(most)
    )
    return structs_of(connection, question, StandingRow)


def record_looks(transaction: Transaction, items: Sequence[Looked]) -> list[tuple[str, ...]]:
    """Write each; the kinds of thresholds that were told now, for the first time."""
    codes = [item.code for item in items]
    now = open_periods(transaction, codes)
    good = [item for item in items if now.get(item.code) == item.standing]
    known = {tuple(row) for row in transaction.all(_TOLD, {"codes": transaction.array(set(codes))})}
    results: dict[int, tuple[str, ...]] = {}
    fresh: list[Crossing] = []
    for item in good:
        new = [each for each in item.crossings if _key(each) not in known]
        known.update(map(_key, new))
        fresh += new
        results[item.standing] = tuple(each.row.kind for each in new)
    transaction.many(_INSERT, [msgspec.structs.asdict(each.row) for each in fresh])
    transaction.many(_LOOK, [{"look_at": item.look_at, "standing": item.standing} for item in good])
    insert_events(transaction, [each.event for each in fresh])
    return [results.get(item.standing, ()) for item in items]


def _key(crossing: Crossing) -> tuple[str, str, int]:
    return crossing.row.dossier_code, crossing.row.kind, crossing.row.due_at


def told(connection: sa.Connection, codes: Sequence[str], kind: str) -> set[tuple[str, int]]:
    """(dossier, limit) of crossings of ``kind`` that are written already."""
    question = sa.select(crossing.c.dossier_code, crossing.c.due_at).where(
        crossing.c.dossier_code.in_(codes), crossing.c.kind == kind
    )
    return {(row[0], int(row[1])) for row in connection.execute(question)}


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """The instants between which pending dossiers are counted."""

    today: int
    tomorrow: int
    now: int
    horizon: int


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Dossiers being worked on, by how they stand against their promise; those without one are in time.

    ``near_due`` are in time, too; ``due_today`` may be near as well.
    """

    in_time: int
    near_due: int
    due_today: int
    overdue: int


def pending(connection: sa.Connection, moments: Moments) -> Pending:
    """Count dossiers that are being worked on; from one index, without touching a row."""
    due = standing.c.due_at

    def count(*wanted: sa.ColumnElement[bool]) -> int:
        question = sa.select(sa.func.count()).select_from(standing).where(_OPEN, _PENDING, *wanted)
        return int(connection.execute(question).scalar_one())

    overdue = count(due < moments.today)
    return Pending(
        in_time=count() - overdue,
        near_due=count(due >= moments.now, due <= moments.horizon),
        due_today=count(due >= moments.today, due < moments.tomorrow),
        overdue=overdue,
    )
