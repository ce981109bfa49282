"""Accounts of people: a list, one account with its sessions, and what administrators change of them.

Invariant: a generated password is shown on the answer of its own request, which no browser keeps, and never again.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.accounts import AccountList, AccountName, RoleList, SessionList
from gateway.api.deliveries import Reason
from gateway.console.asking import ask
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.reasons import Reasoned
from gateway.domain.dossier import NO_NUL
from gateway.domain.errors import NotFoundError
from gateway.storage.account_orders import AccountDone
from gateway.storage.accounts import scopes_of
from gateway.storage.clients import Scope
from gateway.storage.scopes import Role

_LIST = "/console/accounts"
_ONE = "/console/accounts/{account}"


class NewForm(msgspec.Struct, frozen=True, kw_only=True):
    """An account to make; its password is generated."""

    name: AccountName
    display_name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL)] | None = None
    roles: RoleList = []
    reason: Annotated[str, Meta(max_length=1000, pattern=NO_NUL)] = ""


class RolesForm(msgspec.Struct, frozen=True, kw_only=True):
    """Other roles, and why."""

    reason: Reason
    roles: RoleList = []


async def show_accounts(visit: Visit) -> Response:
    """Every account, and a form for another."""
    found = await ask(visit, "list_accounts", AccountList)
    values = {
        "accounts": found.items,
        "now": visit.now,
        "may_manage": visit.viewer.may(Scope.CLIENTS_MANAGE),
        "given": _giveable(visit),
        "roles": list(Role),
    }
    return Shown(template="accounts/list.html", values=values)


async def add_account(visit: Visit) -> Response:
    """Make an account and show its password, once."""
    form = visit.form_as(NewForm)
    body = {"name": form.name, "display_name": form.display_name, "roles": form.roles}
    body |= {"reason": form.reason.strip() or None}
    done = await ask(
        visit,
        "create_account",
        AccountDone,
        body={key: value for key, value in body.items() if value is not None},
    )
    return _password(done)


async def show_account(visit: Visit) -> Response:
    """One account with its sessions."""
    name = str(visit.path["account"])
    found = await ask(visit, "list_accounts", AccountList)
    account = next((each for each in found.items if each.name == name), None)
    if account is None:
        raise NotFoundError(f"there is no account {name!r}")
    sessions = await ask(visit, "list_account_sessions", SessionList, path={"account": name})
    values = {
        "account": account,
        "sessions": sessions.items,
        "now": visit.now,
        "own": account.name == visit.viewer.account,
        "may_manage": visit.viewer.may(Scope.CLIENTS_MANAGE),
        "reaches": account.scopes <= visit.viewer.principal.scopes,
        "given": _giveable(visit) | account.roles,
        "roles": list(Role),
    }
    return Shown(template="accounts/account.html", values=values)


async def change_roles(visit: Visit) -> Response:
    """Change what an account is for."""
    form = visit.form_as(RolesForm)
    body = {"roles": form.roles, "reason": form.reason}
    await ask(visit, "set_account_roles", AccountDone, path=visit.path, body=body)
    return _moved(visit, "accounts.roles_changed")


async def reset_password(visit: Visit) -> Response:
    """Give an account a password that works once, and show it."""
    return _password(await _changed(visit, "set_account_password"))


async def unlock_account(visit: Visit) -> Response:
    """Forget failures."""
    await _changed(visit, "unlock_account")
    return _moved(visit, "accounts.unlocked")


async def disable_account(visit: Visit) -> Response:
    """End an account's access."""
    await _changed(visit, "disable_account")
    return _moved(visit, "accounts.was_disabled")


async def enable_account(visit: Visit) -> Response:
    """Give an account its access back."""
    await _changed(visit, "enable_account")
    return _moved(visit, "accounts.was_enabled")


async def revoke_sessions(visit: Visit) -> Response:
    """End every session of an account."""
    done = await _changed(visit, "revoke_account_sessions")
    return _moved(visit, "accounts.revoked", count=done.sessions)


async def revoke_session(visit: Visit) -> Response:
    """End one session of an account."""
    done = await _changed(visit, "revoke_account_session")
    return _moved(visit, "accounts.revoked", count=done.sessions)


async def _changed(visit: Visit, route: str) -> AccountDone:
    return await ask(
        visit, route, AccountDone, path=visit.path, body={"reason": visit.form_as(Reasoned).reason}
    )


def _moved(visit: Visit, message: str, **values: int) -> Moved:
    name = str(visit.path["account"])
    return Moved(to=f"{_LIST}/{name}", message=message, values={"name": name, **values})


def _password(done: AccountDone) -> Shown:
    return Shown(template="accounts/password.html", values={"title": "accounts.password_title", "done": done})


def _giveable(visit: Visit) -> frozenset[Role]:
    """Roles whose rights the viewer has, so gives alone."""
    own = visit.viewer.principal.scopes
    return frozenset(role for role in Role if scopes_of(frozenset({role})) <= own)


PAGES: tuple[Page, ...] = (
    Page(
        path=_LIST,
        name="accounts",
        title="accounts.title",
        scope=Scope.CLIENTS_READ,
        view=show_accounts,
        group="people",
    ),
    Page(path=_ONE, name="account", title="accounts.one", scope=Scope.CLIENTS_READ, view=show_account),
)
_MANAGE = Scope.CLIENTS_MANAGE
ACTIONS: tuple[Action, ...] = (
    Action(path=_LIST, name="accounts", scope=_MANAGE, view=add_account, form=NewForm),
    Action(path=f"{_ONE}/roles", name="account", scope=_MANAGE, view=change_roles, form=RolesForm),
    Action(path=f"{_ONE}/password", name="account", scope=_MANAGE, view=reset_password, form=Reasoned),
    Action(path=f"{_ONE}/unlock", name="account", scope=_MANAGE, view=unlock_account, form=Reasoned),
    Action(path=f"{_ONE}/disable", name="account", scope=_MANAGE, view=disable_account, form=Reasoned),
    Action(path=f"{_ONE}/enable", name="account", scope=_MANAGE, view=enable_account, form=Reasoned),
    Action(path=f"{_ONE}/revoke", name="account", scope=_MANAGE, view=revoke_sessions, form=Reasoned),
    Action(
        path=f"{_ONE}/sessions/{{session}}/revoke",
        name="account",
        scope=_MANAGE,
        view=revoke_session,
        form=Reasoned,
    ),
)
