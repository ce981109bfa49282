"""Every fault that the ministry's stand-in can be asked for, by name: what it strikes, and whether the call has worked.

Invariant: a fault that does not fit a request returns None and has changed nothing; where ``effect`` is false the call
was not carried out, where it is true it was, exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from adapters.construction.simulator_answers import Said, answer_tree, fault_without_detail, plain, written
from adapters.construction.simulator_message import OPERATIONS
from adapters.construction.simulator_spoilt import BYTES, TREES
from adapters.construction.simulator_words import Refused, leaf, outcome
from gateway.port import SimulatedRequest, SimulatedResponse

_PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Service Temporarily Unavailable</h1></body></html>"
_HTML = (("content-type", "text/html; charset=utf-8"),)
_ALL = frozenset(OPERATIONS)
_FILED = frozenset({"NopHoSo", "NopBoSung", "YeuCauThongTinQuyHoach"})
_STATED = frozenset({"TraCuuTrangThai", "LayDanhSachThayDoi"})
_DECIDED = frozenset({"LayKetQua", "LayThongTinQuyHoach", "TraCuuGiayPhep"})
_ONLY: Mapping[str, frozenset[str]] = {
    "unknown_state": _STATED,
    "another_dossier": _STATED,
    "repeated_changes": frozenset({"LayDanhSachThayDoi"}),
    "file_changed": _DECIDED,
    "file_by_address": _DECIDED,
}

Instead = Callable[[Said, SimulatedRequest], SimulatedResponse]


class Row(Struct, frozen=True, kw_only=True):
    """One fault. ``instead``: what is answered; else the name is a spoiler's, or ``header_order``, which turns the copied
    blocks of X-Road round."""

    services: frozenset[str] = _ALL
    effect: bool = True
    instead: Instead | None = None


def _refusal(code: str, status: int = 0, reason: str = "") -> Instead:
    def answer(said: Said, _request: SimulatedRequest) -> SimulatedResponse:
        refused = Refused(code, reason)
        told = Said(operation=said.operation, version=said.version, call=said.call, refused=refused)
        return written(told, fault_status=status)

    return answer


def _page(status: int) -> Instead:
    return lambda said, _request: SimulatedResponse(
        status=status, headers=_HTML, body=_PAGE, service=said.operation
    )


def _gate(status: int, words: str) -> Instead:
    return lambda said, _request: plain(status, words, said.operation)


def _expired(said: Said, request: SimulatedRequest) -> SimulatedResponse:
    refused = Refused("302", "Con trỏ đã hết hạn")
    result = outcome(said.call or "00000000", request.now, refused)
    content = answer_tree(said.operation, (result, leaf("ConDuLieu", "false")))
    return written(Said(operation=said.operation, version=said.version, content=content))


def _bare(said: Said, _request: SimulatedRequest) -> SimulatedResponse:
    return fault_without_detail(said)


def _before(instead: Instead, services: frozenset[str] = _ALL) -> Row:
    return Row(services=services, effect=False, instead=instead)


FAULTS: Mapping[str, Row] = {
    "soap_fault": _before(_refusal("503")),
    "soap_fault_200": _before(_refusal("503", 200)),
    "fault_without_detail": _before(_bare),
    "http_500_html": _before(_page(500)),
    "maintenance": _before(_page(503)),
    "throttled": _before(_gate(429, "Too Many Requests")),
    "forbidden": _before(_gate(403, "Forbidden")),
    "address_refused": _before(_refusal("101")),
    "checksum_mismatch": _before(_refusal("301"), _FILED),
    "file_too_large": _before(_refusal("303"), _FILED),
    "cursor_expired": _before(_expired, frozenset({"LayDanhSachThayDoi"})),
    "soap_fault_after": Row(instead=_refusal("503")),
    "soap_fault_200_after": Row(instead=_refusal("503", 200)),
    "http_500_html_after": Row(instead=_page(500)),
    "header_order": Row(),
    **{name: Row(services=_ONLY.get(name, _ALL)) for name in (*TREES, *BYTES)},
}
