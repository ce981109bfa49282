"""``lienthong retries``: failures by cause, and sending many deliveries again at a pace.

Invariant: what changes many shows with ``--dry-run`` what it would do; a run is carried out by the gateway that works on
the database, not by this command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gateway.cli.calling import Asked, answer
from gateway.cli.options import AsJson, Changing, DryRun, Way, examples, group, spread

if TYPE_CHECKING:
    from gateway.api.retry_runs import PlannedRetry
    from gateway.storage.queries_retry_runs import RetryRunView

app = group("Failures by cause; send many deliveries again, watch it, pause, resume and stop it.")
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's number, as the list shows it.")]
Pace = Annotated[
    int | None,
    typer.Option(
        "--per-minute", min=1, max=60_000, help="Deliveries a minute; what the destination carries."
    ),
]
Where = Annotated[str | None, typer.Option(help="Only this destination.", show_default=False)]


@app.command(
    "causes", epilog=examples("lienthong retries causes", "lienthong retries causes --state rejected --json")
)
@spread
def causes(
    *,
    destination: Where = None,
    state: Annotated[
        str | None, typer.Option(help="rejected, parked, in_doubt or waiting.", show_default=False)
    ] = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Count what fails by cause: what it means, what to do, who must act."""
    from gateway.api.failures import FailureList
    from gateway.cli.screen import console, print_json, table

    asked = Asked("list_failures", query={"destination": destination, "state": state})
    found = answer(way, asked, FailureList)
    if as_json:
        print_json(found)
        return
    headings = ("count", "destination", "what", "state", "code", "since", "who acts", "meaning", "what to do")
    rows = [
        (
            *(item.group.count, item.group.destination, item.group.operation, item.group.state),
            *(item.group.code, item.group.since, item.cause.who),
            *(item.cause.meaning.vi, item.cause.advice.vi),
        )
        for item in found.items
    ]
    console().print(table(headings, rows))


@app.command(
    "start",
    epilog=examples(
        "lienthong retries start --destination national_portal --state rejected --code configuration_text --dry-run "
        "--reason 'agency code is registered'",
        "lienthong retries start --destination national_portal --per-minute 120 --reason 'outage is over'",
        "lienthong retries start --delivery 250228600404447232 --delivery 250228600404447233 --reason 'asked for'",
    ),
)
@spread
def start(
    *,
    destination: Annotated[
        str | None, typer.Option(help="All at this destination.", show_default=False)
    ] = None,
    state: Annotated[str, typer.Option(help="With --destination: rejected, parked or waiting.")] = "parked",
    operation: Annotated[
        str | None, typer.Option(help="With --destination: only this.", show_default=False)
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="With --destination: only this outcome.", show_default=False)
    ] = None,
    delivery: Annotated[
        list[str] | None, typer.Option(help="This delivery; repeat the option.", show_default=False)
    ] = None,
    per_minute: Pace = None,
    doubted: Annotated[
        bool,
        typer.Option("--doubted", help="Also what was in doubt before and might arrive twice."),
    ] = False,
    dry_run: DryRun = False,
    by: Changing,
) -> None:
    """Send many deliveries again, at a pace; a running gateway carries it out."""
    from gateway.api.retry_runs import RetryRunAnswer
    from gateway.cli.orders import require_reason
    from gateway.cli.screen import print_json

    if destination is None and not delivery:
        raise typer.BadParameter("give --destination, or --delivery")
    cause = {"destination": destination, "state": state, "operation": operation, "code": code}
    body = {
        "reason": require_reason(by.reason),
        "causes": [] if destination is None else [{k: v for k, v in cause.items() if v is not None}],
        "deliveries": delivery or [],
        "per_minute": per_minute,
        "doubted": doubted,
        "dry_run": dry_run,
    }
    done = answer(by.way, Asked("start_retry_run", body=body), RetryRunAnswer, operator=by.actor)
    if by.as_json:
        print_json(done)
        return
    for item in done.items:
        print("\n".join(_planned(item, dry_run=dry_run)))


