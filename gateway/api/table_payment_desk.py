"""Rows of the table: cancelling, refunds, and decisions of two people about money."""

from __future__ import annotations

from gateway.api.once import OnceHeaders
from gateway.api.payment_desk import (
    ProposalBody,
    RefundBody,
    WaitingDecisions,
    WaitingQuery,
    WaitingRefunds,
    approve_decision,
    approve_refund,
    cancel_payment,
    decline_decision,
    decline_refund,
    fetch_receipt,
    list_decisions,
    list_refunds,
    propose_decision,
    request_refund,
)
from gateway.api.payments import PaymentOrderBody
from gateway.api.route import Body, Handler, Route, Success
from gateway.api.table_operations import action
from gateway.storage.clients import Scope
from gateway.storage.payment_orders import AskedAgain, CancelDone, DecisionDone, RefundDone

TAG = "payments"
_CANCEL = {"reason": "the applicant has withdrawn the dossier", "operator": "tran.thi.mau"}
_SECOND = {"reason": "the transfer order is in order", "operator": "le.van.thu"}
_FOUR_EYES = (
    "Whoever asked for it cannot decide: a conflict. The actor is the API client, together with `operator`, the person "
    "whom the client names; one client with a name once and without one once counts as one person."
)


def second(  # noqa: PLR0913 - the columns in which these rows differ
    path: str, name: str, handler: Handler, *, summary: str, description: str, done: object
) -> Route:
    """A row of what only a second person may do."""
    return action(
        path,
        name,
        handler,
        summary=summary,
        description=f"{description} {_FOUR_EYES}",
        body=Body(kind=PaymentOrderBody, example=_SECOND),
        done=done,
        scope=Scope.PAYMENTS_APPROVE,
        tag=TAG,
    )


PAYMENT_DESK: tuple[Route, ...] = (
    action(
        "/v1/payments/{payment}/cancel",
        "cancel_payment",
        cancel_payment,
        summary="Cancel a payment",
        description=(
            "Asks for this money no more. What is still open is asked about first; as long as anybody could still pay "
            "it, and once somebody has, it is a conflict."
        ),
        body=Body(kind=PaymentOrderBody, example=_CANCEL),
        done=CancelDone,
        scope=Scope.PAYMENTS_WRITE,
        tag=TAG,
    ),
    action(
        "/v1/payments/{payment}/receipt/fetch",
        "fetch_receipt",
        fetch_receipt,
        summary="Have a receipt fetched again",
        description=(
            "One that was given up is wanted again, from the beginning of its schedule; one that is kept stays as it is."
        ),
        body=Body(kind=PaymentOrderBody, example={"reason": "the platform has repaired its receipts"}),
        done=AskedAgain,
        scope=Scope.PAYMENTS_WRITE,
        tag=TAG,
    ),
    Route(
        method="POST",
        path="/v1/payments/{payment}/refunds",
        name="request_refund",
        tag=TAG,
        scope=Scope.PAYMENTS_WRITE,
        summary="Ask for a refund",
        description=(
            "The platform's interface has no refund: money is given back by hand, and this is its record. It counts "
            "once a second person has approved it; all refunds together never come to more than was paid. The same "
            "paper for the same attempt is the same refund."
        ),
        handler=request_refund,
        headers=OnceHeaders,
        body=Body(
            kind=RefundBody,
            example={
                "amount": 50000,
                "reason": "the dossier was withdrawn before it was examined",
                "document": "UNC-2026/0147 ngày 28/09/2026",
                "operator": "tran.thi.mau",
            },
        ),
        successes=(
            Success(status=201, description="Waits for a second person.", kind=RefundDone),
            Success(status=200, description="It was asked for before.", kind=RefundDone),
        ),
        problems=("unreadable", "conflict"),
    ),
    Route(
        method="GET",
        path="/v1/refunds",
        name="list_refunds",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="List refunds that wait",
        description="For a second person, oldest first. Those that were decided stand in their payment.",
        handler=list_refunds,
        query=WaitingQuery,
        successes=(Success(status=200, description="What waits.", kind=WaitingRefunds),),
    ),
    second(
        "/v1/refunds/{refund}/approve",
        "approve_refund",
        approve_refund,
        summary="Approve a refund",
        description="It counts from now on.",
        done=RefundDone,
    ),
    second(
        "/v1/refunds/{refund}/decline",
        "decline_refund",
        decline_refund,
        summary="Decline a refund",
        description="It stays on record and counts for nothing.",
        done=RefundDone,
    ),
    Route(
        method="POST",
        path="/v1/payment-decisions",
        name="propose_decision",
        tag=TAG,
        scope=Scope.PAYMENTS_WRITE,
        summary="Propose a decision about money",
        description=(
            "`settle` an attempt by a paper, `accept` or `reject` what is in quarantine, `adopt` an orphan, record an "
            "`excess`, `give_up` an attempt that nobody ends, record with `refund_orphan` that an orphan was given "
            "back. Nothing happens until a second person approves it; then money is judged by the same rule as the "
            "platform's own word."
        ),
        handler=propose_decision,
        headers=OnceHeaders,
        body=Body(
            kind=ProposalBody,
            example={
                "attempt": "4038",
                "kind": "accept",
                "document": "Sao kê 28/09/2026, dòng 14",
                "reason": "the bank's statement shows the whole amount",
                "operator": "tran.thi.mau",
            },
        ),
        successes=(
            Success(status=201, description="Waits for a second person.", kind=DecisionDone),
            Success(status=200, description="It was proposed before.", kind=DecisionDone),
        ),
        problems=("unreadable", "conflict", "not_found"),
    ),
    Route(
        method="GET",
        path="/v1/payment-decisions",
        name="list_decisions",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="List decisions that wait",
        description="For a second person, oldest first. Those that were taken stand in their payment.",
        handler=list_decisions,
        query=WaitingQuery,
        successes=(Success(status=200, description="What waits.", kind=WaitingDecisions),),
    ),
    second(
        "/v1/payment-decisions/{decision}/approve",
        "approve_decision",
        approve_decision,
        summary="Approve a decision about money",
        description="It is carried out now; a conflict when the attempt has moved on so that it cannot be.",
        done=DecisionDone,
    ),
    second(
        "/v1/payment-decisions/{decision}/decline",
        "decline_decision",
        decline_decision,
        summary="Decline a decision about money",
        description="It stays on record and does nothing.",
        done=DecisionDone,
    ),
)
