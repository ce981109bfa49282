"""Money under references that nobody here has asked with, for a reconciliation: whose it is by now, and what to look at.

Reads only. Invariant: such money is counted in one place: with the attempt that two persons gave it to, whose own
reference it has, or that its number has paid; under its strange reference otherwise, also when it went back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.deadlines.instants import DAY, day_number_of, start_of_day
from gateway.domain.payment import SETTLED
from gateway.domain.reconciliation import Paid
from gateway.storage.schema_payment import (
    payment_attempt,
    payment_decision,
    payment_orphan,
    reconciliation,
)
from gateway.storage.schema_reconciliation import settlement_file, settlement_line

WHOLE_FILES = sa.select(settlement_file.c.id).where(settlement_file.c.complete == 1)
_SETTLED = [state.value for state in SETTLED]


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """An orphan that is an attempt's money. ``reference``: the strange one; ``day``: on which we learnt of the money."""

    reference: str
    day: int
    paid: Paid


class Stranger(msgspec.Struct, frozen=True, kw_only=True):
    """An orphan. ``counted``: with an attempt; ``returned``: what two persons gave back, if they did."""

    paid: Paid
    counted: bool = False
    returned: int | None = None


def adopted(
    connection: sa.Connection, rows: Sequence[sa.Row[Any]], excess: Mapping[int, Mapping[str, int]]
) -> dict[int, list[Adopted]]:
    """Orphans that are money of these attempts. ``excess``: numbers that were counted for them, beside their own."""
    ids = {int(row.id) for row in rows}
    places = {(row.destination, row.partner, row.reference): int(row.id) for row in rows}
    numbers = {
        (row.destination, row.partner, number): int(row.id)
        for row in rows
        for number in ((row.transaction_no,) if row.state in SETTLED else ())
        + tuple(excess.get(int(row.id), ()))
    }
    columns = payment_orphan.c
    of_partner = columns.partner.in_(sorted({row.partner for row in rows}))
    question = sa.select(payment_orphan).where(
        sa.or_(
            columns.attempt_id.in_(ids),
            sa.and_(of_partner, columns.reference.in_([reference for _, _, reference in places])),
            sa.and_(of_partner, columns.transaction_no.in_([number for _, _, number in numbers])),
        )
    )
    found: dict[int, list[Adopted]] = {}
    for row in connection.execute(question.order_by(columns.id)):
        owner = row.attempt_id if row.matched_at is not None else None
        if row.matched_at is None and row.refunded_at is None:
            mine = (row.destination, row.partner)
            owner = places.get((*mine, row.reference)) or numbers.get((*mine, row.transaction_no))
        if owner in ids:
            one = Adopted(
                reference=row.reference, day=day_number_of(row.at), paid=_paid(row, int(row.amount or 0))
            )
            found.setdefault(int(owner), []).append(one)
    return found


def _paid(row: sa.Row[Any], amount: int) -> Paid:
    return Paid(
        transaction=row.transaction_no,
        amount=amount,
        partner=row.partner,
        currency=row.currency,
        by="file" if row.source == "file" else "callback",
    )


def orphans_by_reference(
    connection: sa.Connection, destination: str, references: Sequence[str]
) -> dict[str, list[Stranger]]:
    """What was kept under these references, and what became of it since."""
    columns, decisions = payment_orphan.c, payment_decision.c
    question = (
        sa.select(payment_orphan, decisions.amount.label("returned"), _has_owner().label("owned"))
        .outerjoin(
            payment_decision,
            sa.and_(
                decisions.orphan_id == columns.id,
                decisions.kind == "refund_orphan",
                decisions.state == "approved",
            ),
        )
        .where(columns.destination == destination, columns.reference.in_(references))
        .order_by(columns.id)
    )
    found: dict[str, list[Stranger]] = {}
    for row in connection.execute(question):
        came = int(row.amount if row.amount is not None else row.returned or 0)
        back = None if row.refunded_at is None else int(row.returned or came)
        counted = row.matched_at is not None or (row.refunded_at is None and bool(row.owned))
        one = Stranger(paid=_paid(row, came), counted=counted, returned=back)
        found.setdefault(row.reference, []).append(one)
    return found


def _has_owner() -> sa.ColumnElement[bool]:
    """Whether the number of an orphan has paid an attempt, or was counted for one as money once more."""
    columns, attempts = payment_orphan.c, payment_attempt.c
    settles = sa.exists().where(
        attempts.transaction_no == columns.transaction_no,
        attempts.partner == columns.partner,
        attempts.destination == columns.destination,
        attempts.state.in_(_SETTLED),
    )
    exceeding, owner = payment_decision.alias("exceeding").c, payment_attempt.alias("owner").c
    # a value, not a join: SQLite would begin with every attempt of the partner
    whose = sa.select(owner.partner).where(owner.id == exceeding.attempt_id).scalar_subquery()
    more = sa.exists().where(
        exceeding.kind == "excess",
        exceeding.state == "approved",
        exceeding.transaction_no == columns.transaction_no,
        exceeding.destination == columns.destination,
        whose == columns.partner,
    )
    return sa.or_(settles, more)


def orphan_references(connection: sa.Connection, destination: str, day: int) -> list[str]:
    """References of strange money: of the files of ``day``, of what was kept on ``day``, with an open item, and those of
    which somebody has decided since the last look."""
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
        lines.file_id.in_(WHOLE_FILES),
        ~sa.exists().where(
            attempts.destination == destination,
            attempts.reference == lines.reference,
            sa.or_(lines.partner == "", attempts.partner == lines.partner),
        ),
    )
    kept = sa.select(orphans.reference).where(
        orphans.destination == destination,
        orphans.at >= start,
        orphans.at < start + DAY,
        orphans.matched_at.is_(None),
    )
    waiting = sa.select(items.reference).where(
        items.destination == destination,
        items.state == sa.literal_column("'open'"),
        items.attempt_id.is_(None),
    )
    decided = (
        sa.select(orphans.reference)
        .join(
            reconciliation,
            sa.and_(
                items.destination == orphans.destination,
                items.reference == orphans.reference,
                items.attempt_id.is_(None),
            ),
        )
        .where(
            orphans.destination == destination,
            sa.func.coalesce(orphans.matched_at, orphans.refunded_at) >= items.at,
        )
    )
    questions = (in_files, kept, waiting, decided)
    return sorted({str(each) for question in questions for each in connection.execute(question).scalars()})


def owners_of_references(
    connection: sa.Connection, destination: str, references: Sequence[str]
) -> dict[str, set[str]]:
    """Which of these references have an attempt by now, and of which partners."""
    columns = payment_attempt.c
    question = sa.select(columns.reference, columns.partner).where(
        columns.destination == destination, columns.reference.in_(references)
    )
    found: dict[str, set[str]] = {}
    for reference, partner in connection.execute(question):
        found.setdefault(reference, set()).add(partner)
    return found


Place: TypeAlias = tuple[int, str]


def places_of_orphans(
    connection: sa.Connection, destination: str, references: Sequence[str]
) -> dict[str, Place]:
    """Day and partner of the item that stands for each of these references: one, on however many days it is found."""
    columns = reconciliation.c
    question = (
        sa.select(columns.reference, columns.day, columns.partner, columns.state)
        .where(
            columns.destination == destination,
            columns.reference.in_(references),
            columns.attempt_id.is_(None),
        )
        .order_by(columns.id)
    )
    found: dict[str, Place] = {}
    for reference, day, partner, _ in sorted(
        connection.execute(question), key=lambda row: row.state != "open"
    ):
        found.setdefault(reference, (int(day), partner))
    return found
