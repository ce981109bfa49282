"""What the national portal's own indicator makes of a dossier (national_portal §11.2, §11.3).

Two-valued and by the instant; its unfinished dossiers end with the period. It is shown beside our classes
(``gateway.statussync.explain``) and never mixed with them. Invariant: a supplement's time is taken off once, by the
portal or by a later promise, never by both (§11.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.instants import to_micros
from gateway.deadlines.judge import promise_of
from gateway.domain.status import Status

_ACCEPTED = frozenset({Status.RECEIVED, Status.PROCESSING})
_OTHER_ENDS = frozenset({Status.STOPPED, Status.REFUSED, Status.WITHDRAWN})


class PortalVerdict(StrEnum):
    """What the indicator counts a dossier as."""

    ON_TIME = "ON_TIME"
    LATE = "LATE"
    NOT_COUNTED = "NOT_COUNTED"


class _Round(msgspec.Struct, frozen=True):
    asked: datetime
    answered: datetime | None
    extended: bool = False


def portal_verdict(
    account: Account, period_end: datetime, statutory: timedelta | None = None
) -> PortalVerdict:
    """The indicator's answer as of the end of a period. ``statutory``: the longest time by law, where there is no due.

    Without a due and without a statutory time nothing can be late.
    """
    if account.received_at is None or account.received_at > period_end:  # §11.2(1)
        return PortalVerdict.NOT_COUNTED
    rounds = _rounds(account, period_end)
    waiting = [item for item in rounds if item.answered is None]
    end = _end_step(account, period_end)
    if end is None and waiting:
        if len(rounds) > 1:  # §11.2(4): more than one request counts as late
            return PortalVerdict.LATE
        end = waiting[0].asked
    end = end or period_end  # §11.2(3)
    extended = any(item.extended for item in rounds)
    pause = timedelta() if extended and account.due_at else _pause(rounds, end)
    if account.due_at is not None:  # §11.2(6)
        in_time = to_micros(end - pause) <= promise_of(to_micros(account.due_at))
    else:  # §11.2(7)
        in_time = statutory is None or end - account.received_at - pause <= statutory
    return PortalVerdict.ON_TIME if in_time else PortalVerdict.LATE


def _end_step(account: Account, period_end: datetime) -> datetime | None:
    """§11.2(2): step 9, else step 10, else a stop, refusal or withdrawal of what had been accepted."""
    steps = sorted((step for step in account.steps if step.at <= period_end), key=lambda step: step.at)
    for status in (Status.FINISHED, Status.RETURNED):
        found = [step.at for step in steps if step.status is status]
        if found:
            return found[-1]
    others = [
        step.at
        for index, step in enumerate(steps)
        if step.status in _OTHER_ENDS and any(each.status in _ACCEPTED for each in steps[:index])
    ]
    return others[-1] if others else None


def _rounds(account: Account, period_end: datetime) -> list[_Round]:
    """Supplement rounds: the record's own, else steps 5 and what follows them."""
    told = [
        _Round(
            asked=item.requested_at,
            answered=item.received_at if item.received_at and item.received_at <= period_end else None,
            extended=item.new_due_at is not None,
        )
        for item in account.supplements
        if item.requested_at <= period_end
    ]
    if told:
        return told
    steps = sorted((step for step in account.steps if step.at <= period_end), key=lambda step: step.at)
    rounds: list[_Round] = []
    asked: datetime | None = None
    for step in steps:
        if step.status is Status.SUPPLEMENT_REQUESTED:
            asked = asked or step.at
        elif asked is not None:
            rounds.append(_Round(asked, step.at))
            asked = None
    return rounds if asked is None else [*rounds, _Round(asked, None)]


def _pause(rounds: Sequence[_Round], end: datetime) -> timedelta:
    """§11.2(5): the time between request and answer, for rounds that were over before the end."""
    waited = timedelta()
    for item in rounds:
        if item.answered is not None and item.answered <= end:
            waited += item.answered - item.asked
    return waited
