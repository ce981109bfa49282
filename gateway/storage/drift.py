"""Drift at rest: every difference that was found between a partner's record and what it must have, and what became of it.

Invariants: one row a difference as long as it is there; a difference that a pass no longer sees is ``gone`` only if the
pass could have seen it; nothing is ever deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.operator_log import json_text
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.schema_status import drift
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

LONGEST_VALUE = 300


class DriftState(StrEnum):
    """Where a difference stands.

    open       it is there, and nothing has been ordered against it
    repairing  deliveries were ordered; a later pass will tell whether it is gone
    tolerated  a person has decided to leave it
    gone       a later pass no longer saw it
    """

    OPEN = "open"
    REPAIRING = "repairing"
    TOLERATED = "tolerated"
    GONE = "gone"


class RepairPart(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery to send again; ``delivery`` is the one that was acknowledged, empty where none ever was planned."""

    delivery: str
    operation: str
    key: str


class RepairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would mend a difference, in this order. ``backwards``: it takes back a status that the partner has."""

    deliveries: list[RepairPart]
    backwards: bool = False


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One difference as a pass saw it; ``repair`` None: a person must decide."""

    kind: str
    field: str
    ours: str | None
    theirs: str | None
    repair: RepairPlan | None


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one look at one dossier showed. ``unjudged_*``: kinds, and fields, it could not speak about."""

    run: int
    destination: str
    dossier: str
    now: int
    found: tuple[Found, ...]
    unjudged_kinds: frozenset[str] = frozenset()
    unjudged_fields: frozenset[str] = frozenset()


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What changed: rows that are new or open again, and rows that are gone."""

    opened: int = 0
    gone: int = 0


