"""Keys for the contents of the message log: a data key per dossier, wrapped by a master key that lies outside.

AES-256-GCM with a random nonce for contents, AES key wrap (RFC 3394) for the keys, so that a new master key means new
wrappings and not new contents. Invariant: a data key is written down wrapped only, and a content opens only under the
entry that it was encrypted for.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

KEY_BYTES = 32
_NONCE_BYTES = 12
_PURPOSE = b"lienthong content 1 "
_HEAD_PURPOSE = b"lienthong head 1 "


class DataKey:
    """The key of one scope."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key = key

    def encrypt_head(self, entry: int, head: bytes) -> bytes:
        """Address and headers of log entry ``entry`` for an archive: the same ones always give the same bytes, since the
        nonce is a keyed digest of them (as in RFC 5297, so that it tells nothing and never serves two heads)."""
        purpose = b"%s%d" % (_HEAD_PURPOSE, entry)
        nonce = hmac.digest(self._key, purpose + b"\n" + head, "sha256")[:_NONCE_BYTES]
        return nonce + self._cipher.encrypt(nonce, head, purpose)

    def decrypt_head(self, entry: int, encrypted: bytes) -> bytes:
        """What ``encrypt_head`` has encrypted; ValueError when it is not that."""
        try:
            return self._cipher.decrypt(
                encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], b"%s%d" % (_HEAD_PURPOSE, entry)
            )
        except (InvalidTag, ValueError):
            raise ValueError("it is not the head of this entry") from None

    def encrypt(self, entry: int, content: bytes) -> bytes:
        """``content`` of log entry ``entry``, encrypted."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, b"%s%d" % (_PURPOSE, entry))

    def decrypt(self, entry: int, encrypted: bytes) -> bytes:
        """What was encrypted for ``entry``; ValueError when it is not that."""
        try:
            return self._cipher.decrypt(
                encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], b"%s%d" % (_PURPOSE, entry)
            )
        except (InvalidTag, ValueError):
            raise ValueError("it is not what was encrypted for this entry") from None


class Vault:
    """Master keys by their fingerprints; ``current`` wraps what is new."""

    def __init__(self, masters: Mapping[str, bytes], current: str) -> None:
        self._masters = dict(masters)
        self.current = current

    def __repr__(self) -> str:
        return f"Vault({sorted(self._masters)})"

    def make(self) -> tuple[DataKey, bytes]:
        """A new data key, and the same wrapped by the current master key."""
        key = os.urandom(KEY_BYTES)
        return DataKey(key), self.wrap(key)

    def wrap(self, key: bytes) -> bytes:
        """``key`` wrapped by the current master key."""
        return aes_key_wrap(self._masters[self.current], key)

    def unwrap(self, wrapped: bytes, master: str) -> DataKey:
        """The key in ``wrapped``. KeyError: ``master`` is not among the keys. ValueError: it does not open it."""
        return DataKey(self._unwrapped(wrapped, master))

    def rewrap(self, wrapped: bytes, master: str) -> bytes:
        """The same key, wrapped by the current master key. Raises as ``unwrap`` does."""
        return self.wrap(self._unwrapped(wrapped, master))

    def _unwrapped(self, wrapped: bytes, master: str) -> bytes:
        try:
            return aes_key_unwrap(self._masters[master], wrapped)
        except (InvalidUnwrap, ValueError):
            raise ValueError(f"its key does not open with master key {master}") from None


def fingerprint(master: bytes) -> str:
    """How a master key is named: 16 hexadecimal digits that tell nothing of it."""
    return hashlib.sha256(b"lienthong master key " + master).hexdigest()[:16]
