"""Checks evidence of a Liên Thông gateway without the gateway, its database, a network, or trust in who runs it.

One file; it needs Python 3.11 and the package `cryptography`. Read it from the top: each part uses those above it.

    1  Faults       how a check says no
    2  Merkle tree  one entry is in the log; the log only ever grew                   RFC 9162 §2.1
    3  Notes        who signed a text                                                 C2SP signed-note
    4  Checkpoints  what the log was at one moment, and which witnesses saw it        C2SP tlog-checkpoint, -cosignature
    5  Contents     what an entry contained, also where personal data was taken out
    6  Time stamps  when somebody else saw a checkpoint at the latest                 RFC 3161, RFC 5652, RFC 5816
    7  The report   what is pinned, which checks there are, and what they found
    8  Containers   one file with many in it, readable in one way only                ETSI EN 319 162-1
    9  The seal     who vouches for the files in a container                          ETSI EN 319 132-1
   10  The bundle   everything that the log has about one dossier
   11  Views        what people read of a message, made of its bytes
   12  On the command line: python lienthong_verify.py BUNDLE --keys KEYS

Invariant: every verifying function returns what it has proven or raises Fault; none answers with a maybe. The codes of
all faults are in FAULTS, those of all checks in CHECKS.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl
from xml.parsers import expat

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

# --- 1  Faults --------------------------------------------------------------------------------------------------------

FAULTS: Final = {
    # the Merkle tree
    "PROOF_OUT_OF_RANGE": "the proof is for an entry or a size that the tree does not have",
    "PROOF_MALFORMED": "a hash is not 32 bytes, or the proof has too many or too few hashes",
    "INCLUSION_WRONG": "the entry is not the one that the log has at this place",
    "CONSISTENCY_WRONG": "the later tree does not continue the earlier one: history was changed",
    # notes and checkpoints
    "KEY_MALFORMED": "a pinned key is not written as <name>+<id>+<base64>, or its id is not its own",
    "NOTE_MALFORMED": "it is not a signed note",
    "NOTE_UNSIGNED": "none of the pinned keys has signed it",
    "SIGNATURE_WRONG": "a signature that claims to be of a pinned key is not",
    "CHECKPOINT_MALFORMED": "the text is not a checkpoint",
    "CHECKPOINT_OF_OTHER_LOG": "it is not signed by the key of the log that it names",
    "WITNESSES_MISSING": "too few of the pinned witnesses have signed it",
    "CHAIN_BROKEN": "a checkpoint does not name the one before it",
    "CLOCK_BACK": "a checkpoint is older than the one before it: a clock was moved back",
    "HISTORY_SHRUNK": "a checkpoint has fewer entries than the one before it",
    "HISTORY_FORKED": "two checkpoints of one size have different roots",
    # contents
    "CONTENT_MALFORMED": "the parts of a content do not fit together",
    "CONTENT_WRONG": "the content is not the one that the log committed to",
    # time stamps
    "TIMESTAMP_MALFORMED": "it is not a time-stamp token",
    "TIMESTAMP_ALGORITHM": "the token uses an algorithm that is not accepted",
    "TIMESTAMP_OF_OTHER_DATA": "the token is about something else",
    "TIMESTAMP_NO_CERTIFICATE": "the certificate of the token's signer is not there",
    "TIMESTAMP_OTHER_CERTIFICATE": "the token names another certificate than that of its signer",
    "TIMESTAMP_CHANGED": "what the token says is not what was signed",
    "TIMESTAMP_SIGNATURE": "the token's signature is not its signer's",
    "TIMESTAMP_PURPOSE": "the signer's certificate is not for time stamping",
    "TIMESTAMP_EXPIRED": "the signer's certificate was not valid at the time that the token states",
    "TIMESTAMP_UNTRUSTED": "the signer's certificate does not lead to a pinned authority",
    "TIMESTAMP_BEFORE_CHECKPOINT": "the authority saw the checkpoint before the log says it was made",
    # containers and their seal
    "CONTAINER_REFUSED": "a container of ours is not like that: too large, compressed, or with names that are not for files",
    "CONTAINER_MALFORMED": "it is not written as the gateway writes a container",
    "CONTAINER_DAMAGED": "a file in the container is not the one that was put there",
    "SEAL_MALFORMED": "the signature is not written as the gateway writes it, so what was signed cannot be told",
    "SEAL_ALGORITHM": "the signature uses an algorithm or a key that is not accepted",
    "SEAL_UNTRUSTED": "the certificate that signed is none of those pinned",
    "SEAL_WRONG": "the signature is not that of its certificate, or what it is about was changed",
    "SEAL_EXPIRED": "the certificate was not valid when it signed",
    "SEAL_CHAIN": "a certificate beside that of the signer did not issue the one before it",
    "SEAL_BACKDATED": "the signature says that it was made before what it is about, or long before it was seen",
    "FILE_MISSING": "a file that was signed is not there",
    "FILE_UNSIGNED": "a file is there that was not signed",
    "FILE_CHANGED": "a file is not the one that was signed",
    # bundles
    "BUNDLE_MALFORMED": "bundle.json is not what it has to be",
    "BUNDLE_FILES": "bundle.json and the files beside it do not belong together",
    "ENTRY_OF_OTHER_DOSSIER": "an entry is about something else",
    "VIEW_WRONG": "what people are to read is not what the bytes say",
    # the keys of the verifier
    "TRUST_MALFORMED": "the file of pinned keys cannot be read",
}


class Fault(ValueError):
    """Something does not hold. ``code`` is a key of FAULTS; ``found`` says what was seen and what was expected."""

    def __init__(self, code: str, found: str) -> None:
        super().__init__(f"{code}: {FAULTS[code]}; {found}")
        self.code, self.found = code, found


# --- 2  Merkle tree (RFC 9162 §2.1) -------------------------------------------------------------------------------------

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees next to each other (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """``leaf`` is leaf number ``index``, counted from 0, of the tree of ``size`` leaves with ``root`` (RFC 9162
    §2.1.3.2). ``size`` and ``root`` belong together: take both from one signed checkpoint."""
    if not 0 <= index < size:
        raise Fault("PROOF_OUT_OF_RANGE", f"entry {index} of {size}")
    _hashes(leaf, root, *proof)
    place, last, seen = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes are too many for entry {index} of {size}")
        if place & 1 or place == last:
            seen = node_hash(sibling, seen)
            while place and not place & 1:  # the rightmost node has no sibling at these heights
                place, last = place >> 1, last >> 1
        else:
            seen = node_hash(seen, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes are too few for entry {index} of {size}")
    if seen != root:
        raise Fault(
            "INCLUSION_WRONG", f"entry {index} of {size} leads to {seen.hex()}, the root is {root.hex()}"
        )


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """The tree of ``second`` leaves begins with all leaves of the tree of ``first`` (RFC 9162 §2.1.4.2)."""
    if not 0 <= first <= second:
        raise Fault("PROOF_OUT_OF_RANGE", f"from {first} to {second} entries")
    _hashes(first_root, second_root, *proof)
    if first in {0, second}:
        # nothing to prove, but the roots have to be the right ones
        if proof:
            raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes where none is needed")
        if first_root != (second_root if first else EMPTY_ROOT):
            raise Fault("CONSISTENCY_WRONG", f"two roots for {first} entries")
        if second == 0 and second_root != EMPTY_ROOT:
            raise Fault("CONSISTENCY_WRONG", "the empty tree has another root")
        return
    seen = _both_roots(first, second, proof, first_root)
    if seen != (first_root, second_root):
        which = "earlier" if seen[0] != first_root else "later"
        raise Fault(
            "CONSISTENCY_WRONG", f"from {first} to {second} entries: it leads to another {which} root"
        )


def _both_roots(first: int, second: int, proof: Sequence[bytes], first_root: bytes) -> tuple[bytes, bytes]:
    """The roots of both trees to which ``proof`` leads."""
    whole = (
        first & (first - 1) == 0
    )  # the first tree is one complete subtree, which the verifier knows already
    path = [first_root, *proof] if whole else list(proof)
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if not path:
        raise Fault("PROOF_MALFORMED", f"no hashes from {first} to {second} entries")
    early = late = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Fault(
                "PROOF_MALFORMED", f"{len(proof)} hashes are too many from {first} to {second} entries"
            )
        if place & 1 or place == last:
            early, late = node_hash(sibling, early), node_hash(sibling, late)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            late = node_hash(late, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes are too few from {first} to {second} entries")
    return early, late


def _hashes(*hashes: bytes) -> None:
    for each in hashes:
        if len(each) != HASH_SIZE:
            raise Fault("PROOF_MALFORMED", f"a hash of {len(each)} bytes, expected {HASH_SIZE}")


# --- 3  Notes (C2SP signed-note) --------------------------------------------------------------------------------------

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
MAX_NOTE: Final = 1_000_000
MAX_SIGNATURES: Final = 100
_KEY_ID = 4
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
_KEY_TEXT = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class Key:
    """A pinned Ed25519 key. ``kind``: ED25519 of a log, COSIGNATURE of a witness. ``public``: 32 bytes (RFC 8032)."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature line names the key."""
        named = self.name.encode() + b"\n" + bytes((self.kind,)) + self.public
        return hashlib.sha256(named).digest()[:_KEY_ID]

    @property
    def text(self) -> str:
        """The key as it is published and pinned: ``<name>+<id>+<base64>``."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes((self.kind,)) + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the name and id of a key, and what it has signed with."""

    name: str
    id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note, of which nothing is proven yet. ``text`` ends with a newline."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds. ``at``: when a witness signed, by its own clock; None for others."""

    key: Key
    at: datetime | None


def read_key(text: str) -> Key:
    """The key that ``text`` publishes."""
    parts = _KEY_TEXT.fullmatch(text)
    if parts is None:
        raise Fault("KEY_MALFORMED", f"{text[:80]!r}")
    coded = _base64(parts[3], "KEY_MALFORMED")
    if len(coded) != 1 + 32 or coded[0] not in {ED25519, COSIGNATURE}:
        raise Fault("KEY_MALFORMED", f"{parts[1]}: {len(coded)} bytes, expected 0x01 or 0x04 and 32")
    key = Key(parts[1], coded[0], coded[1:])
    if key.id.hex() != parts[2]:
        raise Fault("KEY_MALFORMED", f"{parts[1]}: its id is {key.id.hex()}, not {parts[2]}")
    return key


