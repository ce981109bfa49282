"""Making checkpoints of the message log: one process of all, every few seconds while there is something new.

A worker's task, off the path of deliveries: it reads what was sealed, grows the tree, signs, and has the checkpoint
stamped. Invariants: a checkpoint leaves the process only after it is durable as the one after the newest, so no two of
one size differ; whoever takes over goes on from the newest checkpoint, wherever the one before was killed; entries that
come of stamping alone make no checkpoint necessary before the period is over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec
import structlog

from gateway.domain.errors import ConfigurationError, StorageUnavailable
from gateway.evidence.anchoring import Anchor, Stamped
from gateway.evidence.growth import Growth, HistoryChanged
from gateway.messagelog.log_keys import LogKeys
from gateway.proof.lienthong_verify import Checkpoint, read_checkpoint, read_note
from gateway.proof.note import checkpoint_text, signed
from gateway.rounds.pausing import pause
from gateway.settings_evidence import EvidenceSettings
from gateway.storage import following, upkeep
from gateway.storage.checkpoints import (
    CheckpointRow,
    Trouble,
    add_checkpoint,
    anchor,
    note_recovery,
    note_trouble,
    state,
)
from gateway.storage.database import Database, Transaction
from gateway.storage.instants import from_micros, to_micros
from gateway.telemetry import CHECKPOINTS, EVIDENCE_SIZE

log = structlog.get_logger(__name__)
PLACE = "checkpoints"
"""Under which the place of the one that makes them is kept."""
TAKEOVER_SECONDS = 5.0
LONGEST_STEP = 0.5
FIRST_RETRY, LONGEST_RETRY = 2.0, 60.0


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The log of which checkpoints are made."""

    database: Database
    keys: LogKeys
    clock: Callable[[], datetime]


class Checkpointer:
    """Makes checkpoints of the log in ``source``. ``owner``: this process's worker id, which holds the place."""

    def __init__(
        self,
        source: Source,
        settings: EvidenceSettings,
        *,
        owner: Callable[[], int],
        anchor: Anchor | None = None,
    ) -> None:
        self._database = source.database
        self._keys = source.keys
        self._clock = source.clock
        self._settings = settings
        self._owner = owner
        self._stamping = _Stamping(anchor, settings) if anchor is not None else None
        self._trouble = ""
        self._made: float | None = None  # when this process made the newest one, by its monotonic clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Make checkpoints until ``stopping``. Raises StorageUnavailable; run it again then."""
        while not stopping.is_set():
            if not await self._take():
                await pause(stopping, TAKEOVER_SECONDS)
                continue
            try:
                await self._work(stopping)
            except (HistoryChanged, ConfigurationError) as fault:
                await self._failed(str(fault))
                await pause(stopping, TAKEOVER_SECONDS)
            finally:
                await self._leave()

    async def make(self) -> CheckpointRow | None:
        """One checkpoint of everything that was logged, now, not stamped; None when another process makes them. Raises
        HistoryChanged, ConfigurationError, StorageUnavailable."""
        if not await self._take():
            return None
        try:
            while (await self._database.write(upkeep.seal)).messages:
                continue
            growth = await Growth.resume(self._database)
            while await self._grown(growth):
                continue
            if growth.newest is not None and growth.newest.size == growth.edge.size:
                return growth.newest
            return growth.newest if await self._sign(growth) else None
        finally:
            await self._leave()

    async def close(self) -> None:
        """Close the connection to the authority."""
        if self._stamping is not None:
            await self._stamping.anchor.close()

    async def _work(self, stopping: asyncio.Event) -> None:
        """From the newest checkpoint on until ``stopping``, or until somebody else has the place."""
        growth = await Growth.resume(self._database)
        self._made = self._made_at(growth.newest)
        await self._note_recovered()
        step = min(LONGEST_STEP, self._settings.every / 4)
        try:
            while not stopping.is_set():
                more = await self._grown(growth)
                if self._is_due(growth) and not await self._sign(growth):
                    return
                await self._collect()
                if self._stamping is not None and growth.newest is not None:
                    self._stamping.ask(growth.newest)
                if not more:
                    await pause(stopping, step)
        finally:
            if self._stamping is not None:
                await self._stamping.end()
        await self._collect()

    async def _grown(self, growth: Growth) -> bool:
        more = await growth.grow()
        await asyncio.sleep(0)  # deliveries come first, however long the log that is read for the first time
        return more

    def _is_due(self, growth: Growth) -> bool:
        due = self._settings.every if growth.fresh else self._settings.at_least_every
        return self._made is None or time.monotonic() - self._made >= due

    def _made_at(self, newest: CheckpointRow | None) -> float | None:
        """When ``newest`` was made, by this process's monotonic clock; None: another one is due at once."""
        if newest is None:
            return None
        age = (self._clock() - from_micros(newest.at)).total_seconds()
        return time.monotonic() - age if age >= 0 else None  # one in the future is of a clock that was wrong

    async def _sign(self, growth: Growth) -> bool:
        """A checkpoint of the whole tree; False, and none, when another process was faster."""
        number, signer = await self._keys.newest()
        before, edge = growth.newest, growth.edge
        now = to_micros(self._clock())
        at = (
            now if before is None else max(now, before.at)
        )  # a clock that was set back is no reason to say so
        previous: Checkpoint | None = None if before is None else checkpoint_of(before)
        root = edge.root()
        text = checkpoint_text(signer.key.name, edge.size, root, at=from_micros(at), previous=previous)
        row = CheckpointRow(
            number=1 if before is None else before.number + 1,
            size=edge.size,
            root=root,
            at=at,
            note=signed(text, signer).decode(),
            digest=read_checkpoint(text).digest,
            key=number,
        )
        if not await self._database.write(partial(add_checkpoint, row=row)):
            log.info("checkpoint_was_overtaken", number=row.number)
            return False
        growth.signed(row)
        self._made = time.monotonic()
        CHECKPOINTS.labels("signed").inc()
        EVIDENCE_SIZE.set(row.size)
        log.debug("checkpoint_was_made", number=row.number, size=row.size)
        if self._stamping is None:
            await self._recovered()
        return True

    async def _collect(self) -> None:
        """Keep the stamp that has come since, or note why there is none."""
        answer = None if self._stamping is None else self._stamping.answer()
        if isinstance(answer, str):
            await self._failed(answer)
        elif answer is not None:
            number, stamped = answer
            seen = to_micros(stamped.at)
            await self._database.write(partial(_keep, number=number, token=stamped.token, at=seen))
            CHECKPOINTS.labels("stamped").inc()
            if self._trouble:
                self._tell_recovery()

    async def _failed(self, reason: str) -> None:
        CHECKPOINTS.labels("failed").inc()
        if reason == self._trouble:
            return
        log.error("evidence_cannot_be_produced", reason=reason[:500])
        trouble = Trouble(since=to_micros(self._clock()), reason=reason)
        await self._database.write(partial(note_trouble, trouble=trouble))
        self._trouble = reason

    async def _recovered(self) -> None:
        if self._trouble:
            await self._database.write(note_recovery)
            self._tell_recovery()

    def _tell_recovery(self) -> None:
        log.warning("evidence_is_produced_again", after=self._trouble[:500])
        self._trouble = ""

    async def _note_recovered(self) -> None:
        """What an earlier process could not do: over when everything is proven, else until the next success."""
        found = await self._database.read(partial(state, anchored=self._stamping is not None))
        if found.trouble is None:
            self._trouble = ""
            return
        self._trouble = found.trouble.reason
        if found.owed is None and found.proven:
            await self._recovered()

    async def _take(self) -> bool:
        owner = self._owner()
        place = await self._database.read(partial(following.place, name=PLACE, owner=owner))
        if not place.free:
            return False
        return await self._database.write(lambda tx: following.claim(tx, PLACE, owner)) is not None

    async def _leave(self) -> None:
        owner = self._owner()
        try:
            await self._database.write(lambda tx: following.release(tx, PLACE, owner))
        except StorageUnavailable:
            log.warning("place_was_left_taken", place=PLACE)  # free again when this worker's row is gone


