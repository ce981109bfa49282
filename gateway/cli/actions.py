"""``lienthong log actions``: who did what, when, why, to what.

Invariant: reading only; the file holds what the list shows.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gateway.cli.options import AsJson, Limit, Way, examples, spread
from gateway.cli.times import in_vietnam

if TYPE_CHECKING:
    from gateway.storage.queries_actions import ActionFilter, ActionView

EXAMPLES = examples(
    "lienthong log actions",
    "lienthong log actions --by tran.thi.mau --since 2026-09-01",
    "lienthong log actions --dossier H99.14-260928-0007 --json",
    "lienthong log actions --action payment.approve -o thao-tac.csv --limit 10000",
)
PATH = "/v1/actions"
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%z"]


class Which(NamedTuple):
    """Which actions."""

    by: Annotated[
        str | None,
        typer.Option("--by", help="Only this person or client, as the history names it.", show_default=False),
    ] = None
    action: Annotated[
        str | None, typer.Option(help="Only this kind, as the list shows it.", show_default=False)
    ] = None
    dossier: Annotated[str | None, typer.Option(help="Only this dossier.", show_default=False)] = None
    target: Annotated[str | None, typer.Option(help="Only to this.", show_default=False)] = None
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=_FORMATS, help="Done then or later; without an offset in Viet Nam.", show_default=False
        ),
    ] = None
    until: Annotated[
        datetime | None, typer.Option(formats=_FORMATS, help="Done before.", show_default=False)
    ] = None


@spread
def actions(
    *,
    which: Which,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write them as CSV here.", show_default=False),
    ] = None,
    limit: Limit = 50,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """List what people did, the newest first: who, when, why, to what."""
    from gateway.cli.opening import run
    from gateway.cli.screen import console, print_json, table

    most = limit + 1
    found = run(_through(way, which, most)) if way.url is not None else _here(way, which, most)
    found, more = found[:limit], len(found) > limit
    if output is not None:
        from gateway.reports.actions import actions_file

        output.write_bytes(actions_file(found, more=more))
    if as_json:
        print_json(found)
    elif output is None:
        console().print(table(("when", "who", "what", "to what", "why", "log entry"), map(_row, found)))


def _row(each: ActionView) -> tuple[Any, ...]:
    return each.at, each.actor, each.action, each.target, each.reason[:60], each.message


def _wanted(way: Way, which: Which) -> ActionFilter:
    from gateway.storage.queries_actions import ActionFilter

    return ActionFilter(
        actor=which.by,
        action=which.action,
        dossier=which.dossier,
        target=which.target,
        destinations=tuple(way.settings.destination),
        since=in_vietnam(which.since),
        until=in_vietnam(which.until),
    )


def _here(way: Way, which: Which, limit: int) -> list[ActionView]:
    from gateway.cli.opening import ask
    from gateway.storage.queries_actions import actions as listed

    question = partial(listed, wanted=_wanted(way, which), before=None, limit=limit)
    return ask(way.config, question)


async def _through(way: Way, which: Which, limit: int) -> list[ActionView]:
    from gateway.api.actions import ActionPage
    from gateway.cli.remote import api_of

    since, until = in_vietnam(which.since), in_vietnam(which.until)
    given = {
        "actor": which.by,
        "action": which.action,
        "dossier": which.dossier,
        "target": which.target,
        "from": None if since is None else since.isoformat(),
        "to": None if until is None else until.isoformat(),
    }
    async with api_of(way) as remote:
        return await remote.gather(PATH, given, ActionPage, most=limit)
