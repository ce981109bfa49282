"""Calls from partners: raw bytes to the log, verify, read, deduplicate, one transaction, answer after the commit.

Invariants: what was not logged has no effect; a call has one effect however often it is repeated, and a repetition
gets the same bytes again; an answer leaves only after everything that it acknowledges is durable.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import NoReturn, Protocol, assert_never

import msgspec
import structlog

from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConflictError, GatewayError, StorageUnavailable
from gateway.inbound.payments import Guard, Halted, PaymentCall, never
from gateway.inbound.receiving import CallLog, Defect, Hub, Receiver, problem, storable
from gateway.inbound.ruling import Ruling, rule
from gateway.inbound.trail import arrive
from gateway.port import (
    Callback,
    CallbackRequest,
    Context,
    LandTaxReport,
    PaymentLookup,
    PaymentReport,
    Refusal,
    Report,
    WireResponse,
)
from gateway.storage.callbacks import (
    Overtaken,
    Reception,
    Reply,
    Standing,
    read_standing,
    receive_reports,
)
from gateway.storage.files import KeptFile, keep_files
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance
from gateway.storage.rows import EventRow
from gateway.telemetry import CALLBACKS

log = structlog.get_logger(__name__)
DECISIONS = 8
LONGEST_KEY = 200
_KIND = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


class Accepting(Protocol):
    """The one door for dossiers."""

    def acceptance(self, dossier: Dossier, *, expected_version: int | None = None) -> Acceptance:
        """Everything that storing a translated dossier means."""


class Callbacks:
    """Receives for every destination. ``refusals_logged``: by payment platform, how many refused calls a minute are
    kept in the message log. ``halted``: whether nothing is taken for now, since it could not be proven later."""

    def __init__(
        self,
        hub: Hub,
        destinations: Mapping[str, Receiver],
        intake: Accepting,
        *,
        refusals_logged: Mapping[str, float] | None = None,
        halted: Halted = never,
    ) -> None:
        self._hub = hub
        self._destinations = destinations
        self._intake = intake
        self._halted = halted
        self._guard = Guard(refusals_logged or {}, halted)

    async def receive(self, destination: str, request: CallbackRequest) -> WireResponse:
        """The answer to ``request``, once everything that it says is durable. Never raises on any bytes.

        404: no such destination. 503: nothing could be stored, the partner may repeat the call. 500: our defect,
        logged; the partner may repeat the call. Everything else is the adapter's answer by its contract.
        """
        receiver = self._destinations.get(destination)
        if receiver is None:
            CALLBACKS.labels("unknown", "not_found").inc()
            return problem(HTTPStatus.NOT_FOUND, f"there is no destination {destination[:80]!r}")
        if self._guard.is_for(receiver.adapter):
            return await PaymentCall(self._hub, destination, receiver, self._guard).answer(request)
        try:
            if await self._halted():
                return self._unavailable(destination, "no evidence can be produced for now")
            return await _Call(self._hub, self._intake, destination, receiver).answer(request)
        except StorageUnavailable as fault:
            log.warning("storage_was_lost", destination=destination, reason=str(fault)[:200])
            return self._unavailable(destination, "nothing was stored")

    def _unavailable(self, destination: str, why: str) -> WireResponse:
        CALLBACKS.labels(destination, "unavailable").inc()
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{why}; repeat the call", ("retry-after", "5"))


class _Call:
    """One call on its way."""

    def __init__(self, hub: Hub, intake: Accepting, name: str, receiver: Receiver) -> None:
        self._hub = hub
        self._intake = intake
        self._name = name
        self._receiver = receiver
        self._log = CallLog(hub, name, receiver)

    async def answer(self, request: CallbackRequest) -> WireResponse:
        await self._log.append(self._log.request(request))
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
            await self._log.append(self._log.answer("failed", code, None, answer))
            self._log.count("failed")
            return answer

    def _read(self, request: CallbackRequest) -> Callback:
        context = Context(now=self._hub.clock(), catalogues=self._receiver.catalogues)
        callback = self._receiver.adapter.read_callback(request, context)
        return _sound(callback) if isinstance(callback, Report) else callback

    async def _refuse(self, refusal: Refusal) -> WireResponse:
        await self._log.append(self._log.answer("refused", refusal.code, None, refusal.answer))
        self._log.count("refused", code=refusal.code, reason=refusal.reason[:200])
        return refusal.answer

    async def _take(self, report: Report) -> WireResponse:
        """Decide, then store while the decision still holds."""
        database = self._hub.database
        arrival = await arrive(self._hub, report.dossier_code)
        conflict: ConflictError | None = None
        await self._keep(report)
        for _ in range(DECISIONS):
            standing = await database.read(partial(read_standing, code=report.dossier_code))
            reception = self._reception(report, standing, rule(self._name, report, standing))
            try:
                reply: Reply | Overtaken = await database.apply(receive_reports, reception)
            except ConflictError as fault:  # the dossier came into being between two looks of one transaction
                conflict = fault
                continue
            if isinstance(reply, Reply):
                self._log.count(reply.handling, kind=report.kind, dossier=report.dossier_code)
                if arrival is not None:
                    arrival.leave(
                        self._name, dossier=report.dossier_code, kind=report.kind, result=reply.handling
                    )
                return reply.response
        if conflict is not None:
            raise conflict
        raise StorageUnavailable(f"dossier {report.dossier_code} changed {DECISIONS} times under a report")

    async def _keep(self, report: Report) -> None:
        """Before the record that refers to them; a file that nothing refers to in the end does no harm."""
        for each in report.files:
            kept = KeptFile(
                content=each.content,
                media_type=each.media_type,
                origin="reported",
                at=to_micros(self._hub.clock()),
            )
            await self._hub.database.apply(keep_files, kept)

    def _reception(self, report: Report, standing: Standing | None, ruling: Ruling) -> Reception:
        acceptance = None
        own = report.ignored if ruling.handling == "ignored" else None
        if ruling.dossier is not None:
            acceptance = self._intake.acceptance(ruling.dossier, expected_version=ruling.expected_version)
        return Reception(
            destination=self._name,
            key=_key(report.key),
            digest=hashlib.sha256(report.data).digest(),
            now=to_micros(self._hub.clock()),
            dossier_code=report.dossier_code,
            assumed=standing,
            first=own or report.first,
            again=own or report.again,
            handling=ruling.handling,
            entry=lambda answer, handling: self._log.answer(
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


def _misplaced(callback: Callback) -> NoReturn:
    raise Defect(f"a {type(callback).__name__} came to the door for reports on dossiers")


def _sound(report: Report) -> Report:
    """``report``, or Defect when it says what cannot be stored."""
    if not _KIND.fullmatch(report.kind):
        raise Defect(f"event kind {report.kind[:80]!r}: expected lower-case words joined by dots")
    if not report.key or not report.dossier_code or not storable(report.dossier_code):
        raise Defect("a report needs a key, and a dossier code that a text column can hold")
    try:
        msgspec.json.decode(report.data)
    except msgspec.DecodeError as fault:
        raise Defect(f"the data of a {report.kind} is not JSON: {fault}") from fault
    return report


def _key(key: str) -> str:
    """The key as it is stored: a long one, or one that a text column cannot hold, by its digest."""
    if len(key) <= LONGEST_KEY and storable(key):
        return key
    return "sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
