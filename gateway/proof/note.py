"""Signing checkpoints and cosigning them: Ed25519, C2SP signed-note, tlog-checkpoint and tlog-cosignature.

What checks them is ``lienthong_verify``. Invariant: what is made here reads back there as what was asked for, to the
microsecond; a text that no verifier would accept is refused here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.proof.lienthong_verify import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Key,
    Note,
    Signature,
    cosigned_text,
    read_checkpoint,
    read_key,
    read_note,
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the name under which its public one is pinned."""

    key: Key
    private: Ed25519PrivateKey

    @classmethod
    def of_log(cls, origin: str, private: Ed25519PrivateKey) -> Signer:
        """The signer of a log: its key bears the log's name. KEY_MALFORMED for a name that notes cannot carry."""
        return cls(_key(origin, ED25519, private), private)

    @classmethod
    def of_witness(cls, name: str, private: Ed25519PrivateKey) -> Signer:
        """The signer of a witness. The same private key must not sign for a log."""
        return cls(_key(name, COSIGNATURE, private), private)


def checkpoint_text(
    origin: str, size: int, root: bytes, *, at: datetime, previous: Checkpoint | None = None
) -> str:
    """The text of a checkpoint, with the extension lines ``time`` and, but for a log's first, ``previous``."""
    time = at.astimezone(UTC).isoformat().removesuffix("+00:00")
    lines = [origin, str(size), _text64(root), f"time {time}Z"]
    if previous is not None:
        lines.append(f"previous {_text64(previous.digest)}")
    text = "\n".join(lines) + "\n"
    read_checkpoint(text)
    return text


def signed(text: str, *signers: Signer, at: datetime | None = None) -> bytes:
    """The note ``text`` with the lines of ``signers``. ``at``: when its witnesses sign."""
    note = (text + "\n" + "".join(signature_line(text, each, at=at) for each in signers)).encode()
    if read_note(note).text != text:
        raise ValueError("the text would not read back as it is: it has to end with one newline")
    return note


def signature_line(text: str, signer: Signer, *, at: datetime | None = None) -> str:
    """The line by which ``signer`` signs ``text``: what a witness, that signs ``at`` a whole second, sends back."""
    if signer.key.kind == COSIGNATURE:
        if at is None:
            raise ValueError(f"witness {signer.key.name} has to say when it signs")
        seconds = int(at.timestamp())
        value = seconds.to_bytes(8) + signer.private.sign(cosigned_text(text, seconds))
    else:
        value = signer.private.sign(text.encode())
    return _line(Signature(signer.key.name, signer.key.id, value))


def with_signatures(note: bytes, lines: str) -> bytes:
    """``note`` with the signature ``lines`` of others after its own; a line that it has already is not repeated. They
    are not verified here. NOTE_MALFORMED for lines that are none."""
    before = read_note(note)
    after = read_note((before.text + "\n" + lines).encode())
    if after.text != before.text:
        raise ValueError("only signature lines can be added")
    return written(Note(before.text, tuple(dict.fromkeys((*before.signatures, *after.signatures)))))


def written(note: Note) -> bytes:
    """The bytes of a note."""
    return (note.text + "\n" + "".join(map(_line, note.signatures))).encode()


def _line(signature: Signature) -> str:
    return f"— {signature.name} {_text64(signature.id + signature.value)}\n"


def _key(name: str, kind: int, private: Ed25519PrivateKey) -> Key:
    return read_key(Key(name, kind, private.public_key().public_bytes_raw()).text)


def _text64(data: bytes) -> str:
    return base64.b64encode(data).decode()
