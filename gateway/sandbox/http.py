"""HTTP/1.1 on a socket that can be mistreated: keep-alive, chunked and counted bodies, and every way to answer badly.

Invariant: one request at a time per connection, and a connection that was answered badly is never used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import h11
import msgspec

from gateway.port.wire import Headers
from gateway.sandbox.damage import Manner

BODY_LIMIT = 32 * 1024 * 1024
IDLE_SECONDS = 120.0
_CHUNK = 65_536
_PIECES = 8
_JSON = (("content-type", "application/json; charset=utf-8"),)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request, complete. ``path`` is still percent-encoded; header names are lower case."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """How a request is answered. ``seconds`` belongs to the manner."""

    status: int = 200
    headers: Headers = _JSON
    body: bytes = b""
    manner: Manner = Manner.WHOLE
    seconds: float = 0.0


Answer: TypeAlias = Callable[[Request], Awaitable[Exchange]]


def json_exchange(body: object, status: int = 200) -> Exchange:
    """A JSON answer."""
    return Exchange(status=status, body=msgspec.json.encode(body))


class Connection:
    """One accepted connection, from its first byte to its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_CHUNK)
        self._busy = False
        self._last = False

    async def serve(self, answer: Answer) -> None:
        """Answer requests until either side has had enough."""
        try:
            while not self._last:
                request = await self._receive()
                if request is None:
                    break
                self._busy = True
                exchange = request if isinstance(request, Exchange) else await answer(request)
                if not await self._send(exchange):
                    break
                self._busy = False
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.reset()
        finally:
            await self._close()

    def finish(self) -> None:
        """Let a request in work be answered and then end; tear down a connection that is idle."""
        self._last = True
        if not self._busy:
            self.reset()

    def reset(self) -> None:
        """Tear the connection down with RST."""
        raw: socket.socket | None = self._writer.get_extra_info("socket")
        if raw is not None and not self._writer.transport.is_closing():
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _close(self) -> None:
        self._writer.close()
        # over TLS the other side may go without a word of farewell
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self._writer.wait_closed()

    # Receiving

    async def _receive(self) -> Request | Exchange | None:
        """The next request; an Exchange when it cannot be accepted; None at the end of the connection."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                head = await self._event()
                if not isinstance(head, h11.Request):
                    return None
                body = await self._body()
        except h11.RemoteProtocolError as error:
            self._last = True
            return json_exchange({"error": f"malformed request: {error}"}, error.error_status_hint)
        if body is None:
            self._last = True
            return json_exchange({"error": f"body over {BODY_LIMIT} bytes"}, 413)
        path, _, query = head.target.decode("latin-1").partition("?")
        return Request(
            method=head.method.decode("ascii"),
            path=path,
            query=query,
            headers=tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers),
            body=body,
        )

    async def _body(self) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while isinstance(event := await self._event(), h11.Data):
            size += len(event.data)
            if size > BODY_LIMIT:
                return None
            parts.append(bytes(event.data))
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionResetError("the client went away in the middle of a request")
        return b"".join(parts)

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._writer.write(
                    self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                )
            self._http.receive_data(await self._reader.read(_CHUNK))
        return event

    # Sending

    async def _send(self, exchange: Exchange) -> bool:
        """Put the answer on the socket; False when the connection is of no more use."""
        if exchange.manner in {Manner.DELAYED, Manner.HELD}:
            await asyncio.sleep(exchange.seconds)
        if exchange.manner in {Manner.RESET, Manner.REFUSED, Manner.HELD}:
            self.reset()
            return False
        if not self._ours(h11.SEND_RESPONSE, h11.IDLE):
            return False  # the request was too broken to be answered
        head, body = self._written(exchange)
        if exchange.manner is Manner.DRIBBLED:
            await self._dribble(head, exchange.seconds)
            head = b""
        cut = exchange.manner is Manner.CUT
        self._writer.write(head + (body[: len(body) // 2] if cut else body))
        await self._writer.drain()
        if cut or self._last or not self._ours(h11.DONE) or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def _ours(self, *states: object) -> bool:
        return self._http.our_state in states

    def _written(self, exchange: Exchange) -> tuple[bytes, bytes]:
        # A cut answer needs a byte to miss, even where there is no body.
        body = exchange.body or (b"  " if exchange.manner is Manner.CUT else b"")
        headers = [*exchange.headers, ("content-length", str(len(body)))]
        if self._last:
            headers.append(("connection", "close"))
        head = self._http.send(h11.Response(status_code=exchange.status, headers=headers)) or b""
        data = self._http.send(h11.Data(data=body)) or b""
        end = self._http.send(h11.EndOfMessage()) or b""
        return head, data + end

    async def _dribble(self, head: bytes, seconds: float) -> None:
        step = max(1, len(head) // _PIECES)
        for start in range(0, len(head), step):
            self._writer.write(head[start : start + step])
            await self._writer.drain()
            await asyncio.sleep(seconds / _PIECES)
