"""What readers get about the lag: lengths by day, counts of what was shown late, the dossiers behind them.

Data only. Invariant: every count is split by cause, and its parts add up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from gateway.deadlines.instants import day_number
from gateway.statussync.lag import Cause, Shown
from gateway.statussync.lag_troubles import Rules
from gateway.storage.lag_figures import Days


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """From day ``first`` to day ``last`` (in Viet Nam, by acknowledgement) at ``destinations``, seen at ``now``."""

    destinations: Sequence[str]
    first: date
    last: date
    now: datetime
    rules: Rules

    @property
    def days(self) -> Days:
        """As the tables count them."""
        return Days(
            first=day_number(self.first), last=day_number(self.last), destinations=list(self.destinations)
        )


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: half of all, nine of ten, 99 of 100 took no longer; ``longest`` is the worst."""

    count: int
    p50: float
    p90: float
    p99: float
    longest: float


class DayLag(msgspec.Struct, frozen=True, kw_only=True):
    """One day at one destination. ``source``: from the event to us, ``queue``: to the sending, ``wire``: to the
    acknowledgement, ``ours``: both of these, ``total``: everything. ``kept``: the share of ``total`` within the target.
    """

    day: date
    destination: str
    deliveries: int
    kept: float | None
    source: Lengths | None
    queue: Lengths | None
    wire: Lengths | None
    ours: Lengths | None
    total: Lengths | None


class LateCount(msgspec.Struct, frozen=True, kw_only=True):
    """Dossiers that the partner showed late: ``rightly``, or wrongly through the gateway, the source or the partner.

    ``before_start``: wrongly, and through nobody: their promise passed before there was a gateway. ``ours``: the share of all of them that is only the gateway's to blame; null when there were none.
    """

    shown: int = 0
    rightly: int = 0
    gateway: int = 0
    source: int = 0
    partner: int = 0
    before_start: int = 0
    ours: float | None = None


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """Compared by date, which is official, and by instant."""

    by_date: LateCount = LateCount()
    by_instant: LateCount = LateCount()


class AgencyLate(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown late of one agency's dossiers, in the period and still, and at this moment alone."""

    agency: str
    late: Late
    now: Late


class DestinationLag(msgspec.Struct, frozen=True, kw_only=True):
    """One destination. ``late``: in the period and still at this moment; ``now``: at this moment alone."""

    destination: str
    late: Late
    now: Late
    agencies: list[AgencyLate]


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """When a destination was away. ``ended_at`` null: it still is."""

    destination: str
    began_at: datetime
    ended_at: datetime | None
    failure: str


class LagReport(msgspec.Struct, frozen=True, kw_only=True):
    """The lag of some days. ``target`` in seconds, ``goal``: the share that should keep to it."""

    as_of: datetime
    first: date
    last: date
    target: float
    goal: float
    destinations: list[DestinationLag]
    days: list[DayLag]
    absences: list[Absence]


class LateDossier(msgspec.Struct, frozen=True, kw_only=True):
    """An ended dossier that a partner showed late. ``acknowledged_at`` null: it still does; ``waits`` says in which
    state the delivery is. ``shown`` is ``late`` (rightly) or ``sync_late``, then with its cause."""

    destination: str
    dossier: str
    agency: str
    due_at: datetime
    ended_at: datetime
    received_at: datetime
    sent_at: datetime | None
    acknowledged_at: datetime | None
    waits: str | None
    shown_by_date: Shown
    cause_by_date: Cause | None
    shown_by_instant: Shown
    cause_by_instant: Cause | None


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """The report, and every dossier behind its counts, the oldest promise first."""

    report: LagReport
    late: list[LateDossier]
