"""What the other side says about one reference: the platform when it is asked, settlement files, callbacks.

Invariant: no answer, and an answer that cannot be read, are told as such; nothing is concluded from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
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


def references_of(booked: Booked) -> tuple[str, ...]:
    """The references under which money of an attempt may be found: its own, and those of what it adopted."""
    return (booked.reference, *(each.reference for each in booked.adopted))


def lines_of_attempt(booked: Booked, lines: Mapping[str, Sequence[Line]]) -> list[Line]:
    """What files say about its money: everything under its own reference, and of strange ones what it adopted."""
    found = list(lines.get(booked.reference, ()))
    strange: dict[str, set[str]] = {}
    for each in booked.adopted:
        if each.reference != booked.reference:
            strange.setdefault(each.reference, set()).add(each.paid.transaction)
    for reference, numbers in strange.items():
        found += lines_of_numbers(lines.get(reference, ()), numbers)
    return [line for line in found if line.partner in {"", booked.partner}]


def lines_of_numbers(lines: Sequence[Line], numbers: AbstractSet[str]) -> list[Line]:
    """Of the lines under one strange reference, those about the payments ``numbers``.

    A refund may have a number of its own: it goes with the first payment under the reference, so that it is told once.
    """
    paid = {line.transaction for line in lines if line.claim == "paid"} | numbers
    first = min(paid, default="")
    return [line for line in lines if (line.transaction if line.transaction in paid else first) in numbers]


def with_files(told: Theirs, booked: Booked, lines: Sequence[Line], covered: set[tuple[int, str]]) -> Theirs:
    """What the platform said, together with what files, callbacks and adopted orphans say. ``lines``: those of the
    attempt; ``covered``: days and partners of which a whole file is here.

    An adopted orphan is looked for in the files under its own reference, on the day when the money came: the platform
    has never heard of the reference that it was adopted for.
    """
    from_file = tuple(paid_of(line, booked.partner) for line in lines if line.claim == "paid")
    day = booked.settled_day
    missing = not lines and day is not None and bool({(day, booked.partner), (day, "")} & covered)
    paid = (*told.paid, *from_file, *booked.heard, *(each.paid for each in booked.adopted))
    claim = "paid" if paid else told.claim
    if not paid and told.claim in {None, "absent"}:
        claim = _claimed(lines) or told.claim
    return Theirs(claim=claim, paid=paid, refunded=refunded_of(lines), missing=missing, why=told.why)


def _claimed(lines: Sequence[Line]) -> Literal["failed", "pending"] | None:
    claims = {line.claim for line in lines}
    return "pending" if "pending" in claims else "failed" if "failed" in claims else None


def refunded_of(lines: Sequence[Line]) -> int:
    """What files say was given back, each refund once however many files have it."""
    return sum(
        amount
        for _, amount, _ in {
            (line.transaction, line.amount, line.paid_at) for line in lines if line.claim == "refunded"
        }
    )


def paid_of(line: Line, partner: str) -> Paid:
    """A paid line. ``partner``: where the file names none."""
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
