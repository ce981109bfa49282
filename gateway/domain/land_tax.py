"""Financial obligations on land: notices of the tax authority, and evidence of their payment (payment_platform §9).

Invariants: amounts are integer đồng; a row that cannot be read is refused and never becomes zero or year one (§13,
pitfall 14); a notice is covered by what was paid for it, never by what was paid in all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec


class LandNotice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice of one dossier (NhanThongBaoThueDat). Upserted by (dossier, tax_code, number)."""

    dossier: str
    tax_code: str
    number: str
    issued_on: date
    item: str
    amount: int


class LandEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One payment (NhanChungTuThueDat); several may pay one notice. ``paid_at``: verbatim, yyyyMMddHHmmss.

    It is the same again when (dossier, tax_code, number, paid_at, amount) is.
    """

    dossier: str
    tax_code: str
    number: str
    paid_at: str
    amount: int
    paid: bool
    content: str
    url: str
    payer: str
    payer_identity: str
    payer_address: str
    payer_province: str = ""
    payer_ward: str = ""


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that cannot be taken: which, and why."""

    row: str
    code: str
    reason: str


def uncovered(notices: Iterable[LandNotice], evidence: Iterable[LandEvidence]) -> dict[str, int]:
    """What is still to be paid, by notice number; empty when the obligation is fulfilled (§9.3).

    Of several notices with one number the last counts. Evidence without a notice is kept for later and covers nothing.
    """
    due = {(each.dossier, each.tax_code, each.number): each.amount for each in notices}
    paid: dict[tuple[str, str, str, str, int], LandEvidence] = {
        (each.dossier, each.tax_code, each.number, each.paid_at, each.amount): each
        for each in evidence
        if each.paid
    }
    for each in paid.values():
        key = (each.dossier, each.tax_code, each.number)
        if key in due:
            due[key] -= each.amount
    return {number: amount for (_, _, number), amount in due.items() if amount > 0}
