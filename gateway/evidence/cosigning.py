"""Taking the cosignatures of witnesses (C2SP tlog-cosignature).

Invariant: only what a key in ``evidence.witnesses`` has really signed is kept, beside the very checkpoint it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec

from gateway.domain.errors import ConflictError, GatewayError, NotFoundError
from gateway.proof.lienthong_verify import Fault, Key, Signature, read_note, verify_note
from gateway.storage.checkpoints import Cosignature, add_cosignature, checkpoints_of_size
from gateway.storage.database import Database
from gateway.storage.instants import to_micros


class UnknownWitness(GatewayError):
    """The signature is of no key in evidence.witnesses; add the key that `lienthong log witness` prints."""


class Cosigned(msgspec.Struct, frozen=True, kw_only=True):
    """A cosignature that is kept. ``at``: by the witness's own clock; ``again``: it was there before."""

    size: int
    number: int
    witness: str
    at: datetime
    again: bool


async def take(database: Database, witnesses: Sequence[Key], size: int, line: str) -> Cosigned:
    """Keep the signature ``line`` of a witness about the checkpoint of ``size`` entries. Raises NotFoundError (no such
    checkpoint), UnknownWitness, ConflictError (it is no signature of it), StorageUnavailable."""
    rows = await database.read(partial(checkpoints_of_size, size=size))
    if not rows:
        raise NotFoundError(f"there is no checkpoint of {size} entries")
    key = _witness(witnesses, _signature(line))
    fault: Fault | None = None
    for row in rows:
        text = read_note(row.note.encode()).text
        try:
            [signed] = verify_note(read_note(f"{text}\n{line}".encode()), [key])
        except Fault as wrong:
            fault = wrong
            continue
        if signed.at is None:
            raise TypeError(f"{key.name} is no witness's key")
        at = signed.at
        given = Cosignature(checkpoint=row.number, witness=key.text, at=to_micros(at), line=line)
        fresh = await database.write(partial(add_cosignature, given=given))
        return Cosigned(size=size, number=row.number, witness=key.name, at=at, again=not fresh)
    raise ConflictError(f"the signature of {key.name} is not of a checkpoint of {size} entries: {fault}")


def _signature(line: str) -> Signature:
    try:
        [signature] = read_note(f"-\n\n{line}".encode()).signatures
    except (Fault, ValueError) as fault:
        raise ConflictError(
            f"expected one signature line of a C2SP note, with its newline: {fault}"
        ) from fault
    return signature


def _witness(witnesses: Sequence[Key], signature: Signature) -> Key:
    for key in witnesses:
        if (key.name, key.id) == (signature.name, signature.id):
            return key
    raise UnknownWitness(
        f"{signature.name}+{signature.id.hex()} is no key in evidence.witnesses; add the one that the witness prints"
    )
