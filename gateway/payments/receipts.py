"""The job ``payment-receipts``: the platform's receipt of every payment, fetched and kept by its SHA-256.

From where the platform said it is, else asked for with GET_BILL (payment_platform §5.7). State is in the rows.
Invariants: a failed receipt stops nobody else's; a failure is never final before a week is over, and even then a
person may have it asked for again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from gateway.domain.errors import NotFoundError
from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.domain.payment_order import BillAnswer
from gateway.payments.asking import Told
from gateway.payments.receipt_fetching import PDF, Errand, Fetcher, Missed
from gateway.port import Adapter, CannotRead, GivesReceipts
from gateway.storage.database import Database
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.payment_orders import AskAgain, AskedAgain
from gateway.storage.payment_receipts import (
    KeptReceipt,
    MissedReceipt,
    WantedReceipt,
    ask_again,
    due_receipts,
    keep_receipt,
    miss_receipt,
)
from gateway.wire.asking import Unasked

GIVE_UP_AFTER = timedelta(days=7)
PAUSES = (60.0, 300.0, 900.0, 3600.0, 3 * 3600.0)
LONGEST_PAUSE = 6 * 3600.0
PARAMETERS = (
    Parameter(name="destination", help="only this destination", pattern=r"[^\s]{1,100}"),
    Parameter(name="concurrency", help="receipts at once", pattern="[1-9][0-9]?", default="4"),
    Parameter(name="limit", help="at most so many receipts", pattern="[1-9][0-9]{0,5}", default="500"),
)
End = Literal["kept", "missed", "given_up"]


class Asks(Protocol):
    """Reads of one destination (``gateway.payments.asking``)."""

    async def read(self, name: str, parameters: Mapping[str, str], dossier: str) -> Told:
        """What the platform says."""


class Destination(Protocol):
    """What is needed of a destination."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""


class Receipts:
    """Fetches what is wanted. ``asker`` gives the reads of a destination; NotFoundError when it is switched off."""

    def __init__(
        self,
        database: Database,
        destinations: Mapping[str, Destination],
        asker: Callable[[str], Asks],
        clock: Callable[[], datetime],
        *,
        fetcher: Fetcher | None = None,
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._asker = asker
        self._clock = clock
        self._fetcher = fetcher or Fetcher(database, clock)

    def job(self) -> Job:
        """The job, for the list of all jobs."""
        return Job(
            name="payment-receipts",
            title="Fetch the receipts of payments",
            title_vi="Lấy biên lai của các khoản đã thanh toán",
            run=self.run,
            cron="* * * * *",
            parameters=PARAMETERS,
            can_dry_run=True,
        )

    async def run(self, context: RunContext) -> Summary:
        """Fetch everything that is due, once."""
        asked = context.parameters
        due = await self._database.read(
            functools.partial(
                due_receipts,
                now=to_micros(self._clock()),
                destination=asked.get("destination"),
                most=int(asked.get("limit", "500")),
            )
        )
        if context.dry_run:
            return {"due": len(due)}
        ends: Counter[str] = Counter()
        at_once = int(asked.get("concurrency", "4"))
        for start in range(0, len(due), at_once):
            some = due[start : start + at_once]
            ends.update(await asyncio.gather(*map(self.fetch, some)))
            await context.report(start + len(some), total=len(due))
        return {"due": len(due), **ends}

    async def ask_again(self, order: AskAgain) -> AskedAgain:
        """Want a receipt again that was given up, or at once that waits. ConflictError: nothing was paid."""
        return await self._database.write(lambda transaction: ask_again(transaction, order))

    async def fetch(self, wanted: WantedReceipt) -> End:
        """One receipt: kept, or when it is tried again."""
        found = await self._find(wanted)
        if isinstance(found, Missed):
            return await self._miss(wanted, found)
        digest = hashlib.sha256(found).digest()
        kept = KeptReceipt(wanted=wanted, sha256=digest, body=found, now=self._clock())
        await self._database.write(lambda transaction: keep_receipt(transaction, kept))
        return "kept"

    async def _find(self, wanted: WantedReceipt) -> bytes | Missed:
        destination = self._destinations.get(wanted.destination)
        if destination is None or not isinstance(destination.adapter, GivesReceipts):
            return Missed(code="not_offered", reason=f"{wanted.destination} gives no receipts", counts=False)
        errand = Errand(destination=wanted.destination, dossier=wanted.dossier, rules=destination.adapter)
        if wanted.url is not None:
            found = await self._at(errand, wanted.url)
            if not isinstance(found, Missed):
                return found
        bill = await self._bill(wanted)
        if isinstance(bill, Missed):
            return bill
        return await self._fetcher.fetch(errand, bill.url) if bill.url else _file(bill, errand.rules)

    async def _at(self, errand: Errand, written: str) -> bytes | Missed:
        url = errand.rules.receipt_address(written)
        if url is None:
            return Missed(
                code="foreign_host", reason="the receipt's address leads to a host that is not listed"
            )
        return await self._fetcher.fetch(errand, url)

    async def _bill(self, wanted: WantedReceipt) -> BillAnswer | Missed:
        """What GET_BILL gives, by the time of the question and, where that is refused, by that of CONFIRM (U6)."""
        try:
            asker = self._asker(wanted.destination)
        except NotFoundError as fault:
            return Missed(code="not_offered", reason=str(fault)[:300], counts=False)
        asked = {"partner": wanted.partner, "reference": wanted.reference, "asked_at": wanted.asked_at}
        told = await asker.read("bill", asked, wanted.dossier)
        if isinstance(told, CannotRead) and wanted.confirmed_at not in {"", wanted.asked_at}:
            told = await asker.read("bill", {**asked, "asked_at": wanted.confirmed_at}, wanted.dossier)
        match told:
            case Unasked():
                return Missed(code=told.code, reason=told.reason, wait=told.wait, counts=not told.shut)
            case CannotRead():
                return Missed(code=told.code, reason=told.reason)
            case _:
                return msgspec.convert(told.entries["bill"], BillAnswer)

    async def _miss(self, wanted: WantedReceipt, missed: Missed) -> End:
        now = self._clock()
        over = now - from_micros(wanted.since) >= GIVE_UP_AFTER
        pause = max(_pause(wanted.tries), missed.wait)
        row = MissedReceipt(
            wanted=wanted,
            failure=f"{missed.code}: {missed.reason}"[:500],
            now=now,
            next_at=None if over else now + timedelta(seconds=pause),
            counts=missed.counts,
        )
        await self._database.write(lambda transaction: miss_receipt(transaction, row))
        return "given_up" if over else "missed"


def _file(bill: BillAnswer, rules: GivesReceipts) -> bytes | Missed:
    """The file that came in the answer itself."""
    try:
        body = base64.b64decode(bill.file, validate=True)
    except (binascii.Error, ValueError):
        return Missed(code="not_pdf", reason="the file in the answer is not base64")
    if len(body) > rules.receipt_limit:
        return Missed(code="too_large", reason=f"{len(body)} bytes")
    if not body.startswith(PDF):
        return Missed(code="not_pdf", reason=f"{len(body)} bytes that are no PDF")
    return body


def _pause(tries: int) -> float:
    """Seconds until the next try after ``tries`` earlier ones have failed."""
    return PAUSES[tries] if tries < len(PAUSES) else LONGEST_PAUSE
