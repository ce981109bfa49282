"""VNeID's side of the stand-in (judicial_records §4.5): states that only go forward, results by their digest.

Invariant: a state that is there already, or that lies behind, is refused in the documented words.
"""

from __future__ import annotations

import hashlib
from typing import Any

SETTLED = "Không thể cập nhật lên trạng thái"
INTERRUPTED = "Yêu cầu bị gián đoạn. Vui lòng thử lại."
_NAMED = ("maTinh", "tenTinh", "maHoSoMCDT", "trangThaiXuLy", "tenTrangThaiXuLy", "type")
_WITH_REASON = frozenset({"3", "5"})
_WITH_RESULT = frozenset({"9", "10"})
_STATES = frozenset({"2", "3", "4", "5", "9", "10"})


class VneidDesk:
    """What VNeID was told, in the order in which it came."""

    def __init__(self) -> None:
        self._told: dict[str, list[dict[str, Any]]] = {}

    def tell(self, told: dict[str, Any]) -> dict[str, Any]:
        """Take one message."""
        missing = [name for name in _NAMED if not isinstance(told.get(name), str) or not told[name]]
        if missing:
            return _answer("01", f"Thiếu thông tin {', '.join(missing)}")
        state, kind = told["trangThaiXuLy"], told["type"]
        shown = told.get("ketQuaXuLy")
        if state not in _STATES or kind not in {"ketqua", "thuhoi"}:
            return _answer("01", "Dữ liệu không hợp lệ")
        if state in _WITH_REASON and not told.get("lyDoTuChoi"):
            return _answer("01", "Thiếu thông tin lyDoTuChoi")
        if state in _WITH_RESULT and not (isinstance(shown, dict) and shown.get("phieuLLTP")):
            return _answer("01", "Thiếu thông tin phieuLLTP")
        kept = self._told.setdefault(told["maHoSoMCDT"], [])
        entry = {
            "state": state,
            "type": kind,
            "reason": told.get("lyDoTuChoi") or "",
            "files": _digests(shown),
        }
        if entry in kept:
            return _answer("01", SETTLED)
        kept.append(entry)
        return _answer("00", None)

    def interrupted(self) -> dict[str, Any]:
        """§4.5: try again later; nothing was taken."""
        return _answer("03", INTERRUPTED)

    def record(self) -> dict[str, Any]:
        """By dossier."""
        return {number: list(entries) for number, entries in self._told.items()}


def _digests(shown: Any) -> dict[str, str]:
    if not isinstance(shown, dict):
        return {}
    files = {name: shown.get(name) for name in ("phieuLLTP", "quyetDinhThuHoi")}
    return {name: hashlib.sha256(str(value).encode()).hexdigest() for name, value in files.items() if value}


def _answer(code: str, detail: str | None) -> dict[str, Any]:
    return {"statusCode": code, "errorDetail": detail, "data": None}
