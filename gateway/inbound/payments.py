"""The door of payment platforms: verify first, then one transaction, then the answer (payment_platform §5.5, §8, §9).

Invariants: no database is touched before the adapter has proved the call, so that forged ones cost nothing but a few
sampled log entries a minute; report, journal, effect, log and event are committed together, and the answer leaves after
that; whatever goes wrong is answered in the contract's own shape, so that the platform repeats the call.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import TypeAlias, assert_never, cast

import msgspec
import structlog

from gateway.codec import trusted
from gateway.domain.errors import CannotEncode, StorageUnavailable
from gateway.domain.payment_order import PaymentOrder
from gateway.inbound.receiving import CallLog, Defect, Hub, Receiver, problem
from gateway.inbound.sampling import Sampler
from gateway.inbound.trail import arrive
from gateway.port import (
    Adapter,
    AnswersPayers,
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
from gateway.port.payment import UNAVAILABLE
from gateway.storage.instants import to_micros
from gateway.storage.land import LandMessage, LandStored, store_land
from gateway.storage.payment_journal import Arrived, Judged, take_reports
from gateway.storage.payment_lookup import payable_order
from gateway.telemetry import CALLBACKS, CALLBACKS_REFUSED

log = structlog.get_logger(__name__)
REFUSALS_LOGGED = 6.0
# §8.1: anonymous, and it discloses who has to pay what; nobody looks up more dossiers than this
LOOKUPS_A_MINUTE = 600.0
LARGE_BYTES = 64 * 1024
# More refusals than that are no partner with a wrong secret: whoever sends them waits for the answer, so that a flood
# sinks to its number of connections. They are let go one by one: those that came together would otherwise come back
# together, and keep the loop from proved calls. A proved call never waits; what waits is bounded in calls and in bytes.
REFUSALS_A_MINUTE = 300.0
REFUSALS_AT_ONCE = 20.0
HELD_SECONDS = 1.0
APART_SECONDS = 0.005
MOST_HELD = 2000
MOST_HELD_BYTES = 16 * 1024 * 1024
Halted: TypeAlias = Callable[[], Awaitable[bool]]
"""Whether nothing is taken for now, since it could not be proven later."""
_ORDERS = trusted.decoder(PaymentOrder)


async def never() -> bool:
    """Nothing keeps calls out."""
    return False


class Guard:
    """What all calls to the payment doors of one process share.

    ``refusals_logged``: by destination, how many refused calls a minute are kept in the message log.
    """

    def __init__(self, refusals_logged: Mapping[str, float], halted: Halted = never) -> None:
        self.halted = halted
        self._refusals_logged = refusals_logged
        self._sampler = Sampler()
        self._kinds: dict[type, bool] = {}
        self._held = 0
        self._held_bytes = 0
        self._last_leaves_at = 0.0  # by the loop's clock
        # one at a time: reading megabytes of notices must not keep the interpreter from small reports
        self.large = asyncio.Semaphore(1)

    def is_for(self, adapter: Adapter) -> bool:
        """Whether this is the adapter of a payment platform."""
        kind = type(adapter)
        known = self._kinds.get(kind)
        if known is None:  # looking at a protocol's methods takes longer than reading most calls
            known = self._kinds[kind] = isinstance(adapter, AnswersPayers)
        return known

    def refusal_is_kept(self, destination: str) -> int | None:
        """How many refusals went unlogged since the last one that was kept; None when this one is not kept either."""
        rate = self._refusals_logged.get(destination, REFUSALS_LOGGED)
        return self._sampler.take(f"refused {destination}", rate)

    async def hold(self, destination: str, size: int) -> None:
        """Let a refused call of ``size`` bytes wait for its answer when there are too many of them."""
        prompt = (
            self._sampler.take(f"answered {destination}", REFUSALS_A_MINUTE, REFUSALS_AT_ONCE) is not None
        )
        if prompt or self._held >= MOST_HELD or self._held_bytes + size > MOST_HELD_BYTES:
            return
        self._held += 1
        self._held_bytes += size
        now = asyncio.get_running_loop().time()
        latest = now + HELD_SECONDS + MOST_HELD * APART_SECONDS  # whoever hangs up leaves a gap in the row
        self._last_leaves_at = min(max(now + HELD_SECONDS, self._last_leaves_at + APART_SECONDS), latest)
        try:
            await asyncio.sleep(self._last_leaves_at - now)
        finally:
            self._held -= 1
            self._held_bytes -= size

    def may_look_up(self, destination: str) -> bool:
        """Whether one more look-up is answered now."""
        return self._sampler.take(f"lookup {destination}", LOOKUPS_A_MINUTE) is not None


class PaymentCall:
    """One call on its way."""

    def __init__(self, hub: Hub, name: str, receiver: Receiver, guard: Guard) -> None:
        self._hub = hub
        self._name = name
        self._receiver = receiver
        self._payers = cast("AnswersPayers", receiver.adapter)  # ``guard`` has looked
        self._guard = guard

    async def answer(self, request: CallbackRequest) -> WireResponse:
        """The answer to ``request``, once everything that it says is durable. Never raises on any bytes."""
        try:
            callback = await self._read(request)
        except Exception as fault:  # why: a defect in reading must be answered and seen, and prove nothing
            log.exception("callback_failed", destination=self._name, fault=type(fault).__name__)
            CALLBACKS.labels(self._name, "failed").inc()
            answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the call was not taken")
            return await self._refuse(
                request, Refusal(code="adapter_defect", reason=type(fault).__name__, answer=answer)
            )
        match callback:
            case Refusal():
                return await self._refuse(request, callback)
            case PaymentReport():
                return await self._guarded(
                    partial(self._take, request, callback), callback.answer(UNAVAILABLE)
                )
            case PaymentLookup():
                return await self._guarded(partial(self._look_up, request, callback), callback.failed)
            case LandTaxReport():
                return await self._guarded(partial(self._keep, request, callback), callback.unavailable)
            case _:
                assert_never(callback)

    async def _read(
        self, request: CallbackRequest
    ) -> Refusal | PaymentReport | PaymentLookup | LandTaxReport:
        """What the call is, proved to be the platform's; no database is asked."""
        context = Context(now=self._hub.clock(), catalogues=self._receiver.catalogues)
        read: Callable[[], Callback] = partial(self._receiver.adapter.read_callback, request, context)
        if len(request.body) <= LARGE_BYTES:
            callback = read()
        else:
            async with self._guard.large:
                callback = await asyncio.to_thread(read)
        if isinstance(callback, Report):
            raise Defect("a report on a dossier came to the door for payments")
        return callback

    async def _guarded(
        self, take: Callable[[], Awaitable[WireResponse]], otherwise: WireResponse
    ) -> WireResponse:
        """The answer that ``take`` gives, or ``otherwise`` when nothing could be stored, or proven later."""
        try:
            if not await self._guard.halted():
                return await take()
            CALLBACKS.labels(self._name, "unavailable").inc()
        except StorageUnavailable as fault:
            CALLBACKS.labels(self._name, "unavailable").inc()
            log.warning("storage_was_lost", destination=self._name, reason=str(fault)[:200])
        except Exception as fault:  # why: the platform must repeat what our defect has kept out
            CALLBACKS.labels(self._name, "failed").inc()
            log.exception("callback_failed", destination=self._name, fault=type(fault).__name__)
        return otherwise

    async def _refuse(self, request: CallbackRequest, refusal: Refusal) -> WireResponse:
        """Count it; keep it in the message log only now and then, whatever a flood of it would cost."""
        CALLBACKS.labels(self._name, "refused").inc()
        CALLBACKS_REFUSED.labels(self._name, refusal.code).inc()
        await self._guard.hold(self._name, len(request.body))
        unlogged = self._guard.refusal_is_kept(self._name)
        if unlogged is None:
            return refusal.answer
        entries = CallLog(self._hub, self._name, self._receiver)
        rows = (
            entries.request(_shortened(request)),
            entries.answer("refused", refusal.code, None, refusal.answer),
        )
        log.warning(
            "callback_refused",
            destination=self._name,
            code=refusal.code,
            reason=refusal.reason[:200],
            unlogged=unlogged,
        )
        try:
            await entries.append(*rows)
        except StorageUnavailable as fault:  # it has no effect, so nothing is lost but the sample
            log.warning("storage_was_lost", destination=self._name, reason=str(fault)[:200])
        return refusal.answer

    async def _take(self, request: CallbackRequest, report: PaymentReport) -> WireResponse:
        """Settle, or whatever the report may do; StorageUnavailable when nothing was stored."""
        entries = CallLog(self._hub, self._name, self._receiver)
        arrived = Arrived(
            destination=self._name,
            report=report,
            at=self._hub.clock(),
            message=entries.request_id,
            entries=lambda answer, effect, code, dossier: (
                entries.request(request, dossier=dossier),
                entries.answer(effect, code, dossier, answer),
            ),
        )
        began = time.time_ns()
        judged: Judged = await self._hub.database.apply(take_reports, arrived)
        arrival = await arrive(self._hub, judged.dossier, began=began)
        entries.count(judged.effect, alarm=judged.alarm or None, dossier=judged.dossier)
        if arrival is not None and judged.dossier is not None:
            arrival.leave(self._name, dossier=judged.dossier, kind="payment", result=judged.effect)
        return judged.response

    async def _look_up(self, request: CallbackRequest, lookup: PaymentLookup) -> WireResponse:
        """What is to be paid for a dossier: asked by anybody in the platform's network, so limited and logged (§8.1)."""
        if not self._guard.may_look_up(self._name):
            CALLBACKS.labels(self._name, "too_many").inc()
            return lookup.failed
        question = partial(payable_order, destination=self._name, dossier=lookup.dossier)
        payload = await self._hub.database.read(question)
        effect, answer = self._payable(payload, lookup)
        dossier = lookup.dossier if payload is not None else None
        entries = CallLog(self._hub, self._name, self._receiver, masked=lookup.masked)
        await entries.append(
            entries.request(request, dossier=dossier), entries.answer(effect, "lookup", dossier, answer)
        )
        entries.count(effect, dossier=dossier)
        return answer

    def _payable(self, payload: bytes | None, lookup: PaymentLookup) -> tuple[str, WireResponse]:
        if payload is None:
            return "nothing", lookup.nothing
        try:
            return "payable", self._payers.answer_lookup(_ORDERS.decode(payload), self._hub.clock())
        except (CannotEncode, msgspec.DecodeError) as fault:
            log.warning("lookup_failed", destination=self._name, reason=str(fault)[:200])
            return "failed", lookup.failed

    async def _keep(self, request: CallbackRequest, report: LandTaxReport) -> WireResponse:
        """Keep notices or evidence, and name the rows that could not be and the dossiers that nobody knows (§9)."""
        entries = CallLog(self._hub, self._name, self._receiver)
        named = {each.dossier for each in (*report.notices, report.evidence) if each is not None}
        dossier = named.pop() if len(named) == 1 else None
        effect = "kept" if report.notices or report.evidence else "refused"
        message = LandMessage(
            destination=self._name,
            now=to_micros(self._hub.clock()),
            message=entries.request_id,
            notices=report.notices,
            evidence=report.evidence,
            entries=lambda unknown: (
                entries.request(request, dossier=dossier),
                entries.answer(effect, "land", dossier, self._payers.answer_land(report, unknown)),
            ),
        )
        stored: LandStored = await self._hub.database.apply(store_land, message)
        result = effect if stored.fresh or effect == "refused" else "repeated"
        entries.count(result, rows=stored.fresh, unknown=len(stored.unknown), refused=len(report.refused))
        return self._payers.answer_land(report, stored.unknown)


def _shortened(request: CallbackRequest) -> CallbackRequest:
    """``request`` as a sample of what is refused: whoever sends megabytes does not fill our disk with them."""
    if len(request.body) <= LARGE_BYTES:
        return request
    digest = hashlib.sha256(request.body).hexdigest()
    note = f"[refused, not kept: {len(request.body)} bytes, SHA-256 {digest}]"
    return msgspec.structs.replace(request, body=note.encode())
