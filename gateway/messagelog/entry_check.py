"""Whether one entry is what its own hashes say: content against commitment, header against leaf hash.

Invariant: a row gets as far as its header allows, whatever its columns hold; what cannot be looked at is said to be so,
and only an erasure that is recorded excuses a content that is gone.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from gateway.messagelog.content import Decrypter, Missing, Unreadable, head_of, read
from gateway.messagelog.entry import FORMS, leaf_of
from gateway.messagelog.retention import RetentionClass, class_by_rule
from gateway.storage.log import SealedRow, StoredBody
from gateway.storage.log_stream import HEADER, RawEntry, blob

_FORM, _ID, _AT = HEADER.index("form"), HEADER.index("id"), HEADER.index("at")
_DIGEST, _SIZE = HEADER.index("body_digest"), HEADER.index("body_size")
_ENCODER = msgspec.json.Encoder()


class Checked(NamedTuple):
    """An entry that was looked at. ``given``: the leaf hash that its header gives, empty for none; ``leaf``: the one in its
    row; ``missing``: why there was no content to look at; ``wrong``: what is wrong with its content, empty for nothing."""

    seq: int
    id: int
    at: int
    given: bytes
    leaf: bytes
    missing: Missing | None
    wrong: str


def check(entry: RawEntry, keys: Decrypter | None) -> Checked:
    """Look at one entry. ``keys`` None: encrypted contents stay closed."""
    header = entry.header
    given, leaf = leaf_given(entry), blob(entry.leaf)
    missing, wrong = None, ""
    if given == leaf:  # what a changed header says of its content is nothing to go by
        missing, wrong = _content(entry, keys)
    at = header[_AT]
    return Checked(entry.seq, header[_ID], at if at.__class__ is int else 0, given, leaf, missing, wrong)


def is_dropped(entry: RawEntry) -> bool:
    """Whether the content of ``entry`` may be gone because its period is over: so its header says, which is proven."""
    named = dict(zip(HEADER, entry.header, strict=True))
    blank = named["form"] == 1 or (entry.method, entry.url, entry.headers) == (None, None, "[]")
    if named["dossier_code"] is not None or not blank:
        return False
    return class_by_rule(str(named["channel"]), str(named["operation"])) is not RetentionClass.EVIDENCE


def leaf_given(entry: RawEntry) -> bytes:
    """The leaf hash that the entry's header gives; empty for a header that gives none."""
    values = list(entry.header)
    form, digest = values[_FORM], values[_DIGEST]
    try:
        if form == 2:
            values[_DIGEST] = digest.hex()
            return hashlib.sha256(b"\x00" + _ENCODER.encode(values)).digest()
        return leaf_of(_sealed(entry)) if form in FORMS else b""
    except (
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
    ):  # a column that holds what no gateway writes
        return b""


def _content(entry: RawEntry, keys: Decrypter | None) -> tuple[Missing | None, str]:
    """Why there is nothing to look at, or else what is wrong with it."""
    form, size, digest = entry.header[_FORM], entry.header[_SIZE], entry.header[_DIGEST]
    head = head_of(entry.method, entry.url, entry.headers)
    if entry.encoding is None:
        empty = form == 1 and not size and hashlib.sha256(b"").digest() == digest
        return None if empty else Missing.ABSENT, ""
    if entry.encoding == "encrypted" and entry.found_key is None:
        return None, f"its key {entry.key} is not there, and no erasure accounts for that"
    if entry.encoding == "encrypted" and (entry.wrapped is None or keys is None):
        return Missing.LOCKED if entry.wrapped is not None else Missing.ERASED, ""
    found = read(_stored(entry), size, keys)
    if isinstance(found, Unreadable):
        return None, found.detail
    try:
        right = found.gives(form, digest, head)
    except (TypeError, ValueError, OverflowError):  # cuts that no gateway makes
        right = False
    return None, "" if right else "it does not give the commitment in the header"


def _stored(entry: RawEntry) -> StoredBody:
    return StoredBody(
        owner=entry.owner,
        encoding=entry.encoding,
        body=blob(entry.body),
        key=entry.key,
        wrapped=blob(entry.wrapped),
        master=entry.master,
    )


def _sealed(entry: RawEntry) -> SealedRow:
    named = dict(zip(HEADER, entry.header, strict=True))
    return SealedRow(
        **named,
        seq=entry.seq,
        leaf=entry.leaf,
        method=entry.method,
        url=entry.url,
        headers=entry.headers,
        stored=StoredBody(owner=entry.owner),
    )
