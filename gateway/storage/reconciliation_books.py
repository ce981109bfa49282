"""Our books for a reconciliation: attempts of a day with what came of them.

Reads only. Invariant: what is given for an attempt is everything that our books hold about money through it: its
settlement, further payments that were recorded, refunds that two people signed, orphans that it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.deadlines.instants import DAY, day_number_of, start_of_day
from gateway.domain.payment import AttemptState
from gateway.domain.reconciliation import Ours, Paid
from gateway.storage.reconciliation_orphans import WHOLE_FILES, Adopted, adopted
from gateway.storage.schema import event
from gateway.storage.schema_payment import (
    payment_attempt,
    payment_callback,
    payment_decision,
    payment_orphan,
    reconciliation,
    refund,
    settlement,
)
from gateway.storage.schema_reconciliation import settlement_line


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. ``day``: the one on which it was made; ``settled_day``: on which we learnt that it was paid, if we
    did: of an orphan, that was before somebody adopted it. ``heard``: payments that callbacks told of, beyond the
    settlement; ``adopted``: those that came under other references."""

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
    adopted: tuple[Adopted, ...] = ()


_ATTEMPT = sa.select(
    payment_attempt,
    settlement.c.source.label("source"),
    settlement.c.at.label("settled_at"),
).outerjoin(settlement, settlement.c.attempt_id == payment_attempt.c.id)


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
    """Attempts of other days that the settlement files of ``day`` name, those with an open item, and those to which
    money came since anybody has looked at them; in order."""
    columns, lines, items = payment_attempt.c, settlement_line.c, reconciliation.c
    named = (
        sa.select(columns.id)
        .join(settlement_line, lines.reference == columns.reference)
        .where(
            columns.destination == destination,
            lines.destination == destination,
            lines.day == day,
            lines.file_id.in_(WHOLE_FILES),
        )
    )
    is_open = sa.select(items.attempt_id).where(
        items.destination == destination,
        items.state == sa.literal_column("'open'"),
        items.attempt_id.is_not(None),
    )
    questions = (named, _named_strangely(destination, day), is_open, _paid_since(destination, day))
    found = {int(each) for question in questions for each in connection.execute(question).scalars()}
    return sorted(found - set(attempts_of_day(connection, destination, day)))


def _named_strangely(destination: str, day: int) -> sa.Select[Any]:
    """Attempts whose adopted money the files of ``day`` name, which they do by its own reference."""
    orphans, lines = payment_orphan.c, settlement_line.c
    named = sa.select(lines.reference).where(
        lines.destination == destination, lines.day == day, lines.file_id.in_(WHOLE_FILES)
    )
    return sa.select(orphans.attempt_id).where(
        orphans.destination == destination, orphans.matched_at.is_not(None), orphans.reference.in_(named)
    )


def _paid_since(destination: str, day: int) -> sa.Select[Any]:
    """Attempts that were settled, or paid once more, on ``day``, or came to strange money on any day, and that nobody
    has looked at since.

    Their items were in order without that money, and nothing else would bring them up again.
    """
    attempts, items = payment_attempt.c, reconciliation.c
    paid = sa.union_all(
        *_on_day(destination, start_of_day(day)), *_strange_since_ever(destination)
    ).subquery()
    attempt, at = paid.c
    seen = sa.exists().where(
        items.destination == attempts.destination,
        items.reference == attempts.reference,
        items.attempt_id == attempts.id,
        items.at > at,
    )
    return (
        sa.select(attempts.id)
        .join(paid, attempt == attempts.id)
        .where(attempts.destination == destination, ~seen)
    )


def _on_day(destination: str, start: int) -> Iterator[sa.Select[Any]]:
    """Attempts that were settled or paid once more on the day that begins with ``start``, and when."""
    attempts, callbacks = payment_attempt.c, payment_callback.c
    yield sa.select(settlement.c.attempt_id, settlement.c.at).where(
        settlement.c.at >= start, settlement.c.at < start + DAY
    )
    yield (
        sa.select(attempts.id, callbacks.at)
        .join(
            payment_callback,
            sa.and_(callbacks.partner == attempts.partner, callbacks.reference == attempts.reference),
        )
        .where(
            callbacks.destination == destination,
            callbacks.alarm == "second_transaction",
            callbacks.at >= start,
            callbacks.at < start + DAY,
        )
    )


def _strange_since_ever(destination: str) -> Iterator[sa.Select[Any]]:
    """Attempts to which orphans were given, or further payments counted, or whose number an orphan has; and when. There
    are few orphans and few decisions."""
    attempts, orphans, decisions = payment_attempt.c, payment_orphan.c, payment_decision.c
    yield sa.select(orphans.attempt_id, orphans.matched_at).where(
        orphans.destination == destination, orphans.matched_at.is_not(None)
    )
    yield sa.select(decisions.attempt_id, decisions.decided_at).where(
        decisions.destination == destination, decisions.kind == "excess", decisions.state == "approved"
    )
    # a list and a value, not a join: SQLite would begin with every attempt
    numbers = sa.select(orphans.transaction_no).where(
        orphans.destination == destination, orphans.refunded_at.is_(None)
    )
    came = (
        sa.select(sa.func.max(orphans.at))
        .where(orphans.partner == attempts.partner, orphans.transaction_no == attempts.transaction_no)
        .scalar_subquery()
    )
    for moment in (attempts.ended_at, came):
        yield sa.select(attempts.id, sa.func.coalesce(moment, 0)).where(
            attempts.destination == destination, attempts.transaction_no.in_(numbers)
        )


def _booked(connection: sa.Connection, question: sa.Select[Any]) -> list[Booked]:
    rows = connection.execute(question).all()
    ids = [int(row.id) for row in rows]
    refunded, excess = _refunds(connection, ids), _excess(connection, ids)
    strange, seconds = adopted(connection, rows, excess), _second_payments(connection, rows)
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
            settled_day=_day_of_money(row, strange.get(int(row.id), ())),
            heard=tuple(seconds.get(int(row.id), ())),
            adopted=tuple(strange.get(int(row.id), ())),
        )
        for row in rows
    ]


def _day_of_money(row: sa.Row[Any], strange: Sequence[Adopted]) -> int | None:
    if row.settled_at is None:
        return None
    known = [each.day for each in strange if each.paid.transaction == row.transaction_no]
    return min(known, default=day_number_of(row.settled_at))


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
