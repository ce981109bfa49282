"""CONFIRM: the fields of a notification, verified and read, and the answer table of payment_platform §5.5.

Invariants: nothing of a notification is used before its check code held; card fields are dropped before anything else
is done with it; no answer says ``00`` to money that does not fit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from gateway.codec import Json
from mappings.payment_platform.checksum import FIELD, ORDER, SEPARATOR
from mappings.payment_platform.reading import CARD_FIELDS, EVIDENCE, amount, text_of

HASHED: Final = ORDER["CONFIRM"]
LONGEST_FIELD: Final = 500

TAKEN = "taken"
RECEIVED = "received"
REFUSED = "refused"
UNAVAILABLE = "unavailable"

# §5.5, by effect of the decision; an alarm that has an answer of its own goes first.
ANSWERED: Final[Mapping[str, str]] = {
    "settled": TAKEN,
    "repeated": TAKEN,
    "duplicate": TAKEN,
    "failed": RECEIVED,
    "pending": RECEIVED,
    "ignored": TAKEN,
    "quarantined": REFUSED,
    "orphan": REFUSED,
    UNAVAILABLE: UNAVAILABLE,
}
ALARMED: Final[Mapping[str, str]] = {
    "other_partner": REFUSED,
    "other_currency": REFUSED,
    "other_amount": REFUSED,
    "no_transaction": REFUSED,
    "transaction_of_another": REFUSED,
    "quarantined": REFUSED,
    "request_replaced": REFUSED,
    "rejected_before": REFUSED,
    "unknown_reference": REFUSED,
    "second_transaction": TAKEN,
    "paid_twice": TAKEN,
    "failed_after_paid": TAKEN,
}
TEXTS: Final[Mapping[str, str]] = {
    TAKEN: "Thành công",
    RECEIVED: "Thành công",
    REFUSED: "Các lỗi khác",
    UNAVAILABLE: "Hệ thống tạm gián đoạn",
}
OTHER_ERROR: Final = "99"


class Malformed(Exception):
    """The notification is not what §5.5 describes; ``reason`` for our log, without any value of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def without_card(fields: Mapping[str, Json]) -> dict[str, Json]:
    """``fields`` without card data: never logged, never stored (§5.5)."""
    return {name: value for name, value in fields.items() if name not in CARD_FIELDS}


def require_wellformed(fields: Mapping[str, Json], foreign_kinds: Collection[str]) -> None:
    """Raise Malformed where a hashed field has the wrong type, is ambiguous, or cannot be stored.

    So is the answer to one of our questions that somebody sends back as a notification: ``00`` there means that the
    question was answered, not that anything was paid. Numbers other than integers, and integers that are no amount of money, stop here (§4 rule 3, rule 9).
    """
    for name in HASHED:
        _require_field(name, fields.get(name))
    if fields.get("SoTien") not in (None, "") and amount(fields["SoTien"]) is None:
        raise Malformed("SoTien is no amount of đồng")
    for name in ("MaLoi", "MaDoiTac"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise Malformed(f"{name} is missing")
    if str(fields.get("LoaiBanTin")).strip().upper() in foreign_kinds:
        raise Malformed("LoaiBanTin is that of another message")
    if not text_of(fields, "MaThamChieu") and not text_of(fields, "MaHoSo"):
        raise Malformed("MaThamChieu is missing")


def _require_field(name: str, value: Json) -> None:
    match value:
        case None:
            return
        case str():
            if SEPARATOR in value:
                raise Malformed(f"{name} holds a separator")
            if len(value) > LONGEST_FIELD or "\x00" in value:
                raise Malformed(f"{name} cannot be stored")
        case bool():
            raise Malformed(f"{name} is a truth value")
        case int() if abs(value) < 10**18:
            return
        case _:
            raise Malformed(f"{name} is neither text nor an integer")


class Notified(msgspec.Struct, frozen=True, kw_only=True):
    """What a well-formed notification says."""

    code: str
    partner: str
    reference: str
    amount: int | None
    currency: str
    transaction: str
    bank: str
    claimed_at: str
    text: str
    dossier: str
    receipt_url: str
    check_code: str


def notified(fields: Mapping[str, Json]) -> Notified:
    """The fields of a well-formed notification by our names."""
    return Notified(
        code=text_of(fields, "MaLoi"),
        partner=text_of(fields, "MaDoiTac"),
        reference=text_of(fields, "MaThamChieu"),
        amount=amount(fields.get("SoTien")),
        currency=text_of(fields, EVIDENCE["currency"]),
        transaction=text_of(fields, EVIDENCE["transaction"]),
        bank=text_of(fields, EVIDENCE["bank"]),
        claimed_at=text_of(fields, EVIDENCE["claimed_at"]),
        text=text_of(fields, "ThongTinGiaoDich"),
        dossier=text_of(fields, "MaHoSo"),
        receipt_url=text_of(fields, "UrlBienLai"),
        check_code=text_of(fields, FIELD),
    )


def acknowledgement(said: Notified | None, result: str, code: str) -> dict[str, Json]:
    """The answer's document: all six keys, PascalCase, the check code echoed (§5.5)."""
    return {
        "MaLoi": code,
        "MoTaLoi": TEXTS[result],
        "MaDoiTac": "" if said is None else said.partner,
        "MaThamChieu": "" if said is None else said.reference,
        "ThoiGianGD": "" if said is None else said.claimed_at,
        FIELD: "" if said is None else said.check_code,
    }
