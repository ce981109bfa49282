"""People who sign in to the console: their accounts, and what an attempt to sign in makes of them.

Invariants: an attempt is counted before the password is looked at, so that many at once are not more than one after the
other; a failure and a lock are on disk before anybody is told of them; a password is stored as its hash alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.schema_accounts import account
from gateway.storage.scopes import ROLES, Role, Scope, allowed, joined, roles
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

NAME = r"^[a-z0-9][a-z0-9._@-]{0,62}$(?!\n)"
_NAME = re.compile(NAME)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account as it may be shown. ``password``: it has one of its own; ``oidc``: an identity provider vouches for
    it. ``failures``: in a row, since it was last signed in."""

    name: str
    display_name: str
    roles: frozenset[Role]
    password: bool
    oidc: bool
    must_change: bool
    failures: int
    locked_until: datetime | None
    created_at: datetime
    signed_in_at: datetime | None
    disabled_at: datetime | None

    @property
    def scopes(self) -> frozenset[Scope]:
        """All that this person may do."""
        return scopes_of(self.roles)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is at an identity provider (OpenID Connect Core §2: both together, nothing else, is unique)."""

    issuer: str
    subject: str


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account to make. ``password_hash`` None: an identity provider, named by ``oidc``, vouches for it."""

    name: str
    display_name: str
    roles: frozenset[Role]
    password_hash: str | None = None
    must_change: bool = False
    oidc: Subject | None = None


class LockOut(msgspec.Struct, frozen=True, kw_only=True):
    """When an account is locked: after ``failures`` in a row for ``first`` seconds, doubling up to ``longest``."""

    failures: int = 5
    first: float = 60.0
    longest: float = 3600.0

    def wait(self, failures: int) -> timedelta | None:
        """How long an account with so many failures is locked; None: it is not."""
        if failures < self.failures:
            return None
        return timedelta(seconds=min(self.longest, self.first * 2.0 ** min(failures - self.failures, 30)))


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before a password is looked at. ``open``: it may be looked at; ``locked``: this attempt was the last
    before a wait. ``known``: there is such an account. ``failures``: this one counted."""

    name: str
    open: bool
    known: bool = False
    password_hash: str | None = None
    must_change: bool = False
    failures: int = 0
    locked: bool = False


def scopes_of(named: frozenset[Role]) -> frozenset[Scope]:
    """All that ``named`` roles allow."""
    return allowed(joined((), named).split())


def is_name(text: str) -> bool:
    """Whether ``text`` can be the name of an account."""
    return _NAME.fullmatch(text) is not None


_COLUMNS = (
    *("name", "display_name", "roles", "password_hash", "oidc_subject", "must_change", "failures"),
    *("locked_until", "created_at", "signed_in_at", "disabled_at"),
)
_LISTED = ", ".join(_COLUMNS)
_ONE = Statement(f"SELECT {_LISTED} FROM account WHERE name = :name FOR_UPDATE")  # noqa: S608 - our own names
_BY_SUBJECT = Statement(
    f"SELECT {_LISTED} FROM account WHERE oidc_issuer = :issuer AND oidc_subject = :subject FOR_UPDATE"  # noqa: S608
)
_ADD = insert(
    "account",
    (
        *("name", "display_name", "password_hash", "roles", "failures", "must_change"),
        *("oidc_issuer", "oidc_subject", "created_at"),
    ),
)
_COUNT = Statement("UPDATE account SET failures = :failures, locked_until = :locked_until WHERE name = :name")
_ENTER = Statement("""
    UPDATE account SET failures = 0, locked_until = NULL, signed_in_at = :now WHERE name = :name
""")
_REHASH = Statement(
    "UPDATE account SET password_hash = :after WHERE name = :name AND password_hash = :before"
)
_PASSWORD = Statement("""
    UPDATE account SET password_hash = :hash, must_change = :must_change, failures = 0, locked_until = NULL
    WHERE name = :name
