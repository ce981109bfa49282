"""Payments made by hand for tests of what people do with them: requests, attempts, evidence, in a real database."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from gateway.domain.payment import Evidence
from gateway.storage.instants import to_micros
from gateway.storage.payments import Applied, Opened, Opening, apply_evidence, open_payments
from tests.storage.builders import NOW, World, later

PLATFORM = "payment_platform"
PARTNER = "DEMOH99"
ASKED_AT = "20260928080000"  # NOW, in the platform's words
FEE = 250_000
VIETNAM = timezone(timedelta(hours=7))


def wire(instant: datetime) -> str:
    """An instant in the platform's words."""
    return instant.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


class Till(World):
    """A world with money in it."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self._numbers = itertools.count(1)

    async def open(self, code: str = "H99.15-1", *, purpose: str = "fees", now: datetime = NOW) -> Opened:
        """Ask for money for a dossier, which comes in first where it is new."""
        if not self.rows("SELECT 1 FROM dossier WHERE code = :code", code=code):
            await self.accept(code)
        result = await self.database.apply(
            open_payments,
            Opening(
                destination=PLATFORM,
                dossier=code,
                purpose=purpose,
                amount=FEE,
                currency="VND",
                terms=b"{}",
                partner=PARTNER,
                reference=f"PG{next(self._numbers):018d}",
                asked_at=wire(now),
                payload=b"{}",
                by="one-door",
                now=to_micros(now),
            ),
        )
        assert isinstance(result, Opened), result
        return result

    async def hear(self, reference: str, **changes: Any) -> Applied:
        """Evidence comes in: by default that the fee was paid."""
        plain = Evidence(
            destination=PLATFORM,
            source="callback",
            claim="paid",
            partner=PARTNER,
            reference=reference,
            amount=FEE,
            currency="VND",
            transaction=f"T{reference[-4:]}",
            bank="DEMOBANK",
            at=later(minutes=5),
            claimed_at=ASKED_AT,
        )
        applied: Applied = await self.database.apply(
            apply_evidence, msgspec.structs.replace(plain, **changes)
        )
        return applied

    async def paid(self, code: str = "H99.15-1", **changes: Any) -> Opened:
        opened = await self.open(code)
        applied = await self.hear(opened.reference, **changes)
        assert applied.decision.effect == "settled"
        return opened

    async def quarantined(self, code: str = "H99.15-1", amount: int = 25_000) -> Opened:
        opened = await self.open(code)
        applied = await self.hear(opened.reference, amount=amount)
        assert applied.decision.effect == "quarantined"
        return opened

    async def failed(self, code: str = "H99.15-1") -> Opened:
        opened = await self.open(code)
        await self.hear(opened.reference, claim="failed", transaction="")
        return opened

    def attempt(self, opened: Opened) -> str:
        return str(self.rows("SELECT state FROM payment_attempt WHERE id = :id", id=opened.attempt)[0][0])

    def request(self, opened: Opened) -> tuple[str, int]:
        row = self.rows("SELECT state, refunded FROM payment_request WHERE id = :id", id=opened.request)[0]
        return str(row[0]), int(row[1])

    def events(self, *kinds: str) -> list[str]:
        """Kinds of the events about payments, oldest first."""
        rows = self.rows("SELECT kind FROM event WHERE kind LIKE 'payment.%' ORDER BY id")
        return [row[0] for row in rows if not kinds or row[0] in kinds]

    def actions(self) -> list[tuple[str, str]]:
        """(who, what) of everything that people did."""
        return [tuple(row) for row in self.rows("SELECT actor, action FROM operator_action ORDER BY id")]

    def settlements(self) -> int:
        return int(self.rows("SELECT count(*) FROM settlement")[0][0])
