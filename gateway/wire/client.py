"""One HTTP client per destination, and what an exchange ended in.

httpx's API over aiohttp's pool, parser and TLS: the stock httpx pool sinks to 900 calls/s at 32 connections and can
lose a slot for ever when a call is cancelled. Invariants: ``NotSent`` is returned only when no byte of the request
can have reached the partner, every other failure is ``NoAnswer``; a request goes out at most once a call, with the
headers that were logged and no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
import zlib
from typing import TypeAlias

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from gateway.port.manifest import Capacity
from gateway.port.wire import WireRequest, WireResponse
from gateway.wire.resolver import Judge, JudgedResolver

KEEPALIVE_SECONDS = 60.0
CONNECT_TRIES = 3


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A complete response came back."""

    response: WireResponse


class NotSent(msgspec.Struct, frozen=True, kw_only=True):
    """Surely nothing of the request reached the partner (no connection)."""

    code: str
    reason: str


class NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The request may have been processed; no complete answer came."""

    code: str
    reason: str


Exchange: TypeAlias = Answered | NotSent | NoAnswer
Transport: TypeAlias = httpx.AsyncBaseTransport
"""What carries a request; tests put their own in."""

# aiohttp raises these before it writes to the socket. Everything else is "maybe sent": httpx-aiohttp maps even a
# reset after the request to ConnectTimeout, so the cause is judged, never the mapped class.
_BEFORE_WRITING = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_NEVER_BUILT = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.ConnectError)
# headers that aiohttp would add by itself: what leaves is what the message log has
_UNASKED_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_ZLIB_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class HttpClient:
    """Open connections to one destination. Never cancel ``exchange`` from outside; it ends by its own limits.

    ``judge`` may refuse addresses that a host name resolves to; an address in the URL itself is the caller's to judge.
    """

    def __init__(
        self,
        capacity: Capacity,
        *,
        transport: Transport | None = None,
        verify: ssl.SSLContext | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._capacity = capacity
        self._transport = transport
        self._verify = verify
        self._judge = judge
        self._client: httpx.AsyncClient | None = None

    async def exchange(self, request: WireRequest) -> Exchange:
        """Send ``request``. Only a refused connection is tried again at once, nothing else ever is."""
        result = await self._exchange_once(request)
        if isinstance(result, NotSent):
            return await _RECONNECT.copy()(self._exchange_once, request)
        return result

    async def close(self) -> None:
        """Close idle connections; calls in flight end by their own limits first."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _exchange_once(self, request: WireRequest) -> Exchange:
        timeout = self._timeout(request)
        try:
            # aiohttp's read timeout starts anew with every byte, so one byte a minute would never end
            async with asyncio.timeout(2 * (timeout.read or 0) + (timeout.connect or 0)):
                return await self._send(request, timeout)
        except TimeoutError:
            return NoAnswer(code="answer_too_slow", reason="the answer did not end in twice the read timeout")

    async def _send(self, request: WireRequest, timeout: httpx.Timeout) -> Exchange:
        try:
            built = self._open().build_request(
                request.method,
                request.url,
                headers=httpx.Headers(list(request.headers)),
                content=request.body,
                timeout=timeout,
            )
            response = await self._open().send(built, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, ValueError) as fault:
            return _failure(fault)
        try:
            return await self._read(response)
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as fault:
            return NoAnswer(code="answer_broken", reason=f"the answer broke off: {_words(fault)}")
        finally:
            await _close_quietly(response)

    async def _read(self, response: httpx.Response) -> Exchange:
        limit = self._capacity.max_response_bytes
        too_large = NoAnswer(code="answer_too_large", reason=f"the answer exceeds {limit} bytes")
        packed = bytearray()
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError(f"the transport gave {type(response.stream).__name__}, expected an async stream")
        async for chunk in response.stream:
            packed += chunk
            if len(packed) > limit:
                return too_large
        body = unpack(response.headers.get("content-encoding", ""), bytes(packed), limit)
        if body is None:
            return too_large
        headers = tuple(
            (key.decode("latin-1"), value.decode("latin-1")) for key, value in response.headers.raw
        )
        return Answered(response=WireResponse(status=response.status_code, headers=headers, body=body))

    def _timeout(self, request: WireRequest) -> httpx.Timeout:
        read = request.timeout or self._capacity.read_timeout
        return httpx.Timeout(connect=self._capacity.connect_timeout, read=read, write=read, pool=read)

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=self._transport or _aiohttp_transport(self._capacity, self._verify, self._judge),
                trust_env=False,
                follow_redirects=False,
            )
            self._client.headers.clear()
        return self._client


def _is_not_sent(result: Exchange) -> bool:
    return isinstance(result, NotSent)


def _last(state: RetryCallState) -> Exchange:
    if state.outcome is None:
        raise RuntimeError("tenacity gave up before the first try")
    result: Exchange = state.outcome.result()
    return result


_RECONNECT = AsyncRetrying(
    retry=retry_if_result(_is_not_sent),
    stop=stop_after_attempt(CONNECT_TRIES - 1),
    wait=wait_random_exponential(multiplier=0.05, max=0.5),
    retry_error_callback=_last,
)


def _failure(fault: Exception) -> Exchange:
    """What a failed send proves. The chain of causes is searched for a proof that nothing was written."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, _BEFORE_WRITING):
            return NotSent(code="not_sent", reason=f"no connection: {_words(cause)}")
        cause = cause.__cause__
    if isinstance(fault, _NEVER_BUILT):
        return NotSent(code="not_sent", reason=f"no connection: {_words(fault)}")
    origin = fault.__cause__ or fault
    if isinstance(origin, httpx.TimeoutException | TimeoutError):
        return NoAnswer(code="timeout", reason="no answer within the read timeout")
    return NoAnswer(
        code="connection_lost", reason=f"the connection broke before the answer: {_words(origin)}"
    )


def unpack(coding: str, body: bytes, limit: int) -> bytes | None:
    """``body`` without its content coding; None when that would exceed ``limit`` bytes.

    What cannot be undone (another coding, damaged data) is given back as it came: the log keeps it, and the adapter
    finds it unreadable.
    """
    if coding.strip().lower() not in _ZLIB_CODINGS or not body:
        return body
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        return body
    if len(plain) > limit:
        return None
    return plain if inflater.eof else body


def _words(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}"[:300]


async def _close_quietly(response: httpx.Response) -> None:
    with contextlib.suppress(httpx.HTTPError, aiohttp.ClientError, OSError):
        await response.aclose()


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
        raise _Broken(_words(fault)) from fault


def _aiohttp_transport(
    capacity: Capacity, verify: ssl.SSLContext | None, judge: Judge | None
) -> AiohttpTransport:
    context = verify or _shared_tls()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=capacity.concurrency + 2,
            keepalive_timeout=KEEPALIVE_SECONDS,
            ssl=context,
            resolver=None if judge is None else JudgedResolver(judge),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            read_bufsize=2**18,
            skip_auto_headers=_UNASKED_HEADERS,
            middlewares=(_only_once,),
        )

    return AiohttpTransport(verify=context, client=session)


@functools.cache
def _shared_tls() -> ssl.SSLContext:
    return ssl.create_default_context()
