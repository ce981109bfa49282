"""The content of a log entry as it is kept: the body, compressed, with the seed and the cuts that its commitment is of.

What an entry commits to is address, headers and body together. Where personal values were taken out for good, the rest
is kept with their commitments (``Redacted``), and still proves. Invariant: what ``read`` gives is what was written, or
the reason why it is not there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec
import zstandard

from gateway.proof import lienthong_verify as verifier
from gateway.proof.commitment import Place, committed, put_together, taken_apart
from gateway.proof.lienthong_verify import Cut, value_commitment
from gateway.storage.log import StoredBody

COMPRESS_FROM_BYTES = 128
REMOVED = "███".encode()
_LEVEL = -3  # two thirds of the time of level 1 for a tenth more bytes, measured on records of 4 KB
_local = threading.local()


class Missing(StrEnum):
    """Why a body cannot be shown.

    absent    it is no longer kept
    erased    its key was destroyed
    locked    its key is there, but not the master key that opens it
    damaged   it is not what was stored
    withheld  nobody has marked what is personal in it, so it cannot be masked; ask for it unmasked
    """

    ABSENT = "absent"
    ERASED = "erased"
    LOCKED = "locked"
    DAMAGED = "damaged"
    WITHHELD = "withheld"


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

    def parts(self, head: bytes) -> verifier.Content:
        """Taken apart as a verifier wants it, for an entry of form 2."""
        frame, values = taken_apart(head + self.body, self.cuts, self.seed)
        return verifier.Content(
            [verifier.Cut(*cut) for cut in self.cuts],
            verifier.Part(*frame),
            [verifier.Part(*value) for value in values],
        )

    def redacted(self, head: bytes) -> Redacted:
        """The same without its personal values; only for an entry of form 2."""
        frame, values = taken_apart(head + self.body, self.cuts, self.seed)
        commitments = [
            value_commitment(value.salt, cut.label, value.content)
            for cut, value in zip(self.cuts, values, strict=True)
        ]
        return Redacted(frame.salt, list(self.cuts), commitments, frame.content, len(self.body))


class Redacted(msgspec.Struct, frozen=True, array_like=True):
    """A content whose personal values were taken out for good: ``commitments`` stand for them. ``frame``: address, headers
    and body without the values; ``size``: how many bytes the body had."""

    salt: bytes
    cuts: list[Cut]
    commitments: list[bytes]
    frame: bytes
    size: int

    @property
    def removed(self) -> list[str]:
        """The names of the fields whose values are gone."""
        return [cut.label for cut in self.cuts]

    @property
    def head(self) -> bytes:
        """Address and headers, with ``REMOVED`` where a value was."""
        return self._shown()[0]

    @property
    def body(self) -> bytes:
        """The body, with ``REMOVED`` where a value was."""
        return self._shown()[1]

    def gives(self, form: int, digest: bytes, head: bytes) -> bool:
        """Whether an entry of ``form`` that commits to ``digest`` was made of this. Its address and headers are in here, so
        those of its row are to be blank (``BLANK_HEAD``)."""
        if form == 1 or head != BLANK_HEAD:
            return False
        try:
            verifier.verify_content(digest, self.parts(head))
        except verifier.Fault:
            return False
        return True

    def parts(self, _head: bytes) -> verifier.Content:
        """Taken apart as a verifier wants it."""
        cuts = [verifier.Cut(*cut) for cut in self.cuts]
        return verifier.Content(cuts, verifier.Part(self.salt, self.frame), self.commitments)

    def _shown(self) -> tuple[bytes, bytes]:
        whole = len(self.frame) + sum(cut.length for cut in self.cuts)
        border = whole - self.size
        in_head = [cut for cut in self.cuts if cut.start < border]
        head_end = border - sum(cut.length for cut in in_head)
        in_body = [cut._replace(start=cut.start - border) for cut in self.cuts[len(in_head) :]]
        return (
            put_together(self.frame[:head_end], in_head, [REMOVED] * len(in_head)),
            put_together(self.frame[head_end:], in_body, [REMOVED] * len(in_body)),
        )


class _PackedRedacted(msgspec.Struct, frozen=True, array_like=True):
    salt: bytes
    cuts: Sequence[Cut]
    commitments: Sequence[bytes]
    size: int
    packing: str
    frame_size: int
    frame: bytes


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
_REDACTED_UNPACKER = msgspec.msgpack.Decoder(_PackedRedacted)
# MessagePack's first byte of a list: of four parts, or of seven
_REDACTED_MARK = bytes((0x90 + len(_PackedRedacted.__struct_fields__),))
MOST_FRAME = 512 * 1024 * 1024


def head_of(method: str | None, url: str | None, headers: str) -> bytes:
    """What stands before the body in what an entry commits to: address and headers, a JSON list."""
    return f"{method or '-'} {url or '-'}\n{headers}\n\n".encode("utf-8", "surrogatepass")


BLANK_HEAD = head_of(None, None, "[]")
"""What stands in the row of an entry whose address and headers are with its content, or gone with it."""


def pack_redacted(content: Redacted) -> bytes:
    """The bytes to be kept of what is left."""
    packing, packed = compressed(content.frame)
    frame_size = len(content.frame)
    return _PACKER.encode(
        _PackedRedacted(
            content.salt, content.cuts, content.commitments, content.size, packing, frame_size, packed
        )
    )


def head_parts(head: bytes) -> tuple[str, str, str]:
    """Method, address and headers (JSON) of what ``head_of`` has made, or of one with values removed."""
    first, _, headers = head.decode("utf-8", "surrogatepass").removesuffix("\n\n").rpartition("\n")
    method, _, url = first.partition(" ")
    return method, url, headers


def pack(seed: bytes, cuts: Sequence[Place], body: bytes) -> bytes:
    """The bytes to be kept, encrypted or in clear: a ``_Packed``."""
    return _PACKER.encode((seed, cuts, *compressed(body)))


def read(stored: StoredBody, size: int, keys: Decrypter | None) -> Content | Redacted | Unreadable:
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


def _unpacked(packed: bytes, size: int) -> Content | Redacted:
    if packed[:1] == _REDACTED_MARK:
        rest = _REDACTED_UNPACKER.decode(packed)
        if rest.size != size or not 0 <= rest.frame_size <= MOST_FRAME:
            raise ValueError("its body had another size")
        frame = plain(rest.packing, rest.frame, rest.frame_size)
        return Redacted(rest.salt, list(rest.cuts), list(rest.commitments), frame, size)
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


def _decompressed(packed: bytes) -> bytes:
    decompressor = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    body: bytes = decompressor.decompress(packed)
    return body


def plain(packing: str, packed: bytes, size: int) -> bytes:
    """A packed body of ``size`` bytes; ValueError when it is not that, before more than that is unpacked."""
    match packing:
        case "identity":
            return packed
        case "zstd" if zstandard.frame_content_size(packed) == size:
            return _decompressed(packed)
        case "zstd":
            raise ValueError("its packed size is another one")
        case other:
            raise ValueError(f"unknown packing {other!r}")
