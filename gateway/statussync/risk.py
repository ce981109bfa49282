"""At risk of being shown late: what has happened in time here, and a partner does not know it yet.

Pure. Invariant: what is late here is never "at risk": nobody is accused of our delay, and our delay hides nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from gateway.domain.status import Status
from gateway.statussync.thresholds import has_ended, in_good_time, promise_moved, runs, waits
from gateway.storage.standings import StandingRow
from gateway.storage.urgency import LaneGlance, Urge

# a partner that has acknowledged one of these shows nothing as running
_ENDS = frozenset({Status.FINISHED, Status.RETURNED, Status.WITHDRAWN, Status.STOPPED, Status.REFUSED})
_WAITS = frozenset({Status.SUPPLEMENT_REQUESTED, Status.PAYMENT_REQUESTED, Status.STOPPED})
_STUCK = frozenset({"blocked", "held"})


class Reason(StrEnum):
    """Why a dossier may be shown late although it is not."""

    END_NOT_ACKNOWLEDGED = "end_not_acknowledged"
    WAIT_NOT_ACKNOWLEDGED = "wait_not_acknowledged"
    PROMISE_NOT_ACKNOWLEDGED = "promise_not_acknowledged"
    LANE_STOPPED = "lane_stopped"


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """One destination that may show a dossier late, why, and what it is known to know."""

    destination: str
    reason: Reason
    acknowledged_status: str | None
    acknowledged_version: int | None


def risks_of(row: StandingRow, lanes: Iterable[LaneGlance], *, now: int, horizon: int) -> list[Risk]:
    """Every destination that may show the dossier of the open period ``row`` late although it is not."""
    found = ((lane, risk(row, lane, now=now, horizon=horizon)) for lane in lanes)
    return [
        Risk(
            destination=lane.destination,
            reason=reason,
            acknowledged_status=lane.acknowledged_status,
            acknowledged_version=lane.acknowledged_version,
        )
        for lane, reason in found
        if reason is not None
    ]


def urgency(row: StandingRow) -> Urge | None:
    """Whether partners should learn of the open period ``row`` before everything else."""
    if has_ended(row):
        return "end"
    return "news" if waits(row) or promise_moved(row) else None


def ignorance(row: StandingRow, lane: LaneGlance) -> Reason | None:
    """What the partner behind ``lane`` should know of the open period ``row`` and does not; None: nothing."""
    if has_ended(row):
        return None if _knows(lane, _ENDS) else Reason.END_NOT_ACKNOWLEDGED
    if waits(row):
        return None if _knows(lane, _WAITS) else Reason.WAIT_NOT_ACKNOWLEDGED
    if runs(row) and promise_moved(row) and lane.state != "idle":
        told = lane.acknowledged_version is not None and lane.acknowledged_version >= row.version
        return None if told and not lane.behind else Reason.PROMISE_NOT_ACKNOWLEDGED
    return None


def risk(row: StandingRow, lane: LaneGlance, *, now: int, horizon: int) -> Reason | None:
    """Why the partner behind ``lane`` may show the dossier late although it is not; None: it will not.

    ``horizon``: what is due by then is near. A dossier that runs is at risk when it is near its promise and its lane
    is stopped, so that its end could not get through.
    """
    if row.due_at is None or not in_good_time(row, now):
        return None
    found = ignorance(row, lane)
    if found is None and runs(row) and lane.state in _STUCK and row.due_at <= horizon:
        return Reason.LANE_STOPPED
    return found


def _knows(lane: LaneGlance, states: frozenset[Status]) -> bool:
    """Whether the partner has acknowledged one of ``states``, its steps included.

    A lane that never had anything acknowledged and has nothing to send belongs to a partner that is told no states.
    """
    if lane.state == "idle":
        return lane.acknowledged_status is None or lane.acknowledged_status in states
    return lane.acknowledged_status in states and not lane.behind
