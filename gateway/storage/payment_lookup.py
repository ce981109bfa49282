"""Looking a payment up from outside: what is to be paid for a dossier, which attempt a report means, how one stands.

Invariant: nothing here changes anything, and what it gives is read from our own rows, never from what the caller said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gateway.domain.payment import OPEN, AttemptState, RequestState
from gateway.port.payment import PaymentReport
from gateway.storage.schema import delivery
from gateway.storage.schema_payment import payment_attempt as attempt
from gateway.storage.schema_payment import payment_request as request
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

# While the platform works on an attempt, nobody must be told that it is to be paid (§11.3).
_PAYABLE = sorted(OPEN - {AttemptState.PENDING})
_ATTEMPTS = Statement("""
    SELECT a.reference, a.state, a.amount FROM payment_request AS r
    JOIN payment_attempt AS a ON a.request_id = r.id
    WHERE r.dossier_code = :dossier AND r.destination = :destination AND a.partner = :partner
    ORDER BY a.id DESC LIMIT 100
""")


def payable_order(connection: sa.Connection, destination: str, dossier: str) -> bytes | None:
    """The stored order of the dossier's attempt that can be paid now, the oldest debt first; None: there is none."""
    question = (
        sa.select(delivery.c.payload)
        .join(attempt, attempt.c.delivery_id == delivery.c.id)
        .join(request, request.c.id == attempt.c.request_id)
        .where(
            request.c.dossier_code == dossier,
            request.c.destination == destination,
            request.c.state == RequestState.OPEN,
            attempt.c.state.in_(_PAYABLE),
        )
        .order_by(request.c.id)
        .limit(1)
    )
    payload = connection.execute(question).scalar_one_or_none()
    return None if payload is None else bytes(payload)


def attempt_state(connection: sa.Connection, partner: str, reference: str) -> AttemptState | None:
    """How the attempt stands; None when there is none."""
    question = sa.select(attempt.c.state).where(
        attempt.c.partner == partner, attempt.c.reference == reference
    )
    state = connection.execute(question).scalar_one_or_none()
    return None if state is None else AttemptState(state)


def named_attempt(transaction: Transaction, destination: str, report: PaymentReport) -> str:
    """The reference of the attempt that a report without one means (§8.1: the dossier is the key); empty: none surely.

    The dossier's code is in no check code, so it counts only where the text, which is, names the same dossier: else a
    report about one dossier could be sent again as one about another. Of several attempts the one that is open.
    """
    if not report.dossier or "\x00" in report.dossier or not _names(report.text, report.dossier):
        return ""
    where = {"dossier": report.dossier, "destination": destination, "partner": report.partner}
    rows = transaction.all(_ATTEMPTS, where)
    opened = [row for row in rows if AttemptState(row[1]) in OPEN]
    wanted = opened if len(opened) <= 1 else [row for row in opened if int(row[2]) == report.amount]
    if wanted or opened:
        return str(wanted[0][0]) if len(wanted) == 1 else ""
    return str(rows[0][0]) if rows else ""


def _names(text: str, dossier: str) -> bool:
    """Whether ``text`` holds the code whole, not as part of a longer one."""
    return re.search(rf"(?<![\w.\-]){re.escape(dossier)}(?![\w\-])", text, re.ASCII) is not None
