"""What a report is computed for and from: its scope, the rules of time, and the stamp that every figure carries.

Seed of it all: published figures that cannot be compared because nobody said over what and as of when (domain_rules
§1, An Giang 2021). Invariant: no figure leaves this package without its stamp.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

import msgspec

from gateway.deadlines.calendar import Calendar
from gateway.deadlines.instants import to_micros
from gateway.deadlines.judge import Options
from gateway.reports.periods import Period
from gateway.storage.queries_reports import Grouping
from gateway.storage.report_rules import Extent


class Terms(Protocol):
    """The rules of time in force (``gateway.statussync.rules``)."""

    @property
    def calendar(self) -> Calendar:
        """The province's working calendar."""

    @property
    def options(self) -> Options:
        """What the province has decided."""

    @property
    def version(self) -> str:
        """Of the rules."""

    @property
    def strict_waiting(self) -> bool:
        """Whether what was late before it waited is overdue (domain_rules §3.2, row 11)."""

    def calendar_of(self, agency: str) -> Calendar:
        """The calendar by which an agency works."""


class ReportScope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which dossiers; everything left out means all."""

    agency: str | None = None
    field: str | None = None
    procedure: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know. ``strict`` None: as the rules have it."""

    period: Period
    scope: ReportScope = ReportScope()
    by: Grouping = "total"
    strict: bool | None = None

    def is_strict(self, terms: Terms) -> bool:
        """Whether PAUSED_LATE counts in column 13."""
        return terms.strict_waiting if self.strict is None else self.strict

    def extent(self, terms: Terms) -> Extent:
        """The standings of the period."""
        return self._extent(terms, self.period.start, self.period.cutoff)

    def extent_before(self, terms: Terms) -> Extent:
        """The standings at the end of the period before; where that one began makes no difference to what was
        pending."""
        return self._extent(terms, self.period.start - 1, self.period.before)

    def _extent(self, terms: Terms, start: int, cutoff: datetime) -> Extent:
        return Extent(
            start=start,
            cutoff=to_micros(cutoff),
            agency=self.scope.agency,
            field=self.scope.field,
            procedure=self.scope.procedure,
            stopped=terms.options.stopped,
        )


class RuleVersions(msgspec.Struct, frozen=True):
    """Rules and calendar under which dossiers were assessed."""

    rules: str
    calendar: str


class ReportStamp(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a figure a statement. ``rule_version`` and ``calendar_version``: of the rules that counted.

    ``assessed_under``: versions behind the oldest and the newest of the assessments that were counted. ``complete``
    false: the period was still running at the cut-off.
    """

    scope: ReportScope
    first: date
    last: date
    period: str | None
    cutoff: datetime
    complete: bool
    counting: str
    strict_waiting: bool
    rule_version: str
    calendar_version: str
    assessed_under: list[RuleVersions]
    computed_at: datetime


def stamp(
    asked: Asked, terms: Terms, counting: str, computed_at: datetime, versions: list[tuple[str, str]]
) -> ReportStamp:
    """The stamp of a report. ``counting``: ``date``, ``instant`` or both."""
    period = asked.period
    return ReportStamp(
        scope=asked.scope,
        first=period.first,
        last=period.last,
        period=period.name,
        cutoff=period.cutoff,
        complete=period.complete,
        counting=counting,
        strict_waiting=asked.is_strict(terms),
        rule_version=terms.version,
        calendar_version=terms.calendar.version,
        assessed_under=[RuleVersions(*pair) for pair in versions],
        computed_at=computed_at,
    )
