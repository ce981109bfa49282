"""Hostile text: whatever stands in a text field, the result is a sendable request or CannotEncode.

Invariant: tried twice, in records as the front door lets them in, and in stored payloads, which may be older than
the program that reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from gateway.conformance.checks.encoding import fixed_context
from gateway.conformance.checks.wellformed import malformed
from gateway.conformance.finding import Flaw
from gateway.conformance.hostile import TEXTS, put, strings
from gateway.conformance.rehearsal import batches, deliveries
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Raised, Refused, Returned, Tally, attempt
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.violation import Violation
from gateway.port import Adapter, Context


def hostile_text(subject: Subject) -> Iterator[Flaw]:
    """Every text of the fullest sample replaced by every hostile text, in the record and in the payloads."""
    adapter = subject.build()
    context = fixed_context(subject, adapter)
    wanted = [dossier for dossier in subject.samples if adapter.wants(dossier)]
    tally = Tally()
    for dossier in _fullest(wanted):
        for example, hostile in _records(dossier):
            _try_record(tally, adapter, hostile, (example, context))
    for delivery in _one_per_operation(adapter, wanted):
        for example, hostile_delivery in _payloads(delivery):
            where = delivery.operation
            _try_encode(tally, adapter, (hostile_delivery,), (where, f"payload: {example}", context))
    yield from tally.flaws()


def _try_record(tally: Tally, adapter: Adapter, dossier: Dossier, situation: tuple[str, Context]) -> None:
    example, context = situation
    told = attempt(lambda: adapter.wants(dossier))
    if not isinstance(told, Returned):
        tally.add("wants", str(told), example)
    match attempt(lambda: list(adapter.check(dossier, context.catalogues))):
        case Returned(violations):
            for flaw in _unusable(violations, dossier):
                tally.add("check", flaw, example)
        case other:
            tally.add("check", str(other), example)
    match attempt(lambda: deliveries(adapter, dossier)):
        case Returned(queue):
            for batch in batches(adapter, queue):
                _try_encode(tally, adapter, batch, (batch[0].operation, f"record: {example}", context))
        case other:
            tally.add("plan", str(other), example)


def _try_encode(
    tally: Tally, adapter: Adapter, batch: tuple[Delivery, ...], situation: tuple[str, str, Context]
) -> None:
    where, example, context = situation
    calls = [adapter.encode]
    if adapter.manifest.operation(batch[0].operation).queryable:
        calls.append(adapter.encode_query)
    for call in calls:
        match attempt(partial(call, batch, context)):
            case Returned(request):
                for flaw in malformed(request):
                    tally.add(where, flaw, example)
            case Refused():
                continue
            case Raised() as raised:
                tally.add(where, str(raised), example)


def _unusable(violations: list[Violation], dossier: Dossier) -> Iterator[str]:
    document = msgspec.to_builtins(dossier)
    for violation in violations:
        if not _resolves(violation.pointer, document):
            yield f"violation at {violation.pointer!r}, which is not in the record"


def _resolves(pointer: str, document: Any) -> bool:
    """Whether ``pointer`` names a place of ``document``; the last step may name a field that is left out."""
    if pointer and not pointer.startswith("/"):
        return False
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for number, step in enumerate(steps, start=1):
        if isinstance(document, list):
            if not step.isdecimal() or int(step) >= len(document):
                return False
            document = document[int(step)]
        elif isinstance(document, dict):
            if step not in document:
                return number == len(steps)
            document = document[step]
        else:
            return False
    return True


def _fullest(dossiers: list[Dossier]) -> list[Dossier]:
    return sorted(dossiers, key=lambda dossier: -len(msgspec.json.encode(dossier)))[:1]


def _records(dossier: Dossier) -> Iterator[tuple[str, Dossier]]:
    """Variants of ``dossier`` that its type accepts, each with the name of what is hostile in it."""
    document = msgspec.to_builtins(dossier)
    for path in strings(document):
        for name, text in TEXTS:
            for fitting in (text, text[:4000], text[:500], text[:30]):
                try:
                    hostile = msgspec.convert(put(document, path, fitting), Dossier, strict=False)
                except (msgspec.ValidationError, UnicodeEncodeError):
                    continue
                yield f"/{'/'.join(map(str, path))} is {name}", hostile
                break


def _one_per_operation(adapter: Adapter, dossiers: list[Dossier]) -> list[Delivery]:
    """The longest payload of each operation."""
    longest: dict[str, Delivery] = {}
    for dossier in dossiers:
        for delivery in deliveries(adapter, dossier):
            best = longest.get(delivery.operation)
            if best is None or len(delivery.payload) > len(best.payload):
                longest[delivery.operation] = delivery
    return list(longest.values())


def _payloads(delivery: Delivery) -> Iterator[tuple[str, Delivery]]:
    document = json.loads(delivery.payload)
    for path in strings(document):
        for name, text in TEXTS:
            yield (
                f"{'/'.join(map(str, path))} is {name}",
                _with(delivery, json.dumps(put(document, path, text))),
            )
    for name, payload in (
        ("empty", ""),
        ("null", "null"),
        ("a list", "[]"),
        ("an object", "{}"),
        ("cut", "{"),
    ):
        yield f"payload is {name}", _with(delivery, payload)


def _with(delivery: Delivery, payload: str) -> Delivery:
    return msgspec.structs.replace(delivery, payload=payload.encode("utf-8", errors="surrogatepass"))
