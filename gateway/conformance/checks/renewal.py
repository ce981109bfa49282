"""A credential that dies between two calls is renewed and costs nothing: no rejection, no doubt, no lost step.

Invariant: played with the simulator's own fault ``session_expired``, for sends, questions and reads.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conformance.finding import Flaw
from gateway.conformance.rehearsal import Lane, Rehearsal, batches
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Tally
from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Deferred, InDoubt, Outcome
from gateway.port import CannotRead, Read

FAULT = "session_expired"


def renewal_rule(subject: Subject) -> Iterator[Flaw]:
    """Expire the credential before every call; each says what to renew, and the second try succeeds."""
    rehearsal = Rehearsal(subject).start()
    if not rehearsal.adapter.credentials:
        return
    tally = Tally()
    for dossier in rehearsal.sendable():
        lane = rehearsal.lane(dossier)
        for batch in batches(rehearsal.adapter, lane.enqueue(dossier)):
            _send(tally, lane, batch)
            if rehearsal.adapter.manifest.operation(batch[0].operation).queryable:
                _ask(tally, lane, batch)
    _read(tally, rehearsal)
    if not rehearsal.faults:
        tally.add("simulator", f"has no fault {FAULT}, so nobody knows what the adapter does then", "twist")
    yield from tally.flaws()


def _send(tally: Tally, lane: Lane, batch: tuple[Delivery, ...]) -> None:
    before = lane.rehearsal.faults
    lane.rehearsal.fault = FAULT
    first, *_ = lane.send(batch)
    if lane.rehearsal.faults == before:
        return
    where, example = first.operation, f"{batch[0].dossier} {batch[0].key}"
    for outcome in first.outcomes:
        if not _renews(outcome):
            told = f"{type(outcome).__name__} instead of Deferred with renew and retry_after=0"
            tally.add(where, f"an expired credential is {told}", example)
    lane.resolve(batch)
    if not all(isinstance(lane.outcomes[delivery.id], Accepted) for delivery in batch):
        tally.add(where, "is not accepted after the credential was renewed", example)


def _renews(outcome: Outcome) -> bool:
    """Whether the hub will log in again. InDoubt is for a partner that may have died half-way through a batch."""
    match outcome:
        case Deferred(renew=renew, retry_after=wait):
            return bool(renew) and wait == 0
        case InDoubt(renew=renew):
            return bool(renew)
        case _:
            return False


def _ask(tally: Tally, lane: Lane, batch: tuple[Delivery, ...]) -> None:
    before = lane.rehearsal.faults
    lane.rehearsal.fault = FAULT
    exchange = lane.ask(batch)
    if lane.rehearsal.faults == before:
        return
    for outcome in exchange.outcomes:
        if not (isinstance(outcome, InDoubt) and outcome.ask_again and outcome.renew):
            told = f"{type(outcome).__name__} instead of InDoubt with ask_again and renew"
            where = f"{exchange.operation} (query)"
            tally.add(where, f"an expired credential is {told}", f"{batch[0].dossier} {batch[0].key}")
    lane.rehearsal.log_in([layer.name for layer in lane.rehearsal.adapter.credentials])


def _read(tally: Tally, rehearsal: Rehearsal) -> None:
    adapter, known = rehearsal.adapter, rehearsal.subject.specification.parameters
    for read in adapter.manifest.reads:
        parameters = {name: known.get(name, "H99") for name in read.parameters}
        before, rehearsal.fault = rehearsal.faults, FAULT
        request = adapter.encode_read(read.name, parameters, rehearsal.context({}))
        reading = adapter.interpret_read(read.name, parameters, rehearsal.call(request))
        if rehearsal.faults > before and (isinstance(reading, Read) or not reading.renew):
            told = "a reading" if isinstance(reading, Read) else f"CannotRead {reading.code} without renew"
            tally.add(f"read {read.name}", f"an expired credential is {told}", f"{parameters}")
        if isinstance(reading, CannotRead):
            rehearsal.log_in(reading.renew)
