"""From what an account says to the states of a dossier in the order in which things happened (domain_rules §3.6, §4).

The order is that of event times, never of arrival. A state without a time of its own begins when we heard of it, and
says so. Invariant: an event that the account dates is never moved; what is added between comes from the account's
other times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.policy import Policy, WaitPolicy
from gateway.deadlines.waits import Wait
from gateway.domain.status import Status

WAITING = frozenset({Status.SUPPLEMENT_REQUESTED, Status.PAYMENT_REQUESTED, Status.STOPPED})
FINISHED = frozenset({Status.FINISHED, Status.RETURNED})
CAN_END = FINISHED | {Status.WITHDRAWN, Status.STOPPED}
_RUNS = frozenset({Status.RECEIVED, Status.PROCESSING, Status.STOPPED}) | FINISHED


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A state entered at an instant, in which room. ``unsaid``: not said by the one-door system when it last spoke."""

    at: datetime
    status: Status
    unit: str | None = None
    officer: str | None = None
    unsaid: bool = False


def events_of(account: Account, policy: Policy) -> list[Event]:
    """Every dated event of the account, in the order of time."""
    steps = [
        Event(at=step.at, status=step.status, unit=step.unit, officer=step.officer, unsaid=step.unsaid)
        for step in account.steps
    ]
    steps.sort(key=lambda event: event.at)  # stable: at one instant in the account's order
    return merged(
        [*_arrival(account, steps), *steps, *_rounds(account, policy, steps), *_end(account, steps)]
    )


def closed_by(events: Sequence[Event], status: Status, heard_at: datetime) -> list[Event]:
    """``events``, ended by ``status``: where the last one has another, the present state has no time of its own."""
    if events and events[-1].status is status:
        return list(events)
    at = max(heard_at, events[-1].at) if events else heard_at
    return [*events, Event(at=at, status=status)]


def ended_waits(events: Sequence[Event], status: Status) -> list[Wait]:
    """Each wait in ``status`` that is over."""
    return [
        Wait(since=one.at, until=other.at)
        for one, other in pairwise(runs_of(events))
        if one.status is status and one.at < other.at
    ]


def merged(events: Iterable[Event]) -> list[Event]:
    """In the order of time."""
    # at one instant in the given order, but handed over last
    return sorted(events, key=lambda event: (event.at, event.status is Status.RETURNED))


def runs_of(events: Iterable[Event]) -> Iterator[Event]:
    """The first event of every run of one state."""
    last = None
    for event in events:
        if event.status is not last:
            yield event
        last = event.status


def _arrival(account: Account, steps: Sequence[Event]) -> Iterator[Event]:
    """Filed and received, from the record's own times where no step says it."""
    submitted, received = account.submitted_at, account.received_at
    first = steps[0].at if steps else None
    if submitted is not None and (received is None or submitted < received):
        registered = any(event.status is Status.REGISTERED for event in steps)
        if not registered and (first is None or submitted <= first):
            yield Event(at=submitted, status=Status.REGISTERED)
    if received is not None and not any(_shows_reception(event, received) for event in steps):
        yield Event(at=received, status=Status.RECEIVED)


def _shows_reception(step: Event, received: datetime) -> bool:
    """Whether the dossier was in work by the time of its reception, so that no event has to be added for it."""
    return step.status in _RUNS and (
        step.at < received or (step.at == received and step.status is Status.RECEIVED)
    )


def _rounds(account: Account, policy: Policy, steps: Sequence[Event]) -> Iterator[Event]:
    """Supplement rounds, where no step tells of them."""
    if any(event.status is Status.SUPPLEMENT_REQUESTED for event in steps):
        return
    for item in account.supplements:
        yield Event(at=item.requested_at, status=Status.SUPPLEMENT_REQUESTED)
        if item.received_at is not None:
            # R11: asked for before the reception, it comes back to the counter
            early = account.received_at is None or item.requested_at < account.received_at
            resumed = Status.RECEIVED if policy.supplement is WaitPolicy.RESET else Status.PROCESSING
            yield Event(at=item.received_at, status=Status.REGISTERED if early else resumed)


def _end(account: Account, steps: Sequence[Event]) -> Iterator[Event]:
    """The end, from the record's own times where no step says it."""
    said = {event.status for event in steps}
    if account.status is Status.REFUSED and account.refused_at is not None and account.status not in said:
        yield Event(at=account.refused_at, status=Status.REFUSED)
    handed_over = next((event.at for event in steps if event.status is Status.RETURNED), None)
    if account.status in CAN_END and account.finished_at is not None:
        status = Status.FINISHED if account.status in FINISHED else account.status
        if status not in said:
            at = account.finished_at if handed_over is None else min(account.finished_at, handed_over)
            yield Event(at=at, status=status)
    if account.status is Status.RETURNED and account.returned_at is not None and handed_over is None:
        yield Event(at=account.returned_at, status=Status.RETURNED)
