"""The request of a turn: encoded, with everything fetched that it needs, and signed.

Invariant: a request is signed once, after everything else, and what is recorded and sent is exactly that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from gateway.delivery import call
from gateway.delivery.files import ROUNDS
from gateway.delivery.sealing import Unsealed, not_signed
from gateway.delivery.turn import Encoded, Kind
from gateway.domain.delivery import Delivery
from gateway.domain.errors import FILE, CannotEncode
from gateway.domain.outcome import Actor, Deferred, Rejected
from gateway.port import WireRequest
from gateway.telemetry.tracing import here
from gateway.wire.authentication import Credentials

if TYPE_CHECKING:
    from gateway.delivery.destination import Destination

CATALOGUE_PAUSE_SECONDS = 30.0  # a stored pause: a probe would hasten our own back-off, and spin


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be encoded, and for whom. ``before_waiting`` is called before anything is fetched."""

    deliveries: Sequence[Delivery]
    kind: Kind
    credentials: Credentials
    memory: Mapping[str, str]
    before_waiting: Callable[[], Awaitable[None]]


async def prepare(destination: Destination, task: Task) -> Encoded | Rejected | Deferred:
    """The request as it is recorded and sent, or what becomes of the deliveries without it."""
    encoded = await assembled(destination, task)
    if not isinstance(encoded, Encoded):
        return encoded
    return await signed(destination, task.deliveries[0].operation, encoded)


async def assembled(destination: Destination, task: Task) -> Encoded | Rejected | Deferred:
    """The request before it is signed, with everything fetched that it needs."""
    files: dict[str, bytes] = {}
    asked: set[object] = set()
    while True:
        context = destination.context(task.credentials, task.memory, files)
        encoded = call.encode(destination, task.deliveries, task.kind, context)
        if isinstance(encoded, Encoded):
            return encoded
        if isinstance(encoded, Rejected):
            return encoded
        missing = tuple((name, tuple(sorted(about.items()))) for name, about in encoded.missing)
        if not missing or missing in asked or len(asked) >= ROUNDS:
            reason = destination.shown(str(encoded))
            return Rejected(code="cannot_encode", reason=reason, actor=Actor.PROVINCE)
        asked.add(missing)
        await task.before_waiting()
        obstacle = await _fetch(destination, task.deliveries[0].dossier, encoded, files)
        if obstacle is not None:
            return obstacle


async def signed(destination: Destination, operation: str, encoded: Encoded) -> Encoded | Deferred:
    """``encoded`` as it leaves; what cannot be signed does not."""
    leaving = _placed(encoded.request) if destination.sends_place else encoded.request
    request = await destination.sealer.sign(operation, leaving, encoded.context.now)
    if isinstance(request, Unsealed):
        return Deferred(code=not_signed(request), reason=destination.shown(request.reason))
    return Encoded(request=request, context=encoded.context)


def _placed(request: WireRequest) -> WireRequest:
    """``request`` with its place on the journey (W3C Trace Context), if it has one."""
    journey = here()
    if journey is None:
        return request
    headers = (*request.headers, ("traceparent", journey.place.traceparent))
    return msgspec.structs.replace(request, headers=headers)


async def _fetch(
    destination: Destination, dossier: str, encoded: CannotEncode, files: dict[str, bytes]
) -> Deferred | Rejected | None:
    """Fetch what an encoding misses, files into ``files``; why that is not possible, or None."""
    entries = [each for each in encoded.missing if each[0] != FILE]
    if entries:
        failure = await destination.provide(entries)
        if failure is not None:
            return Deferred(
                code="catalogue_unavailable",
                reason=destination.shown(f"{encoded}; it cannot be fetched: {failure}"),
                retry_after=CATALOGUE_PAUSE_SECONDS,
            )
    wanted = [parameters for name, parameters in encoded.missing if name == FILE]
    if not wanted:
        return None
    lent = await destination.lend(destination.name, dossier, wanted)
    if isinstance(lent, Deferred | Rejected):
        return lent
    files.update(lent)
    return None
