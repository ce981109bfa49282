"""One HTTP/1.1 connection: a request is written whole, its answer is read whole, one exchange after the other.

Where an answer ends is for Node's parser to say (llhttp, through httptools). Invariants: once ``exchange`` has begun,
bytes may have left, whatever it raises; a connection serves again only after a complete answer to a completely
written request with nothing behind it; of an answer no more is kept than the limits allow.
"""

from __future__ import annotations

import asyncio
import math
import select
import ssl

import httptools
import httpx
import msgspec

MOST_HEAD_BYTES = 32 * 1024
_PIECE = 256 * 1024  # a longer request is handed over by and by, so that its way can be watched over TLS, too
_OK = 200  # statuses below it announce the answer proper


class Unanswered(httpx.TransportError):
    """The request may have been processed; no complete answer came. ``code``: one of ``NoAnswer``'s."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds without a byte, for the whole exchange, and unused after it; bytes of the body."""

    silence: float
    whole: float
    rest: float
    body: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer; names and values of headers as they came."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Connection(asyncio.Protocol):
    """An open connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._reading: _Reading | None = None
        self._kept = True
        self._rest_until = math.inf
        self._look_at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._unread = select.poll()
        self._unwritten: memoryview | None = None
        self._full = False

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow."""
        return self._kept and self._transport is not None and not self._transport.is_closing()

    @property
    def silent(self) -> bool:
        """Whether nothing has come that the loop has not told yet: the partner's end, or an answer to nothing."""
        return not self._unread.poll(0)

    def close(self) -> None:
        """Close at once; what is not written yet is dropped."""
        self._kept = False
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def exchange(self, request: bytes, limits: Limits, *, bodiless: bool = False) -> Answer:
        """Write ``request``, read its answer; Unanswered when none came. Cancelling closes the connection.

        ``bodiless``: the answer has no body, whatever its headers say (HEAD).
        """
        if self._transport is None or not self.reusable:
            raise Unanswered("connection_lost", "the partner closed it before the request was written")
        reading = self._reading = _Reading(self._loop, limits, bodiless=bodiless)
        self._look_until(reading.begun_at + min(limits.silence, limits.whole))
        try:
            if len(request) <= _PIECE:
                self._transport.write(request)
            else:
                self._unwritten = memoryview(request)
                self.resume_writing()
                reading.unwritten = self._left()
            answer = await reading.answer
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._reading = None
        self._rest_until = self._loop.time() + limits.rest
        self._look_until(self._rest_until)
        return answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands."""
        self._transport = transport  # type: ignore[assignment]  # of a stream, hence a Transport
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def pause_writing(self) -> None:
        """asyncio: the way is full."""
        self._full = True

    def resume_writing(self) -> None:
        """asyncio: the way is free; the next pieces of a long request."""
        self._full = False
        while self._unwritten and not self._full and self.reusable and self._transport is not None:
            piece, self._unwritten = self._unwritten[:_PIECE], self._unwritten[_PIECE:]
            self._transport.write(piece)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        reading = self._reading
        if reading is None or reading.answer.done():
            self.close()  # nobody has asked
            return
        reading.heard_at, body_size = self._loop.time(), reading.body_size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as fault:  # an upgrade that nobody asked for is one, too
            self._fail(reading.broken, f"not HTTP: {type(fault).__name__}")  # its text may quote the partner
            return
        # what surrounds the body, trailers and chunks' extensions included, could go on for ever
        reading.bare = 0 if reading.body_size > body_size else reading.bare + len(data)
        if reading.bare > MOST_HEAD_BYTES:
            self._fail(reading.broken, f"what surrounds the body exceeds {MOST_HEAD_BYTES} bytes")

    def eof_received(self) -> None:
        """asyncio: the partner will write no more. An answer that says no length ends here."""
        self._kept = False
        reading = self._reading
        if reading is None or not reading.headed or not reading.ends_with_connection:
            return
        if self._is_partners_end():
            self._complete(reading)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        words = "the partner closed it" if exc is None else f"{type(exc).__name__}: {exc}"
        self._fail("connection_lost" if self._reading is None else self._reading.broken, words)

    def on_message_begin(self) -> None:
        """httptools: an answer begins; one behind the answer that was asked for was asked for by nobody."""
        if self._reading is not None and self._reading.answer.done():
            self._kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: a header; those behind the body are not kept."""
        if self._reading is not None and not self._reading.headed:
            self._reading.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """httptools: the head is complete."""
        reading = self._reading
        if reading is None or reading.answer.done():
            return
        if self._parser.get_status_code() < _OK:
            reading.headers.clear()
            return
        reading.headed = True
        if reading.bodiless:
            self._kept = False  # the parser waits for a body
            self._complete(reading)

    def on_body(self, body: bytes) -> None:
        """httptools: a part of the body."""
        reading = self._reading
        if reading is None or reading.answer.done():
            return
        reading.body_size += len(body)
        if reading.body_size > reading.limits.body:
            self._fail("answer_too_large", f"the answer exceeds {reading.limits.body} bytes")
        else:
            reading.body += body

    def on_message_complete(self) -> None:
        """httptools: the answer is complete."""
        reading = self._reading
        if reading is not None and reading.headed:
            self._kept = self._kept and self._parser.should_keep_alive()
            self._complete(reading)

    def _complete(self, reading: _Reading) -> None:
        if self._left():
            self._kept = False  # an answer before the request was written: the rest will not be
        if not reading.answer.done():
            status, body = self._parser.get_status_code(), bytes(reading.body)
            reading.answer.set_result(Answer(status=status, headers=reading.headers, body=body))

    def _fail(self, code: str, reason: str) -> None:
        if self._reading is not None and not self._reading.answer.done():
            self._reading.answer.set_exception(Unanswered(code, reason[:300]))
        self.close()

    def _left(self) -> int:
        """Bytes of the request that have not been written, as far as can be seen."""
        buffered = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return buffered + len(self._unwritten or b"")

    def _is_partners_end(self) -> bool:
        """RFC 9112 §9.8: over TLS anybody on the way can end a connection, but only the partner says so."""
        tls = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        try:
            return tls is None or tls.read(1) == b""
        except ssl.SSLError:  # it waits for more
            return False

    def _look_until(self, instant: float) -> None:
        """Look at the clock at ``instant`` or before: once too often costs less than moving a timer at every turn."""
        if instant < self._look_at:
            if self._timer is not None:
                self._timer.cancel()
            self._look_at = instant
            self._timer = self._loop.call_at(instant, self._look)

    def _look(self) -> None:
        """Whether it has become too quiet, or too late, or nobody needs the connection any more."""
        now, self._look_at = self._loop.time(), math.inf
        reading = self._reading
        if reading is None or self._transport is None:
            if now >= self._rest_until:
                self.close()
            else:
                self._look_until(self._rest_until)
            return
        unwritten = self._left()
        if unwritten != reading.unwritten:  # a large request on its way is not silence
            reading.unwritten, reading.heard_at = unwritten, now
        quiet_at = reading.heard_at + reading.limits.silence
        late_at = reading.begun_at + reading.limits.whole
        if now >= late_at:
            self._fail("answer_too_slow", f"the answer did not end in {reading.limits.whole:g} s")
        elif now >= quiet_at:
            code = "answer_broken" if reading.headed else "timeout"
            self._fail(code, f"nothing came for {reading.limits.silence:g} s")
        else:
            self._look_until(min(quiet_at, late_at))


class _Reading:
    """An answer that is being read."""

    __slots__ = (
        *("answer", "bare", "begun_at", "bodiless", "body", "body_size"),
        *("headed", "headers", "heard_at", "limits", "unwritten"),
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits, *, bodiless: bool) -> None:
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self.limits = limits
        self.bodiless = bodiless
        self.begun_at = self.heard_at = loop.time()
        self.unwritten = 0  # at the last look
        self.body_size = 0
        self.bare = 0  # bytes since the last one of the body
        self.headed = False
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()  # a body in crumbs takes no more than a whole one

    @property
    def broken(self) -> str:
        """What it is called when the answer breaks off here."""
        return "answer_broken" if self.headed else "connection_lost"

    @property
    def ends_with_connection(self) -> bool:
        """RFC 9112 §6.3: neither a length nor chunks say where the body ends."""
        return not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
