"""What reports ask: how many dossiers fall where as of a cut-off, which they are, and what does not add up.

Reads only. Invariant: the questions of one report see one state of the database (``one_state``), whatever is written
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.report_rules import (
    END_DAY,
    IN_TIME,
    PROMISE,
    Column,
    Extent,
    Figure,
    Look,
    counted_in,
    standings,
)
from gateway.storage.schema_status import STILL

Grouping: TypeAlias = Literal["agency", "field", "procedure", "total"]
Order: TypeAlias = Literal["code", "desk"]
"""By dossier number, for pages; or by agency, room, officer and promise, for paper."""

_UNIT: dict[Grouping, str] = {
    "agency": "agency_code",
    "field": "field_code",
    "procedure": "procedure_code",
    "total": "''",
}
_EMPTY = b"{}"


class Tally(msgspec.Struct, frozen=True):
    """So many standings of ``unit`` have ``code`` (``report_rules``); ``oldest`` and ``newest`` are two of them."""

    unit: str | None
    code: int
    count: int
    oldest: int
    newest: int


class Unbalanced(msgspec.Struct, frozen=True, kw_only=True):
    """Dossiers that were pending at the end of the period before and are not carried over, or the other way round."""

    lost: list[tuple[str, str | None]]
    appeared: list[tuple[str, str | None]]


class PortalTally(msgspec.Struct, frozen=True):
    """Dossiers of one unit received in the period, and those in time by the portal's own rule."""

    unit: str | None
    received: int
    in_time: int
    without_due: int


class StandingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One standing as a list shows it; instants in microseconds."""

    id: int
    dossier_code: str
    status: int
    channel: str
    agency_code: str
    procedure_code: str
    effective_from: int
    recorded_at: int
    field_code: str | None
    unit: str | None
    officer: str | None
    received_at: int | None
    due_at: int | None
    due_original_at: int | None
    ended_at: int | None
    waiting_since: int | None
    rule_version: str
    calendar_version: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list. ``after``: dossier number and id of the last line before."""

    order: Order = "code"
    after: tuple[str, int] | None = None
    limit: int | None = None


