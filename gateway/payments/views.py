"""Payments as people and systems see them: the types that readers of the tables fill.

They stand beside the questions that fill them, on storage's floor; whoever works with payments names them from here.
"""

from __future__ import annotations

from gateway.storage.payment_views import (
    AttemptView,
    CallbackView,
    DecisionView,
    Money,
    OrphanView,
    PartnerTime,
    PaymentGlance,
    PaymentView,
    ReceiptView,
    RefundView,
    SettlementView,
    Terms,
)

__all__ = [
    "AttemptView",
    "CallbackView",
    "DecisionView",
    "Money",
    "OrphanView",
    "PartnerTime",
    "PaymentGlance",
    "PaymentView",
    "ReceiptView",
    "RefundView",
    "SettlementView",
    "Terms",
]
