"""The file of an archive: a stretch of the message log that proves by itself, and is always the same bytes.

    first line     JSON: format, number, digest of the file before, span, the checkpoint that covers it with its time stamp,
                   and the nodes of the tree to the left and to the right of the span
    then, again and again: four bytes length, big endian, and so many bytes of Zstandard: MessagePack, a list of entries

With the leaves in the file, the nodes lead to the checkpoint's root (RFC 9162 §2.1). Contents are as encrypted as they were
in the database, and address and headers are encrypted with them; no key is in it. Invariant: the same rows give the same
bytes; a file is whole or does not have its name.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Self

import msgspec
import zstandard

from gateway.domain.errors import GatewayError
from gateway.durable_files import synchronise
from gateway.proof.lienthong_verify import node_hash
from gateway.proof.merkle import Nodes

FORMAT = "lienthong archive 1"
BLOCK_ENTRIES = 500
LONGEST_HEADER = 1_000_000
LARGEST_BLOCK = 1 << 30
_LEVEL = 3
_LENGTH = struct.Struct(">I")


class ArchiveDamaged(GatewayError):
    """An archive is not what was written; ``code`` names what is wrong. Take another copy of it."""

    def __init__(self, code: str, detail: str, *, seq: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.seq = seq


class ArchiveHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an archive says of itself. ``first``, ``last``: sequence numbers; ``first_at``, ``last_at``: microseconds;
    ``size`` and ``root`` (hex): the tree that covers it, as ``note`` signs it; ``token``: its time stamp in Base64;
    ``left``, ``right``: nodes (hex) beside the span, from left to right; ``previous``: SHA-256 (hex) of the file before,
    empty for the first."""

    format: str
    number: int
    previous: str
    first: int
    last: int
    first_at: int
    last_at: int
    size: int
    root: str
    checkpoint: int
    note: str
    token: str | None
    left: list[str]
    right: list[str]


class ArchivedEntry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One entry. ``head``: method, address and headers, encrypted with the content's key; those of entries of form 1,
    which stand in their leaf, are in ``method``, ``url`` and ``headers``."""

    seq: int
    id: int
    at: int
    direction: str
    kind: str
    channel: str
    operation: str
    dossier_code: str | None
    attempt_id: int | None
    request_id: int | None
    status: int | None
    body_digest: bytes
    body_size: int
    outcome: str | None
    code: str | None
    leaf: bytes
    form: int
    method: str | None
    url: str | None
    headers: str
    owner: int
    encoding: str | None
    body: bytes | None
    key: int | None
    head: bytes | None


_HEADER = msgspec.json.Encoder(order="sorted")
_READ_HEADER = msgspec.json.Decoder(ArchiveHeader)
_PACK = msgspec.msgpack.Encoder()
_UNPACK = msgspec.msgpack.Decoder(list[ArchivedEntry])


def write_archive(path: Path, header: ArchiveHeader, entries: Iterable[list[ArchivedEntry]]) -> bytes:
    """Write ``path``, whole or not at all; the SHA-256 of its bytes. ``entries`` in blocks of ``BLOCK_ENTRIES``."""
    part = path.with_name(f".{path.name}.part")
    digest = hashlib.sha256()
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:

        def put(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        put(_HEADER.encode(header) + b"\n")
        for block in entries:
            packed = compressor.compress(_PACK.encode(block))
            put(_LENGTH.pack(len(packed)) + packed)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    synchronise(path.parent)
    return digest.digest()


class ArchiveFile:
    """An archive that is open for reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BufferedReader = path.open("rb")
        except OSError as fault:
            raise ArchiveDamaged("ARCHIVE_MISSING", f"{path}: {fault}") from fault
        try:
            self.header = self._read_header()
        except ArchiveDamaged:
            self._file.close()
            raise
        self._start = self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def digest(self) -> bytes:
        """The SHA-256 of the whole file."""
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").digest()

    def blocks(self) -> Iterator[tuple[int, list[ArchivedEntry]]]:
        """(place in the file, entries) of every block, in order. Raises ArchiveDamaged."""
        place = self._start
        while True:
            block = self._block(place)
            if block is None:
                return
            yield place, block[0]
            place = block[1]

    def block(self, place: int) -> list[ArchivedEntry]:
        """The block at ``place``, which ``blocks`` has given. Raises ArchiveDamaged."""
        block = self._block(place)
        if block is None:
            raise ArchiveDamaged("ARCHIVE_UNREADABLE", f"{self.path} ends at byte {place}")
        return block[0]

    def _block(self, place: int) -> tuple[list[ArchivedEntry], int] | None:
        self._file.seek(place)
        prefix = self._file.read(_LENGTH.size)
        if not prefix:
            return None
        length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else -1
        packed = self._file.read(length) if 0 <= length <= LARGEST_BLOCK else b""
        if length < 0 or len(packed) != length:
            raise ArchiveDamaged("ARCHIVE_TRUNCATED", f"{self.path} ends inside the block at byte {place}")
        try:
            size = zstandard.frame_content_size(packed)
            plain = zstandard.ZstdDecompressor().decompress(packed) if size <= LARGEST_BLOCK else b""
            return _UNPACK.decode(plain), self._file.tell()
        except (ValueError, zstandard.ZstdError, msgspec.DecodeError) as fault:
            raise ArchiveDamaged(
                "ARCHIVE_UNREADABLE", f"{self.path}, the block at byte {place}: {fault}"
            ) from fault

    def _read_header(self) -> ArchiveHeader:
        line = self._file.readline(LONGEST_HEADER)
        try:
            header = _READ_HEADER.decode(line)
        except (msgspec.DecodeError, msgspec.ValidationError) as fault:
            raise ArchiveDamaged("ARCHIVE_UNREADABLE", f"{self.path} has no header: {fault}") from fault
        if header.format != FORMAT:
            raise ArchiveDamaged("ARCHIVE_UNREADABLE", f"{self.path}: unknown format {header.format!r}")
        return header


