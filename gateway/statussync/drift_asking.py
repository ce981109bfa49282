"""Asking one partner for its record of one dossier: through its own gate, at a pace, logged like every exchange.

The partner's gate (pause, maintenance, breaker, rate) is obeyed and never opened or shut from here: a question that
fails says nothing about deliveries. Invariant: what is returned is what the adapter made of a logged answer, or why
there is none; nothing is retried here but a credential that was refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec
import structlog

from gateway.codec import http
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.port import (
    Adapter,
    CannotRead,
    Context,
    Expected,
    NoRecord,
    PartnerRecord,
    ShowsRecords,
    WireRequest,
)
from gateway.port.adapter import Catalogues
from gateway.storage.intake import LanePlan
from gateway.wire.authentication import Authenticator, Credentials, NoCredential
from gateway.wire.client import Answered, Exchange

log = structlog.get_logger(__name__)
OPERATION = "record"
_SIGNED_OUT = Credentials(values={}, generations={})
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
    """What is needed of a destination (``gateway.delivery.destination``)."""

    @property
    def name(self) -> str:
        """As in the configuration."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""

    @property
    def catalogues(self) -> Catalogues:
        """Reference data of the partner."""

    @property
    def gate(self) -> Gate:
        """Its gate in this process."""

    @property
    def authenticator(self) -> Authenticator:
        """Its credentials in this process."""

    @property
    def longest_exchange(self) -> float:
        """Seconds after which an exchange has surely ended."""

    @property
    def provide(self) -> Callable[[Sequence[tuple[str, Mapping[str, str]]]], Awaitable[str | None]]:
        """Fetches reference data that an encoding misses."""

    def context(self, credentials: Credentials, memory: Mapping[str, str]) -> Context:
        """What the adapter is lent."""

    async def recorded_exchange(
        self, operation: str, request: WireRequest, *, dossier: str | None = None
    ) -> Exchange:
        """An exchange that is logged before and after."""

    def secrets(self) -> Sequence[str]:
        """What must not be shown."""


class Unasked(msgspec.Struct, frozen=True, kw_only=True):
    """No usable answer. ``answered``: the partner did answer, so it is this question that went wrong, perhaps.
    ``wait``: seconds before asking again makes sense."""

    code: str
    reason: str
    answered: bool = False
    wait: float = 0.0


RecordAnswer: TypeAlias = PartnerRecord | NoRecord | Unasked


class Pace:
    """At most ``rate`` questions a second; 0 for no limit of our own."""

    def __init__(self, rate: float) -> None:
        self._pause = 1.0 / rate if rate > 0 else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next question's turn."""
        if not self._pause:
            return
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + self._pause
        if mine > now:
            await asyncio.sleep(mine - now)


class Inquiry:
    """Questions to one partner. ``may_probe``: nobody else in this process tries whether it is back. ``plan``: what the
    partner would be told about a dossier."""

    def __init__(
        self,
        destination: Destination,
        reader: ShowsRecords,
        *,
        pace: Pace | None = None,
        may_probe: Callable[[], bool],
        plan: Callable[[Dossier], LanePlan],
    ) -> None:
        self.destination = destination
        self.plan = plan
        self._reader = reader
        self._pace = pace or Pace(0)
        self._may_probe = may_probe
        self._asking = 0

    @property
    def name(self) -> str:
        """The destination's name."""
        return self.destination.name

    async def ask(self, dossier: str, memory: Mapping[str, str]) -> RecordAnswer:
        """What the partner has of ``dossier``; ``memory`` is the lane's."""
        await self._pace.turn()
        gate = self.destination.gate
        idle = self._asking == 0 and self._may_probe()
        permit = await gate.permit(probe_for=self.destination.longest_exchange, idle=idle)
        if not permit.allowed:
            return Unasked(code="shut", reason="the destination is shut for now", wait=permit.wait)
        await gate.pace()
        self._asking += 1
        try:
            answer = await self._ask_once(dossier, memory)
            if isinstance(answer, CannotRead) and answer.renew:
                answer = await self._ask_once(dossier, memory)
        finally:
            self._asking -= 1
        if permit.probe:
            lost = isinstance(answer, Unasked) and not answer.answered
            await (gate.failed("the question got no answer", probe=True) if lost else gate.succeeded())
        if isinstance(answer, CannotRead):
            return Unasked(code=answer.code, reason=answer.reason, answered=True)
        return answer

    async def expected(self, deliveries: Sequence[Delivery], memory: Mapping[str, str]) -> Expected | None:
        """What the partner has once ``deliveries`` were applied. CannotEncode when nobody can tell."""
        if not deliveries:
            return None
        context = self.destination.context(_SIGNED_OUT, memory)
        try:
            return self._reader.expected_record(deliveries, context)
        except CannotEncode as fault:
            if not fault.missing or await self.destination.provide(fault.missing) is not None:
                raise
        return self._reader.expected_record(deliveries, self.destination.context(_SIGNED_OUT, memory))

    async def _ask_once(
        self, dossier: str, memory: Mapping[str, str]
    ) -> PartnerRecord | NoRecord | CannotRead | Unasked:
        destination = self.destination
        credentials = await destination.authenticator.obtain()
        if isinstance(credentials, NoCredential):
            return Unasked(code=credentials.code, reason=credentials.reason)
        context = destination.context(credentials, memory)
        try:
            request = self._reader.encode_record(dossier, context)
        except CannotEncode as fault:
            return CannotRead(code="cannot_ask", reason=str(fault)[:500])
        result = await destination.recorded_exchange(OPERATION, request, dossier=dossier)
        if not isinstance(result, Answered):
            return Unasked(code=result.code, reason=result.reason)
        if result.response.status in _BUSY:
            pause = http.retry_after(result.response.headers, context.now) or 0.0
            reason = f"HTTP {result.response.status}"
            return Unasked(code="busy", reason=reason, wait=min(_LONGEST_WAIT, max(0.0, pause)))
        try:
            answer = self._reader.interpret_record(dossier, result.response, context)
        except Exception as fault:  # why: a defect in one adapter spoils one question, not the pass
            log.exception("adapter_failed", destination=destination.name, operation=OPERATION)
            return CannotRead(code="adapter_defect", reason=f"{type(fault).__name__} while reading")
        if isinstance(answer, CannotRead) and answer.renew:
            destination.authenticator.spoil(answer.renew, credentials)
        return answer
