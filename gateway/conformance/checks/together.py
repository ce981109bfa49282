"""Deliveries of several lanes in one call (``Operation.across``): each fares as it would have fared alone.

Invariant: two rehearsals that differ in nothing but the company; played against the adapter's own simulator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby, zip_longest

import msgspec

from gateway.conformance.checks.exchanges import differences, kept
from gateway.conformance.finding import Flaw
from gateway.conformance.rehearsal import Lane, Rehearsal, batches
from gateway.conformance.samples import earlier_versions
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Raised, Refused, Tally, attempt
from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Outcome
from gateway.port import Operation, WireRequest, WireResponse

Rider = tuple[Lane, Delivery]

_ALONE = ("batch",)  # what a lane learns from being refused together
_NOTHING = WireResponse(status=200)


def together_rule(subject: Subject) -> Iterator[Flaw]:
    """What the partner has, what each lane got and what it learnt is the same with and without company."""
    tally = Tally()
    for operation in subject.build().manifest.operations:
        if operation.across > 1:
            _compare(tally, subject, operation)
    yield from tally.flaws()


def _compare(tally: Tally, subject: Subject, operation: Operation) -> None:
    journeys = [_Journey(subject, operation, size, tally) for size in (1, operation.across)]
    for alone, shared in zip(*(journey.lanes() for journey in journeys), strict=True):
        name, one, other = alone[0], alone[1], shared[1]
        for delivery, outcome in one.outcomes.items():
            company = other.outcomes.get(delivery)
            if isinstance(outcome, Accepted) != isinstance(company, Accepted):
                what = f"{_told(outcome)} alone, {_told(company)} in company"
                tally.add(operation.name, what, name)
        if _learnt(one) != _learnt(other):
            tally.add(operation.name, "a lane learns something else in company", name)
    for path in differences(*(kept(journey.rehearsal) for journey in journeys)):
        tally.add(operation.name, "the partner has something else when lanes share a call", path)
    if not journeys[1].shared:
        tally.add(operation.name, "no two samples ever share a call", f"across={operation.across}")


class _Journey:
    """Every sample's first and last version on their way, ``size`` lanes to a call."""

    def __init__(self, subject: Subject, operation: Operation, size: int, tally: Tally) -> None:
        self.rehearsal = Rehearsal(subject).start()
        self.shared = 0
        self._operation = operation
        self._size = size
        self._tally = tally

    def lanes(self) -> list[tuple[str, Lane]]:
        """The lanes, by dossier, after everything was sent."""
        dossiers = self.rehearsal.sendable()
        lanes = [(dossier.code, self.rehearsal.lane(dossier)) for dossier in dossiers]
        for version in (0, -1):
            queues = [
                [(lane, delivery) for delivery in lane.enqueue(earlier_versions(dossier)[version])]
                for dossier, (_, lane) in zip(dossiers, lanes, strict=True)
            ]
            for row in zip_longest(*queues):  # one delivery of each lane at a time, as the hub does
                self._send([rider for rider in row if rider is not None])
        return lanes

    def _send(self, riders: Sequence[Rider]) -> None:
        for rider in riders:
            if rider[1].operation != self._operation.name:
                self._alone(rider)
        going = sorted(
            (rider for rider in riders if rider[1].operation == self._operation.name), key=self._kind
        )
        for _, alike in groupby(going, key=self._kind):
            company = list(alike)
            for at in range(0, len(company), self._size):
                self._together(company[at : at + self._size])

    def _kind(self, rider: Rider) -> tuple[str, ...]:
        return tuple(rider[0].memory.get(name, "") for name in self._operation.alike)

    def _alone(self, rider: Rider) -> None:
        lane, delivery = rider
        for batch in batches(self.rehearsal.adapter, [delivery]):
            lane.send(batch)

    def _together(self, riders: list[Rider]) -> None:
        outcomes = self._exchange(riders) if len(riders) > 1 else None
        for place, (lane, delivery) in enumerate(riders):
            if outcomes is not None:
                lane.memory.update(outcomes[place].learned)
                lane.outcomes[delivery.id] = outcomes[place]
            if outcomes is None or not isinstance(outcomes[place], Accepted):
                self._alone((lane, delivery))  # as the hub does with what was refused together

    def _exchange(self, riders: list[Rider]) -> Sequence[Outcome] | None:
        adapter, batch = self.rehearsal.adapter, tuple(delivery for _, delivery in riders)
        memories = {delivery.id: dict(lane.memory) for lane, delivery in riders}
        context = msgspec.structs.replace(self.rehearsal.context({}), memories=memories)
        names = ", ".join(delivery.dossier for delivery in batch[:3])
        encoded, again = (attempt(partial(adapter.encode, batch, context)) for _ in range(2))
        if isinstance(encoded, Raised | Refused):
            self._tally.add(self._operation.name, f"deliveries that go alone: together {encoded}", names)
            return None
        request: WireRequest = encoded.value
        if again != encoded:
            self._tally.add(self._operation.name, "the same deliveries give other bytes in company", names)
        self.shared += 1
        outcomes = None
        for response in (_NOTHING, self.rehearsal.call(request)):
            read = attempt(partial(adapter.interpret, batch, response, context))
            outcomes = None if isinstance(read, Raised | Refused) else list(read.value)
            if outcomes is None or len(outcomes) != len(batch):
                told = str(read) if outcomes is None else f"gives {len(outcomes)} outcomes"
                self._tally.add(self._operation.name, f"{told} for {len(batch)} lanes", names)
                return None
            if response is _NOTHING and any(isinstance(outcome, Accepted) for outcome in outcomes):
                self._tally.add(self._operation.name, "an empty answer is a success in company", names)
        return outcomes


def _learnt(lane: Lane) -> dict[str, str]:
    return {name: value for name, value in lane.memory.items() if name not in _ALONE and value}


def _told(outcome: Outcome | None) -> str:
    return "nothing" if outcome is None else type(outcome).__name__
