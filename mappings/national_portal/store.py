"""The e-document store's own envelope (national_portal §8.1, §12.12): camel case, unlike the portal's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.codec import Json
from mappings.national_portal.envelope import code_of
from mappings.national_portal.reads import Endpoint, Question, as_text, parameters

_DONE = frozenset({"0", "00"})


def request(question: Question, given: Mapping[str, str]) -> dict[str, Any]:
    """What the store wants. ``results`` are codes separated by ``;``, each with its number after ``=``."""
    if question.endpoint is Endpoint.STORE_FILE:
        return dict(parameters(question, given))
    wanted = [each.partition("=") for each in given.get("results", "").split(";") if each.strip()]
    owner = given.get("owner", "")
    return {
        "SoDinhDanhChuSoHuu": owner,
        "HoTenNguoiYeuCau": given.get("requester_name", ""),
        # 1 is an officer, who asks in the owner's name; 2 the citizen (§8.1, §10.2).
        "KenhThucHien": given.get("channel", "") or "1",
        "SoDinhDanhNguoiYeuCau": given.get("requester", "") or owner,
        "MaThuTuc": given.get("procedure_code", ""),
        "DanhSachDanhMucKetQua": [
            {"MaKetQua": code.strip(), "SoKyHieu": number.strip()} for code, _, number in wanted
        ],
    }


def results(content: Json) -> tuple[dict[str, Any] | None, str, str]:
    """Documents by code, number and place; None without a success. Then the store's code and message."""
    if not isinstance(content, dict):
        return None, "", "not an object"
    code = code_of(content.get("errorCode")) or ""
    message = str(content.get("message") or "")[:300]
    result = content.get("result")
    if code not in _DONE or not isinstance(result, dict):
        return None, code, message
    rows = result.get("DanhSachGiayToKetQua")
    if not isinstance(rows, list):
        return None, code, "no list of documents"
    found: dict[str, Any] = {}
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            told: dict[str, Any] = as_text(row)
            found[f"{told.get('MaKetQua', '')}|{told.get('SoKyHieu', '')}|{number}"] = told
    return found, code, message
