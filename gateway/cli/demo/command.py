"""``lienthong demo``: options, and what is shown while the stage plays.

Invariant: exit 0 only if the portal's own record agrees and everything was delivered.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.demo.words import Language
from gateway.cli.options import AsJson, examples
from gateway.cli.sandbox import Faults

if TYPE_CHECKING:
    from gateway.cli.demo.stage import Result

USUAL_FOLDER = Path(".demo")
EXAMPLES = examples(
    "lienthong demo", "lienthong demo --lang en --faults storm --seed 7", "lienthong demo --serve"
)


def demo(
    *,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder for its data instead of .demo.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults.")] = 1,
    faults: Annotated[Faults, typer.Option(help="Which faults the portal has.")] = Faults.FIVE_PERCENT,
    lang: Annotated[Language, typer.Option(help="Language of what is shown.")] = Language.VI,
    serve: Annotated[
        bool, typer.Option("--serve", help="Afterwards go on running, with the API and a key to try it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Deliver 500 invented dossiers to a simulated portal with faults, and compare both sides."""
    from gateway.cli.demo.folder import fresh
    from gateway.cli.demo.show import Show, play
    from gateway.cli.exits import NO
    from gateway.cli.opening import run

    folder = fresh(keep or USUAL_FOLDER, ours=keep is None)
    show = Show(folder=folder, seed=seed, faults=faults, language=lang, serve=serve, quiet=as_json)
    result: Result = run(play(show))
    if as_json:
        from gateway.cli.screen import print_json

        print_json(result.document())
    if not result.holds:
        raise typer.Exit(NO)
