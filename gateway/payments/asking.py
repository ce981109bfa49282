"""Asking a payment platform something: through its own gate, logged like every exchange, retried never.

The gate (pause, maintenance, breaker, rate) is obeyed and never shut from here: a question that fails says nothing
about deliveries. Invariant: what is returned is what the adapter made of a logged answer, or why there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec
import structlog

from gateway.codec import http
from gateway.domain.errors import CannotEncode
from gateway.messagelog.entry import About, Scope, request_entry
from gateway.port import Adapter, CannotRead, Context, Read, WireRequest
from gateway.storage.database import Database
from gateway.storage.rows import MessageRow
from gateway.wire.authentication import Authenticator, Credentials, NoCredential
from gateway.wire.client import Answered, Exchange

log = structlog.get_logger(__name__)
_BUSY = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 300.0


class Permit(Protocol):
    """Whether something may leave now."""

    @property
    def allowed(self) -> bool:
        """It may."""

    @property
    def probe(self) -> bool:
        """It is the one probe of a half-open breaker."""

    @property
    def wait(self) -> float:
        """Seconds until asking again makes sense."""


class Gate(Protocol):
    """The gate of a destination (``gateway.delivery.gate``)."""

    async def permit(self, *, probe_for: float, idle: bool) -> Permit:
        """Whether something may leave now."""

    async def pace(self) -> None:
        """Wait for the destination's own rate."""

    async def succeeded(self) -> None:
        """The destination works."""

    async def failed(self, reason: str, *, probe: bool = False) -> None:
        """The destination does not work."""


class Hub(Protocol):
    """What destinations share (``gateway.delivery.destination``)."""

    @property
    def database(self) -> Database:
        """The message log's."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Aware UTC."""


class Destination(Protocol):
    """What is needed of a destination (``gateway.delivery.destination``)."""

    @property
    def name(self) -> str:
        """As in the configuration."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""

    @property
    def gate(self) -> Gate:
        """Its gate in this process."""

    @property
    def authenticator(self) -> Authenticator:
        """Its credentials in this process."""

    @property
    def longest_exchange(self) -> float:
        """Seconds after which an exchange has surely ended."""

    def context(self, credentials: Credentials, memory: Mapping[str, str]) -> Context:
        """What the adapter is lent."""

    @property
    def hub(self) -> Hub:
        """What destinations share."""

    @property
    def scope(self) -> Scope:
        """Its place in the message log."""

    async def timed_exchange(self, request: WireRequest) -> Exchange:
        """The bare exchange; the caller has logged the request."""

    def answer_entry(self, about: About, result: Exchange) -> MessageRow:
        """The log entry of what came back."""

    async def append(self, row: MessageRow) -> None:
        """Write one log entry; StorageUnavailable when it cannot be written, and then nothing may leave."""

    def secrets(self) -> Sequence[str]:
        """What must not be shown."""


class Unasked(msgspec.Struct, frozen=True, kw_only=True):
    """No answer: nothing left, or nothing came back. ``wait``: seconds before asking again makes sense. ``shut``: the
    destination takes no questions at all for now."""

    code: str
    reason: str
    wait: float = 0.0
    shut: bool = False


Told: TypeAlias = Read | CannotRead | Unasked


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was told, and the log entry that it stands in; None when nothing was asked."""

    told: Told
    message: int | None = None


class Asker:
    """Reads of one destination. ``may_probe``: nobody else in this process tries whether it is back."""

    def __init__(self, destination: Destination, *, may_probe: Callable[[], bool]) -> None:
        self.destination = destination
        self._may_probe = may_probe
        self._asking = 0

    async def read(self, name: str, parameters: Mapping[str, str], dossier: str) -> Told:
        """What the platform says to read operation ``name``. Raises StorageUnavailable when it cannot be logged."""
        return (await self.ask(name, parameters, dossier)).told

    async def ask(self, name: str, parameters: Mapping[str, str], dossier: str) -> Asked:
        """Like ``read``, with the log entry that the answer stands in."""
        gate = self.destination.gate
        idle = self._asking == 0 and self._may_probe()
        permit = await gate.permit(probe_for=self.destination.longest_exchange, idle=idle)
        if not permit.allowed:
            shut = Unasked(code="shut", reason="the destination is shut for now", wait=permit.wait, shut=True)
            return Asked(told=shut)
        await gate.pace()
        self._asking += 1
        try:
            asked = await self._once(name, parameters, dossier)
            if isinstance(asked.told, CannotRead) and asked.told.renew:
                asked = await self._once(name, parameters, dossier)
        finally:
            self._asking -= 1
        if permit.probe:
            lost = isinstance(asked.told, Unasked)
            await (gate.failed("the question got no answer", probe=True) if lost else gate.succeeded())
        return asked

    async def _once(self, name: str, parameters: Mapping[str, str], dossier: str) -> Asked:
        destination = self.destination
        credentials = await destination.authenticator.obtain()
        if isinstance(credentials, NoCredential):
            return Asked(told=Unasked(code=credentials.code, reason=credentials.reason))
        context = destination.context(credentials, {})
        try:
            request = destination.adapter.encode_read(name, parameters, context)
        except CannotEncode as fault:
            return Asked(told=CannotRead(code="cannot_ask", reason=str(fault)[:500]))
        result, message = await self._exchange(name, request, dossier)
        if not isinstance(result, Answered):
            return Asked(told=Unasked(code=result.code, reason=result.reason), message=message)
        told = self._understood(name, parameters, result, context.now)
        if isinstance(told, CannotRead) and told.renew:
            destination.authenticator.spoil(told.renew, credentials)
        return Asked(told=told, message=message)

    async def _exchange(self, name: str, request: WireRequest, dossier: str) -> tuple[Exchange, int]:
        """The exchange, logged before and after; the number of the answer's entry."""
        destination, hub = self.destination, self.destination.hub
        about = About(id=hub.database.identifiers.next(), at=hub.clock(), operation=name, dossier=dossier)
        secrets = destination.secrets()
        await destination.append(request_entry(destination.scope, about, request, secrets=secrets))
        result = await destination.timed_exchange(request)
        answer = hub.database.identifiers.next()
        told = msgspec.structs.replace(about, id=answer, at=hub.clock(), request_id=about.id)
        await destination.append(destination.answer_entry(told, result))
        return result, answer

    def _understood(self, name: str, parameters: Mapping[str, str], result: Answered, now: datetime) -> Told:
        response, destination = result.response, self.destination
        if response.status in _BUSY:
            pause = http.retry_after(response.headers, now) or 0.0
            wait = min(_LONGEST_WAIT, max(0.0, pause))
            return Unasked(code="busy", reason=f"HTTP {response.status}", wait=wait)
        try:
            return destination.adapter.interpret_read(name, parameters, response)
        except Exception as fault:  # why: a defect in one adapter spoils one question, not the sweep
            log.exception("adapter_failed", destination=destination.name, operation=name)
            return CannotRead(code="adapter_defect", reason=f"{type(fault).__name__} while reading")
