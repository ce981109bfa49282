"""``lienthong accounts``: who may sign in to the console; on the database, or through a running gateway.

Invariant: a password is typed at a prompt or comes on standard input, never as an argument that others see; one that was made
is shown once, on standard output, and works once.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, assert_never
from urllib.parse import quote

import typer

from gateway.cli.options import Actor, AsJson, Changing, Way, examples, group, roles_of, spread

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.storage.account_orders import AccountDone, AccountOrder
    from gateway.storage.accounts import Account
    from gateway.storage.sessions import Session

app = group("People's accounts of the console: add, list, change, lock out, and their sessions.")
PATH = "/v1/accounts"
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The account: lower-case letters, digits and . _ @ -")
]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role",
        help="What it is for: submitter, operator, auditor, administrator; repeat the option.",
        show_default=False,
    ),
]
Generate = Annotated[
    bool, typer.Option("--generate", help="Make a password and print it, once, instead of asking for one.")
]


@app.command(
    "add",
    epilog=examples(
        "lienthong accounts add quan.tri --role administrator --generate",
        "lienthong accounts add tran.thi.mau --name 'Trần Thị Mẫu' --role operator",
        "lienthong accounts add thanh.tra --role auditor --url https://gateway.h99.example --key-file admin.key",
    ),
)
@spread
def add(
    account: Name,
    *,
    role: Roles,
    name: Annotated[str, typer.Option(help="The person's name; the account's if left out.")] = "",
    generate: Generate = False,
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Make an account. Its password works once: whoever signs in with it chooses another."""
    from gateway.cli.orders import actor_of
    from gateway.storage.account_orders import AddAccount
    from gateway.storage.accounts import NewAccount

    password = _password(account, generate=generate)
    hashed = None if way.url is not None else _hashed(password)
    new = NewAccount(
        name=account,
        display_name=name or account,
        roles=roles_of(role),
        password_hash=hashed,
        must_change=True,
    )
    order = AddAccount(actor=actor_of(actor), reason="", now=datetime.now(UTC), new=new)
    _show(_manage(way, order, password, operator=actor), password if generate else None, as_json=as_json)


@app.command("list", epilog=examples("lienthong accounts list", "lienthong accounts list --json"))
@spread
def list_(*, way: Way, as_json: AsJson = False) -> None:
    """List accounts; passwords are never shown."""
    from gateway.cli.opening import ask, run
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.accounts import list_accounts

    found = list(ask(way.config, list_accounts)) if way.url is None else run(_listed(way))
    if as_json:
        print_json(found)
        return
    heads = ("account", "name", "roles", "signs in by", "failures", "locked until", "last in", "disabled")
    console().print(table(heads, map(_row, found)))


def _row(each: Account) -> tuple[object, ...]:
    ways = [word for word, has in (("password", each.password), ("identity provider", each.oidc)) if has]
    return (
        *(each.name, each.display_name, " ".join(sorted(each.roles)), ", ".join(ways), each.failures or None),
        *(each.locked_until, each.signed_in_at, each.disabled_at),
    )


@app.command(
    "roles",
    epilog=examples(
        "lienthong accounts roles tran.thi.mau --role operator --role auditor --reason 'covers for a colleague'"
    ),
)
@spread
def roles(account: Name, *, role: Roles, by: Changing) -> None:
    """Change what an account is for; its sessions go on with the new roles."""
    from gateway.storage.account_orders import SetRoles

    _show_changed(by, SetRoles(account=account, roles=roles_of(role), **by.instruction))


@app.command(
    "password",
    epilog=examples(
        "lienthong accounts password tran.thi.mau --generate --reason 'forgotten'",
        "lienthong accounts password tran.thi.mau --reason 'forgotten' < first-password.txt",
    ),
)
@spread
def password(account: Name, *, generate: Generate = False, by: Changing) -> None:
    """Give an account a password that works once; its sessions end and a lock is undone."""
    from gateway.storage.account_orders import SetPassword

    instruction = by.instruction
    secret = _password(account, generate=generate)
    hashed = "" if by.way.url is not None else _hashed(secret)
    order = SetPassword(account=account, password_hash=hashed, **instruction)
    done = _manage(by.way, order, secret, operator=by.actor)
    _show(done, secret if generate else None, as_json=by.as_json)


@app.command("unlock", epilog=examples("lienthong accounts unlock tran.thi.mau --reason 'it was herself'"))
@spread
def unlock(account: Name, *, by: Changing) -> None:
    """Forget failures to sign in, so that nobody has to wait."""
    from gateway.storage.account_orders import UnlockAccount

    _show_changed(by, UnlockAccount(account=account, **by.instruction))


@app.command("disable", epilog=examples("lienthong accounts disable tran.thi.mau --reason 'has left'"))
@spread
def disable(account: Name, *, by: Changing) -> None:
    """Nobody signs in as this account any more; its sessions end."""
    from gateway.storage.account_orders import DisableAccount

    _show_changed(by, DisableAccount(account=account, **by.instruction))


@app.command("enable", epilog=examples("lienthong accounts enable tran.thi.mau --reason 'is back'"))
@spread
def enable(account: Name, *, by: Changing) -> None:
    """Undo a disabling."""
    from gateway.storage.account_orders import EnableAccount

    _show_changed(by, EnableAccount(account=account, **by.instruction))


