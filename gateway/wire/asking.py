"""Asking a partner something: through its gate, with live credentials, logged by the caller, retried never.

The gate (pause, maintenance, breaker, rate) is obeyed and never shut from here but by its own probe: a question that
fails says nothing about deliveries. Invariant: what is returned is what was made of an answer, or why there is none;
nothing is asked twice but after a credential that was refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from gateway.codec import http
from gateway.domain.errors import CannotEncode
from gateway.port import CannotRead, Context, WireRequest, WireResponse
from gateway.wire.authentication import Authenticator, Credentials, NoCredential
from gateway.wire.client import Answered, Exchange

T = TypeVar("T")
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


class Destination(Protocol):
    """What asking needs of a destination (``gateway.delivery.destination``)."""

    @property
    def name(self) -> str:
        """As in the configuration."""

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


class Unasked(msgspec.Struct, frozen=True, kw_only=True):
    """No usable answer. ``wait``: seconds before asking again makes sense. ``shut``: the destination takes no questions
    at all for now. ``answered``: the partner did answer, so it is this question that went wrong, perhaps."""

    code: str
    reason: str
    wait: float = 0.0
    shut: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What came of an exchange, and the log entry that it stands in, where the caller wants to know."""

    result: Exchange
    message: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[T]):
    """``encode`` raises CannotEncode when it cannot be asked; ``exchange`` logs before and after."""

    operation: str
    encode: Callable[[Context], WireRequest]
    exchange: Callable[[WireRequest], Awaitable[Logged]]
    read: Callable[[WireResponse, Context], T | CannotRead]
    memory: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """What was told, and the log entry that it stands in; None when nothing was asked, or ``exchange`` names none."""

    told: T | CannotRead | Unasked
    message: int | None = None


class Questioner:
    """Questions to one destination. ``may_probe``: nobody else in this process tries whether it is back."""

    def __init__(self, destination: Destination, *, may_probe: Callable[[], bool]) -> None:
        self._destination = destination
        self._may_probe = may_probe
        self._asking = 0

    async def ask(self, question: Question[T]) -> Reply[T]:
        """The answer to ``question``. Raises StorageUnavailable when it cannot be logged."""
        gate = self._destination.gate
        idle = self._asking == 0 and self._may_probe()
        permit = await gate.permit(probe_for=self._destination.longest_exchange, idle=idle)
        if not permit.allowed:
            shut = Unasked(code="shut", reason="the destination is shut for now", wait=permit.wait, shut=True)
            return Reply(told=shut)
        await gate.pace()
        self._asking += 1
        try:
            reply = await self._once(question)
            if isinstance(reply.told, CannotRead) and reply.told.renew:
                reply = await self._once(question)
        finally:
            self._asking -= 1
        if permit.probe:
            lost = isinstance(reply.told, Unasked)
            await (gate.failed("the question got no answer", probe=True) if lost else gate.succeeded())
        return reply

    async def _once(self, question: Question[T]) -> Reply[T]:
        authenticator = self._destination.authenticator
        credentials = await authenticator.obtain()
        if isinstance(credentials, NoCredential):
            return Reply(told=Unasked(code=credentials.code, reason=credentials.reason))
        context = self._destination.context(credentials, question.memory)
        try:
            request = question.encode(context)
        except CannotEncode as fault:
            return Reply(told=CannotRead(code="cannot_ask", reason=str(fault)[:500]))
        logged = await question.exchange(request)
        if not isinstance(logged.result, Answered):
            unanswered = Unasked(code=logged.result.code, reason=logged.result.reason)
            return Reply(told=unanswered, message=logged.message)
        told = self._understood(question, logged.result.response, context)
        if isinstance(told, CannotRead) and told.renew:
            authenticator.spoil(told.renew, credentials)
        return Reply(told=told, message=logged.message)

    def _understood(
        self, question: Question[T], response: WireResponse, context: Context
    ) -> T | CannotRead | Unasked:
        if response.status in _BUSY:
            return _busy(response, context.now)
        try:
            return question.read(response, context)
        except Exception as fault:  # why: a defect in one adapter spoils one question, not the pass
            log.exception("adapter_failed", destination=self._destination.name, operation=question.operation)
            return CannotRead(code="adapter_defect", reason=f"{type(fault).__name__} while reading")


def _busy(response: WireResponse, now: datetime) -> Unasked:
    pause = http.retry_after(response.headers, now) or 0.0
    wait = min(_LONGEST_WAIT, max(0.0, pause))
    return Unasked(code="busy", reason=f"HTTP {response.status}", wait=wait)
