"""HTTP/1.1 on a socket, with what the server library leaves open: a bound on the head and on the time it takes.

A client that sends a head without end, or one letter a minute, would otherwise hold memory and a socket for as long
as it likes. Invariant: a head is complete within ``HEAD_SECONDS`` and ``HEAD_BYTES``, or the connection is closed.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.api.problem import MEDIA_TYPE, Refused

HEAD_SECONDS = 20.0
HEAD_BYTES = 64 * 1024


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library has it
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes while a head is incomplete."""
        if self._in_head and self._timer is None:
            self._await_head()
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self._refuse(
                    "headers_too_large", f"at most {HEAD_BYTES} bytes of address and header are read"
                )

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head = False
        self._head_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is the next head; its time runs from its first byte."""
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is refused like everything else."""
        self._refuse("unreadable", "this is not HTTP/1.1")

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self._refuse("timeout", f"the head of the request did not arrive within {HEAD_SECONDS:g} s")

    def _refuse(self, code: str, detail: str) -> None:
        """Answer without an application and close."""
        problem = Refused(code, detail).document("")
        body = msgspec.json.encode(problem)
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
