"""Running a job and waiting for its end: in this very process, or in one that is asked through its API.

Invariant: whoever stops waiting for a run in another process leaves it running; one in this process ends with it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from gateway.cli.exits import complain
from gateway.cli.opening import configured, opened, require_free
from gateway.cli.options import Way
from gateway.cli.screen import console
from gateway.cli.sync.bar import advance, run_bar
from gateway.cli.sync.doors import INSTEAD, through
from gateway.domain.errors import StorageUnavailable
from gateway.jobs.service import RunOrder
from gateway.storage.queries_jobs import RunView

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway

LOOK_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Look = Callable[[], Awaitable[RunView]]


async def run_through(
    way: Way, order: RunOrder, *, wait: bool, quiet: bool, operator: str | None = None
) -> RunView:
    """Order a run of a running gateway, in the name of ``operator``; with ``wait`` its end."""
    async with through(way, operator) as door:
        run = await door.start(order)
        if not wait:
            return run
        with _told_to_end() as ended:
            giving_up = asyncio.create_task(ended.wait())
            run = await _follow(lambda: door.run_view(int(run.id)), giving_up, quiet=quiet)
            giving_up.cancel()
    if run.ended_at is None:
        complain(f"the run goes on without anybody waiting for it: lienthong sync show {run.id}")
    return run


async def run_here(way: Way, order: RunOrder, *, quiet: bool) -> RunView:
    """Do a run in this process; on SQLite only while no gateway runs."""
    settings = configured(way.config)
    require_free(settings, instead=INSTEAD)
    with _told_to_end() as ended:
        async with opened(settings) as gateway, _present(gateway, ended):
            begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            running = asyncio.create_task(gateway.jobs.run_here(order, ended, begun.set_result))
            either: set[asyncio.Future[Any]] = {running, begun}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                await _follow(lambda: gateway.jobs.run_view(begun.result()), running, quiet=quiet)
            return await running


@asynccontextmanager
async def _present(gateway: Gateway, ended: asyncio.Event) -> AsyncIterator[None]:
    """A worker row that beats as long as the block lasts, so that the run has a living owner."""
    being = asyncio.create_task(gateway.worker.run(idle=True))
    known = asyncio.create_task(gateway.worker.registered())
    giving_up = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait([being, known, giving_up], return_when=asyncio.FIRST_COMPLETED)
        if not known.done():
            raise StorageUnavailable("this process could not be registered as a worker; nothing was run")
        yield
    finally:
        known.cancel()
        giving_up.cancel()
        gateway.worker.stop()
        await being


async def _follow(look: Look, over: asyncio.Task[Any], *, quiet: bool) -> RunView:
    """Show how far a run is until it has ended, or until ``over``; as it was last seen."""
    output = console(errors=True)
    with run_bar(output, shown=output.is_terminal and not quiet) as bar:
        while True:
            run = await look()
            advance(bar, run)
            if run.ended_at is not None or over.done():
                return run
            await asyncio.wait([over], timeout=LOOK_SECONDS)


@contextmanager
def _told_to_end() -> Iterator[asyncio.Event]:
    """Set when somebody interrupts the command; a second time it ends at once."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def heard() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        ended.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, heard)
    try:
        yield ended
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
