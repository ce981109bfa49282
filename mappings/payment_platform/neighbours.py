"""Check codes of other payment systems that carry the same bill: KeyPay-DVCQG v3 and PayGov (payment_platform §10).

Only the codes, which the document proves with vectors; their messages are not built (see the adapter's README).
Invariant: a system signs with its own orders and keys, and shares none with another.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

KEYPAY_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "create": ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version"),
    "callback": ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version"),
    "detail": ("client_id", "command", "transaction_id"),
    "refund": ("amount", "client_id", "command", "reason", "transaction_id"),
    "refund_detail": ("client_id", "command", "transaction_refund_code"),
}
PAYGOV_ORDER: Final = ("secretKey", "accessKey", "partnerCode", "orderId", "requestCode", "amount")


def keypay(kind: str, message: Mapping[str, str], key: str) -> str:
    """Check code of a KeyPay v3 call: HMAC-SHA256, key 1 for what goes out, key 2 for what comes in (§10.1)."""
    text = "|".join(message[name] for name in KEYPAY_ORDER[kind])
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def paygov(message: Mapping[str, str], secret_key: str) -> str:
    """Check code of a PayGov order: SHA-256 without separators, the secret first (§10.2)."""
    values = {**message, "secretKey": secret_key}
    return hashlib.sha256("".join(values[name] for name in PAYGOV_ORDER).encode()).hexdigest()