@app.command("sessions", epilog=examples("lienthong accounts sessions tran.thi.mau"))
@spread
def sessions(account: Name, *, way: Way, as_json: AsJson = False) -> None:
    """List the live sessions of an account, the last used first."""
    from gateway.cli.opening import run
    from gateway.cli.screen import console, print_json, table

    found = _stored_sessions(way, account) if way.url is None else run(_remote_sessions(way, account))
    if as_json:
        print_json(found)
        return
    rows = [
        (each.id, each.created_at, each.seen_at, each.expires_at, each.peer, each.agent) for each in found
    ]
    console().print(table(("session", "begun", "last used", "ends", "from", "browser"), rows))


@app.command(
    "revoke",
    epilog=examples(
        "lienthong accounts revoke tran.thi.mau --reason 'a lost phone'",
        "lienthong accounts revoke tran.thi.mau --session 250367648418762752 --reason 'a lost phone'",
    ),
)
@spread
def revoke(
    account: Name,
    *,
    session: Annotated[str | None, typer.Option(help="Only this one.", show_default=False)] = None,
    by: Changing,
) -> None:
    """End the sessions of an account, within ten seconds in every process."""
    from gateway.storage.account_orders import RevokeSessions

    _show_changed(by, RevokeSessions(account=account, session=session, **by.instruction))


def _password(account: str, *, generate: bool) -> str:
    """A fresh password, one typed twice, or the first line of standard input."""
    from gateway.accounts.passwords import SHORTEST, faults, generated
    from gateway.domain.errors import ConfigurationError

    if generate:
        return generated()
    if sys.stdin.isatty():
        given = str(typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    fault = faults(given, account)
    if fault is not None:
        raise ConfigurationError(
            f"the password is not fit ({fault}): at least {SHORTEST} printable characters, not easy to guess, without "
            "the account's name; or --generate one"
        )
    return given


def _hashed(secret: str) -> str:
    from gateway.accounts.passwords import passwords

    return passwords().hash_now(secret)


def _show_changed(by: Changing, order: AccountOrder) -> None:
    _show(_manage(by.way, order, operator=by.actor), None, as_json=by.as_json)


def _show(done: AccountDone, secret: str | None, *, as_json: bool) -> None:
    import msgspec

    from gateway.cli.exits import complain
    from gateway.cli.screen import print_json

    if as_json:
        print_json(msgspec.structs.replace(done, password=secret))
        return
    if secret is not None:
        print(secret, flush=True)
        complain(f"the password of {done.account}: it works once and is not shown again")
        return
    ended = f"; {done.sessions} sessions ended" if done.sessions else ""
    print(f"{done.account}: {done.action}{'' if done.changed else ', as it was already'}{ended}")


def _manage(
    way: Way, order: AccountOrder, secret: str | None = None, *, operator: str | None = None
) -> AccountDone:
    from gateway.cli.opening import run

    if way.url is None:
        return run(_on_database(way.settings, order))
    return run(_through_api(way, order, secret, operator))


async def _on_database(settings: Settings, order: AccountOrder) -> AccountDone:
    """One change of the database; on SQLite no gateway may run meanwhile."""
    from gateway.cli.opening import writing
    from gateway.storage.account_orders import manage_account

    with writing(settings, instead="work through its API: --url URL --key-file FILE") as database:
        return await database.write(lambda tx: manage_account(tx, order))


async def _through_api(
    way: Way, order: AccountOrder, secret: str | None, operator: str | None
) -> AccountDone:
    from gateway.cli.remote import api_of
    from gateway.storage.account_orders import AccountDone

    path, body = _call(order, secret)
    async with api_of(way, operator) as remote:
        return await remote.post(path, body, AccountDone)


def _call(order: AccountOrder, secret: str | None) -> tuple[str, dict[str, Any]]:
    """The API's address for an order, and what it takes."""
    from gateway.storage import account_orders as orders

    if isinstance(order, orders.AddAccount):
        new = order.new
        named = {"name": new.name, "display_name": new.display_name, "roles": sorted(new.roles)}
        return PATH, named | {"password": secret}
    body: dict[str, Any] = {"reason": order.reason}
    match order:
        case orders.SetRoles(roles=wanted):
            verb = "roles"
            body |= {"roles": sorted(wanted)}
        case orders.SetPassword():
            verb = "password"
            body |= {"password": secret}
        case orders.RevokeSessions(session=session):
            verb = "revoke" if session is None else f"sessions/{quote(session, safe='')}/revoke"
        case orders.UnlockAccount():
            verb = "unlock"
        case orders.DisableAccount():
            verb = "disable"
        case orders.EnableAccount():
            verb = "enable"
        case _:
            assert_never(order)
    return f"{PATH}/{quote(order.account, safe='')}/{verb}", body


async def _listed(way: Way) -> list[Account]:
    from gateway.api.accounts import AccountList
    from gateway.cli.remote import get_from

    return (await get_from(way, PATH, AccountList)).items


def _stored_sessions(way: Way, account: str) -> list[Session]:
    from gateway.cli.opening import reading
    from gateway.domain.errors import NotFoundError
    from gateway.storage.accounts import find_account
    from gateway.storage.sessions import list_sessions

    settings = way.settings
    idle = timedelta(seconds=settings.console.idle)
    with reading(settings) as database:
        if database.ask(partial(find_account, name=account)) is None:
            raise NotFoundError(f"there is no account {account!r}")
        question = partial(list_sessions, name=account, now=datetime.now(UTC), idle=idle)
        return list(database.ask(question))


async def _remote_sessions(way: Way, account: str) -> list[Session]:
    from gateway.api.accounts import SessionList
    from gateway.cli.remote import get_from

    return (await get_from(way, f"{PATH}/{quote(account, safe='')}/sessions", SessionList)).items
