"""Accounts of people over HTTP: who may sign in to the console, with what roles, and their sessions.

Invariants: a password comes in once and never out, but a generated one in one answer; nobody gives rights, or takes over an
account with rights, that it does not have itself; nobody takes away its own. Both sides' rights are judged in the unit that
changes the account.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.accounts.passwords import LONGEST, SHORTEST, faults, generated, passwords
from gateway.api.deliveries import Reason, Reasoned
from gateway.api.problem import Refused, invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import NO_NUL
from gateway.domain.errors import ApprovalRequired, ConflictError, NotFoundError
from gateway.domain.violation import Violation
from gateway.storage.account_grants import add_account, give_roles, lacking
from gateway.storage.account_orders import (
    AccountDone,
    AccountOrder,
    AddAccount,
    DisableAccount,
    EnableAccount,
    RevokeSessions,
    SetPassword,
    SetRoles,
    UnlockAccount,
    manage_account,
)
from gateway.storage.accounts import NAME, Account, NewAccount, find_account, list_accounts, scopes_of
from gateway.storage.callers import PERSON, account_now, is_person, require_found
from gateway.storage.clients import Principal, Scope
from gateway.storage.database import Transaction
from gateway.storage.oversight import Dangerous
from gateway.storage.scopes import Role
from gateway.storage.sessions import Session, list_sessions

AccountName = Annotated[
    str,
    Meta(
        pattern=NAME,
        description="Signs in with it, and stands in histories: lower-case letters, digits and . _ @ -.",
        examples=["tran.thi.mau"],
    ),
]
Password = Annotated[
    str,
    Meta(
        min_length=SHORTEST,
        max_length=LONGEST,
        description="Works once: whoever signs in with it chooses another. Left out: one is made, and shown this once.",
    ),
]
Judge = Callable[[frozenset[Scope], Account], None]
"""Refuses what may not be done to an account by somebody who may do so much."""
RoleList = Annotated[list[Role], Meta(min_length=1, max_length=len(Role))]


class NewAccountBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to make. ``display_name``: for people; its name if left out. ``reason``: for the second person, where one
    is needed."""

    name: AccountName
    roles: RoleList
    display_name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL)] | None = None
    password: Password | None = None
    reason: Reason | None = None


class RolesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account is for from now on."""

    roles: RoleList
    reason: Reason


class PasswordBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another password, and why."""

    reason: Reason
    password: Password | None = None


class AccountList(msgspec.Struct, frozen=True, kw_only=True):
    """Every account."""

    items: list[Account]


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """The live sessions of one account, the last used first."""

    items: list[Session]


async def get_accounts(api: Api, _call: Call) -> Answer:
    """Every account, by name."""
    return Answer(value=AccountList(items=list(await api.gateway.database.read(list_accounts))))


async def create_account(api: Api, call: Call) -> Answer:
    """Make an account; a generated password is shown this once."""
    body = call.body_as(NewAccountBody)
    named = frozenset(body.roles)
    shown, hashed = await _password(body.password, body.name)
    new = NewAccount(
        name=body.name,
        display_name=body.display_name or body.name,
        roles=named,
        password_hash=hashed,
        must_change=True,
    )
    order = AddAccount(actor=call.actor, reason=body.reason or "", now=api.now, new=new)

    def unit(tx: Transaction) -> AccountDone:
        own, _ = account_now(tx, _caller(call), None)
        _require_still(call, own)
        if not is_person(_caller(call)):
            _require_own(call, own, scopes_of(named), f"give account {body.name}")
        beyond = not scopes_of(named) <= own
        if body.reason is None and (beyond or (lacking(named, own) and _needs_two(api))):
            raise _no_reason(body.name)
        return add_account(tx, order, own)

    done = await api.gateway.database.write(unit)
    return Answer(value=msgspec.structs.replace(done, password=shown), status=201)


async def set_roles(api: Api, call: Call) -> Answer:
    """Change what an account is for."""
    name, body = _name(call), call.body_as(RolesBody)
    _require_other(call, name, "change its own roles")
    named = frozenset(body.roles)
    order = SetRoles(actor=call.actor, reason=body.reason, now=api.now, account=name, roles=named)

    def unit(tx: Transaction) -> AccountDone | ApprovalRequired:
        own, found = _judged(tx, call, name)
        if not is_person(_caller(call)):
            _require_own(call, own, scopes_of(named) - found.scopes, f"give account {name}")
        return give_roles(tx, order, own)

    done = await api.gateway.database.write(unit)
    if isinstance(done, ApprovalRequired):
        raise done
    api.access.forget_accounts()
    return Answer(value=done)


async def set_password(api: Api, call: Call) -> Answer:
    """Give an account a password that works once; every session of it ends."""
    name, body = _name(call), call.body_as(PasswordBody)
    shown, hashed = await _password(body.password, name)
    order = SetPassword(actor=call.actor, reason=body.reason, now=api.now, account=name, password_hash=hashed)

    def judge(own: frozenset[Scope], found: Account) -> None:
        if not found.password:
            raise ConflictError(f"account {name} signs in at the identity provider and has no password here")
        _require_own(call, own, found.scopes, f"take over account {name}, which has")
        _require_no_second(api, call, found)

    return Answer(value=msgspec.structs.replace(await _done(api, call, order, judge), password=shown))


async def unlock_account(api: Api, call: Call) -> Answer:
    """Forget an account's failures."""
    order = UnlockAccount(account=_name(call), **_why(api, call))
    return Answer(value=await _done(api, call, order))


async def disable_account(api: Api, call: Call) -> Answer:
    """Nobody signs in as this account any more, and its sessions end."""
    name = _name(call)
    _require_other(call, name, "disable itself")
    return Answer(value=await _done(api, call, DisableAccount(account=name, **_why(api, call))))


