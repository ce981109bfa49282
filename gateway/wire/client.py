"""One HTTP client per destination, and what an exchange ended in.

httpx's transport interface without httpx's client: a request is built once and handed to the transport. Invariants:
``NotSent`` is returned only when no byte of the request can have reached the partner, every other failure is
``NoAnswer``; a request goes out at most once a call, with the headers that were logged and no others.
"""

from __future__ import annotations

import functools
import ssl
import zlib
from typing import TypeAlias

import httpx
import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_result,
    stop_after_attempt,
    wait_random,
)

from gateway.port.manifest import Capacity
from gateway.port.wire import WireRequest, WireResponse
from gateway.wire.connection import Unanswered
from gateway.wire.connections import Connections
from gateway.wire.resolver import Judge

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

_MOST_PARTS = 16
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
        self._transport = transport or Connections(capacity, verify=verify, judge=judge)

    async def exchange(self, request: WireRequest) -> Exchange:
        """Send ``request``. Only a refused connection is tried again at once, nothing else ever is."""
        result = await self._exchange_once(request)
        if isinstance(result, NotSent):
            return await _RECONNECT.copy()(self._exchange_once, request)
        return result

    async def close(self) -> None:
        """Close idle connections; calls in flight end by their own limits first."""
        await self._transport.aclose()

    async def _exchange_once(self, request: WireRequest) -> Exchange:
        connect, read = self._capacity.connect_timeout, request.timeout or self._capacity.read_timeout
        # the read timeout starts anew with every byte, so one byte a minute would never end
        timeout = {"connect": connect, "read": read, "write": read, "pool": read, "whole": 2 * read}
        try:
            return self._answered(await self._transport.handle_async_request(_built(request, timeout)))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as fault:
            return _failure(fault)

    def _answered(self, response: httpx.Response) -> Exchange:
        if not isinstance(response.stream, httpx.ByteStream):
            raise TypeError(f"the transport gave {type(response.stream).__name__}, expected the whole answer")
        headers = tuple(
            [(key.decode("latin-1"), value.decode("latin-1")) for key, value in response.headers.raw]
        )
        limit = self._capacity.max_response_bytes
        coding = ", ".join([value for key, value in headers if key.lower() == "content-encoding"])
        body = unpack(coding, b"".join(response.stream), limit)
        if body is None or len(body) > limit:
            return NoAnswer(code="answer_too_large", reason=f"the answer exceeds {limit} bytes")
        return Answered(response=WireResponse(status=response.status_code, headers=headers, body=body))


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
    wait=wait_random(0.05, 0.15),  # a partner that is being restarted needs a moment
    retry_error_callback=_last,
)


def _failure(fault: Exception) -> Exchange:
    """What a failed exchange proves."""
    match fault:
        case Unanswered():
            return NoAnswer(code=fault.code, reason=str(fault))
        case httpx.ConnectError():
            return NotSent(code="not_sent", reason=f"no connection: {fault}")
        case httpx.InvalidURL() | httpx.UnsupportedProtocol() | httpx.LocalProtocolError():
            return NotSent(code="not_sent", reason=f"it cannot be sent: {type(fault).__name__}")
        case httpx.TimeoutException():
            return NoAnswer(code="timeout", reason="no answer within the read timeout")
        case _:
            return NoAnswer(
                code="connection_lost", reason=f"the connection broke before the answer: {_words(fault)}"
            )


def unpack(coding: str, body: bytes, limit: int) -> bytes | None:
    """``body`` without its content coding; None when that would exceed ``limit`` bytes.

    What cannot be undone (another coding, damaged data) is given back as it came: the log keeps it, and the adapter
    finds it unreadable.
    """
    if coding.strip().lower() not in _ZLIB_CODINGS or not body:
        return body
    plain, packed = b"", body
    for _ in range(_MOST_PARTS):  # RFC 1952 §2.2: one after the other
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            plain += inflater.decompress(packed, limit + 1 - len(plain))
        except zlib.error:
            return body
        if len(plain) > limit:
            return None
        if not inflater.eof:
            return body
        packed = inflater.unused_data
        if not packed:
            return plain
    return body


def _words(fault: BaseException) -> str:
    """What failed, for the program log and for the one-door system: the operating system's words, no one else's, who
    may quote the address with its query, or the partner."""
    told = isinstance(fault, OSError) and not isinstance(fault, TimeoutError)
    return f"{type(fault).__name__}: {fault}"[:300] if told else type(fault).__name__


def _built(request: WireRequest, timeout: dict[str, float]) -> httpx.Request:
    try:
        return httpx.Request(
            request.method,
            _address(request.url),
            headers=list(request.headers),
            # as a stream, so that httpx adds no headers: Host and Content-Length are the connection's
            stream=httpx.ByteStream(request.body),
            extensions={"timeout": timeout},
        )
    except UnicodeEncodeError as fault:
        raise httpx.LocalProtocolError(f"a header that is not ASCII: {fault}") from fault


@functools.lru_cache(maxsize=128)
def _address(url: str) -> httpx.URL:
    return httpx.URL(url)
