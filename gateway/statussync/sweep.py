"""The deadline sweep: telling, as time passes, what dossiers cross; and letting go what no longer has to go first.

Runs every minute. Invariant: every crossing is told once, in the transaction that writes it down; the sweep looks only
at dossiers for which time has changed something, at urgent lanes, and at lanes in which nothing moves.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Sequence

import msgspec
import structlog

from gateway.deadlines.instants import HOUR, from_micros
from gateway.domain.job import Job, RunContext, Summary
from gateway.domain.status import Status
from gateway.statussync.bulk_edits import BulkEdits
from gateway.statussync.desk import Desk
from gateway.statussync.gauges import measure
from gateway.statussync.risk import Risk, ignorance, risks_of
from gateway.statussync.thresholds import Look, Threshold, look
from gateway.storage import crossings, urgency
from gateway.storage.crossings import Crossing, Looked, record_looks
from gateway.storage.queries_standings import CrossingRow, standings_of
from gateway.storage.rows import EventRow
from gateway.storage.standings import StandingRow
from gateway.storage.urgency import Calming, calm_lanes
from gateway.telemetry import CROSSED

log = structlog.get_logger(__name__)
NAME = "deadline-sweep"
AT_ONCE = 500
MOST_DRY = 100_000
_STATUS = {status.national: status.value for status in Status}


class Sweep:
    """The job."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._bulks = BulkEdits(desk)

    def job(self) -> Job:
        """Every minute; a run that was missed is not made up for, since the next one does its work."""
        return Job(
            name=NAME,
            title="Deadline sweep",
            title_vi="Rà soát thời hạn hồ sơ",
            run=self.run,
            cron="* * * * *",
            missed="skip",
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """Tell everything that was crossed until now; the counts. A dry run tells nothing and counts what is new."""
        now = self._desk.now()
        told: Counter[str] = Counter()
        looked = calmed = 0
        mark = int(context.watermark or 0)
        if context.dry_run:
            bulk = await self._bulks.untold(mark)
            seen = await self._looked(await self._due(now, most=MOST_DRY), now)
            looked, told = len(seen), await self._untold([*seen, *await self._stopped(now)])
        else:
            while rows := await self._due(now, most=AT_ONCE):
                told.update(await self._tell(await self._looked(rows, now)))
                looked += len(rows)
                await context.report(looked)
            told.update(await self._tell(await self._stopped(now)))
            calmed = await self._calm()
            bulk, mark = await self._bulks.look(mark)
            await context.report(looked, watermark=str(mark))
        measured = await measure(self._desk, now)
        return {
            "looked_at": looked,
            "told": dict(told),
            "calmed": calmed,
            "edited_in_bulk": bulk,
            "pending": measured.pending,
            "at_risk": measured.at_risk,
        }

    async def _due(self, now: int, *, most: int) -> list[StandingRow]:
        return await self._desk.database.read(functools.partial(crossings.to_look_at, now=now, most=most))

    async def _looked(self, rows: Sequence[StandingRow], now: int) -> list[Looked]:
        """What each of ``rows`` has crossed by ``now``, risks compared with what partners know."""
        looks = [(row, self._look(row, now)) for row in rows]
        risks = await self._risks(
            [row for row, seen in looks if Threshold.AT_RISK in dict(seen.crossed)], now
        )
        return [
            Looked(
                standing=row.id,
                code=row.dossier_code,
                look_at=seen.next_at,
                crossings=tuple(
                    self._crossing(row, (kind, limit), now, risks.get(row.dossier_code))
                    for kind, limit in seen.crossed
                    if kind is not Threshold.AT_RISK or row.dossier_code in risks
                ),
            )
            for row, seen in looks
        ]

    def _look(self, row: StandingRow, now: int) -> Look:
        rules = self._desk.rules
        try:
            return look(row, now, rules.calendar_of(row.agency_code), rules.limits)
        except Exception:  # why: a defect about one dossier must not keep the others from being told
            log.exception("look_failed", dossier=row.dossier_code)
            return Look(crossed=(), next_at=now + HOUR)

    async def _risks(self, rows: Sequence[StandingRow], now: int) -> dict[str, list[Risk]]:
        """Who may show which dossier late, and why; a dossier that nobody will is missing."""
        lanes = await self._desk.lanes([row.dossier_code for row in rows])
        horizon = self._desk.horizon(now)
        found = {
            row.dossier_code: risks_of(row, lanes.get(row.dossier_code, ()), now=now, horizon=horizon)
            for row in rows
        }
        return {code: risks for code, risks in found.items() if risks}

    async def _stopped(self, now: int) -> list[Looked]:
        """Dossiers near their promise whose lane is stopped, so that their end could not get through."""
        found: list[Looked] = []
        horizon, after = self._desk.horizon(now), ""
        while codes := await self._desk.database.read(
            functools.partial(urgency.stopped_codes, after=after, horizon=horizon, most=AT_ONCE)
        ):
            after = codes[-1]
            rows = await self._desk.database.read(functools.partial(standings_of, codes=codes))
            risks = await self._risks(rows, now)
            told = await self._told(codes, Threshold.AT_RISK)
            found += [
                Looked(
                    standing=row.id,
                    code=row.dossier_code,
                    look_at=row.look_at,
                    crossings=(
                        self._crossing(row, (Threshold.AT_RISK, row.due_at), now, risks[row.dossier_code]),
                    ),
                )
                for row in rows
                if row.due_at is not None
                and row.dossier_code in risks
                and (row.dossier_code, row.due_at) not in told
            ]
        return found

    async def _tell(self, looked: Sequence[Looked]) -> Counter[str]:
        results = await asyncio.gather(*(self._desk.database.apply(record_looks, item) for item in looked))
        told = Counter(kind for kinds in results for kind in kinds)
        for kind, count in told.items():
            CROSSED.labels(kind).inc(count)
        return told

    async def _untold(self, looked: Sequence[Looked]) -> Counter[str]:
        """The kinds that ``looked`` would tell for the first time."""
        counted: Counter[str] = Counter()
        rows = {
            (each.row.kind, each.row.dossier_code, each.row.due_at)
            for item in looked
            for each in item.crossings
        }
        for kind in {row[0] for row in rows}:
            mine = {row[1:] for row in rows if row[0] == kind}
            told = await self._told(sorted({code for code, _ in mine}), kind)
            counted[kind] = len(mine - told)
        return counted

    async def _told(self, codes: Sequence[str], kind: str) -> set[tuple[str, int]]:
        return await self._desk.database.read(functools.partial(crossings.told, codes=codes, kind=kind))

    async def _calm(self) -> int:
        """Give back the place of lanes whose partner knows by now; how many."""
        after, count = "", 0
        while codes := await self._desk.database.read(
            functools.partial(urgency.calmable_codes, after=after, most=AT_ONCE)
        ):
            after = codes[-1]
            rows = await self._desk.database.read(functools.partial(standings_of, codes=codes))
            standing = {row.dossier_code: row for row in rows}
            calm = [
                Calming(lane=lane.id, next_position=lane.next_position)
                for code, lanes in (await self._desk.lanes(codes)).items()
                for lane in lanes
                if lane.urgent and (code not in standing or ignorance(standing[code], lane) is None)
            ]
            await asyncio.gather(*(self._desk.database.apply(calm_lanes, item) for item in calm))
            count += len(calm)
        return count

    def _crossing(
        self, row: StandingRow, crossed: tuple[Threshold, int], now: int, risks: Sequence[Risk] | None = None
    ) -> Crossing:
        kind, limit = crossed
        about = {
            "version": row.version,
            "status": _STATUS[row.status],
            "agency": row.agency_code,
            "procedure": row.procedure_code,
            "due_at": from_micros(limit),
        }
        told = {**about, "destinations": risks} if kind is Threshold.AT_RISK else about
        return Crossing(
            row=CrossingRow(dossier_code=row.dossier_code, kind=kind.value, due_at=limit, at=now),
            event=EventRow(
                id=self._desk.database.identifiers.next(),
                at=now,
                kind=f"dossier.{kind.value}",
                data=msgspec.json.encode(told).decode(),
                dossier_code=row.dossier_code,
            ),
        )
