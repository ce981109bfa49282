"""``lienthong reconcile ledger``: both ledgers over a period, day by day.

Invariant: reading only, from what reconciliations found; exit code 1 as long as something in the period is open.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from gateway.cli.options import AsJson, Way, examples, spread
from gateway.cli.times import typed_day, yesterday

if TYPE_CHECKING:
    from gateway.domain.ledger import DayTotal, Ledger

EXAMPLES = examples(
    "lienthong reconcile ledger",
    "lienthong reconcile ledger --from 2026-09-01 --to 2026-09-30 --json",
)
USUAL_DAYS = 7
_HEADINGS = ("ngày", "sổ của tỉnh", "nền tảng", "chênh lệch", "khớp", "chưa xử lý", "đối soát lúc")


@spread
def ledger(
    *,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="YYYY-MM-DD",
            help="First day; a week before the last one if left out.",
            show_default=False,
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="YYYY-MM-DD", help="Last day; yesterday if left out.", show_default=False
        ),
    ] = None,
    destination: Annotated[
        str | None, typer.Option(help="Only this payment platform.", show_default=False)
    ] = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Show both ledgers over a period: ours, the platform's, and what lies between. Exit code 1: something is open."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import run
    from gateway.cli.paying.words import dong
    from gateway.cli.screen import console, print_json, table

    last = typed_day(end, "--to") or yesterday()
    first = typed_day(start, "--from") or last - timedelta(days=USUAL_DAYS - 1)
    if first > last:
        raise typer.BadParameter("--from is after --to")
    found = run(_found(way, first, last, destination))
    if as_json:
        print_json(found)
    else:
        console().print(table(_HEADINGS, [_row(each) for each in found.days]))
        print(f"tổng: {dong(found.ours)} - {dong(found.theirs)} = {dong(found.difference)}")
    if found.open or found.unread or not found.sound:
        raise typer.Exit(NO)


def _row(each: DayTotal) -> tuple[Any, ...]:
    from gateway.cli.paying.words import dong

    if each.looked_at is None:
        return (each.day.isoformat(), "", "", "", "", "", "chưa đối soát")
    sums = (dong(each.ours), dong(each.theirs), dong(each.difference))
    return (each.day.isoformat(), *sums, f"{each.matched}/{each.items}", each.open, each.looked_at)


async def _found(way: Way, first: date, last: date, destination: str | None) -> Ledger:
    from gateway.cli.opening import opened
    from gateway.cli.remote import get_from
    from gateway.domain.ledger import Ledger

    if way.url is None:
        async with opened(way.settings, reading=True) as gateway:
            return await gateway.payments.reconciliation.ledger(first, last, destination)
    query = {"from": first.isoformat(), "to": last.isoformat()}
    query |= {"destination": destination} if destination else {}
    return await get_from(way, f"/v1/payment-reconciliations/ledger?{urlencode(query)}", Ledger)
