"""Looking at some dossiers of one partner at once, with patience, and writing down what was seen.

Invariant: an exchange that has begun is waited for, whatever ends the pass; what was seen is durable before ``look``
returns, and nothing is written of a lane that moved while its partner was asked; an agreement is remembered only where
the rules held from before the comparison until after it.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from gateway.domain.errors import CannotEncode, PartnerUnavailable
from gateway.domain.job import RunContext
from gateway.statussync.agreement import Recall, lane_digest
from gateway.statussync.drift_asking import Inquiry, RecordAnswer
from gateway.statussync.drift_look import (
    Look,
    Remembered,
    Seen,
    Silence,
    Silent,
    findings,
    look,
    look_again,
    look_for_unknown,
    look_for_untold,
    snapshot_operations,
)
from gateway.statussync.drift_tally import Tally
from gateway.storage.database import Database
from gateway.storage.drift import Recorded, drift_dossiers, record_findings
from gateway.storage.drift_agreements import Agreement, agreements, save_agreements
from gateway.storage.drift_lanes import (
    LaneFile,
    LaneOutline,
    lane_outlines,
    records,
    stamps,
    with_payloads,
)
from gateway.storage.instants import to_micros
from gateway.wire.asking import Unasked

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
TRIES = 3
MOST_UNREAD = 10
_DAY = 24 * 3600 * 1_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Questions at once; seconds for a partner to show what it acknowledged; seconds without an answer; days for which
    an agreement is remembered."""

    concurrency: int
    grace: float
    patience: float
    full_after: int


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What all chunks of a run share."""

    context: RunContext
    limits: Limits
    tally: Tally


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is on record here: lanes, with payloads unless an agreement is remembered; of dossiers without a lane their
    records; who has a difference that is not gone. ``recalls``: of lanes that can be, or become, remembered."""

    lanes: dict[str, LaneOutline]
    files: dict[str, LaneFile]
    recalls: dict[str, Recall]
    records: dict[str, bytes]
    standing: set[str]

    def item(self, code: str) -> _Item:
        """What is to be looked at of one dossier."""
        return _Item(
            code=code,
            lane=self.lanes.get(code),
            file=self.files.get(code),
            recall=self.recalls.get(code),
            record=self.records.get(code),
        )


class _Item(NamedTuple):
    """One dossier to look at."""

    code: str
    lane: LaneOutline | None
    file: LaneFile | None
    recall: Recall | None
    record: bytes | None


