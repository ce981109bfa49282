"""``lienthong log checkpoints``, ``checkpoint``, ``proof``, ``consistency``: what proves the message log.

Invariant: what is printed as JSON or written to a file is what a verifier needs, unchanged.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsJson, Config, Limit, examples

if TYPE_CHECKING:
    from gateway.evidence.views import CheckpointDetail
    from gateway.settings import Settings

LIST_EXAMPLES = examples("lienthong log checkpoints", "lienthong log checkpoints --json --limit 5")
ONE_EXAMPLES = examples(
    "lienthong log checkpoint -o /media/usb/lienthong-2026-11-22.note", "lienthong log checkpoint --json"
)
PROOF_EXAMPLES = examples("lienthong log proof 250228613813637121 -o proof.json")
CONSISTENCY_EXAMPLES = examples("lienthong log consistency 20000 48213")

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write it to a file.", show_default=False),
]


def checkpoints(*, config: Config = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List checkpoints, the newest first."""
    from gateway.cli.opening import ask
    from gateway.cli.screen import console, print_json, table
    from gateway.evidence import views

    found = ask(config, partial(views.listed, before=None, limit=limit))
    if as_json:
        print_json(found)
        return
    headings = ("no.", "entries", "made", "stamped", "witnesses", "root")
    rows = [
        (each.number, f"{each.size:,}", each.at, each.stamped_at, ", ".join(each.witnesses), each.root)
        for each in found
    ]
    console().print(table(headings, rows))


def checkpoint(*, config: Config = None, output: Output = None, as_json: AsJson = False) -> None:
    """Make a checkpoint now if the gateway is stopped, else take the newest: a note to be kept elsewhere.

    Whoever keeps it can prove later that nothing before it was changed.
    """
    from gateway.cli.exits import complain
    from gateway.cli.opening import ask, configured, run
    from gateway.cli.screen import print_json
    from gateway.evidence import views

    settings = configured(config)
    run(_made(settings))
    found: CheckpointDetail = ask(config, partial(views.detail, size=None))
    if as_json:
        print_json(found)
    elif output is None:
        print(found.checkpoint.note, end="", flush=True)
    if output is not None:
        _write(output, found.checkpoint.note.encode())
        complain(
            f"{output}: {found.checkpoint.size:,} entries, made {found.checkpoint.at:%Y-%m-%d %H:%M:%S} UTC"
        )


async def _made(settings: Settings) -> None:
    """One checkpoint of everything, if no running gateway makes them."""
    from gateway.cli.opening import has_database, opened, require_free
    from gateway.domain.errors import ConfigurationError

    if not has_database(settings):
        raise ConfigurationError(f"there is no database {settings.database.url}")
    try:
        require_free(settings, instead="")
    except ConfigurationError:
        return  # the running gateway makes them
    async with opened(settings) as gateway:
        if gateway.evidence.checkpointer is not None:
            await gateway.evidence.checkpointer.make()


def proof(
    entry: Annotated[int, typer.Argument(min=1, metavar="ID", help="An entry's id, as the list shows it.")],
    *,
    config: Config = None,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Prove it in the checkpoint of so many entries.", show_default=False),
    ] = None,
    output: Output = None,
) -> None:
    """Prove that an entry is in the log: JSON with the inclusion proof and the checkpoint it leads to."""
    from gateway.cli.opening import ask
    from gateway.messagelog.proofs import entry_proof

    _tell(ask(config, partial(entry_proof, entry=entry, size=size)), output)


def consistency(
    first: Annotated[int, typer.Argument(min=0, help="Entries of the earlier log.")],
    second: Annotated[int, typer.Argument(min=0, help="Entries of a later checkpoint.")],
    *,
    config: Config = None,
    output: Output = None,
) -> None:
    """Prove that the log only grew from one size to another: JSON with the proof and both checkpoints."""
    from gateway.cli.opening import ask
    from gateway.messagelog.proofs import consistency_proof

    _tell(ask(config, partial(consistency_proof, first=first, second=second)), output)


def _tell(found: Any, output: Path | None) -> None:
    import msgspec

    from gateway.cli.screen import print_json

    if output is None:
        print_json(found)
    else:
        _write(output, msgspec.json.encode(found))


def _write(path: Path, content: bytes) -> None:
    from gateway.domain.errors import ConfigurationError

    try:
        path.write_bytes(content)
    except OSError as fault:
        raise ConfigurationError(f"--output: {path} cannot be written: {fault}") from fault
