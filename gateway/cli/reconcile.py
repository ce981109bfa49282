"""``lienthong reconcile``: what partners have otherwise than they were told; look for it, look at it, have it mended.

Invariant: nothing is planned without a reason, and a dry run shows the exact messages before; exit code 1 as long as a
difference is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gateway.cli import reconcile_ledger, reconcile_payments
from gateway.cli.options import Actor, AsJson, Changing, Config, DryRun, Limit, Way, examples, group, spread

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.statussync.drift_phrases import ExplainedDrift
    from gateway.statussync.repair import Tolerated
    from gateway.storage.drift import DriftFilter, DriftView

app = group(
    "Compare partners' own records with what they were told, and payments with the payment platform; show and mend "
    "what differs."
)

app.command("payments", epilog=reconcile_payments.EXAMPLES)(reconcile_payments.payments)
app.command("ledger", epilog=reconcile_ledger.EXAMPLES)(reconcile_ledger.ledger)
app.command("resolve", epilog=reconcile_payments.RESOLVE_EXAMPLES)(reconcile_payments.resolve)

DriftId = Annotated[int, typer.Argument(metavar="ID", min=1, help="A difference's id, as the list shows it.")]
KINDS = (
    "MISSING_THERE, UNKNOWN_HERE, STATUS_DIFFERS, DUE_DIFFERS, END_MISSING, STEPS_MISSING, STEPS_OUT_OF_ORDER, "
    "FIELDS_DIFFER"
)


class Which(NamedTuple):
    """Which differences."""

    destination: Annotated[str | None, typer.Option(help="Only at this destination.", show_default=False)] = (
        None
    )
    dossier: Annotated[str | None, typer.Option(help="Only of this dossier.", show_default=False)] = None
    kind: Annotated[str | None, typer.Option(help=f"Only this class: {KINDS}.", show_default=False)] = None
    field: Annotated[
        str | None, typer.Option(help="Only this place in the record, like /due_at.", show_default=False)
    ] = None

    def require_sense(self) -> None:
        """BadParameter for a class that there is not."""
        if self.kind is not None and self.kind not in KINDS.split(", "):
            raise typer.BadParameter(f"--kind: got {self.kind}, expected one of {KINDS}")


@app.command(
    "list", epilog=examples("lienthong reconcile list", "lienthong reconcile list --kind END_MISSING --json")
)
@spread
def list_(
    *,
    which: Which,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only this state: open, repairing, tolerated, gone; without it all that are not gone.",
            show_default=False,
        ),
    ] = None,
    limit: Limit = 100,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List differences, the oldest first. Exit code 1: one is open."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import configured, reading
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.drift import DriftState, drifts

    which.require_sense()
    settings = configured(config)
    wanted = _filter(which, state)
    with reading(settings) as database:
        found = _explained(settings, database.ask(partial(drifts, wanted=wanted, limit=limit)))
    if as_json:
        print_json(found)
    else:
        headings = ("id", "dossier", "class", "state", "seen", "what it means")
        rows = [
            (each.id, each.dossier, each.kind, each.state, each.seen_at, each.explanation) for each in found
        ]
        console().print(table(headings, rows))
    if any(each.state is DriftState.OPEN for each in found):
        raise typer.Exit(NO)


def _filter(which: Which, state: str | None) -> DriftFilter:
    from gateway.storage.drift import DriftFilter, DriftState

    if state is not None and state not in list(DriftState):
        raise typer.BadParameter(f"--state: got {state}, expected one of {', '.join(DriftState)}")
    return DriftFilter(**which._asdict(), state=None if state is None else DriftState(state))


def _explained(settings: Settings, found: Sequence[DriftView]) -> list[ExplainedDrift]:
    """With a sentence for officials, that names each partner by its title."""
    from gateway import registry
    from gateway.statussync.drift_phrases import explained

    titles = {
        name: registry.load(section.adapter or name).manifest.title_vi
        for name, section in settings.destination.items()
    }
    return [explained(each, partner=titles.get(each.destination, each.destination)) for each in found]


@app.command("summary", epilog=examples("lienthong reconcile summary", "lienthong reconcile summary --json"))
def summary(*, config: Config = None, as_json: AsJson = False) -> None:
    """Count differences by destination, class and place in the record. Exit code 1: one is open."""
    from gateway.api.drift import DriftSummary
    from gateway.cli.exits import NO
    from gateway.cli.opening import configured, reading
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.drift_figures import last_pass, places

    with reading(configured(config)) as database:
        found = DriftSummary(items=database.ask(places), last_pass=database.ask(last_pass))
    if as_json:
        print_json(found)
    else:
        headings = ("destination", "class", "field", "state", "count", "mended by sending", "since")
        rows = [
            (each.destination, each.kind, each.field, each.state, each.count, each.mendable, each.oldest_at)
            for each in found.items
        ]
        console().print(table(headings, rows))
    if any(each.state == "open" for each in found.items):
        raise typer.Exit(NO)


@app.command("show", epilog=examples("lienthong reconcile show 250265610090795008"))
def show(drift: DriftId, *, config: Config = None, as_json: AsJson = False) -> None:
    """Show one difference: both sides, what it means, what would mend it."""
    from gateway.cli.opening import configured, reading
    from gateway.cli.screen import console, print_json, table
    from gateway.domain.errors import NotFoundError
    from gateway.storage.drift import drift_by_id

    settings = configured(config)
    with reading(settings) as database:
        view = database.ask(partial(drift_by_id, identifier=drift))
    if view is None:
        raise NotFoundError(f"there is no difference {drift}")
    (found,) = _explained(settings, [view])
    if as_json:
        print_json(found)
        return
    out = console()
    fields = {name: getattr(found, name) for name in found.__struct_fields__ if name != "repair"}
    out.print(table(("difference", ""), fields.items()))
    if found.repair is None:
        out.print("sending again cannot mend it: a person must decide")
        return
    out.print("mended by sending again, in this order:")
    for part in found.repair.deliveries:
        out.print(f"  {part.operation} {part.key} (delivery {part.delivery})", markup=False)
    if found.repair.backwards:
        out.print("the partner's status would move backwards: only with --allow-backwards")


@app.command(
    "run",
    epilog=examples(
        "lienthong reconcile run",
        "lienthong reconcile run --all --rate 20",
        "lienthong reconcile run --dossier H99.14-260928-0007 --dry-run",
        "lienthong reconcile run --url http://127.0.0.1:8787 --key-file ops.key",
    ),
)
@spread
def run(
    *,
    destination: Annotated[
        str | None, typer.Option(help="Only this destination.", show_default=False)
    ] = None,
    dossier: Annotated[
        str | None,
        typer.Option(help="Only this dossier, also one that is unknown here.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every dossier, not only what has changed since the last pass.")
    ] = False,
    rate: Annotated[
        float | None, typer.Option(min=0, help="Questions a second; 0: no limit.", show_default=False)
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Another parameter of the job drift; repeat the option."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what differs; write nothing down.")
    ] = False,
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Ask the partners for their own records and compare: the job drift, now. Exit code 1: a difference is open."""
    from gateway.cli.sync import command

    given = {
        "destination": destination,
        "dossier": dossier,
        "scope": "all" if everything else None,
        "rate": None if rate is None else f"{rate:g}",
    }
    chosen = [f"{name}={value}" for name, value in given.items() if value is not None]
    command.run(
        name="drift",
        param=[*chosen, *(param or [])],
        dry_run=dry_run,
        from_start=False,
        wait=True,
        actor=actor,
        as_json=as_json,
        **way._asdict(),
    )


