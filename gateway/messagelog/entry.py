"""Making log entries: redacted, compressed, each with its RFC 9162 leaf hash.

The leaf commits to a canonical header (who, when, which dossier, what came of it) and, with salts, to the content
(address, headers, body), so that the content can live, and one day die, apart from the proof. Invariant: the same row
always gives the same leaf.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

import msgspec

from gateway.messagelog.content import head_of, pack
from gateway.messagelog.personal import cutter
from gateway.messagelog.redaction import redact_body, redact_headers, redact_url
from gateway.port.wire import WireRequest, WireResponse
from gateway.proof.commitment import SEED_BYTES, committed
from gateway.storage.instants import to_micros
from gateway.storage.log import SealedRow
from gateway.storage.rows import MessageRow

if TYPE_CHECKING:
    from gateway.messagelog.archive_file import ArchivedEntry

LEAF_PREFIX = b"\x00"  # RFC 9162 §2.1.1


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What all entries of one channel share: its name, what must never be stored, and where personal data stands."""

    channel: str
    secret_fields: tuple[str, ...] = ()
    secret_headers: tuple[str, ...] = ()
    personal_fields: tuple[str, ...] = ()


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
        body=b"",
        shared=False,
    )
    return msgspec.structs.replace(row, leaf=leaf_of(row))


def no_answer_entry(scope: Scope, about: About, reason: str) -> MessageRow:
    """The entry that says that no answer came, and why."""
    return _entry(scope, about, kind="no_answer", headers=[], body=reason.encode())


def note_entry(scope: Scope, about: About, body: bytes) -> MessageRow:
    """The entry of something that was asked of the gateway itself and is no HTTP message."""
    return _entry(scope, about, kind="request", headers=[], body=body)


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
    listed = msgspec.json.encode(headers).decode()
    head = head_of(method, url, listed)
    fields = cutter(scope.personal_fields)
    content = head + body
    cuts = () if fields is None else fields.places(content, len(head))
    seed = os.urandom(SEED_BYTES)
    row = MessageRow(
        id=about.id,
        at=to_micros(about.at),
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
        body_digest=committed(content, cuts, seed),
        body_size=len(body),
        outcome=about.outcome,
        code=about.code,
        leaf=b"",
        body=pack(seed, cuts, body),
    )
    msgspec.structs.force_setattr(row, "leaf", leaf_of(row))  # nobody has seen it yet
    return row


_ABOUT = ("id", "at", "direction", "kind", "channel", "operation", "dossier_code", "attempt_id", "request_id")
_RESULT = ("status", "body_digest", "body_size", "outcome", "code")
_FIELDS: Mapping[int, tuple[str, ...]] = {
    # before contents could be erased, address, headers and the body's digest stood in the header itself
    1: (*_ABOUT, "method", "url", "status", "headers", "body_digest", "body_size", "outcome", "code"),
    2: ("form", *_ABOUT, *_RESULT),
}
_VALUES = {form: attrgetter(*names) for form, names in _FIELDS.items()}


FORMS = frozenset(_FIELDS)


def leaf_of(row: MessageRow | SealedRow | ArchivedEntry) -> bytes:
    """The leaf hash that the header of ``row`` gives. KeyError: it is of a form that is not known."""
    return hashlib.sha256(LEAF_PREFIX + header_of(row)).digest()


def header_of(row: MessageRow | SealedRow | ArchivedEntry) -> bytes:
    """The canonical header that the leaf hash is of. KeyError: it is of a form that is not known."""
    values = _VALUES[row.form](row)
    return msgspec.json.encode([value.hex() if value.__class__ is bytes else value for value in values])


def leaf_hash(header: Sequence[str | int | None]) -> bytes:
    """RFC 9162 §2.1.1 leaf hash of a header: SHA-256 over 0x00 and its canonical JSON array."""
    return hashlib.sha256(LEAF_PREFIX + msgspec.json.encode(header)).digest()