def read_note(data: bytes) -> Note:
    """The text and the signature lines of a note."""
    if len(data) > MAX_NOTE:
        raise Fault("NOTE_MALFORMED", f"{len(data)} bytes, at most {MAX_NOTE}")
    try:
        whole = data.decode()
    except UnicodeDecodeError as fault:
        raise Fault("NOTE_MALFORMED", "it is not UTF-8") from fault
    if any(sign < " " and sign != "\n" for sign in whole):
        raise Fault("NOTE_MALFORMED", "it contains control characters")
    text, separator, lines = whole.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise Fault("NOTE_MALFORMED", "expected a text, an empty line, signature lines and no more")
    written = lines[:-1].split("\n")
    if len(written) > MAX_SIGNATURES:
        raise Fault("NOTE_MALFORMED", f"{len(written)} signatures, at most {MAX_SIGNATURES}")
    return Note(text + "\n", tuple(map(_signature, written)))


def verify_note(note: Note, keys: Sequence[Key]) -> tuple[Signed, ...]:
    """Which of ``keys`` have signed ``note``: at least one. Signatures of unknown keys say nothing and are ignored; one
    that names a known key and is not of it refuses the note."""
    known = {(key.name, key.id): key for key in keys}
    found: dict[Key, Signed] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.id))
        if key is not None:
            found.setdefault(key, _verified(note.text, key, signature.value))
    if not found:
        names = ", ".join(signature.name for signature in note.signatures)[:200]
        raise Fault(
            "NOTE_UNSIGNED", f"signed by {names}, pinned are {', '.join(key.text for key in keys) or 'none'}"
        )
    return tuple(found.values())


def cosigned_text(text: str, seconds: int) -> bytes:
    """What a witness signs: when it saw the note, and its text (C2SP tlog-cosignature)."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _verified(text: str, key: Key, value: bytes) -> Signed:
    at, message = None, text.encode()
    if key.kind == COSIGNATURE:
        seconds, value = int.from_bytes(value[:8]), value[8:]
        message = cosigned_text(text, seconds)
        try:
            at = datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError) as fault:
            raise Fault("SIGNATURE_WRONG", f"{key.name}: its time is {seconds} s after 1970") from fault
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(value, message)
    except (InvalidSignature, ValueError) as fault:
        raise Fault("SIGNATURE_WRONG", f"{key.name}+{key.id.hex()}") from fault
    return Signed(key, at)


def _signature(line: str) -> Signature:
    parts = _SIGNATURE_LINE.fullmatch(line)
    if parts is None:
        raise Fault("NOTE_MALFORMED", f"{line[:80]!r} is no signature line")
    value = _base64(parts[2], "NOTE_MALFORMED")
    if len(value) <= _KEY_ID:
        raise Fault("NOTE_MALFORMED", f"a signature of {len(value)} bytes by {parts[1]}")
    return Signature(parts[1], value[:_KEY_ID], value[_KEY_ID:])


def _base64(text: str, code: str) -> bytes:
    """RFC 4648 §4, written in the one way that is allowed: a second spelling would be a second note."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as fault:
        raise Fault(code, f"{text[:80]!r} is not base64") from fault
    if base64.b64encode(data).decode() != text:
        raise Fault(code, f"{text[:80]!r} is not the base64 of what it says")
    return data


# --- 4  Checkpoints (C2SP tlog-checkpoint, tlog-cosignature) ----------------------------------------------------------

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its ``size`` and ``root`` at one moment. ``at`` is the log's own clock; ``previous`` the
    SHA-256 of the text of the checkpoint before it."""

    text: str
    origin: str
    size: int
    root: bytes
    at: datetime | None = None
    previous: bytes | None = None

    @property
    def digest(self) -> bytes:
        """By what the next checkpoint names this one: the SHA-256 of its text, without signatures."""
        return hashlib.sha256(self.text.encode()).digest()


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in the text of a note, believed by nobody yet."""
    origin, size, root, *extensions = [*text.removesuffix("\n").split("\n"), "", ""]
    if not (origin and _SIZE.fullmatch(size) and text.endswith("\n")):
        raise Fault("CHECKPOINT_MALFORMED", "expected the lines origin, size, root")
    del extensions[-2:]
    if not all(extensions):
        raise Fault("CHECKPOINT_MALFORMED", "it contains an empty line")
    hashed = _base64(root, "CHECKPOINT_MALFORMED")
    if len(hashed) != HASH_SIZE:
        raise Fault("CHECKPOINT_MALFORMED", f"a root of {len(hashed)} bytes")
    named = [line.partition(" ")[::2] for line in extensions]
    values = dict(named)
    if any([name for name, _ in named].count(name) > 1 for name in ("time", "previous")):
        raise Fault("CHECKPOINT_MALFORMED", "it says its time or the previous checkpoint twice")
    previous = _base64(values["previous"], "CHECKPOINT_MALFORMED") if "previous" in values else None
    if previous is not None and len(previous) != HASH_SIZE:
        raise Fault("CHECKPOINT_MALFORMED", f"a previous checkpoint of {len(previous)} bytes")
    at = _instant(values["time"]) if "time" in values else None
    return Checkpoint(text, origin, int(size), hashed, at, previous)


def verify_checkpoint(data: bytes, logs: Sequence[Key]) -> Checkpoint:
    """The checkpoint in the note ``data``, signed by one of ``logs`` that bears the name of the log. A log whose key was
    replaced has several keys of one name."""
    note = read_note(data)
    checkpoint = read_checkpoint(note.text)
    signed = verify_note(note, [key for key in logs if key.kind == ED25519])
    if not any(each.key.name == checkpoint.origin for each in signed):
        raise Fault("CHECKPOINT_OF_OTHER_LOG", f"{checkpoint.origin}, signed by {signed[0].key.name}")
    return checkpoint


def verify_witnesses(data: bytes, witnesses: Sequence[Key], needed: int) -> tuple[Signed, ...]:
    """The witnesses that have seen that the checkpoint ``data`` continues those they had seen before: at least
    ``needed`` with keys of their own."""
    note = read_note(data)
    pinned = [key for key in witnesses if key.kind == COSIGNATURE]
    named = {(signature.name, signature.id) for signature in note.signatures}
    present = [key for key in pinned if (key.name, key.id) in named]
    signed = verify_note(note, present) if present else ()
    if len({each.key.public for each in signed}) < needed:
        raise Fault("WITNESSES_MISSING", f"{len(signed)} of {len(pinned)} pinned ones, {needed} are needed")
    return signed


def verify_succession(earlier: Checkpoint, later: Checkpoint) -> None:
    """``later`` is the next checkpoint after ``earlier``. That it continues it, a consistency proof says."""
    require_later(earlier, later)
    if later.previous != earlier.digest:
        named = later.previous.hex() if later.previous else "none"
        raise Fault(
            "CHAIN_BROKEN", f"at {later.size} entries: it names {named}, expected {earlier.digest.hex()}"
        )


def require_later(earlier: Checkpoint, later: Checkpoint) -> None:
    """Fault when ``later`` cannot come after ``earlier``, whatever is proven."""
    if later.origin != earlier.origin:
        raise Fault("CHECKPOINT_OF_OTHER_LOG", f"{later.origin}, expected {earlier.origin}")
    if later.size < earlier.size:
        raise Fault("HISTORY_SHRUNK", f"from {earlier.size} to {later.size} entries")
    if later.size == earlier.size and later.root != earlier.root:
        raise Fault("HISTORY_FORKED", f"at {later.size} entries")
    if earlier.at and later.at and later.at < earlier.at:
        raise Fault("CLOCK_BACK", f"from {earlier.at.isoformat()} to {later.at.isoformat()}")


