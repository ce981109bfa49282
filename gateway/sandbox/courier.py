"""Posts what a partner sends to the province: the calls that a stand-in builds, to a gateway on this machine.

Invariant: loopback only. The sandbox never speaks to another host.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

import h11
import msgspec

from gateway.domain.errors import RecordError
from gateway.port.simulator import OutgoingCall

TIMEOUT_SECONDS = 30.0


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One call to make; ``path`` is appended to the address."""

    path: str
    body: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. ``status`` 0: nobody answered, and ``body`` says why."""

    path: str
    status: int
    body: str


async def deliver(address: str, parcels: Sequence[Parcel]) -> list[Receipt]:
    """Make the calls one after another. RecordError when ``address`` is not on the loopback interface."""
    if not _is_reachable(address):
        raise RecordError(f"push: got address {address!r}, expected http:// on the loopback interface")
    parts = urlsplit(address)
    receipts = []
    for parcel in parcels:
        target = f"{parts.path.rstrip('/')}/{parcel.path.lstrip('/')}"
        call = OutgoingCall(
            id=target,
            url=f"http://{parts.netloc}{target}",
            method=parcel.method,
            headers=parcel.headers,
            body=parcel.body.encode(),
        )
        status, body = await send(call)
        receipts.append(Receipt(path=target, status=status, body=body.decode("utf-8", "replace")))
    return receipts


async def send(call: OutgoingCall) -> tuple[int, bytes]:
    """Make one call; status 0 when nobody answers or the address is not on the loopback interface."""
    if not _is_reachable(call.url):
        return 0, b"the sandbox only calls http:// on the loopback interface"
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _call(call)
    except (OSError, TimeoutError, h11.ProtocolError) as error:
        return 0, f"{type(error).__name__}: {error}".encode()


def _is_reachable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme == "http" and _is_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


async def _call(call: OutgoingCall) -> tuple[int, bytes]:
    parts = urlsplit(call.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        client = h11.Connection(h11.CLIENT)
        headers = [*call.headers, ("host", parts.netloc), ("content-length", str(len(call.body)))]
        for event in (
            h11.Request(method=call.method, target=target, headers=[*headers, ("connection", "close")]),
            h11.Data(data=call.body),
            h11.EndOfMessage(),
        ):
            writer.write(client.send(event) or b"")
        await writer.drain()
        return await _answer(client, reader)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _answer(client: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, parts = 0, []
    while not isinstance(event := client.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
        if event is h11.NEED_DATA:
            client.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
    return status, b"".join(parts)
