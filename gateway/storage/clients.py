"""API clients, their keys and tokens, and the answers kept for idempotency keys.

A key is 256 random bits; only its SHA-256 is stored, so a stolen database gives no access. Invariant: a secret is
shown exactly once, when it is made; whoever is disabled or rotated loses every token at once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.schema import client, token
from gateway.storage.scopes import ROLES, Role, allowed, joined, roles
from gateway.storage.scopes import Scope as Scope  # noqa: PLC0414 - what a client has, for those who read clients
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

KEY_PREFIX = "lt_"
TOKEN_PREFIX = "ltt_"  # noqa: S105 - how a token begins, not a token
_SECRET_BYTES = 32
IDEMPOTENCY_LIFETIME = timedelta(days=7)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# a client of this name could act as "console/an", who is a person with an account
_TAKEN = frozenset({"console", "cli"})


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One client as it may be shown. ``scopes``: all that it may do, by its ``roles`` too. ``rate``: requests a second;
    None means the setting's."""

    id: str
    name: str
    scopes: frozenset[Scope]
    roles: frozenset[Role] = frozenset()
    rate: int | None
    created_at: datetime
    disabled_at: datetime | None


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client to make. ``id`` is what logs and histories name it by: lower-case letters, digits, hyphens.
    ``scopes``: beyond those of its ``roles``."""

    id: str
    name: str
    scopes: frozenset[Scope] = frozenset()
    roles: frozenset[Role] = frozenset()
    rate: int | None = None

    @property
    def allowed(self) -> frozenset[Scope]:
        """All that it may do."""
        return self.scopes.union(*(ROLES[role] for role in self.roles))


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A secret, shown this once. It is the API key, and the client secret of OAuth2 client credentials."""

    client: str
    secret: str


class LockedClient(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may do, as long as the transaction lasts that has locked it."""

    id: str
    scopes: frozenset[Scope]
    disabled: bool


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token to store: its hash, whose it is, what it allows, until when."""

    hash: str
    client: str
    scopes: frozenset[Scope]
    expires_at: datetime


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and what it may do. ``secret_hash`` is of what it showed; ``expires_at`` of its token."""

    client: str
    secret_hash: str
    scopes: frozenset[Scope]
    rate: int | None = None
    expires_at: datetime | None = None


def digest(secret: str) -> str:
    """What is stored of a secret. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_token() -> str:
    """A fresh bearer token."""
    return TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


_ADD = insert("client", ("id", "name", "secret_hash", "scopes", "rate", "created_at"))
_EXISTS = Statement("SELECT id, scopes, disabled_at FROM client WHERE id = :id FOR_UPDATE")
_ROTATE = Statement("UPDATE client SET secret_hash = :secret_hash, disabled_at = NULL WHERE id = :id")
_DISABLE = Statement("UPDATE client SET disabled_at = :now WHERE id = :id AND disabled_at IS NULL")
_DROP_TOKENS = Statement("DELETE FROM token WHERE client = :id")
_ADD_TOKEN = insert("token", ("token_hash", "client", "scopes", "expires_at"))
_EXPIRED_TOKENS = Statement("DELETE FROM token WHERE expires_at <= :now")
_OLD_ANSWERS = Statement("DELETE FROM idempotency WHERE at < :before")


def create_client(transaction: Transaction, new: NewClient, now: datetime) -> Issued:
    """Make a client with a fresh key. ConflictError: the id is taken or unfit, or there is no scope."""
    if not _NAME.fullmatch(new.id):
        raise ConflictError(
            f"client id: got {new.id!r}, expected 1 to 63 lower-case letters, digits and hyphens, no hyphen first"
        )
    if new.id in _TAKEN:
        raise ConflictError(f"client id: {new.id} is how histories name others; choose another")
    if not new.allowed:
        raise ConflictError(
            f"client {new.id}: no role and no scopes; a client without any is refused everything"
        )
    if transaction.one(_EXISTS, {"id": new.id}) is not None:
        raise ConflictError(f"client {new.id} exists; rotate its key, or choose another id")
    issued = _issue(new.id)
    transaction.run(
        _ADD,
        {
            "id": new.id,
            "name": new.name,
            "secret_hash": digest(issued.secret),
            "scopes": joined(new.scopes, new.roles),
            "rate": new.rate,
            "created_at": to_micros(now),
        },
    )
    return issued


def rotate_client(transaction: Transaction, client_id: str) -> Issued:
    """A new key; the old one and every token end at once. A disabled client is enabled again."""
    _require(transaction, client_id)
    issued = _issue(client_id)
    transaction.run(_ROTATE, {"id": client_id, "secret_hash": digest(issued.secret)})
    transaction.run(_DROP_TOKENS, {"id": client_id})
    return issued


def disable_client(transaction: Transaction, client_id: str, now: datetime) -> bool:
    """End a client's access and its tokens; False when it had none any more."""
    _require(transaction, client_id)
    changed = transaction.run(_DISABLE, {"id": client_id, "now": to_micros(now)})
    transaction.run(_DROP_TOKENS, {"id": client_id})
    return changed > 0


def lock_client(transaction: Transaction, client_id: str) -> LockedClient | None:
    """The client if there is one, locked until the end of the transaction."""
    row = transaction.one(_EXISTS, {"id": client_id})
    return (
        None
        if row is None
        else LockedClient(id=str(row[0]), scopes=_split(str(row[1])), disabled=row[2] is not None)
    )


def _require(transaction: Transaction, client_id: str) -> None:
    if transaction.one(_EXISTS, {"id": client_id}) is None:
        raise NotFoundError(f"there is no client {client_id!r}")


def _issue(client_id: str) -> Issued:
    return Issued(client=client_id, secret=KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES))


