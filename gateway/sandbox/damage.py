"""What a fault below the application does to a request: a table of rows, one per fault of the catalogue.

Invariant: every row says how often the stand-in works on the request, so that what the client may and may not conclude
from the damage is known and can be judged.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from gateway.port.simulator import SimulatedResponse


class Manner(StrEnum):
    """How an answer is put on the socket.

    whole     as it should be
    delayed   whole, after a pause
    dribbled  the head arrives in small pieces over a while
    cut       fewer bytes than Content-Length promised, then the end
    reset     no answer: the connection is torn down (RST)
    held      as reset, after a pause: the client's patience may end first
    refused   as reset, and the port refuses connections for a while
    """

    WHOLE = "whole"
    DELAYED = "delayed"
    DRIBBLED = "dribbled"
    CUT = "cut"
    RESET = "reset"
    HELD = "held"
    REFUSED = "refused"


Spoil: TypeAlias = Callable[[SimulatedResponse, int], SimulatedResponse]
"""Changes an answer; the number is what ``Retry-After`` is to say, in seconds."""


class SocketFault(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``processed``: how often the stand-in works on the request. ``spoil`` changes its (last) answer."""

    processed: int
    manner: Manner = Manner.WHOLE
    spoil: Spoil | None = None
    seconds: float = 0.0


_TEXT = (("content-type", "text/plain; charset=utf-8"),)
_HTML = (("content-type", "text/html; charset=utf-8"),)
_PAGE = (
    b"<!DOCTYPE html><html><head><title>Error</title></head>"
    b"<body><h1>The service is temporarily unavailable</h1><hr><center>gateway</center></body></html>"
)


def _html(status: int) -> Spoil:
    return lambda answer, _wait: SimulatedResponse(
        status=status, headers=_HTML, body=_PAGE, service=answer.service
    )


def _text(status: int, body: bytes) -> Spoil:
    return lambda answer, _wait: SimulatedResponse(
        status=status, headers=_TEXT, body=body, service=answer.service
    )


def _later(status: int, body: bytes) -> Spoil:
    return lambda answer, wait: SimulatedResponse(
        status=status, headers=(*_TEXT, ("retry-after", str(wait))), body=body, service=answer.service
    )


def _empty(answer: SimulatedResponse, _wait: int) -> SimulatedResponse:
    return msgspec.structs.replace(answer, body=b"")


def _half(answer: SimulatedResponse, _wait: int) -> SimulatedResponse:
    return msgspec.structs.replace(answer, body=answer.body[: len(answer.body) // 2])


def _recoded(encoding: str) -> Spoil:
    # The header goes on saying UTF-8.
    return lambda answer, _wait: msgspec.structs.replace(
        answer, body=answer.body.decode("utf-8", "replace").encode(encoding, "replace")
    )


SOCKET_FAULTS: dict[str, SocketFault] = {
    "refused": SocketFault(processed=0, manner=Manner.REFUSED, seconds=0.5),
    "reset_before": SocketFault(processed=0, manner=Manner.RESET),
    "lost_reply": SocketFault(processed=1, manner=Manner.RESET),
    "slow": SocketFault(processed=1, manner=Manner.DELAYED, seconds=1.0),
    "slow_headers": SocketFault(processed=1, manner=Manner.DRIBBLED, seconds=1.0),
    "truncated_body": SocketFault(processed=1, manner=Manner.CUT),
    "truncated_json": SocketFault(processed=1, spoil=_half),
    "empty_body": SocketFault(processed=1, spoil=_empty),
    "wrong_charset": SocketFault(processed=1, spoil=_recoded("utf-16")),
    "wrong_charset_legacy": SocketFault(processed=1, spoil=_recoded("cp1258")),
    "html_200": SocketFault(processed=0, spoil=_html(200)),
    "html_502": SocketFault(processed=0, spoil=_html(502)),
    "html_503": SocketFault(processed=0, spoil=_html(503)),
    "http_502": SocketFault(processed=0, spoil=_text(502, b"Bad Gateway")),
    "http_502_after": SocketFault(processed=1, spoil=_text(502, b"Bad Gateway")),
    "http_429": SocketFault(processed=0, spoil=_later(429, b"Too Many Requests")),
    "http_503": SocketFault(processed=0, spoil=_later(503, b"Service Unavailable")),
    "duplicate_ack": SocketFault(processed=2),
}