def _planned(item: PlannedRetry, *, dry_run: bool) -> list[str]:
    plan = item.plan
    verb = "would be sent again" if dry_run else f"will be sent again by run {plan.run}"
    return [
        (
            f"{plan.destination}: {plan.deliveries} deliveries of {plan.dossiers} dossiers {verb}, "
            f"{plan.per_minute} a minute, about {plan.seconds:.0f} s"
        ),
        *(f"  first {each.dossier} {each.operation} {each.delivery}" for each in plan.first),
        *([f"  {plan.behind} behind them follow"] if plan.behind else []),
        *([f"  {plan.held} lanes are held and still wait"] if plan.held else []),
        *([f"  {plan.left_out} were in doubt before: left out, see --doubted"] if plan.left_out else []),
        *([f"  {plan.elsewhere} wait in another run"] if plan.elsewhere else []),
        *(["  there are more: repeat the command when it is done"] if plan.more else []),
        *([f"  nothing leaves for it now: {item.closed}"] if item.closed else []),
    ]


@app.command("list", epilog=examples("lienthong retries list", "lienthong retries list --state running"))
@spread
def list_(
    *,
    state: Annotated[
        str | None, typer.Option(help="running, paused, done or stopped.", show_default=False)
    ] = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first."""
    from gateway.api.retry_runs import RetryRunPage
    from gateway.cli.screen import console, print_json, table

    found = answer(way, Asked("list_retry_runs", query={"state": state}), RetryRunPage)
    if as_json:
        print_json(found)
        return
    console().print(table(_HEADINGS, [_row(run) for run in found.items]))


_HEADINGS = (
    "run",
    "destination",
    "state",
    "by",
    "total",
    "sent",
    "delivered",
    "failed",
    "left",
    "began",
    "note",
)


def _row(run: RetryRunView) -> tuple[Any, ...]:
    return (
        *(run.id, run.destination, run.state, run.actor, run.total, run.sent, run.delivered),
        *(run.failed, run.waiting, run.created_at, run.note),
    )


@app.command("show", epilog=examples("lienthong retries show 250228600404447232"))
@spread
def show(run: RunId, *, way: Way, as_json: AsJson = False) -> None:
    """Show how far a run is."""
    from gateway.storage.queries_retry_runs import RetryRunView

    _print(answer(way, Asked("get_retry_run", path={"run": run}), RetryRunView), as_json=as_json)


@app.command("pause", epilog=examples("lienthong retries pause 250228600404447232 --reason 'portal is slow'"))
@spread
def pause(run: RunId, *, by: Changing) -> None:
    """Let a run stand still."""
    _change("pause", run, by)


@app.command(
    "resume",
    epilog=examples(
        "lienthong retries resume 250228600404447232 --per-minute 30 --reason 'portal is well again'"
    ),
)
@spread
def resume(run: RunId, *, per_minute: Pace = None, by: Changing) -> None:
    """Let a run go on, at another pace if one is given."""
    _change("resume", run, by, per_minute)


@app.command("stop", epilog=examples("lienthong retries stop 250228600404447232 --reason 'wrong cause'"))
@spread
def stop(run: RunId, *, by: Changing) -> None:
    """End a run; what it has not sent yet stays where it is."""
    _change("stop", run, by)


def _change(
    verb: Literal["pause", "resume", "stop"], run: str, by: Changing, per_minute: int | None = None
) -> None:
    from gateway.cli.orders import require_reason
    from gateway.storage.queries_retry_runs import RetryRunView

    body = {"reason": require_reason(by.reason), "per_minute": per_minute}
    asked = Asked(f"{verb}_retry_run", path={"run": run}, body=body)
    _print(answer(by.way, asked, RetryRunView, operator=by.actor), as_json=by.as_json)


def _print(run: RetryRunView, *, as_json: bool) -> None:
    from gateway.cli.screen import console, print_json, table

    if as_json:
        print_json(run)
        return
    fields = [(name, getattr(run, name)) for name in run.__struct_fields__ if name != "causes"]
    console().print(table(("run", ""), fields))