@app.command(
    "apply",
    epilog=examples(
        "lienthong reconcile apply --dossier H99.14-260928-0007 --dry-run --reason 'the portal lost a step'",
        "lienthong reconcile apply --dossier H99.14-260928-0007 --dry-run --personal --reason 'compared with the paper'",
        "lienthong reconcile apply 250265610090795008 --reason 'the portal lost a step'",
        "lienthong reconcile apply --kind END_MISSING --reason 'the portal was restored from a backup'",
    ),
)
@spread
def apply(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", help="Differences; or choose with options.", show_default=False),
    ] = None,
    *,
    which: Which,
    allow_backwards: Annotated[
        bool, typer.Option("--allow-backwards", help="A status that the partner has may be taken back.")
    ] = False,
    dry_run: DryRun = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many differences.")] = 100,
    after: Annotated[
        int | None,
        typer.Option(
            metavar="ID", min=1, help="Only those behind this one, to go on in portions.", show_default=False
        ),
    ] = None,
    personal: Annotated[
        bool,
        typer.Option("--personal", help="With --dry-run: show personal data; who looks and why is logged."),
    ] = False,
    by: Changing,
) -> None:
    """Ask the partner anew and send again what it lacks. Exit code 1: something is left to a person."""
    from gateway.cli.exits import NO
    from gateway.cli.mending import carried_out, lines_of
    from gateway.cli.opening import run as complete
    from gateway.cli.screen import print_json
    from gateway.statussync.repair import RepairRequest

    which.require_sense()
    if not ids and not any(which):
        raise typer.BadParameter(
            "name differences by their ids, or choose with --dossier, --kind or --destination"
        )
    said = by.instruction
    request = RepairRequest(
        actor=said["actor"],
        reason=said["reason"],
        ids=tuple(ids or ()),
        **which._asdict(),
        allow_backwards=allow_backwards,
        dry_run=dry_run,
        limit=limit,
        after=after,
    )
    done = complete(carried_out(by, request, personal=personal))
    if by.as_json:
        print_json(done)
    else:
        print("\n".join(lines_of(done)))
    if any(each.outcome in {"held_back", "not_possible"} or each.held_back for each in done.dossiers):
        raise typer.Exit(NO)


@app.command(
    "tolerate",
    epilog=examples("lienthong reconcile tolerate 250265610090795008 --reason 'agreed with the portal'"),
)
@spread
def tolerate(
    drift: DriftId,
    *,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Up to the end of this day; without it for good.", show_default=False
        ),
    ] = None,
    by: Changing,
) -> None:
    """Leave a difference as it is, until one of its two values changes, or a day is over."""
    from gateway.cli.opening import run as complete
    from gateway.cli.screen import print_json

    done = complete(_tolerated(by, drift, until))
    if by.as_json:
        print_json(done)
    else:
        print(f"difference {done.drift} is tolerated")


async def _tolerated(by: Changing, drift: int, until: datetime | None) -> Tolerated:
    from gateway.cli.giving import give
    from gateway.reports.periods import end_of
    from gateway.statussync.repair import Tolerated
    from gateway.storage.drift_repairs import Tolerance

    end = None if until is None else end_of(until.date())
    order = Tolerance(drift=drift, until=end, **by.instruction)
    body = {"reason": order.reason, "until": None if end is None else end.isoformat()}
    path = f"/v1/drift/{drift}/tolerate"
    return await give(
        by.way, lambda gateway: gateway.repairs.tolerate(order), path, body, Tolerated, operator=by.actor
    )
