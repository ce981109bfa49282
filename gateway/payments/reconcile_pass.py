"""One pass of a reconciliation over one day at one destination: look at every attempt and at money without one.

Invariants: what one look showed is durable before the next piece begins, so that a pass that was broken off goes on
behind it; evidence is applied only when the order says so, through ``apply_evidence``; a dry pass writes nothing.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.domain.payment import Evidence
from gateway.domain.reconciliation import Paid, Repair, Theirs, Verdict, judge
from gateway.payments.reconcile_asking import Asks, ask, lines_of_attempt, references_of, with_files
from gateway.payments.reconcile_orphans import Strange, strange
from gateway.storage import reconciliation_books as books
from gateway.storage import reconciliation_orphans as orphans
from gateway.storage.database import Database
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.payments import Applied, apply_evidence
from gateway.storage.reconciliation import Kept, Look, record_looks
from gateway.storage.reconciliation_books import Booked
from gateway.storage.settlement_files import Line, covered, lines_of

T = TypeVar("T")
PIECE = 50
ORPHANS = 2


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be reconciled. ``write`` False: look and tell only; ``apply``: settle what the other side has."""

    run: int
    actor: str
    destination: str
    day: int
    write: bool = True
    apply: bool = False
    concurrency: int = 4


class Lines(Protocol):
    """Settlement files, wherever they are."""

    async def of(self, destination: str, references: Sequence[str]) -> Mapping[str, Sequence[Line]]:
        """What files of any day say about these references."""

    async def covered(self, destination: str, days: Sequence[int]) -> set[tuple[int, str]]:
        """Of which days, and for which partner, a whole file is here."""

    async def orphans(self, destination: str, day: int) -> Sequence[str]:
        """References of ``day`` without an attempt, in order."""


class StoredLines:
    """The files that were taken in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, destination: str, references: Sequence[str]) -> Mapping[str, Sequence[Line]]:
        return await self._database.read(
            functools.partial(lines_of, destination=destination, references=references)
        )

    async def covered(self, destination: str, days: Sequence[int]) -> set[tuple[int, str]]:
        return await self._database.read(functools.partial(covered, destination=destination, days=days))

    async def orphans(self, destination: str, day: int) -> Sequence[str]:
        return await self._database.read(
            functools.partial(orphans.orphan_references, destination=destination, day=day)
        )


class Place(msgspec.Struct):
    """How far a pass is: ``phase`` 0 attempts of the day, 1 of other days, 2 money without an attempt."""

    phase: int = 0
    after: str = ""


Done = Callable[[Sequence[Kept], Place], Awaitable[None]]
"""Told after every piece: the rows, and where to go on."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass works with. ``asker``: questions to the destination of its order."""

    database: Database
    asker: Asks
    lines: Lines
    clock: Callable[[], datetime]


def _pieces(given: Sequence[T]) -> Iterator[Sequence[T]]:
    return (given[start : start + PIECE] for start in range(0, len(given), PIECE))


