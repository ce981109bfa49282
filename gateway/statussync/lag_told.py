"""What a delivery told its destination about the end of a dossier.

Pure. A payload is a dossier (a snapshot) or a step, canonical JSON. Invariant: only what the portal takes for an end
counts as one (national_portal §11.2-2): 9, else 10, else 8, 3 or 7; a stop that is a wait is none (domain_rules §3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.instants import maybe_micros, to_micros
from gateway.domain.status import Status
from gateway.storage.lag_evidence import Said


class _Step(msgspec.Struct, frozen=True):
    at: datetime
    status: Status


class Told(msgspec.Struct, frozen=True):
    """What is looked at in a payload: of a dossier its state and instants, of a step its own."""

    status: Status | None = None
    step: _Step | None = None
    received_at: datetime | None = None
    due_at: datetime | None = None
    finished_at: datetime | None = None
    returned_at: datetime | None = None
    refused_at: datetime | None = None

    @property
    def snapshot(self) -> bool:
        """Whether it is a dossier, which a newer one makes pointless; else something that is told once."""
        return self.status is not None

    @property
    def may_end(self) -> bool:
        """Whether it may tell an end; whether it does depends on the dossier's history (``ended``)."""
        return (self.step.status if self.step is not None else self.status) in _ENDS


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the dossier, and when we heard it (microseconds)."""

    at: int
    account: Account


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """An end, as a delivery told it, in microseconds. ``heard_at`` None: no version says when we heard of it."""

    ended_at: int
    due_at: int | None
    heard_at: int | None


_PAYLOAD = msgspec.json.Decoder(Told)
_ACCOUNT = msgspec.json.Decoder(Account)
_ENDS = frozenset({Status.FINISHED, Status.RETURNED, Status.WITHDRAWN, Status.STOPPED, Status.REFUSED})


def told(payload: bytes) -> Told:
    """What ``payload`` says; nothing when it is neither a dossier nor a step."""
    try:
        return _PAYLOAD.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Told()


def heard(said: Sequence[Said]) -> list[Heard]:
    """The versions, decoded, in their order."""
    return [Heard(at=item.at, account=_ACCOUNT.decode(item.account)) for item in said]


def ended(what: Told, history: Sequence[Heard], *, by: int) -> Ended | None:
    """The end that a delivery told, with the promise that stood at ``by``; None when it told none."""
    known = [item for item in history if item.at <= by] or list(history[:1])
    latest = known[-1].account if known else None
    at = _end_of_step(what.step, latest) if what.step is not None else _end_of_snapshot(what)
    if at is None:
        return None
    promise = latest.due_at if what.step is not None and latest is not None else what.due_at
    first = next((item.at for item in known if at in _ends_of(item.account)), None)
    return Ended(ended_at=to_micros(at), due_at=maybe_micros(promise), heard_at=first)


def _end_of_step(step: _Step, account: Account | None) -> datetime | None:
    match step.status:
        case Status.FINISHED | Status.WITHDRAWN:
            return step.at
        case Status.RETURNED:  # the end only where no end was told before it
            finished = account is not None and _has_finished(account)
            return None if finished else step.at
        case Status.STOPPED:
            return step.at if account is not None and account.finished_at is not None else None
        case Status.REFUSED:  # counted only when it had been accepted
            return step.at if account is not None and account.received_at is not None else None
        case _:
            return None


def _end_of_snapshot(what: Told) -> datetime | None:
    match what.status:
        case Status.FINISHED | Status.WITHDRAWN | Status.STOPPED:
            return what.finished_at
        case Status.RETURNED:
            return what.finished_at or what.returned_at
        case Status.REFUSED:
            return what.refused_at if what.received_at is not None else None
        case _:
            return None


def _has_finished(account: Account) -> bool:
    return account.finished_at is not None or any(step.status is Status.FINISHED for step in account.steps)


def _ends_of(account: Account) -> set[datetime]:
    """Every instant that a version gives as an end."""
    fields = {account.finished_at, account.returned_at, account.refused_at}
    return {at for at in fields if at is not None} | {
        step.at for step in account.steps if step.status in _ENDS
    }
