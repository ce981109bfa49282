"""``lienthong sync``: what is done on a schedule or on demand; look at it, run it, stop it, reschedule it.

Invariant: what only reads takes no lock; whoever changes something gives a reason; a run that was waited for ends with
0 (done), 1 (done, and the answer is no), or 3 (it failed or was cut short).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

import typer

from gateway.cli import lag
from gateway.cli.options import Actor, AsJson, Changing, Limit, Way, examples, group, spread

if TYPE_CHECKING:
    from gateway.domain.errors import GatewayError
    from gateway.jobs.service import JobView, RunOrder
    from gateway.storage.queries_jobs import RunFilter, RunView

app = group("Jobs: list, run, stop and reschedule them; see how their runs ended.")

Name = Annotated[str, typer.Argument(metavar="JOB", help="A job's name, as the list shows it.")]
MaybeName = Annotated[str | None, typer.Argument(metavar="[JOB]", help="Only this job.", show_default=False)]
Run = Annotated[int, typer.Argument(metavar="RUN", min=1, help="A run's number, as the history shows it.")]
State = Literal["queued", "running", "done", "failed", "interrupted"]


@app.command("list", epilog=examples("lienthong sync list", "lienthong sync list --json"))
@spread
def list_(*, way: Way, as_json: AsJson = False) -> None:
    """List jobs: when they start next, what runs now, how the last run ended."""
    from gateway.cli.opening import run as complete
    from gateway.cli.screen import print_json
    from gateway.cli.sync.tables import print_jobs

    found = complete(_views(way))
    if as_json:
        print_json(found)
    else:
        print_jobs(found)


async def _views(way: Way) -> list[JobView]:
    from gateway.cli.sync.doors import looking

    async with looking(way) as door:
        return await door.views()


@app.command(
    "run",
    epilog=examples(
        "lienthong sync run catalogues --param destination=national_portal",
        "lienthong sync run catalogues --dry-run --json",
        "lienthong sync run tidy --url http://127.0.0.1:8787 --key-file ops.key --wait",
    ),
)
@spread
def run(
    name: Name,
    *,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of the job; repeat the option."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look and tell; change nothing. Not every job can.")
    ] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Do not go on where the last run stopped.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --url: wait for the end. Without, the run is done here.")
    ] = False,
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Run a job now. Exit code 1: it found what should not be; 3: it failed or was cut short."""
    from gateway.cli.opening import run as complete
    from gateway.cli.orders import actor_of
    from gateway.cli.screen import print_json
    from gateway.cli.sync.tables import told
    from gateway.domain.errors import NotFoundError, RecordError
    from gateway.jobs.service import RunOrder

    order = RunOrder(
        job=name,
        actor=actor_of(actor),
        parameters=_parameters(param or []),
        dry_run=dry_run,
        from_start=from_start,
    )
    try:
        found = complete(_run(way, order, actor, wait=wait, quiet=as_json))
    except (NotFoundError, RecordError) as fault:
        raise _usage(fault) from fault
    if as_json:
        print_json(found)
    else:
        print("\n".join(told(found)))
    if wait or way.url is None:
        raise typer.Exit(_code_of(found))


async def _run(way: Way, order: RunOrder, operator: str | None, *, wait: bool, quiet: bool) -> RunView:
    from gateway.cli.sync.running import run_here, run_through

    if way.url is None:
        return await run_here(way, order, quiet=quiet)
    return await run_through(way, order, wait=wait, quiet=quiet, operator=operator)


def _parameters(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in given:
        name, sign, value = item.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"--param: got {item!r}, expected NAME=VALUE")
        if name in found:
            raise typer.BadParameter(f"--param: {name} is given twice")
        found[name] = value
    return found


def _code_of(run: RunView) -> int:
    from gateway.cli.exits import DONE, FAULT, NO

    if run.state != "done":
        return FAULT
    return NO if run.answer == "no" else DONE


def _usage(fault: GatewayError) -> typer.Exit:
    """A job, a parameter or a schedule that there cannot be was asked for: not an answer, but a wrong question."""
    from gateway.cli.exits import USAGE, complain, told

    complain(told(fault))
    return typer.Exit(USAGE)


