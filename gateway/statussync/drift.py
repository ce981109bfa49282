"""The job that asks partners for their own records and compares: what has changed first, everything else in turn.

Resumable and slow on purpose: a pass goes on where the last one stopped, at a rate of its own, through each partner's
gate. Invariants: the mark moves only past dossiers that were looked at; a difference is ``gone`` only when a look could
have seen it; nothing is ever sent but questions.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from gateway.domain.dossier import Dossier
from gateway.domain.errors import NotFoundError
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.port import record_reader
from gateway.statussync.drift_asking import Destination, Inquiry, Pace
from gateway.statussync.drift_chunk import Chunk, Limits, Terms
from gateway.statussync.drift_tally import Tally
from gateway.storage import drift, drift_lanes, feed
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import LanePlan

T = TypeVar("T")
CHUNK = 100
PAGE = 1_000  # dossiers at once among which some without a lane are looked for
SOUGHT = 50_000  # so many of them in a pass
_NUMBER = r"[0-9]{1,6}(\.[0-9]{1,3})?"
PARAMETERS = (
    Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),
    Parameter(
        name="dossier",
        help="only this dossier, also one that is unknown here",
        pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}",
    ),
    Parameter(
        name="scope",
        help="changed: what was acknowledged since the last pass, and some others in turn; all: every dossier",
        pattern="changed|all",
        default="changed",
    ),
    Parameter(name="turn", help="how many unchanged dossiers in turn", pattern="[0-9]{1,7}", default="1000"),
    Parameter(name="rate", help="questions a second, 0: no limit", pattern=_NUMBER, default="5"),
    Parameter(name="concurrency", help="questions at once", pattern="[1-9][0-9]?", default="4"),
    Parameter(
        name="grace",
        help="seconds that a partner has to show what it has acknowledged",
        pattern=_NUMBER,
        default="60",
    ),
    Parameter(
        name="full_after",
        help="days after which a dossier is compared in full though nothing has changed; 0: always in full",
        pattern="[0-9]{1,3}",
        default="7",
    ),
    Parameter(
        name="patience",
        help="seconds without any answer after which the pass stops",
        pattern=_NUMBER,
        default="600",
    ),
)


class Mark(msgspec.Struct):
    """Where a pass stopped at one destination. ``told``: the event up to which changed dossiers were looked at; None:
    there was no pass yet. ``after``: the dossier after which the turn goes on. ``whole``: that turn is to go on to the
    end, however long. ``sought`` and ``seek``: the same of the search for dossiers without a lane."""

    told: int | None = None
    after: str = ""
    whole: bool = False
    sought: str = ""
    seek: bool = False


class Drift:
    """The job ``drift``. ``may_probe``: nobody else in this process tries whether a lost partner is back. ``plan``: what
    one of ``destinations`` would be told about a dossier."""

    def __init__(
        self,
        database: Database,
        destinations: Mapping[str, Destination],
        clock: Callable[[], datetime],
        *,
        may_probe: Callable[[], bool],
        plan: Callable[[Any, Dossier], LanePlan],
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._plan = plan
        self._clock = clock
        self._may_probe = may_probe

    def job(self) -> Job:
        """The job, for the list of all jobs."""
        return Job(
            name="drift",
            title="Ask partners for their own records and compare",
            title_vi="Đối soát hồ sơ với hệ thống đối tác",
            run=self.run,
            cron="30 1 * * *",
            parameters=PARAMETERS,
            can_dry_run=True,
        )

    def inquiry(self, name: str, pace: Pace | None = None) -> Inquiry | None:
        """Questions to destination ``name``; None when it shows no records. NotFoundError when there is none."""
        destination = self._destinations.get(name)
        if destination is None:
            raise NotFoundError(
                f"there is no destination {name!r}; there are: {', '.join(sorted(self._destinations)) or 'none'}"
            )
        reader = record_reader(destination.adapter)
        if reader is None:
            return None
        plan = functools.partial(self._plan, destination)
        return Inquiry(destination, reader, pace=pace, may_probe=self._may_probe, plan=plan)

    async def run(self, context: RunContext) -> Summary:
        """One pass. Raises PartnerUnavailable when a partner gives no answer for too long; the mark is kept."""
        given = context.parameters
        chosen = [given["destination"]] if "destination" in given else sorted(self._destinations)
        marks = msgspec.json.decode(context.watermark or "{}", type=dict[str, Mark])
        tally = Tally()
        for name in chosen:
            inquiry = self.inquiry(name, Pace(float(given["rate"])))
            if inquiry is None:
                tally.unable.append(name)
                continue
            terms = Terms(context=context, limits=_limits(given), tally=tally)
            one = _Pass(self._database, Chunk(self._database, inquiry, self._clock, terms), marks, context)
            await (one.single(given["dossier"]) if "dossier" in given else one.run(self._horizon(given)))
        counts = await self._database.read(drift.drift_counts)
        return tally.summary(counts, dry_run=context.dry_run)

    def _horizon(self, given: Mapping[str, str]) -> int:
        """The instant before which partners had time to show what they acknowledged."""
        return to_micros(self._clock()) - int(float(given["grace"]) * 1e6)


def _limits(given: Mapping[str, str]) -> Limits:
    return Limits(
        concurrency=int(given["concurrency"]),
        grace=float(given["grace"]),
        patience=float(given["patience"]),
        # whoever asks about one dossier wants to know, and not to be reminded
        full_after=0 if "dossier" in given else int(given["full_after"]),
    )


class _Pass:
    """One pass at one destination."""

    def __init__(self, database: Database, chunk: Chunk, marks: dict[str, Mark], context: RunContext) -> None:
        self._database = database
        self._chunk = chunk
        self._marks = marks
        self._mark = marks.setdefault(chunk.inquiry.name, Mark())
        self._context = context
        self._name = chunk.inquiry.name
        self._done: set[str] = set()

    async def single(self, dossier: str) -> None:
        """Look at one dossier, whether we know it or not."""
        if not await self._database.read(functools.partial(drift_lanes.erased_among, codes=[dossier])):
            await self._chunk.look([dossier], unknown=True)

    async def run(self, horizon: int) -> None:
        """What differs, what has changed, the others in turn."""
        given, mark = self._context.parameters, self._mark
        if (mark.told is None or given["scope"] == "all") and not mark.whole:
            mark.whole, mark.after = True, ""
            mark.seek, mark.sought = True, ""
        position = await self._database.read(functools.partial(drift_lanes.position_before, instant=horizon))
        await self._expect(position)
        for codes in _pieces(await self._ask(drift.drifting_dossiers)):
            await self._look(codes)
        async for codes, told in self._changed(position):
            await self._look(codes)
            mark.told = told
            await self._report()
        mark.told = position
        await self._turn(None if mark.whole else int(given["turn"]))
        await self._seek(None if mark.seek else SOUGHT, int(given["turn"]))

    async def _changed(self, position: int) -> AsyncIterator[tuple[list[str], int]]:
        """Dossiers of which something was acknowledged since the last pass; none before the first one."""
        if self._mark.told is None:
            return
        told = min(self._mark.told, await self._database.read(feed.newest_position))
        while told < position:
            codes, told = await self._ask(drift_lanes.told_between, after=told, newest=position)
            pieces = list(_pieces(codes))
            for piece in pieces[:-1]:
                yield piece, self._mark.told
            yield pieces[-1] if pieces else [], told

    async def _turn(self, most: int | None) -> None:
        """Go on through all dossiers by number; ``most`` None: to the end."""
        mark = self._mark
        while most is None or most > 0:
            size = CHUNK if most is None else min(CHUNK, most)
            codes = await self._ask(drift_lanes.lanes_after, after=mark.after, limit=size)
            await self._look(codes)
            most = None if most is None else most - len(codes)
            mark.after = codes[-1] if len(codes) == size else ""
            if not mark.after:
                mark.whole = False
                break
            await self._report()
        await self._report()

    async def _seek(self, most: int | None, asked: int) -> None:
        """Look for dossiers that have no lane, by number, among the next ``most`` (None: to the end), or until ``asked``
        of them were found that have none."""
        mark = self._mark
        while most is None or (most > 0 and asked > 0):
            codes, reached = await self._ask(drift_lanes.laneless_after, after=mark.sought, limit=PAGE)
            for piece in _pieces(codes):
                await self._look(piece)
            most, asked = None if most is None else most - PAGE, asked - len(codes)
            mark.sought = reached or ""
            if reached is None:
                mark.seek = False
                break
            await self._report()
        await self._report()

    async def _look(self, codes: Sequence[str]) -> None:
        fresh = [code for code in codes if code not in self._done]
        self._done.update(fresh)
        erased = await self._database.read(functools.partial(drift_lanes.erased_among, codes=fresh))
        await self._chunk.look([code for code in fresh if code not in erased])

    async def _expect(self, position: int) -> None:
        """Say how much there is to do, as far as anybody can tell."""
        told, tally = self._mark.told, self._chunk.tally
        lanes = await self._ask(drift_lanes.count_lanes)
        changed = 0 if told is None else max(0, position - told)
        turn = lanes if self._mark.whole else int(self._context.parameters["turn"])
        tally.expected += min(lanes, changed + turn)
        await self._context.report(tally.looked, total=tally.expected)

    async def _report(self) -> None:
        watermark = msgspec.json.encode(self._marks).decode()
        await self._context.report(self._chunk.tally.looked, watermark=watermark)

    async def _ask(self, question: Callable[..., T], **more: object) -> T:
        return await self._database.read(functools.partial(question, destination=self._name, **more))


def _pieces(codes: Sequence[str]) -> Sequence[list[str]]:
    return [list(codes[start : start + CHUNK]) for start in range(0, len(codes), CHUNK)]
