"""``lienthong lanes``: which lanes stand still, and what one lane waits for. Holding and releasing: ``deliveries``.

Invariant: it changes nothing.
"""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.calling import Asked, answer
from gateway.cli.options import AsJson, Limit, Way, examples, group, spread

app = group("Lanes that stand still: behind what, for how long, how many wait.")


@app.command("list", epilog=examples("lienthong lanes list", "lienthong lanes list --state held --json"))
@spread
def list_(
    *,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    state: Annotated[str | None, typer.Option(help="blocked or held.", show_default=False)] = None,
    limit: Limit = 50,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """List lanes that are blocked or held."""
    from gateway.api.failures import LanePage
    from gateway.cli.screen import console, print_json, table

    query = {"destination": destination, "state": state, "limit": limit}
    found = answer(way, Asked("list_lanes", query=query), LanePage)
    if as_json:
        print_json(found)
        return
    headings = ("dossier", "destination", "state", "since", "behind", "waits for", "who acts", "held by")
    rows = [
        (
            *(item.lane.dossier, item.lane.destination, item.lane.state, item.lane.since, item.lane.behind),
            "" if item.lane.head is None else f"{item.lane.head.operation} {item.lane.head.code or ''}",
            "" if item.cause is None else item.cause.who,
            item.lane.held_by,
        )
        for item in found.items
    ]
    console().print(table(headings, rows))


@app.command("show", epilog=examples("lienthong lanes show national_portal H99.14-260928-0007"))
@spread
def show(
    destination: Annotated[str, typer.Argument(help="A destination of the configuration.")],
    dossier: Annotated[str, typer.Argument(help="A dossier's number.")],
    *,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Show what waits in a lane, in order, and who did what to it."""
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.queries_lanes import LaneDetail

    path = {"destination": destination, "dossier": dossier}
    found = answer(way, Asked("get_lane", path=path), LaneDetail)
    if as_json:
        print_json(found)
        return
    out = console()
    headings = ("place", "delivery", "what", "state", "last outcome", "sent")
    rows = [
        (each.position, each.id, f"{each.operation} {each.key}", each.state, each.reason, each.sent_at)
        for each in found.queue
    ]
    out.print(table(headings, rows, title=f"{dossier} to {destination}: {found.lane.state}"))
    acts = [(each.at, each.actor, each.action, each.reason) for each in found.history]
    out.print(table(("at", "who", "what", "why"), acts))
