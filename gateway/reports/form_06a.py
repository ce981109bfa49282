"""Form II.06a/VPCP/KSTT: dossiers received, resolved and pending in a period, by unit (domain_rules §5.1).

Computed from where dossiers stood at the cut-off, with both counting rules side by side: by date, the official one,
and by instant. Invariant: the identities of the form are checked on every report, and what breaks one is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.reports.checks import FormCheck, check_06a
from gateway.reports.terms import Asked, ReportStamp, Terms, stamp
from gateway.storage import queries_reports as queries
from gateway.storage.queries_reports import Grouping, Tally
from gateway.storage.report_rules import (
    CARRIED_OVER,
    ONLINE,
    OTHER,
    WITHOUT_DUE,
    Column,
    Rule,
    class_of,
    classes_of,
    reception_of,
)

_LATE = frozenset({*classes_of("10"), *classes_of("13"), *classes_of("paused_late")})
Codes = Mapping[int, int]
"""Code of ``gateway.storage.report_rules`` to the number of dossiers that have it."""


class FormColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Columns 3 to 13 of the form by one counting rule."""

    c3: int
    c4: int
    c5: int
    c6: int
    c7: int
    c8: int
    c9: int
    c10: int
    c11: int
    c12: int
    c13: int


class FormBeside(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns do not show. ``withdrawn`` is in 9, ``waiting`` in 12 (or 13), ``no_due`` in 9 and 12.

    ``paused_late``: late when the wait began. ``disputed``: late by instant and not by date. ``refused`` and
    ``data_errors`` are in no column.
    """

    withdrawn: int
    waiting: int
    paused_late: int
    paused_late_by_instant: int
    no_due: int
    disputed: int
    refused: int
    data_errors: int


class FormRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the form. ``code`` null: the unit is not known, or it is the total."""

    code: str | None
    name: str | None
    by_date: FormColumns
    by_instant: FormColumns
    beside: FormBeside


class Form06a(msgspec.Struct, frozen=True, kw_only=True):
    """The form. ``sound``: every check holds."""

    stamp: ReportStamp
    by: Grouping
    rows: list[FormRow]
    total: FormRow
    sound: bool
    checks: list[FormCheck]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted: codes by unit."""

    units: Mapping[str | None, Codes]
    total: Codes
    newest: Mapping[str | None, int]
    oldest: int | None


def compute_06a(connection: Any, asked: Asked, terms: Terms, now: datetime) -> Form06a:
    """The form, from one state of the database. ``connection`` is one of ``Database.read``."""
    with queries.one_state(connection):
        return form_06a(connection, asked, terms, now)


def form_06a(connection: Any, asked: Asked, terms: Terms, now: datetime) -> Form06a:
    """The form, from what ``connection`` sees."""
    counted = count(queries.tallies(connection, asked.extent(terms), asked.by))
    strict = asked.is_strict(terms)
    examples = sorted({*counted.newest.values(), *([] if counted.oldest is None else [counted.oldest])})
    known = queries.names(connection, asked.by, examples)
    rows = [
        row_of(codes, unit, known.units.get(unit or ""), strict=strict)
        for unit, codes in sorted(counted.units.items(), key=lambda item: (item[0] is None, item[0] or ""))
        if any(codes_with_place(codes))
    ]
    total = row_of(counted.total, None, None, strict=strict)
    checks = check_06a(connection, asked, terms, counted.units)
    return Form06a(
        stamp=stamp(asked, terms, "date+instant", now, known.versions),
        by=asked.by,
        rows=rows if asked.by != "total" else [],
        total=total,
        sound=all(check.holds for check in checks),
        checks=checks,
    )


def count(tallies: Sequence[Tally]) -> Counted:
    """``tallies`` by unit."""
    units: dict[str | None, Counter[int]] = {}
    newest: dict[str | None, int] = {}
    total: Counter[int] = Counter()
    for tally in tallies:
        units.setdefault(tally.unit, Counter())[tally.code] += tally.count
        total[tally.code] += tally.count
        if tally.code:
            newest[tally.unit] = max(tally.newest, newest.get(tally.unit, 0))
    oldest = min((tally.oldest for tally in tallies if tally.code), default=None)
    return Counted(units=units, total=total, newest=newest, oldest=oldest)


def codes_with_place(codes: Codes) -> list[int]:
    """The codes that are told anywhere on the form."""
    return [code for code, number in codes.items() if code and number]


def row_of(codes: Codes, code: str | None, name: str | None, *, strict: bool) -> FormRow:
    """A line of the form."""
    return FormRow(
        code=code,
        name=name,
        by_date=columns_of(codes, "date", strict=strict),
        by_instant=columns_of(codes, "instant", strict=strict),
        beside=_beside(codes),
    )


def columns_of(codes: Codes, rule: Rule, *, strict: bool) -> FormColumns:
    """Columns 3 to 13."""

    def received(*columns: int) -> int:
        return sum(number for code, number in codes.items() if reception_of(code) in columns)

    def classed(column: Column) -> int:
        chosen = classes_of(column, strict=strict)
        return sum(number for code, number in codes.items() if class_of(code, rule) in chosen)

    return FormColumns(
        c3=sum(number for code, number in codes.items() if reception_of(code)),
        c4=received(ONLINE),
        c5=received(OTHER),
        c6=received(CARRIED_OVER),
        c7=classed("7"),
        c8=classed("8"),
        c9=classed("9"),
        c10=classed("10"),
        c11=classed("11"),
        c12=classed("12"),
        c13=classed("13"),
    )


def _beside(codes: Codes) -> FormBeside:
    def classed(column: Column, rule: Rule = "date") -> int:
        chosen = classes_of(column)
        return sum(number for code, number in codes.items() if class_of(code, rule) in chosen)

    return FormBeside(
        withdrawn=classed("withdrawn"),
        waiting=classed("waiting"),
        paused_late=classed("paused_late"),
        paused_late_by_instant=classed("paused_late", "instant"),
        no_due=sum(number for code, number in codes.items() if code >= WITHOUT_DUE),
        disputed=sum(
            number
            for code, number in codes.items()
            if class_of(code, "instant") in _LATE and class_of(code, "date") not in _LATE
        ),
        refused=classed("refused"),
        data_errors=classed("data_error"),
    )
