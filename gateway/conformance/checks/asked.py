"""Partners that must be asked: what they say is read once and for ever alike, and asking comes to an end.

Invariant: played against the adapter's own simulator, after its ``aftermath``; the clock moves between two questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial

import msgspec

from gateway.conformance.asking import (
    PAGES,
    ROUNDS,
    UNKNOWN,
    Asked,
    acknowledge,
    ask,
    content,
    remembered,
    reports_of,
    turn_page,
    unsound,
)
from gateway.conformance.finding import Flaw
from gateway.conformance.rehearsal import Lane, Rehearsal
from gateway.conformance.samples import earlier_versions
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Refused, Returned, Tally, attempt
from gateway.domain.outcome import Accepted
from gateway.port import CannotRead, Context, FeedPage, Feeds, Follows, Progress, feeder, follower

_FAULT = "session_expired"
_LATER = timedelta(hours=5)


def progress_rule(subject: Subject) -> Iterator[Flaw]:
    """Nothing for an adapter whose partner is not asked."""
    follows = follower(subject.build())
    if follows is None:
        return
    tally = Tally()
    for dossier in Rehearsal(subject).start().sendable():
        rehearsal = Rehearsal(subject).start()
        lane = rehearsal.lane(dossier)
        for version in earlier_versions(dossier):
            for _ in lane.deliver(version):
                pass
        if any(isinstance(outcome, Accepted) for outcome in lane.outcomes.values()):
            rehearsal.conclude()
            _told(tally, follows, lane, dossier.code)
    _unheard_of(tally, Rehearsal(subject).start(), follows)
    yield from tally.flaws()


def feed_rule(subject: Subject) -> Iterator[Flaw]:
    """Nothing for an adapter whose partner has no feed."""
    feeds = feeder(subject.build())
    if feeds is None:
        return
    tally = Tally()
    rehearsal = Rehearsal(subject).start()
    for dossier in rehearsal.sendable():
        lane = rehearsal.lane(dossier)
        for version in earlier_versions(dossier):
            for _ in lane.deliver(version):
                pass
    rehearsal.conclude()
    known = _Known(tally, "feed")
    for later in (timedelta(), _LATER):
        context = msgspec.structs.replace(rehearsal.context({}), now=subject.now + later)
        _read_on(known, rehearsal, feeds, context)
    _feed_renews(tally, rehearsal, feeds)
    yield from tally.flaws()


class _Known:
    """Keys and contents of reports that were read before, by dossier."""

    def __init__(self, tally: Tally, where: str) -> None:
        self.tally = tally
        self.where = where
        self._contents: dict[tuple[str, str], str] = {}
        self._keys: dict[tuple[str, str], str] = {}

    def add(self, dossier: str, told: Progress | FeedPage) -> None:
        """Compare ``told`` with all that was told before; ``dossier`` is whose, where the answer does not say."""
        for flaw in unsound(told):
            self.tally.add(self.where, flaw, dossier)
        if isinstance(told, FeedPage):
            for change in told.changes:
                self._compare(change.dossier, Progress(reports=change.reports))
        else:
            self._compare(dossier, told)

    def _compare(self, dossier: str, told: Progress) -> None:
        for report in reports_of(told):
            said, example = content(report), f"{dossier} {report.kind}"
            if self._contents.setdefault((dossier, report.key), said) != said:
                self.tally.add(self.where, "gives two different reports one key", example)
            if self._keys.setdefault((dossier, said), report.key) != report.key:
                self.tally.add(
                    self.where, "gives the same report another key, so it would have two effects", example
                )


def _told(tally: Tally, follows: Follows, lane: Lane, dossier: str) -> None:
    """Everything that the partner has to say, asked for twice, the second time later."""
    known = _Known(tally, "progress")
    memory: Mapping[str, str] = lane.memory
    for later in (timedelta(), _LATER):
        rounds = 0
        while True:
            context = _context(lane.rehearsal, memory, later)
            told = _twice(tally, "progress", ask(lane.rehearsal, follows, dossier, context))
            if not isinstance(told, Progress):
                if isinstance(told, CannotRead):
                    tally.add("progress", f"no answer about what was delivered: {told.code}", dossier)
                return
            known.add(dossier, told)
            memory, rounds = remembered(memory, told), rounds + 1
            if not told.again:
                break
            if rounds >= ROUNDS:
                tally.add("progress", f"wants to ask again at once after {ROUNDS} answers", dossier)
                return
    _renews(tally, lane.rehearsal, follows, (dossier, memory))


def _twice(tally: Tally, where: str, asked: Asked) -> object:
    """What the answer says; a second reading of it must say the same."""
    first, second = (attempt(partial(asked.read, asked.response)) for _ in range(2))
    if not isinstance(first, Returned):
        tally.add(where, str(first), "the answer of the simulator")
        return None
    if first != second:
        tally.add(where, "reads the same answer in two ways", type(first.value).__name__)
    return first.value


def _context(rehearsal: Rehearsal, memory: Mapping[str, str], later: timedelta) -> Context:
    return msgspec.structs.replace(rehearsal.context(dict(memory)), now=rehearsal.subject.now + later)


def _renews(
    tally: Tally, rehearsal: Rehearsal, follows: Follows, about: tuple[str, Mapping[str, str]]
) -> None:
    dossier, memory = about
    before, rehearsal.fault = rehearsal.faults, _FAULT
    asked = ask(rehearsal, follows, dossier, rehearsal.context(dict(memory)))
    _require_renewal(tally, "progress", rehearsal, before, asked)


def _feed_renews(tally: Tally, rehearsal: Rehearsal, feeds: Feeds) -> None:
    before, rehearsal.fault = rehearsal.faults, _FAULT
    asked = turn_page(rehearsal, feeds, "", rehearsal.context({}))
    _require_renewal(tally, "feed", rehearsal, before, asked)


def _require_renewal(tally: Tally, where: str, rehearsal: Rehearsal, before: int, asked: Asked) -> None:
    rehearsal.fault = ""
    if rehearsal.faults == before or not rehearsal.adapter.credentials:
        return
    told = asked.read(asked.response)
    if not getattr(told, "renew", ()):
        tally.add(where, f"an expired credential gives {type(told).__name__} without renew", _FAULT)


def _unheard_of(tally: Tally, rehearsal: Rehearsal, follows: Follows) -> None:
    """A dossier that the partner does not have has no news, and does not end."""
    made = attempt(lambda: ask(rehearsal, follows, UNKNOWN, rehearsal.context({"partner_code": UNKNOWN})))
    if isinstance(made, Refused):
        return
    if not isinstance(made, Returned):
        tally.add("progress", str(made), UNKNOWN)
        return
    told = _twice(tally, "progress", made.value)
    if isinstance(told, Progress) and (told.reports or told.done):
        tally.add("progress", "has news of a dossier that the partner does not have", UNKNOWN)


def _read_on(known: _Known, rehearsal: Rehearsal, feeds: Feeds, context: Context) -> None:
    """The feed from its beginning to its end, acknowledged page by page."""
    cursor = ""
    for _ in range(PAGES):
        page = _twice(known.tally, "feed", turn_page(rehearsal, feeds, cursor, context))
        if not isinstance(page, FeedPage):
            if isinstance(page, CannotRead):
                known.tally.add("feed", f"cannot be read: {page.code}", f"from {cursor!r}")
            return
        known.add("", page)
        done = acknowledge(rehearsal, feeds, page, context)
        if done is not None and done.read(done.response) is not None:
            known.tally.add("feed", "the simulator's acknowledgement is not understood", f"from {cursor!r}")
        if not page.more:
            return
        if page.cursor == cursor:
            known.tally.add("feed", "has more, but the cursor does not move", f"at {cursor!r}")
            return
        cursor = page.cursor
    known.tally.add("feed", f"has no end after {PAGES} pages", f"at {cursor!r}")
