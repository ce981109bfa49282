"""A witness: a second key on another machine that signs only what continues everything it has seen (C2SP tlog-witness).

It needs no database of the gateway, only its API. Invariants: what the witness has seen is on its own disk before its
signature leaves; a log that shrank, forked or went back in time gets no signature, and both notes are kept as proof.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.domain.errors import ConfigurationError, ConflictError
from gateway.durable_files import write_whole
from gateway.proof.lienthong_verify import (
    Checkpoint,
    Fault,
    Key,
    read_checkpoint,
    read_note,
    require_later,
    verify_checkpoint,
    verify_consistency,
)
from gateway.proof.note import Signer, signature_line


class LogRefused(ConflictError):
    """The log is not the one that this witness knows; keep both notes, and ask who had the gateway's keys and database."""


class Source(Protocol):
    """The log, as the API shows it."""

    async def newest(self) -> str:
        """The newest checkpoint, a note."""

    async def consistency(self, first: int, second: int) -> list[str]:
        """The consistency proof, hashes in Base64."""

    async def cosign(self, size: int, line: str) -> None:
        """Hand the signature line of the checkpoint of ``size`` entries in."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What one look has found. ``before``: entries that had been seen until then; ``signed`` False: nothing was new."""

    origin: str
    before: int
    size: int
    at: datetime | None
    signed: bool


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    note: str
    sent: bool


class Witness:
    """Signs as ``signer``, with ``state`` as its memory. ``logs``: the pinned keys of the one log that it watches."""

    def __init__(
        self, signer: Signer, logs: Sequence[Key], state: Path, clock: Callable[[], datetime]
    ) -> None:
        self._signer = signer
        self._logs = logs
        self._state = state
        self._clock = clock

    async def look(self, source: Source) -> Looked:
        """Look at the newest checkpoint, and cosign it. Raises LogRefused, ConfigurationError, and what ``source``
        raises."""
        seen = self._remembered()
        note = await source.newest()
        try:
            now = verify_checkpoint(note.encode(), self._logs)
        except Fault as fault:
            raise LogRefused(f"the newest checkpoint is refused: {fault}") from fault
        before = None if seen is None else read_checkpoint(read_note(seen.note.encode()).text)
        if before is not None:
            await self._require_continued(source, before, now, (seen.note if seen else "", note))
        told = Looked(
            origin=now.origin, before=before.size if before else 0, size=now.size, at=now.at, signed=True
        )
        if seen is not None and seen.sent and before is not None and before.text == now.text:
            return msgspec.structs.replace(told, signed=False)
        self._remember(_Seen(note=note, sent=False))
        await source.cosign(now.size, signature_line(now.text, self._signer, at=self._clock()))
        self._remember(_Seen(note=note, sent=True))
        return told

    async def _require_continued(
        self, source: Source, before: Checkpoint, now: Checkpoint, notes: tuple[str, str]
    ) -> None:
        try:
            require_later(before, now)
            if before.size < now.size:
                coded = await source.consistency(before.size, now.size)
                verify_consistency(before.size, now.size, _hashes(coded), before.root, now.root)
        except Fault as fault:
            kept = self._keep(notes)
            raise LogRefused(f"{now.origin}: {fault}; both checkpoints are in {kept}") from fault

    def _remembered(self) -> _Seen | None:
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=_Seen)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as fault:
            raise ConfigurationError(
                f"--state: {self._state} cannot be read: {fault}; without it this witness would forget what it has seen"
            ) from fault

    def _remember(self, seen: _Seen) -> None:
        _write(self._state, msgspec.json.encode(seen))

    def _keep(self, notes: tuple[str, str]) -> Path:
        name = hashlib.sha256("".join(notes).encode()).hexdigest()[:12]
        path = self._state.with_name(f"{self._state.name}.refused-{name}")
        _write(path, msgspec.json.encode({"seen": notes[0], "shown": notes[1]}))
        return path


def _hashes(coded: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(each, validate=True) for each in coded]
    except binascii.Error as fault:
        raise Fault("PROOF_MALFORMED", f"a hash that is no Base64: {fault}") from fault


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as fault:
        raise ConfigurationError(f"--state: {path} cannot be written: {fault}") from fault
