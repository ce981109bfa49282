"""Checks evidence of a Liên Thông gateway without the gateway, its database, a network, or trust in who runs it.

One file; it needs Python 3.11 and the package `cryptography`. Read it from the top: each part uses those above it.

    1  Faults       how a check says no
    2  Merkle tree  one entry is in the log; the log only ever grew                   RFC 9162 §2.1
    3  Notes        who signed a text                                                 C2SP signed-note
    4  Checkpoints  what the log was at one moment, and which witnesses saw it        C2SP tlog-checkpoint, -cosignature
    5  Contents     what an entry contained, also where personal data was taken out
    6  Time stamps  when somebody else saw a checkpoint at the latest                 RFC 3161, RFC 5652, RFC 5816
    7  The report   what is pinned, which checks there are, and what they found

Invariant: every verifying function returns what it has proven or raises Fault; none answers with a maybe. The codes of
all faults are in FAULTS, those of all checks in CHECKS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
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
    if later.origin != earlier.origin:
        raise Fault("CHECKPOINT_OF_OTHER_LOG", f"{later.origin}, expected {earlier.origin}")
    if later.size < earlier.size:
        raise Fault("HISTORY_SHRUNK", f"from {earlier.size} to {later.size} entries")
    if later.size == earlier.size and later.root != earlier.root:
        raise Fault("HISTORY_FORKED", f"at {later.size} entries")
    if earlier.at and later.at and later.at < earlier.at:
        raise Fault("CLOCK_BACK", f"from {earlier.at.isoformat()} to {later.at.isoformat()}")
    if later.previous != earlier.digest:
        named = later.previous.hex() if later.previous else "none"
        raise Fault(
            "CHAIN_BROKEN", f"at {later.size} entries: it names {named}, expected {earlier.digest.hex()}"
        )


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
    """A content in parts. A value that was taken out is given as its commitment, 32 bytes."""

    cuts: Sequence[Cut]
    frame: Part
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
    _check_parts(cuts, frame, values)
    commitments = [
        value if isinstance(value, bytes) else value_commitment(value.salt, cut.label, value.content)
        for cut, value in zip(cuts, values, strict=True)
    ]
    seen = content_root(frame_commitment(frame.salt, cuts, frame.content), commitments)
    if seen != root:
        raise Fault("CONTENT_WRONG", f"it leads to {seen.hex()}, the log has {root.hex()}")
    return tuple(cut.label for cut, value in zip(cuts, values, strict=True) if isinstance(value, bytes))


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
    return timedelta(seconds=amounts[0], milliseconds=amounts[1], microseconds=amounts[2])


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
}
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
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
            self.findings.append(Finding(check, subject, fault.code, fault.found))
            return None
        self.findings.append(Finding(check, subject, "", told(proven)))
        return proven


@dataclass(frozen=True, slots=True)
class Trust:
    """What is pinned: all that the verifier believes before it begins."""

    logs: tuple[Key, ...] = ()
    witnesses: tuple[Key, ...] = ()
    witnesses_needed: int = 0
    authorities: tuple[x509.Certificate, ...] = ()


def read_trust(data: bytes) -> Trust:
    """The pinned keys in a JSON file: ``logs`` and ``witnesses`` (lists of ``<name>+<id>+<base64>``),
    ``witnesses_needed``, ``authorities`` (one PEM text with the roots of time-stamping authorities)."""
    try:
        told = json.loads(data)
        roots = told.get("authorities", "")
        trust = Trust(
            logs=tuple(map(read_key, told["logs"])),
            witnesses=tuple(map(read_key, told.get("witnesses", []))),
            witnesses_needed=int(told.get("witnesses_needed", 0)),
            authorities=tuple(x509.load_pem_x509_certificates(roots.encode())) if roots else (),
        )
    except (ValueError, TypeError, AttributeError, KeyError, UnsupportedAlgorithm) as fault:
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


def check_checkpoint(
    report: Report, note: bytes, trust: Trust, token: bytes | None = None
) -> Checkpoint | None:
    """The checkpoint in ``note`` when the log has signed it; what witnesses and the authority of ``token`` say of it is
    in the report. Without pinned authorities nobody's word on the time is asked for."""
    checkpoint = report.prove("CHECKPOINT", "checkpoint", lambda: verify_checkpoint(note, trust.logs), _told)
    if checkpoint is None:
        return None
    subject, needed = f"at {checkpoint.size} entries", trust.witnesses_needed
    if needed:
        report.prove(
            "WITNESSES",
            subject,
            lambda: verify_witnesses(note, trust.witnesses, needed),
            lambda signed: ", ".join(each.key.name for each in signed),
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
