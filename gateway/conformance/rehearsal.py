"""A lane played against the adapter's own simulator, in memory: what the hub does, without the hub.

Invariant: an exchange is exactly what an adapter would have sent and received; nothing is corrected on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from urllib.parse import urlsplit

import msgspec

from gateway.conformance.subject import Subject
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.outcome import Accepted, Deferred, InDoubt, Outcome, remembered
from gateway.port import (
    Adapter,
    Context,
    Denied,
    Read,
    ReadOperation,
    SimulatedRequest,
    Simulator,
    WireRequest,
    WireResponse,
)

MOST_TRIES = 4

Encode = Callable[[Sequence[Delivery], Context], WireRequest]
Interpret = Callable[[Sequence[Delivery], WireResponse, Context], Sequence[Outcome]]


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request, its answer and what the adapter made of it."""

    operation: str
    deliveries: tuple[Delivery, ...]
    context: Context
    request: WireRequest
    response: WireResponse
    outcomes: tuple[Outcome, ...]

    @property
    def accepted(self) -> bool:
        """Whether every delivery was accepted."""
        return bool(self.outcomes) and all(isinstance(outcome, Accepted) for outcome in self.outcomes)


class CredentialRefused(Exception):
    """The simulator refused a credential layer of the adapter; the message says which and why."""


class Rehearsal:
    """An adapter and its simulator, talking to each other.

    ``fault`` is asked of the simulator with the next call; ``faults`` counts how often it had such an answer.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.adapter: Adapter = subject.build()
        self.simulator: Simulator = subject.simulate()
        self.credentials: dict[str, str] = {}
        self.catalogues: dict[str, dict[str, object]] = {}
        self.fault = ""
        self.faults = 0
        self._ids = 1

    def call(self, request: WireRequest) -> WireResponse:
        """What the simulator answers to ``request``; in the way of ``fault`` if it has such an answer, once."""
        parts = urlsplit(request.url)
        received = SimulatedRequest(
            method=request.method,
            path=parts.path,
            query=parts.query,
            headers=request.headers,
            body=request.body,
            now=self.subject.now,
        )
        fault, self.fault = self.fault, ""
        twisted = self.simulator.twist(fault, received) if fault else None
        self.faults += twisted is not None
        answer = twisted or self.simulator.handle(received)
        return WireResponse(status=answer.status, headers=answer.headers, body=answer.body)

    def log_in(self, names: Sequence[str] = ()) -> None:
        """Obtain every credential layer, or ``names`` anew; CredentialRefused when one is denied."""
        for layer in self.adapter.credentials:
            if layer.name in self.credentials and layer.name not in names:
                continue
            grant = layer.read(self.call(layer.request(self.credentials)))
            if isinstance(grant, Denied):
                raise CredentialRefused(f"{layer.name}: {grant.code}: {grant.reason}")
            self.credentials[layer.name] = grant.value

    def fetch_catalogues(self) -> None:
        """Fill the catalogues as the hub's job does: whole ones, and per procedure for those that occur."""
        for read in self.adapter.manifest.reads:
            for parameters in self._parameter_sets(read) if read.catalogue else ():
                request = self.adapter.encode_read(read.name, parameters, self.context({}))
                reading = self.adapter.interpret_read(read.name, parameters, self.call(request))
                if isinstance(reading, Read):
                    self.catalogues[read.name] = {**self.catalogues.get(read.name, {}), **reading.entries}

    def _parameter_sets(self, read: ReadOperation) -> list[dict[str, str]]:
        if read.parameters == ("procedure",):
            procedures = (dossier.procedure for dossier in self.subject.samples)
            codes = dict.fromkeys(procedure.national_code or procedure.code for procedure in procedures)
            return [{"procedure": code} for code in codes]
        return [] if read.parameters else [{}]

    def context(self, memory: dict[str, str]) -> Context:
        """What the hub would lend for a lane with this memory."""
        return Context(
            now=self.subject.now,
            credentials=dict(self.credentials),
            memory=dict(memory),
            catalogues=self.catalogues,
            files=self.subject.files,
        )

    def start(self) -> Rehearsal:
        """Log in and fetch the catalogues; itself, for chaining."""
        self.log_in()
        self.fetch_catalogues()
        return self

    def sendable(self) -> list[Dossier]:
        """The samples that this partner is told about and would not refuse."""
        return [
            dossier
            for dossier in self.subject.samples
            if self.adapter.wants(dossier) and not self.adapter.check(dossier, self.catalogues)
        ]

    def conclude(self) -> None:
        """What somebody else does at the partner after the deliveries, by the specification."""
        for deed in self.subject.specification.aftermath:
            self.simulator.administer(deed.action, deed.written())

    def lane(self, dossier: Dossier) -> Lane:
        """A new lane for ``dossier``."""
        codes = self.adapter.partner_codes(dossier)
        return Lane(rehearsal=self, memory={"partner_code": codes[0]} if codes else {})

    def next_id(self) -> int:
        """A number from which a dossier's deliveries may count."""
        self._ids += 10_000
        return self._ids


