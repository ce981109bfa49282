"""``lienthong deliveries``: look at deliveries, and do what an operator may do with them.

Invariant: whatever changes something asks for a reason; what changes many shows first what it would change.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.cli import correcting
from gateway.cli.options import (
    AsJson,
    Changing,
    Config,
    DryRun,
    Limit,
    Way,
    examples,
    group,
    spread,
)

if TYPE_CHECKING:
    from gateway.storage.orders import Order
    from gateway.storage.queries_deliveries import DeliveryDetail, DeliveryView

app = group("Look at deliveries; retry, skip, resolve, hold and release them.")

DeliveryId = Annotated[int, typer.Argument(metavar="ID", help="A delivery's id, as the list shows it.")]
Destination = Annotated[str, typer.Argument(help="A destination of the configuration.")]
Dossier = Annotated[str, typer.Argument(help="A dossier's number.")]
STATES = "pending, waiting, in_flight, in_doubt, delivered, rejected, parked, superseded, skipped"


@app.command(
    "list",
    epilog=examples(
        "lienthong deliveries list --state rejected", "lienthong deliveries list --dossier H99.14-260928-0007"
    ),
)
def list_(
    *,
    config: Config = None,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    state: Annotated[str | None, typer.Option(help=f"Only this state: {STATES}.", show_default=False)] = None,
    dossier: Annotated[str | None, typer.Option(help="Only this dossier.", show_default=False)] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation.", show_default=False)] = None,
    code: Annotated[
        str | None, typer.Option(help="Only with this last outcome; open ones.", show_default=False)
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries, the newest first."""
    from gateway.cli.opening import configured, reading
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.queries_deliveries import DeliveryFilter, deliveries

    settings = configured(config)
    wanted = DeliveryFilter(
        destination=destination,
        state=_state(state),
        dossier=dossier,
        operation=operation,
        code=code,
    )
    with reading(settings) as database:
        found = database.ask(
            partial(
                deliveries, wanted=wanted, before=None, limit=limit, destinations=sorted(settings.destination)
            )
        )
    if as_json:
        print_json(found)
        return
    headings = ("id", "dossier", "destination", "what", "state", "tries", "due", "last outcome", "who acts")
    console().print(table(headings, map(_row, found)))


def _state(given: str | None) -> Any:
    from gateway.domain.delivery import DeliveryState

    if given is None:
        return None
    if given not in list(DeliveryState):
        raise typer.BadParameter(f"--state: got {given}, expected one of {STATES}")
    return DeliveryState(given)


def _row(each: DeliveryView) -> tuple[Any, ...]:
    last = f"{each.code or ''}: {(each.reason or '')[:60]}" if each.code else ""
    what = f"{each.operation} {each.key}"
    return (
        *(each.id, each.dossier, each.destination, what, each.state),
        *(each.attempts, each.due_at, last, each.actor),
    )


@app.command("show", epilog=examples("lienthong deliveries show 250228600404447232"))
def show(delivery: DeliveryId, *, config: Config = None, as_json: AsJson = False) -> None:
    """Show one delivery with its attempts."""
    from gateway.cli.opening import ask
    from gateway.cli.screen import console, print_json, table

    found: DeliveryDetail = ask(config, partial(_detail, delivery=delivery))
    if as_json:
        print_json(found)
        return
    out = console()
    fields = {name: getattr(found.delivery, name) for name in found.delivery.__struct_fields__}
    out.print(table(("delivery", ""), fields.items()))
    headings = ("began", "ended", "kind", "outcome", "code", "reason", "log entries")
    rows = [
        (
            each.started_at,
            each.ended_at,
            each.kind,
            each.outcome,
            each.code,
            each.reason,
            " ".join(each.messages),
        )
        for each in found.attempts
    ]
    out.print(table(headings, rows))


def _detail(connection: Any, delivery: int) -> DeliveryDetail:
    from gateway.domain.errors import NotFoundError
    from gateway.storage.queries_deliveries import delivery_detail

    found = delivery_detail(connection, delivery)
    if found is None:
        raise NotFoundError(f"there is no delivery {delivery}")
    return found


