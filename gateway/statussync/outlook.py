"""What a partner shows of a dossier, judging by what it has acknowledged.

Pure. The partner compares with the promise that it was sent, whatever we make of that promise. Invariant: what was
never acknowledged is not shown; nothing is guessed beyond the last acknowledgement.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.calendar import Calendar
from gateway.deadlines.classes import LATE_CLASSES, Verdict
from gateway.deadlines.classify import Facts, classify
from gateway.deadlines.judge import Options
from gateway.domain.status import Status

_ENDED = frozenset({Status.FINISHED, Status.RETURNED, Status.WITHDRAWN, Status.STOPPED})


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The partner's view. ``due_at``: the promise that it knows."""

    status: Status
    due_at: datetime | None
    by_date: Verdict
    by_instant: Verdict

    @property
    def late(self) -> bool:
        """Whether it shows the dossier late, by date."""
        return self.by_date in LATE_CLASSES


def shown(
    acknowledged: Account, status: Status, *, as_of: datetime, calendar: Calendar, options: Options
) -> Shown:
    """What a partner shows at ``as_of`` that has acknowledged ``acknowledged``, and the state ``status`` of it."""
    facts = Facts(
        status=status,
        as_of=as_of,
        received_at=acknowledged.received_at,
        due_at=acknowledged.due_at,
        finished_at=acknowledged.finished_at if status in _ENDED else None,
        waiting_since=_waiting_since(acknowledged, status),
    )
    found = classify(facts, calendar, options)
    return Shown(
        status=status, due_at=acknowledged.due_at, by_date=found.by_date, by_instant=found.by_instant
    )


def _waiting_since(account: Account, status: Status) -> datetime | None:
    """When the present wait began, by the steps or the supplement rounds of the account."""
    steps = [step.at for step in account.steps if step.status is status]
    if steps:
        return max(steps)
    if status is Status.SUPPLEMENT_REQUESTED:
        return max(
            (item.requested_at for item in account.supplements if item.received_at is None), default=None
        )
    return None
