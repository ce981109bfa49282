"""Giving orders about money: to the desk of a gateway opened here, or through the API of a running one.

Invariant: through the API the actor is the key's client with the name of whoever calls it, so that four eyes hold for
people who share a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.cli.options import Changing
from gateway.cli.paying.till import operator_of, reached, view_of
from gateway.cli.remote import Remote
from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.payment_orders import (
    Answer,
    AskAgain,
    AskedAgain,
    Cancel,
    CancelDone,
    DecisionDone,
    Proposal,
    RefundDone,
    RefundOrder,
    Verdict,
)
from gateway.storage.queries_payment import is_refund

_VERBS: dict[Verdict, str] = {"approved": "approve", "declined": "decline"}


async def cancel_payment(by: Changing, payment: int) -> CancelDone:
    """Ask for this money no more."""
    async with reached(by.way) as door:
        if isinstance(door, Remote):
            return await door.post(f"/v1/payments/{payment}/cancel", _body(by), CancelDone)
        return await door.payments.desk.cancel(Cancel(payment=payment, **_said(by)))


async def fetch_receipt(by: Changing, payment: int) -> AskedAgain:
    """Have the receipt fetched, whatever became of it before."""
    async with reached(by.way) as door:
        if isinstance(door, Remote):
            return await door.post(f"/v1/payments/{payment}/receipt/fetch", _body(by), AskedAgain)
        view = await view_of(door, payment)
        if view.settlement is None:
            raise ConflictError(f"payment {payment} is not paid, so there is no receipt of it")
        order = AskAgain(attempt=int(view.settlement.attempt), **_said(by))
        return await door.payments.receipts.ask_again(order)


async def request_refund(by: Changing, given: Mapping[str, Any]) -> RefundDone:
    """Ask for money to be given back."""
    async with reached(by.way) as door:
        if isinstance(door, Remote):
            return await door.post(f"/v1/payments/{given['payment']}/refunds", _body(by, given), RefundDone)
        return await door.payments.desk.request_refund(RefundOrder(**given, **_said(by)))


async def propose_decision(by: Changing, given: Mapping[str, Any]) -> DecisionDone:
    """Put something about an attempt before a second person."""
    async with reached(by.way) as door:
        if isinstance(door, Remote):
            return await door.post("/v1/payment-decisions", _body(by, given), DecisionDone)
        return await door.payments.desk.propose(Proposal(**given, **_said(by)))


async def answer(by: Changing, waiting: int, verdict: Verdict) -> RefundDone | DecisionDone:
    """What the second person says, to a refund or to a decision: their numbers never meet."""
    async with reached(by.way) as door:
        if isinstance(door, Remote):
            return await _answer_remote(door, by, waiting, verdict)
        order = Answer(target=waiting, verdict=verdict, **_said(by))
        if await door.database.read(lambda connection: is_refund(connection, waiting)):
            return await door.payments.desk.answer_refund(order)
        return await door.payments.desk.answer(order)


async def _answer_remote(
    door: Remote, by: Changing, waiting: int, verdict: Verdict
) -> RefundDone | DecisionDone:
    verb = _VERBS[verdict]
    try:
        return await door.post(f"/v1/refunds/{waiting}/{verb}", _body(by), RefundDone)
    except NotFoundError:
        return await door.post(f"/v1/payment-decisions/{waiting}/{verb}", _body(by), DecisionDone)


def _said(by: Changing) -> dict[str, Any]:
    said = by.instruction
    now: datetime = said["now"]
    return {"actor": str(said["actor"]), "reason": str(said["reason"]), "now": now}


def _body(by: Changing, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The request: identifiers as text, and what was not given left out."""
    body = {
        name: str(value) if name in {"attempt", "orphan"} else value
        for name, value in (given or {}).items()
        if value is not None and name != "payment"
    }
    return {**body, "reason": by.instruction["reason"], "operator": operator_of(by.actor)}
