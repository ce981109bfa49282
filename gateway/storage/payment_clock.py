"""Payments that end a dossier's wait: one row a settlement, read by whoever judges time.

Invariant: the row is written in the transaction of the settlement and never changed but for being judged; a refund
leaves it as it is, so that nothing about the past moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import Evidence, RequestState, paid_at
from gateway.storage.instants import to_micros
from gateway.storage.schema_payment import payment_clock, payment_request
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_UNASSESSED: sa.ColumnElement[bool] = sa.literal_column("NOT payment_clock.assessed")
_PORTION = 500
_NOTE = insert("payment_clock", ("settlement_id", "request_id", "dossier_code", "paid_at", "heard_at"))
_JUDGED = Statement(
    "UPDATE payment_clock SET assessed = true WHERE settlement_id IN_ARRAY(:settlements) AND NOT assessed"
)


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement of a request for a dossier. ``asked_at``: ThoiGianGD of its attempt."""

    settlement: int
    request: int
    dossier: str
    asked_at: str


class PaymentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A payment for a dossier: when it was made and when we learnt of it, in microseconds.

    ``clears``: nothing that was asked for by then was still owed. ``assessed``: it has been judged.
    """

    settlement: int
    paid_at: int
    heard_at: int
    clears: bool
    assessed: bool


def note_payment(transaction: Transaction, paid: Paid, evidence: Evidence) -> None:
    """Write down when a settled request was paid (payment_platform §13, pitfall 19: the platform's time where known)."""
    transaction.run(
        _NOTE,
        {
            "settlement_id": paid.settlement,
            "request_id": paid.request,
            "dossier_code": paid.dossier,
            "paid_at": to_micros(paid_at(evidence, paid.asked_at)),
            "heard_at": to_micros(evidence.at),
        },
    )


def payments_judged(transaction: Transaction, settlements: Iterable[int]) -> None:
    """These have been judged."""
    listed = sorted(settlements)
    if listed:
        transaction.run(_JUDGED, {"settlements": transaction.array(listed)})


def unassessed_payers(connection: sa.Connection, most: int) -> list[str]:
    """Some dossiers with a payment that nobody has judged yet, the payment that waits longest first."""
    question = (
        sa.select(payment_clock.c.dossier_code)
        .where(_UNASSESSED)
        .order_by(payment_clock.c.settlement_id)
        .limit(most)
    )
    return list(dict.fromkeys(connection.execute(question).scalars()))


def oldest_unassessed(connection: sa.Connection) -> int | None:
    """Since when the payment that waits longest has waited to be judged; None when none does."""
    question = sa.select(sa.func.min(payment_clock.c.heard_at)).where(_UNASSESSED)
    found: int | None = connection.execute(question).scalar()
    return found


def payments_of(connection: sa.Connection, codes: Sequence[str]) -> dict[str, list[PaymentRow]]:
    """The payments of each dossier, earliest first; one without any is missing."""
    found: dict[str, list[PaymentRow]] = {}
    for start in range(0, len(codes), _PORTION):
        some = codes[start : start + _PORTION]
        question = (
            sa.select(payment_clock)
            .where(payment_clock.c.dossier_code.in_(some))
            .order_by(payment_clock.c.paid_at, payment_clock.c.settlement_id)
        )
        paid = connection.execute(question).mappings().all()
        owed = _owed(connection, sorted({row["dossier_code"] for row in paid}))
        for row in paid:
            at = int(row["paid_at"])
            rivals = owed.get(row["dossier_code"], ())
            payment = PaymentRow(
                settlement=int(row["settlement_id"]),
                paid_at=at,
                heard_at=int(row["heard_at"]),
                clears=all(over is not None and over <= at for asked, over in rivals if asked <= at),
                assessed=bool(row["assessed"]),
            )
            found.setdefault(row["dossier_code"], []).append(payment)
    return found


def _owed(connection: sa.Connection, codes: Sequence[str]) -> dict[str, list[tuple[int, int | None]]]:
    """Of every request for each dossier: when it was made, and when it was owed no more (None: it still is)."""
    if not codes:
        return {}
    question = (
        sa.select(
            payment_request.c.dossier_code,
            payment_request.c.created_at,
            payment_request.c.ended_at,
            payment_request.c.state,
            payment_clock.c.paid_at,
        )
        .join(payment_clock, payment_clock.c.request_id == payment_request.c.id, isouter=True)
        .where(payment_request.c.dossier_code.in_(codes))
    )
    found: dict[str, list[tuple[int, int | None]]] = {}
    for code, created, ended, state, paid in connection.execute(question):
        over = paid if paid is not None else ended if state == RequestState.CANCELLED else None
        found.setdefault(code, []).append((int(created), None if over is None else int(over)))
    return found
