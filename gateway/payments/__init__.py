"""Payments: requests for money, what becomes of their attempts at the platform, receipts, reconciliation, decisions.

Invariant: nothing here settles; whatever says that money was paid goes through
``gateway.storage.payments.apply_evidence``.
"""
