"""What the other side says about one reference: the platform when it is asked, settlement files, callbacks.

Invariant: no answer, and an answer that cannot be read, are told as such; nothing is concluded from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from gateway.domain.payment_order import PaymentAnswer
from gateway.domain.reconciliation import Paid, Theirs
from gateway.payments.asking import Told
from gateway.port import CannotRead
from gateway.storage.reconciliation_books import Booked
from gateway.storage.settlement_files import Line
from gateway.wire.asking import Unasked

NOT_KNOWN = "query_not_answered"
_LONGEST_WHY = 300


class Asks(Protocol):
    """Questions to one platform (``gateway.payments.asking.Asker``)."""

    async def read(self, name: str, parameters: Mapping[str, str], dossier: str) -> Told:
        """What it says to a read operation."""


async def ask(asker: Asks, booked: Booked) -> Theirs:
    """What the platform says about one attempt, in answer to its own reference and time."""
    parameters = {
        "partner": booked.partner,
        "reference": booked.reference,
        "asked_at": booked.asked_at,
    }
    told = await asker.read("payment", parameters, booked.dossier)
    match told:
        case Unasked():
            return Theirs(why=_why(told))
        case CannotRead():
            return Theirs(claim="absent" if told.code == NOT_KNOWN else None, why=_why(told))
        case _:
            return _answer(msgspec.convert(told.entries["payment"], PaymentAnswer), booked)


def _why(told: Unasked | CannotRead) -> str:
    return f"{told.code}: {told.reason}"[:_LONGEST_WHY]


def _answer(answer: PaymentAnswer, booked: Booked) -> Theirs:
    match answer.claim:
        case "paid":
            paid = Paid(
                transaction=answer.transaction,
                amount=answer.amount or 0,
                partner=answer.partner,
                currency=answer.currency or booked.ours.currency,
                bank=answer.bank,
                paid_at=answer.claimed_at,
            )
            return Theirs(claim="paid", paid=(paid,))
        case "failed":
            return Theirs(claim="failed")
        case "pending":
            return Theirs(claim="pending", why="pending: the platform does not know yet")
        case "unknown":
            return Theirs(claim="pending", why=f"unknown state {answer.state!r}"[:_LONGEST_WHY])


def with_files(told: Theirs, booked: Booked, lines: Sequence[Line], covered: set[tuple[int, str]]) -> Theirs:
    """What the platform said, together with what files and callbacks say. ``covered``: days and partners of which a
    whole file is here."""
    from_file = tuple(_paid(line, booked.partner) for line in lines if line.claim == "paid")
    day = booked.settled_day
    missing = not lines and day is not None and bool({(day, booked.partner), (day, "")} & covered)
    paid = (*told.paid, *from_file, *booked.heard)
    claim = "paid" if paid else told.claim
    if not paid and told.claim in {None, "absent"}:
        claim = _claimed(lines) or told.claim
    return Theirs(claim=claim, paid=paid, refunded=_refunded(lines), missing=missing, why=told.why)


def _claimed(lines: Sequence[Line]) -> Literal["failed", "pending"] | None:
    claims = {line.claim for line in lines}
    return "pending" if "pending" in claims else "failed" if "failed" in claims else None


def _refunded(lines: Sequence[Line]) -> int:
    """What files say was given back, each refund once however many files have it."""
    return sum(
        amount
        for _, amount, _ in {
            (line.transaction, line.amount, line.paid_at) for line in lines if line.claim == "refunded"
        }
    )


def _paid(line: Line, partner: str) -> Paid:
    return Paid(
        transaction=line.transaction,
        amount=line.amount,
        partner=line.partner or partner,
        currency=line.currency,
        by="file",
        bank=line.bank,
        paid_at=line.paid_at,
        file=line.file,
        line=line.line,
    )


def orphan_paid(lines: Sequence[Line]) -> tuple[Paid, ...]:
    """What files say was paid under a reference that nobody here has."""
    return tuple(_paid(line, "") for line in lines if line.claim == "paid")
