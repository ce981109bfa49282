"""Which promise holds: what moved it lawfully, and what merely says that it moved (R5, R12-R15, F01-F05).

What counts is a cause with its evidence: a paper, an answered supplement, a settled payment, a day that became a day
off. Invariant: a promise moves only by such a cause; everything else is a row that is not applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from gateway.deadlines.account import Account, ReappointmentAccount, SupplementAccount
from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.classes import Flag
from gateway.deadlines.duration import Due, due
from gateway.deadlines.instants import DAY, OFFSET, SECOND, day_of, to_micros
from gateway.deadlines.judge import promise_of
from gateway.deadlines.policy import Policy, WaitPolicy
from gateway.deadlines.standing import Cause, DueChange, Standing
from gateway.deadlines.waits import Promise, Wait, latest_after

_NOTHING = frozenset[Flag]()
ROUNDING = timedelta(minutes=15)  # R5: absorbs a system that rounds to quarters of an hour
_INVALID = frozenset(
    {
        Flag.REAPPOINTMENT_TWICE,
        Flag.REAPPOINTMENT_TOO_LATE,
        Flag.REAPPOINTMENT_NOT_LATER,
        Flag.NO_DOCUMENT,
        Flag.ASKED_AFTER_DUE,
        Flag.SILENT_DUE_CHANGE,
    }
)


class Law(msgspec.Struct, frozen=True, kw_only=True):
    """What promises are judged by."""

    policy: Policy
    calendar: Calendar
    heard_at: datetime


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """Waits that have ended since the last account, by what was waited for."""

    supplement: Sequence[Wait] = ()
    payment: Sequence[Wait] = ()


class Promises(msgspec.Struct, frozen=True, kw_only=True):
    """``original``: the first promise; ``held``: the one that holds; ``changes``: everything that was told of it."""

    original: datetime | None
    held: datetime | None
    changes: tuple[DueChange, ...] = ()

    @property
    def flags(self) -> frozenset[Flag]:
        """What the changes show."""
        return frozenset().union(*(change.flags for change in self.changes))


def promises_of(
    before: Standing | None, account: Account, earlier: Account | None, waits: Waits, law: Law
) -> Promises:
    """What ``account`` makes of the promise that stood ``before``. ``earlier``: the account before it."""
    papers = [
        paper for paper in _papers(account, account.received_at) if not _is_known(paper, before, earlier)
    ]
    chain = _Chain(account, law, before)
    if chain.held is None:
        chain.begin(papers)
    for paper in papers:
        chain.take(paper)
    chain.settle(waits)
    return Promises(original=chain.original, held=chain.held, changes=tuple(chain.changes))


_Paper = ReappointmentAccount | SupplementAccount


def _is_known(paper: _Paper, before: Standing | None, earlier: Account | None) -> bool:
    """Whether the promise that stood before has seen the paper. Without the account that it rests on: whether it
    could have, so that no paper counts twice."""
    if before is None:
        return False
    if earlier is None:
        return _effective_at(paper) <= before.recorded_at
    return _key(paper) in {_key(each) for each in _papers(earlier, earlier.received_at)}


def _papers(account: Account, received_at: datetime | None) -> list[_Paper]:
    """What may move a promise, in the order of time. R11: a supplement before the reception moves none."""
    rounds = [
        item
        for item in account.supplements
        if item.received_at is not None
        and item.new_due_at is not None
        and received_at is not None
        and item.requested_at >= received_at
    ]
    listed: list[_Paper] = [*rounds, *account.reappointments]
    once = {_key(paper): paper for paper in listed}  # one paper, however often it is listed
    return sorted(once.values(), key=_effective_at)


def _effective_at(paper: _Paper) -> datetime:
    match paper:
        case ReappointmentAccount():
            return paper.issued_at
        case SupplementAccount():
            return paper.received_at or paper.requested_at


def _key(paper: _Paper) -> str:
    match paper:
        case ReappointmentAccount():
            number = (paper.document_number or "").strip()
            return f"reappointment:{number}:{to_micros(paper.issued_at)}:{to_micros(paper.new_due_at)}"
        case SupplementAccount():
            new = "" if paper.new_due_at is None else to_micros(paper.new_due_at)
            return f"supplement:{paper.id}:{new}"


class _Chain:
    """The promise as its changes come in, one after the other."""

    def __init__(self, account: Account, law: Law, before: Standing | None) -> None:
        self._account = account
        self._law = law
        self._declared_before = None if before is None else before.due_declared_at
        self._reappointed = before is not None and Flag.REAPPOINTED in before.flags
        self.original = None if before is None else before.due_original_at
        self.held = None if before is None else before.due_at
        self.changes: list[DueChange] = []

    def begin(self, papers: Sequence[_Paper]) -> None:
        """The first promise: what the first paper says it replaced, else what is declared."""
        first = next((paper.old_due_at for paper in papers), None) or self._account.due_at
        if first is None:
            return
        received = self._account.received_at
        flags = _NOTHING if received is None else self._promised_too_late(received, first)
        self._move(Cause.FIRST, "first", received or self._law.heard_at, first, flags)
        self.original = first

    def take(self, paper: _Paper) -> None:
        """One paper: applied when it is valid."""
        match paper:
            case ReappointmentAccount():
                self._reappoint(paper)
            case SupplementAccount() if paper.new_due_at is not None and paper.received_at is not None:
                wait = Wait(since=paper.requested_at, until=paper.received_at)
                flags = self._after_wait(wait, paper.new_due_at, self._law.policy.supplement)
                if paper.old_due_at is not None and paper.old_due_at != self.held:
                    flags |= {Flag.OLD_DUE_DIFFERS}
                self._move(Cause.SUPPLEMENT, _key(paper), wait.until, paper.new_due_at, flags)
            case SupplementAccount():
                raise ValueError(f"supplement {paper.id} is not answered, so it moves nothing")

    def settle(self, waits: Waits) -> None:
        """What is declared now, when it is not what holds."""
        declared = self._account.due_at
        if declared == self._declared_before:
            return
        if declared == self.held:
            if not self.changes and self._declared_before is not None:
                self._return_to(declared)
            return
        papers = _papers(self._account, self._account.received_at)
        if declared is not None and declared in {paper.new_due_at for paper in papers}:
            return  # a paper says so, and its own row says why it does not hold
        for cause, found, policy in (
            (Cause.SUPPLEMENT, waits.supplement, self._law.policy.supplement),
            (Cause.PAYMENT, waits.payment, self._law.policy.payment),
        ):
            if declared is not None and found:
                key = f"{cause}:{to_micros(found[-1].until)}:{to_micros(declared)}"
                flags = self._after_wait(found[-1], declared, policy)
                self._move(cause, key, found[-1].until, declared, flags)
                return
        self._unexplained(declared)

    def _unexplained(self, declared: datetime | None) -> None:
        """F04: a promise that moves without a paper stays where it was, unless the law itself moves it."""
        cause, flags = Cause.NONE, frozenset({Flag.SILENT_DUE_CHANGE})
        if declared is not None and self._day_was_taken_off(declared):
            cause, flags = Cause.CALENDAR, _NOTHING
        elif declared is not None and self._was_impossible():
            cause, flags = Cause.CORRECTION, _NOTHING
        self._move(cause, self._version_key(cause), self._law.heard_at, declared, flags)

    def _was_impossible(self) -> bool:
        """R26: due before the reception, so it never was a promise."""
        received = self._account.received_at
        if self.held is None or received is None:
            return False
        return promise_of(to_micros(self.held)) < to_micros(received)

    def _return_to(self, declared: datetime | None) -> None:
        """Back to the promise that held all the time."""
        key = self._version_key(Cause.CORRECTION)
        self._move(Cause.CORRECTION, key, self._law.heard_at, declared)
        self.changes[-1] = msgspec.structs.replace(self.changes[-1], old_due_at=self._declared_before)

    def _reappoint(self, paper: ReappointmentAccount) -> None:
        """R15: the first one, at least a day before, to a later time, with its number."""
        tests = {
            Flag.REAPPOINTMENT_TWICE: self._reappointed,
            Flag.REAPPOINTMENT_TOO_LATE: self.held is not None
            and day_of(paper.issued_at) >= day_of(self.held),
            Flag.REAPPOINTMENT_NOT_LATER: self.held is not None and paper.new_due_at <= self.held,
            Flag.NO_DOCUMENT: not (paper.document_number or "").strip(),
            Flag.OLD_DUE_DIFFERS: paper.old_due_at != self.held,
            Flag.ISSUED_ON_NON_WORKING_DAY: self._is_day_off(paper.issued_at),
        }
        flags = frozenset(flag for flag, holds in tests.items() if holds)
        valid = not flags & _INVALID
        self._reappointed = self._reappointed or valid
        self._record(
            DueChange(
                key=_key(paper),
                at=paper.issued_at,
                old_due_at=self.held,
                new_due_at=paper.new_due_at,
                cause=Cause.REAPPOINTMENT,
                applied=valid,
                document_number=paper.document_number,
                signer=paper.signer,
                issued_at=paper.issued_at,
                flags=flags | {Flag.REAPPOINTED} if valid else flags,
            )
        )

    def _after_wait(self, wait: Wait, new: datetime, policy: WaitPolicy) -> frozenset[Flag]:
        """R5, R12, R13: whether a promise after a wait is what the policy gives, and not after a lapsed one."""
        received, held = self._account.received_at, self.held
        if received is None or held is None:
            return _NOTHING
        if to_micros(wait.since) > promise_of(to_micros(held)):
            return frozenset({Flag.ASKED_AFTER_DUE})
        promise = Promise(received_at=received, due_at=held, duration=self._law.policy.duration)
        try:
            return too_late(new, latest_after(promise, wait, policy, self._law.calendar))
        except CalendarGap:
            return frozenset({Flag.CALENDAR_GAP})

    def _promised_too_late(self, received: datetime, promised: datetime) -> frozenset[Flag]:
        """R5, where the procedure's duration is known."""
        if self._law.policy.duration is None:
            return _NOTHING
        try:
            return too_late(promised, due(received, self._law.policy.duration, self._law.calendar))
        except CalendarGap:
            return frozenset({Flag.CALENDAR_GAP})

    def _day_was_taken_off(self, declared: datetime) -> bool:
        """R10, Civil Code 148: a promise for a day that is not worked ends on the next working day."""
        if self.held is None or not self._is_day_off(self.held):
            return False
        try:
            if day_of(declared) == self._law.calendar.next_working_day(day_of(self.held)):
                return True
            received, duration = self._account.received_at, self._law.policy.duration
            if received is None or duration is None:
                return False
            return declared == due(received, duration, self._law.calendar).due_at
        except CalendarGap:
            return False

    def _is_day_off(self, instant: datetime) -> bool:
        day = day_of(instant)
        return self._law.calendar.covers(day) and not self._law.calendar.is_working_day(day)

    def _version_key(self, cause: Cause) -> str:
        declared = self._account.due_at
        return f"{cause}:{self._account.version}:{'' if declared is None else to_micros(declared)}"

    def _move(
        self, cause: Cause, key: str, at: datetime, new: datetime | None, flags: frozenset[Flag] = _NOTHING
    ) -> None:
        self._record(
            DueChange(
                key=key, at=at, old_due_at=self.held, new_due_at=new, cause=cause, applied=True, flags=flags
            )
        )

    def _record(self, change: DueChange) -> None:
        applied = not change.flags & _INVALID
        self.changes.append(msgspec.structs.replace(change, applied=applied))
        if applied:
            self.held = change.new_due_at


def too_late(promised: datetime, expected: Due) -> frozenset[Flag]:
    """R5: later than our check by more than a quarter of an hour, or only later than the last lawful day.

    A promise for a whole day is compared by day.
    """
    within = (to_micros(promised) + OFFSET) % DAY
    if within == 0 or within >= DAY - 60 * SECOND:
        late = day_of(promised) > day_of(expected.due_at)
    else:
        late = promised > expected.due_at + ROUNDING
    if late:
        return frozenset({Flag.DUE_TOO_LATE})
    if day_of(promised) > expected.legal_last_day:
        return frozenset({Flag.DUE_AFTER_LEGAL_DAY})
    return _NOTHING


def applied_of(changes: Iterable[DueChange]) -> Iterator[tuple[datetime, datetime | None]]:
    """When the promise that holds became which, in the order given."""
    return ((change.at, change.new_due_at) for change in changes if change.applied)
