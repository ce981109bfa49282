"""What a version of a dossier calls for: unique keys, the same twice, nothing forgotten by a later version.

Invariant: the hub drops deliveries whose key it has, so a key that moves is a step sent twice or never.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gateway.codec import canonical
from gateway.conformance.finding import Flaw
from gateway.conformance.samples import earlier_versions
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Tally
from gateway.domain.dossier import Dossier
from gateway.port import Adapter, OperationKind, Planned

LONGEST_KEY = 200
_EVENT = OperationKind.EVENT


def plan_rules(subject: Subject) -> Iterator[Flaw]:
    """Plan every version of every sample and compare."""
    tally = Tally()
    adapter, other = subject.build(), subject.build()
    kinds = {operation.name: operation.kind for operation in adapter.manifest.operations}
    for dossier in filter(adapter.wants, subject.samples):
        known: set[tuple[str, str]] = set()
        for version in filter(adapter.wants, earlier_versions(dossier)):
            example = f"{dossier.code} version {version.version}"
            planned = list(adapter.plan(version))
            if planned != list(adapter.plan(version)) or planned != list(other.plan(version)):
                tally.add("plan", "planning the same version twice gives two plans", example)
            for where, flaw in _flaws_of(planned, kinds):
                tally.add(where, flaw, example)
            events = {(each.operation, each.key) for each in planned if kinds.get(each.operation) == _EVENT}
            for operation, key in sorted(known - events):
                tally.add(operation, "an event of an earlier version is missing", f"{key!r}, {example}")
            known |= events
        _snapshots_move(tally, adapter, dossier)
    yield from tally.flaws()


def _flaws_of(planned: list[Planned], kinds: dict[str, OperationKind]) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for each in planned:
        if each.operation not in kinds:
            yield each.operation, "is planned but not declared in the manifest"
        if (each.operation, each.key) in seen:
            yield each.operation, f"key {each.key!r} twice in one plan"
        seen.add((each.operation, each.key))
        if not 0 < len(each.key) <= LONGEST_KEY or "\x00" in each.key:
            yield each.operation, f"key of {len(each.key)} characters, 1 to {LONGEST_KEY} allowed"
        if not _canonical(each.payload):
            yield each.operation, "the payload is not canonical JSON"


def _snapshots_move(tally: Tally, adapter: Adapter, dossier: Dossier) -> None:
    """A changed record must not hide behind the key of the one before it."""
    older = msgspec.structs.replace(dossier, version=dossier.version + 1)
    newer = msgspec.structs.replace(older, version=older.version + 1, summary=f"{dossier.summary} (sửa)")
    before = {(each.operation, each.key): each.payload for each in adapter.plan(older)}
    for each in adapter.plan(newer):
        if before.get((each.operation, each.key), each.payload) != each.payload:
            what = "one key stands for two payloads, so the newer one is never sent"
            tally.add(each.operation, what, f"{each.key!r}, {dossier.code} version {newer.version}")


def _canonical(payload: bytes) -> bool:
    try:
        return canonical.encode(msgspec.json.decode(payload)) == payload
    except msgspec.DecodeError:
        return False
