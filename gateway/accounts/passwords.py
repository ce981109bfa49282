"""Passwords: hashed by argon2id (RFC 9106), off the event loop, and what one must be like.

Invariant: no password leaves this module but as its hash; a name that does not exist costs the same time as one that does.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 256
THREADS = 2
# RFC 9106 §4, the second recommended option, with less parallelism: the threads are the gateway's, not the visitor's
PARAMETERS = argon2.Parameters(
    type=argon2.Type.ID,
    version=19,
    salt_len=16,
    hash_len=32,
    time_cost=3,
    memory_cost=64 * 1024,
    parallelism=1,
)
_GENERATED = 20
# without letters and digits that are mistaken for each other when read aloud or typed from paper
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_COMMON = ("password", "matkhau", "123456", "qwerty", "lienthong", "abcdef", "111111", "iloveyou", "admin")


def faults(password: str, name: str) -> str | None:
    """Why ``password`` is not fit for the account ``name``, as a code (``short``, ``long``, ``name``, ``common``,
    ``control``); None: it is fit. NIST SP 800-63B §5.1.1.2: length counts, composition rules do not."""
    folded = password.casefold()
    rest = folded
    for word in _COMMON:
        rest = rest.replace(word, "")
    match password:
        case _ if len(password) < SHORTEST:
            return "short"
        case _ if len(password) > LONGEST:
            return "long"
        case _ if not password.isprintable():
            return "control"
        case _ if len(name) > 3 and name.partition("@")[0] in folded:
            return "name"
        case _ if len(set(folded)) < 5 or len(rest) < 5:
            return "common"
    return None


def generated() -> str:
    """A fresh password of about 115 random bits, in groups that can be read aloud."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED))
    return "-".join(letters[at : at + 5] for at in range(0, _GENERATED, 5))


@functools.cache
def passwords() -> Passwords:
    """The one of this process."""
    return Passwords()


class Passwords:
    """Hashes and compares, two at a time: each takes 64 MiB and some tens of milliseconds."""

    def __init__(self, parameters: argon2.Parameters = PARAMETERS) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="password")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """What is stored of ``password``."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, hashed: str | None, password: str) -> bool:
        """Whether ``password`` is the one of ``hashed``; None is nobody's, and takes as long."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._matches, hashed, password
        )

    def outdated(self, hashed: str) -> bool:
        """Whether ``hashed`` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def hash_now(self, password: str) -> str:
        """Like ``hash``, on the calling thread: for a command line."""
        return self._hasher.hash(password)

    def _matches(self, hashed: str | None, password: str) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        try:
            self._hasher.verify(hashed or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None
