"""The partner's record of a dossier, for adapters that can ask for it: what was told is found there, what was not is missed.

Invariant: played against the adapter's own simulator, and judged by the very comparison that the gateway uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.conformance.finding import Flaw
from gateway.conformance.rehearsal import Lane, Rehearsal, batches
from gateway.conformance.samples import earlier_versions
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Tally
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.outcome import Accepted
from gateway.port import (
    REPAIR_PREFIX,
    CannotRead,
    Expected,
    NoRecord,
    OperationKind,
    PartnerRecord,
    RecordReading,
    ShowsRecords,
    record_reader,
)
from gateway.statussync.compare import NOTHING_UNDERWAY, compare

_FAULT = "session_expired"


def record_rule(subject: Subject) -> Iterator[Flaw]:
    """Nothing for an adapter whose partner cannot be asked."""
    reader = record_reader(subject.build())
    if reader is None:
        return
    tally = Tally()
    for dossier in Rehearsal(subject).start().sendable():
        _told_is_there(tally, Stage(subject, dossier))
        _untold_is_missed(tally, subject, dossier)
    _renews(tally, Rehearsal(subject).start())
    yield from tally.flaws()


class Stage:
    """A dossier on its way to a fresh partner."""

    def __init__(self, subject: Subject, dossier: Dossier) -> None:
        self.rehearsal = Rehearsal(subject).start()
        self.dossier = dossier
        self.lane: Lane = self.rehearsal.lane(dossier)
        self.delivered: list[Delivery] = []

    @property
    def reader(self) -> ShowsRecords:
        """The adapter, as one that can ask."""
        reader = record_reader(self.rehearsal.adapter)
        if reader is None:
            raise AssertionError("it was there when the check began")
        return reader

    def ask(self) -> RecordReading:
        """What the partner has now."""
        return _ask(self.rehearsal, self.dossier.code, self.lane.memory)

    def expected(self, deliveries: Sequence[Delivery]) -> Expected | None:
        """What it must have."""
        return self.reader.expected_record(deliveries, self.rehearsal.context(self.lane.memory))

    def deliver(self, without: str = "") -> None:
        """Tell everything, version by version, but the event with the key ``without``."""
        for version in earlier_versions(self.dossier):
            fresh = [each for each in self.lane.enqueue(version) if each.key != without]
            for batch in batches(self.rehearsal.adapter, fresh):
                self.lane.send(batch)
                self.delivered += [
                    each for each in batch if isinstance(self.lane.outcomes.get(each.id), Accepted)
                ]


def _ask(rehearsal: Rehearsal, dossier: str, memory: dict[str, str]) -> RecordReading:
    reader, context = record_reader(rehearsal.adapter), rehearsal.context(memory)
    if reader is None:
        raise AssertionError("it was there when the check began")
    response = rehearsal.call(reader.encode_record(dossier, context))
    return reader.interpret_record(dossier, response, context)


def _told_is_there(tally: Tally, stage: Stage) -> None:
    code = stage.dossier.code
    before = stage.ask()
    stage.deliver()
    expected = stage.expected(stage.delivered)
    if expected is None:
        return
    if stage.expected(stage.delivered) != expected:
        tally.add("expected_record", "the same deliveries give two answers", code)
    if expected.whole and not isinstance(before, NoRecord):
        tally.add("record", f"{type(before).__name__} of a dossier that was never told", code)
    if set(expected.order) != {*expected.snapshots, *expected.steps.values()}:
        tally.add("expected_record", "order does not name every delivery once", code)
    found = stage.ask()
    if isinstance(found, CannotRead):
        tally.add("record", f"no answer about what was told: {found.code}", code)
        return
    for difference in compare(expected, found, NOTHING_UNDERWAY).differences:
        tally.add("record", f"{difference.kind} though everything was accepted", f"{code} {difference.field}")
    _goes_by_payload(tally, stage)


def _goes_by_payload(tally: Tally, stage: Stage) -> None:
    """A repair carries a payload under a key of its own; for the partner it must be the same delivery."""
    adapter, context = stage.rehearsal.adapter, stage.rehearsal.context(stage.lane.memory)
    for delivery in stage.delivered:
        again = msgspec.structs.replace(delivery, key=f"{REPAIR_PREFIX}1:{delivery.key}")
        example = f"{stage.dossier.code} {delivery.key}"
        if adapter.encode([delivery], context) != adapter.encode([again], context):
            tally.add(delivery.operation, "encodes something else under a repair's key", example)
        if not adapter.manifest.operation(delivery.operation).queryable:
            continue
        one, other = (stage.lane.ask((each,)).outcomes[0] for each in (delivery, again))
        if type(one) is not type(other):
            tally.add(delivery.operation, "is not found by the question under a repair's key", example)


def _untold_is_missed(tally: Tally, subject: Subject, dossier: Dossier) -> None:
    """An event that never arrived, and a snapshot that was overtaken, must show."""
    whole = Stage(subject, dossier)
    whole.deliver()
    expected = whole.expected(whole.delivered)
    operations = {each.name: each.kind for each in whole.rehearsal.adapter.manifest.operations}
    events = [each for each in whole.delivered if operations[each.operation] is OperationKind.EVENT]
    if expected is None or not events or not expected.whole:
        return
    lost = Stage(subject, dossier)
    lost.deliver(without=events[-1].key)
    found = lost.ask()
    if isinstance(found, PartnerRecord) and found.detail and found.steps is not None:
        missing = [each for each in compare(expected, found, NOTHING_UNDERWAY).differences if each.repair]
        if not missing:
            tally.add(
                "record", "an event that never arrived is not missed", f"{dossier.code} {events[-1].key}"
            )


def _renews(tally: Tally, rehearsal: Rehearsal) -> None:
    rehearsal.fault = _FAULT
    answer = _ask(rehearsal, "H99.14-260928-0007", {})
    if rehearsal.faults and rehearsal.adapter.credentials and not getattr(answer, "renew", ()):
        told = f"{type(answer).__name__} without renew"
        tally.add("record", f"an expired credential gives {told}", _FAULT)
