"""Asking a partner something, the only way: with live credentials, signed, logged and verified, through its gate.

The gate (pause, maintenance, breaker, rate) is obeyed and never shut from here but by its own probe: a question that
fails says nothing about deliveries. Invariants: what is returned is what was made of an answer that may be read, or why
there is none; nothing is asked twice but after a credential that was refused; no reason tells a credential.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
NOT_WANTED = "not_wanted"
"""Code of a question that its writer found unnecessary."""
UNSIGNED = "answer_unsigned"
"""Code of an answer that came without the signature that it needs."""
_BUSY = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 3600.0
_MOST_WORDS = 500


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


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an exchange, as far as it may be read. ``message``: the log entry that the answer, or its absence,
    stands in; None when nothing left. ``agreed`` False: it came unsigned, as it may, and nothing in it is believed."""

    result: Exchange
    message: int | None = None
    agreed: bool = True


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

    async def recorded_exchange(
        self, operation: str, request: WireRequest, *, dossier: str | None = None
    ) -> Logged:
        """An exchange: signed, logged before and after, verified. StorageUnavailable when it cannot be logged."""

    def shown(self, words: str) -> str:
        """``words`` for people, the program log and the database: without any credential."""


class Unasked(msgspec.Struct, frozen=True, kw_only=True):
    """No usable answer. ``wait``: seconds before asking again makes sense. ``shut``: the destination takes no questions
    at all for now. ``answered``: the partner did answer, so it is this question that went wrong, perhaps."""

    code: str
    reason: str
    wait: float = 0.0
    shut: bool = False
    answered: bool = False


class Question(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One question: how it is written, and how its answer is read, as one of ``kind``.

    ``operation``: its name in the message log and among the signing policies. ``encode`` raises CannotEncode when it
    cannot be asked, and gives None when there is nothing to ask, which is answered with ``NOT_WANTED``.
    """

    operation: str
    kind: type[T] | tuple[type[T], ...]
    encode: Callable[[Context], WireRequest | None]
    read: Callable[[WireResponse, Context], T | CannotRead]
    memory: Mapping[str, str] = {}
    dossier: str | None = None


class Reply(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What was told, and the log entry that it stands in; None when nothing was asked."""

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
            reply = await ask_at_once(self._destination, question)
        finally:
            self._asking -= 1
        if permit.probe:
            lost = isinstance(reply.told, Unasked)
            await (gate.failed("the question got no answer", probe=True) if lost else gate.succeeded())
        return reply


async def ask_at_once(destination: Destination, question: Question[T]) -> Reply[T]:
    """The answer to ``question``, whatever the gate says: for whoever has passed it. Raises like ``Questioner.ask``."""
    reply = await _ask_once(destination, question)
    if isinstance(reply.told, CannotRead) and reply.told.renew:
        reply = await _ask_once(destination, question)
    return reply


async def _ask_once(destination: Destination, question: Question[T]) -> Reply[T]:
    credentials = await destination.authenticator.obtain()
    if isinstance(credentials, NoCredential):
        return Reply(told=Unasked(code=credentials.code, reason=_told(destination, credentials.reason)))
    context = destination.context(credentials, question.memory)
    request = _written(destination, question, context)
    if isinstance(request, CannotRead):
        return Reply(told=request)
    logged = await destination.recorded_exchange(question.operation, request, dossier=question.dossier)
    result = logged.result
    if not isinstance(result, Answered):
        lost = Unasked(code=result.code, reason=_told(destination, result.reason))
        return Reply(told=lost, message=logged.message)
    if result.response.status in _BUSY:
        return Reply(told=_busy(result.response, context.now), message=logged.message)
    told = _understood(destination, question, result.response, context)
    if not logged.agreed:
        told = _disbelieved(told)
    if isinstance(told, CannotRead) and told.renew:
        destination.authenticator.spoil(told.renew, credentials)
    return Reply(told=told, message=logged.message)


def _written(destination: Destination, question: Question[T], context: Context) -> WireRequest | CannotRead:
    try:
        request = question.encode(context)
    except CannotEncode as fault:
        return CannotRead(code="cannot_ask", reason=_told(destination, str(fault)))
    except Exception as fault:  # why: a defect in one adapter spoils one question, not the pass
        return _defect(destination, question, fault, "encoding")
    return CannotRead(code=NOT_WANTED, reason="there is nothing to ask") if request is None else request


def _understood(
    destination: Destination, question: Question[T], response: WireResponse, context: Context
) -> T | CannotRead:
    try:
        told = question.read(response, context)
    except Exception as fault:  # why: as above
        return _defect(destination, question, fault, "reading")
    if isinstance(told, CannotRead):
        return msgspec.structs.replace(told, reason=_told(destination, told.reason))
    if not isinstance(told, question.kind):
        return _defect(destination, question, TypeError(f"got {type(told).__name__}"), "reading")
    return told


def _disbelieved(told: object) -> CannotRead:
    """An answer that nobody has signed: all that is taken from it is that a credential may be worn out."""
    renew = told.renew if isinstance(told, CannotRead) else ()
    return CannotRead(
        code=UNSIGNED, reason="the answer came without the signature that it needs", renew=renew
    )


def _told(destination: Destination, reason: str) -> str:
    return destination.shown(reason)[:_MOST_WORDS]


def _busy(response: WireResponse, now: datetime) -> Unasked:
    pause = http.retry_after(response.headers, now) or 0.0
    return Unasked(code="busy", reason=f"HTTP {response.status}", wait=min(_LONGEST_WAIT, max(0.0, pause)))


def _defect(destination: Destination, question: Question[T], fault: Exception, doing: str) -> CannotRead:
    log.error("adapter_failed", destination=destination.name, operation=question.operation, exc_info=fault)
    return CannotRead(code="adapter_defect", reason=f"{type(fault).__name__} while {doing}")
