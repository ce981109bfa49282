"""HTTP/1.1 on a socket, with what the server library leaves open: bounds on the head and on how long it all takes.

A client that sends a head without end, or one letter a minute, would otherwise hold memory and a socket for as long
as it likes. Invariant: a head is complete within ``HEAD_SECONDS`` and ``HEAD_BYTES``, and a body never stops arriving
for more than ``PIECE_SECONDS`` while somebody waits for it, or the connection is closed.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Literal

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.api.problem import MEDIA_TYPE, Refused

HEAD_SECONDS = 20.0
PIECE_SECONDS = 60.0
LOOK_SECONDS = 5.0
HEAD_BYTES = 64 * 1024


class GuardedProtocol(HttpToolsProtocol):
    """One connection. One timer looks after it, whatever it is waiting for."""

    _timer: asyncio.TimerHandle | None = None
    _phase: Literal["idle", "head", "body"] = "head"
    _head_bytes = 0
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the library has it
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note when something came; count what comes while a head is incomplete."""
        before = self._phase
        if before == "body":
            self._since = self.loop.time()
        super().data_received(data)
        if before != "body" and self._phase == "head":
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self._refuse(
                    "headers_too_large", f"at most {HEAD_BYTES} bytes of address and header are read"
                )

    def on_message_begin(self) -> None:
        """The first letter of a head; its time runs from here."""
        self._phase, self._head_bytes, self._since = "head", 0, self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._phase = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there; how long the client may stay silent now is the server library's business."""
        self._phase = "idle"
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is refused like everything else."""
        self._refuse("unreadable", "this is not HTTP/1.1")

    def _look_later(self) -> None:
        self._timer = self.loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Close the connection if what it waits for takes too long, else look again."""
        if self.transport.is_closing():
            return
        waited = self.loop.time() - self._since
        if self._phase == "head" and waited >= HEAD_SECONDS:
            self._refuse("timeout", f"the head of the request did not arrive within {HEAD_SECONDS:g} s")
        elif self._phase == "body" and not self.flow.read_paused and waited >= PIECE_SECONDS:
            self._refuse("timeout", f"nothing of the body arrived for {PIECE_SECONDS:g} s; send it again")
        else:
            self._look_later()

    def _refuse(self, code: str, detail: str) -> None:
        """Answer without an application, where this request has no answer yet, and close."""
        cycle: RequestResponseCycle | None = self.cycle
        answering = cycle is not None and cycle.response_started and not cycle.response_complete
        answered = cycle is not None and cycle.response_complete and self._phase == "body"
        if answering or answered:
            self.transport.close()
            return
        problem = Refused(code, detail).document("")
        body = msgspec.json.encode(problem)
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
