"""What stood in the way of a dossier's lane, as stretches of time with a cause: absences, failed attempts, refusals.

Pure; instants are microseconds since 1970. Invariant: a failed attempt excuses nobody for longer than the longest
pause before the next one; what our own worker or operators have to answer for is nobody else's trouble.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from gateway.deadlines.instants import SECOND
from gateway.settings import Maintenance, Settings
from gateway.statussync.lag import Cause, Trouble
from gateway.statussync.lag_windows import stretches
from gateway.storage.lag_evidence import Evidence, Outage, Refusal, Try, Way

_FAILED = frozenset({"deferred", "in_doubt"})
_OURS = frozenset({"worker_lost", "adapter_defect"})  # codes of failures that are the gateway's own


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says about excuses.

    ``longest_pause``: seconds, the longest that the delivery waits between two tries. ``windows``: maintenance that
    each destination has announced.
    """

    longest_pause: float
    windows: Mapping[str, Sequence[Maintenance]] = {}

    def rules(self, now: int) -> Rules:
        """For a look at ``now``."""
        return Rules(longest=int(self.longest_pause * SECOND), now=now, windows=self.windows)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """``longest``: the longest pause between two tries, in microseconds. ``now``: when a trouble that goes on ends."""

    longest: int
    now: int
    windows: Mapping[str, Sequence[Maintenance]] = {}


def policy_of(settings: Settings) -> Policy:
    """What the configuration says."""
    return Policy(
        longest_pause=settings.delivery.retry.longest,
        windows={name: section.maintenance for name, section in settings.destination.items()},
    )


def troubles(evidence: Evidence, way: Way, rules: Rules) -> list[Trouble]:
    """Everything that stood in the way of one lane and was not the gateway's own."""
    windows = rules.windows.get(way.destination, ())
    return [
        *(
            Trouble(began_at=begin, ended_at=end, cause=Cause.PARTNER)
            for begin, end in stretches(windows, way.since, way.until)
        ),
        *_absences(evidence.outages, rules),
        *_failures(evidence.tries, rules),
        *_refusals(evidence.refusals, evidence.tries, rules),
    ]


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