class DriftView(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. ``field``: a JSON pointer, or a step's key. ``ours`` and ``theirs`` name no person.

    ``tolerated_until`` null: as long as neither of the two changes.
    """

    id: str
    run: str
    destination: str
    dossier: str
    kind: str
    field: str
    ours: str | None
    theirs: str | None
    repair: RepairPlan | None
    state: DriftState
    found_at: datetime
    seen_at: datetime
    applied_at: datetime | None
    applied_by: str | None
    applied_reason: str | None
    gone_at: datetime | None
    tolerated_until: datetime | None = None


class DriftFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which differences. ``state`` None: all that are not gone. ``field``: this place of the record alone."""

    ids: tuple[int, ...] = ()
    destination: str | None = None
    dossier: str | None = None
    kind: str | None = None
    field: str | None = None
    state: DriftState | None = None


_STANDING = Statement("""
    SELECT id, kind, field, state, ours, theirs, tolerated_until FROM drift
    WHERE destination = :destination AND dossier_code = :dossier AND state <> 'gone' FOR_UPDATE
""")
_ADD = insert(
    "drift",
    (
        *(
            "id",
            "run_id",
            "destination",
            "dossier_code",
            "kind",
            "field",
            "ours",
            "theirs",
            "repair",
            "state",
        ),
        *("found_at", "seen_at"),
    ),
    suffix="ON CONFLICT DO NOTHING",  # another pass has just found the same
)
_SEE = Statement("""
    UPDATE drift SET run_id = :run_id, ours = :ours, theirs = :theirs, repair = :repair, state = :state,
        seen_at = :seen_at
    WHERE id = :id
""")
_GONE = Statement("UPDATE drift SET state = 'gone', gone_at = :now WHERE id = :id")


def record_findings(transaction: Transaction, items: Sequence[Findings]) -> list[Recorded]:
    """Write down what each look showed."""
    return [_record(transaction, item) for item in items]


def _record(transaction: Transaction, item: Findings) -> Recorded:
    where = {"destination": item.destination, "dossier": item.dossier}
    rows = {(row[1], row[2]): row for row in transaction.all(_STANDING, where)}
    opened = gone = 0
    for found in item.found:
        row = rows.pop((found.kind, found.field), None)
        if row is None:
            opened += _add(transaction, item, found)
        else:
            opened += _see(transaction, item, found, row)
    for (kind, field), row in rows.items():
        if kind not in item.unjudged_kinds and field not in item.unjudged_fields:
            transaction.run(_GONE, {"now": item.now, "id": row[0]})
            _tell(transaction, item, "drift.gone", {"drift": str(row[0]), "kind": kind, "field": field})
            gone += 1
    return Recorded(opened=opened, gone=gone)


def _add(transaction: Transaction, item: Findings, found: Found) -> int:
    row = transaction.identifiers.next()
    added = transaction.run(
        _ADD,
        {
            **_seen(item, found),
            "id": row,
            "destination": item.destination,
            "dossier_code": item.dossier,
            "kind": found.kind,
            "field": found.field,
            "state": DriftState.OPEN.value,
            "found_at": item.now,
        },
    )
    if added:
        _tell(transaction, item, "drift.found", {"drift": str(row), "kind": found.kind, "field": found.field})
    return added


def _see(transaction: Transaction, item: Findings, found: Found, row: Row) -> int:
    """The difference is still there: what was ordered against it has not helped, what was tolerated may have changed,
    or has been tolerated long enough."""
    identifier, _, _, before, ours, theirs, until = row
    same = (ours, theirs) == (_short(found.ours), _short(found.theirs))
    tolerated = before == DriftState.TOLERATED and same and (until is None or item.now < until)
    state = DriftState.TOLERATED if tolerated else DriftState.OPEN
    transaction.run(_SEE, {**_seen(item, found), "id": identifier, "state": state.value})
    return int(state.value != before)


def _seen(item: Findings, found: Found) -> dict[str, Any]:
    return {
        "run_id": item.run,
        "ours": _short(found.ours),
        "theirs": _short(found.theirs),
        "repair": None if found.repair is None else msgspec.json.encode(found.repair).decode(),
        "seen_at": item.now,
    }


def _short(text: str | None) -> str | None:
    return None if text is None else text.replace("\0", "\ufffd")[:LONGEST_VALUE]


def _tell(transaction: Transaction, item: Findings, kind: str, data: dict[str, Any]) -> None:
    event = EventRow(
        id=transaction.identifiers.next(),
        at=item.now,
        kind=kind,
        data=json_text(data),
        dossier_code=item.dossier,
        destination=item.destination,
    )
    insert_events(transaction, [event])


def drifts(
    connection: sa.Connection, wanted: DriftFilter, *, after: int | None = None, limit: int = 100
) -> list[DriftView]:
    """Up to ``limit`` differences, oldest first, those after the one with identifier ``after``."""
    question = sa.select(drift).where(*_conditions(wanted)).order_by(drift.c.id).limit(limit)
    if after is not None:
        question = question.where(drift.c.id > after)
    return [_view(row) for row in connection.execute(question)]


def _conditions(wanted: DriftFilter) -> list[sa.ColumnElement[bool]]:
    columns = drift.c
    where: list[sa.ColumnElement[bool]] = []
    if wanted.ids:
        where.append(columns.id.in_(wanted.ids))
    elif wanted.state is not DriftState.GONE:
        # spelt so that the partial indexes apply
        where.append(columns.state != sa.literal_column("'gone'"))
    for column, value in (
        (columns.destination, wanted.destination),
        (columns.dossier_code, wanted.dossier),
        (columns.kind, wanted.kind),
        (columns.field, wanted.field),
        (columns.state, None if wanted.state is None else wanted.state.value),
    ):
        if value is not None:
            where.append(column == value)
    return where


def drift_by_id(connection: sa.Connection, identifier: int) -> DriftView | None:
    """One difference; None when there is none."""
    row = connection.execute(sa.select(drift).where(drift.c.id == identifier)).one_or_none()
    return None if row is None else _view(row)


def drifting_dossiers(connection: sa.Connection, destination: str) -> list[str]:
    """Dossiers with a difference that is not gone, in order."""
    question = (
        sa.select(drift.c.dossier_code)
        .where(drift.c.destination == destination, drift.c.state != sa.literal_column("'gone'"))
        .distinct()
        .order_by(drift.c.dossier_code)
    )
    return [str(code) for code in connection.execute(question).scalars()]


def drift_dossiers(connection: sa.Connection, destination: str, codes: Sequence[str]) -> set[str]:
    """Which of ``codes`` have a difference that is not gone."""
    question = sa.select(drift.c.dossier_code).where(
        drift.c.destination == destination,
        drift.c.dossier_code.in_(codes),
        drift.c.state != sa.literal_column("'gone'"),
    )
    return {str(code) for code in connection.execute(question).scalars()}


def drift_counts(connection: sa.Connection) -> dict[str, dict[str, int]]:
    """How many differences of each kind stand in each state that is not gone: state to kind to count."""
    columns = (drift.c.state, drift.c.kind)
    question = (
        sa.select(*columns, sa.func.count())
        .where(drift.c.state != sa.literal_column("'gone'"))
        .group_by(*columns)
        .order_by(*columns)
    )
    counts: dict[str, dict[str, int]] = {}
    for state, kind, count in connection.execute(question):
        counts.setdefault(state, {})[kind] = int(count)
    return counts


def _view(row: sa.Row[Any]) -> DriftView:
    return DriftView(
        id=str(row.id),
        run=str(row.run_id),
        destination=row.destination,
        dossier=row.dossier_code,
        kind=row.kind,
        field=row.field,
        ours=row.ours,
        theirs=row.theirs,
        repair=None if row.repair is None else msgspec.json.decode(row.repair, type=RepairPlan),
        state=DriftState(row.state),
        found_at=from_micros(row.found_at),
        seen_at=from_micros(row.seen_at),
        applied_at=maybe_from_micros(row.applied_at),
        applied_by=row.applied_by,
        applied_reason=row.applied_reason,
        gone_at=maybe_from_micros(row.gone_at),
        tolerated_until=maybe_from_micros(row.tolerated_until),
    )