class Chunk:
    """Looks at dossiers of one destination, a few at a time."""

    def __init__(
        self, database: Database, inquiry: Inquiry, clock: Callable[[], datetime], terms: Terms
    ) -> None:
        self.inquiry = inquiry
        self.tally = terms.tally
        self._database = database
        self._clock = clock
        self._limits = terms.limits
        self._context = terms.context
        self._patience = _Patience(inquiry, terms.limits.patience)
        self._snapshots = snapshot_operations(inquiry)

    async def look(self, codes: Sequence[str], *, unknown: bool = False) -> None:
        """Look at ``codes``. ``unknown``: also at those that have no lane here.

        Raises PartnerUnavailable, RunStopped.
        """
        if not codes:
            return
        rules = self.inquiry.rules.digest() if self._limits.full_after else None
        known = await self._database.read(functools.partial(self._known, codes=codes, rules=rules))
        looks = await self._all(deque(map(known.item, codes)), unknown=unknown)
        still = await self._still(looks)
        seen = [each for each in still if isinstance(each, Seen)]
        if not self._context.dry_run:
            await self._write_down(
                [each for each in seen if each.comparison.differences or each.dossier in known.standing]
            )
            if rules is not None and rules == self.inquiry.rules.digest():
                await self._remember(seen, known.recalls)
        for each in still:
            self.tally.add(self.inquiry.name, each)

    def _known(self, connection: Any, codes: Sequence[str], rules: bytes | None) -> _Known:
        name = self.inquiry.name
        lanes = lane_outlines(connection, name, codes)
        standing = drift_dossiers(connection, name, codes)
        settled = {code: lane for code, lane in lanes.items() if lane.delivered and code not in standing}
        recalls = {} if rules is None else self._recalls(connection, settled, rules)
        unsure = [lane for code, lane in lanes.items() if code not in recalls or not recalls[code].remembered]
        untold = [code for code in codes if code not in lanes]
        return _Known(
            lanes=lanes,
            files=with_payloads(connection, unsure, self._snapshots),
            recalls=recalls,
            records=records(connection, untold) if untold else {},
            standing=standing,
        )

    def _recalls(self, connection: Any, lanes: Mapping[str, LaneOutline], rules: bytes) -> dict[str, Recall]:
        since = to_micros(self._clock()) - self._limits.full_after * _DAY
        known = agreements(connection, [lane.lane for lane in lanes.values()], since)
        found = {}
        for code, lane in lanes.items():
            ours, before = lane_digest(rules, lane), known.get(lane.lane)
            found[code] = Recall(ours, before.theirs if before is not None and before.ours == ours else None)
        return found

    async def _all(self, queue: deque[_Item], *, unknown: bool) -> list[Look]:
        """Every look; reports progress meanwhile. What has begun is finished before anything is raised."""
        looks: list[Look] = []

        async def work() -> None:
            while queue:
                looks.append(await self._one(queue.popleft(), unknown=unknown))
                await self._context.report(self.tally.looked + len(looks))

        tasks = [asyncio.create_task(work()) for _ in range(min(self._limits.concurrency, len(queue)))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:  # exchanges in flight are waited for, whatever ends the pass
            if any(not task.done() or task.exception() for task in tasks):
                self._patience.stop()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for fault in ended:
            if fault is not None and not isinstance(fault, _Ended):
                raise fault
        return looks

    async def _one(self, item: _Item, *, unknown: bool) -> Look:
        lane = item.lane
        if item.record is not None:
            return await self._untold(item.code, item.record)
        if lane is None and not unknown:
            return Silent(dossier=item.code, why=Silence.NOTHING_TOLD)
        if lane is None:
            return await look_for_unknown(item.code, self._patience.ask)
        age = to_micros(self._clock()) - lane.settled_at
        if lane.settled_at and age < self._limits.grace * 1e6:
            return Silent(dossier=item.code, why=Silence.TOO_FRESH)
        ask = functools.partial(self._patience.ask, recall=item.recall)
        if item.file is not None:
            return await look(self.inquiry, item.file, ask)
        return await look_again(self.inquiry, lane, ask, functools.partial(self._load, lane))

    async def _load(self, lane: LaneOutline) -> LaneFile:
        question = functools.partial(with_payloads, outlines=[lane], snapshots=self._snapshots)
        return (await self._database.read(question))[lane.dossier]

    async def _untold(self, code: str, record: bytes) -> Look:
        try:
            return await look_for_untold(self.inquiry, record, self._patience.ask)
        except (msgspec.DecodeError, CannotEncode) as fault:
            reason = self.inquiry.destination.shown(str(fault))[:500]
            return Silent(dossier=code, why=Silence.CANNOT_COMPARE, reason=reason)

    async def _still(self, looks: Sequence[Look]) -> list[Look]:
        """The looks, without those at lanes that have moved meanwhile."""
        lanes = {lane.lane: lane for lane in map(_lane, looks) if lane is not None}
        now = await self._database.read(functools.partial(stamps, lanes=list(lanes)))
        moved = {each.dossier for lane, each in lanes.items() if now.get(lane) != each.stamp}
        return [
            Silent(dossier=each.dossier, why=Silence.MOVED) if each.dossier in moved else each
            for each in looks
        ]

    async def _write_down(self, seen: Sequence[Seen]) -> None:
        now = to_micros(self._clock())
        items = [
            findings(each, destination=self.inquiry.name, run=self._context.run, now=now) for each in seen
        ]
        recorded: list[Recorded] = await asyncio.gather(
            *(self._database.apply(record_findings, item) for item in items)
        )
        self.tally.opened += sum(each.opened for each in recorded)
        self.tally.gone += sum(each.gone for each in recorded)

    async def _remember(self, seen: Sequence[Seen], recalls: Mapping[str, Recall]) -> None:
        """Keep what every look that found nothing followed from."""
        now = to_micros(self._clock())
        agreed = [
            Agreement(lane=each.file.lane, ours=recall.ours, theirs=recall.theirs, compared_at=now)
            for each in seen
            if each.file is not None and not each.comparison.differences
            if (recall := recalls.get(each.dossier)) is not None and recall.theirs is not None
        ]
        if agreed:
            await self._database.apply(save_agreements, agreed)


def _lane(look: Look) -> LaneFile | LaneOutline | None:
    match look:
        case Seen():
            return look.file
        case Remembered():
            return look.lane
        case Silent():
            return None


class _Ended(Exception):
    """The pass ends for a reason that another question has met."""


class _Patience:
    """Asks again while the partner is away, until nothing has come back for too long."""

    def __init__(self, inquiry: Inquiry, seconds: float) -> None:
        self._inquiry = inquiry
        self._seconds = seconds
        self._answered_at = asyncio.get_running_loop().time()
        self._unread = 0
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Ask nothing more."""
        self._stopped.set()

    async def ask(
        self, dossier: str, memory: Mapping[str, str], recall: Recall | None = None
    ) -> RecordAnswer:
        """The partner's answer; Unasked only when this dossier alone gets no usable one."""
        tries = 0
        while True:
            if self._stopped.is_set():
                raise _Ended
            answer = await self._inquiry.ask(dossier, memory, recall)
            if not isinstance(answer, Unasked):
                self._answered_at = asyncio.get_running_loop().time()
                self._unread = 0
                return answer
            tries += answer.answered
            if tries >= TRIES:
                self._count_unread(answer)
                return answer
            await self._wait(answer, tries)

    def _count_unread(self, answer: Unasked) -> None:
        self._unread += 1
        if self._unread >= MOST_UNREAD:
            raise self._unavailable(answer)

    async def _wait(self, answer: Unasked, tries: int) -> None:
        away = asyncio.get_running_loop().time() - self._answered_at
        if away > self._seconds:
            raise self._unavailable(answer)
        pause = min(LONGEST_PAUSE, max(FIRST_PAUSE * 2**tries, away / 4, answer.wait))
        try:
            async with asyncio.timeout(min(pause, max(0.05, self._seconds - away))):
                await self._stopped.wait()
        except TimeoutError:
            return

    def _unavailable(self, answer: Unasked) -> PartnerUnavailable:
        return PartnerUnavailable(
            f"{self._inquiry.name} gives no usable answer ({answer.code}: {answer.reason[:200]}); run the job again "
            "when it is back, it goes on where it stopped"
        )
