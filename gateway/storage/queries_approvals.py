"""Everything that waits for a second person or had one, in one list: approvals, refunds, decisions about payments.

Invariant: nothing is decided here; a request whose time is over is shown as expired, whoever has noticed it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import nlargest
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.domain.persons import same_person
from gateway.storage.approvals import COLUMNS, Approval, ApprovalState, approval_of, digest_of
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.operator_log import lane_target
from gateway.storage.schema_access import approval
from gateway.storage.schema_payment import payment_decision, payment_request, refund

PAYMENTS = "payment."
"""How an action begins that ``gateway.payments`` carries out."""
_REFUND = "payment.refund"


class ApprovalFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which. ``not_by``: those that this actor may decide about. ``before``: older than this id. ``now``: for what has
    expired."""

    now: datetime
    state: ApprovalState | None = None
    action: str | None = None
    not_by: str | None = None
    before: int | None = None
    limit: int = 100


def approvals(connection: sa.Connection, wanted: ApprovalFilter) -> list[Approval]:
    """Up to ``limit``, newest first."""
    found = [each for part in _PARTS for each in part(connection, wanted)]
    newest = nlargest(len(found), found, key=lambda each: int(each.id))
    fits = [
        each for each in newest if wanted.not_by is None or not same_person(each.requested_by, wanted.not_by)
    ]
    return fits[: wanted.limit]


def find_approval(connection: sa.Connection, identifier: int, now: datetime) -> Approval | None:
    """One of them."""
    found = approvals(connection, ApprovalFilter(now=now, before=identifier + 1, limit=1))
    return next((each for each in found if int(each.id) == identifier), None)


def _own(connection: sa.Connection, wanted: ApprovalFilter) -> Sequence[Approval]:
    columns, now = approval.c, to_micros(wanted.now)
    live = columns.state.in_(("requested", "approved"))
    where: list[sa.ColumnElement[bool]] = []
    if wanted.state == "expired":
        where.append(sa.or_(columns.state == "expired", sa.and_(live, columns.expires_at <= now)))
    elif wanted.state is not None:
        where.append(columns.state == wanted.state)
        where += [columns.expires_at > now] if wanted.state in {"requested", "approved"} else []
    if wanted.action is not None:
        where.append(columns.action == wanted.action)
    rows = _page(
        connection, sa.select(*(columns[name] for name in COLUMNS)).where(*where), columns.id, wanted
    )
    return [_as_of(approval_of(tuple(row)), wanted.now) for row in rows]


def _as_of(found: Approval, now: datetime) -> Approval:
    over = (
        found.state in {"requested", "approved"} and found.expires_at is not None and found.expires_at <= now
    )
    return msgspec.structs.replace(found, state="expired") if over else found


def _page(
    connection: sa.Connection, question: sa.Select[Any], identifier: sa.Column[Any], wanted: ApprovalFilter
) -> Sequence[sa.Row[Any]]:
    if wanted.before is not None:
        question = question.where(identifier < wanted.before)
    # a person's own are left out afterwards, so more are read than are shown
    most = wanted.limit if wanted.not_by is None else 1000
    return connection.execute(question.order_by(identifier.desc()).limit(most)).all()


def _refunds(connection: sa.Connection, wanted: ApprovalFilter) -> Sequence[Approval]:
    columns = refund.c
    states = {
        "requested": sa.and_(columns.approved_by.is_(None), columns.declined_by.is_(None)),
        "carried_out": columns.approved_by.is_not(None),
        "declined": columns.declined_by.is_not(None),
    }
    if wanted.action not in {None, _REFUND} or wanted.state not in {None, *states}:
        return ()
    question = sa.select(refund, payment_request.c.destination, payment_request.c.dossier_code).join(
        payment_request, payment_request.c.id == columns.request_id
    )
    if wanted.state is not None:
        question = question.where(states[wanted.state])
    return [_of_refund(row) for row in _page(connection, question, columns.id, wanted)]


def _of_refund(row: sa.Row[Any]) -> Approval:
    decided_by, decided_at = row.approved_by or row.declined_by, row.approved_at or row.declined_at
    state: ApprovalState = "requested" if decided_by is None else "declined"
    parameters = {
        "payment": str(row.request_id),
        "attempt": str(row.attempt_id),
        "amount": row.amount,
        "document": row.document,
    }
    return _of_money(
        row,
        action=_REFUND,
        parameters=parameters,
        state="carried_out" if row.approved_by is not None else state,
        decided=(decided_by, decided_at),
    )


def _decisions(connection: sa.Connection, wanted: ApprovalFilter) -> Sequence[Approval]:
    columns = payment_decision.c
    states = {"requested": "requested", "carried_out": "approved", "declined": "declined"}
    if wanted.state not in {None, *states}:
        return ()
    question = sa.select(payment_decision)
    if wanted.action is not None:
        question = question.where(columns.kind == wanted.action.removeprefix(PAYMENTS))
    if wanted.state is not None:
        question = question.where(columns.state == states[wanted.state])
    return [_of_decision(row) for row in _page(connection, question, columns.id, wanted)]


def _of_decision(row: sa.Row[Any]) -> Approval:
    named = ("request_id", "attempt_id", "orphan_id")
    about = {
        name.removesuffix("_id"): str(getattr(row, name)) for name in named if getattr(row, name) is not None
    }
    said = {"bank": row.bank, "claimed_at": row.claimed_at}
    parameters = {
        **about,
        "amount": row.amount,
        "document": row.document,
        "transaction": row.transaction_no,
        **{name: value for name, value in said.items() if value},
    }
    states: dict[str, ApprovalState] = {
        "requested": "requested",
        "approved": "carried_out",
        "declined": "declined",
    }
    return _of_money(
        row,
        action=f"{PAYMENTS}{row.kind}",
        parameters=parameters,
        state=states[row.state],
        decided=(row.decided_by, row.decided_at),
    )


def _of_money(
    row: sa.Row[Any],
    *,
    action: str,
    parameters: dict[str, Any],
    state: ApprovalState,
    decided: tuple[str | None, int | None],
) -> Approval:
    target = row.destination if row.dossier_code is None else lane_target(row.destination, row.dossier_code)
    done = state == "carried_out"
    return Approval(
        id=str(row.id),
        action=action,
        target=target,
        parameters=parameters,
        digest=digest_of(action, target, parameters),
        state=state,
        requested_by=row.requested_by,
        reason=row.reason,
        requested_at=from_micros(row.requested_at),
        expires_at=None,
        decided_by=decided[0],
        decided_reason=row.decided_reason,
        decided_at=maybe_from_micros(decided[1]),
        carried_out_by=decided[0] if done else None,
        carried_out_at=maybe_from_micros(decided[1]) if done else None,
    )


_PARTS: tuple[Callable[[sa.Connection, ApprovalFilter], Sequence[Approval]], ...] = (
    _own,
    _refunds,
    _decisions,
)