def beside(first: int, last: int, size: int, nodes: Nodes) -> tuple[list[str], list[str]]:
    """The nodes to the left and to the right of entries ``first`` to ``last`` in the tree of ``size``, in hex."""
    left = [nodes(height, index, 1).hex() for height, index in _subtrees(0, first - 1)]
    right = [nodes(height, index, 1).hex() for height, index in _subtrees(last, size)]
    return left, right


def _subtrees(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Height and index of the largest complete subtrees that make up [begin, end), from left to right."""
    while begin < end:
        height = (end - begin).bit_length() - 1
        if begin:
            height = min(height, (begin & -begin).bit_length() - 1)
        yield height, begin >> height
        begin += 1 << height


class SpanRoot:
    """Grows a tree's root out of the nodes beside a span and the leaves in it."""

    def __init__(self, header: ArchiveHeader) -> None:
        self._header = header
        self._stack: list[tuple[int, bytes]] = []  # (height, hash) of complete subtrees, the largest first
        self._end = 0
        self._nodes(0, header.first - 1, header.left)

    def add(self, leaf: bytes) -> None:
        """The next leaf of the span."""
        self._push(0, leaf)

    def root(self) -> bytes:
        """The root of the whole tree. ArchiveDamaged: the nodes are not those of its shape."""
        self._nodes(self._header.last, self._header.size, self._header.right)
        if self._end != self._header.size or not self._stack:
            raise ArchiveDamaged("ARCHIVE_ROOT", f"it makes a tree of {self._end}, not {self._header.size}")
        folded = self._stack[-1][1]
        for _, node in reversed(self._stack[:-1]):
            folded = node_hash(node, folded)
        return folded

    def _nodes(self, begin: int, end: int, given: list[str]) -> None:
        shape = list(_subtrees(begin, end))
        if len(shape) != len(given):
            raise ArchiveDamaged("ARCHIVE_ROOT", f"{len(given)} nodes beside it, expected {len(shape)}")
        try:
            for (height, _), node in zip(shape, given, strict=True):
                self._push(height, bytes.fromhex(node))
        except ValueError as fault:
            raise ArchiveDamaged("ARCHIVE_ROOT", f"a node beside it is no hash: {fault}") from fault

    def _push(self, height: int, node: bytes) -> None:
        self._end += 1 << height
        stack = self._stack
        while stack and stack[-1][0] == height:
            node = node_hash(stack.pop()[1], node)
            height += 1
        stack.append((height, node))


def coded(data: bytes | None) -> str | None:
    """Bytes as the header has them."""
    return None if data is None else base64.b64encode(data).decode()
