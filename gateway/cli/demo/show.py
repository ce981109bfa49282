"""Playing the demo before an audience: the stage with its display, from an empty folder to the summary.

Invariant: what is shown goes to standard error while it moves and to standard output when it is final.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.api.server import listening
from gateway.bootstrap import Gateway
from gateway.cli.demo import stage
from gateway.cli.demo.folder import LOG, Addresses, configure, example, make_keys
from gateway.cli.demo.handled import Handled
from gateway.cli.demo.ministries import ask_ministries
from gateway.cli.demo.ministry import MINISTRIES
from gateway.cli.demo.partner import Partner, started
from gateway.cli.demo.paying import Paid, pay_for_dossiers
from gateway.cli.demo.progress import Display, Results, displayed
from gateway.cli.demo.stage import Result
from gateway.cli.demo.store import Store, stored
from gateway.cli.demo.summary import Summary
from gateway.cli.demo.words import Language, say
from gateway.cli.opening import opened
from gateway.cli.screen import console
from gateway.settings import PREFIX, Settings, load
from gateway.telemetry import configure_logging


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """What to play. ``quiet``: show nothing but the end, as JSON."""

    folder: Path
    seed: int
    faults: str
    language: Language
    serve: bool
    quiet: bool

    def say(self, name: str, **values: object) -> None:
        """A line for the audience."""
        if not self.quiet:
            console().print(say(self.language, name, **values), markup=False)


async def play(show: Show) -> Result:
    """The whole demo."""
    show.say("title")
    show.say("starting", faults=say(show.language, f"faults.{show.faults}"))
    make_keys(show.folder, datetime.now(UTC))
    arguments = ["--config", str(configure(show.folder, Addresses())), "--port", "0"]
    arguments += ["--seed", str(show.seed), "--faults", show.faults]
    async with AsyncExitStack() as stack:
        stack.enter_context(_logged(show.folder / LOG))
        environment = own_environment(os.environ)
        partner = await stack.enter_async_context(started(arguments, environment))
        show.say("portal_at", url=partner.portal.url)
        store = await stack.enter_async_context(stored())
        settings = load(configure(show.folder, _addresses(partner, store)), environment)
        gateway = await stack.enter_async_context(opened(settings, upgrade=True))
        await stack.enter_async_context(stage.working(gateway))
        result = await _deliver(show, gateway, partner, settings)
        result = msgspec.structs.replace(result, payments=await _pay(show, gateway, partner))
        handled = await _ask(show, gateway, partner, store)
        result = msgspec.structs.replace(result, ministries=handled)
        if not show.quiet:
            Summary(console(), show.language).print(result, show.folder)
        if show.serve:
            from gateway.cli.demo.encore import encore

            await encore(show, gateway, partner.platform)
        return result


def _addresses(partner: Partner, store: Store) -> Addresses:
    return Addresses(
        portal=partner.portal.url,
        platform=partner.platform.host,
        ministries={name: stand.url for name, stand in partner.ministries.items()},
        store=store.host,
    )


def own_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment without what overrides a real configuration: invented dossiers must never get near its
    database or its partners. Only where the API listens may be chosen."""
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith(PREFIX) or name.startswith(f"{PREFIX}API__")
    }


async def _deliver(show: Show, gateway: Gateway, partner: Partner, settings: Settings) -> Result:
    began = time.monotonic()
    catalogues, entries = await stage.fetch_catalogues(gateway)
    show.say("catalogues", count=catalogues, entries=entries)
    file = example("dossiers.jsonl")
    display = Display(show.language, _count_lines(file))
    with ExitStack() as stack:
        if not show.quiet:
            stack.enter_context(displayed(console(errors=True), display))
        imported = asyncio.create_task(
            stage.feed(gateway, file, longest=settings.api.max_line_bytes, seen=display.imported)
        )
        figures = await stage.until_delivered(gateway, imported, display.show)
    classes, disputed = await stage.punctuality(gateway)
    return Result(
        figures=figures,
        imported=imported.result(),
        verdict=await stage.judge(gateway, partner),
        classes=classes,
        disputed=disputed,
        injected=await partner.portal.faults(),
        seconds=time.monotonic() - began,
    )


async def _pay(show: Show, gateway: Gateway, partner: Partner) -> Paid:
    """The chapter on money, with the API's door for callbacks open."""
    show.say("paying")
    platform = partner.platform
    await platform.prepare()
    async with listening(gateway) as url:
        await platform.call_back(url)
        return await pay_for_dossiers(gateway, platform, seed=show.seed)


async def _ask(show: Show, gateway: Gateway, partner: Partner, store: Store) -> tuple[Handled, ...]:
    """The chapter on ministries."""
    show.say("ministries")
    results = Results(show.language, {name: MINISTRIES[name].asked for name in partner.ministries})
    with ExitStack() as stack:
        if not show.quiet:
            stack.enter_context(displayed(console(errors=True), results))
        return await ask_ministries(gateway, partner, store, seed=show.seed, seen=results.show)


def _count_lines(file: Path) -> int:
    with file.open("rb") as stream:
        return sum(1 for _ in stream)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """The program log goes to a file, so that it does not run through the display."""
    with path.open("w", encoding="utf-8") as stream:
        with contextlib.redirect_stderr(stream):
            configure_logging("info")
        try:
            yield
        finally:
            sys.stderr.flush()
            configure_logging("warning")
