"""What a sequence of accounts amounts to: periods of event time, promises that hold, and what does not fit.

Invariants: the first value of each time field is kept and judged, a later one is recorded beside it (§4.4); the order
is that of events, so a late message changes the past that it speaks of and nothing else (§3.6, R27).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from gateway.deadlines import RULE_VERSION
from gateway.deadlines.account import Account
from gateway.deadlines.bulk import classify_rows
from gateway.deadlines.calendar import Calendar
from gateway.deadlines.classes import Flag, flags_of
from gateway.deadlines.classify import Classification, Facts, row_of
from gateway.deadlines.findings import Told, findings, lasting
from gateway.deadlines.judge import DEFAULT_OPTIONS, Options
from gateway.deadlines.lateness import Lateness
from gateway.deadlines.policy import Policy
from gateway.deadlines.promises import Law, Promises, Waits, applied_of, promises_of
from gateway.deadlines.spans import Span, last_attempt, spans_of, split
from gateway.deadlines.standing import Assessment, Standing
from gateway.deadlines.timeline import CAN_END, Event, closed_by, ended_waits, events_of, merged
from gateway.deadlines.waits import Wait
from gateway.domain.status import Status

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


def assess(  # noqa: PLR0913 - everything that an answer rests on, by name
    before: Standing | None,
    account: Account,
    *,
    heard_at: datetime,
    policy: Policy,
    calendar: Calendar,
    as_of: datetime,
    earlier: Account | None = None,
    options: Options = DEFAULT_OPTIONS,
    start: datetime | None = None,
) -> Assessment:
    """What ``account`` makes of a dossier that stood as ``before`` (its open period; None: never assessed).

    ``heard_at``: when the account came in. ``earlier``: the account that ``before`` rests on; without it everything
    up to the beginning of ``before`` counts as known. ``start``: before it nobody had to synchronise anything. The same arguments give the same answer. A calendar that does
    not reach far enough shows as CALENDAR_GAP, never as a guess. ValueError when an instant has no offset.
    """
    kept, known = _with_first_times(before, account), earlier and _with_first_times(before, earlier)
    story = _story(before, kept, known, policy)
    events = closed_by(story.events, account.status, heard_at)
    waits = Waits(
        supplement=_fresh(events, story, Status.SUPPLEMENT_REQUESTED, kept.received_at),
        payment=_fresh(events, story, Status.PAYMENT_REQUESTED, kept.received_at),
    )
    law = Law(policy=policy, calendar=calendar, heard_at=heard_at)
    promises = promises_of(before, kept, known, waits, law)
    same_end = _goes_on(before, events)
    told = Told(
        before=before,
        account=account,
        events=events,
        promises=promises,
        ended_at=before.ended_at if before is not None and same_end else _ended_at(account, events),
        same_end=same_end,
        heard_at=heard_at,
        calendar=calendar,
        policy=policy,
        start=start,
    )
    found = tuple({anomaly.key: anomaly for anomaly in findings(told)}.values())
    writer = _Writer(told, lasting(told, found), as_of, options)
    waiting_since = None if before is None or story.whole else before.waiting_since
    spans = spans_of(events, told.ended_at, waiting_since)
    periods = split(spans, _promised(before, promises, whole=story.whole))
    return Assessment(
        standings=tuple(writer.standing(span) for span in periods),
        due_changes=promises.changes,
        anomalies=found,
    )


def _with_first_times(before: Standing | None, account: Account) -> Account:
    """§4.4: ``account`` with the first value of when it was filed and received; ``findings`` tells of the others."""
    if before is None:
        return account
    return msgspec.structs.replace(
        account,
        submitted_at=before.submitted_at or account.submitted_at,
        received_at=before.received_at or account.received_at,
    )


class _Story(msgspec.Struct, frozen=True, kw_only=True):
    """``events``: from where the periods are told again; ``whole``: from the very beginning. ``known``: no news."""

    events: Sequence[Event]
    known: Sequence[Event]
    whole: bool


def _story(before: Standing | None, account: Account, earlier: Account | None, policy: Policy) -> _Story:
    dated = events_of(account, policy)
    if before is None:
        return _Story(events=dated, known=(), whole=True)
    since = before.effective_from
    known = events_of(earlier, policy) if earlier else [event for event in dated if event.at <= since]
    seen = {(event.at, event.status) for event in known}
    news = [event for event in dated if (event.at, event.status) not in seen]
    if any(event.at <= since for event in news):
        return _Story(events=merged([*known, *news]), known=known, whole=True)
    first = Event(at=since, status=before.status, unit=before.unit, officer=before.officer)
    return _Story(events=[first, *(event for event in dated if event.at > since)], known=known, whole=False)


def _fresh(events: Sequence[Event], story: _Story, status: Status, received: datetime | None) -> list[Wait]:
    """Waits after the reception that were not known to be over; R11: one before the reception moves no promise."""
    # what only a payment ended is news to the one-door system, whose next word may move the promise for it (R13)
    over = {wait.until for wait in ended_waits([event for event in story.known if not event.unsaid], status)}
    told = {wait.until: wait for part in (story.known, events) for wait in ended_waits(part, status)}
    return [
        wait
        for wait in sorted(told.values(), key=lambda each: each.until)
        if wait.until not in over and received is not None and wait.since >= received
    ]


def _goes_on(before: Standing | None, events: Sequence[Event]) -> bool:
    """Whether the end that was told before is still the end, so that its first value is kept (F06)."""
    if before is None or before.ended_at is None:
        return False
    return all(event.status in CAN_END for event in events if event.at > before.effective_from)


def _ended_at(account: Account, events: Sequence[Event]) -> datetime | None:
    """When this attempt ended, as the account says; a withdrawal at its step, when nothing else is said."""
    if account.status not in CAN_END:
        return None
    if account.finished_at is None and account.status is Status.WITHDRAWN:
        return events[last_attempt([event.status for event in events])].at
    return account.finished_at


def _promised(
    before: Standing | None, promises: Promises, *, whole: bool
) -> list[tuple[datetime, datetime | None]]:
    """From when which promise held; the last one is the one that holds now."""
    known: list[tuple[datetime, datetime | None]] = []
    if before is not None and whole and before.due_at != before.due_original_at:
        # told again from the beginning, with a promise that has moved at a time that is not told any more
        known.append((before.received_at or _BEGINNING, before.due_original_at))
        known.append((before.effective_from, before.due_at))
    elif before is not None:
        known.append((before.received_at or _BEGINNING if whole else _BEGINNING, before.due_at))
    for at, due in applied_of(promises.changes):
        known.append((max(at, known[-1][0]) if known else at, due))
    return known


class _Writer:
    """Spans as standings, judged."""

    def __init__(self, told: Told, flags: frozenset[Flag], as_of: datetime, options: Options) -> None:
        self._told = told
        self._flags = flags
        self._as_of = as_of
        self._options = options
        before, account = told.before, told.account
        # §4.4: the first value of each time field is kept
        self._submitted = (before and before.submitted_at) or account.submitted_at
        self._received = (before and before.received_at) or account.received_at

    def standing(self, span: Span) -> Standing:
        """``span`` with its classes as of its end, or of now while it is open."""
        told, account = self._told, self._told.account
        received = self._received_in(span)
        facts = Facts(
            status=span.status,
            as_of=self._as_of if span.end is None else min(self._as_of, span.end),
            received_at=received,
            due_at=span.due_at,
            due_original_at=self._original_in(span),
            finished_at=span.ended_at,
            waiting_since=span.waiting_since,
        )
        classification, lateness = judged(facts, told.calendar, self._options)
        return Standing(
            version=account.version,
            effective_from=span.start,
            effective_to=span.end,
            recorded_at=told.heard_at,
            status=span.status,
            channel=account.channel,
            agency_code=account.agency_code,
            procedure_code=account.procedure_code,
            field_code=account.field_code,
            unit=span.unit,
            officer=span.officer,
            submitted_at=self._submitted,
            received_at=received,
            due_at=span.due_at,
            due_original_at=self._original_in(span),
            due_declared_at=account.due_at,
            ended_at=span.ended_at,
            waiting_since=span.waiting_since,
            classification=classification,
            lateness=lateness,
            flags=classification.flags | self._flags,
            rule_version=RULE_VERSION,
            calendar_version=told.calendar.version,
        )

    def _original_in(self, span: Span) -> datetime | None:
        return None if span.due_at is None else self._told.promises.original

    def _received_in(self, span: Span) -> datetime | None:
        """Not yet received while only registered: a report as of then must not count it."""
        received = self._received
        if received is None or span.start >= received:
            return received
        return None if span.status is Status.REGISTERED else received


def judged(
    facts: Facts, calendar: Calendar, options: Options = DEFAULT_OPTIONS
) -> tuple[Classification, Lateness]:
    """The class of ``facts`` and how late they are, by the function that judges in bulk."""
    ((by_date, by_instant, first_by_date, first_by_instant, mask, days, working, minutes),) = classify_rows(
        [row_of(facts)], calendar, facts.as_of, options
    )
    classification = Classification(
        by_date=by_date,
        by_instant=by_instant,
        original_by_date=first_by_date,
        original_by_instant=first_by_instant,
        flags=flags_of(mask),
    )
    return classification, Lateness(calendar_days=days, working_days=working, working_minutes=minutes)
