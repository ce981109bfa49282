"""Rows of the table: accounts of the console."""

from __future__ import annotations

from gateway.api.accounts import (
    AccountList,
    NewAccountBody,
    PasswordBody,
    RolesBody,
    SessionList,
    create_account,
    disable_account,
    enable_account,
    get_accounts,
    get_sessions,
    revoke_session,
    revoke_sessions,
    set_password,
    set_roles,
    unlock_account,
)
from gateway.api.deliveries import Reasoned
from gateway.api.route import Body, Handler, Route, Success
from gateway.api.table_operations import action
from gateway.storage.account_orders import AccountDone
from gateway.storage.clients import Scope
from gateway.storage.scopes import Role

_REASON = {"reason": "she has moved to another office"}
_ONE = "/v1/accounts/{account}"


def _change(
    verb: str, name: str, handler: Handler, texts: tuple[str, str], body: Body | None = None
) -> Route:
    """A change of one account; ``texts``: summary and description."""
    return action(
        f"{_ONE}/{verb}",
        name,
        handler,
        summary=texts[0],
        description=texts[1],
        body=body or Body(kind=Reasoned, example=_REASON),
        done=AccountDone,
        scope=Scope.CLIENTS_MANAGE,
        problems=("conflict",),
    )


ACCOUNTS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/accounts",
        name="list_accounts",
        tag="accounts",
        scope=Scope.CLIENTS_READ,
        summary="List accounts",
        description="Who may sign in to the console, and with what roles. Passwords are never shown.",
        handler=get_accounts,
        successes=(Success(status=200, description="Every account.", kind=AccountList),),
    ),
    Route(
        method="POST",
        path="/v1/accounts",
        name="create_account",
        tag="accounts",
        scope=Scope.CLIENTS_MANAGE,
        summary="Make an account",
        description=(
            "The password works once: whoever signs in with it chooses another. An API client gives only roles whose "
            "rights it has itself. Roles that a person lacks wait for a second administrator (`approval`) where "
            "`approvals.required` names `account.grant`; the account begins with the others."
        ),
        handler=create_account,
        body=Body(
            kind=NewAccountBody,
            example={"name": "tran.thi.mau", "display_name": "Trần Thị Mẫu", "roles": [Role.OPERATOR]},
        ),
        successes=(Success(status=201, description="Made.", kind=AccountDone),),
        problems=("unreadable", "conflict"),
    ),
    action(
        f"{_ONE}/roles",
        "set_account_roles",
        set_roles,
        summary="Change the roles of an account",
        description=(
            "Its sessions go on with the new roles, within ten seconds. Nobody changes its own roles. An API client gives "
            "only what it has itself; roles that a person lacks need a second administrator (status 428 names the "
            "approval) where `approvals.required` names `account.grant`."
        ),
        body=Body(kind=RolesBody, example={"roles": [Role.AUDITOR], **_REASON}),
        done=AccountDone,
        scope=Scope.CLIENTS_MANAGE,
        problems=("conflict", "approval_required"),
    ),
    _change(
        "password",
        "set_account_password",
        set_password,
        (
            "Give an account a new password",
            "It works once, a lock is undone, and every session ends. Refused for an account with rights that the caller lacks.",
        ),
        Body(kind=PasswordBody, example=_REASON),
    ),
    _change(
        "unlock",
        "unlock_account",
        unlock_account,
        ("Unlock an account", "Failures to sign in are forgotten, so that nobody has to wait."),
    ),
    _change(
        "disable",
        "disable_account",
        disable_account,
        (
            "Disable an account",
            "Nobody signs in as this account, and its sessions end. No account disables itself.",
        ),
    ),
    _change(
        "enable",
        "enable_account",
        enable_account,
        (
            "Enable an account",
            "Undoes a disabling. Refused for an account with rights that the caller lacks.",
        ),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/sessions",
        name="list_account_sessions",
        tag="accounts",
        scope=Scope.CLIENTS_READ,
        summary="List the sessions of an account",
        description="Those that live, the last used first.",
        handler=get_sessions,
        successes=(Success(status=200, description="Its sessions.", kind=SessionList),),
    ),
    _change(
        "revoke",
        "revoke_account_sessions",
        revoke_sessions,
        ("End every session of an account", "Takes effect within ten seconds in every process."),
    ),
    _change(
        "sessions/{session}/revoke",
        "revoke_account_session",
        revoke_session,
        ("End one session of an account", "Takes effect within ten seconds in every process."),
    ),
)
