"""What people do about accounts: make one, change its roles or password, unlock, disable, enable, end sessions.

Invariant: every change is one transaction with its actor, and with its reason where one is asked for; no password and no
hash of one stands in what is written down. Whatever takes rights away ends the sessions that had them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.accounts import (
    NewAccount,
    create_account,
    disable,
    enable,
    require_account,
    set_password,
    set_roles,
    unlock,
)
from gateway.storage.operator_log import write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action
from gateway.storage.scopes import Role
from gateway.storage.sessions import end_session, end_sessions

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class AddAccount(Instruction, frozen=True, kw_only=True):
    """Make an account. ``waiting``: roles that a second person is asked for; with them it may begin without any."""

    new: NewAccount
    waiting: frozenset[Role] = frozenset()


class SetRoles(Instruction, frozen=True, kw_only=True):
    """Change what an account is for. Its sessions go on with the new roles. ``permit``: who approved it, for the record."""

    account: str
    roles: frozenset[Role]
    permit: dict[str, str] = msgspec.field(default_factory=dict)


class SetPassword(Instruction, frozen=True, kw_only=True):
    """Give an account another password; its sessions end, except ``but``."""

    account: str
    password_hash: str
    must_change: bool = True
    but: str = "0"


class UnlockAccount(Instruction, frozen=True, kw_only=True):
    """Forget failures and a lock."""

    account: str


class DisableAccount(Instruction, frozen=True, kw_only=True):
    """Nobody signs in any more, and every session ends."""

    account: str


class EnableAccount(Instruction, frozen=True, kw_only=True):
    """Undo a disabling."""

    account: str


class RevokeSessions(Instruction, frozen=True, kw_only=True):
    """End one session of an account, or all of them but ``but``."""

    account: str
    session: str | None = None
    but: str = "0"


class AccountDone(msgspec.Struct, frozen=True, kw_only=True):
    """An account was made or changed. ``changed`` False: it was so already. ``sessions``: how many ended.
    ``password``: a generated one, shown this once. ``approval``: what its other roles wait for."""

    account: str
    action: str
    changed: bool = True
    sessions: int = 0
    password: str | None = None
    approval: str | None = None


AccountOrder: TypeAlias = (
    AddAccount | SetRoles | SetPassword | UnlockAccount | DisableAccount | EnableAccount | RevokeSessions
)


def manage_account(transaction: Transaction, order: AccountOrder) -> AccountDone:
    """Carry out ``order``. ConflictError: the state does not allow it; NotFoundError: there is no such account."""
    if isinstance(order, AddAccount):
        create_account(transaction, order.new, order.now, may_wait=bool(order.waiting))
    done, detail = _carried_out(transaction, order)
    told = detail | {"changed": done.changed, "sessions": done.sessions}
    action = Action(
        actor=order.actor,
        verb=done.action,
        target=target_of(done.account),
        reason=order.reason,
        now=order.now,
        detail=told,
    )
    write_action(transaction, action)
    return done


def _carried_out(transaction: Transaction, order: AccountOrder) -> tuple[AccountDone, dict[str, Any]]:
    """What was done, and what is written down of it beside that."""
    name = order.new.name if isinstance(order, AddAccount) else order.account
    found, detail = require_account(transaction, name), dict[str, Any]()
    verb, changed, sessions = "", True, 0
    match order:
        case AddAccount(new=new, waiting=waiting):
            verb, detail = "create", {"roles": sorted(new.roles), "display_name": new.display_name}
            detail |= {"waiting": sorted(waiting)} if waiting else {}
        case SetRoles(roles=wanted, permit=permit):
            if not wanted:
                raise ConflictError(f"account {name}: give it a role, or disable it")
            set_roles(transaction, name, wanted)
            verb, changed = "roles", found.roles != wanted
            detail = {"before": sorted(found.roles), "after": sorted(wanted), **permit}
        case SetPassword(password_hash=hashed, must_change=must_change):
            set_password(transaction, name, hashed, must_change=must_change)
            verb, detail = "password", {"must_change": must_change}
            sessions = end_sessions(transaction, name, order.now, but=order.but)
        case UnlockAccount():
            unlock(transaction, name)
            verb, changed, detail = "unlock", found.failures > 0, {"failures": found.failures}
        case DisableAccount():
            verb, changed = "disable", disable(transaction, name, order.now)
            sessions = end_sessions(transaction, name, order.now)
        case EnableAccount():
            verb, changed = "enable", enable(transaction, name)
        case RevokeSessions():
            verb, sessions, detail = "revoke", _revoked(transaction, order), {"session": order.session}
        case _:
            assert_never(order)
    return AccountDone(account=name, action=f"account.{verb}", changed=changed, sessions=sessions), detail


def _revoked(transaction: Transaction, order: RevokeSessions) -> int:
    if order.session is None:
        return end_sessions(transaction, order.account, order.now, but=order.but)
    if not order.session.isdecimal() or int(order.session) >= 1 << 63:
        raise NotFoundError(f"account {order.account} has no session {order.session[:40]!r}")
    if not end_session(transaction, order.account, order.session, order.now):
        raise NotFoundError(f"account {order.account} has no live session {order.session}")
    return 1


def target_of(name: str) -> str:
    """What an account is called where people's actions are written down."""
    return f"account:{name}"
