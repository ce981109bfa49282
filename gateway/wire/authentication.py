"""Credentials that need a call of their own, obtained in layers, cached, shared and renewed.

Invariant: for many calls waiting on the same layer there is one renewal; a credential is used only while it is
fresh; a refusal is reported as what it is and never retried in a tight loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import structlog

from gateway.port.credential import CredentialLayer, Denied, Grant
from gateway.port.wire import WireRequest
from gateway.wire.client import Answered, Exchange

log = structlog.get_logger(__name__)
RENEW_BEFORE_SECONDS = 30.0
DENIED_PAUSE_SECONDS = 5.0
RETIRED_SECONDS = 600.0  # so long may answers to calls with a replaced credential still come in

RecordedExchange = Callable[[str, WireRequest], Awaitable[Exchange]]
"""Sends a request of the named layer with recording in the message log."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Every layer's value, with the generation of each, so that a renewal is asked for once."""

    values: Mapping[str, str]
    generations: Mapping[str, int]


class NoCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A layer gave nothing; nothing of the business request was sent."""

    code: str
    reason: str
    permanent: bool


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    value: str
    until: float
    generation: int


class Authenticator:
    """Holds the credentials of one destination for one process."""

    def __init__(
        self,
        layers: Sequence[CredentialLayer],
        exchange: RecordedExchange,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._layers = tuple(layers)
        self._exchange = exchange
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._retired: dict[str, tuple[float, str]] = {}
        self._denied: tuple[float, NoCredential] | None = None
        self._lock = asyncio.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not be stored anywhere, for redaction."""
        if not self._held and not self._retired:
            return ()
        now = self._clock()
        retired = (value for until, value in self._retired.values() if until > now)
        return (*(held.value for held in self._held.values()), *retired)

    @property
    def fresh(self) -> bool:
        """Whether ``obtain`` will answer without asking the partner."""
        return all(map(self._fresh, self._layers))

    async def obtain(self) -> Credentials | NoCredential:
        """All layers, asking only for those that are missing or about to expire."""
        if self.fresh:
            return self._credentials()
        async with self._lock:
            if self._denied is not None and self._clock() < self._denied[0]:
                return self._denied[1]
            for (
                layer
            ) in self._layers:  # once each: a partner that grants no lifetime must not be asked for ever
                if self._fresh(layer):
                    continue
                refusal = await self._renew(layer)
                if refusal is not None:
                    self._denied = (self._clock() + DENIED_PAUSE_SECONDS, refusal)
                    return refusal
            self._denied = None
            return self._credentials()

    def spoil(self, names: Sequence[str], used: Credentials) -> None:
        """Forget layers that the partner no longer takes, unless somebody has renewed them since ``used``."""
        for name in names:
            held = self._held.get(name)
            if held is not None and held.generation == used.generations.get(name):
                self._held[name] = msgspec.structs.replace(held, until=0.0)

    def _fresh(self, layer: CredentialLayer) -> bool:
        held = self._held.get(layer.name)
        return held is not None and held.until > self._clock()

    def _credentials(self) -> Credentials:
        return Credentials(
            values={name: held.value for name, held in self._held.items()},
            generations={name: held.generation for name, held in self._held.items()},
        )

    async def _renew(self, layer: CredentialLayer) -> NoCredential | None:
        values = {name: held.value for name, held in self._held.items() if name != layer.name}
        try:
            request = layer.request(values)
        except Exception as fault:  # why: an adapter's defect is a missing credential, no more
            return _defect(layer, fault)
        result = await self._exchange(layer.name, request)
        if not isinstance(result, Answered):
            return NoCredential(code=result.code, reason=f"{layer.name}: {result.reason}", permanent=False)
        try:
            answer = layer.read(result.response)
        except Exception as fault:  # why: as above; the answer itself is in the message log
            return _defect(layer, fault)
        if isinstance(answer, Denied):
            return NoCredential(
                code=answer.code, reason=f"{layer.name}: {answer.reason}", permanent=answer.permanent
            )
        self._keep(layer, answer)
        return None

    def _keep(self, layer: CredentialLayer, grant: Grant) -> None:
        before = self._held.get(layer.name)
        if before is not None and before.value != grant.value:
            self._retired[layer.name] = (self._clock() + RETIRED_SECONDS, before.value)
        margin = min(RENEW_BEFORE_SECONDS, grant.lifetime / 2)
        generation = 1 if before is None else before.generation + 1
        self._held[layer.name] = _Held(
            value=grant.value, until=self._clock() + grant.lifetime - margin, generation=generation
        )


def granted(layers: Sequence[CredentialLayer], name: str, result: Exchange) -> tuple[str, ...]:
    """The credential that layer ``name`` finds in ``result``; nothing when there is none."""
    layer = next((each for each in layers if each.name == name), None)
    if layer is None or not isinstance(result, Answered):
        return ()
    try:
        answer = layer.read(result.response)
    except Exception:  # why: an adapter's defect is reported where the answer is used; here it gives nothing
        return ()
    return (answer.value,) if isinstance(answer, Grant) else ()


def _defect(layer: CredentialLayer, fault: Exception) -> NoCredential:
    log.error("adapter_failed", layer=layer.name, exc_info=fault)
    return NoCredential(
        code="adapter_defect", reason=f"{layer.name}: {type(fault).__name__} in the adapter", permanent=False
    )
