"""The list of dossiers at risk of being shown late, nearest promise first.

Invariant: an entry is true when it is read: what a partner has acknowledged by then is not listed, whatever a sweep
has told before.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec

from gateway.deadlines.classes import Verdict
from gateway.deadlines.instants import from_micros
from gateway.deadlines.judge import Moment, promise_of
from gateway.domain.status import Status
from gateway.statussync.periods import judged_now
from gateway.statussync.risk import Risk, risks_of
from gateway.statussync.rules import Rules
from gateway.statussync.sentences import OF_RISK
from gateway.statussync.thresholds import near_from, risk_begins
from gateway.storage.queries_standings import Connection, standings_of
from gateway.storage.standings import StandingRow
from gateway.storage.urgency import LaneGlance, candidates, lanes_of

_PORTION = 200
_BY_NUMBER = {status.national: status for status in Status}
Key = tuple[int, str]
"""Where a page ends: promise, dossier."""


class AtRisk(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier that is in time here and may be shown late there.

    ``acute``: the promise is near or over, and the news has had its time; the others have time left.
    """

    dossier: str
    version: int
    status: Status
    agency: str
    procedure: str
    due_at: datetime
    ended_at: datetime | None
    by_date: Verdict
    acute: bool
    over: bool
    risks: list[Risk]
    sentences: list[str]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """At most ``limit`` entries after ``after``. ``upcoming``: those that are not acute, too."""

    now: int
    destinations: Collection[str]
    after: Key | None = None
    limit: int = 100
    upcoming: bool = False


def at_risk(connection: Connection, question: Question, rules: Rules) -> list[tuple[Key, AtRisk]]:
    """The next entries, each with the key to go on from."""
    horizon = Moment(question.now, rules.calendar, rules.options).near_until
    found: list[tuple[Key, AtRisk]] = []
    left = [key for key in candidates(connection, horizon) if question.after is None or key > question.after]
    for start in range(0, len(left), _PORTION):
        keys = left[start : start + _PORTION]
        codes = [code for _, code in keys]
        rows = {row.dossier_code: row for row in standings_of(connection, codes)}
        lanes = lanes_of(connection, codes)
        for key in keys:
            row = rows.get(key[1])
            entry = None if row is None else _entry(row, lanes.get(key[1], []), question, rules)
            if entry is not None and (question.upcoming or entry.acute):
                found.append((key, entry))
        if len(found) >= question.limit:
            break
    return found[: question.limit]


def _entry(row: StandingRow, lanes: list[LaneGlance], question: Question, rules: Rules) -> AtRisk | None:
    calendar = rules.calendar_of(row.agency_code)
    horizon = Moment(question.now, calendar, rules.options).near_until
    mine = [lane for lane in lanes if lane.destination in question.destinations]
    risks = risks_of(row, mine, now=question.now, horizon=horizon)
    if not risks or row.due_at is None:
        return None
    begins = risk_begins(row, near_from(row.due_at, calendar, rules.limits), rules.limits)
    found, _ = judged_now(row, question.now, rules)
    return AtRisk(
        dossier=row.dossier_code,
        version=row.version,
        status=_BY_NUMBER[row.status],
        agency=row.agency_code,
        procedure=row.procedure_code,
        due_at=from_micros(row.due_at),
        ended_at=None if row.ended_at is None else from_micros(row.ended_at),
        by_date=found.by_date,
        acute=begins is None or begins <= question.now,
        over=promise_of(row.due_at) < question.now,
        risks=risks,
        sentences=sorted({OF_RISK[risk.reason] for risk in risks}),
    )
