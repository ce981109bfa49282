"""The content of a log entry as it is kept: the body, compressed, with the seed and the cuts that its commitment is of.

What an entry commits to is address, headers and body together (``whole``). Invariant: what ``read`` gives is what was
written, or the reason why it is not there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec
import zstandard

from gateway.proof.commitment import Cut, committed
from gateway.storage.log import StoredBody

COMPRESS_FROM_BYTES = 128
_LEVEL = -3  # two thirds of the time of level 1 for a tenth more bytes, measured on records of 4 KB
_local = threading.local()


class Missing(StrEnum):
    """Why a body cannot be shown.

    absent    it is no longer kept
    erased    its key was destroyed
    locked    its key is there, but not the master key that opens it
    damaged   it is not what was stored
    """

    ABSENT = "absent"
    ERASED = "erased"
    LOCKED = "locked"
    DAMAGED = "damaged"


class Content(msgspec.Struct, frozen=True, array_like=True):
    """A body with what its entry's commitment needs. ``seed`` empty: the entry is of form 1 and commits to a digest."""

    seed: bytes
    cuts: list[Cut]
    body: bytes

    def gives(self, form: int, digest: bytes, head: bytes) -> bool:
        """Whether an entry of ``form`` that commits to ``digest`` was made of this; ``head`` as ``head_of`` makes it."""
        if form == 1:
            return hashlib.sha256(self.body).digest() == digest
        return committed(head + self.body, self.cuts, self.seed) == digest


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    seed: bytes
    cuts: Sequence[Cut]
    packing: str
    body: bytes


class Unreadable(msgspec.Struct, frozen=True):
    """There is no content to show. ``packed``: what lies there, where something does."""

    why: Missing
    detail: str
    packed: bytes = b""


class Decrypter(Protocol):
    """Decrypts contents (``gateway.storage.contents``)."""

    def decrypted(self, stored: StoredBody) -> bytes:
        """The packed content. KeyError: its master key is not here. ValueError: it is not what was encrypted."""


_PACKER = msgspec.msgpack.Encoder()
_UNPACKER = msgspec.msgpack.Decoder(_Packed)


def head_of(method: str | None, url: str | None, headers: str) -> bytes:
    """What stands before the body in what an entry commits to: address and headers, a JSON list."""
    return f"{method or '-'} {url or '-'}\n{headers}\n\n".encode("utf-8", "surrogatepass")


def pack(seed: bytes, cuts: Sequence[Cut], body: bytes) -> bytes:
    """The bytes to be kept, encrypted or in clear."""
    packing, packed = compressed(body)
    return _PACKER.encode(_Packed(seed, cuts, packing, packed))


def read(stored: StoredBody, size: int, keys: Decrypter | None) -> Content | Unreadable:
    """The content of an entry whose body has ``size`` bytes. ``keys`` None: there are none."""
    why = _closed(stored, size, keys)
    if why is not None:
        return why
    packed = stored.body or b""
    try:
        if stored.encoding == "encrypted" and keys is not None:
            return _unpacked(keys.decrypted(stored), size)
        if stored.encoding == "clear":
            return _unpacked(packed, size)
        return Content(b"", [], plain(stored.encoding or "identity", packed, size))
    except KeyError as fault:
        return Unreadable(Missing.LOCKED, f"master key {fault.args[0]} is not among the keys", packed)
    except (ValueError, zstandard.ZstdError, msgspec.DecodeError) as fault:
        return Unreadable(Missing.DAMAGED, f"it cannot be unpacked: {fault}", packed)


def _closed(stored: StoredBody, size: int, keys: Decrypter | None) -> Unreadable | None:
    """Why there is nothing to be unpacked."""
    if stored.encoding is None and size:
        return Unreadable(Missing.ABSENT, "it is no longer kept")
    if stored.encoding == "encrypted" and stored.wrapped is None:
        return Unreadable(Missing.ERASED, "its key was destroyed", stored.body or b"")
    if stored.encoding == "encrypted" and keys is None:
        return Unreadable(Missing.LOCKED, "no keys are at hand", stored.body or b"")
    return None


def _unpacked(packed: bytes, size: int) -> Content:
    content = _UNPACKER.decode(packed)
    return Content(content.seed, list(content.cuts), plain(content.packing, content.body, size))


def compressed(body: bytes) -> tuple[str, bytes]:
    """How ``body`` is packed, and so packed."""
    if len(body) < COMPRESS_FROM_BYTES:
        return "identity", body
    compressor = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    packed: bytes = compressor.compress(body)
    return ("zstd", packed) if len(packed) < len(body) else ("identity", body)


def plain(packing: str, packed: bytes, size: int) -> bytes:
    """A packed body of ``size`` bytes; ValueError when it is not that, before more than that is unpacked."""
    match packing:
        case "identity":
            return packed
        case "zstd" if zstandard.frame_content_size(packed) == size:
            return zstandard.ZstdDecompressor().decompress(packed)
        case "zstd":
            raise ValueError("its packed size is another one")
        case other:
            raise ValueError(f"unknown packing {other!r}")
