"""What people do about money over HTTP: cancelling, refunds, proposals about attempts, and what a second person says.

Invariant: who asks and who decides are two people (four eyes); an actor is the API client, with the operator that it
names and answers for. An order that is repeated does nothing again.
"""

from __future__ import annotations

import functools
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.inputs import HIGHEST_IDENTIFIER, Identifier
from gateway.api.once import once
from gateway.api.paging import Limit
from gateway.api.payments import PaymentOrderBody, payment_view
from gateway.api.problem import invalid
from gateway.api.route import Answer, Call, Operator
from gateway.api.service import Api
from gateway.domain.dossier import NO_NUL
from gateway.domain.errors import ConflictError
from gateway.domain.payment import MOST_VND, Amount
from gateway.domain.violation import Violation
from gateway.payments.views import DecisionView, RefundView
from gateway.storage import payment_orders, queries_payments
from gateway.storage.payment_orders import AskAgain, Cancel, DecisionKind, Proposal, RefundOrder, Verdict

Document = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="The paper that shows it: number and date, or where it is kept.",
        examples=["UNC-2026/0147 ngày 28/09/2026"],
    ),
]
Number = Annotated[str, Meta(max_length=100, pattern=NO_NUL)]
Received = Annotated[int, Meta(ge=0, le=MOST_VND, description="Đồng, integer.")]


class RefundBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money to give back by hand. ``attempt``: through which it came, where it is not the one that settled."""

    amount: Amount
    reason: Reason
    document: Document
    attempt: Identifier | None = None
    operator: Operator | None = None


class ProposalBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be done about an attempt.

    ``settle``: it was paid, as ``document`` shows. ``accept``: what is in quarantine is this payment; ``reject``: it is
    not, and ``amount`` goes back. ``adopt``: ``orphan`` is this payment. ``excess``: ``amount`` came in once more, by
    ``transaction``. ``give_up``: nobody will ever say how it ended. ``refund_orphan``: ``orphan`` was given back; no
    ``attempt`` then. What is left out is taken from the attempt or the orphan.
    """

    attempt: Identifier | None = None
    kind: DecisionKind
    reason: Reason
    document: Document
    amount: Received | None = None
    transaction: Number = ""
    bank: Number = ""
    claimed_at: Annotated[str, Meta(max_length=14, pattern=r"^[0-9]*$(?!\n)")] = ""
    orphan: Identifier | None = None
    operator: Operator | None = None


class WaitingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How many."""

    limit: Limit = 100


class WaitingRefunds(msgspec.Struct, frozen=True, kw_only=True):
    """Refunds that a second person has not looked at, oldest first."""

    items: list[RefundView]


class WaitingDecisions(msgspec.Struct, frozen=True, kw_only=True):
    """Proposals that a second person has not looked at, oldest first."""

    items: list[DecisionView]


async def cancel_payment(api: Api, call: Call) -> Answer:
    """Ask for this money no more."""
    body = call.body_as(PaymentOrderBody)
    order = Cancel(
        actor=call.actor,
        reason=body.reason,
        now=api.now,
        payment=int(call.path["payment"]),
    )
    return Answer(value=await api.gateway.payments.desk.cancel(order))


async def fetch_receipt(api: Api, call: Call) -> Answer:
    """Have the receipt fetched, whatever became of it before."""
    body = call.body_as(PaymentOrderBody)
    view = await payment_view(api, call, int(call.path["payment"]))
    if view.settlement is None:
        raise ConflictError(f"payment {view.id} is not paid, so there is no receipt of it")
    order = AskAgain(
        actor=call.actor,
        reason=body.reason,
        now=api.now,
        attempt=int(view.settlement.attempt),
    )
    return Answer(value=await api.gateway.payments.receipts.ask_again(order))


async def request_refund(api: Api, call: Call) -> Answer:
    """Ask for money to be given back."""

    async def work() -> Answer:
        body = call.body_as(RefundBody)
        order = RefundOrder(
            actor=call.actor,
            reason=body.reason,
            now=api.now,
            payment=int(call.path["payment"]),
            amount=body.amount,
            document=body.document,
            attempt=_number(body.attempt, "/attempt"),
        )
        done = await api.gateway.payments.desk.request_refund(order)
        return Answer(value=done, status=200 if done.action is None else 201)

    return await once(api, call, work)


async def approve_refund(api: Api, call: Call) -> Answer:
    """The second person says yes."""
    answer = _answer(api, call, "refund", "approved")
    return Answer(value=await api.gateway.payments.desk.answer_refund(answer))


async def decline_refund(api: Api, call: Call) -> Answer:
    """The second person says no."""
    answer = _answer(api, call, "refund", "declined")
    return Answer(value=await api.gateway.payments.desk.answer_refund(answer))


async def list_refunds(api: Api, call: Call) -> Answer:
    """Refunds that wait for a second person."""
    limit = call.query_as(WaitingQuery).limit
    question = functools.partial(queries_payments.waiting_refunds, limit=limit)
    return Answer(value=WaitingRefunds(items=await api.gateway.database.read(question)))


async def propose_decision(api: Api, call: Call) -> Answer:
    """Put something about an attempt before a second person."""

    async def work() -> Answer:
        body = call.body_as(ProposalBody)
        order = Proposal(
            actor=call.actor,
            reason=body.reason,
            now=api.now,
            attempt=_number(body.attempt, "/attempt"),
            kind=body.kind,
            document=body.document,
            amount=body.amount,
            transaction=body.transaction,
            bank=body.bank,
            claimed_at=body.claimed_at,
            orphan=_number(body.orphan, "/orphan"),
        )
        done = await api.gateway.payments.desk.propose(order)
        return Answer(value=done, status=200 if done.action is None else 201)

    return await once(api, call, work)


async def approve_decision(api: Api, call: Call) -> Answer:
    """The second person says yes."""
    return Answer(value=await api.gateway.payments.desk.answer(_answer(api, call, "decision", "approved")))


async def decline_decision(api: Api, call: Call) -> Answer:
    """The second person says no."""
    return Answer(value=await api.gateway.payments.desk.answer(_answer(api, call, "decision", "declined")))


async def list_decisions(api: Api, call: Call) -> Answer:
    """Proposals that wait for a second person."""
    limit = call.query_as(WaitingQuery).limit
    question = functools.partial(queries_payments.waiting_decisions, limit=limit)
    return Answer(value=WaitingDecisions(items=await api.gateway.database.read(question)))


def _answer(api: Api, call: Call, what: str, verdict: Verdict) -> payment_orders.Answer:
    body = call.body_as(PaymentOrderBody)
    return payment_orders.Answer(
        actor=call.actor,
        reason=body.reason,
        now=api.now,
        target=int(call.path[what]),
        verdict=verdict,
    )


def _number(identifier: str | None, pointer: str) -> int | None:
    """An identifier of the body; Refused (422) for one that no row can have."""
    if identifier is None:
        return None
    if int(identifier) > HIGHEST_IDENTIFIER:
        expected = f"an identifier, at most {HIGHEST_IDENTIFIER}"
        found = Violation(
            pointer=pointer, code="maximum", got=identifier, expected=expected, advice="correct it"
        )
        raise invalid("there is no such identifier", found)
    return int(identifier)