def _instant(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise Fault("CHECKPOINT_MALFORMED", f"{text[:40]!r} is no time in UTC (RFC 3339)")
    try:
        return datetime.fromisoformat(text)
    except ValueError as fault:
        raise Fault("CHECKPOINT_MALFORMED", f"{text!r} is no time") from fault


# --- 5  Contents ------------------------------------------------------------------------------------------------------
#
# An entry commits to its content in parts: each personal value, and the frame that is left when the values are cut out.
# Every part is hashed with a salt of its own, so a part that is not shown cannot be guessed from its hash.

SALT_BYTES: Final = 16
_LABEL = re.compile(r"[A-Za-z0-9_.:-]+")


class Cut(NamedTuple):
    """A personal value: where it begins in the content, how many bytes it has, and the name of its field."""

    start: int
    length: int
    label: str


class Part(NamedTuple):
    """A part that is shown, and the salt that hid it."""

    salt: bytes
    content: bytes


class Content(NamedTuple):
    """A content in parts. A value that was taken out is given as its commitment, 32 bytes; so is the frame, and then all
    values are and there are no cuts, since the frame commits to them."""

    cuts: Sequence[Cut]
    frame: Part | bytes
    values: Sequence[Part | bytes]


def frame_commitment(salt: bytes, cuts: Sequence[Cut], frame: bytes) -> bytes:
    """SHA-256(0x10 || salt || JSON [[start,length,label],…] || LF || content without the values)."""
    places = ",".join([f'[{start},{length},"{label}"]' for start, length, label in cuts])
    return hashlib.sha256(b"".join((b"\x10", salt, b"[", places.encode(), b"]\n", frame))).digest()


def value_commitment(salt: bytes, label: str, value: bytes) -> bytes:
    """SHA-256(0x11 || salt || label || 0x00 || value)."""
    return hashlib.sha256(b"".join((b"\x11", salt, label.encode(), b"\x00", value))).digest()


def content_root(frame: bytes, values: Sequence[bytes]) -> bytes:
    """SHA-256(0x12 || frame commitment || value commitments…): what the entry's header says of its content."""
    return hashlib.sha256(b"".join((b"\x12", frame, *values))).digest()


def verify_content(root: bytes, content: Content) -> tuple[str, ...]:
    """The content is the one behind ``root``; the labels of the values that were taken out of it. The cuts themselves
    are part of the frame's commitment."""
    cuts, frame, values = content
    if isinstance(frame, bytes):
        return _verify_hidden(root, content)
    _check_parts(cuts, frame, values)
    commitments = [
        value if isinstance(value, bytes) else value_commitment(value.salt, cut.label, value.content)
        for cut, value in zip(cuts, values, strict=True)
    ]
    seen = content_root(frame_commitment(frame.salt, cuts, frame.content), commitments)
    if seen != root:
        raise Fault("CONTENT_WRONG", f"it leads to {seen.hex()}, the log has {root.hex()}")
    return tuple(cut.label for cut, value in zip(cuts, values, strict=True) if isinstance(value, bytes))


def _verify_hidden(root: bytes, content: Content) -> tuple[str, ...]:
    """The commitments alone are those behind ``root``; what they hide nobody learns, not even the names of its fields."""
    hidden = [
        each
        for each in (content.frame, *content.values)
        if isinstance(each, bytes) and len(each) == HASH_SIZE
    ]
    if content.cuts or len(hidden) != 1 + len(content.values):
        raise Fault("CONTENT_MALFORMED", "a frame that is hidden has values that are shown, or cuts")
    if content_root(hidden[0], hidden[1:]) != root:
        raise Fault("CONTENT_WRONG", f"the commitments are not those behind {root.hex()}")
    return ()


def _check_parts(cuts: Sequence[Cut], frame: Part, values: Sequence[Part | bytes]) -> None:
    if len(values) != len(cuts):
        raise Fault("CONTENT_MALFORMED", f"{len(values)} values for {len(cuts)} cuts")
    end, cut_out = 0, 0
    for cut, value in zip(cuts, values, strict=True):
        if cut.start < end or cut.length < 0 or not _LABEL.fullmatch(cut.label):
            raise Fault("CONTENT_MALFORMED", f"a cut at {cut.start} of {cut.length} bytes after one to {end}")
        end, cut_out = cut.start + cut.length, cut_out + cut.length
        if isinstance(value, bytes):
            if len(value) != HASH_SIZE:
                raise Fault("CONTENT_MALFORMED", f"{cut.label}: a commitment of {len(value)} bytes")
        elif len(value.content) != cut.length or len(value.salt) != SALT_BYTES:
            raise Fault(
                "CONTENT_MALFORMED", f"{cut.label}: {len(value.content)} bytes, the cut has {cut.length}"
            )
    if end > len(frame.content) + cut_out or len(frame.salt) != SALT_BYTES:
        raise Fault(
            "CONTENT_MALFORMED", f"a cut ends at {end}, the content has {len(frame.content) + cut_out} bytes"
        )


# --- 6  Time stamps (RFC 3161; the envelope is RFC 5652, the signer's certificate in it RFC 5816) ---------------------
#
# A token is DER (X.690): nested values of a tag, a length and a content. ``_Der`` reads them one after the other.

_INTEGER, _BOOLEAN, _OCTETS, _OID, _TIME_TAG, _SEQUENCE, _SET = 0x02, 0x01, 0x04, 0x06, 0x18, 0x30, 0x31
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_SHA256, _SHA384, _SHA512 = _DIGESTS
# signature algorithm -> digest; None: the one that the signer names beside it
_RSA_PKCS1 = {
    "1.2.840.113549.1.1.1": None,
    "1.2.840.113549.1.1.11": _SHA256,
    "1.2.840.113549.1.1.12": _SHA384,
    "1.2.840.113549.1.1.13": _SHA512,
}
_ECDSA = {"1.2.840.10045.4.3.2": _SHA256, "1.2.840.10045.4.3.3": _SHA384, "1.2.840.10045.4.3.4": _SHA512}
_MIN_RSA_BITS, _MIN_EC_BITS = 2048, 256
_MAX_CHAIN, _MAX_OID = 8, 64
MAX_TOKEN: Final = 1 << 18
MAX_ACCURACY: Final = timedelta(hours=1)  # of an authority that knows no better, nothing is learnt
# What the library says of certificates that are none
_UNREADABLE = (
    *(ValueError, TypeError, OverflowError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
_UNDERSTOOD = frozenset(
    (
        x509.OID_BASIC_CONSTRAINTS,
        x509.OID_KEY_USAGE,
        x509.OID_EXTENDED_KEY_USAGE,
        x509.OID_CERTIFICATE_POLICIES,
    )
)
_GENERALIZED_TIME = re.compile(rb"(\d{14})(?:\.(\d{1,9}))?Z")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an authority vouches for: it saw the data at ``at``, give or take ``accuracy``."""

    at: datetime
    accuracy: timedelta
    authority: str
    serial: int
    policy: str


def verify_timestamp(token: bytes, data: bytes, roots: Sequence[x509.Certificate]) -> Stamp:
    """The time stamp of ``data`` in a TimeStampToken whose signer leads to one of ``roots``, or is one of them."""
    if len(token) > MAX_TOKEN:
        raise _malformed(f"{len(token)} bytes, at most {MAX_TOKEN}")
    try:
        return _verified_stamp(token, data, roots)
    except Fault:
        raise
    except _UNREADABLE as fault:
        raise _malformed(f"a part of it cannot be read ({type(fault).__name__})") from fault


def _verified_stamp(token: bytes, data: bytes, roots: Sequence[x509.Certificate]) -> Stamp:
    envelope = _envelope(token)
    imprint, digest, stamp = _tst_info(envelope.info)
    if _digest(imprint, data) != digest:
        raise Fault("TIMESTAMP_OF_OTHER_DATA", f"it is about {digest.hex()[:64]}")
    certificate = _signer_certificate(envelope, roots)
    _check_attributes(envelope, certificate)
    _check_signature(envelope, certificate)
    _check_purpose(certificate, stamp.at)
    _check_chain(certificate, envelope.certificates, roots, stamp.at)
    return replace(stamp, authority=_name(certificate))


class _Der:
    """A reader of DER values; anything else than the value that is asked for is a fault."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def next(self) -> tuple[int, bytes, bytes]:
        """Tag, content and all bytes of the next value. Lengths are definite and minimal (X.690 §10.1)."""
        data, begin = self._data, self._at
        start = begin + 2
        if len(data) < start or data[begin] & 0x1F == 0x1F:
            raise _malformed("a value ends too early or has a tag of several bytes")
        length = data[begin + 1]
        if length & 0x80:
            octets = length & 0x7F
            length = int.from_bytes(data[start : start + octets])
            if not 1 <= octets <= 4 or length < 0x80 or length < 1 << 8 * (octets - 1):
                raise _malformed("a length that is not DER")
            start += octets
        self._at = start + length
        if len(data) < self._at:
            raise _malformed("a value ends too early")
        return data[begin], data[start : self._at], data[begin : self._at]

    def take(self, tag: int) -> bytes:
        """The content of the next value, which has to have this tag."""
        found, content, _ = self.next()
        if found != tag:
            raise _malformed(f"a value with tag {found:#04x}, expected {tag:#04x}")
        return content

    def optional(self, tag: int) -> bytes | None:
        """The content of the next value if it has this tag."""
        return self.take(tag) if self._data[self._at : self._at + 1] == bytes((tag,)) else None

    def integer(self) -> int:
        return int.from_bytes(self.take(_INTEGER), signed=True)

    def oid(self) -> str:
        content = self.take(_OID)
        if len(content) > _MAX_OID:
            raise _malformed(f"an object identifier of {len(content)} bytes")
        numbers, number = [], 0
        for octet in content:
            number = number << 7 | octet & 0x7F
            if not octet & 0x80:
                numbers.append(number)
                number = 0
        if not numbers or content[-1] & 0x80:
            raise _malformed("an object identifier that does not end")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))

    def algorithm(self) -> str:
        return _Der(self.take(_SEQUENCE)).oid()

    def all(self) -> Iterator[tuple[int, bytes, bytes]]:
        while self._at < len(self._data):
            yield self.next()

    def end(self) -> None:
        if self._at < len(self._data):
            raise _malformed(f"{len(self._data) - self._at} bytes too many")


@dataclass(frozen=True, slots=True)
class _Envelope:
    """SignedData with one signer (RFC 5652 §5), taken apart."""

    info: bytes
    certificates: tuple[x509.Certificate, ...]
    signer: tuple[bytes, int] | bytes  # issuer and serial number, or subject key identifier
    digest: str
    attributes: bytes  # as they were signed: a SET
    algorithm: str
    signature: bytes


def _envelope(token: bytes) -> _Envelope:
    outside = _Der(token)
    content_info = _Der(outside.take(_SEQUENCE))
    outside.end()
    if content_info.oid() != _SIGNED_DATA:
        raise _malformed("it is no SignedData")
    signed = _Der(_Der(content_info.take(0xA0)).take(_SEQUENCE))
    signed.integer()
    signed.take(_SET)  # digest algorithms, named again by the signer
    content = _Der(signed.take(_SEQUENCE))
    if content.oid() != _TST_INFO:
        raise _malformed("it contains no TSTInfo")
    info = _Der(content.take(0xA0)).take(_OCTETS)
    certificates = _certificates(signed.optional(0xA0) or b"")
    signed.optional(0xA1)  # revocation lists
    signers = _Der(signed.take(_SET))
    signed.end()
    signer = _Der(signers.take(_SEQUENCE))
    signers.end()  # RFC 3161 §2.4.2: the authority's signature and no other
    signer.integer()
    named = _signer_name(signer)
    digest = signer.algorithm()
    tag, _, attributes = signer.next()
    if tag != 0xA0:
        raise _malformed("the signer has signed no attributes")
    signed_attributes = (
        bytes((_SET,)) + attributes[1:]
    )  # RFC 5652 §5.4: with the tag of a SET, not that of the [0]
    algorithm, signature = signer.algorithm(), signer.take(_OCTETS)
    return _Envelope(info, certificates, named, digest, signed_attributes, algorithm, signature)


def _signer_name(signer: _Der) -> tuple[bytes, int] | bytes:
    key_id = signer.optional(0x80)
    if key_id is not None:
        return key_id
    named = _Der(signer.take(_SEQUENCE))
    _, _, issuer = named.next()
    return issuer, named.integer()


def _certificates(content: bytes) -> tuple[x509.Certificate, ...]:
    """The X.509 certificates of a CertificateSet (RFC 5652 §10.2.3); it may hold other kinds too."""
    return tuple(
        x509.load_der_x509_certificate(whole) for tag, _, whole in _Der(content).all() if tag == _SEQUENCE
    )


def _tst_info(data: bytes) -> tuple[str, bytes, Stamp]:
    """Digest algorithm and digest of what was stamped, and the stamp without its authority (RFC 3161 §2.4.2)."""
    outside = _Der(data)
    info = _Der(outside.take(_SEQUENCE))
    outside.end()
    if info.integer() != 1:
        raise _malformed("a TSTInfo of another version")
    policy = info.oid()
    imprint = _Der(info.take(_SEQUENCE))
    algorithm, digest = imprint.algorithm(), imprint.take(_OCTETS)
    serial = info.integer()
    at = _generalized_time(info.take(_TIME_TAG))
    accuracy = _accuracy(info.optional(_SEQUENCE) or b"")
    for tag in (_BOOLEAN, _INTEGER, 0xA0, 0xA1):  # ordering, nonce, name of the authority, extensions
        info.optional(tag)
    info.end()
    return algorithm, digest, Stamp(at, accuracy, "", serial, policy)


def _generalized_time(content: bytes) -> datetime:
    parts = _GENERALIZED_TIME.fullmatch(content)
    if parts is None:
        raise _malformed("its time is not in UTC")
    whole = datetime.strptime(parts[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return whole + timedelta(microseconds=int((parts[2] or b"0").ljust(6, b"0")[:6]))


def _accuracy(content: bytes) -> timedelta:
    """Seconds, milliseconds [0], microseconds [1], each optional."""
    reader = _Der(content)
    amounts = [int.from_bytes(reader.optional(tag) or b"") for tag in (_INTEGER, 0x80, 0x81)]
    reader.end()
    accuracy = timedelta(seconds=amounts[0], milliseconds=amounts[1], microseconds=amounts[2])
    if accuracy > MAX_ACCURACY:
        raise _malformed(f"it is only sure of its time within {accuracy}")
    return accuracy


def _signer_certificate(envelope: _Envelope, roots: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that the signer names, out of the token or pinned."""
    for certificate in (*envelope.certificates, *roots):
        if isinstance(envelope.signer, bytes):
            with_id = _extension(certificate, x509.SubjectKeyIdentifier)
            if with_id is not None and with_id.digest == envelope.signer:
                return certificate
        elif (_issuer(certificate), certificate.serial_number) == envelope.signer:
            return certificate
    raise Fault("TIMESTAMP_NO_CERTIFICATE", f"{len(envelope.certificates)} others are in the token")


def _issuer(certificate: x509.Certificate) -> bytes:
    """The issuer's name as it is written in the certificate (RFC 5280 §4.1.2)."""
    reader = _Der(_Der(certificate.tbs_certificate_bytes).take(_SEQUENCE))
    reader.optional(0xA0)
    reader.integer()
    reader.take(_SEQUENCE)
    return reader.next()[2]


def _check_attributes(envelope: _Envelope, certificate: x509.Certificate) -> None:
    """What was signed says that it is a TSTInfo, this one, and signed with this certificate (RFC 5652 §11, RFC 5816)."""
    found: dict[str, bytes] = {}
    for tag, content, _ in _Der(_Der(envelope.attributes).take(_SET)).all():
        if tag != _SEQUENCE:
            raise _malformed("an attribute that is none")
        attribute = _Der(content)
        kind, values = attribute.oid(), attribute.take(_SET)
        if kind in found:
            raise _malformed(f"attribute {kind} twice")
        found[kind] = values
    for needed in (_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE_V2):
        if needed not in found:
            raise _malformed(f"the signer has not signed attribute {needed}")
    if _Der(found[_CONTENT_TYPE]).oid() != _TST_INFO:
        raise Fault("TIMESTAMP_CHANGED", "what was signed was no TSTInfo")
    if _Der(found[_MESSAGE_DIGEST]).take(_OCTETS) != _digest(envelope.digest, envelope.info):
        raise Fault("TIMESTAMP_CHANGED", "the digest that was signed is another")
    named_certificates = _Der(_Der(found[_SIGNING_CERTIFICATE_V2]).take(_SEQUENCE)).take(_SEQUENCE)
    first = _Der(_Der(named_certificates).take(_SEQUENCE))  # ESSCertIDv2: the first is the signer's
    named = first.optional(_SEQUENCE)
    algorithm = _SHA256 if named is None else _Der(named).oid()
    if first.take(_OCTETS) != _digest(algorithm, certificate.public_bytes(Encoding.DER)):
        raise Fault("TIMESTAMP_OTHER_CERTIFICATE", f"the token brings that of {_name(certificate)}")


def _check_signature(envelope: _Envelope, certificate: x509.Certificate) -> None:
    named, signature, key = envelope.algorithm, envelope.signature, certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and named in _RSA_PKCS1 and key.key_size >= _MIN_RSA_BITS:
            digest = _DIGESTS[_RSA_PKCS1[named] or envelope.digest]
            key.verify(signature, envelope.attributes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and named in _ECDSA and key.key_size >= _MIN_EC_BITS:
            key.verify(signature, envelope.attributes, ec.ECDSA(_DIGESTS[_ECDSA[named]]))
        else:
            raise Fault("TIMESTAMP_ALGORITHM", f"{named} with the key of {_name(certificate)}")
    except InvalidSignature as fault:
        raise Fault("TIMESTAMP_SIGNATURE", f"signer {_name(certificate)}") from fault


def _check_purpose(certificate: x509.Certificate, at: datetime) -> None:
    """RFC 3161 §2.3: time stamping and nothing else, and the extension that says so is critical."""
    usage = _extension(certificate, x509.ExtendedKeyUsage, critical=True)
    if usage is None or list(usage) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise Fault("TIMESTAMP_PURPOSE", _name(certificate))
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise Fault("TIMESTAMP_EXPIRED", f"{_name(certificate)} at {at.isoformat()}")


def _check_chain(
    signer: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> None:
    """Each certificate issued by the next, up to a pinned one, all good at ``at`` (RFC 5280 §6.1 without revocation,
    about which a verifier without a network cannot ask)."""
    path = [signer]
    while path[-1] not in roots:
        candidates = [
            each for each in (*roots, *others) if each not in path and _may_issue(each, len(path), at)
        ]
        issuer = next((each for each in candidates if _issued(each, path[-1])), None)
        if issuer is None or len(path) == _MAX_CHAIN:
            raise Fault("TIMESTAMP_UNTRUSTED", f"nobody pinned vouches for {_name(path[-1])}")
        path.append(issuer)


def _may_issue(issuer: x509.Certificate, depth: int, at: datetime) -> bool:
    """Whether ``issuer`` is an authority at ``at`` that may stand ``depth`` steps above a signer."""
    limits, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    return (
        issuer.not_valid_before_utc <= at <= issuer.not_valid_after_utc
        and limits is not None
        and limits.ca
        and (limits.path_length is None or limits.path_length >= depth - 1)
        and (usage is None or usage.key_cert_sign)
        and _understood(issuer)
    )


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):  # another name, another kind of key, another key
        return False
    digest = certificate.signature_hash_algorithm  # None: Ed25519 and Ed448 have their own
    return _understood(certificate) and (digest is None or digest.digest_size >= HASH_SIZE)


_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def _extension(
    certificate: x509.Certificate, kind: type[_Extension], *, critical: bool = False
) -> _Extension | None:
    try:
        found = certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
    return found.value if found.critical or not critical else None


def _understood(certificate: x509.Certificate) -> bool:
    """RFC 5280 §4.2: a critical extension that is not understood refuses the certificate."""
    return all(each.oid in _UNDERSTOOD for each in certificate.extensions if each.critical)


def _digest(algorithm: str, data: bytes) -> bytes:
    if algorithm not in _DIGESTS:
        raise Fault("TIMESTAMP_ALGORITHM", f"digest {algorithm}; SHA-256, SHA-384 and SHA-512 are accepted")
    return hashlib.new(_DIGESTS[algorithm].name, data).digest()


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:120]


def _malformed(found: str) -> Fault:
    return Fault("TIMESTAMP_MALFORMED", found)


# --- 7  The report ----------------------------------------------------------------------------------------------------

CHECKS: Final = {
    "CHECKPOINT": "the log's own key has signed the checkpoint (C2SP tlog-checkpoint)",
    "WITNESSES": "enough pinned witnesses have seen the checkpoint and that it continues earlier ones (tlog-cosignature)",
    "TIMESTAMP": "a pinned authority saw the checkpoint, not before the log says that it was made (RFC 3161)",
    "SUCCESSION": "a checkpoint continues the one before it (RFC 9162 §2.1.4)",
    "INCLUSION": "the log has this entry at this place (RFC 9162 §2.1.3)",
    "CONTENT": "the content is what the entry committed to",
    "CONTAINER": "the file is a container that can be read in one way only (ETSI EN 319 162-1)",
    "SEAL_FORM": "the signature is written in canonical form (xmldsig-core1 §3.1.2)",
    "SEAL": "a pinned certificate has signed the files (ETSI EN 319 132-1)",
    "SEAL_TIME": "a pinned authority saw that signature (EN 319 132-1 §5.3)",
    "FILE": "a file is the one that was signed",
    "BUNDLE": "bundle.json can be read, and speaks of exactly the files that are there",
    "ENTRY": "the entry is about this dossier",
    "VIEW": "what people read is what the bytes say",
}
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_MOST_TOLD = 2_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one thing. ``fault`` is empty when it holds."""

    check: str
    subject: str
    fault: str
    found: str

    def __str__(self) -> str:
        told = f"{self.fault}: {FAULTS[self.fault]}; {self.found}" if self.fault else self.found
        return (
            f"{'FAIL' if self.fault else 'ok  '} {self.check:<10} {self.subject}{': ' if told else ''}{told}"
        )


@dataclass(slots=True)
class Report:
    """All findings, in the order in which they were made. A report without findings proves nothing."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether something was checked and all of it holds."""
        return bool(self.findings) and not any(finding.fault for finding in self.findings)

    def prove(
        self, check: str, subject: str, proof: Callable[[], _T], told: Callable[[_T], str] = lambda _: ""
    ) -> _T | None:
        """What ``proof`` proves, or None; either way noted as ``check`` (of CHECKS) of ``subject``. ``told``: what to say
        of what was proven."""
        if check not in CHECKS:
            raise LookupError(check)
        try:
            proven = proof()
        except Fault as fault:
            self.findings.append(Finding(check, _short(subject), fault.code, _short(fault.found)))
            return None
        self.findings.append(Finding(check, _short(subject), "", _short(told(proven))))
        return proven


def _short(text: str) -> str:
    """``text``, which may come from whoever made what is checked, no longer than people read."""
    return text if len(text) <= _MOST_TOLD else f"{text[:_MOST_TOLD]}…"


@dataclass(frozen=True, slots=True)
class Trust:
    """What is pinned: all that the verifier believes before it begins."""

    logs: tuple[Key, ...] = ()
    witnesses: tuple[Key, ...] = ()
    witnesses_needed: int = 0
    authorities: tuple[x509.Certificate, ...] = ()
    evidence: tuple[x509.Certificate, ...] = ()


def read_trust(data: bytes) -> Trust:
    """The pinned keys in a JSON file: ``logs`` and ``witnesses`` (lists of ``<name>+<id>+<base64>``),
    ``witnesses_needed``, ``authorities`` (one PEM text with the roots of time-stamping authorities), ``evidence`` (one
    with the certificates that sign bundles). Another name is refused: who has mistyped one would ask for less than he
    believes."""
    try:
        told = _known(read_json(data), Trust.__slots__)
        trust = Trust(
            logs=tuple(map(read_key, _list(told["logs"]))),
            witnesses=tuple(map(read_key, _list(told.get("witnesses", [])))),
            witnesses_needed=_whole(told.get("witnesses_needed", 0)),
            authorities=_pinned(told.get("authorities", "")),
            evidence=_pinned(told.get("evidence", "")),
        )
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError, UnsupportedAlgorithm) as fault:
        raise Fault("TRUST_MALFORMED", f"{type(fault).__name__}: {fault}"[:200]) from fault
    if any(key.kind != ED25519 for key in trust.logs) or any(
        key.kind != COSIGNATURE for key in trust.witnesses
    ):
        raise Fault("TRUST_MALFORMED", "a key of a log among the witnesses, or the other way round")
    if not 0 <= trust.witnesses_needed <= len(trust.witnesses):
        raise Fault(
            "TRUST_MALFORMED", f"{trust.witnesses_needed} of {len(trust.witnesses)} witnesses are needed"
        )
    return trust


def _pinned(pem: str) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(pem.encode())) if pem else ()


def read_json(data: bytes) -> object:
    """JSON in UTF-8 that says one thing to every reader: no name twice, no NaN, no number that others would round.
    ValueError, RecursionError."""
    if data.count(b"[") + data.count(b"{") > _MOST_NESTS:
        raise ValueError("more lists and objects than memory should be spent on")
    return _STRICT_JSON.decode(data.decode())


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _number_of(text: str) -> int:
    if len(text) > _MOST_INTEGER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


_MOST_INTEGER = 19  # of 64 bits: a period that has not ended lasts until 2**62
_MOST_DIGITS = 18  # what every reader of JSON can hold
_MOST_NESTS = 5_000_000
_STRICT_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_int=_number_of, parse_constant=_no_constant)


def _known(value: object, names: Iterable[str] | None = None) -> dict[str, Any]:
    """An object, of no other members than ``names``."""
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    if names is not None and not value.keys() <= set(names):
        raise ValueError(f"expected an object of {', '.join(names)}, got {', '.join(value)}"[:200])
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"expected a number, got {value!r}"[:80])
    return value


