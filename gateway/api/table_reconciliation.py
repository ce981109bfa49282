"""Rows of the table: reconciliation of payments."""

from __future__ import annotations

from gateway.api.deliveries import Reasoned
from gateway.api.reconciliation import (
    FileQuery,
    ItemPage,
    ItemQuery,
    LedgerQuery,
    ReconciliationOrder,
    StatementQuery,
    get_item,
    get_ledger,
    get_statement,
    hand_in_file,
    list_items,
    resolve_item,
    start_reconciliation,
)
from gateway.api.route import Body, Route, Success
from gateway.domain.ledger import Ledger
from gateway.domain.reconciliation import Item, Statement
from gateway.payments.reconcile import Resolved
from gateway.payments.settlement_import import TakenIn
from gateway.storage.clients import Scope
from gateway.storage.queries_jobs import RunView

_CSV = "text/csv"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BYTES = "application/octet-stream"
_LOCATION = {"location": "Address of the run."}

RECONCILIATION: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/v1/payment-reconciliations",
        name="start_payment_reconciliation",
        tag="reconciliation",
        scope=Scope.PAYMENTS_WRITE,
        summary="Reconcile payments",
        description=(
            "Orders a run of the job payment-reconciliation: the platform is asked about every attempt of the day and "
            "about everything that is open, and the answers are compared with our books and with the settlement files "
            "that were handed in. With `apply`, what the platform or a file says was paid is settled; everything else "
            "stays a proposal."
        ),
        handler=start_reconciliation,
        body=Body(kind=ReconciliationOrder, example={"date": "2026-09-28", "apply": False}),
        successes=(
            Success(
                status=202, description="Ordered; read the run for its end.", kind=RunView, headers=_LOCATION
            ),
        ),
        problems=("unreadable", "conflict", "not_found"),
    ),
    Route(
        method="GET",
        path="/v1/payment-reconciliations/statement",
        name="get_payment_statement",
        tag="reconciliation",
        scope=Scope.PAYMENTS_READ,
        summary="Read the statement of a day",
        description=(
            "Every item of the attempts of that day, open ones first, with totals by class. The difference of the sums "
            "is the sum of the items' differences, in đồng."
        ),
        handler=get_statement,
        query=StatementQuery,
        successes=(Success(status=200, description="The statement.", kind=Statement),),
        problems=("not_found",),
    ),
    Route(
        method="GET",
        path="/v1/payment-reconciliations/ledger",
        name="get_payment_ledger",
        tag="reconciliation",
        scope=Scope.PAYMENTS_READ,
        summary="Read both ledgers over a period",
        description=(
            "Our books and the platform's, summed by day and by class, from what reconciliations found. A day with "
            "`looked_at` null was never compared, which is no agreement."
        ),
        handler=get_ledger,
        query=LedgerQuery,
        successes=(Success(status=200, description="Both ledgers.", kind=Ledger),),
        problems=("not_found",),
    ),
    Route(
        method="GET",
        path="/v1/payment-reconciliations/items",
        name="list_payment_items",
        tag="reconciliation",
        scope=Scope.PAYMENTS_READ,
        summary="List items of reconciliations",
        description="Items of any day, oldest first, with explanation and proposal.",
        handler=list_items,
        query=ItemQuery,
        successes=(Success(status=200, description="A page of items.", kind=ItemPage),),
    ),
    Route(
        method="GET",
        path="/v1/payment-reconciliations/items/{item}",
        name="get_payment_item",
        tag="reconciliation",
        scope=Scope.PAYMENTS_READ,
        summary="Read an item",
        description="With its explanation, what is proposed, and who has ended it.",
        handler=get_item,
        successes=(Success(status=200, description="The item.", kind=Item),),
    ),
    Route(
        method="POST",
        path="/v1/payment-reconciliations/items/{item}/resolve",
        name="resolve_payment_item",
        tag="reconciliation",
        scope=Scope.PAYMENTS_WRITE,
        summary="End an open item",
        description="Nothing more is to be done about it. It opens again when a later run finds something else.",
        handler=resolve_item,
        body=Body(kind=Reasoned, example={"reason": "đã tra soát với ngân hàng, công văn 12/TS"}),
        successes=(Success(status=200, description="Noted.", kind=Resolved),),
        problems=("unreadable", "conflict"),
    ),
    Route(
        method="POST",
        path="/v1/payment-reconciliations/files",
        name="hand_in_settlement_file",
        tag="reconciliation",
        scope=Scope.PAYMENTS_WRITE,
        summary="Hand in a settlement file",
        description=(
            "CSV (UTF-8) or XLSX with headings in Vietnamese or English; Mã tham chiếu, Mã giao dịch and Số tiền are "
            "needed. Lines that cannot be read are reported with line, column, got and expected, and left out. The "
            "same file again adds nothing."
        ),
        handler=hand_in_file,
        query=FileQuery,
        body=Body(
            media_types=(_CSV, _XLSX, _BYTES),
            whole=False,
            limit=lambda api: api.settings.max_import_bytes,
        ),
        successes=(
            Success(status=201, description="Taken in.", kind=TakenIn),
            Success(status=200, description="It was here already.", kind=TakenIn),
        ),
        problems=("unreadable", "not_found"),
    ),
)
