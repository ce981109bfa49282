"""``lienthong webhooks``: where events are pushed to; look, send a test event, enable one that was given up.

Registering, new secrets and deleting stay with the program that receives: it alone can hold the secret
(``/v1/webhooks``). Invariant: what an address may carry as a key is not printed in a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.calling import Asked, answer
from gateway.cli.options import Actor, AsJson, Changing, Way, examples, group, spread

if TYPE_CHECKING:
    from gateway.inbound.webhooks import Endpoint

app = group(
    "Where events are pushed to: list, test and enable endpoints. They are registered by POST /v1/webhooks."
)
Id = Annotated[str, typer.Argument(metavar="ID", help="The endpoint, as the list shows it: wh_…")]


@app.command(
    "list",
    epilog=examples(
        "lienthong webhooks list",
        "lienthong webhooks list --json --url https://gateway.h99.example --key-file admin.key",
    ),
)
@spread
def list_(*, way: Way, as_json: AsJson = False) -> None:
    """List endpoints: which events, how far behind, since when it fails and why. Exit code 1: one was given up."""
    from gateway.api.events import WebhookList
    from gateway.cli.exits import NO
    from gateway.cli.screen import console, print_json, table

    found = answer(way, Asked("list_webhooks"), WebhookList).items
    if as_json:
        print_json(found)
    else:
        heads = ("endpoint", "address", "events", "behind", "failing since", "last failure", "given up")
        console().print(table(heads, map(_row, found)))
    if any(each.disabled_at for each in found):
        raise typer.Exit(NO)


def _row(each: Endpoint) -> tuple[object, ...]:
    from gateway.inbound.addresses import masked

    events = " ".join(each.kinds) or "all"
    return (
        *(each.id, masked(each.url), events, each.behind, each.failing_since, each.last_failure),
        each.disabled_at,
    )


@app.command(
    "test",
    epilog=examples(
        "lienthong webhooks test wh_5c1f", "lienthong webhooks test wh_5c1f --as tran.thi.mau --json"
    ),
)
@spread
def send_test(endpoint: Id, *, actor: Actor = None, way: Way, as_json: AsJson = False) -> None:
    """Send one event of kind webhook.test, which is in no feed. Exit code 1: the endpoint did not take it."""
    from gateway.cli.exits import NO
    from gateway.cli.screen import console, print_json
    from gateway.inbound.webhooks import Tested

    asked = Asked("test_webhook", {"webhook": endpoint}, body={})
    tested = answer(way, asked, Tested, operator=actor)
    if as_json:
        print_json(tested)
    else:
        told = f"taken (HTTP {tested.status})" if tested.delivered else f"not taken: {tested.reason}"
        console().print(f"{endpoint}: {told}", markup=False)
    if not tested.delivered:
        raise typer.Exit(NO)


@app.command(
    "enable",
    epilog=examples(
        "lienthong webhooks enable wh_5c1f --reason 'its certificate was renewed'",
        "lienthong webhooks enable wh_5c1f --after 91234 --reason 'it cannot take event 91234'",
    ),
)
@spread
def enable(
    endpoint: Id,
    *,
    after: Annotated[
        int | None,
        typer.Option(
            min=0, help="Go on after this position, which leaves out what is before.", show_default=False
        ),
    ] = None,
    by: Changing,
) -> None:
    """Send again, at once: to an endpoint that was given up, or that waits for its next try."""
    from gateway.cli.orders import require_reason
    from gateway.cli.screen import console, print_json
    from gateway.inbound.webhooks import Endpoint

    body = {"reason": require_reason(by.reason), "after": after}
    asked = Asked("enable_webhook", {"webhook": endpoint}, body=body)
    done = answer(by.way, asked, Endpoint, operator=by.actor)
    if by.as_json:
        print_json(done)
    else:
        console().print(f"{endpoint} is enabled; {done.behind:,} events wait for it", markup=False)