class Pass:
    """A pass for one order."""

    def __init__(self, tools: Tools, order: Order) -> None:
        self._database = tools.database
        self._asker = tools.asker
        self._lines = tools.lines
        self._clock = tools.clock
        self._order = order
        self._room = asyncio.Semaphore(order.concurrency)
        self.asked = self.applied = 0

    async def run(self, place: Place, done: Done) -> None:
        """Go on behind ``place`` to the end."""
        for phase, question in enumerate((books.attempts_of_day, books.attempts_elsewhere)):
            if phase < place.phase:
                continue
            after = int(place.after or 0) if phase == place.phase else 0
            ids = [each for each in await self._of_day(question) if each > after]
            for some in _pieces(ids):
                piece = await self._database.read(functools.partial(books.attempts_by_id, ids=some))
                await done(await self._judged(piece), Place(phase=phase, after=str(some[-1])))
        behind = place.after if place.phase == ORPHANS else ""
        every = await self._lines.orphans(self._order.destination, self._order.day)
        for references in _pieces([each for each in every if each > behind]):
            await done(await self._orphans(references), Place(phase=ORPHANS, after=references[-1]))

    async def _of_day(self, question: Callable[..., list[int]]) -> list[int]:
        where = {"destination": self._order.destination, "day": self._order.day}
        return await self._database.read(functools.partial(question, **where))

    async def _judged(self, piece: Sequence[Booked]) -> list[Kept]:
        """Ask about every attempt of a piece, apply what is to be applied, write down what is found."""
        told = await asyncio.gather(*(self._told(booked) for booked in piece))
        destination = self._order.destination
        references = {reference for booked in piece for reference in references_of(booked)}
        lines = await self._lines.of(destination, sorted(references))
        days = sorted({booked.settled_day for booked in piece if booked.settled_day is not None})
        covered = await self._lines.covered(destination, days)
        looks = []
        for booked, answer in zip(piece, told, strict=True):
            theirs = with_files(answer, booked, lines_of_attempt(booked, lines), covered)
            looks.append(await self._look(booked, theirs))
        return await self._recorded(looks)

    async def _told(self, booked: Booked) -> Theirs:
        async with self._room:
            self.asked += 1
            return await ask(self._asker, booked)

    async def _look(self, booked: Booked, theirs: Theirs) -> Look:
        verdict, applied = judge(booked.ours, theirs), False
        if self._order.apply and self._order.write and verdict.repair is Repair.APPLY_EVIDENCE:
            applied, booked = await self._apply(booked, verdict)
            verdict = judge(booked.ours, theirs)
        return Look(
            run=self._order.run,
            now=to_micros(self._clock()),
            destination=booked.destination,
            day=booked.day,
            partner=booked.partner,
            reference=booked.reference,
            ours=booked.ours,
            theirs=theirs,
            verdict=verdict,
            attempt=booked.id,
            dossier=booked.dossier,
            asked=True,
            applied=applied,
        )

    async def _apply(self, booked: Booked, verdict: Verdict) -> tuple[bool, Booked]:
        """Let the evidence do what it may; the attempt as it is in our books then."""
        paid = verdict.settled_by
        if paid is None:
            return False, booked
        done = await self._evidence(paid, booked.partner, booked.reference)
        (after,) = await self._database.read(functools.partial(books.attempts_by_id, ids=[booked.id]))
        took = done.decision.effect in {"settled", "duplicate"}
        self.applied += took
        return took, after

    async def _evidence(self, paid: Paid, partner: str, reference: str) -> Applied:
        applied: Applied = await self._database.apply(
            apply_evidence,
            Evidence(
                destination=self._order.destination,
                source="file" if paid.by == "file" else "query",
                claim="paid",
                partner=partner,
                reference=reference,
                amount=paid.amount,
                currency=paid.currency,
                transaction=paid.transaction,
                bank=paid.bank,
                at=self._clock(),
                claimed_at=paid.paid_at,
                code="reconciliation",
                actor=self._order.actor,
            ),
        )
        return applied

    async def _orphans(self, references: Sequence[str]) -> list[Kept]:
        """Money under references that no attempt has: one item each."""
        kept = await self._about(orphans.orphans_by_reference, references)
        places = await self._about(orphans.places_of_orphans, references)
        owners = await self._about(orphans.owners_of_references, references)
        lines = await self._lines.of(self._order.destination, references)
        looks = []
        for reference in references:
            has = owners.get(reference, set())
            found = strange(lines.get(reference, ()), kept.get(reference, ()), has)
            await self._keep_orphans(found.unkept, reference)
            if not found.theirs.paid and has and reference not in places:
                continue  # all of it is the attempt's own, and stands in its item
            named = next((each.partner for each in found.theirs.paid if each.partner), "")
            day, partner = places.get(reference, (self._order.day, named))
            looks.append(self._orphan({"day": day, "partner": partner, "reference": reference}, found))
        return await self._recorded(looks)

    async def _about(self, question: Callable[..., T], references: Sequence[str]) -> T:
        return await self._database.read(
            functools.partial(question, destination=self._order.destination, references=references)
        )

    async def _keep_orphans(self, unkept: Sequence[Paid], reference: str) -> None:
        """Keep money that only a file knows of, so that a person can give it to the request it was meant for."""
        if self._order.apply and self._order.write:
            for each in unkept:
                if each.partner:
                    await self._evidence(each, each.partner, reference)

    def _orphan(self, key: Mapping[str, Any], found: Strange) -> Look:
        return Look(
            **key,
            run=self._order.run,
            now=to_micros(self._clock()),
            destination=self._order.destination,
            ours=None,
            theirs=found.theirs,
            verdict=judge(None, found.theirs, found.returned),
        )

    async def _recorded(self, looks: Sequence[Look]) -> list[Kept]:
        if not self._order.write:
            return [as_kept(look) for look in looks]
        return await self._database.write(functools.partial(record_looks, looks=looks))


def as_kept(look: Look) -> Kept:
    """What a look would be on record, where nothing is written."""
    return Kept(
        id=0,
        day=look.day,
        destination=look.destination,
        partner=look.partner,
        reference=look.reference,
        kind=look.verdict.kind,
        state="resolved" if look.verdict.resolved else "open",
        ours=look.ours,
        theirs=look.theirs,
        ours_amount=look.verdict.ours,
        theirs_amount=look.verdict.theirs,
        difference=look.verdict.difference,
        repair=look.verdict.repair,
        at=from_micros(look.now),
        dossier=look.dossier,
        attempt=look.attempt,
        code=look.theirs.why,
        asked=int(look.asked),
    )
