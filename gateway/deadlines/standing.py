"""What an assessment consists of: periods, due changes, anomalies. Values only.

Instants are aware. Invariant: nothing here takes the place of what a system said; the account stays beside it
(domain_rules, rule 12), and rule and calendar version stand beside every result.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.deadlines.classes import Flag
from gateway.deadlines.classify import Classification
from gateway.deadlines.lateness import NONE, Lateness
from gateway.domain.dossier import Channel
from gateway.domain.status import Status


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dossier stood from ``effective_from`` on, in event time. ``effective_to`` None: it still does.

    ``due_at``: the promise that holds, moved only by a lawful cause. ``due_declared_at``: what the one-door says.
    ``ended_at``: finished, stopped for good or withdrawn, as first told. ``recorded_at``: when we heard of the version.
    ``classification`` and ``lateness``: as of the end of the period, or of the assessment while it is open. ``unit``
    and ``officer``: of the last step in the period; a hand-over alone begins no new one.
    """

    version: int
    effective_from: datetime
    effective_to: datetime | None
    recorded_at: datetime
    status: Status
    channel: Channel
    agency_code: str
    procedure_code: str
    field_code: str | None = None
    unit: str | None = None
    officer: str | None = None
    submitted_at: datetime | None = None
    received_at: datetime | None = None
    due_at: datetime | None = None
    due_original_at: datetime | None = None
    due_declared_at: datetime | None = None
    ended_at: datetime | None = None
    waiting_since: datetime | None = None
    classification: Classification
    lateness: Lateness = NONE
    flags: frozenset[Flag] = frozenset()
    rule_version: str
    calendar_version: str


class Cause(StrEnum):
    """Why a promise moved (R14). NONE: nobody said; CALENDAR: its day became a day off (Civil Code 148)."""

    FIRST = "first"
    SUPPLEMENT = "supplement"
    PAYMENT = "payment"
    REAPPOINTMENT = "reappointment"
    CALENDAR = "calendar"
    CORRECTION = "correction"
    NONE = "none"


class DueChange(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that moved, or that somebody tried to move (R14). ``applied``: it is the promise that holds now.

    ``at``: when it took effect. ``key``: what makes it one change, whichever version shows it again.
    """

    key: str
    at: datetime
    old_due_at: datetime | None
    new_due_at: datetime | None
    cause: Cause
    applied: bool
    document_number: str | None = None
    signer: str | None = None
    issued_at: datetime | None = None
    flags: frozenset[Flag] = frozenset()


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not fit; recorded, flagged, never obeyed silently. ``field``: a field of the record."""

    key: str
    kind: Flag
    field: str = ""
    first_value: str | None = None
    later_value: str | None = None


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What one more account makes of a dossier.

    ``standings`` are in the order of time without gaps, the last one open; they take the place of everything known
    from the first one's ``effective_from`` on. ``due_changes`` and ``anomalies`` may have been told before: the key
    says so.
    """

    standings: tuple[Standing, ...]
    due_changes: tuple[DueChange, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def now(self) -> Standing:
        """The period that still holds."""
        return self.standings[-1]
