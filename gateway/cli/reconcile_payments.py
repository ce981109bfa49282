"""``lienthong reconcile payments``: a day's payments beside what the payment platform and its files say of them.

Invariant: nothing is settled without ``--apply``; a dry run writes nothing; exit code 1 as long as something is open.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gateway.cli.options import Actor, AsJson, Changing, Way, examples, spread
from gateway.cli.times import typed_day, yesterday

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway
    from gateway.domain.reconciliation import Statement
    from gateway.jobs.service import RunOrder
    from gateway.payments.reconcile import Resolved
    from gateway.payments.settlement_file import BadLine
    from gateway.storage.queries_jobs import RunView

EXAMPLES = examples(
    "lienthong reconcile payments --date 2026-09-28",
    "lienthong reconcile payments --date 2026-09-28 --dry-run",
    "lienthong reconcile payments --date 2026-09-28 --file sao-ke-0928.xlsx --apply",
    "lienthong reconcile payments --date 2026-09-28 --format xlsx -o doi-soat-0928.xlsx",
)
RESOLVE_EXAMPLES = examples(
    "lienthong reconcile resolve 250265610090795008 --reason 'đã tra soát với ngân hàng, công văn 12/TS'"
)
_INSTEAD = "work through its API: --url URL --key-file FILE"
_MOST_BAD = 50


class Wish(NamedTuple):
    """What is to be reconciled, and how the statement is wanted."""

    destination: Annotated[
        str | None, typer.Option(help="Only this payment platform.", show_default=False)
    ] = None
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="A settlement file of that day, CSV or XLSX: Mã tham chiếu, Mã giao dịch, Số tiền (required), "
            "Mã đối tác, Mã tiền tệ, Thời gian thanh toán, Mã ngân hàng, Trạng thái, Loại giao dịch.",
            show_default=False,
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask and compare; write nothing, settle nothing.")
    ] = False
    apply: Annotated[
        bool,
        typer.Option(
            "--apply", help="Settle what the platform or the file says was paid, and our books do not have."
        ),
    ] = False
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="table, json, csv or xlsx; otherwise as the file's name says.",
            show_default=False,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the statement here.", show_default=False),
    ] = None


@spread
def payments(
    *,
    day: Annotated[
        str | None,
        typer.Option(
            "--date",
            metavar="YYYY-MM-DD",
            help="The day of the attempts, in Viet Nam; yesterday if left out.",
            show_default=False,
        ),
    ] = None,
    wish: Wish,
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Reconcile a day's payments with the payment platform. Exit code 1: a difference is open, or a line unreadable."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import run as complete
    from gateway.cli.report_screen import format_of

    chosen = typed_day(day, "--date") or yesterday()
    try:
        shape = format_of(wish.format, wish.output, as_json=as_json)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from fault
    if wish.file is not None and not wish.file.is_file():
        raise typer.BadParameter(f"--file: there is no file {wish.file}")
    if wish.destination is not None:
        way.require_destination(wish.destination)
    task = _Task(way, wish, chosen, actor)
    statement = complete(task.carried_out())
    _complain(task.bad, task.unread)
    _put_out(statement, shape, wish.output)
    if statement.open or task.unread or not statement.sound:
        raise typer.Exit(NO)


class _Task:
    """One reconciliation, here or through the API of a running gateway. ``bad``: lines that could not be read."""

    def __init__(self, way: Way, wish: Wish, day: date, operator: str | None) -> None:
        from gateway.cli.orders import actor_of

        self._way, self._wish, self._day, self._operator = way, wish, day, operator
        self._actor = actor_of(operator)
        self.bad: list[BadLine] = []
        self.unread = 0

    async def carried_out(self) -> Statement:
        if self._way.url is not None:
            return await self._through()
        return await (self._looked() if self._wish.dry_run else self._here())

    async def _here(self) -> Statement:
        from gateway.cli.opening import opened, require_free
        from gateway.cli.sync.running import run_here
        from gateway.payments.settlement_import import HandedIn

        settings, file = self._way.settings, self._wish.file
        require_free(settings, instead=_INSTEAD)
        if file is not None:
            async with opened(settings) as gateway:
                given = HandedIn(
                    path=file,
                    name=file.name,
                    destination=self._platform(gateway),
                    day=self._day,
                    actor=self._actor,
                )
                taken = await gateway.payments.reconciliation.take_in(given)
                self.bad, self.unread = taken.bad, taken.unread
        _require_done(await run_here(self._way, self._order(), quiet=True))
        async with opened(settings, reading=True) as gateway:
            return await gateway.payments.reconciliation.statement(self._day, self._wish.destination)

    async def _looked(self) -> Statement:
        """A dry run: asked and compared in this process, with the file only held."""
        from gateway.cli.opening import opened, require_free
        from gateway.deadlines.instants import day_number
        from gateway.payments.reconcile_pass import StoredLines
        from gateway.payments.reconcile_preview import HeldLines, Looking

        settings, file = self._way.settings, self._wish.file
        require_free(settings, instead=_INSTEAD)
        async with opened(settings) as gateway:
            lines = StoredLines(gateway.database)
            destination = self._wish.destination
            if file is not None:
                held = HeldLines(gateway.database, file, day_number(self._day))
                self.bad, self.unread = held.bad, len(held.bad)
                lines, destination = held, self._platform(gateway)
            look = Looking(self._actor)
            return await gateway.payments.reconciliation.preview(look, self._day, destination, lines)

    async def _through(self) -> Statement:
        import msgspec

        from gateway.cli.remote import get_from
        from gateway.cli.sync.running import run_through
        from gateway.domain.reconciliation import Heading, Item, Statement, statement_of

        way, wish = self._way, self._wish
        if wish.file is not None:
            await self._upload()
        run = await run_through(way, self._order(), wait=True, quiet=True, operator=self._operator)
        _require_done(run)
        if wish.dry_run:
            items = msgspec.convert(run.summary["items"], list[Item])
            heading = Heading(
                day=self._day, destination=wish.destination, made_at=datetime.now(UTC), dry_run=True
            )
            return statement_of(heading, items)
        query = f"date={self._day.isoformat()}" + (
            f"&destination={wish.destination}" if wish.destination else ""
        )
        return await get_from(way, f"/v1/payment-reconciliations/statement?{query}", Statement)

    async def _upload(self) -> None:
        from urllib.parse import quote

        import msgspec

        from gateway.cli.remote import api_of
        from gateway.payments.settlement_import import TakenIn

        way, wish = self._way, self._wish
        if wish.dry_run:
            raise typer.BadParameter("--dry-run with --file looks on the database: leave out --url")
        if wish.file is None or wish.destination is None:
            raise typer.BadParameter("--file with --url needs --destination")
        query = f"date={self._day.isoformat()}&destination={quote(wish.destination, safe='')}"
        path = f"/v1/payment-reconciliations/files?{query}&name={quote(wish.file.name, safe='')}"
        async with api_of(way, self._operator) as remote:
            answer = await remote.send(path, wish.file.read_bytes(), "application/octet-stream")
        taken = msgspec.json.decode(answer.body, type=TakenIn)
        self.bad, self.unread = taken.bad, taken.unread

    def _platform(self, gateway: Gateway) -> str:
        """The one that the file is about."""
        known = gateway.payments.reconciliation.destinations
        if self._wish.destination is None and len(known) != 1:
            raise typer.BadParameter(
                f"--file: name the payment platform with --destination: {', '.join(known) or 'none'}"
            )
        return self._wish.destination or known[0]

    def _order(self) -> RunOrder:
        from gateway.jobs.service import RunOrder
        from gateway.payments.reconcile import NAME

        parameters = {"date": self._day.isoformat(), "apply": "yes" if self._wish.apply else "no"}
        if self._wish.destination is not None:
            parameters["destination"] = self._wish.destination
        return RunOrder(job=NAME, actor=self._actor, parameters=parameters, dry_run=self._wish.dry_run)


def _require_done(run: RunView) -> None:
    from gateway.cli.exits import FAULT, complain

    if run.state != "done":
        complain(f"error: run {run.id} is {run.state}: {run.failure or 'nobody has ended it well'}")
        raise typer.Exit(FAULT)


def _complain(bad: list[BadLine], unread: int) -> None:
    """Lines of the file that were left out, in words for officials."""
    from gateway.cli.exits import complain

    for each in bad[:_MOST_BAD]:
        complain(f"dòng {each.line}, cột {each.column}: có {each.got}; cần: {each.expected}")
    if unread:
        complain(f"{unread} dòng của tệp đối soát không đọc được và không được tính")


def _put_out(statement: Statement, shape: str, output: Path | None) -> None:
    from gateway.cli.report_screen import put_out, show
    from gateway.reports.reconciliation import class_sheet, open_sheet, sheets_of_statement

    put_out(statement, sheets_of_statement(statement), class_sheet(statement), shape, output)
    if shape == "table" and statement.open:
        show(open_sheet(statement))


@spread
def resolve(
    item: Annotated[
        int, typer.Argument(metavar="ID", min=1, help="An item's id, as the statement shows it.")
    ],
    *,
    by: Changing,
) -> None:
    """End an open item of a reconciliation of payments: nothing more is to be done about it."""
    from gateway.cli.opening import run as complete
    from gateway.cli.screen import print_json

    done = complete(_resolved(by, item))
    if by.as_json:
        print_json(done)
    else:
        print(f"khoản {done.item} đã được kết thúc")


async def _resolved(by: Changing, item: int) -> Resolved:
    from gateway.cli.giving import give
    from gateway.payments.reconcile import Resolved
    from gateway.storage.reconciliation import Resolution

    order = Resolution(item=item, **by.instruction)
    path = f"/v1/payment-reconciliations/items/{item}/resolve"
    return await give(
        by.way,
        lambda gateway: gateway.payments.reconciliation.resolve(order),
        path,
        {"reason": order.reason},
        Resolved,
        operator=by.actor,
    )
