"""Our books of payments as a whole, to be laid beside a platform's: cold reads.

Invariant: amounts come from settlements alone; nothing here is grouped or summed in a way that could hide a difference.
"""

from __future__ import annotations

from collections import Counter

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import AttemptState
from gateway.storage.schema import dossier
from gateway.storage.schema_payment import payment_attempt, payment_callback, receipt, settlement


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """One settlement. ``reference``: MaThamChieu; ``amount`` in đồng."""

    reference: str
    source: str
    amount: int


def dossier_codes(connection: sa.Connection) -> list[str]:
    """Every dossier, in order."""
    return [row[0] for row in connection.execute(sa.select(dossier.c.code).order_by(dossier.c.code))]


def attempt_states(connection: sa.Connection) -> Counter[str]:
    """How many attempts stand where."""
    columns = payment_attempt.c
    rows = connection.execute(sa.select(columns.state, sa.func.count()).group_by(columns.state)).all()
    return Counter({row[0]: int(row[1]) for row in rows})


def pay_addresses(connection: sa.Connection) -> dict[str, str]:
    """Where payers pay, by reference."""
    columns = payment_attempt.c
    question = sa.select(columns.reference, columns.pay_url).where(columns.pay_url.is_not(None))
    return {row[0]: row[1] for row in connection.execute(question)}


def quarantined(connection: sa.Connection) -> list[tuple[int, str]]:
    """Attempts whose money waits for two people, with their references."""
    columns = payment_attempt.c
    question = sa.select(columns.id, columns.reference).where(columns.state == AttemptState.QUARANTINED)
    return [(int(row[0]), row[1]) for row in connection.execute(question)]


def settlements(connection: sa.Connection) -> list[Booked]:
    """Every settlement."""
    joined = settlement.join(payment_attempt, payment_attempt.c.id == settlement.c.attempt_id)
    question = sa.select(payment_attempt.c.reference, settlement.c.source, settlement.c.amount)
    rows = connection.execute(question.select_from(joined))
    return [Booked(reference=row[0], source=row[1], amount=int(row[2])) for row in rows]


def repeated_callbacks(connection: sa.Connection) -> int:
    """Deliveries of callbacks beyond the first of each."""
    again = sa.select(sa.func.sum(payment_callback.c.deliveries - 1))
    return int(connection.execute(again).scalar() or 0)


def kept_receipts(connection: sa.Connection) -> int:
    """Receipts whose file is here."""
    kept = sa.select(sa.func.count()).select_from(receipt).where(receipt.c.state == "kept")
    return int(connection.execute(kept).scalar() or 0)
