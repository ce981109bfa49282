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
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 80
    if parts.scheme != "http" or not _is_loopback(host):
        raise RecordError(f"push: got address {address!r}, expected http:// on the loopback interface")
    receipts = []
    for parcel in parcels:
        target = f"{parts.path.rstrip('/')}/{parcel.path.lstrip('/')}"
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, body = await _call(host, port, target, parcel)
        except (OSError, TimeoutError, h11.ProtocolError) as error:
            status, body = 0, f"{type(error).__name__}: {error}"
        receipts.append(Receipt(path=target, status=status, body=body))
    return receipts


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


async def _call(host: str, port: int, target: str, parcel: Parcel) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        client = h11.Connection(h11.CLIENT)
        data = parcel.body.encode()
        headers = [*parcel.headers, ("host", f"{host}:{port}"), ("content-length", str(len(data)))]
        for event in (
            h11.Request(method=parcel.method, target=target, headers=[*headers, ("connection", "close")]),
            h11.Data(data=data),
            h11.EndOfMessage(),
        ):
            writer.write(client.send(event) or b"")
        await writer.drain()
        return await _answer(client, reader)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _answer(client: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, str]:
    status, parts = 0, []
    while not isinstance(event := client.next_event(), h11.EndOfMessage | h11.ConnectionClosed):
        if event is h11.NEED_DATA:
            client.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
    return status, b"".join(parts).decode("utf-8", "replace")
