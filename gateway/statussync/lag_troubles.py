"""What stood in the way of a dossier's lane, as stretches of time with a cause: absences, failed attempts, refusals.

Pure; instants are microseconds since 1970. Invariant: a failed attempt excuses nobody for longer than the longest
pause before the next one; what our own worker or operators have to answer for is nobody else's trouble, and time in
which no worker of ours was there excuses nothing on the partner's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from gateway.deadlines.instants import DAY, SECOND, maybe_micros
from gateway.settings import Maintenance, Settings
from gateway.statussync.lag import Cause, Trouble
from gateway.statussync.lag_windows import stretches
from gateway.storage.lag_evidence import Evidence, Outage, Refusal, Try, Way
from gateway.storage.presence import Span

_FAILED = frozenset({"deferred", "in_doubt"})
_OURS = frozenset({"worker_lost", "adapter_defect"})  # codes of failures that are the gateway's own


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says about excuses.

    ``longest_pause``: seconds, the longest that the delivery waits between two tries. ``windows``: maintenance that
    each destination has announced. ``counts_from``: before it nobody had to synchronise anything; None: before the
    gateway's first run. ``here_since``: since when a worker of this process has surely been there, if there is one.
    ``kept_days``: so long it is known what was told.
    """

    longest_pause: float
    windows: Mapping[str, Sequence[Maintenance]] = {}
    counts_from: int | None = None
    here_since: Callable[[], int | None] | None = None
    kept_days: int = 1100

    def rules(self, now: int) -> Rules:
        """For a look at ``now``."""
        return Rules(
            longest=int(self.longest_pause * SECOND),
            now=now,
            windows=self.windows,
            start=self.counts_from,
            here_since=None if self.here_since is None else self.here_since(),
            known_from=now - self.kept_days * DAY,
        )


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """``longest``: the longest pause between two tries, in microseconds. ``now``: when a trouble that goes on ends.

    ``start``: before it nobody had to synchronise anything. ``here_since``: see ``Policy``.
    ``known_from``: what happened before it counts as told, because it is not on record any more what was.
    """

    longest: int
    now: int
    windows: Mapping[str, Sequence[Maintenance]] = {}
    start: int | None = None
    here_since: int | None = None
    known_from: int = 0


def policy_of(settings: Settings, here_since: Callable[[], int | None] | None = None) -> Policy:
    """What the configuration says; ``here_since`` is a worker's of this process."""
    return Policy(
        longest_pause=settings.delivery.retry.longest,
        windows={name: section.maintenance for name, section in settings.destination.items()},
        counts_from=maybe_micros(settings.lag.counts_from),
        here_since=here_since,
        kept_days=settings.lag.kept_days,
    )


def troubles(evidence: Evidence, way: Way, rules: Rules) -> list[Trouble]:
    """Everything that stood in the way of one lane and was not the gateway's own."""
    windows = rules.windows.get(way.destination, ())
    found = [
        *(
            Trouble(began_at=begin, ended_at=end, cause=Cause.PARTNER)
            for begin, end in stretches(windows, way.since, way.until)
        ),
        *_absences(evidence.outages, rules),
        *_failures(evidence.tries, rules),
        *_refusals(evidence.refusals, evidence.tries, rules),
    ]
    return [left for trouble in found for left in _witnessed(trouble, evidence.deserted)]


def _witnessed(trouble: Trouble, deserted: Iterable[Span]) -> Iterator[Trouble]:
    """What is left of ``trouble`` without the time in which nobody of ours was there to tell, or to see it end.

    What only the province could correct was on record before, and stays the province's.
    """
    if trouble.cause is not Cause.PARTNER:
        yield trouble
        return
    reached = trouble.began_at
    for begin, end in deserted:
        if reached < begin < trouble.ended_at:
            yield Trouble(began_at=reached, ended_at=begin, cause=trouble.cause)
        if begin < trouble.ended_at:
            reached = max(reached, end)
    if reached < trouble.ended_at:
        yield Trouble(began_at=reached, ended_at=trouble.ended_at, cause=trouble.cause)


def _absences(outages: Iterable[Outage], rules: Rules) -> Iterator[Trouble]:
    for outage in outages:
        ended_at = rules.now if outage.ended_at is None else outage.ended_at
        yield Trouble(began_at=outage.began_at, ended_at=ended_at, cause=Cause.PARTNER)


def _failures(tries: Sequence[Try], rules: Rules) -> Iterator[Trouble]:
    for attempt in tries:
        ended_at = rules.now if attempt.ended_at is None else attempt.ended_at
        if attempt.outcome in _FAILED and attempt.code not in _OURS:
            until = min(ended_at + rules.longest, _next(tries, attempt.started_at, rules))
            yield Trouble(began_at=attempt.started_at, ended_at=max(ended_at, until), cause=Cause.PARTNER)


def _refusals(refusals: Iterable[Refusal], tries: Sequence[Try], rules: Rules) -> Iterator[Trouble]:
    """Who had to act stood in the way; what our operators had to do excuses no longer than a failed attempt does."""
    for refusal in refusals:
        until = _next(tries, refusal.at, rules)
        cause = Cause.SOURCE if refusal.actor == "province" else Cause.PARTNER
        if refusal.actor == "operator":
            until = min(until, refusal.at + rules.longest)
        if refusal.code not in _OURS:
            yield Trouble(began_at=refusal.at, ended_at=until, cause=cause)


def _next(tries: Iterable[Try], after: int, rules: Rules) -> int:
    """When the lane was next tried after ``after``."""
    return min((attempt.started_at for attempt in tries if attempt.started_at > after), default=rules.now)