class _Stamping:
    """One question at a time to the authority, beside everything else."""

    def __init__(self, anchor: Anchor, settings: EvidenceSettings) -> None:
        self.anchor = anchor
        self._rest = settings.timestamps.every if settings.timestamps is not None else 0.0
        self._asking: tuple[int, asyncio.Task[Stamped | str]] | None = None
        self._last = 0  # the newest checkpoint that was stamped
        self._not_before = 0.0
        self._failures = 0

    def ask(self, newest: CheckpointRow) -> None:
        """Ask about ``newest`` unless a question is under way, it is stamped, or it is too early to ask again."""
        stamped = newest.token is not None or newest.number <= self._last
        if self._asking is None and not stamped and time.monotonic() >= self._not_before:
            self._asking = newest.number, asyncio.create_task(self.anchor.stamp(newest), name="stamp")

    def answer(self) -> tuple[int, Stamped] | str | None:
        """What has come since the last look: a stamp, why there is none, or nothing."""
        if self._asking is None or not self._asking[1].done():
            return None
        number, task = self._asking
        self._asking = None
        fault = task.exception()
        found = f"{type(fault).__name__}: {fault}" if fault is not None else task.result()
        if isinstance(found, str):
            pause_for = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** min(self._failures, 16))
            self._failures += 1
            self._not_before = time.monotonic() + pause_for
            return found
        self._failures, self._last = 0, number
        self._not_before = time.monotonic() + self._rest
        return number, found

    async def end(self) -> None:
        """Wait for the question that is under way; exchanges are never cancelled."""
        if self._asking is not None:
            await asyncio.wait([self._asking[1]])


def checkpoint_of(row: CheckpointRow) -> Checkpoint:
    """The checkpoint in a row."""
    return read_checkpoint(read_note(row.note.encode()).text)


def _keep(transaction: Transaction, number: int, token: bytes, at: int) -> None:
    anchor(transaction, number, token, at)
    note_recovery(transaction)
