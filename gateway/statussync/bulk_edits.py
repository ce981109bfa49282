"""Finding the dossiers whose times one source has rewritten in bulk (domain_rules §4.4), after each was judged alone.

A part of the deadline sweep, which runs once for all processes. Invariant: what was read is read again for a while, so
that an edit which another process was still writing is not missed; marking twice changes nothing.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import structlog

from gateway.deadlines.bulk_edit import Edit, bulk_edits
from gateway.deadlines.classes import Flag
from gateway.statussync.desk import Desk
from gateway.statussync.periods import flags_in
from gateway.storage import queries_standings
from gateway.storage.bulk_edits import (
    BulkMark,
    EditRow,
    edits_after,
    edits_between,
    mark_bulk_edits,
    marked_between,
)
from gateway.storage.rows import EventRow
from gateway.storage.standings import AnomalyRow

log = structlog.get_logger(__name__)
T = TypeVar("T")
AT_ONCE = 2_000
WRITTEN_AT_ONCE = 300
# identifiers carry milliseconds above their lowest 22 bits: a minute, longer than a transaction takes
_AGAIN = 60_000 << 22


class BulkEdits:
    """Looks for bulks among the edits that were judged since the last time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self, after: int) -> tuple[int, int]:
        """Mark what was edited in bulk after identifier ``after``: how many dossiers, and where to go on next time."""
        marked, reached = 0, after
        while page := await self._read(edits_after, after=reached, limit=AT_ONCE):
            marked += await self._mark(await self._found(page))
            reached = page[-1].id
            if len(page) < AT_ONCE:
                break
        return marked, max(after, reached - _AGAIN)

    async def untold(self, after: int) -> int:
        """How many dossiers ``look`` would mark now, of the next edits after ``after``."""
        page = await self._read(edits_after, after=after, limit=AT_ONCE)
        return len(await self._unmarked(await self._found(page)) if page else ())

    async def _found(self, page: Sequence[EditRow]) -> list[EditRow]:
        """What was edited in bulk together with something on ``page``, up to its end; neighbours in time are read, too.

        What is marked already is left out unless it stands on the page itself.
        """
        limits = self._desk.rules.bulk
        instants = [row.at for row in page]
        since, until = min(instants) - limits.within, max(instants) + limits.within
        rows = await self._read(edits_between, since=since, until=until)
        edits = [Edit(id=row.id, at=row.at, source=row.source, dossier=row.dossier) for row in rows]
        chosen = {edit.id for edit in bulk_edits(edits, limits)}
        marked = await self._read(marked_between, since=since, until=until)
        here = {row.id for row in page}
        return [
            row
            for row in rows
            if row.id in chosen
            and row.id <= page[-1].id
            and (row.id in here or (row.dossier, row.version) not in marked)
        ]

    async def _unmarked(self, rows: Sequence[EditRow]) -> list[EditRow]:
        """Of each version one row, without those that are marked already."""
        versions = list({(row.dossier, row.version): row for row in rows}.values())
        found: list[EditRow] = []
        for start in range(0, len(versions), WRITTEN_AT_ONCE):
            part = versions[start : start + WRITTEN_AT_ONCE]
            known = await self._read(queries_standings.known, codes={row.dossier for row in part})
            found += [
                row
                for row in part
                if (standing := known[row.dossier].standing) is None
                or _key(row) not in known[row.dossier].anomalies
                or Flag.BULK_EDIT not in flags_in(standing)
            ]
        return found

    async def _mark(self, rows: Sequence[EditRow]) -> int:
        chosen = await self._unmarked(rows)
        written: list[bool] = []
        for start in range(0, len(chosen), WRITTEN_AT_ONCE):
            part = chosen[start : start + WRITTEN_AT_ONCE]
            marks = [self._desk.database.apply(mark_bulk_edits, self._marked(row)) for row in part]
            written += await asyncio.gather(*marks)
        fresh = {row.dossier for row, new in zip(chosen, written, strict=True) if new}
        for source in sorted({row.source for row in chosen if row.dossier in fresh}):
            count = len({row.dossier for row in chosen if row.source == source and row.dossier in fresh})
            log.warning("times_were_edited_in_bulk", source=source, dossiers=count)
        return len(fresh)

    def _marked(self, row: EditRow) -> BulkMark:
        identifier, now = self._desk.database.identifiers.next, self._desk.now()
        about = {"version": row.version, "kind": Flag.BULK_EDIT.value, "field": row.field}
        return BulkMark(
            row=AnomalyRow(
                id=identifier(),
                dossier_code=row.dossier,
                version=row.version,
                recorded_at=row.at,
                kind=Flag.BULK_EDIT.value,
                field=row.field,
                first_value=None,
                later_value=None,
                message_id=row.message_id,
                key=_key(row),
            ),
            event=EventRow(
                id=identifier(),
                at=now,
                kind="dossier.anomaly",
                data=msgspec.json.encode(about).decode(),
                dossier_code=row.dossier,
            ),
        )

    async def _read(self, question: Callable[..., T], **given: object) -> T:
        return await self._desk.database.read(functools.partial(question, **given))


def _key(row: EditRow) -> str:
    return f"{Flag.BULK_EDIT}:{row.version}"
