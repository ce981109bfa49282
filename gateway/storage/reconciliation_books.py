"""Our books for a reconciliation: attempts of a day with what came of them, and money that fits none.

Reads only. Invariant: what is given for an attempt is everything that our books hold about money through it: its
settlement, further payments that were recorded, refunds that two people signed, orphans that it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.deadlines.instants import DAY, day_number_of, start_of_day
from gateway.domain.payment import AttemptState
from gateway.domain.reconciliation import Ours, Paid
from gateway.storage.schema import event
from gateway.storage.schema_payment import (
    payment_attempt,
    payment_decision,
    payment_orphan,
    reconciliation,
    refund,
    settlement,
)
from gateway.storage.schema_reconciliation import settlement_file, settlement_line


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. ``day``: the one on which it was made; ``settled_day``: on which we learnt that it was paid, if we
    did. ``heard``: payments that callbacks or orphans told of, beyond the settlement."""

    id: int
    destination: str
    dossier: str
    partner: str
    reference: str
    asked_at: str
    day: int
    ours: Ours
    settled_day: int | None = None
    heard: tuple[Paid, ...] = ()


_ATTEMPT = sa.select(
    payment_attempt,
    settlement.c.source.label("source"),
    settlement.c.at.label("settled_at"),
).outerjoin(settlement, settlement.c.attempt_id == payment_attempt.c.id)


_WHOLE_FILES = sa.select(settlement_file.c.id).where(settlement_file.c.complete == 1)


def attempts_of_day(connection: sa.Connection, destination: str, day: int) -> list[int]:
    """Identifiers of the attempts that were made on ``day`` in Viet Nam, in order."""
    start, columns = start_of_day(day), payment_attempt.c
    question = sa.select(columns.id).where(
        columns.destination == destination, columns.created_at >= start, columns.created_at < start + DAY
    )
    return sorted(int(each) for each in connection.execute(question).scalars())


def attempts_by_id(connection: sa.Connection, ids: Sequence[int]) -> list[Booked]:
    """These attempts."""
    return _booked(connection, _ATTEMPT.where(payment_attempt.c.id.in_(ids)).order_by(payment_attempt.c.id))


def attempts_elsewhere(connection: sa.Connection, destination: str, day: int) -> list[int]:
    """Attempts of other days that the settlement files of ``day`` name, and those with an open item, in order."""
    columns, lines, items = payment_attempt.c, settlement_line.c, reconciliation.c
    named = (
        sa.select(columns.id)
        .join(settlement_line, lines.reference == columns.reference)
        .where(
            columns.destination == destination,
            lines.destination == destination,
            lines.day == day,
            lines.file_id.in_(_WHOLE_FILES),
        )
    )
    is_open = sa.select(items.attempt_id).where(
        items.destination == destination,
        items.state == sa.literal_column("'open'"),
        items.attempt_id.is_not(None),
    )
    found = {int(each) for question in (named, is_open) for each in connection.execute(question).scalars()}
    return sorted(found - set(attempts_of_day(connection, destination, day)))


def _booked(connection: sa.Connection, question: sa.Select[Any]) -> list[Booked]:
    rows = connection.execute(question).all()
    ids = [int(row.id) for row in rows]
    refunded, excess, orphans = _refunds(connection, ids), _excess(connection, ids), _adopted(connection, ids)
    seconds = _second_payments(connection, rows)
    return [
        Booked(
            id=int(row.id),
            destination=row.destination,
            dossier=row.dossier_code,
            partner=row.partner,
            reference=row.reference,
            asked_at=row.asked_at,
            day=day_number_of(row.created_at),
            ours=Ours(
                state=AttemptState(row.state),
                partner=row.partner,
                amount=int(row.amount),
                currency=row.currency,
                transaction=row.transaction_no or "",
                refunded=refunded.get(int(row.id), 0),
                source=row.source or ("callback" if row.state == AttemptState.DUPLICATE_PAID else ""),
                excess=excess.get(int(row.id), {}),
            ),
            settled_day=None if row.settled_at is None else day_number_of(row.settled_at),
            heard=(*orphans.get(int(row.id), ()), *seconds.get(int(row.id), ())),
        )
        for row in rows
    ]


def _refunds(connection: sa.Connection, ids: Sequence[int]) -> dict[int, int]:
    question = (
        sa.select(refund.c.attempt_id, sa.func.sum(refund.c.amount))
        .where(refund.c.attempt_id.in_(ids), refund.c.approved_at.is_not(None))
        .group_by(refund.c.attempt_id)
    )
    return {int(attempt): int(amount) for attempt, amount in connection.execute(question)}


