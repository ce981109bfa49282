"""Kept connections to one destination, behind httpx's transport interface.

httpx's own pool sinks to 900 calls/s at 32 connections and can lose a slot for ever when a call is cancelled.
Invariants: ``httpx.ConnectError`` and ``httpx.LocalProtocolError`` are raised only while nothing can have been
written, everything later is ``Unanswered``; a request goes out once, with the headers that it was given, the host and
the length, and no others; no reason quotes a query or the partner's bytes.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import ssl
from typing import TypeAlias

import httpx

from gateway.port.manifest import Capacity
from gateway.wire.connection import Connection, Limits
from gateway.wire.resolver import Judge, addresses_of

REST_SECONDS = 60.0
_Origin: TypeAlias = tuple[str, bytes]
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(rb"[\r\n\0]")
_OWN_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class Connections(httpx.AsyncBaseTransport):
    """As many connections as the capacity allows, and two for logins and questions."""

    def __init__(
        self,
        capacity: Capacity,
        *,
        verify: ssl.SSLContext | None = None,
        judge: Judge | None = None,
        rest: float = REST_SECONDS,
    ) -> None:
        self._most_body = capacity.max_response_bytes
        self._verify = None if verify is None else _speaking_http(verify)
        self._judge = judge
        self._rest = rest
        self._slots = asyncio.Semaphore(capacity.concurrency + 2)
        self._idle: dict[_Origin, list[Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The whole answer. ``timeout`` in the extensions is httpx's, with ``whole`` for the exchange itself."""
        seconds = request.extensions["timeout"]
        limits = Limits(
            silence=seconds["read"], whole=seconds["whole"], rest=self._rest, body=self._most_body
        )
        origin = request.url.scheme, request.url.netloc
        written = _written(request)
        await self._take_slot(seconds["pool"])
        try:
            connection = self._kept(origin) or await self._connect(request.url, seconds["connect"])
            answer = await connection.exchange(written, limits, bodiless=request.method == "HEAD")
            self._keep(origin, connection)
        finally:
            self._slots.release()
        return httpx.Response(
            answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body), request=request
        )

    async def aclose(self) -> None:
        """Close idle connections; calls in flight end by their own limits first."""
        for connection in itertools.chain.from_iterable(self._idle.values()):
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # closing takes the loop a turn

    async def _take_slot(self, seconds: float) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError as fault:
            raise httpx.ConnectError(f"every connection was busy for {seconds:g} s") from fault

    def _kept(self, origin: _Origin) -> Connection | None:
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()  # the one used last, so that a quiet hour closes the others
            if connection.reusable and connection.silent:
                return connection
            connection.close()
        return None

    def _keep(self, origin: _Origin, connection: Connection) -> None:
        if connection.reusable:
            self._idle.setdefault(origin, []).append(connection)
        else:
            connection.close()

    async def _connect(self, url: httpx.URL, seconds: float) -> Connection:
        loop = asyncio.get_running_loop()
        host, port = url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
        context = (self._verify or _shared_tls()) if url.scheme == "https" else None
        fault: Exception | None = None
        try:
            async with asyncio.timeout(seconds) as whole:
                addresses = await addresses_of(host, port, self._judge)
                for place, address in enumerate(addresses):
                    # an address that swallows everything leaves time for the next one
                    left = ((whole.when() or 0.0) - loop.time()) / (len(addresses) - place)
                    try:
                        async with asyncio.timeout(left):
                            return await _open(address, port, context, host)
                    except OSError as refused:
                        fault = refused
        except (OSError, OverflowError, UnicodeError) as unknown:
            fault = unknown
        raise httpx.ConnectError(_words(fault, seconds)) from fault


async def _open(address: str, port: int, tls: ssl.SSLContext | None, host: str) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(
        Connection, address, port, ssl=tls, server_hostname=host if tls else None
    )
    return connection


def _written(request: httpx.Request) -> bytes:
    """The bytes of ``request``; UnsupportedProtocol or LocalProtocolError when it cannot be written as it is."""
    url, method, body, headers = request.url, request.method.encode(), request.read(), request.headers.raw
    if url.scheme not in _PORTS or not url.host:
        raise httpx.UnsupportedProtocol(f"expected http or https and a host, got the scheme {url.scheme!r}")
    if url.userinfo:
        raise httpx.UnsupportedProtocol("a user name in an address is not sent; put it into a header")
    given = {name.lower() for name, _ in headers}
    if given & _OWN_HEADERS or not all(_NAME.fullmatch(name) for name in (method, *given)):
        raise httpx.LocalProtocolError(
            "a method or header that is no word, or a header with the body's length"
        )
    if any(_UNSAFE.search(value) for _, value in headers):
        raise httpx.LocalProtocolError("a header's value with a line break or a zero byte")
    lines = [b"%s %s HTTP/1.1" % (method, url.raw_path)]
    if b"host" not in given:
        lines.append(b"Host: " + url.netloc)
    lines += [b"%s: %s" % header for header in headers]
    if body or request.method not in _WITHOUT_BODY:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join((*lines, b"", body))


def _words(fault: Exception | None, seconds: float) -> str:
    if isinstance(fault, TimeoutError):
        return f"TimeoutError: no connection within {seconds:g} s"
    return f"{type(fault).__name__}: {fault}"[:300]


@functools.cache
def _shared_tls() -> ssl.SSLContext:
    return _speaking_http(ssl.create_default_context())


def _speaking_http(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["http/1.1"])  # a partner that speaks only HTTP/2 says so in the handshake
    return context
