"""Instants, accounts and assessments for the tests of the deadline rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from gateway.deadlines.account import (
    Account,
    ReappointmentAccount,
    StepAccount,
    SupplementAccount,
)
from gateway.deadlines.calendar import shipped_calendar
from gateway.deadlines.history import assess
from gateway.deadlines.policy import DEFAULT_POLICY, Policy
from gateway.deadlines.standing import Assessment
from gateway.domain.dossier import Channel
from gateway.domain.status import Status

CALENDAR = shipped_calendar()
RECEIVED = "2026-03-02 09:00"
DUE = "2026-03-09 09:00"


def at(text: str | None) -> datetime | None:
    """``2026-03-02 09:00`` or with seconds, Viet Nam's time."""
    if text is None:
        return None
    return datetime.fromisoformat(f"{text.replace(' ', 'T')}+07:00")


def on(text: str) -> date:
    return date.fromisoformat(text)


def status_of(number: int) -> Status:
    return next(status for status in Status if status.national == number)


def step(when: str, number: int, **more: object) -> StepAccount:
    return StepAccount(at=at(when), status=status_of(number), **more)


def supplement(
    asked: str, answered: str | None = None, *, old: str | None = DUE, new: str | None = None, number: int = 1
):
    return SupplementAccount(
        id=number, requested_at=at(asked), received_at=at(answered), old_due_at=at(old), new_due_at=at(new)
    )


def apology(issued: str, new: str, *, old: str = DUE, number: str | None = "12/XL"):
    return ReappointmentAccount(
        old_due_at=at(old),
        new_due_at=at(new),
        issued_at=at(issued),
        document_number=number,
        signer="Lê Thị Mẫu",
    )


def account(version: int, number: int, **changes: object) -> Account:
    """A dossier received on Monday 2026-03-02 at 09:00, due on 03-09 at 09:00 (5 working days). Times as text."""
    usual: dict[str, object] = {
        "code": "H99.14-260302-0001",
        "version": version,
        "status": status_of(number),
        "channel": Channel.ONLINE,
        "agency_code": "000.00.14.H99",
        "procedure_code": "1.002835",
        "submitted_at": "2026-03-02 08:00",
        "received_at": RECEIVED,
        "due_at": DUE,
    }
    said = {
        name: at(value) if isinstance(value, str) and name.endswith("_at") else value
        for name, value in {**usual, **changes}.items()
    }
    return Account(**said)


def told(
    *story: tuple[Account, str],
    policy: Policy = DEFAULT_POLICY,
    as_of: str | None = None,
    blind: bool = False,
) -> list[Assessment]:
    """Each account assessed when it was heard of, with what stood before. ``blind``: without the earlier account."""
    found: list[Assessment] = []
    earlier: Account | None = None
    for said, heard in story:
        before = found[-1].now if found else None
        found.append(
            assess(
                before,
                said,
                heard_at=at(heard),
                policy=policy,
                calendar=CALENDAR,
                as_of=at(as_of or heard),
                earlier=None if blind else earlier,
            )
        )
        earlier = said
    return found


def shown(assessment: Assessment) -> list[tuple[str, str | None, int, str | None]]:
    """(from, to, state, due) of every period, as text."""
    return [
        (
            text(each.effective_from),
            text(each.effective_to),
            each.status.national,
            text(each.due_at),
        )
        for each in assessment.standings
    ]


def text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.strftime("%m-%d %H:%M")


def classes(assessment: Assessment) -> tuple[str, str, str, str]:
    """By date and instant against the promise that holds, then against the original."""
    found = assessment.now.classification
    return (
        str(found.by_date),
        str(found.by_instant),
        str(found.original_by_date),
        str(found.original_by_instant),
    )


def kinds(assessment: Assessment) -> set[str]:
    return {str(anomaly.kind) for anomaly in assessment.anomalies}


def causes(assessments: Sequence[Assessment]) -> list[tuple[str, bool]]:
    """(cause, applied) of every due change that is not the first, each key once."""
    seen: dict[str, tuple[str, bool]] = {}
    for assessment in assessments:
        for change in assessment.due_changes:
            if change.cause != "first":
                seen.setdefault(change.key, (str(change.cause), change.applied))
    return list(seen.values())