@contextmanager
def one_state(connection: sa.Connection) -> Iterator[sa.Connection]:
    """Every question in the block sees the same state."""
    sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("BEGIN" if sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield connection
    finally:
        connection.exec_driver_sql("ROLLBACK")


def tallies(
    connection: sa.Connection, extent: Extent, by: Grouping, *, pending_only: bool = False
) -> list[Tally]:
    """How many standings have which code (0: none), by unit; a unit that is not known is None."""
    rows = standings(extent, f"{_UNIT[by]} AS unit, id", Look(pending_only=pending_only))
    question = f"SELECT unit, code, COUNT(*), MIN(id), MAX(id) FROM ({rows}) AS counted GROUP BY unit, code"  # noqa: S608 - constants
    return [Tally(*row) for row in _ask(connection, question, extent.parameters())]


def seen(connection: sa.Connection, extent: Extent) -> int:
    """How many standings ``tallies`` looks at, counted without regard to units."""
    question = f"SELECT COUNT(*) FROM ({standings(extent, 'id', Look(coded=False))}) AS counted"  # noqa: S608 - constants
    return int(_ask(connection, question, extent.parameters())[0][0])


def doubled(connection: sa.Connection, extent: Extent, most: int) -> list[str]:
    """Dossiers that stand in two places at the cut-off; of each, at most one can be in force still."""
    closed_since = f"effective_from <= :cutoff AND effective_to <> {STILL}"
    rows = standings(extent, "id, dossier_code", Look(also=closed_since))
    question = f"""
        SELECT DISTINCT dossier_code FROM ({rows}) AS counted WHERE code > 0 AND EXISTS (
          SELECT 1 FROM standing AS other WHERE other.dossier_code = counted.dossier_code AND other.id <> counted.id
            AND other.effective_from <= :cutoff AND other.effective_to > :cutoff)
        ORDER BY dossier_code LIMIT :most
    """  # noqa: S608 - constants
    return [row[0] for row in _ask(connection, question, {**extent.parameters(), "most": most})]


def unbalanced(
    connection: sa.Connection, extent: Extent, before: Extent, by: Grouping, most: int
) -> Unbalanced:
    """Which dossiers make column 6 differ from column 11 of the period before, with their units."""
    columns = f"{_UNIT[by]} AS unit, dossier_code"
    then = standings(before, columns, Look(prefix="before_", pending_only=True))
    now = standings(extent, columns, Look(also="received_day < :start"))
    question = f"""
        SELECT dossier_code, unit, SUM(side) FROM (
          SELECT dossier_code, unit, 1 AS side FROM ({then}) AS was WHERE {counted_in(Figure(column="11"))}
          UNION ALL
          SELECT dossier_code, unit, -1 FROM ({now}) AS counted WHERE {counted_in(Figure(column="6"))}
        ) AS both_sides GROUP BY dossier_code, unit HAVING SUM(side) <> 0 ORDER BY dossier_code LIMIT :most
    """  # noqa: S608 - constants
    given = {**extent.parameters(), **before.parameters("before_"), "most": most}
    rows = _ask(connection, question, given)
    return Unbalanced(
        lost=[(code, unit) for code, unit, side in rows if side > 0],
        appeared=[(code, unit) for code, unit, side in rows if side < 0],
    )


def portal_tallies(connection: sa.Connection, extent: Extent, by: Grouping) -> list[PortalTally]:
    """Dossiers received in the period by the portal's rule: by instant, an open end is the cut-off.

    national_portal §11.2: (1) the population; (2) the end; (4) waiting for a supplement, the end is the request, and
    more than one request is late. (5) and (7) are not applied: the promise that holds has moved already with the
    supplement (§11.5), and a dossier without a promise is in time and counted apart.
    """
    asked_before = """EXISTS (SELECT 1 FROM standing AS earlier WHERE earlier.dossier_code = standing.dossier_code
        AND earlier.status = 5 AND earlier.waiting_since < standing.waiting_since)"""
    # an end that nobody told the time of is when it took effect; days decide where they differ
    in_time = f"""CASE WHEN due_day IS NULL OR ended_day < due_day AND ended_day < :last THEN 1
        WHEN status IN (3, 7, 8, 9, 10) AND COALESCE(ended_at, effective_from) <= :cutoff
        THEN CASE WHEN COALESCE(ended_at, effective_from) <= {PROMISE} THEN 1 ELSE 0 END
        WHEN status = 5 AND {asked_before} THEN 0
        WHEN status = 5 THEN CASE WHEN COALESCE(waiting_since, effective_from) <= {PROMISE} THEN 1 ELSE 0 END
        WHEN :second <= {PROMISE} THEN 1 ELSE 0 END"""
    population = "received_day >= :start AND (received_day < :last OR received_at <= :cutoff) AND status <> 1"
    columns = f"{_UNIT[by]} AS unit, {in_time} AS good, CASE WHEN due_day IS NULL THEN 1 ELSE 0 END AS free"
    rows = standings(extent, columns, Look(coded=False, also=population))
    question = f"SELECT unit, COUNT(*), SUM(good), SUM(free) FROM ({rows}) AS counted GROUP BY unit"  # noqa: S608 - constants
    return [PortalTally(*row) for row in _ask(connection, question, extent.parameters())]


# what had ended is in none of these
_PENDING: frozenset[Column] = frozenset({"11", "12", "13", "waiting", "paused_late"})


def opened(connection: sa.Connection, extent: Extent, figure: Figure, page: Page) -> list[StandingLine]:
    """The dossiers behind a figure."""
    look = Look(pending_only=figure.column in _PENDING)
    return _lines(connection, extent, counted_in(figure), page, look=look)


def near_due(connection: sa.Connection, extent: Extent, until: int, page: Page) -> list[StandingLine]:
    """Pending dossiers not overdue by date whose promise ends by ``until``, or on the day of the cut-off."""
    near = f"({PROMISE} <= :until OR due_day = :last)"
    condition = f"code % 10000 / 100 = {IN_TIME}"
    look = Look(pending_only=True, also=near)
    return _lines(connection, extent, condition, page, look=look, given={"until": until})


def withdrawn_after_due(connection: sa.Connection, extent: Extent, page: Page) -> list[StandingLine]:
    """Dossiers withdrawn in the period, after the day that was promised (R21)."""
    condition = counted_in(Figure(column="withdrawn"))
    return _lines(connection, extent, condition, page, look=Look(also=f"{END_DAY} > due_day"))


def _lines(  # noqa: PLR0913 - what a list is made of
    connection: sa.Connection,
    extent: Extent,
    condition: str,
    page: Page,
    *,
    look: Look,
    given: Mapping[str, Any] | None = None,
) -> list[StandingLine]:
    names = ", ".join(f"standing.{name}" for name in StandingLine.__struct_fields__)
    found = f"SELECT id FROM ({standings(extent, 'id, dossier_code', look)}) AS counted WHERE {condition}"  # noqa: S608 - constants
    bound: dict[str, Any] = {**extent.parameters(), **(given or {})}
    question = f"SELECT {names} FROM standing WHERE id IN ({found})"  # noqa: S608 - constants
    if page.after is not None:
        question += " AND (dossier_code, id) > (:after_code, :after_id)"
        bound |= {"after_code": page.after[0], "after_id": page.after[1]}
    question += f" ORDER BY {_ORDER[page.order]}"
    if page.limit is not None:
        question += " LIMIT :most"
        bound["most"] = page.limit
    return [
        StandingLine(**dict(zip(StandingLine.__struct_fields__, row, strict=True)))
        for row in _ask(connection, question, bound)
    ]


_ORDER: dict[Order, str] = {
    "code": "dossier_code, id",
    "desk": "agency_code, COALESCE(unit, ''), COALESCE(officer, ''), due_at IS NULL, due_at, dossier_code, id",
}


class _AgencyPart(msgspec.Struct, frozen=True):
    code: str = ""
    name: str | None = None


class _ProcedurePart(msgspec.Struct, frozen=True):
    code: str = ""
    name: str | None = None
    national_code: str | None = None
    field_code: str | None = None
    field_name: str | None = None


class _NamedParts(msgspec.Struct, frozen=True):
    agency: _AgencyPart = _AgencyPart()
    procedure: _ProcedurePart = _ProcedurePart()


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of rules and calendars behind some standings, and the names that their records give to units."""

    versions: list[tuple[str, str]]
    units: dict[str, str]


_PORTION = 500


def names(connection: sa.Connection, by: Grouping, examples: Sequence[int]) -> Names:
    """What ``examples`` (identifiers of standings) know of names and versions."""
    units: dict[str, str] = {}
    versions: set[tuple[str, str]] = set()
    unit_column = "NULL" if by == "total" else f"standing.{_UNIT[by]}"
    columns = f"{unit_column}, rule_version, calendar_version, dossier.record"
    for start in range(0, len(examples), _PORTION):
        rows = connection.execute(
            sa.text(
                f"SELECT {columns} FROM standing LEFT JOIN dossier ON dossier.code = standing.dossier_code "  # noqa: S608 - constants
                "WHERE standing.id IN :examples"
            ).bindparams(sa.bindparam("examples", list(examples[start : start + _PORTION]), expanding=True))
        )
        for unit, rule, calendar, record in rows:
            versions.add((rule, calendar))
            if unit and unit not in units and (name := _name(by, unit, record)):
                units[unit] = name
    return Names(versions=sorted(versions), units=units)


def _name(by: Grouping, unit: str, record: bytes | None) -> str | None:
    try:
        parts = msgspec.json.decode(record or _EMPTY, type=_NamedParts)
    except msgspec.MsgspecError:
        return None
    procedure = parts.procedure
    known: dict[Grouping, dict[str | None, str | None]] = {
        "agency": {parts.agency.code: parts.agency.name},
        "field": {procedure.field_code: procedure.field_name},
        "procedure": {procedure.national_code or procedure.code: procedure.name},
    }
    return known.get(by, {}).get(unit)


def _ask(connection: sa.Connection, question: str, given: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    return connection.execute(sa.text(question), dict(given)).all()
