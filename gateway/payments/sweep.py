"""The job ``payment-sweep``: every attempt that is due is asked about.

State is in the rows: an attempt whose time has come is asked, and its answer says when it is asked next. Invariants: a
failed answer stops nobody else's question and is never remembered as a result; a dry run changes nothing.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import msgspec

from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.payments.questions import Questioned, Questions
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.payment_questions import Pending, count_due, due

CHUNK = 100
PATIENCE = (
    8  # questions in a row without an answer: then the platform is away, and the next sweep tries again
)
PARAMETERS = (
    Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),
    Parameter(name="concurrency", help="questions at once", pattern="[1-9][0-9]?", default="4"),
    Parameter(name="limit", help="at most so many questions", pattern="[1-9][0-9]{0,6}", default="2000"),
)


class _Tally(msgspec.Struct, kw_only=True):
    """What a sweep has seen. At the destination that is asked now: ``silent`` questions in a row got no answer, and it
    may be ``shut``."""

    due: int = 0
    done: int = 0
    effects: Counter[str] = msgspec.field(default_factory=Counter)
    amount: int = 0
    alarms: Counter[str] = msgspec.field(default_factory=Counter)
    away: list[str] = []
    silent: int = 0
    shut: bool = False

    @property
    def is_away(self) -> bool:
        """Whether it makes no sense to ask on."""
        return self.shut or self.silent >= PATIENCE

    def count(self, result: Questioned) -> None:
        if result.effect == "shut":
            self.shut = True
            return
        self.done += 1
        self.effects[result.effect] += 1
        if result.alarm:
            self.alarms[result.alarm] += 1
        if result.effect == "settled":
            self.amount += result.amount or 0
        self.silent = self.silent + 1 if result.effect == "no_answer" else 0

    def summary(self, *, dry_run: bool) -> Summary:
        return {
            "dry_run": dry_run,
            "due": self.due,
            "asked": self.done - self.effects["not_asked"],
            "effects": dict(sorted(self.effects.items())),
            "alarms": dict(sorted(self.alarms.items())),
            "amount_settled": self.amount,
            "away": self.away,
        }


class Sweep:
    """Asks about what is due."""

    def __init__(self, database: Database, questions: Questions, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._questions = questions
        self._clock = clock

    def job(self) -> Job:
        """The job, for the list of all jobs."""
        return Job(
            name="payment-sweep",
            title="Ask the payment platform about payments without a result",
            title_vi="Hỏi lại nền tảng thanh toán về giao dịch chưa có kết quả",
            run=self.run,
            cron="* * * * *",
            parameters=PARAMETERS,
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """One sweep: ask about everything that is due, once. NotFoundError: there is no such destination."""
        given, tally = context.parameters, _Tally()
        chosen = [given["destination"]] if "destination" in given else self._questions.destinations
        now = to_micros(self._clock())
        for name in chosen:
            self._questions.asker(name)
            tally.due += await self._database.read(functools.partial(count_due, destination=name, now=now))
        left = int(given["limit"])
        for name in chosen:
            tally.silent, tally.shut, before = 0, False, tally.done
            async for items in self._due(name, now, left):
                await self._ask(items, context, tally)
                await context.report(tally.done, total=tally.due)
                if tally.is_away:
                    tally.away.append(name)
                    break
            left = max(0, left - (tally.done - before))
        return tally.summary(dry_run=context.dry_run)

    async def _due(self, name: str, now: int, limit: int) -> AsyncIterator[list[Pending]]:
        """What was due at ``now``, in pieces; what an answer moves is not read again."""
        after: tuple[int, int] | None = None
        while limit > 0:
            question = functools.partial(due, destination=name, now=now, limit=min(CHUNK, limit), after=after)
            items = await self._database.read(question)
            if not items:
                return
            yield items
            after, limit = (items[-1].next_question_at or now, items[-1].id), limit - len(items)

    async def _ask(self, items: list[Pending], context: RunContext, tally: _Tally) -> None:
        """Ask about ``items``, some at once; what is left of them when the platform falls silent is not asked."""
        slots = asyncio.Semaphore(int(context.parameters["concurrency"]))

        async def one(item: Pending) -> None:
            async with slots:
                if not tally.is_away:
                    tally.count(await self._questions.ask_about(item, apply=not context.dry_run))

        await asyncio.gather(*map(one, items))
