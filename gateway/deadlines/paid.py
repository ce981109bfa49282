"""A wait for money ends when the money is paid, whatever the record still says (R13: from notice to payment).

What the one-door system says stays as it was said; this makes the account that is judged. Where its own later word fits
(it went on earlier, it waits anew for something else), that word holds. Invariant: a payment outside a wait for money
changes nothing, so nothing that is over is told differently by what is paid, or paid back, later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from gateway.deadlines.account import Account, StepAccount
from gateway.deadlines.policy import Policy
from gateway.deadlines.timeline import Event, events_of, runs_of
from gateway.domain.status import Status

_WAITS = Status.PAYMENT_REQUESTED


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was owed any more from ``at`` on; ``heard_at``: when we learnt it."""

    at: datetime
    heard_at: datetime


def undated(account: Account, policy: Policy) -> bool:
    """Whether the account says that money is waited for, and not since when."""
    if account.status is not _WAITS:
        return False
    runs = list(runs_of(events_of(account, policy)))
    return not runs or runs[-1].status is not _WAITS


def resumed(
    account: Account,
    payments: Sequence[Payment],
    policy: Policy,
    *,
    waiting_since: datetime | None = None,
    said_at: datetime | None = None,
) -> Account:
    """``account`` with the end of every wait for money that one of ``payments`` ended.

    ``waiting_since``: when we first heard of a wait whose beginning the account does not date; it begins then.
    ``said_at``: when the account came in; what a payment ended that we heard of later is marked as not said by the
    one-door system yet.
    """
    since = waiting_since if undated(account, policy) else None
    if since is not None:
        began = StepAccount(at=since, status=_WAITS)
        account = msgspec.structs.replace(account, steps=(*account.steps, began))
    events = events_of(account, policy)
    runs = list(runs_of(events))
    ends = [
        (end, payment)
        for payment in sorted(payments, key=lambda each: each.at)
        if (end := _end_of_wait(runs, payment, since)) is not None
    ]
    if not ends:
        return account
    steps = tuple(
        StepAccount(
            at=end,
            status=_after(account, end),
            unsaid=said_at is not None and payment.heard_at > said_at,
        )
        for end, payment in ends
    )
    anew = any(event.status is _WAITS and event.at > ends[-1][0] for event in events)
    over = account.status is _WAITS and not anew
    status = steps[-1].status if over else account.status
    return msgspec.structs.replace(
        account, steps=(*account.steps, *_arrival(account, steps), *steps), status=status
    )


def _end_of_wait(runs: Sequence[Event], payment: Payment, since: datetime | None) -> datetime | None:
    """When ``payment`` ended a wait; None when it was made in none.

    A wait without a date of its own is ended by a payment that was made before it and that we heard of after it:
    whoever told of the wait could not have known.
    """
    if since is not None and payment.at < since <= payment.heard_at:
        return since
    ends = [*(run.at for run in runs[1:]), None]
    for run, end in zip(runs, ends, strict=True):
        if run.status is _WAITS and run.at <= payment.at and (end is None or payment.at < end):
            return payment.at
    return None


def _after(account: Account, at: datetime) -> Status:
    """What the dossier goes on as; R11: before its reception it goes on at the counter."""
    early = account.received_at is None or at < account.received_at
    return Status.REGISTERED if early else Status.PROCESSING


def _arrival(account: Account, steps: Sequence[StepAccount]) -> Iterator[StepAccount]:
    """The filing as a step of its own, where the end of a wait would stand in for it."""
    said = any(step.status is Status.REGISTERED for step in account.steps)
    stands_in = any(step.status is Status.REGISTERED for step in steps)
    if account.submitted_at is not None and stands_in and not said:
        yield StepAccount(at=account.submitted_at, status=Status.REGISTERED)
