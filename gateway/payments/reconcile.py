"""The job ``payment-reconciliation``: the attempts of a day, and what the platform and its settlement files say of them.

Invariants: every run asks again what has no answer and whatever is open, of whatever day; a run that was broken off
goes on behind the last piece that is durable; a day that nobody was there for is made up for.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

import msgspec

from gateway.deadlines.instants import day_number, day_number_of, day_of_number
from gateway.domain.errors import ConfigurationError, NotFoundError
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.domain.ledger import Ledger
from gateway.domain.reconciliation import Heading, Item, Statement
from gateway.payments.ledger import Period, ledger_of
from gateway.payments.reconcile_asking import Asks
from gateway.payments.reconcile_pass import Lines, Order, Pass, Place, StoredLines, Tools
from gateway.payments.reconcile_words import item_of, statement
from gateway.payments.settlement_import import HandedIn, TakenIn, take_in
from gateway.storage import reconciliation as rows
from gateway.storage import reconciliation_books as books
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.reconciliation import ItemFilter, Kept, Resolution, resolve_items
from gateway.storage.reconciliation_ledger import day_classes, payments_of

NAME = "payment-reconciliation"
MOST_DAYS = 31  # a gateway that was away for longer is told which days by a person
MOST_LISTED = 1000
PARAMETERS = (
    Parameter(
        name="date",
        help="the day in Viet Nam, as 2026-09-28; without it every day since the last run, up to yesterday",
        pattern=r"20[0-9]{2}-[01][0-9]-[0-3][0-9]",
    ),
    Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),
    Parameter(
        name="apply",
        help="yes: settle what the platform or a file says was paid, and our books do not have",
        pattern="yes|no",
        default="no",
    ),
    Parameter(name="concurrency", help="questions at once", pattern="[1-9][0-9]?", default="4"),
)


class Questions(Protocol):
    """Questions to every payment platform (``gateway.payments.questions.Questions``)."""

    def asker(self, destination: str) -> Asks:
        """Those to one; NotFoundError when it is none."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a person has ended. ``action``: the record of it."""

    item: str
    action: str


class Mark(msgspec.Struct, omit_defaults=True):
    """Where a run stopped. ``through``: the last day that is done; ``day``: the one that was being done."""

    through: int | None = None
    day: int | None = None
    done: list[str] = []
    destination: str = ""
    place: Place = msgspec.field(default_factory=Place)


