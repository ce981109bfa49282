"""Encrypting the contents of log entries where they are written: one key per dossier, made when the first entry comes.

Entries without a dossier share a key per channel and month; a call that carries several dossiers has one of its own, so
that destroying one dossier's key takes nothing from another's. Invariant: a key is in the database, wrapped, before
anything that it encrypts is; a destroyed key encrypts nothing any more, whichever process had it in hand.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import sqlalchemy as sa

from gateway.storage.instants import from_micros
from gateway.storage.log import SealedRow, StoredBody
from gateway.storage.schema import content_key
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction
    from gateway.storage.rows import MessageRow

MOST_KEPT = 20_000
ENCRYPTED, CLEAR = "encrypted", "clear"
Kept: TypeAlias = tuple[int, str, bytes, int | None]
"""A content as it is kept: entry, encoding, bytes, key."""
# Locked until what they encrypt is there for everybody: who destroys a key waits for it (``keys_to_destroy``), and finds it
_KEYS = Statement("""
    SELECT scope, id, wrapped, master FROM content_key WHERE destroyed_at IS NULL AND scope IN_ARRAY(:scopes)
    ORDER BY scope FOR_KEY_SHARE
""")
_TO_DESTROY = Statement("""
    SELECT id FROM content_key WHERE destroyed_at IS NULL AND (scope IN_ARRAY(:scopes) OR id IN_ARRAY(:ids))
    ORDER BY scope FOR_UPDATE
