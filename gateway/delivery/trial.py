"""Testing a connection: one harmless question to a partner, timed, and what came of it.

Invariants: nothing at the partner changes; what was asked stands in the message log like every exchange; a pause or an
open breaker does not keep an operator from trying, a stop for want of evidence does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from gateway.delivery.catalogues import ask
from gateway.delivery.destination import Destination
from gateway.port import CannotRead, Read
from gateway.wire.authentication import NoCredential
from gateway.wire.certificate import Invalid, certificate_of

HANDSHAKE_SECONDS = 10.0
Way = Literal["read", "sign_in", "handshake", "nothing"]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one test. ``way``: a question that only reads, signing in, a connection without a request, or nothing
    where there is nothing harmless to do. ``asked``: the name of the read, of the credentials, or the host. ``entries``:
    how many the answer to a read had."""

    destination: str
    way: Way
    asked: str
    good: bool
    seconds: float
    code: str = ""
    reason: str = ""
    entries: int | None = None


async def try_out(destination: Destination, settings: Mapping[str, Any]) -> Trial:
    """Ask the lightest harmless thing that ``destination`` knows; ``settings``: its section, as configured.

    Raises StorageUnavailable when the exchange cannot be logged; then nothing has left.
    """
    reads = [item for item in destination.adapter.manifest.reads if not item.parameters]
    lightest = min(reads, key=lambda item: len(destination.catalogues.get(item.name, {})), default=None)
    if lightest is not None:
        return await _read(destination, lightest.name)
    if destination.adapter.credentials and not destination.authenticator.fresh:
        return await _sign_in(destination)
    return await _handshake(destination, settings)


async def _read(destination: Destination, name: str) -> Trial:
    started = time.perf_counter()
    answer = await ask(destination, name, {})
    trial = Trial(
        destination=destination.name,
        way="read",
        asked=name,
        good=isinstance(answer, Read),
        seconds=time.perf_counter() - started,
    )
    match answer:
        case Read(entries=entries):
            return msgspec.structs.replace(trial, entries=len(entries))
        case CannotRead(code=code, reason=reason):
            return msgspec.structs.replace(trial, code=code, reason=destination.shown(reason))


async def _sign_in(destination: Destination) -> Trial:
    started = time.perf_counter()
    answer = await destination.authenticator.obtain()
    refused = isinstance(answer, NoCredential)
    return Trial(
        destination=destination.name,
        way="sign_in",
        asked=", ".join(layer.name for layer in destination.adapter.credentials),
        good=not refused,
        seconds=time.perf_counter() - started,
        code=answer.code if isinstance(answer, NoCredential) else "",
        reason=destination.shown(answer.reason) if isinstance(answer, NoCredential) else "",
    )


async def _handshake(destination: Destination, settings: Mapping[str, Any]) -> Trial:
    address = next(_addresses(settings), None)
    if address is None:
        return Trial(
            destination=destination.name, way="nothing", asked="", good=False, seconds=0.0, code="no_way"
        )
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    started = time.perf_counter()
    if parts.scheme == "https":
        found = await certificate_of(host, port, timeout=HANDSHAKE_SECONDS, context=destination.tls)
        reason = found.reason if isinstance(found, Invalid) else ""
    else:
        reason = await _reached(host, port)
    return Trial(
        destination=destination.name,
        way="handshake",
        asked=f"{host}:{port}",
        good=not reason,
        seconds=time.perf_counter() - started,
        code="not_reached" if reason else "",
        reason=destination.shown(reason),
    )


async def _reached(host: str, port: int) -> str:
    """Why ``host`` was not reached; empty when it was."""
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, UnicodeError) as fault:  # TimeoutError is an OSError
        return f"{type(fault).__name__}: {fault}"[:300]
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""


def _addresses(value: object) -> Iterator[str]:
    """Every address in a section of settings, in its order."""
    match value:
        case str() if value.startswith(("http://", "https://")):
            yield value
        case dict():
            for each in value.values():
                yield from _addresses(each)
        case list():
            for each in value:
                yield from _addresses(each)
        case _:
            return
