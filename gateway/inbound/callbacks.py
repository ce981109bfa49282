"""Calls from partners: raw bytes to the log, verify, read, deduplicate, one transaction, answer after the commit.

Invariants: what was not logged has no effect; a call has one effect however often it is repeated, and a repetition
gets the same bytes again; an answer leaves only after everything that it acknowledges is durable.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import NoReturn, Protocol, assert_never

import msgspec
import structlog

from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConflictError, GatewayError, StorageUnavailable
from gateway.inbound.ruling import Ruling, rule
from gateway.messagelog.entry import About, Scope, request_entry, response_entry
from gateway.port import (
    Adapter,
    Callback,
    CallbackRequest,
    Context,
    LandTaxReport,
    PaymentLookup,
    PaymentReport,
    Refusal,
    Report,
    WireRequest,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from gateway.storage.callbacks import (
    Handling,
    Overtaken,
    Reception,
    Reply,
    Standing,
    read_standing,
    receive_reports,
)
from gateway.storage.database import Database, Transaction
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance
from gateway.storage.rows import EventRow, MessageRow, insert_messages
from gateway.telemetry import CALLBACKS

log = structlog.get_logger(__name__)
OPERATION = "callback"
DECISIONS = 8
LONGEST_KEY = 200
_KIND = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


class Hub(Protocol):
    """What is shared: the database and the clock."""

    @property
    def database(self) -> Database:
        """The open database."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Now, aware UTC."""


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


class Accepting(Protocol):
    """The one door for dossiers."""

    def acceptance(self, dossier: Dossier, *, expected_version: int | None = None) -> Acceptance:
        """Everything that storing a translated dossier means."""


class Defect(Exception):
    """An adapter made something that cannot be: our fault, never the partner's."""


class Callbacks:
    """Receives for every destination."""

    def __init__(self, hub: Hub, destinations: Mapping[str, Receiver], intake: Accepting) -> None:
        self._hub = hub
        self._destinations = destinations
        self._intake = intake

    async def receive(self, destination: str, request: CallbackRequest) -> WireResponse:
        """The answer to ``request``, once everything that it says is durable. Never raises on any bytes.

        404: no such destination. 503: nothing could be stored, the partner may repeat the call. 500: our defect,
        logged; the partner may repeat the call. Everything else is the adapter's answer by its contract.
        """
        receiver = self._destinations.get(destination)
        if receiver is None:
            CALLBACKS.labels("unknown", "not_found").inc()
            return problem(HTTPStatus.NOT_FOUND, f"there is no destination {destination[:80]!r}")
        try:
            return await _Call(self._hub, self._intake, destination, receiver).answer(request)
        except StorageUnavailable as fault:
            CALLBACKS.labels(destination, "unavailable").inc()
            log.warning("storage_was_lost", destination=destination, reason=str(fault)[:200])
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "nothing was stored; repeat the call", ("retry-after", "5")
            )


