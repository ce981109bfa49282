"""The tables of people: accounts of the console, and their sessions.

Invariant: no row has a password or a session's word, only what they can be recognised by.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.storage.schema import metadata

account = Table(
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text),
    Column("roles", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", BigInteger),
    Column("must_change", Boolean, nullable=False),
    Column("oidc_issuer", Text),
    Column("oidc_subject", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("signed_in_at", BigInteger),
    Column("disabled_at", BigInteger),
    CheckConstraint("(oidc_issuer IS NULL) = (oidc_subject IS NULL)", name="oidc"),
    CheckConstraint("failures >= 0", name="failures"),
    UniqueConstraint("oidc_issuer", "oidc_subject", name="uq_account_oidc"),
)

console_session = Table(
    "console_session",
    metadata,
    Column("word_hash", Text, primary_key=True),
    Column("id", BigInteger, nullable=False, unique=True),
    Column("account", Text, ForeignKey("account.name"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # whatever happens until then
    Column("ended_at", BigInteger),  # signed out, renewed or revoked
    Column("peer", Text, nullable=False),
    Column("agent", Text, nullable=False),
    CheckConstraint("expires_at > created_at", name="span"),
)
Index("ix_console_session_account", console_session.c.account)
Index("ix_console_session_expires_at", console_session.c.expires_at)
