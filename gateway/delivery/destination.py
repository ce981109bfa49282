"""A destination at work: an adapter with its client, its credentials, its gate and its place in the message log."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from gateway.delivery.carriage import Carriage
from gateway.delivery.files import Files, Lend, lend_nothing
from gateway.delivery.gate import Gate, Limits
from gateway.delivery.maintenance import require_windows
from gateway.delivery.sealing import REFUSED, Distrusted, NoSeal, Sealer, Unsealed, not_signed
from gateway.messagelog.entry import About, Scope, no_answer_entry, request_entry, response_entry
from gateway.messagelog.redaction import redact_text
from gateway.port import Adapter, Capacity, Context, WireRequest
from gateway.port.adapter import Catalogues
from gateway.settings import DeliverySettings, DestinationSettings
from gateway.storage.database import Database, Transaction
from gateway.storage.rows import MessageRow, insert_messages
from gateway.telemetry import CLOCK_SKEW, EXCHANGE_SECONDS
from gateway.telemetry.tracing import OFF, Tracing
from gateway.wire.asking import Logged
from gateway.wire.authentication import Authenticator, Credentials, granted
from gateway.wire.client import (
    CONNECT_TRIES,
    Answered,
    Exchange,
    HttpClient,
    NoAnswer,
    NotSent,
    Transport,
)
from gateway.wire.dating import PartnerClock
from gateway.wire.tls import tls_context

log = structlog.get_logger(__name__)
HALTED = "halted"
"""Code of what is not sent while nothing could be proven of it."""


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """What every destination shares."""

    database: Database
    clock: Callable[[], datetime]
    settings: DeliverySettings
    tracing: Tracing = OFF


Provide = Callable[[Sequence[tuple[str, Mapping[str, str]]]], Awaitable[str | None]]
"""Fetches (catalogue, parameters) entries that are missing; why that was not possible, or None."""


async def _provide_nothing(missing: Sequence[tuple[str, Mapping[str, str]]]) -> str | None:
    del missing  # nobody keeps catalogues here: what is missing stays missing, which the caller then reports
    return None


class Destination:
    """One configured partner. ``catalogues`` is replaced as a whole when reference data is refreshed;
    ``provide`` is set by whoever keeps them, ``lend`` by whoever keeps files."""

    def __init__(
        self,
        name: str,
        adapter: Adapter,
        hub: Hub,
        settings: DestinationSettings,
        *,
        transport: Transport | None = None,
    ) -> None:
        require_windows(settings.maintenance, destination=name)
        self.name = name
        self.adapter = adapter
        self.hub = hub
        self.capacity: Capacity = settings.capacity(adapter.manifest.capacity)
        self.scope = Scope(
            channel=name,
            secret_fields=adapter.manifest.secret_fields,
            secret_headers=adapter.manifest.secret_headers,
            personal_fields=adapter.manifest.personal_fields,
        )
        self._longest_silence = self.capacity.read_timeout
        self._exchange_seconds = EXCHANGE_SECONDS.labels(name)
        self._dates = PartnerClock(hub.clock, lambda ahead: CLOCK_SKEW.labels("partner", name).set(ahead))
        self.tls = tls_context(settings.tls, name)
        self.client = HttpClient(self.capacity, transport=transport, verify=self.tls)
        self.authenticator = Authenticator(adapter.credentials, self._exchange_credential)
        limits = Limits(
            breaker=hub.settings.breaker, rate=self.capacity.rate, maintenance=settings.maintenance
        )
        self.gate = Gate(name, hub.database, limits, hub.clock)
        # lanes that may share a call outnumber the calls that may be under way
        self.berths = asyncio.Semaphore(self.capacity.concurrency)
        self.across = max((item.across for item in adapter.manifest.operations), default=1)
        self.carriage = Carriage(self)
        self.catalogues: Catalogues = {}
        self.provide: Provide = _provide_nothing
        self.lend: Lend = lend_nothing
        self.sealer: Sealer = NoSeal()
        self.configured_secrets: tuple[str, ...] = ()
        self.sends_place = settings.send_traceparent

    @property
    def longest_exchange(self) -> float:
        """Seconds after which an exchange has surely ended, as far as requests with a patience of their own are known."""
        return self.capacity.connect_timeout * CONNECT_TRIES + self._longest_silence * 2

    def context(
        self, credentials: Credentials, memory: Mapping[str, str], files: Files | None = None
    ) -> Context:
        """What the adapter is lent for one call."""
        return Context(
            now=self.hub.clock(),
            credentials=credentials.values,
            memory=memory,
            catalogues=self.catalogues,
            files=files or {},
        )

    async def timed_exchange(self, request: WireRequest) -> Exchange:
        """The bare exchange, with its duration in the metrics. The caller has logged the request."""
        if request.timeout is not None and request.timeout > self._longest_silence:
            self._longest_silence = request.timeout
        started = ended = time.perf_counter()
        try:
            answer = await self.client.exchange(request)
        finally:
            ended = time.perf_counter()
            self._exchange_seconds.observe(ended - started)
        if ended >= self._dates.look_at and isinstance(answer, Answered):
            self._dates.look(answer.response, now=ended, seconds=ended - started)
        return answer

    async def recorded_exchange(
        self,
        operation: str,
        request: WireRequest,
        *,
        dossier: str | None = None,
        gives: Callable[[Exchange], Sequence[str]] | None = None,
    ) -> Logged:
        """An exchange outside any lane (a login, a question), signed, logged and verified like every other.

        ``gives``: the credentials in the answer, which are live from now on and must not be logged either.
        """
        if self.gate.halt.is_stopped:  # also what passes no gate: a login, what an operator asks for
            return Logged(
                result=NotSent(code=HALTED, reason="traffic is stopped: no evidence can be produced")
            )
        asked = self._about(operation, dossier)
        leaving = await self.sealer.sign(operation, request, asked.at)
        if isinstance(leaving, Unsealed):
            return Logged(result=NotSent(code=not_signed(leaving), reason=leaving.reason))
        await self.append(request_entry(self.scope, asked, leaving, secrets=self.secrets()))
        result = await self.timed_exchange(leaving)
        answered = msgspec.structs.replace(self._about(operation, dossier), request_id=asked.id)
        await self.append(self.answer_entry(answered, result, () if gives is None else gives(result)))
        if not isinstance(result, Answered):
            return Logged(result=result, message=answered.id)
        opened = self.sealer.verify(operation, leaving, result.response, self.hub.clock())
        if isinstance(opened, Distrusted):
            log.error("signature_was_refused", destination=self.name, operation=operation, dossier=dossier)
            return Logged(result=NoAnswer(code=REFUSED, reason=opened.reason), message=answered.id)
        verified = Answered(response=opened.response)
        return Logged(result=verified, message=answered.id, agreed=opened.agreed)

    def answer_entry(self, about: About, result: Exchange, given: Sequence[str] = ()) -> MessageRow:
        """The log entry of what came back, without the credentials that it may have ``given``."""
        if isinstance(result, Answered):
            secrets = (*self.secrets(), *given) if given else self.secrets()
            return response_entry(self.scope, about, result.response, secrets=secrets)
        return no_answer_entry(self.scope, about, f"{result.code}: {result.reason}")

    def secrets(self) -> Sequence[str]:
        """Live credentials and configured secrets, for redaction."""
        return (*self.authenticator.secrets, *self.configured_secrets)

    def shown(self, words: str) -> str:
        """``words`` (a reason, a partner's text) for people, the program log and the database: without live credentials
        and configured secrets."""
        return redact_text(words, secrets=self.secrets())

    async def append(self, row: MessageRow) -> None:
        """Write one log entry; StorageUnavailable when it cannot be written, and then nothing may leave."""
        await self.hub.database.apply(_append, row)

    async def close(self) -> None:
        """Close connections."""
        await self.client.close()
        await self.sealer.close()

    async def _exchange_credential(self, layer: str, request: WireRequest) -> Exchange:
        gives = functools.partial(granted, self.adapter.credentials, layer)
        return (await self.recorded_exchange(f"credential.{layer}", request, gives=gives)).result

    def _about(self, operation: str, dossier: str | None) -> About:
        return About(
            id=self.hub.database.identifiers.next(),
            at=self.hub.clock(),
            operation=operation,
            dossier=dossier,
        )


def _append(transaction: Transaction, rows: Sequence[MessageRow]) -> list[None]:
    insert_messages(transaction, rows)
    return [None] * len(rows)