async def enable_account(api: Api, call: Call) -> Answer:
    """Undo a disabling."""
    name = _name(call)

    def judge(own: frozenset[Scope], found: Account) -> None:
        _require_own(call, own, found.scopes, f"enable account {name}, which has")

    order = EnableAccount(account=name, **_why(api, call))
    return Answer(value=await _done(api, call, order, judge))


async def get_sessions(api: Api, call: Call) -> Answer:
    """The live sessions of an account."""
    name = _name(call)
    await _found(api, name)
    return Answer(value=SessionList(items=await sessions_of(api, name)))


async def revoke_sessions(api: Api, call: Call) -> Answer:
    """End every session of an account."""
    order = RevokeSessions(account=_name(call), **_why(api, call))
    return Answer(value=await _done(api, call, order))


async def revoke_session(api: Api, call: Call) -> Answer:
    """End one session of an account."""
    session = str(call.path["session"])
    order = RevokeSessions(account=_name(call), session=session, **_why(api, call))
    return Answer(value=await _done(api, call, order))


async def sessions_of(api: Api, name: str) -> list[Session]:
    """The live sessions of ``name``; a person's own are nobody's leave but its own."""
    idle = timedelta(seconds=api.gateway.settings.console.idle)
    return list(await api.gateway.database.read(partial(list_sessions, name=name, now=api.now, idle=idle)))


async def own_account(api: Api, name: str) -> Account:
    """What a person is told of its own account."""
    return await _found(api, name)


async def revoke_own(api: Api, name: str, actor: str, *, session: str | None, but: str = "0") -> AccountDone:
    """A person ends a session of its own, or all but the one that it asks from."""
    order = RevokeSessions(actor=actor, reason="", now=api.now, account=name, session=session, but=but)
    done = await api.gateway.database.write(lambda tx: manage_account(tx, order))
    api.access.forget_accounts()
    return done


async def _done(api: Api, call: Call, order: AccountOrder, judge: Judge | None = None) -> AccountDone:
    """``order`` carried out, if caller and account are then as they have to be: two administrators may act at once."""

    def unit(tx: Transaction) -> AccountDone:
        own, found = _judged(tx, call, _name(call))
        if judge is not None:
            judge(own, found)
        return manage_account(tx, order)

    done = await api.gateway.database.write(unit)
    api.access.forget_accounts()
    return done


def _judged(transaction: Transaction, call: Call, name: str) -> tuple[frozenset[Scope], Account]:
    """What the caller may do now, and the account as it is now; both stay so until the unit has ended."""
    own, found = account_now(transaction, _caller(call), name)
    _require_still(call, own)
    return own, require_found(found, name)


def _why(api: Api, call: Call) -> dict[str, Any]:
    return {"actor": call.actor, "reason": call.body_as(Reasoned).reason, "now": api.now}


def _name(call: Call) -> str:
    return str(call.path["account"])


async def _found(api: Api, name: str) -> Account:
    found = await api.gateway.database.read(partial(find_account, name=name))
    if found is None:
        raise NotFoundError(f"there is no account {name!r}")
    return found


async def _password(given: str | None, name: str) -> tuple[str | None, str]:
    """What to show of a password, if anything, and what to store."""
    if given is None:
        made = generated()
        return made, await passwords().hash(made)
    fault = faults(given, name)
    if fault is not None:
        raise invalid(
            "the password is not fit",
            Violation(
                pointer="/password",
                code=fault,
                got="(not shown)",
                expected=f"at least {SHORTEST} printable characters, not easy to guess, without the account's name",
                advice="choose another, or leave it out to have one made",
            ),
        )
    return None, await passwords().hash(given)


def _needs_two(api: Api) -> bool:
    return Dangerous.GRANT in api.gateway.database.oversight.required


def _require_no_second(api: Api, call: Call, found: Account) -> None:
    """Refuse (403) to take over somebody who decides about roles: that would be one's own second person."""
    other = call.client != f"{PERSON}{found.name}"
    if other and Scope.CLIENTS_MANAGE in found.scopes and _needs_two(api):
        raise Refused(
            "forbidden",
            f"account {found.name} decides about roles, so nobody else gives it a password; use the command line on the "
            "machine",
        )


def _caller(call: Call) -> Principal:
    if call.principal is None:
        raise TypeError("nobody is known to have called; the row has no scope")
    return call.principal


def _require_still(call: Call, own: frozenset[Scope]) -> None:
    """Refuse (403) somebody whose rights were taken away since it was let in."""
    if Scope.CLIENTS_MANAGE not in own:
        raise Refused(
            "forbidden", f"{call.client} may not decide about accounts any more; nothing was changed"
        )


def _no_reason(name: str) -> Refused:
    return invalid(
        f"account {name} is to have roles that you lack, which a second person has to approve",
        Violation(
            pointer="/reason",
            code="missing",
            got="nothing",
            expected="why this person needs these roles",
            advice="write a reason: the second person decides by it",
        ),
    )


def _require_other(call: Call, name: str, what: str) -> None:
    if call.client == f"{PERSON}{name}":
        raise ConflictError(f"account {name} cannot {what}; ask another administrator")


def _require_own(call: Call, own: frozenset[Scope], scopes: frozenset[Scope], what: str) -> None:
    """Refuse (403) to hand out what the caller does not have itself."""
    missing = sorted(scopes - own)
    if missing:
        raise Refused(
            "forbidden",
            f"{call.client} cannot {what} {', '.join(missing)}: it does not have that itself; ask somebody who has, or "
            "use the command line",
        )
