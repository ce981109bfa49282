"""What there is already when money is asked for: the dossier, and the request with its newest attempt."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import ENDED, GIVEN_UP, OPEN, AttemptState, RequestState
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
    """A request that is not cancelled. ``attempt``: the one that settled it, else the open one, else the newest; None: it has none, which
    a crash cannot cause."""

    id: int
    amount: int
    state: RequestState
    terms: Terms
    attempt: StandingAttempt | None


class EndedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that ended without money, whose address a payer had. ``given_up``: two people have ended it."""

    id: int
    reference: str
    given_up: bool


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """``record``: the stored dossier. ``ended``: for the same purpose, of cancelled requests too, and still watched."""

    record: bytes
    request: StandingRequest | None
    ended: tuple[EndedAttempt, ...] = ()


def standing(connection: sa.Connection, destination: str, code: str, purpose: str) -> Standing | None:
    """What there is for ``purpose`` of dossier ``code``; None when there is no such dossier."""
    where = (
        payment_request.c.destination == destination,
        payment_request.c.dossier_code == code,
        payment_request.c.purpose == purpose,
    )
    record = connection.execute(sa.select(dossier.c.record).where(dossier.c.code == code)).scalar()
    if record is None:
        return None
    columns = payment_request.c
    row = connection.execute(
        sa.select(columns.id, columns.amount, columns.state, columns.terms).where(
            *where, columns.state != sa.literal_column("'cancelled'")
        )
    ).one_or_none()
    ended = _ended(connection, where)
    if row is None:
        return Standing(record=bytes(record), request=None, ended=ended)
    request = StandingRequest(
        id=row.id,
        amount=row.amount,
        state=RequestState(row.state),
        terms=_TERMS.decode(row.terms),
        attempt=_attempt(connection, row.id),
    )
    return Standing(record=bytes(record), request=request, ended=ended)


def _ended(connection: sa.Connection, where: tuple[sa.ColumnElement[bool], ...]) -> tuple[EndedAttempt, ...]:
    """As long as such an attempt is watched (§11.4), its money may come."""
    columns = payment_attempt.c
    rows = connection.execute(
        sa.select(columns.id, columns.reference, columns.code)
        .join(payment_request, payment_request.c.id == columns.request_id)
        .where(
            *where,
            columns.state.in_(sorted(ENDED)),
            columns.next_question_at.is_not(None),
            # whoever was told of it has tried to pay, or the payer had the address
            columns.pay_url.is_not(None) | columns.reason.in_(("callback", "query")),
        )
        .order_by(columns.id)
    )
    return tuple(
        EndedAttempt(id=row.id, reference=row.reference, given_up=row.code == GIVEN_UP) for row in rows
    )


def _attempt(connection: sa.Connection, request: int) -> StandingAttempt | None:
    columns = payment_attempt.c
    row = connection.execute(
        sa.select(columns.id, columns.state, columns.reference, delivery.c.payload)
        .outerjoin(delivery, delivery.c.id == columns.delivery_id)
        .outerjoin(settlement, settlement.c.attempt_id == columns.id)
        .where(columns.request_id == request)
        .order_by(settlement.c.id.is_(None), columns.state.not_in(sorted(OPEN)), columns.id.desc())
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
