"""Recorded cases, byte for byte: the request that goes out, the meaning of the answer that came in."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conformance.finding import Flaw
from gateway.conformance.recorded import (
    Case,
    CaseKind,
    RecordedRequest,
    as_recorded,
    cases,
    context,
    deliveries,
    inbound,
    plain,
    raw,
    response,
)
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Returned, attempt
from gateway.domain.errors import NotFoundError
from gateway.port import Adapter, CredentialLayer, Feeds, Follows, WireRequest, WireResponse

NOTHING = RecordedRequest(method="POST", url="")


def recorded_cases(subject: Subject) -> Iterator[Flaw]:
    """Every case gives its bytes and its meaning; every operation, read and layer has a case."""
    adapter = subject.build()
    seen: set[tuple[CaseKind, str]] = set()
    for name, case in cases(subject.source):
        seen.add((case.kind, case.operation))
        for what in _flaws(adapter, case):
            yield Flaw(where=name, what=what)
    if subject.source.variant:
        return
    wanted = [(CaseKind.DELIVERY, operation.name) for operation in adapter.manifest.operations]
    wanted += [(CaseKind.QUERY, each.name) for each in adapter.manifest.operations if each.queryable]
    wanted += [(CaseKind.READ, read.name) for read in adapter.manifest.reads]
    wanted += [(CaseKind.CREDENTIAL, layer.name) for layer in adapter.credentials]
    for kind, operation in wanted:
        if (kind, operation) not in seen:
            yield Flaw(where=f"{kind} {operation}", what=f"has no recorded case in {subject.source.recorded}")


def _flaws(adapter: Adapter, case: Case) -> Iterator[str]:
    if case.request is not None and case.kind is not CaseKind.CALLBACK:
        yield from _sent(encode(adapter, case), case)
    if case.response is not None or case.kind is CaseKind.CALLBACK:
        match attempt(lambda: plain(interpret(adapter, case))):
            case Returned(meaning):
                if meaning != case.outcome:
                    yield f"the answer means {meaning}, recorded is {case.outcome}"
            case other:
                yield f"reading the answer {other}"


def _sent(request: object, case: Case) -> Iterator[str]:
    if case.request is None or not isinstance(request, WireRequest):
        yield f"encoding {request}"
        return
    now = as_recorded(request)
    for field in ("method", "url", "headers"):
        if getattr(now, field) != getattr(case.request, field):
            yield f"{field} is {getattr(now, field)!r}, recorded is {getattr(case.request, field)!r}"
    if request.body != (body := raw(case.request.body)):
        at = next((n for n, (a, b) in enumerate(zip(request.body, body, strict=False)) if a != b), len(body))
        yield (
            f"the body differs from byte {at}: {request.body[max(at - 20, 0) : at + 40]!r}, "
            f"recorded is {body[max(at - 20, 0) : at + 40]!r}"
        )


def encode(adapter: Adapter, case: Case) -> object:
    """The request that the adapter makes of ``case``, or what went wrong."""
    result = attempt(lambda: _request(adapter, case))
    return result.value if isinstance(result, Returned) else result


def _request(adapter: Adapter, case: Case) -> WireRequest | None:  # noqa: PLR0911 - one a kind
    lent = context(case)
    batch = deliveries(case, adapter.manifest.name)
    match case.kind:
        case CaseKind.DELIVERY:
            return adapter.encode(batch, lent)
        case CaseKind.QUERY:
            return adapter.encode_query(batch, lent)
        case CaseKind.READ:
            return adapter.encode_read(case.operation, case.parameters, lent)
        case CaseKind.CREDENTIAL:
            return _layer(adapter, case.operation).request(lent.credentials)
        case CaseKind.PROGRESS:
            return _following(adapter).encode_progress(case.parameters["dossier"], lent)
        case CaseKind.FEED:
            return _feeding(adapter).encode_feed(case.parameters["cursor"], lent)
        case CaseKind.CALLBACK:
            return None


def interpret(adapter: Adapter, case: Case) -> object:  # noqa: PLR0911 - one a kind
    """What the adapter makes of the answer (or of the inbound call) of ``case``."""
    lent = context(case)
    batch = deliveries(case, adapter.manifest.name)
    answer = response(case) or WireResponse(status=200)
    match case.kind:
        case CaseKind.DELIVERY:
            return adapter.interpret(batch, answer, lent)
        case CaseKind.QUERY:
            return adapter.interpret_query(batch, answer, lent)
        case CaseKind.READ:
            return adapter.interpret_read(case.operation, case.parameters, answer)
        case CaseKind.CREDENTIAL:
            return _layer(adapter, case.operation).read(answer)
        case CaseKind.PROGRESS:
            return _following(adapter).interpret_progress(case.parameters["dossier"], answer, lent)
        case CaseKind.FEED:
            return _feeding(adapter).interpret_feed(case.parameters["cursor"], answer, lent)
        case CaseKind.CALLBACK:
            return adapter.read_callback(inbound(case.request or NOTHING), lent)


def _following(adapter: Adapter) -> Follows:
    if not isinstance(adapter, Follows):
        raise NotFoundError("a case of kind progress, and nobody is asked about dossiers")
    return adapter


def _feeding(adapter: Adapter) -> Feeds:
    if not isinstance(adapter, Feeds):
        raise NotFoundError("a case of kind feed, and there is no feed")
    return adapter


def _layer(adapter: Adapter, name: str) -> CredentialLayer:
    return {layer.name: layer for layer in adapter.credentials}[name]