""")
_ADD = insert(
    "content_key",
    ("id", "scope", "wrapped", "master", "created_at"),
    suffix="ON CONFLICT (scope) WHERE destroyed_at IS NULL DO NOTHING RETURNING id",
)


class DataKey(Protocol):
    """The key of one scope (``gateway.messagelog.vault``)."""

    def encrypt(self, entry: int, content: bytes) -> bytes:
        """Encrypted for ``entry``."""

    def decrypt(self, entry: int, encrypted: bytes) -> bytes:
        """Decrypted; ValueError when it was not encrypted for ``entry``."""

    def encrypt_head(self, entry: int, head: bytes) -> bytes:
        """Address and headers, encrypted for ``entry``; the same always give the same bytes."""

    def decrypt_head(self, entry: int, encrypted: bytes) -> bytes:
        """Decrypted; ValueError when they were not encrypted for ``entry``."""


class Keys(Protocol):
    """Makes and opens data keys (``gateway.messagelog.vault``)."""

    @property
    def current(self) -> str:
        """The name of the master key that wraps new keys."""

    def make(self) -> tuple[DataKey, bytes]:
        """A new key, and the same wrapped."""

    def unwrap(self, wrapped: bytes, master: str) -> DataKey:
        """A wrapped key. KeyError, ValueError."""


class Contents:
    """The keys of one process, as they are used."""

    def __init__(self, keys: Keys, reload: Callable[[], Keys] | None = None) -> None:
        self.keys = keys
        self._reload = reload
        self._known: OrderedDict[int, DataKey] = OrderedDict()

    def encrypted(self, transaction: Transaction, rows: Sequence[MessageRow]) -> list[Kept]:
        """What is kept of ``rows``."""
        scopes = [scope_of(row) for row in rows]
        keys = self._keys_of(transaction, {scope: row.at for scope, row in zip(scopes, rows, strict=True)})
        found: list[Kept] = []
        for scope, row in zip(scopes, rows, strict=True):
            number, key = keys[scope]
            found.append((row.id, ENCRYPTED, key.encrypt(row.id, row.body), number))
        return found

    def decrypted(self, stored: StoredBody) -> bytes:
        """The content of ``stored``. KeyError: its master key is not here. ValueError: it is not what was
        encrypted."""
        if stored.body is None:
            raise ValueError("it is not there")
        return self.opened(stored).decrypt(stored.owner, stored.body)

    def opened(self, stored: StoredBody) -> DataKey:
        """The key of ``stored``. KeyError: its master key is not here. ValueError: it has none, or not this one."""
        number, wrapped, master = stored.key, stored.wrapped, stored.master
        if number is None or wrapped is None or master is None:
            raise ValueError("it was encrypted with a key that is not there")
        key = self._known.get(number)
        return key if key is not None else self._keep(number, self._unwrapped(wrapped, master))

    def key_for(self, transaction: Transaction, scope: str, at: int) -> tuple[int, DataKey]:
        """The key of ``scope`` and its number; made when there is none."""
        return self._keys_of(transaction, {scope: at})[scope]

    @staticmethod
    def scope_of(row: SealedRow, *, shared: bool) -> str:
        """Whose key encrypts the content of a stored ``row``."""
        return scope_of(row, shared=shared)

    def forget(self, numbers: Iterable[int]) -> None:
        """Keep these keys no longer: they were destroyed."""
        for number in numbers:
            self._known.pop(number, None)

    def _keys_of(
        self, transaction: Transaction, instants: Mapping[str, int]
    ) -> dict[str, tuple[int, DataKey]]:
        """The keys of scopes, each with the instant of what it is to encrypt."""
        # asked every time: another process may have destroyed one, and nothing may be encrypted with it any more
        keys = self._stored(transaction, instants)
        # in order, so that two processes do not wait for each other
        for scope in sorted(instants.keys() - keys.keys()):
            keys[scope] = self._make(transaction, scope, instants[scope])
        return keys

    def _stored(self, transaction: Transaction, scopes: Iterable[str]) -> dict[str, tuple[int, DataKey]]:
        found = {}
        for scope, number, wrapped, master in transaction.all(_KEYS, {"scopes": transaction.array(scopes)}):
            key = self._known.get(number)
            if key is None:
                key = self._keep(number, self._unwrapped(bytes(wrapped), master))
            found[scope] = (number, key)
        return found

    def _make(self, transaction: Transaction, scope: str, at: int) -> tuple[int, DataKey]:
        """A new key for ``scope``, or the one that another process has made meanwhile."""
        key, wrapped = self.keys.make()
        row = {"id": transaction.identifiers.next(), "scope": scope, "wrapped": wrapped}
        made = transaction.one(_ADD, {**row, "master": self.keys.current, "created_at": at})
        if made is None:
            return self._stored(transaction, [scope])[scope]
        return int(made[0]), self._keep(int(made[0]), key)

    def _unwrapped(self, wrapped: bytes, master: str) -> DataKey:
        """A wrapped key. A master key that is not known may have been made since this process began."""
        try:
            return self.keys.unwrap(wrapped, master)
        except KeyError:
            if self._reload is None:
                raise
            self.keys = self._reload()
            return self.keys.unwrap(wrapped, master)

    def _keep(self, number: int, key: DataKey) -> DataKey:
        self._known[number] = key
        if len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return key


def keys_to_destroy(transaction: Transaction, scopes: Sequence[str], ids: Sequence[int]) -> None:
    """Wait for whoever encrypts with these keys, and keep everybody from it until they are destroyed. To be asked before
    what they have encrypted is looked for."""
    transaction.all(_TO_DESTROY, {"scopes": transaction.array(scopes), "ids": transaction.array(ids)})


def masters_in_use(connection: sa.Connection) -> list[str]:
    """The master keys that contents need, by their fingerprints."""
    question = sa.select(content_key.c.master).where(content_key.c.destroyed_at.is_(None)).distinct()
    return list(connection.execute(question).scalars())


def scope_of(row: MessageRow | SealedRow, *, shared: bool = False) -> str:
    """Whose key encrypts the content of ``row``. ``shared``: it is of several dossiers, which a stored row does not say."""
    if shared or getattr(row, "shared", False):
        return f"call:{row.id}"
    if row.dossier_code is not None:
        return f"dossier:{row.dossier_code}"
    return f"channel:{row.channel}:{from_micros(row.at):%Y-%m}"
