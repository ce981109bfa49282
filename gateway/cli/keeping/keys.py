"""``lienthong log rotate-master`` and ``log encrypt``: the keys of contents.

Invariant: both can be interrupted at any moment and are gone on with by the same command.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Actor, AsJson, Config, DryRun, examples

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.messagelog.rotation import Encrypted, Rotated, RotationPlan
    from gateway.settings import Settings
    from gateway.storage.orders import Instruction

ROTATE_EXAMPLES = examples(
    "lienthong log rotate-master --dry-run", 'lienthong log rotate-master --reason "yearly, plan 3/2026"'
)
ENCRYPT_EXAMPLES = examples("lienthong log encrypt --dry-run", "lienthong log encrypt")
_STOP = "stop it first"


def rotate_master(
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept with your name.", show_default=False)
    ] = "",
    dry_run: DryRun = False,
    actor: Actor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make the next master key and wrap every key of contents with it; an interrupted run is finished instead.

    The folder of keys is the same on every machine: bring the new file to the others at once. The old one is needed for
    backups.
    """
    from gateway.cli.opening import configured, run
    from gateway.cli.orders import actor_of, require_reason
    from gateway.cli.screen import print_json
    from gateway.storage.orders import Instruction

    settings = configured(config)
    if dry_run:
        plan = _plan(settings)
        if as_json:
            print_json(plan)
            return
        what = (
            "the interrupted rotation would be finished"
            if plan.finishes
            else f"master-{plan.next_number}.key would be made"
        )
        print(f"{what}; {plan.keys:,} keys would be wrapped anew")
        return
    order = Instruction(actor=actor_of(actor), reason=require_reason(reason), now=datetime.now(UTC))
    done = run(_rotated(settings, order, quiet=as_json))
    if as_json:
        print_json(done)
    else:
        print(f"{done.rewrapped:,} keys are wrapped by master key {done.master}")


def _plan(settings: Settings) -> RotationPlan:
    from gateway.cli.opening import reading
    from gateway.messagelog.rotation import rotation_plan

    with reading(settings) as database:
        return rotation_plan(database, _folder(settings))


async def _rotated(settings: Settings, order: Instruction, *, quiet: bool) -> Rotated:
    from gateway.cli.keeping.bars import bar
    from gateway.cli.opening import writing
    from gateway.messagelog.rotation import rotate

    with writing(settings, instead=_STOP) as database, bar(quiet=quiet) as shown:
        return await rotate(database, _folder(settings), order, shown.count)


def _folder(settings: Settings) -> Path:
    from gateway.domain.errors import ConfigurationError
    from gateway.settings import keys_folder

    folder = keys_folder(settings)
    if folder is None:
        raise ConfigurationError("evidence.keys: name the folder of the keys")
    return folder


def encrypt(*, dry_run: DryRun = False, config: Config = None, as_json: AsJson = False) -> None:
    """Encrypt contents that were stored in clear, before there were keys. Entries and their proof do not change."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import ask, configured, run
    from gateway.cli.screen import print_json
    from gateway.storage.upkeep_contents import count_clear

    if dry_run:
        count = ask(config, count_clear)
        if as_json:
            print_json({"clear": count})
        else:
            print(f"{count:,} contents would be encrypted")
        return
    done = run(_encrypted(configured(config), quiet=as_json))
    if as_json:
        print_json(done)
    else:
        print(f"{done.encrypted:,} contents were encrypted")
        for entry in done.unreadable[:20]:
            print(f"  entry {entry} cannot be read and was left as it is")
    if done.unreadable:
        raise typer.Exit(NO)


async def _encrypted(settings: Settings, *, quiet: bool) -> Encrypted:
    from gateway.cli.keeping.bars import bar
    from gateway.cli.opening import writing
    from gateway.messagelog.rotation import encrypt_clear

    with writing(settings, instead=_STOP) as database, bar(quiet=quiet) as shown:
        return await encrypt_clear(database, shown.count)
