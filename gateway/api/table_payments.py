"""Rows of the table: payments, receipts, refunds, decisions of two people, orphans."""

from __future__ import annotations

from gateway.api.once import OnceHeaders
from gateway.api.payments import (
    PDF,
    Asked,
    OrphanPage,
    OrphanQuery,
    PaymentOrderPreview,
    PaymentPage,
    PaymentQuery,
    PaymentWishBody,
    ask_payment,
    create_payment,
    get_orphan,
    get_payment,
    get_receipt,
    get_troubles,
    list_orphans,
    list_payments,
    preview_payment,
)
from gateway.api.privacy import PaperQuery, PersonalQuery
from gateway.api.route import Body, Route, Success
from gateway.payments.views import OrphanView, PaymentView
from gateway.storage.clients import Scope
from gateway.storage.queries_payments import PaymentTroubles

TAG = "payments"
_WISH = {
    "purpose": "fees",
    "items": [
        {"kind": "fee", "name": "Phí thẩm định", "amount": 200000},
        {"kind": "charge", "name": "Lệ phí cấp phép", "amount": 50000},
    ],
    "operator": "tran.thi.mau",
}
_LOCATION = {"Location": "Where the payment can be read."}

PAYMENTS: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/v1/dossiers/{code}/payments",
        name="create_payment",
        tag=TAG,
        scope=Scope.PAYMENTS_WRITE,
        summary="Ask for money for a dossier",
        description=(
            "The request, its attempt and the message to the platform are stored together, durably, before it "
            "answers. A dossier is asked once for one purpose: the same again goes on with what there is; other "
            "items or another payer under the same purpose are a conflict. Before a further attempt begins, the "
            "platform is asked about the earlier ones; while it cannot say, that is a conflict, too. What the "
            "platform would refuse is refused "
            "here, with pointers, and nothing is stored. The address at which the payer pays comes a moment later, in "
            "`attempts` and in the event `payment.redirected`. Money is a JSON integer of đồng."
        ),
        handler=create_payment,
        headers=OnceHeaders,
        body=Body(kind=PaymentWishBody, example=_WISH),
        successes=(
            Success(status=201, description="Asked for.", kind=PaymentView, headers=_LOCATION),
            Success(
                status=200,
                description="There is one already, open or paid, or the request was repeated.",
                kind=PaymentView,
                headers=_LOCATION,
            ),
        ),
        problems=("unreadable", "conflict"),
    ),
    Route(
        method="POST",
        path="/v1/dossiers/{code}/payments/preview",
        name="preview_payment",
        tag=TAG,
        scope=Scope.PAYMENTS_WRITE,
        summary="See what would be sent to ask for money",
        description=(
            "The message to the platform, byte for byte, were it asked now; nothing is stored. The message is shown "
            "to clients that may read dossiers. Reference, time and check code of a new attempt are made anew when it "
            "really begins."
        ),
        handler=preview_payment,
        body=Body(kind=PaymentWishBody, example=_WISH),
        successes=(Success(status=200, description="The message.", kind=PaymentOrderPreview),),
        problems=("unreadable", "conflict"),
    ),
    Route(
        method="GET",
        path="/v1/payments",
        name="list_payments",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="List payments",
        description="Newest first. Found by dossier, state, reference, transaction and when they were asked for.",
        handler=list_payments,
        query=PaymentQuery,
        successes=(Success(status=200, description="A page of payments.", kind=PaymentPage),),
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}",
        name="get_payment",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="Read a payment",
        description=(
            "With its attempts, its settlement, the platform's calls, receipts, refunds and decisions. `payer` is "
            "null for a client that may not read dossiers, and masked unless the client may hand dossiers over "
            "(dossiers:write), or `personal` asks for it: with scope personal:read, and for a `reason` that is logged."
        ),
        handler=get_payment,
        query=PersonalQuery,
        successes=(Success(status=200, description="The payment.", kind=PaymentView),),
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/receipt",
        name="get_receipt",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="Read a payment's receipt",
        description=(
            "The file as it was fetched. Not found as long as there is none; `receipts` says how far that is. It names the "
            "payer: whoever may not hand dossiers over (dossiers:write) needs scope personal:read and a `reason`, which is "
            "logged."
        ),
        handler=get_receipt,
        query=PaperQuery,
        successes=(
            Success(
                status=200,
                description="The file.",
                media_type=PDF,
                headers={"ETag": "SHA-256 of the file.", "Content-Disposition": "To be saved, under a name."},
            ),
        ),
    ),
    Route(
        method="POST",
        path="/v1/payments/{payment}/ask",
        name="ask_payment",
        tag=TAG,
        scope=Scope.PAYMENTS_WRITE,
        summary="Ask the platform about a payment",
        description=(
            "Now, whatever the schedule says, about the newest attempt. An answer that proves the payment settles it; "
            "`no_answer` and `shut` change nothing but when the next question is asked."
        ),
        handler=ask_payment,
        successes=(Success(status=200, description="What it said, and the payment afterwards.", kind=Asked),),
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path="/v1/payment-orphans",
        name="list_orphans",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="List money that fits nothing",
        description=(
            "Proved payments whose reference nobody here has asked with, newest first. They are matched again when "
            "the attempt turns up; else two people adopt them, or record that they were given back "
            "(`POST /v1/payment-decisions`)."
        ),
        handler=list_orphans,
        query=OrphanQuery,
        successes=(Success(status=200, description="A page of orphans.", kind=OrphanPage),),
    ),
    Route(
        method="GET",
        path="/v1/payment-orphans/{orphan}",
        name="get_orphan",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="Read one of them",
        description="With what became of it.",
        handler=get_orphan,
        successes=(Success(status=200, description="The orphan.", kind=OrphanView),),
    ),
    Route(
        method="GET",
        path="/v1/payment-troubles",
        name="get_payment_troubles",
        tag=TAG,
        scope=Scope.PAYMENTS_READ,
        summary="Count what a person must look at",
        description="Money in quarantine, paid twice or for nothing that is known, questions that are late, and more.",
        handler=get_troubles,
        successes=(Success(status=200, description="The counts.", kind=PaymentTroubles),),
    ),
)