def _list(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("expected a list of texts")
    return value


def check_checkpoint(
    report: Report, note: bytes, trust: Trust, token: bytes | None = None
) -> Checkpoint | None:
    """The checkpoint in ``note`` when the log has signed it; what witnesses and the authority of ``token`` say of it is
    in the report. Without pinned authorities nobody's word on the time is asked for."""
    checkpoint = report.prove("CHECKPOINT", "checkpoint", lambda: verify_checkpoint(note, trust.logs), _told)
    if checkpoint is None:
        return None
    subject, needed = f"at {checkpoint.size} entries", trust.witnesses_needed
    if trust.witnesses:
        report.prove(
            "WITNESSES",
            subject,
            lambda: verify_witnesses(note, trust.witnesses, needed),
            lambda signed: ", ".join(each.key.name for each in signed) or "none of them, and none is needed",
        )
    if trust.authorities:
        report.prove(
            "TIMESTAMP",
            subject,
            lambda: verify_anchor(checkpoint, token or b"", trust.authorities),
            lambda stamp: f"{stamp.at.isoformat()} by {stamp.authority}",
        )
    return checkpoint


def _told(checkpoint: Checkpoint) -> str:
    made = f", made {checkpoint.at.isoformat()}" if checkpoint.at else ""
    return f"{checkpoint.origin}, {checkpoint.size} entries, root {checkpoint.root.hex()}{made}"


def verify_anchor(checkpoint: Checkpoint, token: bytes, authorities: Sequence[x509.Certificate]) -> Stamp:
    """The time stamp of a checkpoint's text. It cannot be older than the checkpoint."""
    stamp = verify_timestamp(token, checkpoint.text.encode(), authorities)
    if checkpoint.at and stamp.at + stamp.accuracy + CLOCK_TOLERANCE < checkpoint.at:
        raise Fault(
            "TIMESTAMP_BEFORE_CHECKPOINT", f"seen {stamp.at.isoformat()}, made {checkpoint.at.isoformat()}"
        )
    return stamp


def check_entry(
    report: Report, checkpoint: Checkpoint, leaf: bytes, index: int, proof: Sequence[bytes]
) -> None:
    """The entry with this leaf hash is number ``index`` of what the checkpoint counts."""
    report.prove(
        "INCLUSION",
        f"entry {index + 1}",
        lambda: verify_inclusion(leaf, index, checkpoint.size, proof, checkpoint.root),
    )


def check_succession(report: Report, earlier: Checkpoint, later: Checkpoint, proof: Sequence[bytes]) -> None:
    """``later`` follows ``earlier`` and continues it."""
    subject = f"from {earlier.size} to {later.size} entries"
    report.prove("SUCCESSION", subject, lambda: verify_succession(earlier, later))
    report.prove(
        "SUCCESSION",
        subject,
        lambda: verify_consistency(earlier.size, later.size, proof, earlier.root, later.root),
    )


def check_content(report: Report, subject: str, root: bytes, content: Content) -> None:
    """The content is the one that an entry with this ``root`` in its header committed to."""

    def told(missing: tuple[str, ...]) -> str:
        return f"without {', '.join(missing)}" if missing else "complete"

    report.prove("CONTENT", subject, lambda: verify_content(root, content), told)


# --- 8  Containers (ETSI EN 319 162-1: ASiC-E) ------------------------------------------------------------------------
#
# A container is a ZIP file (APPNOTE 6.3). Ours is written in one way only: nothing is compressed, nothing stands between
# or behind the files, every field that could vary has one value. What is read is written again and has to be the same
# bytes, so there is no second reading of a container, and nothing in it that could swell.

MIME_TYPE: Final = "application/vnd.etsi.asic-e+zip"
SIGNATURES, MANIFEST = "META-INF/signatures0.xml", "META-INF/manifest.xml"
MEDIA_TYPES: Final = {
    "html": "text/html",
    "json": "application/json",
    "pdf": "application/pdf",
    "pem": "application/x-pem-file",
    "raw": "application/octet-stream",
    "tst": "application/vnd.etsi.timestamp-token",
    "txt": "text/plain",
}
BUNDLE, CHECKPOINT_FILE, TOKEN_FILE = "bundle.json", "log/checkpoint.txt", "log/checkpoint.tst"
MAX_CONTAINER: Final = 1 << 30
MAX_FILES: Final = 50_000
# What is taken apart needs many times its size; the others are only hashed, or shown
_MOST_BYTES: Final = {BUNDLE: 1 << 27, SIGNATURES: 1 << 25, CHECKPOINT_FILE: MAX_NOTE, TOKEN_FILE: MAX_TOKEN}
_FILE_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*\.(" + "|".join(MEDIA_TYPES) + ")")
_LOCAL, _CENTRAL, _END = "<4s5H3I2H", "<4s6H3I5H2I", "<4s4H2IH"
_LOCAL_SIZE = struct.calcsize(_LOCAL)
_FIRST_DAY = 0x21  # 1980-01-01, the first day that ZIP knows: when a file was written is nobody's business


def write_container(files: Mapping[str, bytes]) -> bytes:
    """The container with ``files`` in their order."""
    return b"".join(_written(files))


def _written(files: Mapping[str, bytes]) -> Iterator[bytes]:
    directory: list[bytes] = []
    at = 0
    for name, content in files.items():
        written = name.encode()
        fields = (0, 0, 0, _FIRST_DAY, zlib.crc32(content), len(content), len(content), len(written), 0)
        local = struct.pack(_LOCAL, b"PK\x03\x04", 20, *fields) + written
        directory.append(struct.pack(_CENTRAL, b"PK\x01\x02", 20, 20, *fields, 0, 0, 0, 0, at) + written)
        yield from (local, content)
        at += len(local) + len(content)
    listed, count = b"".join(directory), len(directory)
    yield from (listed, struct.pack(_END, b"PK\x05\x06", 0, 0, count, count, len(listed), at, 0))


def read_container(data: bytes) -> dict[str, bytes]:
    """The files of a container by name, ``mimetype`` and those of META-INF among them. Whether they are the ones that were
    signed is not said by this."""
    if len(data) > MAX_CONTAINER:
        raise Fault("CONTAINER_REFUSED", f"{len(data)} bytes, at most {MAX_CONTAINER}")
    files: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        name, content, at = _next_file(data, at)
        if name in files:
            raise Fault("CONTAINER_REFUSED", f"{name} is there twice")
        files[name] = content
        if len(files) > MAX_FILES:
            raise Fault("CONTAINER_REFUSED", f"more than {MAX_FILES} files")
    if list(files)[:1] != ["mimetype"] or files["mimetype"] != MIME_TYPE.encode():
        raise Fault("CONTAINER_MALFORMED", "its first file has to be mimetype and to say that this is ASiC-E")
    if not _is_written(files, data):
        raise Fault(
            "CONTAINER_MALFORMED", "something stands between the files, behind them, or in their descriptions"
        )
    if files.get(MANIFEST) != manifest(files):
        raise Fault("CONTAINER_MALFORMED", f"{MANIFEST} does not list the files that are there")
    return files


def _is_written(files: Mapping[str, bytes], data: bytes) -> bool:
    """Whether ``data`` is the container with ``files``; compared piece by piece, since it may be large."""
    at = 0
    for piece in _written(files):
        if not data.startswith(piece, at):
            return False
        at += len(piece)
    return at == len(data)


def _next_file(data: bytes, at: int) -> tuple[str, bytes, int]:
    """Name and content of the file at ``at``, and where the next one begins."""
    start = at + _LOCAL_SIZE
    if len(data) < start:
        raise Fault("CONTAINER_MALFORMED", "it is cut off")
    _, _, flags, method, _, _, checksum, packed, size, length, extra = struct.unpack(_LOCAL, data[at:start])
    name = data[start : start + length].decode("ascii", "replace")
    start += length
    if not _FILE_NAME.fullmatch(name) and name not in {"mimetype", SIGNATURES, MANIFEST}:
        raise Fault("CONTAINER_REFUSED", f"a file called {name[:80]!r}")
    if (flags, method, extra, packed) != (0, 0, 0, size):
        raise Fault("CONTAINER_REFUSED", f"{name} is compressed, encrypted, or of unknown size")
    most = _MOST_BYTES.get(name, size)
    if size > most:
        raise Fault("CONTAINER_REFUSED", f"{name} has {size} bytes, at most {most}")
    content = data[start : start + size]
    if len(content) != size or zlib.crc32(content) != checksum:
        raise Fault("CONTAINER_DAMAGED", name)
    return name, content, start + size


def manifest(files: Iterable[str]) -> bytes:
    """META-INF/manifest.xml: what there is beside META-INF, and of what kind (OpenDocument 1.2 part 3 §3)."""
    entry = ' <manifest:file-entry manifest:full-path="{}" manifest:media-type="{}"/>\n'
    lines = [entry.format(name, media_type(name)) for name in files if _is_payload(name)]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">\n'
        f"{entry.format('/', MIME_TYPE)}{''.join(lines)}</manifest:manifest>\n"
    ).encode()


