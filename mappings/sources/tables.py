"""The two CSV tables of the source systems, and reading them.

``statuses.csv``: source, local_code, status, valid_from, valid_to and, where one local code means two states,
``condition`` (``finished``: the record has its end of work, for a step at or before it; ``unfinished``: not).
``procedures.csv``: source, local_code, national_code, name, field_code, field_name, valid_from, valid_to.
Source ``*`` stands for every source; days are included, empty ones are open. Invariant: two rows of one code never
hold on the same day under the same condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.domain.errors import ConfigurationError
from gateway.domain.status import Status
from gateway.mapping import read_day, read_rows

ANY_SOURCE = "*"


class Condition(StrEnum):
    """When a row of a state holds."""

    ALWAYS = ""
    FINISHED = "finished"
    UNFINISHED = "unfinished"


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    local_code: str
    valid_from: date | None = None
    valid_to: date | None = None
    condition: Condition = Condition.ALWAYS

    def holds(self, on: date) -> bool:
        """Whether the row is valid on a day."""
        after = self.valid_from is None or self.valid_from <= on
        return after and (self.valid_to is None or on <= self.valid_to)


class StatusRow(_Row, frozen=True, kw_only=True):
    """A source's state and ours."""

    status: Status


class ProcedureRow(_Row, frozen=True, kw_only=True):
    """A source's procedure and the national one; empty texts are not known."""

    national_code: str
    name: str = ""
    field_code: str = ""
    field_name: str = ""


_R = TypeVar("_R", bound=_Row)


def read_statuses(path: Path) -> list[StatusRow]:
    """The states table in ``path``; ConfigurationError names file and line."""
    return _read(path, _status_row)


def read_procedures(path: Path) -> list[ProcedureRow]:
    """The procedures table in ``path``; ConfigurationError names file and line."""
    return _read(path, _procedure_row)


def _read(path: Path, build: Callable[[Mapping[str, str], str], _R]) -> list[_R]:
    rows = [build(cells, f"{path}:{number}") for number, cells in read_rows(path)]
    _require_apart(path, rows)
    return rows


def _status_row(cells: Mapping[str, str], where: str) -> StatusRow:
    written = cells.get("status", "")
    if written not in set(Status):
        raise ConfigurationError(f"{where}: status is {written!r}, expected one of {', '.join(Status)}")
    condition = cells.get("condition", "")
    if condition not in set(Condition):
        raise ConfigurationError(
            f"{where}: condition is {condition!r}, expected finished, unfinished or nothing"
        )
    source, code = _identity(cells, where)
    valid_from, valid_to = _days(cells, where)
    return StatusRow(
        source=source,
        local_code=code,
        status=Status(written),
        condition=Condition(condition),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _procedure_row(cells: Mapping[str, str], where: str) -> ProcedureRow:
    if not cells.get("national_code"):
        raise ConfigurationError(f"{where}: national_code is empty")
    source, code = _identity(cells, where)
    valid_from, valid_to = _days(cells, where)
    return ProcedureRow(
        source=source,
        local_code=code,
        national_code=cells["national_code"],
        name=cells.get("name", ""),
        field_code=cells.get("field_code", ""),
        field_name=cells.get("field_name", ""),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _identity(cells: Mapping[str, str], where: str) -> tuple[str, str]:
    if not cells.get("source") or not cells.get("local_code"):
        raise ConfigurationError(f"{where}: source and local_code are needed")
    return cells["source"], cells["local_code"]


def _days(cells: Mapping[str, str], where: str) -> tuple[date | None, date | None]:
    valid_from = read_day(cells.get("valid_from", ""), where)
    valid_to = read_day(cells.get("valid_to", ""), where)
    if valid_from and valid_to and valid_to < valid_from:
        raise ConfigurationError(f"{where}: valid_to lies before valid_from")
    return valid_from, valid_to


def _require_apart(path: Path, rows: list[_R]) -> None:
    groups: dict[tuple[str, str, str], list[_R]] = {}
    for row in rows:
        groups.setdefault((row.source, row.local_code, row.condition), []).append(row)
    for (source, code, _), known in groups.items():
        ordered = sorted(known, key=lambda row: row.valid_from or date.min)
        for before, after in pairwise(ordered):
            if before.valid_to is None or (after.valid_from or date.min) <= before.valid_to:
                raise ConfigurationError(
                    f"{path}: two rows of {source}/{code} hold on the same day; close one with valid_to"
                )
