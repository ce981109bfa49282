"""What an approval is about, beyond its own parameters: deliveries, differences, and money, as they stand now.

Invariant: only what the parameters of the approval name is read; what is not there any more is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState
from gateway.domain.payment import AttemptState
from gateway.storage.delivery_edits import stored_content
from gateway.storage.drift import DriftFilter, DriftState, drifts
from gateway.storage.schema_payment import payment_attempt, payment_orphan, payment_request

MOST = 200


class ToldDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that it is about. ``content``: SHA-256 of what it says now."""

    id: str
    destination: str
    dossier: str
    operation: str
    key: str
    position: int
    state: DeliveryState
    content: str


class ToldDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One difference that it is about: what was told, and what the partner shows."""

    id: str
    kind: str
    field: str
    ours: str | None
    theirs: str | None
    state: DriftState


class ToldMoney(msgspec.Struct, frozen=True, kw_only=True):
    """Whose money it is about, in đồng. ``asked``: of the payer; ``refunded``: so far; ``reference``, ``state``,
    ``transaction``: of the attempt; ``orphan``: what came in under a number that nobody has."""

    asked: int | None = None
    refunded: int | None = None
    purpose: str | None = None
    reference: str | None = None
    state: AttemptState | None = None
    transaction: str | None = None
    orphan: str | None = None
    orphan_transaction: str | None = None
    orphan_amount: int | None = None


def told_deliveries(connection: sa.Connection, parameters: Mapping[str, Any]) -> list[ToldDelivery]:
    """The deliveries that ``parameters`` name, in their order."""
    named = [each for each in (parameters.get("delivery"), *parameters.get("deliveries", ())) if each]
    found = [stored_content(connection, int(each)) for each in named[:MOST]]
    return [
        ToldDelivery(
            id=str(each.id),
            destination=each.destination,
            dossier=each.dossier,
            operation=each.operation,
            key=each.key,
            position=each.position,
            state=each.state,
            content=each.digest,
        )
        for each in found
        if each is not None
    ]


def told_drifts(connection: sa.Connection, parameters: Mapping[str, Any]) -> list[ToldDrift]:
    """The differences that ``parameters`` name."""
    named: Sequence[Any] = parameters.get("drifts", ())
    if not named:
        return []
    wanted = DriftFilter(ids=tuple(int(each) for each in named[:MOST]))
    return [
        ToldDrift(
            id=each.id,
            kind=each.kind,
            field=each.field,
            ours=each.ours,
            theirs=each.theirs,
            state=each.state,
        )
        for each in drifts(connection, wanted, limit=MOST)
    ]


def told_money(connection: sa.Connection, parameters: Mapping[str, Any]) -> ToldMoney:
    """The payment, its attempt and the orphan that ``parameters`` name."""
    about: dict[str, Any] = {}
    payment = parameters.get("payment") or parameters.get("request")
    if row := _row(connection, payment_request, payment):
        about |= {"asked": row.amount, "refunded": row.refunded, "purpose": row.purpose}
    if row := _row(connection, payment_attempt, parameters.get("attempt")):
        state = AttemptState(row.state)
        about |= {"reference": row.reference, "state": state, "transaction": row.transaction_no}
    if row := _row(connection, payment_orphan, parameters.get("orphan")):
        about |= {"orphan": row.reference, "orphan_transaction": row.transaction_no}
        about |= {"orphan_amount": row.amount}
    return ToldMoney(**about)


def _row(connection: sa.Connection, table: sa.Table, identifier: str | None) -> sa.Row[Any] | None:
    if not identifier:
        return None
    return connection.execute(sa.select(table).where(table.c.id == int(identifier))).one_or_none()
