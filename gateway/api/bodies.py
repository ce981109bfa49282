"""Reading a request's body: bounded while it arrives, of a type that the row takes, as a value of the row's type.

Invariant: not one byte more than the limit is kept, whether the length was announced or not.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.types import Message, Receive

from gateway.api.problem import Refused
from gateway.api.route import Body
from gateway.codec.record import RecordReader

DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 5.0


class ClientGone(Exception):
    """The client went away in the middle of its request; nobody waits for an answer."""


def require_type(body: Body, headers: Mapping[str, str]) -> None:
    """Refuse (415) a body that is not of the row's type; one that names no type is taken as the first.

    A row without types takes whatever comes.
    """
    if not body.media_types:
        return
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise Refused(
            "unsupported_media_type",
            f"Content-Encoding {coding[:40]!r} is not taken; send the body as it is",
            headers=(("accept-encoding", "identity"),),
        )
    given = headers.get("content-type")
    if given is None:
        return
    media_type, _, parameters = given.partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    wrong_charset = "charset=" in charset and "charset=utf-8" not in charset
    if media_type.strip().lower() not in body.media_types or wrong_charset:
        raise Refused(
            "unsupported_media_type",
            f"got Content-Type {given[:80]!r}, expected {' or '.join(body.media_types)} in UTF-8",
        )


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it arrives; ClientGone when the client goes. ``protocol`` ends a wait that is too long."""
    async for piece in _after(await receive(), receive):
        yield piece


async def _after(message: Message, receive: Receive) -> AsyncIterator[bytes]:
    """The pieces from ``message`` on."""
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return
        message = await receive()


def announced_length(headers: Mapping[str, str]) -> int | None:
    """What Content-Length says; None when nothing that can be read."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def whole(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes; Refused (413) when it is larger."""
    announced = announced_length(headers)
    if announced is not None and announced > limit:
        if announced <= DRAIN_BYTES:
            await _drain(pieces(receive), 0)
        raise too_large(limit)
    message = await receive()  # most bodies come in one piece
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        return body
    return await _joined(_after(message, receive), limit)


async def _joined(parts: AsyncIterator[bytes], limit: int) -> bytes:
    taken: list[bytes] = []
    size = 0
    async for piece in parts:
        size += len(piece)
        if size > limit:
            await _drain(parts, size)
            raise too_large(limit)
        taken.append(piece)
    return b"".join(taken)


def too_large(limit: int) -> Refused:
    """The refusal of a body beyond ``limit``."""
    return Refused(
        "too_large",
        f"the body is larger than {limit} bytes; send less at once, files by reference",
        headers=(("connection", "close"),),
    )


async def _drain(parts: AsyncIterator[bytes], size: int) -> None:
    """Let a client that is still sending finish, within bounds: one that is cut off never reads its refusal."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for piece in parts:
                size += len(piece)
                if size > DRAIN_BYTES:
                    return
    except TimeoutError:
        return


@functools.cache
def _reader(kind: Any) -> RecordReader[Any]:
    return RecordReader(kind, what="body of the request")


def decoded(body: Body, content: bytes) -> object:
    """The body as a value of the row's type; RecordError lists everything that is wrong with it."""
    return content if body.kind is None else _reader(body.kind).read(content)
