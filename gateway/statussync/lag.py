"""Whether the partner showed a dossier late although it had ended in time, and through whom (domain_rules R27).

Until the partner has acknowledged the end of a dossier it shows the dossier as running; once the promise has passed,
as late. Pure; instants are microseconds since 1970. Invariant: what ended late is late, whoever told it when; whoever
cannot be shown to be the cause is not blamed in our place: a doubt counts against the gateway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from gateway.deadlines.instants import DAY, MINUTE, OFFSET, SECOND, day_number_of, start_of_day

TARGET = 15 * MINUTE
"""From the event to the partner's acknowledgement (domain_rules §7.2); also the time that we may reasonably need."""
SHARE = 0.99
"""Of all deliveries, so many should keep to the target."""


class Grain(StrEnum):
    """How a promise is compared: by calendar date, which is official, or by instant (domain_rules, rule 4)."""

    DATE = "date"
    INSTANT = "instant"


class Shown(StrEnum):
    """What the partner showed of an end until it had acknowledged it.

    ``in_time``: never late. ``late``: late, and rightly. ``sync_late``: late, although it had ended in time.
    """

    IN_TIME = "in_time"
    LATE = "late"
    SYNC_LATE = "sync_late"


class Cause(StrEnum):
    """Through whom an end that happened in time was shown late.

    ``gateway``: we had it in time, the partner was there, and still we were late. ``source``: it reached us late, or
    only the province could correct what the partner refused. ``partner``: it was away or refused meanwhile.
    ``before_start``: nobody's; the promise passed before there was a gateway, or too soon after.
    """

    GATEWAY = "gateway"
    SOURCE = "source"
    PARTNER = "partner"
    BEFORE_START = "before_start"


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a dossier on its way to one destination.

    ``heard_at``: when we first knew. ``due_at``: the promise that the partner knows; None: there is none.
    ``acknowledged_at`` None: not yet. ``start``: before it nobody had to synchronise anything; None: it always was so.
    """

    ended_at: int
    heard_at: int
    due_at: int | None
    acknowledged_at: int | None = None
    start: int | None = None


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in which ``cause`` stood in the way."""

    began_at: int
    ended_at: int
    cause: Cause


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was shown, and why if it was wrong."""

    shown: Shown
    cause: Cause | None = None


def last_moment(due_at: int, grain: Grain) -> int:
    """The last microsecond at which a dossier promised for ``due_at`` is not late.

    A promise at 00:00:00 means that day (domain_rules R25), also by instant.
    """
    match grain:
        case Grain.DATE:
            return start_of_day(day_number_of(due_at) + 1) - 1
        case Grain.INSTANT:
            return due_at if (due_at + OFFSET) % DAY else due_at + DAY - SECOND


def shown(end: End, grain: Grain, *, now: int) -> Shown:
    """What the partner showed of ``end`` up to its acknowledgement, or up to ``now``."""
    if end.due_at is None:
        return Shown.IN_TIME
    limit = last_moment(end.due_at, grain)
    if end.ended_at > limit:
        return Shown.LATE
    seen_at = now if end.acknowledged_at is None else end.acknowledged_at
    return Shown.SYNC_LATE if seen_at > limit else Shown.IN_TIME


def judge(end: End, troubles: Iterable[Trouble], grain: Grain, *, now: int) -> Verdict:
    """What was shown of ``end``, and through whom where it was wrongly late."""
    what = shown(end, grain, now=now)
    if what is not Shown.SYNC_LATE or end.due_at is None:
        return Verdict(shown=what)
    return Verdict(shown=what, cause=_cause(end, list(troubles), last_moment(end.due_at, grain)))


def _cause(end: End, troubles: Sequence[Trouble], limit: int) -> Cause:
    """Who is to blame: the gateway, unless the time in which it could have told was shorter than the target."""
    start = end.ended_at if end.start is None else end.start
    if end.ended_at < start and limit - start < TARGET:
        return Cause.BEFORE_START
    # what lies before the start is nobody's time: both clocks begin with it
    ended_at, heard_at = max(end.ended_at, start), max(end.heard_at, start)
    had = limit - heard_at
    if had < 0:
        return Cause.SOURCE
    partner = _covered(troubles, {Cause.PARTNER}, heard_at, limit)
    source = _covered(troubles, {Cause.SOURCE}, heard_at, limit)
    if had - _covered(troubles, _OTHERS, heard_at, limit) >= TARGET:
        return Cause.GATEWAY
    if max(partner, source) * 2 > had:
        return Cause.PARTNER if partner >= source else Cause.SOURCE
    # nothing stood in the way, there was only little time: whose lag had used it up?
    return Cause.SOURCE if heard_at - ended_at >= TARGET else Cause.GATEWAY


_OTHERS = frozenset({Cause.PARTNER, Cause.SOURCE})


def _covered(troubles: Iterable[Trouble], causes: Iterable[Cause], start: int, stop: int) -> int:
    """How much of the time from ``start`` to ``stop`` lies in troubles of ``causes``; overlaps count once."""
    wanted = frozenset(causes)
    covered, reached = 0, start
    for trouble in sorted(troubles, key=lambda item: item.began_at):
        begin, end = max(trouble.began_at, reached), min(trouble.ended_at, stop)
        if trouble.cause in wanted and end > begin:
            covered += end - begin
            reached = end
    return covered