class Reconciliation:
    """Compares books. ``destinations``: the payment platforms, by name."""

    def __init__(
        self,
        database: Database,
        questions: Questions,
        destinations: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._questions = questions
        self._destinations = tuple(sorted(destinations))
        self._clock = clock

    def job(self) -> Job:
        """The job, for the list of all jobs."""
        return Job(
            name=NAME,
            title="Reconcile payments with the payment platform",
            title_vi="Đối soát thanh toán với nền tảng thanh toán",
            run=self.run,
            cron="30 5 * * *",
            parameters=PARAMETERS,
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """Reconcile the days that are asked for; the summary of what was found."""
        given = context.parameters
        chosen = [self._known(given["destination"])] if "destination" in given else list(self._destinations)
        one = _Run(self, context, chosen, StoredLines(self._database))
        return await one.whole(_day(given["date"]) if "date" in given else None)

    @property
    def destinations(self) -> tuple[str, ...]:
        """The payment platforms, by name."""
        return self._destinations

    async def preview(
        self, context: RunContext, day: date, destination: str | None, lines: Lines
    ) -> Statement:
        """What a run over ``day`` would find with these settlement lines; nothing is written."""
        chosen = self._destinations if destination is None else (self._known(destination),)
        one = _Run(self, context, chosen, lines)
        await one.day(day_number(day))
        heading = Heading(day=day, destination=destination, made_at=self._clock(), dry_run=True)
        return statement(heading, one.seen)

    async def statement(self, day: date, destination: str | None = None) -> Statement:
        """What stands on record for ``day``."""
        if destination is not None:
            self._known(destination)
        number = day_number(day)
        wanted = ItemFilter(day=number, destination=destination)
        kept = await self._database.read(functools.partial(rows.items, wanted=wanted))
        unread = await self._database.read(
            functools.partial(rows.unread_lines, destination=destination, day=number)
        )
        heading = Heading(day=day, destination=destination, made_at=self._clock(), unread=unread)
        return statement(heading, kept)

    async def ledger(self, start: date, end: date, destination: str | None = None) -> Ledger:
        """Both ledgers from ``start`` to ``end``, summed by day and by class."""
        if destination is not None:
            self._known(destination)
        first, last = day_number(start), day_number(end)
        found = await self._database.read(
            functools.partial(day_classes, first=first, last=last, destination=destination)
        )
        unread = await self._database.read(
            functools.partial(rows.unread_lines, destination=destination, day=first, last=last)
        )
        period = Period(
            start=start,
            end=end,
            destination=destination,
            destinations=list(self._destinations),
            unread=unread,
            waiting=await self.open_items(),
        )
        return ledger_of(period, found)

    async def items(self, wanted: ItemFilter, *, after: int | None = None, limit: int = 100) -> list[Item]:
        """Some items, oldest first."""
        kept = await self._database.read(
            functools.partial(rows.items, wanted=wanted, after=after, limit=limit)
        )
        return await self._with_payments([item_of(each) for each in kept])

    async def item(self, identifier: int) -> Item:
        """One item; NotFoundError."""
        kept = await self._database.read(functools.partial(rows.item_by_id, identifier=identifier))
        if kept is None:
            raise NotFoundError(f"there is no item {identifier}")
        (found,) = await self._with_payments([item_of(kept)])
        return found

    async def _with_payments(self, items: list[Item]) -> list[Item]:
        """Each with the payment of ours that it is about."""
        attempts = {int(each.attempt) for each in items if each.attempt is not None}
        known = await self._database.read(functools.partial(payments_of, attempts=attempts))
        return [
            each
            if each.attempt is None or int(each.attempt) not in known
            else msgspec.structs.replace(each, payment=str(known[int(each.attempt)]))
            for each in items
        ]

    async def resolve(self, order: Resolution) -> Resolved:
        """A person ends an open item. NotFoundError; ConflictError when it is not open."""
        action: str = await self._database.apply(resolve_items, order)
        return Resolved(item=str(order.item), action=action)

    async def take_in(self, given: HandedIn) -> TakenIn:
        """Take in a settlement file; RecordError when it is none."""
        self._known(given.destination)
        return await take_in(self._database, self._clock, given)

    def tools(self, destination: str, lines: Lines) -> Tools:
        """What a pass at one destination works with."""
        asker = self._questions.asker(destination)
        return Tools(database=self._database, asker=asker, lines=lines, clock=self._clock)

    def yesterday(self) -> int:
        """The number of the last whole day in Viet Nam."""
        return day_number_of(to_micros(self._clock())) - 1

    async def expected(self, destination: str, day: int) -> int:
        """How many attempts there are to ask about."""
        found = await self._database.read(
            functools.partial(books.attempts_of_day, destination=destination, day=day)
        )
        return len(found)

    async def open_items(self) -> dict[str, int]:
        """How many items of each class are open."""
        return await self._database.read(rows.count_open)

    def _known(self, destination: str) -> str:
        if destination not in self._destinations:
            raise NotFoundError(
                f"there is no payment platform {destination!r}; there are: "
                f"{', '.join(self._destinations) or 'none'}"
            )
        return destination


def _day(text: str) -> int:
    try:
        return day_number(date.fromisoformat(text))
    except ValueError as fault:
        raise ConfigurationError(f"parameter date: got {text}, expected a day like 2026-09-28") from fault


class _Run:
    """One run. ``seen``: the rows of a dry run, which nobody else keeps."""

    def __init__(
        self, books_of: Reconciliation, context: RunContext, chosen: Sequence[str], lines: Lines
    ) -> None:
        self._books = books_of
        self._context = context
        self._chosen = chosen
        self._lines = lines
        resumes = context.watermark is not None and not context.dry_run
        self._mark = msgspec.json.decode(context.watermark or "{}", type=Mark) if resumes else Mark()
        self.seen: list[Kept] = []
        self._classes: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._looked = self._asked = self._applied = self._open = self._total = 0

    async def whole(self, day: int | None) -> Summary:
        """The day that was asked for, or all since the last run; first what was broken off."""
        days = [day] if day is not None else self._since()
        if self._mark.day is not None and self._mark.day not in days:
            days = [self._mark.day, *days]
        for each in days:
            await self.day(each)
            self._mark = Mark(through=max(each, self._mark.through or each))
            await self._report()
        if day is not None:
            await self._context.report(self._looked, watermark="")
        return await self._summary(days)

    def _since(self) -> list[int]:
        last = self._books.yesterday()
        first = last if self._mark.through is None else self._mark.through + 1
        return list(range(max(min(first, last), last - MOST_DAYS + 1), last + 1))

    async def day(self, number: int) -> None:
        """One day at every destination, behind what is done of it."""
        if self._mark.day != number:
            self._mark = Mark(through=self._mark.through, day=number)
        for destination in self._chosen:
            if destination in self._mark.done:
                continue
            self._total += await self._books.expected(destination, number)
            await self._context.report(self._looked, total=self._total)
            place = self._mark.place if self._mark.destination == destination else Place()
            self._mark.destination, self._mark.place = destination, place
            one = Pass(self._books.tools(destination, self._lines), self._order(destination, number))
            await one.run(place, self._done)
            self._asked, self._applied = self._asked + one.asked, self._applied + one.applied
            self._mark.done.append(destination)

    def _order(self, destination: str, number: int) -> Order:
        given = self._context.parameters
        return Order(
            run=self._context.run,
            actor=self._context.actor,
            destination=destination,
            day=number,
            write=not self._context.dry_run,
            apply=given.get("apply") == "yes",
            concurrency=int(given.get("concurrency", "4")),
        )

    async def _done(self, kept: Sequence[Kept], place: Place) -> None:
        """A piece is durable."""
        for each in kept:
            self._classes[each.kind.value] += 1
            self._sums["ours"] += each.ours_amount
            self._sums["theirs"] += each.theirs_amount or 0
            self._sums["difference"] += each.difference
            self._open += each.state == "open"
        if self._context.dry_run:
            self.seen += kept
        self._looked += len(kept)
        self._mark.place = place
        await self._report()

    async def _report(self) -> None:
        mark = None if self._context.dry_run else msgspec.json.encode(self._mark).decode()
        await self._context.report(self._looked, watermark=mark)

    async def _summary(self, days: Sequence[int]) -> Mapping[str, Any]:
        """``open``: among what this run looked at; ``open_in_all``: on record. ``items``: those of a dry run."""
        summary: dict[str, Any] = {
            "answer": "no" if self._open else "yes",
            "days": [day_of_number(day).isoformat() for day in days],
            "destinations": list(self._chosen),
            "looked": self._looked,
            "asked": self._asked,
            "applied": self._applied,
            "classes": dict(sorted(self._classes.items())),
            "open": self._open,
            **{name: self._sums[name] for name in ("ours", "theirs", "difference")},
        }
        if self._context.dry_run:
            listed = [item_of(each) for each in self.seen]
            summary["items"] = msgspec.to_builtins(listed[:MOST_LISTED])
            summary["more"] = len(listed) > MOST_LISTED
        else:
            summary["open_in_all"] = await self._books.open_items()
            summary["answer"] = "no" if summary["open_in_all"] else "yes"
        return summary