def media_type(name: str) -> str:
    """Of what kind a file is, by the end of its name."""
    return MEDIA_TYPES[name.rpartition(".")[2]]


def _is_payload(name: str) -> bool:
    return name != "mimetype" and not name.startswith("META-INF/")


# --- 9  The container's signature (ETSI EN 319 132-1: XAdES-B-B, XAdES-B-T) ---------------------------------------------
#
# What is signed is the exclusive canonical form of SignedInfo (W3C xmldsig-core1 §3.1.2). Ours are written in that form to
# begin with, namespaces and all, so that the bytes in the file are the bytes that were signed. What is read is written
# again and has to be the same, so no XML is interpreted here.

_DS, _XADES = "http://www.w3.org/2000/09/xmldsig#", "http://uri.etsi.org/01903/v1.3.2#"
_ASIC = "http://uri.etsi.org/02918/v1.2.1#"
_EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256_XML = "http://www.w3.org/2001/04/xmlenc#sha256"
_SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
# algorithm -> curve (none: RSA) and hash
XML_ALGORITHMS: Final[dict[str, tuple[str, hashes.HashAlgorithm]]] = {
    f"{_MORE}rsa-sha256": ("", hashes.SHA256()),
    f"{_MORE}ecdsa-sha256": ("secp256r1", hashes.SHA256()),
    f"{_MORE}ecdsa-sha384": ("secp384r1", hashes.SHA384()),
    f"{_MORE}ecdsa-sha512": ("secp521r1", hashes.SHA512()),
}
_REFERENCE = re.compile(
    r'<ds:Reference Id="file-\d+" URI="([^"]*)"><ds:DigestMethod [^<>]*></ds:DigestMethod>'
    r"<ds:DigestValue>([^<]*)<"
)
_PARTS: Final = {
    "algorithm": re.compile(r'<ds:SignatureMethod Algorithm="([^"]*)">'),
    "at": re.compile(r"<xades:SigningTime>([^<]*)<"),
    "value": re.compile(r'<ds:SignatureValue [^<>]* Id="value">([^<]*)<'),
    "certificate": re.compile(r"<ds:X509Certificate>([^<]*)<"),
    "token": re.compile(r"<xades:EncapsulatedTimeStamp>([^<]*)<"),
}


