"""Bulk import: one record a line in, one answer a line out, as it goes, in flat memory.

Records are taken in side by side, but versions of one dossier one after the other; answers come in the order of the
lines. Invariant: every line that is not blank gets exactly one answer; a bad line costs its neighbours nothing; an
answered line is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
import structlog

from gateway.api.bodies import ClientGone
from gateway.api.dossiers import wake
from gateway.api.lines import Line, read_lines
from gateway.api.problem import Problem, Refused, internal, refusal_of
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.api.spool import Spool
from gateway.delivery.intake import Submission
from gateway.domain.errors import GatewayError
from gateway.storage.intake import Receipt

NDJSON = "application/x-ndjson"
IN_FLIGHT = 64
VIOLATIONS_SHOWN = 20
MOST_WAITING_BYTES = 512 * 1024 * 1024
MOST_BYTES_IN_FLIGHT = 16 * 1024 * 1024
log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder()


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one line. ``status`` as it would be for this record alone; ``receipt`` or ``problem``.

    ``violations_left_out``: so many more were found than are listed.
    """

    line: int
    status: int
    code: str | None = None
    receipt: Receipt | None = None
    problem: Problem | None = None
    violations_left_out: int = 0


class _Glance(msgspec.Struct, frozen=True):
    code: str


async def import_dossiers(api: Api, call: Call) -> Answer:
    """Take in a stream of records."""
    return Answer(pieces=BulkImport(api, call).answers(), media_type=NDJSON)


class BulkImport:
    """One import."""

    def __init__(self, api: Api, call: Call) -> None:
        self._api = api
        self._call = call
        self._spool = Spool(MOST_WAITING_BYTES)
        self._room = Room(MOST_BYTES_IN_FLIGHT)
        self._ordered: asyncio.Queue[asyncio.Task[LineAnswer] | None] = asyncio.Queue(IN_FLIGHT)
        self._latest: dict[str, asyncio.Task[LineAnswer]] = {}

    async def answers(self) -> AsyncGenerator[bytes, None]:
        """One line of JSON for every line; ends when the client is gone."""
        with self._spool:
            work = asyncio.create_task(self._work())
            try:
                async for piece in self._spool.pieces():
                    yield piece
                await work
            finally:
                work.cancel()
                await asyncio.wait([work])

    async def _work(self) -> None:
        """Read, take in, put answers aside; whatever happens, the answers come to an end."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._tell())
        finally:
            self._spool.finish()

    async def _read(self) -> None:
        settings, last = self._api.settings, 0
        try:
            async for line in read_lines(self._bounded(settings.max_import_bytes), settings.max_line_bytes):
                last = line.number
                await self._room.enter(_size(line))
                await self._ordered.put(self._begin(line))
        except ClientGone:
            log.info("import_was_broken_off", client=self._call.client, lines=last)
        except Refused as refusal:
            await self._ordered.put(asyncio.create_task(self._refused(last + 1, refusal)))
        await self._ordered.put(None)

    async def _bounded(self, most: int) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._call.chunks:
            size += len(piece)
            if size > most:
                raise Refused(
                    "too_large", f"an import takes at most {most} bytes; send the rest as another one"
                )
            yield piece

    def _begin(self, line: Line) -> asyncio.Task[LineAnswer]:
        """Start taking a line in; behind the one before it when that is of the same dossier."""
        code = None if line.content is None else _code(line.content)
        before = self._latest.get(code) if code is not None else None
        task = asyncio.create_task(self._take(line, code, before))
        self._api.keep(task)  # what was begun is finished, even when the client is gone
        task.add_done_callback(lambda _: self._room.leave(_size(line)))
        if code is not None:
            self._latest[code] = task
            task.add_done_callback(lambda done: self._forget(code, done))
        return task

    def _forget(self, code: str, done: asyncio.Task[LineAnswer]) -> None:
        if self._latest.get(code) is done:
            del self._latest[code]

    async def _take(
        self, line: Line, code: str | None, before: asyncio.Task[LineAnswer] | None
    ) -> LineAnswer:
        if before is not None:
            await asyncio.wait([before])
        try:
            receipt = await self._api.gateway.intake.accept(self._submission(line))
        except GatewayError as fault:
            return self._problem(line.number, code, refusal_of(fault))
        except Exception:  # why: a defect with one line must not lose the answers of the others
            log.exception("line_failed", line=line.number, correlation=self._call.correlation)
            return self._problem(line.number, code, internal())
        wake(self._api, receipt)
        unchanged = receipt.replayed or receipt.result == "unchanged"
        return LineAnswer(
            line=line.number, status=200 if unchanged else 202, code=receipt.code, receipt=receipt
        )

    def _submission(self, line: Line) -> Submission:
        if line.content is None:
            most = self._api.settings.max_line_bytes
            raise Refused("too_large", f"the line is longer than {most} bytes; send files by reference")
        return Submission(
            body=line.content,
            client=self._call.client,
            method=self._call.method,
            url=self._call.address,
            headers=self._call.header_pairs,
        )

    async def _refused(self, number: int, refusal: Refused) -> LineAnswer:
        return self._problem(number, None, refusal)

    def _problem(self, number: int, code: str | None, refusal: Refused) -> LineAnswer:
        document = refusal.document(self._call.correlation)
        shown = document.violations[:VIOLATIONS_SHOWN]
        return LineAnswer(
            line=number,
            status=document.status,
            code=code,
            problem=msgspec.structs.replace(document, violations=shown),
            violations_left_out=len(document.violations) - len(shown),
        )

    async def _tell(self) -> None:
        """Put the answers aside in the order of the lines."""
        while (task := await self._ordered.get()) is not None:
            await asyncio.wait([task])  # not awaited itself: being cancelled here must not cancel it
            self._spool.write(_encoder.encode(task.result()) + b"\n")


class Room:
    """Bounds how many bytes are being worked on. One that is larger than the room enters alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._left = asyncio.Event()

    async def enter(self, size: int) -> None:
        """Wait until there is room."""
        while self._taken and self._taken + size > self._most:
            self._left.clear()
            await self._left.wait()
        self._taken += size

    def leave(self, size: int) -> None:
        """Give the room back."""
        self._taken -= size
        self._left.set()


def _size(line: Line) -> int:
    return len(line.content or b"")


def _code(content: bytes) -> str | None:
    """The dossier's number, to keep its versions in order; None when the line does not say."""
    try:
        return msgspec.json.decode(content, type=_Glance).code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