class _Call:
    """One call on its way."""

    def __init__(self, hub: Hub, intake: Accepting, name: str, receiver: Receiver) -> None:
        self._hub = hub
        self._intake = intake
        self._name = name
        self._receiver = receiver
        self._started = time.perf_counter()
        self._request_id = hub.database.identifiers.next()

    async def answer(self, request: CallbackRequest) -> WireResponse:
        await self._append(self._request_entry(request))
        try:
            callback = self._read(request)
            match callback:
                case Refusal():
                    return await self._refuse(callback)
                case Report():
                    return await self._take(callback)
                case PaymentReport() | PaymentLookup() | LandTaxReport():
                    return _misplaced(callback)
                case _:
                    assert_never(callback)
        except StorageUnavailable:
            raise
        except Exception as fault:  # why: one adapter's defect must be answered and seen, and harm nobody
            log.exception("callback_failed", destination=self._name, fault=type(fault).__name__)
            answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the call was logged but not taken")
            code = "cannot_be_stored" if isinstance(fault, GatewayError) else "adapter_defect"
            await self._append(self._answer_entry("failed", code, None, answer))
            self._count("failed")
            return answer

    def _read(self, request: CallbackRequest) -> Callback:
        context = Context(now=self._hub.clock(), catalogues=self._receiver.catalogues)
        callback = self._receiver.adapter.read_callback(request, context)
        return _sound(callback) if isinstance(callback, Report) else callback

    async def _refuse(self, refusal: Refusal) -> WireResponse:
        await self._append(self._answer_entry("refused", refusal.code, None, refusal.answer))
        self._count("refused", code=refusal.code, reason=refusal.reason[:200])
        return refusal.answer

    async def _take(self, report: Report) -> WireResponse:
        """Decide, then store while the decision still holds."""
        database = self._hub.database
        conflict: ConflictError | None = None
        for _ in range(DECISIONS):
            standing = await database.read(partial(read_standing, code=report.dossier_code))
            reception = self._reception(report, standing, rule(self._name, report, standing))
            try:
                reply: Reply | Overtaken = await database.apply(receive_reports, reception)
            except ConflictError as fault:  # the dossier came into being between two looks of one transaction
                conflict = fault
                continue
            if isinstance(reply, Reply):
                self._count(reply.handling, kind=report.kind, dossier=report.dossier_code)
                return reply.response
        if conflict is not None:
            raise conflict
        raise StorageUnavailable(f"dossier {report.dossier_code} changed {DECISIONS} times under a report")

    def _reception(self, report: Report, standing: Standing | None, ruling: Ruling) -> Reception:
        acceptance = None
        if ruling.dossier is not None:
            acceptance = self._intake.acceptance(ruling.dossier, expected_version=ruling.expected_version)
        return Reception(
            destination=self._name,
            key=_key(report.key),
            digest=hashlib.sha256(report.data).digest(),
            now=to_micros(self._hub.clock()),
            dossier_code=report.dossier_code,
            assumed=standing,
            first=report.first,
            again=report.again,
            handling=ruling.handling,
            entry=lambda answer, handling: self._answer_entry(
                handling, report.kind, report.dossier_code, answer
            ),
            events=self._events(report, ruling),
            acceptance=acceptance,
            partner_status=ruling.status,
        )

    def _events(self, report: Report, ruling: Ruling) -> tuple[EventRow, ...]:
        now = to_micros(self._hub.clock())
        return tuple(
            EventRow(
                id=self._hub.database.identifiers.next(),
                at=now,
                kind=notice.kind,
                data=notice.data.decode(),
                dossier_code=report.dossier_code,
                destination=self._name,
            )
            for notice in ruling.notices
        )

    def _request_entry(self, request: CallbackRequest) -> MessageRow:
        query = f"?{request.query}" if request.query else ""
        received = WireRequest(
            method=request.method,
            # PostgreSQL's text cannot hold U+0000, which a percent-encoded path may decode to
            url=f"/{request.path}{query}".replace("\x00", "%00"),
            headers=request.headers,
            body=request.body,
        )
        about = self._about(self._request_id)
        return request_entry(self._receiver.scope, about, received, secrets=self._receiver.secrets())

    def _answer_entry(
        self, outcome: Handling | str, code: str, dossier: str | None, answer: WireResponse
    ) -> MessageRow:
        about = msgspec.structs.replace(
            self._about(self._hub.database.identifiers.next()),
            request_id=self._request_id,
            dossier=dossier,
            outcome=outcome,
            code=code,
        )
        return response_entry(self._receiver.scope, about, answer, secrets=self._receiver.secrets())

    def _about(self, entry: int) -> About:
        return About(id=entry, at=self._hub.clock(), operation=OPERATION, direction="in")

    async def _append(self, row: MessageRow) -> None:
        await self._hub.database.apply(_append, row)

    def _count(self, result: str, **details: str) -> None:
        CALLBACKS.labels(self._name, result).inc()
        duration = round(time.perf_counter() - self._started, 4)
        log.info("callback_answered", destination=self._name, result=result, seconds=duration, **details)


def problem(status: HTTPStatus, detail: str, *headers: tuple[str, str]) -> WireResponse:
    """A problem document (RFC 9457) where no contract says what to answer."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return WireResponse(
        status=status.value,
        headers=(("content-type", "application/problem+json"), *headers),
        body=msgspec.json.encode(document),
    )


def _misplaced(callback: Callback) -> NoReturn:
    raise Defect(f"a {type(callback).__name__} came to the door for reports on dossiers")


def _sound(report: Report) -> Report:
    """``report``, or Defect when it says what cannot be stored."""
    if not _KIND.fullmatch(report.kind):
        raise Defect(f"event kind {report.kind[:80]!r}: expected lower-case words joined by dots")
    if not report.key or not report.dossier_code or not _storable(report.dossier_code):
        raise Defect("a report needs a key, and a dossier code that a text column can hold")
    try:
        msgspec.json.decode(report.data)
    except msgspec.DecodeError as fault:
        raise Defect(f"the data of a {report.kind} is not JSON: {fault}") from fault
    return report


def _key(key: str) -> str:
    """The key as it is stored: a long one, or one that a text column cannot hold, by its digest."""
    if len(key) <= LONGEST_KEY and _storable(key):
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _storable(text: str) -> bool:
    """Whether a text column can hold it: no U+0000, and no half of a UTF-16 pair."""
    return "\x00" not in text and text.encode("utf-8", "replace") == text.encode("utf-8", "surrogatepass")


def _append(transaction: Transaction, rows: Sequence[MessageRow]) -> list[None]:
    insert_messages(transaction, rows)
    return [None] * len(rows)
