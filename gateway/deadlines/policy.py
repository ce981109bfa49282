"""What a procedure's own rules are: what a supplement or a payment does to the promise, and how long it may take.

A table with dates of validity; a dossier keeps the row that was valid on the day of its reception (R12, R13). A
province replaces the table without touching code. Invariant: rows of one procedure do not overlap, so that exactly
one answer fits; a procedure without a row has the row ``*``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from io import StringIO
from itertools import pairwise

import msgspec

from gateway.deadlines.duration import Duration, DurationUnit

EVERYTHING = "*"
_COLUMNS = (
    "procedure",
    "valid_from",
    "valid_to",
    "supplement",
    "payment",
    "duration",
    "unit",
    "notice_working_days",
    "source",
)


class WaitPolicy(StrEnum):
    """What a wait does to the promise once it is over (R12, R13)."""

    RESET = "RESET"  # counted again from zero (Decree 61/2018 Art. 19(4))
    PAUSE_WORKING = "PAUSE_WORKING"  # the working time waited is added
    PAUSE_CALENDAR = "PAUSE_CALENDAR"  # whole calendar days are added, as older systems do


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one procedure from ``valid_from`` to ``valid_to``, both in it; None: without end.

    ``duration``: what may be promised, for checks only. ``notice_working_days``: until when after the reception a
    supplement may be asked for (R12).
    """

    procedure: str = EVERYTHING
    valid_from: date | None = None
    valid_to: date | None = None
    supplement: WaitPolicy = WaitPolicy.RESET
    payment: WaitPolicy = WaitPolicy.PAUSE_WORKING
    duration: Duration | None = None
    notice_working_days: int = 3
    source: str = ""

    def covers(self, day: date) -> bool:
        """Whether the row is valid on ``day``."""
        return (self.valid_from or date.min) <= day <= (self.valid_to or date.max)


DEFAULT_POLICY = Policy()


class PolicyTable:
    """All rows; ``policy_for`` finds the one that fits."""

    def __init__(self, rows: Iterable[Policy]) -> None:
        self._rows: dict[str, list[Policy]] = {}
        for row in rows:
            self._rows.setdefault(row.procedure, []).append(row)
        for name, versions in self._rows.items():
            versions.sort(key=lambda row: row.valid_from or date.min)
            for one, other in pairwise(versions):
                if (one.valid_to or date.max) >= (other.valid_from or date.min):
                    raise ValueError(
                        f"policies: rows of {name} overlap ({one.valid_to} and {other.valid_from}); "
                        "end one before the next begins"
                    )

    def policy_for(self, procedure_code: str, received_on: date) -> Policy:
        """The row for a procedure on the day of reception; by its whole code, its national part, or ``*``."""
        # domain_rules §2.5: a full code is the national one with the owner's suffix, 1.002835.000.00.00.H56
        national = ".".join(procedure_code.split(".")[:2])
        for name in (procedure_code, national, EVERYTHING):
            for row in self._rows.get(name, ()):
                if row.covers(received_on):
                    return row
        return DEFAULT_POLICY


@cache
def shipped_policies() -> PolicyTable:
    """The table that comes with the gateway: the law's own default, for every procedure."""
    return read_policies(files("gateway.deadlines").joinpath("data", "policies.csv").read_text("utf-8"))


def read_policies(text: str) -> PolicyTable:
    """The table from its CSV text. ValueError names the line and what is wrong with it."""
    return PolicyTable(_rows(text))


def _rows(text: str) -> Iterator[Policy]:
    reader = csv.DictReader(StringIO(text))
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise ValueError(f"policies: got columns {reader.fieldnames}, expected {', '.join(_COLUMNS)}")
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"policies, line {reader.line_num}: expected {len(_COLUMNS)} columns")
        try:
            yield _policy({name: value.strip() for name, value in row.items()})
        except ValueError as fault:
            raise ValueError(f"policies, line {reader.line_num}: {fault}") from fault


def _policy(row: dict[str, str]) -> Policy:
    if not row["procedure"]:
        raise ValueError("a row needs a procedure, or * for all")
    policy = Policy(
        procedure=row["procedure"],
        valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        supplement=WaitPolicy(row["supplement"] or WaitPolicy.RESET),
        payment=WaitPolicy(row["payment"] or WaitPolicy.PAUSE_WORKING),
        duration=_duration(row["duration"], row["unit"]),
        notice_working_days=int(row["notice_working_days"] or 3),
        source=row["source"],
    )
    if policy.valid_from and policy.valid_to and policy.valid_to < policy.valid_from:
        raise ValueError(f"it ends ({policy.valid_to}) before it begins ({policy.valid_from})")
    if policy.notice_working_days < 1:
        raise ValueError(f"got {policy.notice_working_days} working days for a notice, expected at least 1")
    return policy


def _duration(value: str, unit: str) -> Duration | None:
    if not value and not unit:
        return None
    return Duration(float(value or 0), DurationUnit(unit))
