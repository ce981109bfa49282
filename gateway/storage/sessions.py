"""Sessions of the console: whose a browser's word is, and until when.

A word is 256 random bits; only its SHA-256 is stored. Invariant: a session that has ended stays ended; when it was last seen
is written at most once in ``SEEN_EVERY``, so that looking costs no write.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.clients import digest
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.schema_accounts import account, console_session
from gateway.storage.scopes import Role, roles
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

WORD_BYTES = 32
SEEN_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=90)
MOST_AGENT = 300


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session as it may be shown. ``expires_at``: at the latest; ``peer``: the address it was begun from."""

    id: str
    account: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    peer: str
    agent: str


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A session to begin."""

    account: str
    now: datetime
    lifetime: timedelta
    peer: str
    agent: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A live session with what its account may do now."""

    session: Session
    display_name: str
    roles: frozenset[Role]


_ADD = insert(
    "console_session",
    ("word_hash", "id", "account", "created_at", "seen_at", "expires_at", "peer", "agent"),
)
_SEEN = Statement("""
    UPDATE console_session SET seen_at = :now WHERE id = :id AND ended_at IS NULL AND seen_at < :now
""")
_END_WORD = Statement(
    "UPDATE console_session SET ended_at = :now WHERE word_hash = :hash AND ended_at IS NULL"
)
_END_ONE = Statement("""
    UPDATE console_session SET ended_at = :now WHERE id = :id AND account = :account AND ended_at IS NULL
""")
_END_ALL = Statement("""
    UPDATE console_session SET ended_at = :now WHERE account = :account AND ended_at IS NULL AND id <> :but
""")
_FORGET = Statement("DELETE FROM console_session WHERE expires_at < :before")


def open_session(transaction: Transaction, opening: Opening) -> tuple[str, str]:
    """Begin a session; its word, which nobody but the browser has, and its identifier."""
    word = secrets.token_urlsafe(WORD_BYTES)
    identifier = transaction.identifiers.next()
    transaction.run(_FORGET, {"before": to_micros(opening.now - KEPT)})
    transaction.run(
        _ADD,
        {
            "word_hash": digest(word),
            "id": identifier,
            "account": opening.account,
            "created_at": to_micros(opening.now),
            "seen_at": to_micros(opening.now),
            "expires_at": to_micros(opening.now + opening.lifetime),
            "peer": opening.peer,
            "agent": opening.agent[:MOST_AGENT].replace("\0", ""),
        },
    )
    return word, str(identifier)


def see(transaction: Transaction, identifier: str, now: datetime) -> None:
    """Somebody has used the session."""
    transaction.run(_SEEN, {"id": int(identifier), "now": to_micros(now)})


def end_word(transaction: Transaction, word: str, now: datetime) -> bool:
    """End the session of ``word``; False when it was none that lives."""
    return transaction.run(_END_WORD, {"hash": digest(word), "now": to_micros(now)}) > 0


def end_session(transaction: Transaction, name: str, identifier: str, now: datetime) -> bool:
    """End one session of the account ``name``; False when it has no such session that lives."""
    return transaction.run(_END_ONE, {"id": int(identifier), "account": name, "now": to_micros(now)}) > 0


def end_sessions(transaction: Transaction, name: str, now: datetime, *, but: str = "0") -> int:
    """End every session of the account ``name``, except ``but``; how many that were."""
    return transaction.run(_END_ALL, {"account": name, "now": to_micros(now), "but": int(but)})


def find_session(connection: sa.Connection, word: str, now: datetime, idle: timedelta) -> Standing | None:
    """The live session of ``word``; None: there is none, or its account is disabled."""
    row = connection.execute(
        sa.select(console_session, account.c.display_name, account.c.roles)
        .join(account, account.c.name == console_session.c.account)
        .where(
            console_session.c.word_hash == digest(word), account.c.disabled_at.is_(None), *_live(now, idle)
        )
    ).one_or_none()
    if row is None:
        return None
    return Standing(session=_session(row), display_name=row.display_name, roles=roles(row.roles.split()))


def list_sessions(connection: sa.Connection, name: str, now: datetime, idle: timedelta) -> Sequence[Session]:
    """Every live session of the account ``name``, the last used first."""
    question = (
        sa.select(console_session)
        .where(console_session.c.account == name, *_live(now, idle))
        .order_by(console_session.c.seen_at.desc(), console_session.c.id)
    )
    return [_session(row) for row in connection.execute(question)]


def _live(now: datetime, idle: timedelta) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        console_session.c.ended_at.is_(None),
        console_session.c.expires_at > to_micros(now),
        console_session.c.seen_at > to_micros(now - idle),
    )


def _session(row: sa.Row[tuple[object, ...]]) -> Session:
    return Session(
        id=str(row.id),
        account=row.account,
        created_at=from_micros(row.created_at),
        seen_at=from_micros(row.seen_at),
        expires_at=from_micros(row.expires_at),
        peer=row.peer,
        agent=row.agent,
    )
