"""What the examples must contain: one wish per dossier, with fixed numbers of each ending.

Invariant: ``QUOTAS`` says how many dossiers end in each state; everything else is drawn per dossier from its own
random source, so that a change to one dossier leaves the others as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from examples.catalogue import PROCEDURES, Duration, ExampleProcedure
from examples.journey import Timing
from examples.worktime import is_working_day
from gateway.domain.dossier import ApplicantKind, Channel
from gateway.domain.status import Status

QUOTAS: dict[Status, int] = {
    Status.REGISTERED: 22,
    Status.RECEIVED: 26,
    Status.REFUSED: 30,
    Status.PROCESSING: 58,
    Status.SUPPLEMENT_REQUESTED: 34,
    Status.PAYMENT_REQUESTED: 24,
    Status.WITHDRAWN: 24,
    Status.STOPPED: 22,
    Status.FINISHED: 74,
    Status.RETURNED: 246,
}
FIRST_DAY = date(2026, 1, 5)
CLOSED = frozenset({Status.FINISHED, Status.RETURNED})
SECOND_SOURCE_PERCENT = 12
TET_DOSSIERS = 36


_TIMINGS = (Timing.EARLY,) * 12 + (Timing.SAME_DAY,) * 5 + (Timing.AFTER_HOUR,) * 2 + (Timing.LATE,) * 2


class Trait(StrEnum):
    """Something that happens to some dossiers."""

    FEE_PAUSE = "fee_pause"
    REAPPOINTED = "reappointed"
    REAPPOINTED_TOO_LATE = "reappointed_too_late"
    REFUSED_AFTER_REVIEW = "refused_after_review"
    STOPPED_ONCE = "stopped_once"
    IMMEDIATE = "immediate"
    NO_PROMISE = "no_promise"
    LATE_QUESTION = "late_question"
    DECOMPOSED = "decomposed"
    STILL_IN_TIME = "still_in_time"


class CodeStyle(StrEnum):
    """How the dossier number is written (national_portal §3)."""

    NEW = "new"
    OLD = "old"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One dossier as it is wanted. ``rounds``: answered supplement rounds; ``versions``: at most so many."""

    number: int
    ending: Status
    timing: Timing
    procedure: ExampleProcedure
    agency: str
    channel: Channel
    kind: ApplicantKind
    source: str
    style: CodeStyle
    rounds: int
    versions: int
    over_tet: bool
    traits: frozenset[Trait]


def chance(*key: object) -> Random:
    """The random source that belongs to ``key``: the same key, the same numbers, on every machine."""
    return Random(":".join(map(str, key)))  # noqa: S311 - invented data, no secret


def wishes(seed: int) -> list[Wish]:
    """All wishes in order of their number; the endings are mixed."""
    endings = [ending for ending, count in QUOTAS.items() for _ in range(count)]
    mixer = chance(seed, "endings")
    mixer.shuffle(endings)
    closed = [number for number, ending in enumerate(endings, start=1) if ending in CLOSED]
    over_tet = frozenset(mixer.sample(closed, TET_DOSSIERS))
    return [
        _wish(chance(seed, "wish", number), number, ending, over_tet=number in over_tet)
        for number, ending in enumerate(endings, start=1)
    ]


def first_day(wish: Wish, rng: Random) -> date:
    """The working day on which the way of ``wish`` begins."""
    if wish.over_tet:
        first, days = date(2026, 2, 9), 5
    elif wish.ending in CLOSED or wish.ending in {Status.REFUSED, Status.WITHDRAWN, Status.STOPPED}:
        first, days = FIRST_DAY, 288
    elif Trait.STILL_IN_TIME in wish.traits:
        first, days = (date(2026, 10, 12), 16) if wish.procedure.amount > 30 else (date(2026, 10, 26), 4)
    else:  # what is open is mostly recent
        first, days = rng.choice(((date(2026, 9, 21), 38), (date(2026, 10, 12), 18), (date(2026, 6, 1), 110)))
    day = first + timedelta(days=rng.randrange(days))
    while not is_working_day(day):
        day -= timedelta(days=1)
    return max(day, FIRST_DAY)