class Lane:
    """One dossier's way to the partner: deliveries in order, memory of what was learnt.

    ``outcomes`` holds the last outcome of every delivery that was sent, by its id.
    """

    def __init__(self, *, rehearsal: Rehearsal, memory: dict[str, str]) -> None:
        self.rehearsal = rehearsal
        self.memory = memory
        self.outcomes: dict[int, Outcome] = {}
        self._known: set[tuple[str, str]] = set()

    def enqueue(self, dossier: Dossier) -> list[Delivery]:
        """The deliveries that this version calls for and that the lane does not have yet; none if unwanted."""
        adapter = self.rehearsal.adapter
        if not adapter.wants(dossier) or adapter.check(dossier, self.rehearsal.catalogues):
            return []
        fresh = [
            delivery
            for delivery in deliveries(adapter, dossier, first=self.rehearsal.next_id())
            if (delivery.operation, delivery.key) not in self._known
        ]
        self._known |= {(delivery.operation, delivery.key) for delivery in fresh}
        return fresh

    def send(self, batch: tuple[Delivery, ...]) -> list[Exchange]:
        """Send one batch, and again at once what the outcomes want sent again at once; every exchange in order."""
        exchanges = [self.send_once(batch)]
        while len(exchanges) < MOST_TRIES:
            again = {
                delivery: outcome
                for delivery, outcome in zip(exchanges[-1].deliveries, exchanges[-1].outcomes, strict=True)
                if isinstance(outcome, Deferred) and (outcome.renew or outcome.retry_after == 0)
            }
            if not again:
                break
            self.rehearsal.log_in([name for outcome in again.values() for name in outcome.renew])
            exchanges.append(self.send_once(tuple(again)))
        return exchanges

    def send_once(self, batch: tuple[Delivery, ...]) -> Exchange:
        """Exactly one call; what it taught is remembered."""
        adapter = self.rehearsal.adapter
        exchange = self._exchange(batch, adapter.encode, adapter.interpret)
        for delivery, outcome in zip(batch, exchange.outcomes, strict=True):
            self.memory = remembered(self.memory, [outcome])
            self.outcomes[delivery.id] = outcome
        return exchange

    def ask(self, batch: tuple[Delivery, ...]) -> Exchange:
        """The in-doubt query about ``batch``."""
        adapter = self.rehearsal.adapter
        return self._exchange(batch, adapter.encode_query, adapter.interpret_query)

    def _exchange(self, batch: tuple[Delivery, ...], encode: Encode, interpret: Interpret) -> Exchange:
        context = self.rehearsal.context(self.memory)
        request = encode(batch, context)
        response = self.rehearsal.call(request)
        return Exchange(
            operation=batch[0].operation,
            deliveries=batch,
            context=context,
            request=request,
            response=response,
            outcomes=tuple(interpret(batch, response, context)),
        )

    def resolve(self, batch: tuple[Delivery, ...]) -> None:
        """Settle what is in doubt by asking once, and send again what is surely absent; as the hub does."""
        doubtful = {
            delivery: outcome
            for delivery in batch
            if isinstance(outcome := self.outcomes.get(delivery.id), InDoubt)
        }
        if not doubtful or not self.rehearsal.adapter.manifest.operation(batch[0].operation).queryable:
            return
        self.rehearsal.log_in([name for outcome in doubtful.values() for name in outcome.renew])
        asked = self.ask(tuple(doubtful))
        for delivery, outcome in zip(doubtful, asked.outcomes, strict=True):
            self.outcomes[delivery.id] = outcome
            if isinstance(outcome, Deferred):
                self.send((delivery,))

    def deliver(self, dossier: Dossier) -> Iterator[Exchange]:
        """Everything that ``dossier`` calls for, batch by batch."""
        for batch in batches(self.rehearsal.adapter, self.enqueue(dossier)):
            yield from self.send(batch)


def deliveries(adapter: Adapter, dossier: Dossier, *, first: int = 1) -> list[Delivery]:
    """What the hub would enqueue for ``dossier`` in an empty lane, numbered from ``first``."""
    return [
        Delivery(
            id=number,
            lane=1,
            destination=adapter.manifest.name,
            dossier=dossier.code,
            operation=planned.operation,
            key=planned.key,
            position=number,
            payload=planned.payload,
        )
        for number, planned in enumerate(adapter.plan(dossier), start=first)
    ]


def batches(adapter: Adapter, queue: Sequence[Delivery]) -> Iterator[tuple[Delivery, ...]]:
    """Consecutive deliveries of one operation, at most ``Operation.batch`` together."""
    for name, run in groupby(queue, key=lambda delivery: delivery.operation):
        size, together = adapter.manifest.operation(name).batch, list(run)
        yield from (tuple(together[at : at + size]) for at in range(0, len(together), size))
