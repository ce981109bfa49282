"""Making log entries: redacted, compressed, each with its RFC 9162 leaf hash.

The leaf commits to a canonical header (who, when, where to, which dossier) and to the digest of the stored body, so
the body can live, and one day die, apart from the proof. Invariant: the same entry always gives the same leaf.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
import zstandard

from gateway.messagelog.redaction import redact_body, redact_headers, redact_url
from gateway.port.wire import WireRequest, WireResponse
from gateway.storage.instants import to_micros
from gateway.storage.log import SealedRow
from gateway.storage.rows import MessageRow

LEAF_PREFIX = b"\x00"  # RFC 9162 §2.1.1
COMPRESS_FROM_BYTES = 128
_LEVEL = -3  # two thirds of the time of level 1 for a tenth more bytes, measured on records of 4 KB
_local = threading.local()


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What all entries of one channel share: its name and what must never be stored in clear."""

    channel: str
    secret_fields: tuple[str, ...] = ()
    secret_headers: tuple[str, ...] = ()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry is about. ``id`` is the row's, ``request_id`` that of the request being answered."""

    id: int
    at: datetime
    operation: str
    direction: Literal["out", "in"] = "out"
    dossier: str | None = None
    attempt: int | None = None
    request_id: int | None = None
    outcome: str | None = None
    code: str | None = None


def request_entry(
    scope: Scope, about: About, request: WireRequest, *, secrets: Sequence[str] = ()
) -> MessageRow:
    """The entry of a request, before it leaves (or as it came in)."""
    return _entry(
        scope,
        about,
        kind="request",
        method=request.method,
        url=redact_url(request.url, fields=scope.secret_fields, secrets=secrets),
        headers=redact_headers(
            request.headers, names=scope.secret_headers, fields=scope.secret_fields, secrets=secrets
        ),
        body=redact_body(request.body, fields=scope.secret_fields, secrets=secrets),
    )


def response_entry(
    scope: Scope, about: About, response: WireResponse, *, secrets: Sequence[str] = ()
) -> MessageRow:
    """The entry of a response."""
    return _entry(
        scope,
        about,
        kind="response",
        status=response.status,
        headers=redact_headers(
            response.headers, names=scope.secret_headers, fields=scope.secret_fields, secrets=secrets
        ),
        body=redact_body(response.body, fields=scope.secret_fields, secrets=secrets),
    )


def companion_entry(about: About, first: MessageRow) -> MessageRow:
    """The entry of another dossier in the call that ``first`` logs: its bytes are stored once, with ``first``."""
    row = msgspec.structs.replace(
        first,
        id=about.id,
        at=to_micros(about.at),
        dossier_code=about.dossier,
        attempt_id=about.attempt,
        request_id=first.id,
        encoding="identity",
        body=b"",
    )
    return msgspec.structs.replace(row, leaf=leaf_of(row))


def no_answer_entry(scope: Scope, about: About, reason: str) -> MessageRow:
    """The entry that says that no answer came, and why."""
    return _entry(scope, about, kind="no_answer", headers=[], body=reason.encode())


def _entry(  # noqa: PLR0913 - the parts of an HTTP message
    scope: Scope,
    about: About,
    *,
    kind: str,
    headers: list[list[str]],
    body: bytes,
    method: str | None = None,
    url: str | None = None,
    status: int | None = None,
) -> MessageRow:
    digest = hashlib.sha256(body).digest()
    listed = msgspec.json.encode(headers).decode()
    at = to_micros(about.at)
    header = (
        *(about.id, at, about.direction, kind, scope.channel, about.operation, about.dossier, about.attempt),
        *(about.request_id, method, url, status, listed, digest.hex(), len(body), about.outcome, about.code),
    )
    encoding, stored = _compress(body)
    return MessageRow(
        id=about.id,
        at=at,
        direction=about.direction,
        kind=kind,
        channel=scope.channel,
        operation=about.operation,
        dossier_code=about.dossier,
        attempt_id=about.attempt,
        request_id=about.request_id,
        method=method,
        url=url,
        status=status,
        headers=listed,
        body_digest=digest,
        body_size=len(body),
        outcome=about.outcome,
        code=about.code,
        leaf=leaf_hash(header),
        encoding=encoding,
        body=stored,
    )


_LEAF_FIELDS = (
    *("id", "at", "direction", "kind", "channel", "operation", "dossier_code", "attempt_id"),
    *("request_id", "method", "url", "status", "headers", "body_digest", "body_size", "outcome", "code"),
)


def leaf_of(row: MessageRow | SealedRow) -> bytes:
    """The leaf hash that the header of ``row`` gives."""
    values = [getattr(row, name) for name in _LEAF_FIELDS]
    return leaf_hash([value.hex() if isinstance(value, bytes) else value for value in values])


def leaf_hash(header: Sequence[str | int | None]) -> bytes:
    """RFC 9162 §2.1.1 leaf hash of a header: SHA-256 over 0x00 and its canonical JSON array."""
    return hashlib.sha256(LEAF_PREFIX + msgspec.json.encode(header)).digest()


def _compress(body: bytes) -> tuple[str, bytes]:
    if len(body) < COMPRESS_FROM_BYTES:
        return "identity", body
    compressor = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    packed: bytes = compressor.compress(body)
    return ("zstd", packed) if len(packed) < len(body) else ("identity", body)


def stored_body(encoding: str, body: bytes) -> bytes:
    """The body as it was stored, unpacked."""
    match encoding:
        case "identity":
            return body
        case "zstd":
            return zstandard.ZstdDecompressor().decompress(body)
        case other:
            raise ValueError(f"unknown body encoding {other!r}")
