"""The identities of form 06a, and which dossiers break them (domain_rules §5.1).

Published figures often fail them, and nobody can say by which dossiers. Invariant: an identity that does not hold is
told with both sides, and with dossiers where it is dossiers that break it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.reports.terms import Asked, Terms
from gateway.storage import queries_reports as queries
from gateway.storage.queries_reports import Page, Unbalanced
from gateway.storage.report_rules import (
    CARRIED_OVER,
    NEITHER,
    Column,
    Extent,
    Figure,
    Rule,
    class_of,
    classes_of,
    reception_of,
)

MOST = 50
"""So many dossiers are named of each side of an identity that does not hold."""
Units = Mapping[str | None, Mapping[int, int]]


class FormBreach(msgspec.Struct, frozen=True, kw_only=True):
    """Where an identity does not hold. ``unit`` null: the total, or a unit that is not known.

    ``dossiers``: some that break it, those of the greater side; ``others``: those of the lesser side.
    """

    unit: str | None
    left: int
    right: int
    dossiers: list[str] = []
    others: list[str] = []


class FormCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One identity. ``rule`` null: it does not depend on how lateness is counted."""

    identity: str
    title: str
    title_vi: str
    rule: Rule | None
    holds: bool
    breaches: list[FormBreach]


class _Sum(msgspec.Struct, frozen=True, kw_only=True):
    """One column is the sum of others."""

    whole: Column
    parts: tuple[Column, ...]
    by_class: bool = True

    @property
    def identity(self) -> str:
        return f"{self.whole} = {' + '.join(self.parts)}"


_SUMS = (
    _Sum(whole="3", parts=("4", "5", "6"), by_class=False),
    _Sum(whole="7", parts=("8", "9", "10")),
    _Sum(whole="11", parts=("12", "13")),
    _Sum(whole="3", parts=("7", "11")),
)
_CARRIED = "6 = 11 of the period before"
_UNITS = "sum of units = total"
_ONCE = "no dossier twice"


def check_06a(connection: Any, asked: Asked, terms: Terms, units: Units) -> list[FormCheck]:
    """Every identity, on every unit and the total."""
    extent, strict = asked.extent(terms), asked.is_strict(terms)
    unplaced = _unplaced(connection, extent, units)
    sums = [
        _sum_check(each, rule, units, strict=strict, unplaced=unplaced)
        for each in _SUMS
        for rule in (("date", "instant") if each.by_class else ("date",))
    ]
    return [
        *sums,
        _carried_check(connection, asked, terms, units),
        _units_check(queries.seen(connection, extent), units),
        _once_check(queries.doubled(connection, extent, MOST)),
    ]


def _sum_check(each: _Sum, rule: Rule, units: Units, *, strict: bool, unplaced: list[str]) -> FormCheck:
    def figure(codes: Mapping[int, int], column: Column) -> int:
        return sum(number for code, number in codes.items() if _stands_in(code, column, rule, strict=strict))

    breaches = []
    for unit, codes in units.items():
        left, right = figure(codes, each.whole), sum(figure(codes, part) for part in each.parts)
        if left != right:
            breaches.append(FormBreach(unit=unit or None, left=left, right=right, dossiers=unplaced))
    return FormCheck(
        identity=each.identity,
        title=f"column {each.identity.replace('=', 'is')}",
        title_vi=f"Cột {each.identity}",
        rule=rule if each.by_class else None,
        holds=not breaches,
        breaches=breaches,
    )


_RECEPTION: dict[Column, tuple[int, ...]] = {"4": (4,), "5": (5,), "6": (6,), "3": (NEITHER, 4, 5, 6)}


def _stands_in(code: int, column: Column, rule: Rule, *, strict: bool) -> bool:
    if column in _RECEPTION:
        return reception_of(code) in _RECEPTION[column]
    return class_of(code, rule) in classes_of(column, strict=strict)


def _unplaced(connection: Any, extent: Extent, units: Units) -> list[str]:
    """Dossiers of an unknown channel, or counted on one side only; asked for only when there are any."""
    counted = {*classes_of("7"), *classes_of("11")}
    codes = {code for codes in units.values() for code in codes}
    if all(
        reception_of(code) != NEITHER and bool(reception_of(code)) == (class_of(code, "date") in counted)
        for code in codes
    ):
        return []
    lines = queries.opened(connection, extent, Figure(column="unplaced"), Page(limit=MOST))
    return [line.dossier_code for line in lines]


def _carried_check(connection: Any, asked: Asked, terms: Terms, units: Units) -> FormCheck:
    """Who was pending then is carried over now, in the same unit. A dossier that was refused, withdrawn before the
    period, recalled, moved or corrected since breaks it."""
    before: dict[str | None, int] = {}
    for tally in queries.tallies(connection, asked.extent_before(terms), asked.by, pending_only=True):
        if class_of(tally.code, "date") in classes_of("11"):
            before[tally.unit] = before.get(tally.unit, 0) + tally.count
    carried = {
        unit: sum(number for code, number in codes.items() if reception_of(code) == CARRIED_OVER)
        for unit, codes in units.items()
    }
    differing = [unit for unit in {*before, *carried} if before.get(unit, 0) != carried.get(unit, 0)]
    found = Unbalanced(lost=[], appeared=[])
    if differing:
        now, then = asked.extent(terms), asked.extent_before(terms)
        found = queries.unbalanced(connection, now, then, asked.by, MOST)
    breaches = [
        FormBreach(
            unit=unit or None,
            left=carried.get(unit, 0),
            right=before.get(unit, 0),
            dossiers=[code for code, of in found.appeared if of == unit],
            others=[code for code, of in found.lost if of == unit],
        )
        for unit in sorted(differing, key=lambda unit: unit or "")
    ]
    return FormCheck(
        identity=_CARRIED,
        title="column 6 is column 11 at the end of the period before",
        title_vi="Cột 6 bằng cột 11 của kỳ trước",
        rule=None,
        holds=not breaches,
        breaches=breaches,
    )


def _units_check(seen: int, units: Units) -> FormCheck:
    counted = sum(number for codes in units.values() for number in codes.values())
    holds = seen == counted
    return FormCheck(
        identity=_UNITS,
        title="every dossier that is looked at is in one unit",
        title_vi="Tổng các đơn vị bằng tổng chung",
        rule=None,
        holds=holds,
        breaches=[] if holds else [FormBreach(unit=None, left=counted, right=seen)],
    )


def _once_check(doubled: list[str]) -> FormCheck:
    return FormCheck(
        identity=_ONCE,
        title="no dossier is counted twice",
        title_vi="Không hồ sơ nào được đếm hai lần",
        rule=None,
        holds=not doubled,
        breaches=[FormBreach(unit=None, left=len(doubled), right=0, dossiers=doubled)] if doubled else [],
    )