def save_token(transaction: Transaction, issued: Token) -> None:
    """Keep the hash of a token that was given out."""
    transaction.run(
        _ADD_TOKEN,
        {
            "token_hash": issued.hash,
            "client": issued.client,
            "scopes": joined(issued.scopes),
            "expires_at": to_micros(issued.expires_at),
        },
    )


def forget_expired(transaction: Transaction, now: datetime) -> int:
    """Drop expired tokens and answers kept for idempotency keys longer than a week; how many rows went."""
    before = to_micros(now - IDEMPOTENCY_LIFETIME)
    tokens = transaction.run(_EXPIRED_TOKENS, {"now": to_micros(now)})
    return tokens + transaction.run(_OLD_ANSWERS, {"before": before})


def list_clients(connection: sa.Connection) -> Sequence[Client]:
    """Every client, by id."""
    return [_client(row) for row in connection.execute(sa.select(client).order_by(client.c.id))]


def find_by_key(connection: sa.Connection, secret_hash: str) -> Principal | None:
    """The enabled client whose key has this hash."""
    question = sa.select(client).where(client.c.secret_hash == secret_hash, client.c.disabled_at.is_(None))
    return _principal(connection.execute(question).one_or_none())


def find_by_id(connection: sa.Connection, client_id: str) -> Principal | None:
    """The enabled client of this id; the caller compares ``secret_hash`` in constant time."""
    question = sa.select(client).where(client.c.id == client_id, client.c.disabled_at.is_(None))
    return _principal(connection.execute(question).one_or_none())


def find_by_token(connection: sa.Connection, token_hash: str, now: datetime) -> Principal | None:
    """The enabled client behind a live token, with the token's scopes."""
    row = connection.execute(
        sa.select(token, client.c.rate, client.c.scopes.label("allowed"))
        .join(client, client.c.id == token.c.client)
        .where(
            token.c.token_hash == token_hash,
            token.c.expires_at > to_micros(now),
            client.c.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    return Principal(
        client=row.client,
        secret_hash=row.token_hash,
        scopes=_split(row.scopes) & _split(row.allowed),
        rate=row.rate,
        expires_at=from_micros(row.expires_at),
    )


def _principal(row: sa.Row[tuple[object, ...]] | None) -> Principal | None:
    if row is None:
        return None
    return Principal(client=row.id, secret_hash=row.secret_hash, scopes=_split(row.scopes), rate=row.rate)


def _client(row: sa.Row[tuple[object, ...]]) -> Client:
    return Client(
        id=row.id,
        name=row.name,
        scopes=_split(row.scopes),
        roles=roles(row.scopes.split()),
        rate=row.rate,
        created_at=from_micros(row.created_at),
        disabled_at=maybe_from_micros(row.disabled_at),
    )


def _split(text: str) -> frozenset[Scope]:
    return allowed(text.split())
