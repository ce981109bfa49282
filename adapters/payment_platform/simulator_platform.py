"""INIT, QUERY and GET_BILL at the stand-in: what is answered, and what an accepted message does (§5).

Invariant: a refused message changes nothing but the list of refusals; money never moves here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from adapters.payment_platform import simulator_answers as words
from adapters.payment_platform.simulator_mac import sealed
from adapters.payment_platform.simulator_model import FALLBACK_URL, State, Transaction
from adapters.payment_platform.simulator_rules import (
    find,
    refusal_of_bill_question,
    refusal_of_envelope,
    refusal_of_init,
    refusal_of_question,
)
from gateway.port.simulator import SimulatedRequest, SimulatedResponse
from gateway.port.wire import header

KINDS: Mapping[str, str] = {"INIT": "init", "QUERY": "query", "GET_BILL": "bill"}
"""LoaiBanTin to the name of the service, which is also its own path."""
_RULES = {"INIT": refusal_of_init, "QUERY": refusal_of_question, "GET_BILL": refusal_of_bill_question}
UNKNOWN_STATUS = "7"
INTERNAL_BILL = "http://10.0.0.8:8080/VXPAdapter/bill/{token}.pdf"


def refusal(kind: str, message: Mapping[str, Any], state: State) -> str | None:
    """Why a message is refused, in the order of §15; nothing changes."""
    return refusal_of_envelope(kind, message, state) or _RULES[kind](message, state)


def accept(message: dict[str, Any], state: State, request: SimulatedRequest) -> Transaction:
    """Store an INIT that was not refused; the same one again is the same transaction (§15)."""
    known = find(message, state)
    if known is not None:
        known.inits += 1
        return known
    return state.open(message, request.now)


def opened(transaction: Transaction, state: State, request: SimulatedRequest) -> dict[str, Any]:
    """The answer to an INIT."""
    fields = {
        "MaLoi": words.OK,
        "MoTaLoi": words.DONE,
        "MaDoiTac": transaction.partner,
        "MaThamChieu": transaction.reference,
        "UrlThanhToan": f"{base_url(state, request)}/t/{transaction.token}",
    }
    return _sealed("ANSWER", fields, transaction, state)


def status(transaction: Transaction, state: State, request: SimulatedRequest) -> dict[str, Any]:
    """The answer to a QUERY (§5.6): 1 paid, 3 not known, 4 failed or given up."""
    transaction.queries += 1
    if transaction.use_up("query_not_found"):
        return words.refusal(words.NOT_FOUND)
    shown = {"paid": "1", "failed": "4", "open": "4" if state.is_over(transaction, request.now) else "3"}
    told = shown[transaction.state]
    if transaction.use_up("query_pending"):
        told = "3"
    elif transaction.use_up("query_unknown_status"):
        told = UNKNOWN_STATUS
    known = told == "1"
    fields = {
        "MaLoi": words.OK,
        "MoTaLoi": words.DONE,
        "LoaiBanTin": "QUERY",
        "MaDoiTac": transaction.partner,
        "MaThamChieu": transaction.reference,
        "SoTien": transaction.amount,
        "MaTienTe": transaction.message["MaTienTe"],
        "MaGiaoDich": transaction.number if known else None,
        "MaNganHang": state.config.bank if known else None,
        "ThoiGianGD": transaction.message["ThoiGianGD"],
        "ThongTinGiaoDich": transaction.message["ThongTinGiaoDich"],
        "TrangThaiGD": told,
    }
    return _sealed("CONFIRM", fields, transaction, state)


def bill(transaction: Transaction, state: State, request: SimulatedRequest) -> SimulatedResponse:
    """The answer to a GET_BILL (§5.7): the file itself, where it is, or that there is none yet."""
    wrapped = state.config.answers == "wrapper_all"
    if transaction.use_up("bill_error_text"):
        return words.plain("bill", 200, words.BROKEN)
    if transaction.use_up("bill_not_ready"):
        return words.write("bill", words.refusal(words.NO_BILL), wrapped=wrapped)
    form = next((mode for mode in ("bill_pdf", "bill_json_url") if mode in transaction.faults), None)
    transaction.bill_until = request.now + timedelta(seconds=state.config.bill_link_seconds)
    internal = transaction.use_up("bill_url_internal_host")
    if not internal and (form or f"bill_{state.config.bill}") == "bill_pdf":
        return words.pdf_file("bill", receipt(transaction))
    url = f"{state.config.bill_url or base_url(state, request)}/bill/{transaction.token}.pdf"
    fields = {
        "MaLoi": words.OK,
        "MoTaLoi": words.DONE,
        "MaDoiTac": transaction.partner,
        "MaThamChieu": transaction.reference,
        "UrlBienLai": INTERNAL_BILL.format(token=transaction.token) if internal else url,
    }
    return words.write("bill", _sealed("ANSWER", fields, transaction, state), wrapped=wrapped)


def receipt(transaction: Transaction) -> tuple[str, ...]:
    """The lines of a receipt."""
    return (
        "BIEN LAI THU PHI, LE PHI (MO PHONG)",
        f"Ma tham chieu: {transaction.reference}",
        f"Ma giao dich: {transaction.number}",
        f"Ho so: {transaction.bill.get('MaHoSo', '')}",
        f"So tien: {transaction.amount} VND",
    )


def base_url(state: State, request: SimulatedRequest) -> str:
    """Where the stand-in says that it is."""
    host = header(request.headers, "host")
    return state.config.base_url.rstrip("/") or (f"http://{host}" if host else FALLBACK_URL)


def _sealed(kind: str, fields: dict[str, Any], transaction: Transaction, state: State) -> dict[str, Any]:
    # §14 U2: no source shows how answers are sealed; V13-V15 are the convention of this stand-in.
    hashed = {**fields, "ThoiGianGD": transaction.message["ThoiGianGD"]}
    partner = state.partners.get(transaction.partner)
    return {**fields, "MaXacThuc": sealed(kind, hashed, partner.secrets[0] if partner else "")}
