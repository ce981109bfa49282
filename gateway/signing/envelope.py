"""Sealing secrets that the database has to keep: AES-256-GCM under a key that it does not hold.

A sealed text is ``sealed:1:<key>:<base64 of nonce and ciphertext>``. Invariants: a sealed text opens only with the
key that sealed it and under the name that it was sealed for, so that it cannot be moved to another row; a text that
was never sealed is given as it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret

SEALED = "sealed:1:"
SHORTEST_KEY = 32
_NONCE_BYTES = 12  # NIST SP 800-38D §8.2: random ones are safe for 2^32 texts under a key
_PURPOSE = b"lienthong envelope 1"


class Envelope:
    """Seals with the first of ``keys`` and opens with each of them, so that a key can be replaced.

    Without any key nothing is sealed. ``setting`` names them in ConfigurationError.
    """

    def __init__(
        self,
        keys: Sequence[Secret],
        *,
        setting: str,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._setting = setting
        self._random = random
        self._keys = dict(self._derived(key.reveal()) for key in keys)
        self._first = next(iter(self._keys), None)

    def seal(self, text: str, *, name: str) -> str:
        """``text`` as it may be stored for ``name``."""
        if self._first is None:
            return text
        nonce = self._random(_NONCE_BYTES)
        sealed = nonce + self._keys[self._first].encrypt(nonce, text.encode(), name.encode())
        return f"{SEALED}{self._first}:{base64.b64encode(sealed).decode()}"

    def open(self, stored: str, *, name: str) -> str:
        """What was sealed for ``name``. ConfigurationError: its key is not given, or it is not what was sealed."""
        if not stored.startswith(SEALED):
            return stored
        tag, _, text = stored.removeprefix(SEALED).partition(":")
        key = self._keys.get(tag)
        if key is None:
            raise ConfigurationError(
                f"{self._setting}: the secret of {name} was sealed with a key that is not given (its mark is {tag}); "
                "put that key back behind the new one, or register the endpoint anew"
            )
        try:
            sealed = base64.b64decode(text, validate=True)
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as fault:
            raise ConfigurationError(
                f"the secret of {name} in the database was changed or belongs to another; register the endpoint anew"
            ) from fault

    def is_current(self, stored: str) -> bool:
        """Whether ``stored`` is as ``seal`` would store it now: under the first key, or plain without any."""
        if self._first is None:
            return not stored.startswith(SEALED)
        return stored.startswith(f"{SEALED}{self._first}:")

    def _derived(self, text: str) -> tuple[str, AESGCM]:
        if len(text) < SHORTEST_KEY:
            raise ConfigurationError(
                f"{self._setting}: a key has {len(text)} characters, expected at least {SHORTEST_KEY} random ones; "
                "make one with: openssl rand -base64 32"
            )
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(text.encode())
        return hashlib.sha256(key).hexdigest()[:8], AESGCM(key)
