"""Recorded cases: exact bytes out, exact bytes in, and what they meant, one file per case.

A case lies in ``tests/recorded/<adapter>/<name>.json``. Every fixed bug leaves the bytes that caused it there.
Invariant: a case is compared byte for byte; nothing is normalised on either side.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from gateway.conformance.subject import Source
from gateway.domain.delivery import Delivery
from gateway.domain.errors import ConfigurationError
from gateway.port import CallbackRequest, Context, WireRequest, WireResponse
from gateway.port.wire import Headers


class CaseKind(StrEnum):
    """Which part of the adapter a case speaks of."""

    DELIVERY = "delivery"
    QUERY = "query"
    READ = "read"
    CREDENTIAL = "credential"
    PROGRESS = "progress"
    FEED = "feed"
    CALLBACK = "callback"


class Bytes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes that are no UTF-8 text."""

    base64: str


Body = str | Bytes


class RecordedDelivery(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A delivery without what the hub adds to it."""

    dossier: str
    key: str
    payload: str
    attempts: int = 0


class RecordedContext(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A ``Context`` as a file has it. ``files``: contents, whose digests are reckoned."""

    now: datetime
    credentials: dict[str, str] = {}
    memory: dict[str, str] = {}
    catalogues: dict[str, dict[str, Any]] = {}
    files: list[Body] = []


class RecordedRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A request; for a callback ``url`` is the path with its query, relative to the adapter's mount point."""

    method: str
    url: str
    headers: list[tuple[str, str]] = []
    body: Body = ""


class RecordedResponse(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An answer."""

    status: int
    headers: list[tuple[str, str]] = []
    body: Body = ""


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One recorded case. ``outcome``: one per delivery, or the reading, grant or callback.

    ``operation`` names the operation, the read, the credential layer, or nothing. ``parameters`` of a read are its own,
    of a question about progress the ``dossier``, of one for a feed the ``cursor``. ``variant`` is
    the variant of the specification that the case belongs to. Without ``request`` only the reading of the answer
    is compared.
    """

    note: str
    kind: CaseKind = CaseKind.DELIVERY
    operation: str = ""
    variant: str = ""
    parameters: dict[str, str] = {}
    context: RecordedContext
    deliveries: list[RecordedDelivery] = []
    request: RecordedRequest | None = None
    response: RecordedResponse | None = None
    outcome: Any = None


def cases(source: Source) -> Iterator[tuple[str, Case]]:
    """Every case of the adapter in this variant, by file name; ConfigurationError for a file that is none."""
    for path in sorted(Path(source.recorded).glob("*.json")):
        try:
            case = msgspec.json.decode(path.read_bytes(), type=Case)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ConfigurationError(f"recorded case {path}: {error}; see docs/adapter-guide.md") from error
        if case.variant == source.variant:
            yield path.stem, case


def callbacks(source: Source) -> Iterator[CallbackRequest]:
    """The inbound calls among the cases that were understood."""
    for _, case in cases(source):
        if case.kind is CaseKind.CALLBACK and case.request and _understood(case.outcome):
            yield inbound(case.request)


def _understood(outcome: Any) -> bool:
    return isinstance(outcome, Mapping) and "reason" not in outcome  # only a refusal gives one


def inbound(recorded: RecordedRequest) -> CallbackRequest:
    """The recorded call as the hub hands it to the adapter."""
    path, _, query = recorded.url.partition("?")
    return CallbackRequest(
        method=recorded.method,
        path=path,
        query=query,
        headers=_pairs(recorded.headers),
        body=raw(recorded.body),
    )


def deliveries(case: Case, destination: str) -> tuple[Delivery, ...]:
    """The deliveries of a case, numbered from 1."""
    return tuple(
        Delivery(
            id=number,
            lane=1,
            destination=destination,
            dossier=each.dossier,
            operation=case.operation,
            key=each.key,
            position=number,
            payload=each.payload.encode(),
            attempts=each.attempts,
        )
        for number, each in enumerate(case.deliveries, start=1)
    )


def context(case: Case) -> Context:
    """The context of a case."""
    recorded = case.context
    return Context(
        now=recorded.now,
        credentials=recorded.credentials,
        memory=recorded.memory,
        catalogues=recorded.catalogues,
        files={sha256(content).hexdigest(): content for content in map(raw, recorded.files)},
    )


def response(case: Case) -> WireResponse | None:
    """The answer of a case, or None when it has none."""
    recorded = case.response
    if recorded is None:
        return None
    return WireResponse(status=recorded.status, headers=_pairs(recorded.headers), body=raw(recorded.body))


def as_recorded(request: WireRequest) -> RecordedRequest:
    """``request`` as a file has it."""
    return RecordedRequest(
        method=request.method, url=request.url, headers=list(request.headers), body=shown(request.body)
    )


def raw(body: Body) -> bytes:
    """The exact bytes of a recorded body."""
    return body.encode() if isinstance(body, str) else base64.b64decode(body.base64, validate=True)


def shown(body: bytes) -> Body:
    """``body`` as text where it is UTF-8, so that a reader of the file sees it."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return Bytes(base64=base64.b64encode(body).decode())


def plain(value: object) -> Any:
    """Any result of an adapter as a JSON document, bytes as ``shown``.

    Fields that have their default are left out, so that a case outlives a port that learns to say more.
    """
    match value:
        case bytes():
            return msgspec.to_builtins(shown(value))
        case msgspec.Struct():
            config = value.__struct_config__
            tag = {config.tag_field: config.tag} if config.tag_field else {}
            return tag | {name: plain(item) for name, item in _said(value)}
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return msgspec.to_builtins(value)


def write(folder: Path, name: str, case: Case) -> Path:
    """Store ``case`` as ``<folder>/<name>.json``; the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(case), indent=2) + b"\n")
    return path


def _said(value: msgspec.Struct) -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(value):
        item = getattr(value, field.name)
        silent = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if silent is msgspec.NODEFAULT or item != silent:
            yield field.name, item


def _pairs(headers: list[tuple[str, str]]) -> Headers:
    return tuple((name, value) for name, value in headers)