def _excess(connection: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    columns = payment_decision.c
    question = sa.select(columns.attempt_id, columns.transaction_no, columns.amount).where(
        columns.attempt_id.in_(ids), columns.kind == "excess", columns.state == "approved"
    )
    found: dict[int, dict[str, int]] = {}
    for attempt, transaction, amount in connection.execute(question):
        found.setdefault(int(attempt), {})[transaction] = int(amount)
    return found


def _adopted(connection: sa.Connection, ids: Sequence[int]) -> dict[int, list[Paid]]:
    columns = payment_orphan.c
    question = sa.select(payment_orphan).where(columns.attempt_id.in_(ids), columns.matched_at.is_not(None))
    found: dict[int, list[Paid]] = {}
    for row in connection.execute(question):
        paid = Paid(
            transaction=row.transaction_no,
            amount=int(row.amount or 0),
            partner=row.partner,
            currency=row.currency,
            by="callback",
        )
        found.setdefault(int(row.attempt_id), []).append(paid)
    return found


def _second_payments(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[int, list[Paid]]:
    """Payments with another number that came for attempts that were paid already."""
    paid = {str(row.id): row for row in rows if row.transaction_no}
    codes = sorted({row.dossier_code for row in paid.values()})
    columns = event.c
    question = sa.select(columns.data).where(
        columns.dossier_code.in_(codes), columns.kind == "payment.conflict"
    )
    found: dict[int, list[Paid]] = {}
    for (data,) in connection.execute(question) if codes else ():
        told = msgspec.json.decode(data, type=dict[str, Any])
        row = paid.get(str(told.get("attempt")))
        if row is None or told.get("alarm") != "second_transaction" or not told.get("transaction"):
            continue
        found.setdefault(int(row.id), []).append(
            Paid(
                transaction=str(told["transaction"]),
                amount=int(told.get("amount") or 0),
                partner=row.partner,
                currency=row.currency,
                by="callback",
            )
        )
    return found


def orphan_references(connection: sa.Connection, destination: str, day: int) -> list[str]:
    """References without an attempt: of the files of ``day``, of what was kept on ``day``, and with an open item."""
    lines, orphans, items, attempts = (
        settlement_line.c,
        payment_orphan.c,
        reconciliation.c,
        payment_attempt.c,
    )
    start = start_of_day(day)
    in_files = sa.select(lines.reference).where(
        lines.destination == destination,
        lines.day == day,
        lines.claim == "paid",
        lines.file_id.in_(_WHOLE_FILES),
        ~sa.exists().where(attempts.destination == destination, attempts.reference == lines.reference),
    )
    kept = sa.select(orphans.reference).where(
        orphans.destination == destination,
        orphans.at >= start,
        orphans.at < start + DAY,
        orphans.matched_at.is_(None),
        orphans.refunded_at.is_(None),
    )
    waiting = sa.select(items.reference).where(
        items.destination == destination,
        items.state == sa.literal_column("'open'"),
        items.attempt_id.is_(None),
    )
    questions = (in_files, kept, waiting)
    return sorted({str(each) for question in questions for each in connection.execute(question).scalars()})


def orphans_by_reference(
    connection: sa.Connection, destination: str, references: Sequence[str]
) -> dict[str, list[tuple[Paid, bool]]]:
    """What was kept under these references, and whether it was given to an attempt, or back, since."""
    columns = payment_orphan.c
    question = sa.select(payment_orphan).where(
        columns.destination == destination, columns.reference.in_(references)
    )
    found: dict[str, list[tuple[Paid, bool]]] = {}
    for row in connection.execute(question):
        paid = Paid(
            transaction=row.transaction_no,
            amount=int(row.amount or 0),
            partner=row.partner,
            currency=row.currency,
            by="file" if row.source == "file" else "callback",
        )
        found.setdefault(row.reference, []).append(
            (paid, row.matched_at is not None or row.refunded_at is not None)
        )
    return found


def attempts_of_references(
    connection: sa.Connection, destination: str, references: Sequence[str]
) -> set[str]:
    """Which of these references have an attempt by now."""
    columns = payment_attempt.c
    question = sa.select(columns.reference).where(
        columns.destination == destination, columns.reference.in_(references)
    )
    return {str(each) for each in connection.execute(question).scalars()}


def waiting_orphans(
    connection: sa.Connection, destination: str, references: Sequence[str]
) -> dict[str, tuple[int, str]]:
    """Day and partner of the open items without an attempt under these references."""
    columns = reconciliation.c
    question = sa.select(columns.reference, columns.day, columns.partner).where(
        columns.destination == destination,
        columns.reference.in_(references),
        columns.attempt_id.is_(None),
        columns.state == sa.literal_column("'open'"),
    )
    return {
        str(reference): (int(day), str(partner)) for reference, day, partner in connection.execute(question)
    }
