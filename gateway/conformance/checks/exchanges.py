"""What an adapter and its partner make of each other: round trip, in-doubt question, repetition.

Invariant: played against the adapter's own simulator with real credentials; nothing is faked in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from gateway.conformance.finding import Flaw
from gateway.conformance.rehearsal import Lane, Rehearsal, batches
from gateway.conformance.samples import earlier_versions
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Raised, Refused, Tally, attempt
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.outcome import Accepted, Deferred, InDoubt, Outcome
from gateway.port import CannotRead, Operation

Batch = tuple[Delivery, ...]


def round_trip(subject: Subject) -> Iterator[Flaw]:
    """Everything planned is accepted and known to the partner; every read is answered; nothing is untried."""
    tally = Tally()
    tried: set[str] = set()
    rehearsal = Rehearsal(subject)
    for whole in (False, True):  # version by version, then only the last one: other batches, other states
        rehearsal = Rehearsal(subject).start()
        for dossier in rehearsal.sendable():
            lane = rehearsal.lane(dossier)
            versions = earlier_versions(dossier)
            queue = [each for version in versions[-1 if whole else 0 :] for each in lane.enqueue(version)]
            tried |= {delivery.operation for delivery in queue}
            sent = attempt(partial(_send_all, lane, queue))
            if isinstance(sent, Raised | Refused):
                tally.add("encode", str(sent), dossier.code)
            _compare(tally, lane, queue)
    for operation in subject.build().manifest.operations:
        if operation.name not in tried:
            tally.add(operation.name, "no sample calls for it; add one to spec/samples.jsonl", "not tried")
    yield from tally.flaws()
    rehearsal.conclude()
    yield from _reads(rehearsal)  # after the deliveries, so that a look-up finds what was sent


def query_rule(subject: Subject) -> Iterator[Flaw]:
    """The in-doubt question says "there" only of what was sent, and says it then."""
    tally = Tally()
    for whole in (False, True):
        rehearsal = Rehearsal(subject).start()
        for dossier in rehearsal.sendable():
            lane = rehearsal.lane(dossier)
            for version in earlier_versions(dossier)[-1 if whole else 0 :]:
                for batch in batches(rehearsal.adapter, lane.enqueue(version)):
                    operation = rehearsal.adapter.manifest.operation(batch[0].operation)
                    if operation.queryable:
                        _ask_around(tally, lane, batch, operation)
                    else:
                        lane.send(batch)
    yield from tally.flaws()


def repeat_rule(subject: Subject) -> Iterator[Flaw]:
    """A repeatable operation whose first answer was lost leaves what one call leaves; others can be asked about."""
    tally = Tally()
    manifest = subject.build().manifest
    for operation in manifest.operations:
        if not operation.repeatable and not operation.queryable and not _left_to_operator(operation):
            what = "neither repeatable nor queryable; the title must say that an operator decides"
            tally.add(operation.name, what, "after a lost answer")
    for dossier in Rehearsal(subject).start().sendable():
        once, twice = (Rehearsal(subject).start() for _ in range(2))
        _deliver(once, dossier, repeat=False)
        _deliver(twice, dossier, repeat=True)
        for path in differences(kept(once), kept(twice)):
            tally.add(
                "repeat", f"state differs after a repeatable operation was sent twice: {path}", dossier.code
            )
    yield from tally.flaws()


def _compare(tally: Tally, lane: Lane, queue: list[Delivery]) -> None:
    for delivery in queue:
        outcome = lane.outcomes.get(delivery.id)
        if not isinstance(outcome, Accepted):
            example = f"{delivery.dossier} {delivery.key}"
            tally.add(delivery.operation, f"not accepted: {_told(outcome)}", example)
    number = lane.memory.get("partner_code") or (queue[0].dossier if queue else "")
    if queue and not _mentions(lane.rehearsal.simulator.record(), number):
        tally.add("record", "the simulator's record does not know an accepted dossier", number)


def _send_all(lane: Lane, queue: list[Delivery]) -> None:
    for batch in batches(lane.rehearsal.adapter, queue):
        lane.send(batch)


def _reads(rehearsal: Rehearsal) -> Iterator[Flaw]:
    adapter, known = rehearsal.adapter, rehearsal.subject.specification.parameters
    for read in adapter.manifest.reads:
        missing = sorted(set(read.parameters) - set(known))
        if missing:
            what = f"spec/conformance.toml gives no [parameters] for {', '.join(missing)}"
            yield Flaw(where=f"read {read.name}", what=what)
            continue
        parameters = {name: known[name] for name in read.parameters}
        request = adapter.encode_read(read.name, parameters, rehearsal.context({}))
        reading = adapter.interpret_read(read.name, parameters, rehearsal.call(request))
        if isinstance(reading, CannotRead):
            yield Flaw(where=f"read {read.name}", what=f"no answer: {reading.code}: {reading.reason}")
        elif not reading.entries:
            yield Flaw(
                where=f"read {read.name}", what=f"nothing found with {parameters}; give one that is there"
            )


def _ask_around(tally: Tally, lane: Lane, batch: Batch, operation: Operation) -> None:
    example = f"{batch[0].dossier} {batch[0].key}"
    claims = [each for each in lane.ask(batch).outcomes if not isinstance(each, Deferred | InDoubt)]
    before = kept(lane.rehearsal) if claims else None
    if len(batch) > 1:
        lane.send(batch[:1])
        _ask_half(tally, lane, batch, operation)
    lane.send(batch[1:] or batch)
    # A version whose change this partner is not told says what it already has; then "there" is true.
    if claims and kept(lane.rehearsal) != before:
        tally.add(operation.name, f"{_told(claims[0])} about what was never sent", example)
    for outcome in lane.ask(batch).outcomes:
        # A partner that shows only that a dossier is there cannot tell a second snapshot from the first; then
        # the honest answer is InDoubt, and only what may be repeated can live with it.
        if not isinstance(outcome, Accepted) and not (operation.repeatable and isinstance(outcome, InDoubt)):
            tally.add(operation.name, f"{_told(outcome)} about what was sent and accepted", example)


def _ask_half(tally: Tally, lane: Lane, batch: Batch, operation: Operation) -> None:
    """A batch of which only the first delivery arrived must not pass for arrived."""
    for outcome in lane.ask(batch).outcomes[1:]:
        if isinstance(outcome, Accepted):
            what = f"{_told(outcome)} about a delivery whose neighbour alone was sent"
            tally.add(operation.name, what, f"{batch[0].dossier} {batch[-1].key}")


def _left_to_operator(operation: Operation) -> bool:
    return "operator" in operation.title.lower()


def _deliver(rehearsal: Rehearsal, dossier: Dossier, *, repeat: bool) -> None:
    """Deliver; with ``repeat`` the first answer to every repeatable operation is lost and nothing was learnt."""
    lane = rehearsal.lane(dossier)
    for batch in batches(rehearsal.adapter, lane.enqueue(dossier)):
        if repeat and rehearsal.adapter.manifest.operation(batch[0].operation).repeatable:
            rehearsal.call(rehearsal.adapter.encode(batch, rehearsal.context(lane.memory)))
        lane.send(batch)


def kept(rehearsal: Rehearsal) -> Any:
    """The partner's state; a copy, and without its log of what came in."""
    return _state(deepcopy(rehearsal.simulator.record()), rehearsal.subject.specification.log)


def _state(record: Any, log: tuple[str, ...]) -> Any:
    match record:
        case Mapping():
            return {key: _state(value, log) for key, value in record.items() if key not in log}
        case list() | tuple():
            return [_state(value, log) for value in record]
        case _:
            return record


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Paths at which two JSON documents differ; the number in a list path is not told, so that alike ones meet."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key), other.get(key), f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for left, right in zip(one, other, strict=True):
            yield from differences(left, right, f"{path}/*")
    elif one != other:
        yield path or "/"


def _mentions(document: Any, text: str) -> bool:
    match document:
        case Mapping():
            return any(_mentions(key, text) or _mentions(value, text) for key, value in document.items())
        case list() | tuple():
            return any(_mentions(value, text) for value in document)
        case _:
            return bool(document == text)


def _told(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "never answered"
        case Accepted():
            return "Accepted"
        case _:
            return f"{type(outcome).__name__} {outcome.code}: {outcome.reason[:120]}"
