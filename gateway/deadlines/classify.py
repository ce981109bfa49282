"""Early, on time, late: the class of one dossier against its promise (domain_rules §3.2, R16-R22, R24-R26).

Four answers, never one: against the promise that holds and against the original one, each by calendar date, which is
the official figure, and by instant, for warnings. Invariant: the answer is that of ``gateway.deadlines.judge``.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.deadlines.calendar import Calendar
from gateway.deadlines.classes import Flag, Verdict, flags_of
from gateway.deadlines.instants import VIETNAM, maybe_micros, to_micros
from gateway.deadlines.judge import DEFAULT_OPTIONS, Moment, Options, Row, judge
from gateway.domain.status import Status

__all__ = ["VIETNAM", "Classification", "Facts", "Flag", "Verdict", "classify", "row_of"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the class follows from; aware instants.

    ``due_at``: the promise that holds. ``due_original_at``: the first one, when it was another. ``waiting_since``:
    when the present wait of 5, 6 or 8 began.
    """

    status: Status
    as_of: datetime
    received_at: datetime | None = None
    due_at: datetime | None = None
    finished_at: datetime | None = None
    waiting_since: datetime | None = None
    due_original_at: datetime | None = None


class Classification(msgspec.Struct, frozen=True, kw_only=True):
    """The four answers (R16), and what to know beside them. The official one is ``by_date``."""

    by_date: Verdict
    by_instant: Verdict
    original_by_date: Verdict
    original_by_instant: Verdict
    flags: frozenset[Flag] = frozenset()


def classify(
    facts: Facts, calendar: Calendar | None = None, options: Options = DEFAULT_OPTIONS
) -> Classification:
    """The class of a dossier by the decision table of §3.2. Without a calendar nothing is NEAR_DUE (R24).

    ValueError when an instant has no offset.
    """
    moment = Moment(to_micros(facts.as_of), calendar, options)
    row = row_of(facts)
    _, _, due, original, _, _ = row
    by_date, by_instant, flags = judge(row, due, moment)
    first = (by_date, by_instant, flags) if original is None else judge(row, original, moment)
    return Classification(
        by_date=by_date,
        by_instant=by_instant,
        original_by_date=first[0],
        original_by_instant=first[1],
        flags=flags_of(flags),
    )


def row_of(facts: Facts) -> Row:
    """``facts`` as a row for ``bulk.classify_rows``."""
    return (
        facts.status.national,
        maybe_micros(facts.received_at),
        maybe_micros(facts.due_at),
        maybe_micros(facts.due_original_at),
        maybe_micros(facts.finished_at),
        maybe_micros(facts.waiting_since),
    )