""")
_ROLES = Statement("UPDATE account SET roles = :roles WHERE name = :name")
_UNLOCK = Statement("UPDATE account SET failures = 0, locked_until = NULL WHERE name = :name")
_DISABLE = Statement("UPDATE account SET disabled_at = :now WHERE name = :name AND disabled_at IS NULL")
_ENABLE = Statement("UPDATE account SET disabled_at = NULL WHERE name = :name AND disabled_at IS NOT NULL")


def create_account(
    transaction: Transaction, new: NewAccount, now: datetime, *, may_wait: bool = False
) -> None:
    """Make an account. ``may_wait``: its roles are still to come. ConflictError: the name is taken or unfit, or nothing
    would be allowed."""
    if not is_name(new.name):
        raise ConflictError(
            f"account name: got {new.name!r}, expected 1 to 63 lower-case letters, digits and . _ @ -, a letter or "
            "digit first"
        )
    if not new.roles and not may_wait:
        raise ConflictError(
            f"account {new.name}: no role; there are: {', '.join(ROLES)}; without any it is refused everything"
        )
    if transaction.one(_ONE, {"name": new.name}) is not None:
        raise ConflictError(
            f"account {new.name} exists; change its roles or password, or choose another name"
        )
    transaction.run(
        _ADD,
        {
            "name": new.name,
            "display_name": new.display_name,
            "password_hash": new.password_hash,
            "roles": joined((), new.roles),
            "failures": 0,
            "must_change": new.must_change,
            "oidc_issuer": None if new.oidc is None else new.oidc.issuer,
            "oidc_subject": None if new.oidc is None else new.oidc.subject,
            "created_at": to_micros(now),
        },
    )


def begin_attempt(transaction: Transaction, name: str, now: datetime, lock: LockOut) -> Attempt:
    """Count an attempt to sign in as ``name``, as a failure until it turns out well."""
    row = transaction.one(_ONE, {"name": name})
    if row is None:
        return Attempt(name=name, open=False)
    found, hashed = account_of(row), row[_COLUMNS.index("password_hash")]
    is_locked = found.locked_until is not None and found.locked_until > now
    if is_locked or found.disabled_at is not None or hashed is None:
        return Attempt(name=name, open=False, known=True, password_hash=hashed, failures=found.failures)
    failures = found.failures + 1
    wait = lock.wait(failures)
    until = None if wait is None else to_micros(now + wait)
    transaction.run(_COUNT, {"name": name, "failures": failures, "locked_until": until})
    return Attempt(
        name=name,
        open=True,
        known=True,
        password_hash=hashed,
        must_change=found.must_change,
        failures=failures,
        locked=wait is not None,
    )


def enter(transaction: Transaction, attempt: Attempt, now: datetime, rehashed: str | None = None) -> bool:
    """The password was right: forget the failures. ``rehashed``: the same password by newer parameters. False: the
    account was disabled, or its password changed, in the meantime."""
    row = transaction.one(_ONE, {"name": attempt.name})
    if row is None or account_of(row).disabled_at is not None:
        return False
    if row[_COLUMNS.index("password_hash")] != attempt.password_hash:
        return False
    transaction.run(_ENTER, {"name": attempt.name, "now": to_micros(now)})
    if rehashed is not None:
        transaction.run(_REHASH, {"name": attempt.name, "before": attempt.password_hash, "after": rehashed})
    return True


def enter_vouched(transaction: Transaction, name: str, now: datetime) -> None:
    """An identity provider has vouched for this account just now."""
    transaction.run(_ENTER, {"name": name, "now": to_micros(now)})


def find_subject(transaction: Transaction, subject: Subject) -> Account | None:
    """The account of this person at an identity provider."""
    row = transaction.one(_BY_SUBJECT, msgspec.structs.asdict(subject))
    return None if row is None else account_of(row)


def has_name(transaction: Transaction, name: str) -> bool:
    """Whether some account is called so."""
    return transaction.one(_ONE, {"name": name}) is not None


def require_account(transaction: Transaction, name: str) -> Account:
    """The account, locked until the end of the transaction. NotFoundError: there is none."""
    found = lock_account(transaction, name)
    if found is None:
        raise NotFoundError(f"there is no account {name!r}")
    return found


def lock_account(transaction: Transaction, name: str) -> Account | None:
    """The account if there is one, locked until the end of the transaction."""
    row = transaction.one(_ONE, {"name": name})
    return None if row is None else account_of(row)


def set_password(transaction: Transaction, name: str, hashed: str, *, must_change: bool) -> None:
    """Another password; failures and a lock are forgotten."""
    transaction.run(_PASSWORD, {"name": name, "hash": hashed, "must_change": must_change})


def set_roles(transaction: Transaction, name: str, named: frozenset[Role]) -> None:
    """What the account is for."""
    transaction.run(_ROLES, {"name": name, "roles": joined((), named)})


def unlock(transaction: Transaction, name: str) -> None:
    """Forget failures and a lock."""
    transaction.run(_UNLOCK, {"name": name})


def disable(transaction: Transaction, name: str, now: datetime) -> bool:
    """Nobody signs in as ``name`` any more; False when that was so already."""
    return transaction.run(_DISABLE, {"name": name, "now": to_micros(now)}) > 0


def enable(transaction: Transaction, name: str) -> bool:
    """Undo ``disable``; False when there was nothing to undo."""
    return transaction.run(_ENABLE, {"name": name}) > 0


def list_accounts(connection: sa.Connection) -> Sequence[Account]:
    """Every account, by name."""
    columns = [account.c[name] for name in _COLUMNS]
    return [
        account_of(tuple(row)) for row in connection.execute(sa.select(*columns).order_by(account.c.name))
    ]


def find_account(connection: sa.Connection, name: str) -> Account | None:
    """The account ``name``."""
    columns = [account.c[each] for each in _COLUMNS]
    row = connection.execute(sa.select(*columns).where(account.c.name == name)).one_or_none()
    return None if row is None else account_of(tuple(row))


def has_accounts(connection: sa.Connection) -> bool:
    """Whether anybody could sign in."""
    question = sa.select(account.c.name).where(account.c.disabled_at.is_(None)).limit(1)
    return connection.execute(question).first() is not None


def account_of(row: Row) -> Account:
    """A row of the columns that an account is made of."""
    values = dict(zip(_COLUMNS, row, strict=True))
    return Account(
        name=values["name"],
        display_name=values["display_name"],
        roles=roles(values["roles"].split()),
        password=values["password_hash"] is not None,
        oidc=values["oidc_subject"] is not None,
        must_change=bool(values["must_change"]),
        failures=values["failures"],
        locked_until=maybe_from_micros(values["locked_until"]),
        created_at=from_micros(values["created_at"]),
        signed_in_at=maybe_from_micros(values["signed_in_at"]),
        disabled_at=maybe_from_micros(values["disabled_at"]),
    )
