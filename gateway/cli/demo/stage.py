"""The demo's run: portal, gateway, import, delivery, judgement. No word of it is shown here.

Invariant: the end is decided by the portal's own record, read after everything has been delivered, and by nothing that
the gateway believes of itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.bootstrap import Gateway
from gateway.cli.comparison import Verdict, compare
from gateway.cli.demo.handled import Handled
from gateway.cli.demo.partner import NAME, Partner
from gateway.cli.demo.paying import Paid
from gateway.cli.demo.reading import Figures, read_figures
from gateway.cli.importing.doors import DatabaseDoor, Door
from gateway.cli.importing.feed import Feed
from gateway.cli.importing.lines import Line, read_lines
from gateway.cli.importing.verdict import Tally
from gateway.cli.importing.verdict import Verdict as LineVerdict
from gateway.deadlines.classify import Classification, Facts, classify
from gateway.domain.dossier import Dossier
from gateway.domain.errors import GatewayError
from gateway.domain.status import Status
from gateway.storage import tallies
from mappings.national_portal.stored_record import read_record

LINES_A_SECOND = 100.0
LOOK_SECONDS = 0.25
GIVE_UP_SECONDS = 600.0
PROCEDURES = "procedures"
CATALOGUE_SECONDS = 60.0
CATALOGUE_PAUSE_SECONDS = 0.2


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the summary tells."""

    figures: Figures
    imported: Tally
    verdict: Verdict
    classes: dict[str, int]
    disputed: int
    injected: dict[str, int]
    seconds: float
    payments: Paid | None = None
    ministries: tuple[Handled, ...] = ()

    @property
    def holds(self) -> bool:
        """Both sides are in step, and everything that came in has gone out."""
        complete = self.figures.left == 0 and not self.imported.counts["refused"]
        money = self.payments is None or self.payments.holds
        asked = all(each.holds for each in self.ministries)
        return complete and self.verdict.holds and self.verdict.compared > 0 and money and asked

    def document(self) -> dict[str, Any]:
        """The result as JSON, whole."""
        return {
            "holds": self.holds,
            "seconds": round(self.seconds, 1),
            "comparison": self.verdict,
            "imported": {"lines": self.imported.lines, **self.imported.figures()},
            "figures": self.figures,
            "left": self.figures.left,
            "classes": self.classes,
            "disputed": self.disputed,
            "injected": self.injected,
            "refused_lines": self.imported.refused,
            "payments": None if self.payments is None else self.payments.document(),
            "ministries": [each.document() for each in self.ministries],
        }


@asynccontextmanager
async def working(gateway: Gateway) -> AsyncIterator[None]:
    """The worker at work while the block runs; a worker that fails takes the block with it."""
    task = asyncio.create_task(gateway.worker.run())
    try:
        yield
    finally:
        gateway.worker.stop()
        await task


async def fetch_catalogues(gateway: Gateway) -> tuple[int, int]:
    """Fetch the portal's reference data, so that records are judged against it; (answers, entries).

    Procedures, too: a gateway fetches them when they are first needed, but here one question in twenty fails, and
    then the dossiers that need the answer wait for the next try.
    """
    destination = gateway.destinations[NAME]
    reads = [read for read in destination.adapter.manifest.reads if read.catalogue]
    entries = [await _fetch(gateway, read.name, {}) for read in reads if not read.parameters]
    codes = sorted(destination.catalogues.get(PROCEDURES, ()))
    entries += [
        await _fetch(gateway, read.name, {"procedure": code})
        for read in reads
        if read.parameters == ("procedure",)
        for code in codes
    ]
    return len(entries), sum(entries)


async def _fetch(gateway: Gateway, name: str, parameters: Mapping[str, str]) -> int:
    failure: str | None = None
    loop = asyncio.get_running_loop()
    limit = loop.time() + CATALOGUE_SECONDS
    while loop.time() < limit:
        refreshed = await gateway.catalogues.refresh(NAME, name, parameters)
        if refreshed.entries is not None:
            return refreshed.entries
        failure = refreshed.failure
        await asyncio.sleep(CATALOGUE_PAUSE_SECONDS)
    raise GatewayError(f"the simulated portal does not give its catalogue {name}: {failure}")


class PacedDoor:
    """Like a day at the counters: lines come in one after the other, not all at once, so that later versions of a
    dossier meet earlier ones at every stage of their way."""

    batch = 1

    def __init__(self, door: Door, per_second: float) -> None:
        self._door = door
        self._pause = 1.0 / per_second
        self._next = 0.0

    async def take(self, lines: Sequence[Line]) -> list[LineVerdict]:
        """Take ``lines`` when it is their turn."""
        now = asyncio.get_running_loop().time()
        self._next = max(now, self._next + self._pause)
        await asyncio.sleep(self._next - now)
        return await self._door.take(lines)


async def feed(gateway: Gateway, file: Path, *, longest: int, seen: Callable[[int], None]) -> Tally:
    """Import ``file`` like ``lienthong import`` does. ``seen`` is told how many lines are done."""
    tally = Tally()

    def told(_line: Line, verdict: LineVerdict) -> None:
        tally.add(verdict)
        seen(tally.lines)

    with file.open("rb") as stream:
        door = PacedDoor(DatabaseDoor(gateway.intake), LINES_A_SECOND)
        await Feed(door, told).run(read_lines(stream, longest=longest))
    return tally


async def until_delivered(
    gateway: Gateway, imported: asyncio.Task[Tally], seen: Callable[[Figures], None]
) -> Figures:
    """Watch until nothing is left, or nothing will move without a person."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + GIVE_UP_SECONDS
    while True:
        complete = imported.done()
        figures = await look(gateway)
        seen(figures)
        if complete and (figures.left == 0 or figures.advancing == 0 or loop.time() > limit):
            return figures
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await gateway.worker.wait_for_events(LOOK_SECONDS)


async def look(gateway: Gateway) -> Figures:
    """The figures now."""
    manifest = gateway.destinations[NAME].adapter.manifest
    return await gateway.database.read(lambda connection: read_figures(connection, manifest))


async def judge(gateway: Gateway, partner: Partner) -> Verdict:
    """Compare the newest versions with the portal's own record."""
    kept = read_record(await partner.portal.record())
    adapter = gateway.destinations[NAME].adapter

    def question(connection: Any) -> Verdict:
        codes = tallies.partner_codes(connection, NAME)
        dossiers = (
            msgspec.json.decode(record, type=Dossier) for record in tallies.dossier_records(connection)
        )
        return compare(
            dossiers,
            kept,
            wanted=adapter.wants,
            partner_code=lambda code: codes.get(code, code),
        )

    return await gateway.database.read(question)


async def punctuality(gateway: Gateway) -> tuple[dict[str, int], int]:
    """Dossiers by official class, and how many are disputed (on time by date, late by the hour)."""
    now = gateway.hub.clock()

    def question(connection: Any) -> list[Classification]:
        return [
            classify(_facts(msgspec.json.decode(record, type=Dossier), now))
            for record in tallies.dossier_records(connection)
        ]

    classes = await gateway.database.read(question)
    counted = Counter(str(each.by_date) for each in classes)
    return dict(counted), sum((each.by_date, each.by_instant) == ("ON_TIME", "LATE") for each in classes)


def _facts(dossier: Dossier, now: Any) -> Facts:
    waiting = [step.at for step in dossier.steps if step.status == dossier.status]
    return Facts(
        status=Status(dossier.status),
        as_of=now,
        received_at=dossier.received_at,
        due_at=dossier.due_at,
        finished_at=dossier.finished_at,
        waiting_since=max(waiting, default=None),
    )
