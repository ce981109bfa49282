"""What there is already when money is asked for: the dossier, and the request with its newest attempt."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import AttemptState, RequestState
from gateway.storage.payment_views import Terms
from gateway.storage.schema import delivery, dossier
from gateway.storage.schema_payment import payment_attempt, payment_request, settlement

_TERMS = msgspec.json.Decoder(Terms)


class StandingAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a request. ``payload``: the order that it was made from."""

    id: int
    state: AttemptState
    reference: str
    payload: bytes | None


class StandingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is not cancelled. ``attempt``: the one that settled it, else the newest; None: it has none, which
    a crash cannot cause."""

    id: int
    amount: int
    state: RequestState
    terms: Terms
    attempt: StandingAttempt | None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """``record``: the stored dossier."""

    record: bytes
    request: StandingRequest | None


def standing(connection: sa.Connection, destination: str, code: str, purpose: str) -> Standing | None:
    """What there is for ``purpose`` of dossier ``code``; None when there is no such dossier."""
    record = connection.execute(sa.select(dossier.c.record).where(dossier.c.code == code)).scalar()
    if record is None:
        return None
    columns = payment_request.c
    row = connection.execute(
        sa.select(columns.id, columns.amount, columns.state, columns.terms).where(
            columns.destination == destination,
            columns.dossier_code == code,
            columns.purpose == purpose,
            columns.state != sa.literal_column("'cancelled'"),
        )
    ).one_or_none()
    if row is None:
        return Standing(record=bytes(record), request=None)
    request = StandingRequest(
        id=row.id,
        amount=row.amount,
        state=RequestState(row.state),
        terms=_TERMS.decode(row.terms),
        attempt=_attempt(connection, row.id),
    )
    return Standing(record=bytes(record), request=request)


def _attempt(connection: sa.Connection, request: int) -> StandingAttempt | None:
    columns = payment_attempt.c
    row = connection.execute(
        sa.select(columns.id, columns.state, columns.reference, delivery.c.payload)
        .outerjoin(delivery, delivery.c.id == columns.delivery_id)
        .outerjoin(settlement, settlement.c.attempt_id == columns.id)
        .where(columns.request_id == request)
        .order_by(settlement.c.id.is_(None), columns.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return StandingAttempt(
        id=row.id,
        state=AttemptState(row.state),
        reference=row.reference,
        payload=None if row.payload is None else bytes(row.payload),
    )
