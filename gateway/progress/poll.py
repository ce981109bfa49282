"""The job ``progress-poll``: ask about every dossier that is due, let the answers have their effect, warn of promises.

State is in the rows: what was delivered is enrolled from the event feed, each dossier has its own next question.
Invariants: an answer's reports and what it taught are durable before the next question leaves, so a process that is
killed anywhere asks again and repeats no effect; a partner that is away costs a few questions and no dossier its turn;
a promise is warned of whether the partner answers or not.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import msgspec
import structlog

from gateway.domain.errors import StorageUnavailable
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.port import CannotRead
from gateway.port.progress import Follows, Progress, Schedule, follower
from gateway.progress import schedule as plan
from gateway.progress.alarms import Alarms
from gateway.progress.partners import Partners, chosen
from gateway.progress.telling import Defect
from gateway.storage import progress as storage
from gateway.storage import queries_progress as queries
from gateway.storage.instants import maybe_micros, to_micros
from gateway.storage.queries_progress import Pending
from gateway.telemetry import PROGRESS_OPEN, PROGRESS_QUESTIONS
from gateway.wire.asking import Question, Unasked

log = structlog.get_logger(__name__)
OPERATION = "progress"
CHUNK = 100
PATIENCE = 8  # questions in a row without an answer: then the partner is away, and the next round tries again
ROUNDS = 8  # questions about one dossier at once, where each answer calls for another
PARAMETERS = (
    Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),
    Parameter(name="concurrency", help="questions at once", pattern="[1-9][0-9]?", default="4"),
    Parameter(name="limit", help="at most so many dossiers", pattern="[1-9][0-9]{0,6}", default="2000"),
)


class _Tally(msgspec.Struct, kw_only=True):
    """What a round has seen. ``silent``, ``shut``: of the destination that is asked now."""

    due: int = 0
    done: int = 0
    effects: Counter[str] = msgspec.field(default_factory=Counter)
    away: list[str] = []
    silent: int = 0
    shut: bool = False

    @property
    def is_away(self) -> bool:
        return self.shut or self.silent >= PATIENCE

    def count(self, destination: str, effect: str) -> None:
        PROGRESS_QUESTIONS.labels(destination, effect).inc()
        if effect == "shut":
            self.shut = True
            return
        self.done += 1
        self.effects[effect] += 1
        self.silent = self.silent + 1 if effect == "no_answer" else 0


class Polls:
    """Asks about what is due."""

    def __init__(self, partners: Partners) -> None:
        self._database = partners.database
        self._teller = partners.teller
        self._clock = partners.clock
        self._questioners = partners.questioners
        self._followed: dict[str, Follows] = partners.those(follower)
        self._alarms = Alarms(partners.database, partners.clock)

    @property
    def destinations(self) -> tuple[str, ...]:
        """Those whose dossiers are asked about."""
        return tuple(self._followed)

    def job(self) -> Job:
        """The job, for the list of all jobs."""
        return Job(
            name="progress-poll",
            title="Ask partners what became of dossiers",
            title_vi="Hỏi các hệ thống về tiến độ xử lý hồ sơ",
            run=self.run,
            cron="* * * * *",
            parameters=PARAMETERS,
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """One round: ask about everything that is due, once. NotFoundError: nobody is asked at such a destination."""
        wanted = context.parameters.get("destination")
        names = chosen(self._followed, wanted, otherwise="no dossiers are asked about")
        if not context.dry_run:
            await self._enrol(context)
            await self._database.write(storage.merge)
        tally, now = _Tally(), to_micros(self._clock())
        for name in names:
            tally.due += await self._database.read(partial(queries.count_due, destination=name, now=now))
        if context.dry_run:
            return {"due": tally.due}
        left = int(context.parameters.get("limit", "2000"))
        for name in names:
            before = tally.done
            await self._round(name, now, left, context, tally)
            left = max(0, left - (tally.done - before))
        warned = 0
        for name in names:
            warned += await self._alarms.warn(name, self._schedule(name))
            open_ = await self._database.read(partial(queries.count_open, destination=name))
            PROGRESS_OPEN.labels(name).set(open_)
        effects = dict(sorted(tally.effects.items()))
        return {
            "due": tally.due,
            "asked": tally.done,
            "effects": effects,
            "warned": warned,
            "away": tally.away,
        }

    def _schedule(self, name: str) -> Schedule:
        return self._followed[name].progress_schedule or Schedule()

    async def _enrol(self, context: RunContext) -> None:
        """Take up what was delivered since the last round."""
        first = {name: plan.first_pause(self._schedule(name)) for name in self._followed}
        while self._followed:
            question = partial(queries.delivered, destinations=self._followed.keys(), limit=1000)
            stretch = await self._database.read(question)
            if stretch.upto <= stretch.before:
                return
            item = storage.Enrolment(
                before=stretch.before,
                upto=stretch.upto,
                now=to_micros(self._clock()),
                lanes=stretch.lanes,
                first=first,
            )
            if await self._database.write(partial(storage.enrol, stretch=item)) is None:
                return
            await context.report(0)

    async def _round(self, name: str, now: int, limit: int, context: RunContext, tally: _Tally) -> None:
        """Ask about what was due at ``now``, some at once; what an answer moves is not read again."""
        tally.silent, tally.shut = 0, False
        after: tuple[int, int] | None = None
        slots = asyncio.Semaphore(int(context.parameters.get("concurrency", "4")))

        async def one(item: Pending) -> None:
            async with slots:
                if not tally.is_away:
                    tally.count(name, await self.ask_about(item))

        while limit > 0:
            question = partial(queries.due, destination=name, now=now, limit=min(CHUNK, limit), after=after)
            items = await self._database.read(question)
            if not items:
                return
            await asyncio.gather(*map(one, items))
            await context.report(tally.done, total=tally.due)
            if tally.is_away:
                tally.away.append(name)
                return
            after, limit = (items[-1].next_at, items[-1].lane), limit - len(items)

    async def ask_about(self, item: Pending) -> str:
        """Ask about one dossier until its answers call for no more; what came of it, as a word for the metrics."""
        follows, questioner = self._followed[item.destination], self._questioners[item.destination]
        memory, reported = dict(item.memory), False
        for _ in range(ROUNDS):
            question: Question[Progress] = Question(
                operation=OPERATION,
                kind=Progress,
                encode=partial(follows.encode_progress, item.dossier),
                read=partial(follows.interpret_progress, item.dossier),
                memory=memory,
                dossier=item.dossier,
            )
            told = (await questioner.ask(question)).told
            if isinstance(told, Unasked) and told.shut:
                return "shut"
            if not isinstance(told, Progress):
                return await self._missed(item, told)
            try:
                news = await self._take(item, told, reported=reported)
            except StorageUnavailable:
                raise
            except Exception as fault:  # why: what one adapter says wrongly must not end the round of all
                log.exception(
                    "adapter_failed",
                    destination=item.destination,
                    dossier=item.dossier,
                    operation=OPERATION,
                )
                return await self._missed(item, CannotRead(code="adapter_defect", reason=_told(fault)))
            reported = reported or news
            memory = {name: value for name, value in {**memory, **told.learned}.items() if value != ""}
            if not told.again:
                break
        return "reported" if reported else "nothing_new"

    async def _take(self, item: Pending, told: Progress, *, reported: bool) -> bool:
        """Let every report have its effect, then write down what the answer means; whether there was news."""
        news, promised = False, None
        for report in told.reports:
            effect = await self._teller.tell(item.destination, item.dossier, report)
            news = news or effect in {"accepted", "ignored"}
            promised = report.promised_at or promised
        now = to_micros(self._clock())
        promise_at = maybe_micros(promised) or item.promise_at
        pause = plan.next_pause(
            self._schedule(item.destination),
            item.pause,
            reported=news or reported,
            promise_at=promise_at,
            now=now,
        )
        next_at = None if told.done and not told.again else now if told.again else now + pause
        heard = storage.Heard(
            lane=item.lane,
            now=now,
            next_at=next_at,
            pause=pause,
            reported=news,
            promised_at=maybe_micros(promised),
            learned=told.learned,
        )
        await self._database.write(partial(storage.hear, item=heard))
        return news

    async def _missed(self, item: Pending, told: CannotRead | Unasked) -> str:
        now = to_micros(self._clock())
        pause = plan.pause_after_failure(self._schedule(item.destination), item.failures, item.pause)
        wait = round(told.wait * plan.SECOND) if isinstance(told, Unasked) else 0
        missed = storage.Unheard(
            lane=item.lane,
            now=now,
            next_at=now + max(pause, wait),
            failure=f"{told.code}: {told.reason}",
        )
        await self._database.write(partial(storage.fail, item=missed))
        return "no_answer" if isinstance(told, Unasked) else "unreadable"


def _told(fault: Exception) -> str:
    """A defect in words that quote nobody."""
    return str(fault)[:300] if isinstance(fault, Defect) else f"{type(fault).__name__} in what it reports"
