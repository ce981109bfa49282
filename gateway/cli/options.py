"""Options that many commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="LIENTHONG_CONFIG",
        metavar="FILE",
        help="Configuration file; without it, lienthong.toml in this folder if there is one.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; kept with your name.", show_default=False)
]
Actor = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", help="Who is acting; your login name if left out.", show_default=False
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Work through the API of a running gateway, not on its database.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="LIENTHONG_API_KEY", help="API key for --url.", show_default=False),
]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="File that holds the API key.", show_default=False)
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]


def examples(*lines: str) -> str:
    """An epilog with example commands, one per line."""
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in lines)


def group(what: str) -> typer.Typer:
    """A command that has commands of its own."""
    return typer.Typer(
        help=what,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
