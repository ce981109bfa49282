"""The job ``progress-feed``: read a partner's list of changes from where it was left.

Invariants: the cursor moves only after everything that the page says has had its effect, in one transaction with the
order to ask about what it names; the partner is told that a page is durable after that, and never before. A process that
is killed in between reads the page again, which changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import structlog

from gateway.domain.errors import StorageUnavailable
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.port import CannotRead
from gateway.port.progress import FeedPage, Feeds, feeder
from gateway.progress.partners import Partners, chosen
from gateway.progress.schedule import SECOND
from gateway.storage import progress_feed as storage
from gateway.storage import queries_progress as queries
from gateway.storage.instants import to_micros
from gateway.storage.queries_progress import FeedPlace
from gateway.wire.asking import NOT_WANTED, Question, Unasked

log = structlog.get_logger(__name__)
OPERATION = "progress.feed"
ACKNOWLEDGE = "progress.acknowledge"
MOST_PAGES = 200
RETRY_SECONDS = 60.0
PARAMETERS = (Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),)


class _Understood:
    """An acknowledgement that the partner took."""


class Feeding:
    """Reads what is due."""

    def __init__(self, partners: Partners) -> None:
        self._database = partners.database
        self._teller = partners.teller
        self._clock = partners.clock
        self._questioners = partners.questioners
        self._feeds: dict[str, Feeds] = partners.those(feeder)

    @property
    def destinations(self) -> tuple[str, ...]:
        """Those whose feed is read."""
        return tuple(self._feeds)

    def job(self) -> Job:
        """The job, for the list of all jobs."""
        return Job(
            name="progress-feed",
            title="Read the partners' lists of changed dossiers",
            title_vi="Đọc danh sách hồ sơ có thay đổi từ các hệ thống",
            run=self.run,
            cron="* * * * *",
            parameters=PARAMETERS,
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """Read every feed that is due to its end. NotFoundError: there is no feed at such a destination."""
        wanted = context.parameters.get("destination")
        tally: Counter[str] = Counter()
        failures: dict[str, str] = {}
        for name in chosen(self._feeds, wanted, otherwise="no feed is read"):
            place = await self._database.read(partial(queries.feed_place, destination=name))
            if place.next_at > to_micros(self._clock()) and wanted is None:
                continue
            tally["due"] += 1
            if context.dry_run:
                continue
            failure = await self._read(name, place, context, tally)
            if failure is not None:
                failures[name] = failure
        return {
            "due": tally["due"],
            "pages": tally["pages"],
            "changes": tally["changes"],
            "failures": failures,
        }

    async def _read(
        self, name: str, place: FeedPlace, context: RunContext, tally: Counter[str]
    ) -> str | None:
        """Read on to the end; why not, or None."""
        cursor, failures = place.cursor, place.failures
        for _ in range(MOST_PAGES):
            page = await self._page(name, cursor)
            if not isinstance(page, FeedPage):
                return await self._stuck(name, failures, f"{page.code}: {page.reason}")
            try:
                known = await self._take(name, page)
            except StorageUnavailable:
                raise
            except Exception as fault:  # why: one adapter harms its own feed only
                log.exception("adapter_failed", destination=name, operation=OPERATION)
                return await self._stuck(
                    name, failures, f"adapter_defect: {type(fault).__name__} in what it reports"
                )
            more = page.more and page.cursor != cursor
            if not await self._move(name, cursor, page, known, more=more):
                return None  # somebody else reads it
            await self._acknowledge(name, page)
            tally["pages"] += 1
            tally["changes"] += len(page.changes)
            await context.report(tally["changes"])
            cursor, failures = page.cursor, 0
            if not more:
                return None
        return None

    async def _page(self, name: str, cursor: str) -> FeedPage | CannotRead | Unasked:
        feeds = self._feeds[name]
        question: Question[FeedPage] = Question(
            operation=OPERATION,
            kind=FeedPage,
            encode=partial(feeds.encode_feed, cursor),
            read=partial(feeds.interpret_feed, cursor),
        )
        return (await self._questioners[name].ask(question)).told

    async def _take(self, name: str, page: FeedPage) -> Sequence[int]:
        """Let the page have its effect; the lanes that must be asked about."""
        names = {change.dossier for change in page.changes}
        known = (
            await self._database.read(partial(queries.lanes_named, destination=name, names=names))
            if names
            else {}
        )
        wanted = []
        for change in page.changes:
            found = known.get(change.dossier)
            if found is None:  # somebody else's, or older than this gateway
                continue
            lane, code = found
            for report in change.reports:
                await self._teller.tell(name, code, report)
            if change.ask:
                wanted.append(lane)
        return wanted

    async def _move(
        self, name: str, cursor: str, page: FeedPage, lanes: Sequence[int], *, more: bool
    ) -> bool:
        now = to_micros(self._clock())
        interval = self._feeds[name].feed_interval or RETRY_SECONDS
        moved = storage.Moved(
            destination=name,
            before=cursor,
            cursor=page.cursor,
            now=now,
            next_at=now if more else now + round(interval * SECOND),
            lanes=lanes,
        )
        return await self._database.write(partial(storage.move, item=moved))

    async def _acknowledge(self, name: str, page: FeedPage) -> None:
        """Tell the partner; what it does not take it lists again, which changes nothing."""
        feeds = self._feeds[name]
        if not page.changes:
            return
        question: Question[_Understood] = Question(
            operation=ACKNOWLEDGE,
            kind=_Understood,
            encode=partial(feeds.encode_acknowledgement, page),
            read=lambda response, context: (
                feeds.interpret_acknowledgement(page, response, context) or _Understood()
            ),
        )
        told = (await self._questioners[name].ask(question)).told
        if isinstance(told, CannotRead | Unasked) and told.code != NOT_WANTED:
            log.warning("acknowledgement_failed", destination=name, code=told.code, reason=told.reason[:200])

    async def _stuck(self, name: str, failures: int, failure: str) -> str:
        now = to_micros(self._clock())
        pause = min(3600.0, RETRY_SECONDS * 2 ** min(failures, 10))
        item = storage.Stuck(destination=name, next_at=now + round(pause * SECOND), failure=failure)
        await self._database.write(partial(storage.fail, item=item))
        return failure[:300]