@dataclass(frozen=True, slots=True)
class Seal:
    """A signature over files, of which nothing is proven yet. ``files``: their SHA-256 by name; ``certificates``: DER, the
    signer's first; ``value``: ECDSA as r and s side by side; ``token``: a time stamp of the signature, where it has one."""

    algorithm: str
    files: Mapping[str, bytes]
    at: datetime
    certificates: tuple[bytes, ...]
    value: bytes = b""
    token: bytes = b""


def signed_info(seal: Seal) -> bytes:
    """What the signature is made of, in exclusive canonical form."""
    digest_method = f'<ds:DigestMethod Algorithm="{_SHA256_XML}"></ds:DigestMethod>'
    references = [
        f'<ds:Reference Id="file-{number}" URI="{name}">{digest_method}<ds:DigestValue>{_text(digest)}</ds:DigestValue>'
        "</ds:Reference>"
        for number, (name, digest) in enumerate(seal.files.items(), start=1)
    ]
    properties = hashlib.sha256(signed_properties(seal).encode()).digest()
    return (
        f'<ds:SignedInfo xmlns:ds="{_DS}"><ds:CanonicalizationMethod Algorithm="{_EXC_C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{seal.algorithm}"></ds:SignatureMethod>{"".join(references)}'
        f'<ds:Reference Type="{_SIGNED_PROPERTIES}" URI="#properties"><ds:Transforms>'
        f'<ds:Transform Algorithm="{_EXC_C14N}"></ds:Transform></ds:Transforms>{digest_method}'
        f"<ds:DigestValue>{_text(properties)}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    ).encode()


def signed_properties(seal: Seal) -> str:
    """When, with which certificate, and of what kind each file is (EN 319 132-1 §5.2)."""
    ds = f'xmlns:ds="{_DS}"'
    certificate = hashlib.sha256(seal.certificates[0]).digest()
    formats = [
        f'<xades:DataObjectFormat ObjectReference="#file-{number}"><xades:MimeType>{media_type(name)}</xades:MimeType>'
        "</xades:DataObjectFormat>"
        for number, name in enumerate(seal.files, start=1)
    ]
    return (
        f'<xades:SignedProperties xmlns:xades="{_XADES}" Id="properties"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{seal.at:%Y-%m-%dT%H:%M:%SZ}</xades:SigningTime>"
        f"<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
        f'<ds:DigestMethod {ds} Algorithm="{_SHA256_XML}"></ds:DigestMethod>'
        f"<ds:DigestValue {ds}>{_text(certificate)}</ds:DigestValue>"
        "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>"
        f"<xades:SignedDataObjectProperties>{''.join(formats)}</xades:SignedDataObjectProperties></xades:SignedProperties>"
    )


def signature_value(seal: Seal) -> str:
    """What a time stamp of the signature is about (EN 319 132-1 §5.3), in exclusive canonical form."""
    return f'<ds:SignatureValue xmlns:ds="{_DS}" Id="value">{_text(seal.value)}</ds:SignatureValue>'


def write_seal(seal: Seal) -> bytes:
    """META-INF/signatures0.xml."""
    certificates = "".join(
        f"<ds:X509Certificate>{_text(each)}</ds:X509Certificate>" for each in seal.certificates
    )
    stamp = (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
        f'<ds:CanonicalizationMethod Algorithm="{_EXC_C14N}"></ds:CanonicalizationMethod>'
        f"<xades:EncapsulatedTimeStamp>{_text(seal.token)}</xades:EncapsulatedTimeStamp>"
        "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<asic:XAdESSignatures xmlns:asic="{_ASIC}">'
        f'<ds:Signature xmlns:ds="{_DS}" Id="signature">{signed_info(seal).decode()}{signature_value(seal)}'
        f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo><ds:Object>"
        f'<xades:QualifyingProperties xmlns:xades="{_XADES}" Target="#signature">{signed_properties(seal)}'
        f"{stamp if seal.token else ''}</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>\n"
    ).encode()


def read_seal(data: bytes) -> Seal:
    """The signature in META-INF/signatures0.xml."""
    try:
        text = data.decode("ascii")
        found = {name: pattern.findall(text) for name, pattern in _PARTS.items()}
        seal = Seal(
            algorithm=found["algorithm"][0],
            files={name: _bytes(digest) for name, digest in _REFERENCE.findall(text)},
            at=datetime.strptime(found["at"][0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
            certificates=tuple(map(_bytes, found["certificate"])),
            value=_bytes(found["value"][0]),
            token=_bytes(found["token"][0]) if found["token"] else b"",
        )
        same = all(map(_FILE_NAME.fullmatch, seal.files)) and write_seal(seal) == data
    except (ValueError, IndexError) as fault:
        raise Fault("SEAL_MALFORMED", f"{SIGNATURES} cannot be read ({type(fault).__name__})") from fault
    if not same:
        raise Fault(
            "SEAL_MALFORMED", "it is not written as the gateway writes it, so what was signed cannot be told"
        )
    return seal


def verify_seal(seal: Seal, pinned: Sequence[x509.Certificate]) -> x509.Certificate:
    """The signature holds, and its certificate is one of those pinned and was valid when it says that it was made."""
    trusted = {each.public_bytes(Encoding.DER): each for each in pinned}
    certificate = trusted.get(seal.certificates[0]) if seal.certificates else None
    if certificate is None:
        seen = hashlib.sha256(b"".join(seal.certificates[:1])).hexdigest()
        raise Fault("SEAL_UNTRUSTED", f"SHA-256 {seen}; {len(pinned)} are pinned")
    if seal.algorithm not in XML_ALGORITHMS:
        raise Fault("SEAL_ALGORITHM", seal.algorithm[:120])
    curve, digest = XML_ALGORITHMS[seal.algorithm]
    key, value = certificate.public_key(), seal.value
    try:
        if isinstance(key, rsa.RSAPublicKey) and not curve and key.key_size >= _MIN_RSA_BITS:
            key.verify(value, signed_info(seal), padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve:
            half = (key.curve.key_size + 7) // 8
            r, s = int.from_bytes(value[:half]), int.from_bytes(value[half:])
            whole = encode_dss_signature(r, s) if len(value) == 2 * half else b""
            key.verify(whole, signed_info(seal), ec.ECDSA(digest))
        else:
            raise Fault("SEAL_ALGORITHM", f"{seal.algorithm} with the key of {_name(certificate)}")
    except InvalidSignature as fault:
        raise Fault("SEAL_WRONG", f"signer {_name(certificate)}") from fault
    if not certificate.not_valid_before_utc <= seal.at <= certificate.not_valid_after_utc:
        raise Fault("SEAL_EXPIRED", f"{_name(certificate)} at {seal.at.isoformat()}")
    _check_certificates(certificate, seal.certificates[1:])
    return certificate


def _check_certificates(signer: x509.Certificate, others: Sequence[bytes]) -> None:
    """Those beside the signer's, which nobody has signed, are its issuers, each of the one before, and nothing else."""
    if len(set(others)) != len(others) or signer.public_bytes(Encoding.DER) in others:
        raise Fault("SEAL_CHAIN", f"one is there twice beside {_name(signer)}")
    for each in others:
        try:
            issuer = x509.load_der_x509_certificate(each)
            signer.verify_directly_issued_by(issuer)
        except (*_UNREADABLE, InvalidSignature) as fault:
            seen = hashlib.sha256(each).hexdigest()
            raise Fault("SEAL_CHAIN", f"SHA-256 {seen} beside {_name(signer)}") from fault
        signer = issuer


def verify_seal_time(seal: Seal, authorities: Sequence[x509.Certificate]) -> Stamp:
    """The time stamp of the signature: it was there soon after it says that it was made."""
    stamp = verify_timestamp(seal.token, signature_value(seal).encode(), authorities)
    if abs(stamp.at - seal.at) > stamp.accuracy + CLOCK_TOLERANCE:
        raise Fault("SEAL_BACKDATED", f"made {seal.at.isoformat()}, seen {stamp.at.isoformat()}")
    return stamp


def verify_order(seal: Seal, checkpoint: Checkpoint) -> None:
    """What was signed was there before it was signed."""
    if checkpoint.at and seal.at + CLOCK_TOLERANCE < checkpoint.at:
        raise Fault(
            "SEAL_BACKDATED", f"made {seal.at.isoformat()}, the checkpoint {checkpoint.at.isoformat()}"
        )


def verify_file(seal: Seal, name: str, files: Mapping[str, bytes]) -> None:
    """File ``name`` is there as it was signed."""
    if name not in files:
        raise Fault("FILE_MISSING", name)
    if name not in seal.files:
        raise Fault("FILE_UNSIGNED", name)
    seen = hashlib.sha256(files[name]).digest()
    if seen != seal.files[name]:
        raise Fault(
            "FILE_CHANGED", f"{name} has the digest {seen.hex()}, signed was {seal.files[name].hex()}"
        )


def check_seal(report: Report, files: Mapping[str, bytes], trust: Trust) -> Seal | None:
    """The signature of a container, and every file under it."""
    seal = report.prove("SEAL_FORM", SIGNATURES, lambda: read_seal(files.get(SIGNATURES, b"")))
    if seal is None:
        return None
    report.prove(
        "SEAL",
        SIGNATURES,
        lambda: verify_seal(seal, trust.evidence),
        lambda signer: f"{_name(signer)}, {seal.at.isoformat()} by its own clock",
    )
    if seal.token and trust.authorities:
        report.prove(
            "SEAL_TIME",
            SIGNATURES,
            lambda: verify_seal_time(seal, trust.authorities),
            lambda stamp: f"{stamp.at.isoformat()} by {stamp.authority}",
        )
    for name in dict.fromkeys((*filter(_is_payload, files), *seal.files)):
        report.prove("FILE", name, partial(verify_file, seal, name, files))
    return seal


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    """RFC 4648 §4 in its one spelling. ValueError."""
    data = base64.b64decode(text, validate=True)
    if _text(data) != text:
        raise ValueError("base64 in another spelling")
    return data


# --- 10  The bundle: everything about one dossier ---------------------------------------------------------------------
#
# bundle.json lists the entries of the log that are about the dossier. Of each there is its header, exactly as it was hashed,
# its proof, and its content: the bytes as they were logged, with the cuts and salts behind its commitment, and a view of
# the same for people. What was taken out is named, and its commitment stands for it. The rest of bundle.json (the story,
# the deadlines) is what the gateway says; that it said so, and nothing else, its signature proves.

FORMAT: Final = "lienthong-evidence/1"
CERTIFICATE_FILE = "certificates/evidence.pem"
REPORT_FILES: Final = ("report.html", "report.pdf")
REMOVED: Final = "███".encode()
MISSING: Final = ("absent", "erased", "locked", "damaged")
# where in the header what stands; form 1: from before contents could be erased
_HEADER_SIZES: Final = {1: 17, 2: 15}
_ID, _DOSSIER, _REQUEST, _DIGEST_1, _DIGEST_2 = 0, 6, 8, 13, 11


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log as a bundle has it. ``number`` counts from 1; ``values``: its header; ``told``: its content."""

    number: int
    header: str
    form: int
    values: Sequence[str | int | None]
    proof: tuple[bytes, ...]
    told: Mapping[str, object]
    view: str | None

    @property
    def id(self) -> object:
        """By what other entries name it."""
        return self.values[_ID + self.form - 1]

    @property
    def dossier(self) -> object:
        """What it is about; None: it was not known yet when the entry was written."""
        return self.values[_DOSSIER + self.form - 1]

    @property
    def request(self) -> object:
        """The entry that it answers."""
        return self.values[_REQUEST + self.form - 1]

    @property
    def digest(self) -> bytes:
        """What it commits to: of form 1 the SHA-256 of its body."""
        return bytes.fromhex(str(self.values[_DIGEST_1 if self.form == 1 else _DIGEST_2]))

    @property
    def subject(self) -> str:
        """How the report names it."""
        return f"entry {self.number}"


@dataclass(frozen=True)
class Bundle:
    """What bundle.json says."""

    dossier: str
    entries: tuple[Entry, ...]

    @cached_property
    def answered(self) -> frozenset[object]:
        """The entries that entries about the dossier answer."""
        return frozenset(each.request for each in self.entries if each.dossier == self.dossier)


def read_bundle(files: Mapping[str, bytes]) -> Bundle:
    """The bundle in ``files``: its entries in the order of the log, and exactly the files that it speaks of."""
    try:
        told = _known(read_json(files[BUNDLE]))
        if told["format"] != FORMAT:
            raise Fault("BUNDLE_MALFORMED", f"format {str(told['format'])[:80]!r}, expected {FORMAT}")
        entries = tuple(entry_of(_known(each)) for each in _array(told["entries"]))
        dossier = _said(told["dossier"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as fault:
        if isinstance(fault, Fault):
            raise
        raise Fault(
            "BUNDLE_MALFORMED", f"{BUNDLE} cannot be read ({type(fault).__name__}: {fault})"[:200]
        ) from fault
    numbers = [entry.number for entry in entries]
    if not numbers or any(("file" in entry.told) != (entry.view is not None) for entry in entries):
        raise Fault(
            "BUNDLE_MALFORMED", "it has no entries, or one with a file without a view, or the other way round"
        )
    if numbers != sorted(set(numbers)) or len({entry.id for entry in entries}) != len(entries):
        raise Fault("BUNDLE_MALFORMED", "its entries are not in the order of the log, or one is there twice")
    named = [BUNDLE, CHECKPOINT_FILE, CERTIFICATE_FILE, *REPORT_FILES, *_files_of(entries)]
    spoken = set(named)
    if len(spoken) != len(named):
        raise Fault("BUNDLE_FILES", "one file is to be two things")
    there = set(filter(_is_payload, files)) - {TOKEN_FILE}
    if there != spoken:
        odd = ", ".join(sorted(there ^ spoken))[:200]
        raise Fault("BUNDLE_FILES", f"missing, or there and not spoken of: {odd}")
    return Bundle(dossier, entries)


def entry_of(told: Mapping[str, object]) -> Entry:
    """An entry as bundle.json has it. KeyError, TypeError, ValueError, IndexError: it is none."""
    header, number, view = _said(told["header"]), _whole(told["number"]), told["view"]
    values = [_scalar(each) for each in _array(read_json(header.encode()))]
    form = 2 if values[0] == 2 else 1
    if number < 1:
        raise ValueError(f"entry {number}")
    proof = tuple(_bytes(each) for each in _list(told["proof"]))
    content = _known(told["content"])
    entry = Entry(number, header, form, values, proof, content, None if view is None else _said(view))
    known = isinstance(entry.id, int) and isinstance(entry.dossier, str | None)
    if len(values) != _HEADER_SIZES[form] or not known or not isinstance(entry.request, int | None):
        raise TypeError(f"the header of entry {number}")
    if len(entry.digest) != HASH_SIZE:
        raise ValueError(f"the digest of entry {number}")
    return entry


def _array(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return value


def _said(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _scalar(value: object) -> str | int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise TypeError("expected a text, a number or nothing")
    return value


def _files_of(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        for name in (entry.told.get("file"), entry.view):
            if name is not None:
                yield str(name)


def content_of(entry: Entry, files: Mapping[str, bytes]) -> Content | None:
    """The content of an entry of form 2 in parts, as a bundle tells them; None when it is not there at all."""
    told = entry.told
    try:
        if "commitments" in told:
            hidden, *rest = map(_bytes, _list(told["commitments"]))
            return Content((), hidden, rest)
        return _parts(told, files[str(told["file"])]) if "file" in told else None
    except (KeyError, TypeError, ValueError) as fault:
        raise Fault("BUNDLE_MALFORMED", f"{entry.subject}: its content ({type(fault).__name__})") from fault


def _parts(told: Mapping[str, object], written: bytes) -> Content:
    """A content out of its file, in which removed values have no bytes: ``values`` says of each cut "salt:…", its value is
    there, or "commitment:…", it is not."""
    cuts = [_cut(each) for each in _rows(told["cuts"])]
    frame: list[bytes] = []
    values: list[Part | bytes] = []
    at = end = 0
    for cut, given in zip(cuts, _list(told["values"]), strict=True):
        kind, _, coded = given.partition(":")
        until = at + cut.start - end
        kept = cut.length if kind == "salt" else 0
        frame.append(written[at:until])
        values.append(Part(_bytes(coded), written[until : until + kept]) if kind == "salt" else _bytes(coded))
        at, end = until + kept, cut.start + cut.length
    return Content(cuts, Part(_bytes(str(told["salt"])), b"".join((*frame, written[at:]))), values)


def _cut(row: Sequence[object]) -> Cut:
    start, length, label = row
    return Cut(_whole(start), _whole(length), _said(label))


def _rows(value: object) -> list[list[object]]:
    if not isinstance(value, list) or not all(isinstance(each, list) for each in value):
        raise TypeError("expected a list of lists")
    return value


def verify_entry(entry: Entry, bundle: Bundle) -> None:
    """The entry is about the bundle's dossier, or was answered by one that is."""
    if entry.dossier != bundle.dossier and not (entry.dossier is None and entry.id in bundle.answered):
        raise Fault(
            "ENTRY_OF_OTHER_DOSSIER", f"it is about {entry.dossier}, the bundle about {bundle.dossier}"
        )


def verify_told(entry: Entry, files: Mapping[str, bytes]) -> str:
    """The content is what the entry committed to, as far as it is shown; what is not."""
    missing, removed = entry.told.get("missing"), entry.told.get("removed")
    if missing is not None:
        if missing not in MISSING or len(entry.told) != 1:
            raise Fault("BUNDLE_MALFORMED", f"{entry.subject}: a content that is there and {missing}")
        return f"not shown: {missing}"
    if entry.form == 1:
        body = files.get(str(entry.told.get("file")))
        if body is not None and hashlib.sha256(body).digest() != entry.digest:
            raise Fault("CONTENT_WRONG", f"the log has {entry.digest.hex()}")
        if body is None and not removed:
            raise Fault("BUNDLE_MALFORMED", f"{entry.subject}: it neither shows its content nor says why not")
        return "complete" if body is not None else f"not shown: {removed}"
    content = content_of(entry, files)
    if content is None:
        raise Fault("BUNDLE_MALFORMED", f"{entry.subject}: it neither shows its content nor says why not")
    without = verify_content(entry.digest, content)
    if isinstance(content.frame, bytes):
        if not removed:
            raise Fault("BUNDLE_MALFORMED", f"{entry.subject}: it does not say why its content is not shown")
        return f"not shown: {removed}"
    return f"without {', '.join(without)}" if without else "complete"


def verify_view(entry: Entry, files: Mapping[str, bytes]) -> None:
    """What people read is what the raw bytes say."""
    made = view_of(entry, files)
    if entry.view is not None and files[entry.view] != made:
        raise Fault("VIEW_WRONG", f"{entry.view} is not what {entry.told.get('file')} says")


def check_bundle(report: Report, files: Mapping[str, bytes], trust: Trust) -> Checkpoint | None:
    """Everything that a bundle claims about the log; the checkpoint that it is proven by."""
    checkpoint = check_checkpoint(report, files.get(CHECKPOINT_FILE, b""), trust, files.get(TOKEN_FILE))
    bundle = report.prove(
        "BUNDLE", BUNDLE, lambda: read_bundle(files), lambda found: f"dossier {found.dossier}"
    )
    if bundle is None:
        return checkpoint
    for entry in bundle.entries:
        subject = f"{entry.subject} ({entry.values[4 + entry.form - 2]} {entry.values[3 + entry.form - 2]})"
        report.prove("ENTRY", subject, partial(verify_entry, entry, bundle))
        if checkpoint is not None:
            check_entry(report, checkpoint, leaf_hash(entry.header.encode()), entry.number - 1, entry.proof)
        report.prove("CONTENT", entry.subject, partial(verify_told, entry, files), str)
        if entry.view is not None:
            report.prove("VIEW", entry.subject, partial(verify_view, entry, files))
    return checkpoint


def verify_bundle(data: bytes, trust: Trust) -> Report:
    """Everything that can be checked of the bundle ``data``."""
    report = Report()
    files = report.prove(
        "CONTAINER", "file", lambda: read_container(data), lambda found: f"{len(found)} files"
    )
    if files is not None:
        seal = check_seal(report, files, trust)
        checkpoint = check_bundle(report, files, trust)
        if seal is not None and checkpoint is not None:
            report.prove("SEAL", f"after {checkpoint.size} entries", lambda: verify_order(seal, checkpoint))
    return report


# --- 11  Views: what people read of a message ---------------------------------------------------------------------------

_MOST_VALUES = 1_000_000  # a text of more is shown as a text
_MOST_DEPTH = 200
_MOST_SPACE = 64  # between a name and its value


def view_of(entry: Entry, files: Mapping[str, bytes]) -> bytes:
    """The view of an entry whose content is shown: JSON, with REMOVED in the place of what was taken out."""
    removed: list[str] = []
    if entry.form == 1:
        method, url, headers = entry.values[9], entry.values[10], str(entry.values[12])
        body = files[str(entry.told["file"])]
    else:
        content = content_of(entry, files)
        if content is None or isinstance(content.frame, bytes):
            raise Fault("BUNDLE_MALFORMED", f"{entry.subject}: a view of what is not shown")
        whole = _shown(content)
        removed = [
            cut.label
            for cut, value in zip(content.cuts, content.values, strict=True)
            if isinstance(value, bytes)
        ]
        first, _, rest = whole.partition(b"\n")
        listed, _, body = rest.partition(b"\n\n")
        method, _, url = first.decode(errors="replace").partition(" ")
        headers = listed.decode(errors="replace")
    form, read = decoded(body)
    view = {"method": method, "url": url, "headers": decoded(headers.encode(errors="backslashreplace"))[1]}
    return json_text(view | {"removed": removed, "body_is": form, "body": read})


def json_text(value: object) -> bytes:
    """JSON for people and programs: one spelling for one value."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode(errors="backslashreplace")


def _shown(content: Content) -> bytes:
    """The content with REMOVED in the places of values that were taken out, so that JSON stays JSON."""
    assert isinstance(content.frame, Part)  # noqa: S101 - for the type checker; the caller has looked
    pieces, at, end = [], 0, 0
    for cut, value in zip(content.cuts, content.values, strict=True):
        until = at + cut.start - end
        pieces.append(content.frame.content[at:until])
        at, end = until, cut.start + cut.length
        before = content.frame.content[max(0, until - _MOST_SPACE) : until]
        bare = before.rstrip(b" \t\r\n").endswith(b'":')  # a number
        pieces.append(value.content if isinstance(value, Part) else b'"%s"' % REMOVED if bare else REMOVED)
    return b"".join((*pieces, content.frame.content[at:]))


def decoded(body: bytes) -> tuple[str, object]:
    """What ``body`` is (json, xml, form, text, binary, empty), and the same as a value of JSON."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "binary", {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if sum(map(body.count, (b"[", b"{", b",", b"<", b"=", b"&"))) > _MOST_VALUES:
        return "text", text
    try:
        if start and start in "{[":
            return "json", _shallow(_JSON.decode(text.strip("\ufeff \t\r\n")))
        if start == "<":
            return "xml", _xml(body)
        if _FORM.fullmatch(text):
            return "form", [list(pair) for pair in parse_qsl(text, keep_blank_values=True)]
    except (ValueError, RecursionError, expat.ExpatError):
        pass  # it only looked like that
    return ("text" if text else "empty"), text


def _shallow(value: object) -> object:
    """``value``, unless it is nested more deeply than any reader would follow."""
    level: list[object] = [value]
    for _ in range(_MOST_DEPTH):
        inner = (
            item.values() if isinstance(item, dict) else item
            for item in level
            if isinstance(item, dict | list)
        )
        level = [item for items in inner for item in items]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _object(pairs: list[tuple[str, object]]) -> object:
    """An object; as a list of its members when a name stands in it twice, so that nothing is hidden."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else [list(pair) for pair in pairs]


def _number(text: str) -> object:
    return int(text) if len(text) <= _MOST_DIGITS else text


_JSON = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_number, parse_float=str, parse_constant=str, strict=False
)
_FORM = re.compile(r"[A-Za-z0-9_.~%+*-]+=[^&\s]*(&[A-Za-z0-9_.~%+*-]+=[^&\s]*)*")


def _xml(body: bytes) -> object:
    """{name: content}: text, or members with attributes as @name, text as #, repeated elements as lists."""
    stack: list[tuple[str, dict[str, list[object]], list[str]]] = [("", {}, [])]

    def opened(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > _MOST_DEPTH:
            raise ValueError("nested too deeply")
        stack.append((name, {f"@{key}": [value] for key, value in attributes.items()}, []))

    def closed(_: str) -> None:
        name, members, texts = stack.pop()
        text = "".join(texts)
        if text.strip() or not members:
            members.setdefault("#", []).append(text if text.strip() else "")
        stack[-1][1].setdefault(name, []).append(text if list(members) == ["#"] else _single(members))

    def written(text: str) -> None:
        stack[-1][2].append(text)

    def refused(*_: object) -> None:
        raise ValueError("a document type or an entity")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.CharacterDataHandler = written
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refused
    parser.Parse(body, True)
    return _single(stack[0][1])


def _single(members: Mapping[str, list[object]]) -> dict[str, object]:
    return {name: values[0] if len(values) == 1 else values for name, values in members.items()}


# --- 12  On the command line ------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """``python lienthong_verify.py BUNDLE --keys KEYS [--json]``: every check on a line; 0 when all hold, else 1."""
    parser = argparse.ArgumentParser(description="Check an evidence bundle of a Lien Thong gateway.")
    parser.add_argument("bundle", help="the bundle (.asice)")
    parser.add_argument("--keys", required=True, help="the pinned keys (JSON), from somebody whom you trust")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    try:
        with open(given.keys, "rb") as file:  # noqa: PTH123 - the fewest words
            trust = read_trust(file.read(MAX_NOTE))
        with open(given.bundle, "rb") as file:  # noqa: PTH123
            data = file.read(MAX_CONTAINER + 1)
    except (OSError, Fault) as fault:
        print(fault, file=sys.stderr)
        return 2
    return tell(verify_bundle(data, trust), as_json=given.json)


def tell(report: Report, *, as_json: bool) -> int:
    """Print ``report``; what the process has to say with its exit code."""
    if as_json:
        findings = [{name: getattr(each, name) for name in Finding.__slots__} for each in report.findings]
        print(json.dumps({"holds": report.holds, "findings": findings}, ensure_ascii=True, indent=1))
    else:
        for finding in report.findings:
            print(printable(str(finding)))
        failed = sum(bool(finding.fault) for finding in report.findings)
        print(
            f"{'HOLDS' if report.holds else 'DOES NOT HOLD'}: {len(report.findings)} checks, {failed} failed"
        )
    return 0 if report.holds else 1


def printable(text: str) -> str:
    """``text`` without what a terminal would obey or cannot show."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    coding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return shown.encode(coding, "replace").decode(coding)


if __name__ == "__main__":
    sys.exit(main())
