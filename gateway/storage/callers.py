"""What whoever calls may do at this moment, and whom it is about: read and locked in the unit that changes it.

Invariant: rights that were taken away in a transaction before this one are gone. Rows are locked in one order, so that two
who change each other come one after the other and the second one finds what the first one has done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.domain.errors import NotFoundError
from gateway.storage.accounts import Account, lock_account
from gateway.storage.clients import LockedClient, Principal, lock_client
from gateway.storage.scopes import Scope

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

PERSON = "console/"


def is_person(caller: Principal) -> bool:
    """Whether a person of the console calls, and no API client."""
    return caller.client.startswith(PERSON)


def account_now(
    transaction: Transaction, caller: Principal, name: str | None
) -> tuple[frozenset[Scope], Account | None]:
    """The scopes of ``caller`` of those that it was let in with, and the account ``name`` (None: there is none yet)."""
    own = caller.client.removeprefix(PERSON) if is_person(caller) else None
    named = sorted({each for each in (own, name) if each is not None})
    found = {each: lock_account(transaction, each) for each in named}
    about = None if name is None else found[name]
    if own is None:
        return _of_client(lock_client(transaction, caller.client), caller), about
    person = found[own]
    if person is None or person.disabled_at is not None:
        return frozenset(), about
    return person.scopes & caller.scopes, about


def client_now(
    transaction: Transaction, caller: Principal, name: str
) -> tuple[frozenset[Scope], LockedClient | None]:
    """The scopes of ``caller`` of those that it was let in with, and the client ``name`` (None: there is none yet)."""
    if is_person(caller):
        return account_now(transaction, caller, None)[0], lock_client(transaction, name)
    found = {each: lock_client(transaction, each) for each in sorted({caller.client, name})}
    return _of_client(found[caller.client], caller), found[name]


def require_found(account: Account | None, name: str) -> Account:
    """``account``; NotFoundError when there is none."""
    if account is None:
        raise NotFoundError(f"there is no account {name!r}")
    return account


def _of_client(found: LockedClient | None, caller: Principal) -> frozenset[Scope]:
    if found is None or found.disabled:
        return frozenset()
    return found.scopes & caller.scopes
