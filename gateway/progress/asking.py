"""Putting one question to a partner: through its own gate, logged like every exchange, retried once with a new token.

The gate (pause, maintenance, breaker, rate) is obeyed and never shut from here: a question that fails says nothing about
deliveries. Invariant: what is returned is what the adapter made of a logged answer, or why there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from gateway.codec import http
from gateway.domain.errors import CannotEncode
from gateway.messagelog.redaction import redact_text
from gateway.port import Adapter, CannotRead, Context, WireRequest, WireResponse
from gateway.wire.authentication import Authenticator, Credentials, NoCredential
from gateway.wire.client import Answered, Exchange

log = structlog.get_logger(__name__)
_BUSY = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 3600.0
NOT_WANTED = "not_wanted"
_T = TypeVar("_T")


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

    async def recorded_exchange(
        self, operation: str, request: WireRequest, *, dossier: str | None = None
    ) -> Exchange:
        """An exchange that is logged before and after."""

    def secrets(self) -> Sequence[str]:
        """What must not be shown."""


class Unasked(msgspec.Struct, frozen=True, kw_only=True):
    """No answer: nothing left, or nothing came back. ``wait``: seconds before asking again makes sense. ``shut``: the
    destination takes no questions at all for now."""

    code: str
    reason: str
    wait: float = 0.0
    shut: bool = False


class Question(msgspec.Struct, Generic[_T], frozen=True, kw_only=True):
    """One question: how it is written and how its answer is read, as a ``kind``. ``operation``: its name in the message
    log.

    ``encode`` may give None: there is nothing to ask, which is answered with ``NOT_WANTED``.
    """

    operation: str
    kind: type[_T]
    encode: Callable[[Context], WireRequest | None]
    interpret: Callable[[WireResponse, Context], _T | CannotRead]
    memory: Mapping[str, str] = {}
    dossier: str | None = None


class Asker:
    """Questions to one destination. ``may_probe``: nobody else in this process tries whether it is back."""

    def __init__(self, destination: Destination, *, may_probe: Callable[[], bool]) -> None:
        self.destination = destination
        self._may_probe = may_probe
        self._asking = 0

    async def ask(self, question: Question[_T]) -> _T | CannotRead | Unasked:
        """The answer, or why there is none. Raises StorageUnavailable when it cannot be logged."""
        gate = self.destination.gate
        idle = self._asking == 0 and self._may_probe()
        permit = await gate.permit(probe_for=self.destination.longest_exchange, idle=idle)
        if not permit.allowed:
            return Unasked(code="shut", reason="the destination is shut for now", wait=permit.wait, shut=True)
        await gate.pace()
        self._asking += 1
        try:
            told = await self._once(question)
            if isinstance(told, CannotRead) and told.renew:
                told = await self._once(question)
        finally:
            self._asking -= 1
        if permit.probe:
            lost = isinstance(told, Unasked)
            await (gate.failed("the question got no answer", probe=True) if lost else gate.succeeded())
        return told

    async def _once(self, question: Question[_T]) -> _T | CannotRead | Unasked:
        destination = self.destination
        credentials = await destination.authenticator.obtain()
        if isinstance(credentials, NoCredential):
            return Unasked(code=credentials.code, reason=self._shown(credentials.reason))
        context = destination.context(credentials, question.memory)
        request = self._encoded(question, context)
        if isinstance(request, CannotRead):
            return request
        result = await destination.recorded_exchange(question.operation, request, dossier=question.dossier)
        if not isinstance(result, Answered):
            return Unasked(code=result.code, reason=result.reason)
        if result.response.status in _BUSY:
            return _busy(result.response, context.now)
        told = self._understood(question, result.response, context)
        if isinstance(told, CannotRead) and told.renew:
            destination.authenticator.spoil(told.renew, credentials)
        return told

    def _encoded(self, question: Question[_T], context: Context) -> WireRequest | CannotRead:
        try:
            request = question.encode(context)
        except CannotEncode as fault:
            return CannotRead(code="cannot_ask", reason=self._shown(str(fault)))
        except Exception as fault:  # why: a defect in one adapter spoils one question, not the round
            return self._defect(question, fault, "encoding")
        return CannotRead(code=NOT_WANTED, reason="there is nothing to ask") if request is None else request

    def _understood(
        self, question: Question[_T], response: WireResponse, context: Context
    ) -> _T | CannotRead:
        try:
            told = question.interpret(response, context)
        except Exception as fault:  # why: as above
            return self._defect(question, fault, "reading")
        if isinstance(told, CannotRead):
            return msgspec.structs.replace(told, reason=self._shown(told.reason))
        if not isinstance(told, question.kind):
            wrong = TypeError(f"got {type(told).__name__}, expected {question.kind.__name__}")
            return self._defect(question, wrong, "reading")
        return told

    def _shown(self, reason: str) -> str:
        return redact_text(reason, secrets=self.destination.secrets())[:500]

    def _defect(self, question: Question[_T], fault: Exception, doing: str) -> CannotRead:
        log.error(
            "adapter_failed",
            destination=self.destination.name,
            operation=question.operation,
            exc_info=fault,
        )
        return CannotRead(code="adapter_defect", reason=f"{type(fault).__name__} while {doing}")


def _busy(response: WireResponse, now: datetime) -> Unasked:
    pause = http.retry_after(response.headers, now) or 0.0
    return Unasked(code="busy", reason=f"HTTP {response.status}", wait=min(_LONGEST_WAIT, max(0.0, pause)))