def _wish(rng: Random, number: int, ending: Status, *, over_tet: bool) -> Wish:
    traits = _traits(rng, ending, over_tet=over_tet)
    procedure = _procedure(rng, ending, traits, over_tet=over_tet)
    received = ending not in {Status.REGISTERED, Status.REFUSED}
    return Wish(
        number=number,
        ending=ending,
        timing=rng.choice(_TIMINGS),
        procedure=procedure,
        agency=rng.choice(procedure.agencies),
        channel=_channel(rng, ending, traits),
        kind=_kind(rng),
        source="opencps" if rng.randrange(100) < SECOND_SOURCE_PERCENT else "one-door",
        style=_style(rng) if received else CodeStyle.NEW,
        rounds=_rounds(rng, ending, traits),
        versions=rng.choice((2, 2, 2, 3, 3, 4)) if rng.randrange(100) < 64 else 1,
        over_tet=over_tet,
        traits=traits,
    )


def _traits(rng: Random, ending: Status, *, over_tet: bool) -> frozenset[Trait]:
    found: set[Trait] = set()
    chance = rng.randrange(100)
    if rng.randrange(100) < 8:
        found.add(Trait.DECOMPOSED)
    if ending is Status.SUPPLEMENT_REQUESTED and chance < 20:
        found.add(Trait.LATE_QUESTION)
    if ending in {Status.PROCESSING, Status.RECEIVED} and chance < 8:
        found.add(Trait.NO_PROMISE)
    if ending in {Status.PROCESSING, Status.RECEIVED} and chance >= 45:
        found.add(Trait.STILL_IN_TIME)
    if ending not in CLOSED:
        return frozenset(found)
    if not over_tet and chance < 7:
        return frozenset({*found, Trait.IMMEDIATE})
    for limit, trait in (
        (14, Trait.FEE_PAUSE),
        (22, Trait.REAPPOINTED),
        (25, Trait.REAPPOINTED_TOO_LATE),
        (31, Trait.REFUSED_AFTER_REVIEW),
        (35, Trait.STOPPED_ONCE),
    ):
        if chance < limit:
            return frozenset({*found, trait})
    return frozenset(found)


def _procedure(rng: Random, ending: Status, traits: frozenset[Trait], *, over_tet: bool) -> ExampleProcedure:
    if Trait.STILL_IN_TIME in traits:
        return rng.choice([p for p in PROCEDURES if p.duration is Duration.MONTHS or p.amount >= 20])
    certified = [p for p in PROCEDURES if p.duration is Duration.WORKING_HOURS]
    longer = [p for p in PROCEDURES if p.duration is Duration.WORKING_DAYS and p.amount >= 5]
    if Trait.IMMEDIATE in traits:
        return certified[0]
    if Trait.FEE_PAUSE in traits or ending is Status.PAYMENT_REQUESTED:
        return rng.choice([p for p in longer if p.fee])
    if traits & {Trait.REAPPOINTED, Trait.REAPPOINTED_TOO_LATE}:
        return rng.choice(longer)
    if over_tet:
        return rng.choice([p for p in PROCEDURES if p.duration is Duration.WORKING_DAYS and p.amount <= 10])
    return rng.choice(PROCEDURES)


def _channel(rng: Random, ending: Status, traits: frozenset[Trait]) -> Channel:
    if Trait.IMMEDIATE in traits:
        return Channel.COUNTER
    if ending is Status.REGISTERED:
        return rng.choice((Channel.ONLINE, Channel.ONLINE, Channel.ONLINE, Channel.POST))
    return rng.choice((Channel.COUNTER,) * 6 + (Channel.ONLINE,) * 11 + (Channel.POST,) * 3)


def _kind(rng: Random) -> ApplicantKind:
    kinds = ApplicantKind
    return rng.choice(
        (kinds.CITIZEN,) * 14 + (kinds.ENTERPRISE,) * 4 + (kinds.AGENCY,) + (kinds.ORGANISATION,) * 2
    )


def _style(rng: Random) -> CodeStyle:
    return rng.choice((CodeStyle.NEW,) * 16 + (CodeStyle.OLD,) * 3 + (CodeStyle.FOREIGN,))


def _rounds(rng: Random, ending: Status, traits: frozenset[Trait]) -> int:
    at_counter = ending in {Status.REGISTERED, Status.REFUSED, Status.RECEIVED}
    if at_counter or traits & {Trait.IMMEDIATE, Trait.STILL_IN_TIME}:
        return 0
    chance = rng.randrange(100)
    if ending is Status.SUPPLEMENT_REQUESTED:
        return 1 if chance < 15 else 0
    return 2 if chance < 4 else 1 if chance < 18 else 0