@app.command(
    "retry",
    epilog=examples(
        "lienthong deliveries retry 250228600404447232 --reason 'the portal has repaired its catalogue'",
        "lienthong deliveries retry --destination national_portal --state parked --dry-run --reason 'outage is over'",
    ),
)
@spread
def retry(
    delivery: Annotated[
        int | None,
        typer.Argument(metavar="ID", help="One delivery; or choose with options.", show_default=False),
    ] = None,
    *,
    destination: Annotated[
        str | None, typer.Option(help="All at this destination.", show_default=False)
    ] = None,
    state: Annotated[str, typer.Option(help="With --destination: rejected, parked or waiting.")] = "parked",
    code: Annotated[
        str | None, typer.Option(help="With --destination: only this outcome.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="With --destination: at most so many.")] = 1000,
    dry_run: DryRun = False,
    by: Changing,
) -> None:
    """Send rejected, parked or waiting deliveries again."""
    from gateway.cli.orders import print_done
    from gateway.storage.orders import BulkRetry, Retry

    order: Order
    if (delivery is None) == (destination is None):
        raise typer.BadParameter("give one delivery's id, or --destination to choose many")
    if delivery is not None:
        if dry_run:
            raise typer.BadParameter(
                "--dry-run goes with --destination; for one delivery use: deliveries show"
            )
        order = Retry(delivery=delivery, **by.instruction)
    else:
        if state not in {"rejected", "parked", "waiting"}:
            raise typer.BadParameter(f"--state: got {state}, expected rejected, parked or waiting")
        chosen: Literal["rejected", "parked", "waiting"] = state  # type: ignore[assignment] # judged above
        order = BulkRetry(
            destination=str(destination),
            state=chosen,
            code=code,
            limit=limit,
            dry_run=dry_run,
            **by.instruction,
        )
    print_done(by, order)


app.command("edit", epilog=correcting.EXAMPLES)(correcting.edit)


@app.command(
    "skip", epilog=examples("lienthong deliveries skip 250228600404447232 --reason 'sent by hand on paper'")
)
@spread
def skip(
    delivery: DeliveryId,
    *,
    by: Changing,
) -> None:
    """Never send a delivery; the lane goes on with the next one."""
    from gateway.cli.orders import print_done
    from gateway.storage.orders import Skip

    print_done(by, Skip(delivery=delivery, **by.instruction))


@app.command(
    "resolve",
    epilog=examples(
        "lienthong deliveries resolve 250228600404447232 delivered --reason 'seen on the portal by Mai'"
    ),
)
@spread
def resolve(
    delivery: DeliveryId,
    verdict: Annotated[
        str, typer.Argument(help="delivered (it is there), absent (send it again) or rejected.")
    ],
    *,
    by: Changing,
) -> None:
    """Say what became of a delivery in doubt."""
    from gateway.cli.orders import print_done
    from gateway.storage.orders import Resolve

    if verdict not in {"delivered", "absent", "rejected"}:
        raise typer.BadParameter(f"got {verdict}, expected delivered, absent or rejected")
    chosen: Literal["delivered", "absent", "rejected"] = verdict  # type: ignore[assignment] # judged above
    order = Resolve(
        delivery=delivery,
        verdict=chosen,
        snapshot=by.url is None and _is_snapshot(by.way, delivery),
        **by.instruction,
    )
    print_done(by, order)


def _is_snapshot(way: Way, delivery: int) -> bool:
    """Whether the delivery tells the partner the whole dossier, which then counts as acknowledged."""
    from gateway.bootstrap import build_adapter
    from gateway.cli.opening import ask
    from gateway.port import OperationKind

    found: DeliveryView = ask(way.config, partial(_detail, delivery=delivery)).delivery
    section = way.settings.destination.get(found.destination)
    if section is None:
        return False
    operations = build_adapter(found.destination, section).manifest.operations
    return any(each.name == found.operation and each.kind is OperationKind.SNAPSHOT for each in operations)


@app.command(
    "hold",
    epilog=examples(
        "lienthong deliveries hold national_portal H99.14-260928-0007 --reason 'the applicant has objected'"
    ),
)
@spread
def hold(
    destination: Destination,
    dossier: Dossier,
    *,
    by: Changing,
) -> None:
    """Send nothing more of a dossier to a destination, until it is released."""
    from gateway.cli.orders import print_done
    from gateway.storage.orders import Hold

    print_done(by, Hold(destination=destination, dossier=dossier, **by.instruction))


@app.command(
    "release",
    epilog=examples(
        "lienthong deliveries release national_portal H99.14-260928-0007 --reason 'objection settled'"
    ),
)
@spread
def release(
    destination: Destination,
    dossier: Dossier,
    *,
    by: Changing,
) -> None:
    """Let a held dossier go on."""
    from gateway.cli.orders import print_done
    from gateway.storage.orders import Unhold

    print_done(by, Unhold(destination=destination, dossier=dossier, **by.instruction))


@app.command(
    "ask", epilog=examples("lienthong deliveries ask 250228600404447232 --reason 'the portal is back'")
)
@spread
def ask_(delivery: DeliveryId, *, by: Changing) -> None:
    """Ask the partner again about a delivery in doubt, as soon as its turn comes."""
    from gateway.cli.calling import Asked, answer
    from gateway.cli.orders import lines_of, require_reason
    from gateway.cli.screen import print_json
    from gateway.storage.orders import DeliveryDone

    body = {"reason": require_reason(by.reason)}
    asked = Asked("ask_partner", path={"delivery": str(delivery)}, body=body)
    done = answer(by.way, asked, DeliveryDone, operator=by.actor)
    if by.as_json:
        print_json(done)
    else:
        print("\n".join(lines_of(done)))
