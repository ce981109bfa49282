"""``lienthong log erase``: a dossier's content goes, what happened and when stays proven.

Invariant: it says beforehand exactly what goes, and takes effect only after a second person's word, where that is required.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Actor, AsJson, Config, DryRun, examples

if TYPE_CHECKING:
    from gateway.messagelog.erasure import Erase, Erased, ErasurePlan, SharedLoss
    from gateway.settings import Settings

EXAMPLES = examples(
    "lienthong log erase H99.14-260928-0007 --dry-run",
    'lienthong log erase H99.14-260928-0007 --reason "request of the citizen, letter 12/2026"',
)
_STOP = "stop it first, or erase through its API"


def erase(
    dossier: Annotated[str, typer.Argument(metavar="DOSSIER", help="The dossier's code.")],
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept with your name.", show_default=False)
    ] = "",
    dry_run: DryRun = False,
    actor: Actor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Destroy a dossier's key and everything else that is held of its people.

    Its entries stay in the log, and their proof. A second person approves it; then give the same command again.
    """
    from gateway.cli.exits import NO
    from gateway.cli.opening import configured, run
    from gateway.cli.orders import actor_of, require_reason
    from gateway.cli.screen import print_json
    from gateway.messagelog.erasure import Erase

    settings = configured(config)
    if dry_run:
        found = run(_planned(settings, dossier))
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
    done = run(_erased(settings, order))
    if as_json:
        print_json(done)
    else:
        _print_done(done)


async def _planned(settings: Settings, dossier: str) -> ErasurePlan:
    from gateway.cli.opening import reading
    from gateway.messagelog.erasure import plan

    with reading(settings) as database:
        return await plan(database, dossier, datetime.now(UTC))


async def _erased(settings: Settings, order: Erase) -> Erased:
    from gateway.cli.opening import writing
    from gateway.messagelog import erasure

    with writing(settings, instead=_STOP) as database:
        return await erasure.erase(database, order)


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
