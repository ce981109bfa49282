"""The assessor: every version of a dossier is judged once, in its order, soon after it came in.

A worker task beside the engine, never in the way of a dossier that comes in. One process does the work, the worker
that has been here longest; another one helps when that one is too slow or stuck. Invariants: a version counts as
assessed in the transaction that writes what came of it, so a killed process loses nothing; two processes that judge
the same dossier write it once.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import time
from collections.abc import Callable

import structlog

from gateway.domain.errors import StorageUnavailable
from gateway.statussync.desk import Desk
from gateway.statussync.judgement import Bench, failed, judge_versions
from gateway.storage import queries_standings
from gateway.storage.payment_clock import unassessed_payers
from gateway.storage.queries_standings import Backlog, Known, VersionRow
from gateway.storage.standings import Assessed, record_assessments
from gateway.telemetry import ASSESSED

log = structlog.get_logger(__name__)
AT_ONCE = 300
POLL_SECONDS = 1.0
GATHER_SECONDS = 0.2  # what comes in together is judged together
HELP_AFTER_SECONDS = 10.0
SLICE_SECONDS = 0.003  # so long others wait for the loop
REST_SECONDS = 0.012
BUSY_SECONDS = 0.0005


class Assessor:
    """Judges what was not judged yet. ``owner``: this process's worker id, 0 when it runs none."""

    def __init__(self, desk: Desk, owner: Callable[[], int]) -> None:
        self._desk = desk
        self._owner = owner
        self._news = asyncio.Event()

    def wake(self) -> None:
        """There may be a new version."""
        self._news.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Judge until ``stopping``; what is being written is finished. Raises StorageUnavailable; run it again then."""
        while not stopping.is_set():
            if await self._is_mine() and await self.run_once():
                continue
            self._news.clear()
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._news.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                continue

    async def run_once(self, most: int = AT_ONCE) -> int:
        """Judge the dossiers of the ``most`` versions, and payments, that wait longest; how many are done with."""
        waiting = await self._desk.database.read(functools.partial(queries_standings.unassessed, most=most))
        payers = await self._desk.database.read(functools.partial(unassessed_payers, most=most))
        if not waiting and not payers:
            return 0
        groups: dict[str, list[VersionRow]] = {code: [] for code in payers}
        for code, some in itertools.groupby(waiting, key=lambda version: version.dossier_code):
            groups[code] = list(some)
        known = await self._desk.database.read(functools.partial(queries_standings.known, codes=groups))
        bench, writes = self._bench(await self._desk.start()), []
        began = time.perf_counter()
        for code, versions in groups.items():
            item = judge_versions(bench, code, versions, known[code])
            writes.append(asyncio.ensure_future(self._write(item, versions, known[code])))
            if time.perf_counter() - began > SLICE_SECONDS:
                began = await _breathe()
        await asyncio.wait(writes)  # all of them, whatever becomes of one
        faults = [fault for write in writes if (fault := write.exception()) is not None]
        if faults:  # each was asked for above, so that asyncio does not complain of those that are not raised
            raise faults[0]
        return sum(write.result() for write in writes)

    def _bench(self, start: int | None = None) -> Bench:
        return Bench(
            rules=self._desk.rules,
            now=self._desk.now(),
            identifier=self._desk.database.identifiers.next,
            start=start,
        )

    async def _write(self, item: Assessed, versions: list[VersionRow], known: Known) -> int:
        try:
            written = await self._desk.database.apply(record_assessments, item)
        except StorageUnavailable:
            raise
        except Exception:  # why: what one dossier breaks must not stop the others; it is written down
            log.exception("assessment_could_not_be_written", dossier=item.code)
            await self._desk.database.apply(
                record_assessments, failed(self._bench(), item.code, versions, known)
            )
            ASSESSED.labels("failed").inc(len(versions))
            return len(versions) + len(item.payments)
        ASSESSED.labels("judged" if written else "overtaken").inc(len(versions))
        return len(versions) + len(item.payments) if written else 0

    async def _is_mine(self) -> bool:
        """Whether this process is to do the work: it is the leader, or the leader does not get on."""
        backlog = await self._desk.database.read(queries_standings.backlog)
        return backlog.waiting > 0 and (self._leads(backlog) or self._is_stuck(backlog))

    def _leads(self, backlog: Backlog) -> bool:
        return backlog.leader is None or backlog.leader == self._owner()

    def _is_stuck(self, backlog: Backlog) -> bool:
        since = self._desk.now() - HELP_AFTER_SECONDS * 1_000_000
        return backlog.oldest_at is not None and backlog.oldest_at < since


async def _breathe() -> float:
    """Let others have the loop, for longer when they need it; when our turn begins."""
    left = time.perf_counter()
    await asyncio.sleep(0)
    if time.perf_counter() - left > BUSY_SECONDS:
        await asyncio.sleep(REST_SECONDS)
    return time.perf_counter()
