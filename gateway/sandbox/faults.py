"""Which fault hits which request: a plan is a seed with rules, a decision is a pure function of both.

Invariant: ``decide`` depends on nothing but the plan, the stand-in's catalogue, the service and how many requests of
that service came before. Same plan and same traffic per service, same faults, whatever the timing.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from gateway.domain.errors import RecordError
from gateway.sandbox.damage import SOCKET_FAULTS

ANY = "any"
"""In a rule: any fault that fits the request, socket-level or application-level, drawn by seed."""

REMEMBERED_HITS = 10_000


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a fault strikes. Exactly one of ``probability``, ``every_nth`` and ``first_n`` is given.

    ``fault`` is a name or ``any``; ``service`` a shell pattern. The rule sleeps for the first ``after`` requests of
    a service and ends with request number ``before`` (exclusive). ``seconds`` is how long a slow answer takes or a
    refused connection lasts, ``retry_after`` what a 429 or 503 says; None leaves both to the fault.
    """

    fault: str
    probability: float | None = None
    every_nth: int | None = None
    first_n: int | None = None
    service: str = "*"
    after: int = 0
    before: int | None = None
    seconds: float | None = None
    retry_after: int | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.probability, self.every_nth, self.first_n) if each is not None]
        if len(given) != 1 or given[0] < 0 or self.every_nth == 0:
            raise ValueError(
                f"fault rule {self.fault!r}: give exactly one of probability, every_nth and first_n, not negative"
            )

    def strikes(self, ordinal: int, draw: float) -> bool:
        """Whether request number ``ordinal`` (from 1) of a matching service is hit; ``draw`` is in [0, 1)."""
        if ordinal <= self.after or (self.before is not None and ordinal >= self.before):
            return False
        active = ordinal - self.after
        if self.probability is not None:
            return draw < self.probability
        if self.every_nth is not None:
            return active % self.every_nth == 0
        return self.first_n is not None and active <= self.first_n


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules in order of precedence: the first one that strikes decides."""

    seed: int = 0
    rules: tuple[FaultRule, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried on one request: ``faults`` in order, until one fits."""

    service: str
    ordinal: int
    rule: FaultRule
    faults: tuple[str, ...]


def calm() -> FaultPlan:
    """No faults at all."""
    return FaultPlan()


def five_percent(seed: int) -> FaultPlan:
    """Every twentieth request on average meets any fault of the catalogue, with waits short enough for a test."""
    return FaultPlan(seed=seed, rules=(FaultRule(fault=ANY, probability=0.05, seconds=0.1, retry_after=1),))


def storm(seed: int) -> FaultPlan:
    """A partner on a very bad day: short outages, and faults on two requests of five."""
    return FaultPlan(
        seed=seed,
        rules=(
            FaultRule(fault="refused", every_nth=150, seconds=0.5),
            FaultRule(fault="lost_reply", probability=0.08),
            FaultRule(fault=ANY, probability=0.35, seconds=0.2, retry_after=1),
        ),
    )


PRESETS = {"calm": lambda _seed: calm(), "five_percent": five_percent, "storm": storm}


def decide(plan: FaultPlan, catalogue: Sequence[str], service: str, ordinal: int) -> Decision | None:
    """The decision for request number ``ordinal`` (from 1) of ``service``; None when nothing strikes."""
    for index, rule in enumerate(plan.rules):
        if not fnmatchcase(service, rule.service):
            continue
        draw = _draw(plan.seed, index, service, ordinal)
        if rule.strikes(ordinal, draw):
            faults = _shuffled(catalogue, plan.seed, service, ordinal) if rule.fault == ANY else (rule.fault,)
            return Decision(service=service, ordinal=ordinal, rule=rule, faults=faults)
    return None


class Injector:
    """Counts requests per service, decides by plan, and remembers what was really injected."""

    def __init__(self, plan: FaultPlan, application: Sequence[str]) -> None:
        self._catalogue = tuple(sorted({*SOCKET_FAULTS, *application}))
        self._plan = FaultPlan()
        self.use(plan)

    def use(self, plan: FaultPlan) -> None:
        """Follow another plan from request number 1 on. RecordError names a fault that nobody knows."""
        unknown = {rule.fault for rule in plan.rules} - {ANY, *self._catalogue}
        if unknown:
            known = ", ".join((ANY, *self._catalogue))
            raise RecordError(f"fault plan: got {', '.join(sorted(unknown))}, expected some of {known}")
        self._plan = plan
        self._requests: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._passed_over: Counter[str] = Counter()
        self._hits: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_HITS)

    def restart(self) -> None:
        """Forget all traffic; the plan begins anew."""
        self.use(self._plan)

    def next(self, service: str) -> Decision | None:
        """Count one more request of ``service`` and decide about it."""
        self._requests[service] += 1
        return decide(self._plan, self._catalogue, service, self._requests[service])

    def ordinal(self, service: str) -> int:
        """How many requests of ``service`` have come so far."""
        return self._requests[service]

    def note(self, decision: Decision, fault: str | None) -> None:
        """Remember what a decision came to; None: no fault of it fitted the request."""
        if fault is None:
            self._passed_over.update(decision.faults[:1])
            return
        self._counts[fault] += 1
        self._hits.append({"fault": fault, "service": decision.service, "ordinal": decision.ordinal})

    def report(self) -> dict[str, Any]:
        """The plan, the traffic and what was injected, as JSON; ``injected`` holds the latest hits in order."""
        return {
            "plan": {"seed": self._plan.seed, "rules": msgspec.to_builtins(list(self._plan.rules))},
            "catalogue": list(self._catalogue),
            "requests": dict(self._requests),
            "total": sum(self._requests.values()),
            "counts": dict(sorted(self._counts.items())),
            "passed_over": dict(self._passed_over),
            "injected": list(self._hits),
        }


def _draw(seed: int, *place: object) -> float:
    digest = hashlib.blake2b(":".join(map(str, (seed, *place))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _shuffled(catalogue: Sequence[str], seed: int, service: str, ordinal: int) -> tuple[str, ...]:
    return tuple(sorted(catalogue, key=lambda fault: _draw(seed, "pick", service, ordinal, fault)))
