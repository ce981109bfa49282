"""What every door for partners' calls stands on: the destination behind it, and one call's entries in the message log.

Invariant: an entry of an answer names the request that it answers; nothing secret reaches either of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

import msgspec
import structlog

from gateway.messagelog.entry import About, Scope, request_entry, response_entry
from gateway.port import Adapter, CallbackRequest, WireRequest, WireResponse
from gateway.port.adapter import Catalogues
from gateway.storage.database import Database, Transaction
from gateway.storage.rows import MessageRow, insert_messages
from gateway.telemetry import CALLBACKS
from gateway.telemetry.tracing import Tracing

log = structlog.get_logger(__name__)
OPERATION = "callback"


class Hub(Protocol):
    """What is shared: the database and the clock."""

    @property
    def database(self) -> Database:
        """The open database."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Now, aware UTC."""

    @property
    def tracing(self) -> Tracing:
        """Where spans go."""


class Receiver(Protocol):
    """A destination, as far as receiving from it goes."""

    @property
    def adapter(self) -> Adapter:
        """Reads the calls."""

    @property
    def scope(self) -> Scope:
        """Its channel in the message log, and what is never stored in clear."""

    @property
    def catalogues(self) -> Catalogues:
        """Cached reference data."""

    def secrets(self) -> Sequence[str]:
        """Live credentials, for redaction."""


class Defect(Exception):
    """An adapter made something that cannot be: our fault, never the partner's."""


class CallLog:
    """The entries of one call of the partner ``name``, and the line about it in the program log.

    ``masked``: names of fields that are not logged in clear, beyond those that never are.
    """

    def __init__(self, hub: Hub, name: str, receiver: Receiver, *, masked: tuple[str, ...] = ()) -> None:
        self._hub = hub
        self._name = name
        self._receiver = receiver
        self._started = time.perf_counter()
        scope = receiver.scope
        self._scope = (
            msgspec.structs.replace(scope, secret_fields=(*scope.secret_fields, *masked)) if masked else scope
        )
        self.request_id = hub.database.identifiers.next()

    def request(self, request: CallbackRequest, *, dossier: str | None = None) -> MessageRow:
        """The entry of the call itself."""
        query = f"?{request.query}" if request.query else ""
        received = WireRequest(
            method=request.method,
            # PostgreSQL's text cannot hold U+0000, which a percent-encoded path may decode to
            url=f"/{request.path}{query}".replace("\x00", "%00"),
            headers=request.headers,
            body=request.body,
        )
        about = msgspec.structs.replace(self._about(self.request_id), dossier=dossier)
        return request_entry(self._scope, about, received, secrets=self._receiver.secrets())

    def answer(self, outcome: str, code: str, dossier: str | None, answer: WireResponse) -> MessageRow:
        """The entry of what it is answered with."""
        about = msgspec.structs.replace(
            self._about(self._hub.database.identifiers.next()),
            request_id=self.request_id,
            dossier=dossier,
            outcome=outcome,
            code=code,
        )
        return response_entry(self._scope, about, answer, secrets=self._receiver.secrets())

    async def append(self, *rows: MessageRow) -> None:
        """Store entries, all or none; durable on return."""
        await self._hub.database.apply(_append, rows)

    def count(self, result: str, **details: object) -> None:
        """One metric and one line."""
        CALLBACKS.labels(self._name, result).inc()
        duration = round(time.perf_counter() - self._started, 4)
        log.info("callback_answered", destination=self._name, result=result, seconds=duration, **details)

    def _about(self, entry: int) -> About:
        return About(id=entry, at=self._hub.clock(), operation=OPERATION, direction="in")


def problem(status: HTTPStatus, detail: str, *headers: tuple[str, str]) -> WireResponse:
    """A problem document (RFC 9457) where no contract says what to answer."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return WireResponse(
        status=status.value,
        headers=(("content-type", "application/problem+json"), *headers),
        body=msgspec.json.encode(document),
    )


def storable(text: str) -> bool:
    """Whether a text column can hold it: no U+0000, and no half of a UTF-16 pair."""
    return "\x00" not in text and text.encode("utf-8", "replace") == text.encode("utf-8", "surrogatepass")


def _append(transaction: Transaction, groups: Sequence[Sequence[MessageRow]]) -> list[None]:
    insert_messages(transaction, [row for rows in groups for row in rows])
    return [None] * len(groups)
