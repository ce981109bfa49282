"""``lienthong log erase``: a dossier's content goes, what happened and when stays proven.

Invariant: it says beforehand exactly what goes, and takes effect only after a second person's word, where that is required.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from gateway.cli.options import Actor, AsJson, DryRun, Way, examples, spread

if TYPE_CHECKING:
    from gateway.messagelog.erasure import Erase, Erased, ErasurePlan, SharedLoss

EXAMPLES = examples(
    "lienthong log erase H99.14-260928-0007 --dry-run",
    'lienthong log erase H99.14-260928-0007 --reason "request of the citizen, letter 12/2026"',
)
_STOP = "erase through its API: --url URL --key-file FILE"


@spread
def erase(
    dossier: Annotated[str, typer.Argument(metavar="DOSSIER", help="The dossier's code.")],
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept with your name.", show_default=False)
    ] = "",
    dry_run: DryRun = False,
    actor: Actor = None,
    way: Way = Way(),
    as_json: AsJson = False,
) -> None:
    """Destroy a dossier's key and everything else that is held of its people.

    Its entries stay in the log, and their proof. A second person approves it; then give the same command again.
    """
    from gateway.cli.exits import NO
    from gateway.cli.opening import run
    from gateway.cli.orders import actor_of, require_reason
    from gateway.cli.screen import print_json
    from gateway.messagelog.erasure import Erase

    if dry_run:
        found = run(_planned(way, dossier))
        if as_json:
            print_json(found)
        else:
            _print_plan(found)
        if found.obstacles:
            raise typer.Exit(NO)
        return
    order = Erase(
        actor=actor_of(actor), reason=require_reason(reason), now=datetime.now(UTC), dossier=dossier
    )
    done = run(_erased(way, order, actor))
    if as_json:
        print_json(done)
    else:
        _print_done(done)


async def _planned(way: Way, dossier: str) -> ErasurePlan:
    from gateway.cli.opening import reading
    from gateway.cli.remote import get_from
    from gateway.messagelog.erasure import ErasurePlan, plan

    if way.url is not None:
        return await get_from(way, _address(dossier), ErasurePlan)
    with reading(way.settings) as database:
        return await plan(database, dossier, datetime.now(UTC))


async def _erased(way: Way, order: Erase, operator: str | None) -> Erased:
    from gateway.cli.opening import writing
    from gateway.cli.remote import api_of
    from gateway.messagelog import erasure

    if way.url is not None:
        async with api_of(way, operator) as remote:
            return await remote.post(_address(order.dossier), {"reason": order.reason}, erasure.Erased)
    with writing(way.settings, instead=_STOP) as database:
        return await erasure.erase(database, order)


def _address(dossier: str) -> str:
    return f"/v1/dossiers/{quote(dossier, safe='')}/erasure"


def _print_plan(found: ErasurePlan) -> None:
    for obstacle in found.obstacles:
        print(f"in the way: {obstacle.count} × {obstacle.what}")
    print(f"dossier {found.dossier}, version {found.version}; rows that would lose what they say of people:")
    for holding in found.holds:
        print(f"  {holding.table}: {holding.rows}")
    print(f"  files that nobody else names: {len(found.files)}")
    _print_shared(found.shared)


def _print_shared(shared: list[SharedLoss]) -> None:
    for each in shared:
        lost = "all of it" if each.whole else ", ".join(each.fields) or "nothing"
        print(f"  entry {each.entry}, shared with {', '.join(each.others)}: {lost}")


def _print_done(done: Erased) -> None:
    print(f"dossier {done.dossier} was erased; record {done.action}")
    for table, count in done.rows.items():
        print(f"  {table}: {count}")
    _print_shared(done.shared)
    print("backups made before today still hold it: keep them no longer than you must")
