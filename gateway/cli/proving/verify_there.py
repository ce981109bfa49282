"""``lienthong log verify --url``: a running gateway verifies its own log, as the console orders it.

Invariant: the exit code is 0 only when the verification has ended and nothing wrong was found, 1 when something is wrong, 3
when it was not done to its end. What is found is the word of
the gateway's own machine; who does not trust it verifies here, with pinned keys and checkpoints from elsewhere.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from gateway.cli.options import Way
    from gateway.storage.queries_jobs import RunView

PATH = "/v1/log/verifications"
_EACH = 1.0


def verify_there(way: Way, scope: Literal["new", "all"], operator: str | None, *, as_json: bool) -> None:
    """Order a verification, follow it to its end, and say what it has found."""
    from gateway.cli.exits import FAULT, NO
    from gateway.cli.opening import run
    from gateway.cli.screen import print_json

    ended = run(_followed(way, scope, operator))
    if as_json:
        print_json(ended)
    else:
        _print(ended)
    if ended.state != "done":
        raise typer.Exit(FAULT)
    if ended.answer != "yes":
        raise typer.Exit(NO)


def _print(ended: RunView) -> None:
    import msgspec

    from gateway.cli.proving.faults import conclusion, print_faults
    from gateway.cli.screen import console, table
    from gateway.messagelog.faults import Fault

    faults = msgspec.convert(ended.summary.get("faults", []), list[Fault])
    more = int(ended.summary.get("more", 0))
    rows = [(name, value) for name, value in ended.summary.items() if name not in {"faults", "more"}]
    rows += [("failure", ended.failure)] if ended.failure else []
    console().print(table((f"run {ended.id}", ended.state), rows))
    print_faults(faults, more)
    if ended.state == "done":
        print(conclusion(faults, more))


async def _followed(way: Way, scope: str, operator: str | None) -> RunView:
    from gateway.cli.remote import api_of
    from gateway.storage.queries_jobs import RunView

    async with api_of(way, operator) as remote:
        found = await remote.post(PATH, {"scope": scope}, RunView)
        while found.state in {"queued", "running"}:
            await asyncio.sleep(_EACH)
            found = await remote.get(f"{PATH}/{found.id}", RunView)
        return found
