"""Deadlines inside a dossier: of a room, of an agency that was consulted (R28).

A step is over when the next one is recorded. Invariant: a step's lateness never touches the class of its dossier.
"""

from __future__ import annotations

from datetime import datetime
from itertools import zip_longest

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.calendar import Calendar
from gateway.deadlines.classify import Classification, Facts
from gateway.deadlines.history import judged
from gateway.deadlines.judge import DEFAULT_OPTIONS, Options
from gateway.deadlines.lateness import Lateness
from gateway.deadlines.timeline import CAN_END
from gateway.domain.status import Status


class StepStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a step with a deadline of its own stands. ``ended_at`` None: it is still being worked on."""

    since: datetime
    ended_at: datetime | None
    due_at: datetime
    unit: str | None
    officer: str | None
    classification: Classification
    lateness: Lateness


def step_standings(
    account: Account, calendar: Calendar, as_of: datetime, options: Options = DEFAULT_OPTIONS
) -> tuple[StepStanding, ...]:
    """Every step that has a deadline and had begun by ``as_of``, in the order of time; the dossier's own calendar."""
    steps = sorted((step for step in account.steps if step.at <= as_of), key=lambda step: step.at)
    found = []
    for step, follower in zip_longest(steps, steps[1:]):
        if step.due_at is None:
            continue
        ended_at = None if follower is None else follower.at
        if follower is None and step.status in CAN_END:
            ended_at = step.at
        facts = Facts(
            status=Status.PROCESSING if ended_at is None else Status.FINISHED,
            as_of=as_of,
            due_at=step.due_at,
            finished_at=ended_at,
        )
        classification, late = judged(facts, calendar, options)
        found.append(
            StepStanding(
                since=step.at,
                ended_at=ended_at,
                due_at=step.due_at,
                unit=step.unit,
                officer=step.officer,
                classification=classification,
                lateness=late,
            )
        )
    return tuple(found)
