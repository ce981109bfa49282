"""aiohttp's pool, parser and TLS behind httpx's transport interface.

httpx's own pool sinks to 900 calls/s at 32 connections and can lose a slot for ever when a call is cancelled; its
client spends another 140 µs a call on redirects, cookies and authentication that a partner's exchange never has.
Invariants: a request goes out at most once a call, with the address and the headers that it was given and no others; a
fault keeps the class that aiohttp gave it, so that ``is_before_writing`` can tell what it proves.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator

import aiohttp
import httpx
from yarl import URL

from gateway.port.manifest import Capacity
from gateway.wire.resolver import Judge, JudgedResolver

KEEPALIVE_SECONDS = 60.0

# aiohttp raises these before it writes to the socket; everything else is "maybe sent"
_BEFORE_WRITING = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
# headers that aiohttp would add by itself: what leaves is what the message log has
_UNASKED_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def is_before_writing(fault: BaseException) -> bool:
    """Whether ``fault`` proves that no byte of the request was written."""
    return isinstance(fault, _BEFORE_WRITING)


class Connections(httpx.AsyncBaseTransport):
    """Kept connections to one destination. The session is opened by the first request, in its event loop."""

    def __init__(self, capacity: Capacity, *, verify: ssl.SSLContext | None, judge: Judge | None) -> None:
        self._capacity = capacity
        self._verify = verify
        self._judge = judge
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The head of the answer, its body still to be read; faults are aiohttp's own."""
        limits = request.extensions["timeout"]
        answer = await self._open().request(
            request.method,
            _as_logged(str(request.url)),
            headers=[(key.decode(), value.decode()) for key, value in request.headers.raw],
            data=request.read() or None,
            allow_redirects=False,
            timeout=_timeout(limits["connect"], limits["read"], limits["pool"]),
        )
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=_Body(answer), request=request
        )

    async def aclose(self) -> None:
        """Close idle connections; calls in flight end by their own limits first."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._capacity.concurrency + 2,
                keepalive_timeout=KEEPALIVE_SECONDS,
                ssl=self._verify or _shared_tls(),
                resolver=None if self._judge is None else JudgedResolver(self._judge),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                read_bufsize=2**18,
                skip_auto_headers=_UNASKED_HEADERS,
                middlewares=(_only_once,),
            )
        return self._session


class _Body(httpx.AsyncByteStream):
    """The body of an answer as it arrives."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._answer.content.iter_any()

    async def aclose(self) -> None:
        self._answer.release()
        await self._answer.wait_for_close()


class _Broken(aiohttp.ClientError):
    """A connection broke after bytes of the request may have left."""


async def _only_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending GET, PUT and DELETE a second time by itself when a connection breaks.

    Sending again is the delivery engine's decision, after asking; and a refused connection at the second try would
    look as if nothing had been sent. aiohttp repeats after the two classes caught here, and only after them.
    """
    try:
        return await handler(request)
    except _BEFORE_WRITING:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as fault:
        raise _Broken(type(fault).__name__) from fault


@functools.lru_cache(maxsize=128)
def _as_logged(url: str) -> URL:
    """``url`` to the letter; aiohttp by itself would write it anew, %2F in a query as a slash."""
    try:
        URL(url)  # which judges it, unlike the line below
    except ValueError as fault:
        raise aiohttp.InvalidURL(url) from fault
    return URL(url, encoded=True)


@functools.lru_cache(maxsize=64)
def _timeout(connect: float, read: float, pool: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_connect=connect, sock_read=read, connect=pool)


@functools.cache
def _shared_tls() -> ssl.SSLContext:
    return ssl.create_default_context()
