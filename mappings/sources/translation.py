"""Translating a dossier as its source system sent it (domain_rules §2.5, §4.2).

Rows of the dossier's own source come first, rows of ``*`` hold for every source, and the gateway's own state names
mean themselves unless the source's rows say otherwise. Invariant: a translated dossier has canonical states and, for
its procedure, a national code; everything that stood in the way is reported at once.
"""

from __future__ import annotations

from datetime import date, datetime
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Generic, TypeVar

from msgspec.structs import replace

from gateway.domain.dossier import Dossier, Procedure, Step
from gateway.domain.errors import ConfigurationError
from gateway.domain.status import Status
from gateway.domain.violation import Violation, shown
from gateway.mapping import local_date
from mappings.sources.tables import (
    ANY_SOURCE,
    Condition,
    ProcedureRow,
    StatusRow,
    read_procedures,
    read_statuses,
)

NEAREST = 3
STATUSES_FILE = "statuses.csv"
PROCEDURES_FILE = "procedures.csv"
_CANONICAL = frozenset(Status)
_R = TypeVar("_R", StatusRow, ProcedureRow)


class Translation:
    """The tables of all source systems, ready for use."""

    def __init__(self, statuses: list[StatusRow], procedures: list[ProcedureRow]) -> None:
        self._statuses = _Rows(statuses)
        self._procedures = _Rows(procedures)

    @classmethod
    def load(cls, directory: str | Path | None = None) -> Translation:
        """The shipped tables; a file that ``directory`` has replaces the shipped one of that name."""
        shipped = Path(__file__).parent
        own = Path(directory) if directory else shipped
        if not own.is_dir():
            raise ConfigurationError(f"source tables: {own} is not a folder")
        paths = {
            name: own / name if (own / name).is_file() else shipped / name
            for name in (STATUSES_FILE, PROCEDURES_FILE)
        }
        if own != shipped and all(path.parent == shipped for path in paths.values()):
            raise ConfigurationError(
                f"source tables: {own} has neither {STATUSES_FILE} nor {PROCEDURES_FILE}"
            )
        return cls(read_statuses(paths[STATUSES_FILE]), read_procedures(paths[PROCEDURES_FILE]))

    def translate(self, dossier: Dossier, on: date) -> Dossier | list[Violation]:
        """The dossier in the gateway's words, or everything that has no row. ``on``: the day of the record; a step
        is read with the rows that held on its own day, and only without such a row with those of ``on``."""
        status = self._status(dossier, dossier.status, "/status", [on])
        steps = [self._step(dossier, step, index, on) for index, step in enumerate(dossier.steps)]
        procedure = self._procedure(dossier, on)
        problems = [found for found in (status, *steps, procedure) if isinstance(found, Violation)]
        if problems:
            return problems
        return replace(dossier, status=status, steps=steps, procedure=procedure)

    def _step(self, dossier: Dossier, step: Step, index: int, on: date) -> Step | Violation:
        if step.status in _CANONICAL and not self._statuses.has(dossier.source, step.status):
            return step
        days = [local_date(step.at), on]
        status = self._status(dossier, step.status, f"/steps/{index}/status", days, step.at)
        return status if isinstance(status, Violation) else replace(step, status=status)

    def _status(
        self, dossier: Dossier, code: str, pointer: str, days: list[date], at: datetime | None = None
    ) -> str | Violation:
        for day in days:
            rows = [row for row in self._statuses.of(dossier.source, code, day) if _holds(row, dossier, at)]
            if rows:
                return rows[0].status
        known = self._statuses.has(dossier.source, code)
        if code in _CANONICAL and not known:
            return code
        why = "a row that holds on that day" if known else "a state that the table of its source translates"
        choices = sorted({*self._statuses.codes(dossier.source), *_CANONICAL})
        return _unmapped(
            pointer, "unknown_status", code, f"{why}; nearest: {_nearest(code, choices)}", dossier.source
        )

    def _procedure(self, dossier: Dossier, on: date) -> Procedure | Violation:
        procedure = dossier.procedure
        rows = self._procedures.of(dossier.source, procedure.code, on)
        if rows:
            row = rows[0]
            return replace(
                procedure,
                national_code=procedure.national_code or row.national_code,
                name=procedure.name or row.name or None,
                field_code=procedure.field_code or row.field_code or None,
                field_name=procedure.field_name or row.field_name or None,
            )
        if procedure.national_code is not None:
            return procedure
        if is_national(procedure.code):
            return replace(procedure, national_code=procedure.code)
        choices = sorted(self._procedures.codes(dossier.source))
        near = _nearest(procedure.code, choices) if choices else "the table has none for this source"
        return _unmapped(
            "/procedure/code",
            "unknown_procedure",
            procedure.code,
            f"a national code, or a local code that the table of its source maps; nearest: {near}",
            dossier.source,
        )


class _Rows(Generic[_R]):
    """Rows by source and local code."""

    def __init__(self, rows: list[_R]) -> None:
        self._rows: dict[tuple[str, str], list[_R]] = {}
        for row in rows:
            self._rows.setdefault((row.source, row.local_code), []).append(row)

    def has(self, source: str, code: str) -> bool:
        """Whether any row, valid or not, speaks of the code."""
        return (source, code) in self._rows or (ANY_SOURCE, code) in self._rows

    def of(self, source: str, code: str, day: date) -> list[_R]:
        """Rows valid on a day: the source's own before those of every source."""
        own = self._rows.get((source, code), ())
        common = self._rows.get((ANY_SOURCE, code), ())
        return [row for row in chain(own, common) if row.holds(day)]

    def codes(self, source: str) -> set[str]:
        """Local codes of a source, with those of every source."""
        return {code for known, code in self._rows if known in {source, ANY_SOURCE}}


def is_national(code: str) -> bool:
    """Whether a procedure code has the national shape: one digit, a dot, six digits, perhaps an agency."""
    head, dot, rest = code.partition(".")
    number, _, _ = rest.partition(".")
    digits = head + number
    return bool(dot) and len(head) in {1, 2} and len(number) == 6 and digits.isascii() and digits.isdecimal()


def _holds(row: StatusRow, dossier: Dossier, at: datetime | None) -> bool:
    """A state that a source uses before and after the end of work is told apart by that end (domain_rules §4.2)."""
    if row.condition is Condition.ALWAYS:
        return True
    end = dossier.finished_at
    released = end is not None and (at is None or at >= end)
    return released is (row.condition is Condition.FINISHED)


def _nearest(code: str, choices: list[str]) -> str:
    found = get_close_matches(code, choices, n=NEAREST, cutoff=0.4) or choices[:NEAREST]
    return ", ".join(found)


def _unmapped(pointer: str, code: str, got: str, expected: str, source: str) -> Violation:
    return Violation(
        pointer=pointer,
        code=code,
        got=shown(got),
        expected=expected,
        advice=f"correct the code, or add a row for source {source} to the tables of [sources]",
    )