@app.command(
    "history", epilog=examples("lienthong sync history", "lienthong sync history catalogues --state failed")
)
@spread
def history(
    name: MaybeName = None,
    *,
    state: Annotated[
        str | None, typer.Option(help=f"Only this state: {', '.join(get_args(State))}.", show_default=False)
    ] = None,
    limit: Limit = 20,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first."""
    from gateway.cli.opening import run as complete
    from gateway.cli.screen import print_json
    from gateway.cli.sync.tables import print_runs
    from gateway.domain.errors import NotFoundError
    from gateway.storage.queries_jobs import RunFilter

    wanted = RunFilter(job=name, state=_state(state), limit=limit)
    try:
        found = complete(_history(way, wanted))
    except NotFoundError as fault:
        raise _usage(fault) from fault
    if as_json:
        print_json(found)
    else:
        print_runs(found)


def _state(given: str | None) -> State | None:
    for known in get_args(State):
        if given == known:
            found: State = known
            return found
    if given is None:
        return None
    raise typer.BadParameter(f"--state: got {given}, expected one of {', '.join(get_args(State))}")


async def _history(way: Way, wanted: RunFilter) -> list[RunView]:
    from gateway.cli.sync.doors import looking

    async with looking(way) as door:
        if wanted.job is not None:
            await door.view(wanted.job)
        return await door.runs(wanted)


@app.command("show", epilog=examples("lienthong sync show 250228600404447232"))
@spread
def show(number: Run, *, way: Way, as_json: AsJson = False) -> None:
    """Show one run: how far it is, or how it ended and what it found."""
    from gateway.cli.opening import run as complete
    from gateway.cli.screen import print_json
    from gateway.cli.sync.tables import print_run

    found = complete(_shown(way, number))
    if as_json:
        print_json(found)
    else:
        print_run(found)


async def _shown(way: Way, number: int) -> RunView:
    from gateway.cli.sync.doors import looking

    async with looking(way) as door:
        return await door.run_view(number)


@app.command(
    "stop", epilog=examples("lienthong sync stop 250228600404447232 --reason 'the portal asked us to'")
)
@spread
def stop(number: Run, *, by: Changing) -> None:
    """End a run, a second or two later; the next one begins where it stopped."""
    from gateway.cli.opening import run as complete
    from gateway.cli.screen import print_json

    found = complete(_stopped(number, by))
    if by.as_json:
        print_json(found)
    else:
        ends = "will end at its next report" if found.ended_at is None else "has ended"
        print(f"run {found.id} of {found.job} {ends}")


async def _stopped(number: int, by: Changing) -> RunView:
    from gateway.cli.sync.doors import changing

    said = by.instruction
    async with changing(by.way, by.actor) as door:
        return await door.stop(number, actor=said["actor"], reason=said["reason"])


class Change(NamedTuple):
    """What may be changed about a schedule."""

    cron: Annotated[
        str | None, typer.Option(help="Minute, hour, day, month, day of the week.", show_default=False)
    ] = None
    time_zone: Annotated[str | None, typer.Option(help="A name of the tz database.", show_default=False)] = (
        None
    )
    missed: Annotated[
        str | None,
        typer.Option(help="Starts that nobody was there for: once (one run) or skip.", show_default=False),
    ] = None
    enabled: Annotated[
        bool | None,
        typer.Option("--enable/--disable", help="Let it start by itself, or not.", show_default=False),
    ] = None
    reset: Annotated[bool, typer.Option("--reset", help="As configured again.")] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show the schedule as it would be, with its next starts; change nothing."
        ),
    ] = False

    @property
    def fields(self) -> dict[str, Any]:
        """What was given."""
        given = {"cron": self.cron, "time_zone": self.time_zone, "missed": self.missed}
        found: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return found if self.enabled is None else {**found, "enabled": self.enabled}

    def require_sense(self, job: str | None) -> bool:
        """Whether something is to change; BadParameter for what cannot be meant."""
        if self.missed not in {None, "once", "skip"}:
            raise typer.BadParameter(f"--missed: got {self.missed}, expected once or skip")
        if job is None and (self.fields or self.reset):
            raise typer.BadParameter("name the job whose schedule is to change")
        if self.dry_run and not (self.fields or self.reset):
            raise typer.BadParameter("--dry-run: say what would change")
        if self.fields and self.reset:
            raise typer.BadParameter("--reset takes everything back; give it alone")
        return bool(self.fields or self.reset)


@app.command(
    "schedule",
    epilog=examples(
        "lienthong sync schedule",
        "lienthong sync schedule catalogues",
        "lienthong sync schedule catalogues --cron '*/15 * * * *' --reason 'the portal is slow'",
        "lienthong sync schedule catalogues --cron '0 3 * * 1-5' --dry-run --reason 'only to see'",
        "lienthong sync schedule catalogues --disable --reason 'the portal moves house'",
        "lienthong sync schedule catalogues --reset --reason 'as before'",
    ),
)
@spread
def schedule(
    name: MaybeName = None,
    *,
    change: Change,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; needed to change something.", show_default=False)
    ] = "",
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Show when jobs start; with options, change it over the configuration until it is reset."""
    from gateway.cli.opening import run as complete
    from gateway.cli.orders import require_reason
    from gateway.cli.screen import print_json
    from gateway.cli.sync.tables import print_schedule, print_schedules
    from gateway.domain.errors import NotFoundError, RecordError

    changing = change.require_sense(name)
    if name is None:
        listed = complete(_views(way))
        print_json(listed) if as_json else print_schedules(listed)
        return
    try:
        if changing:
            found = complete(_changed(way, name, change, (actor, require_reason(reason))))
        else:
            found = complete(_job(way, name))
    except (NotFoundError, RecordError) as fault:
        raise _usage(fault) from fault
    print_json(found) if as_json else print_schedule(found)


async def _job(way: Way, name: str) -> JobView:
    from gateway.cli.sync.doors import looking

    async with looking(way) as door:
        return await door.view(name)


async def _changed(way: Way, name: str, change: Change, by: tuple[str | None, str]) -> JobView:
    """The job with its changed schedule; what an operator has set before and is not named stays."""
    from msgspec.structs import asdict

    from gateway.cli.orders import actor_of
    from gateway.cli.sync.doors import changing
    from gateway.jobs.service import NewSchedule

    operator, reason = by
    async with changing(way, operator) as door:
        override = (await door.view(name)).schedule.override
        kept = {} if override is None or change.reset else asdict(override)
        fields = kept | change.fields
        fields |= {"actor": actor_of(operator), "reason": reason, "dry_run": change.dry_run}
        order = NewSchedule(job=name, **fields)
        return await door.reschedule(order)


app.command("lag", epilog=lag.EXAMPLES)(lag.lag)
