"""A stand-in for the ward board: checks, stores and answers as ward_board §1-§7 say. Official names live here."""

import json
from collections.abc import Callable
from typing import Any

from adapters.ward_board.settings import Settings
from gateway.port import SimulatedRequest, SimulatedResponse

CARD = ("SoHoSo", "PhienBan", "ThuTuc", "NguoiNop", "TinhTrang")
LINE = ("MaDong", "Luc", "TinhTrang")


class BoardSimulator:
    """The board, in memory."""

    def __init__(self, settings: Settings) -> None:
        self._account = (settings.user, settings.password.reveal())
        self._cards: dict[str, dict[str, Any]] = {}
        self._sessions: set[str] = set()
        self._calls = 0
        self._services: dict[str, Callable[[dict[str, Any]], SimulatedResponse]] = {
            "cards": self._show,
            "lines": self._add,
            "look_up": self._look_up,
            "procedures": self._list_procedures,
        }

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """Login needs no session; every other service that the path may name does."""
        self._calls += 1
        service = request.path.rpartition("/")[2]
        told = _read(request.body)
        if service == "login":
            return self._login(told)
        if str(told.get("session")) not in self._sessions:
            return _answer(service, "session", "phiên đã hết hạn")
        serve = self._services.get(service)
        return serve(told) if serve else _answer(service, "invalid", "không có dịch vụ này")

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        """The board's own faults: a session that dies, an office hour."""
        match fault:
            case "session_expired":
                self._sessions.clear()
                return self.handle(request)
            case "busy":
                return _answer("any", "busy", "ngoài giờ làm việc")
            case _:
                return None

    def record(self) -> dict[str, Any]:
        """Every card with its lines, and how often the board was called."""
        return {"cards": self._cards, "calls": self._calls}

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """``expire_sessions`` is all there is."""
        if action != "expire_sessions":
            return {"error": f"no such action: {action}"}
        self._sessions.clear()
        return {"sessions": 0}

    def _login(self, told: dict[str, Any]) -> SimulatedResponse:
        if (told.get("user"), told.get("password")) != self._account:
            return _answer("login", "invalid", "sai tài khoản hoặc mật khẩu")
        session = f"session-{self._calls:08}"
        self._sessions.add(session)
        return _answer("login", "ok", session=session, seconds=600)

    def _show(self, told: dict[str, Any]) -> SimulatedResponse:
        card = told.get("card")
        if not isinstance(card, dict) or not all(card.get(name) for name in CARD):
            return _answer("cards", "invalid", f"thiếu một trong {', '.join(CARD)}")
        number = str(card["SoHoSo"])
        lines = self._cards.get(number, {}).get("lines", [])
        self._cards[number] = {**card, "lines": lines}
        return _answer("cards", "ok")

    def _add(self, told: dict[str, Any]) -> SimulatedResponse:
        number, lines = str(told.get("number")), told.get("lines")
        if number not in self._cards:
            return _answer("lines", "invalid", "chưa có hồ sơ này")
        if not isinstance(lines, list) or not all(_complete(line) for line in lines):
            return _answer("lines", "invalid", f"thiếu một trong {', '.join(LINE)}")
        self._cards[number]["lines"].extend(lines)
        return _answer("lines", "ok")

    def _look_up(self, told: dict[str, Any]) -> SimulatedResponse:
        card = self._cards.get(str(told.get("number")))
        return _answer("look_up", "ok", cards=[_seen(card)] if card else [])

    def _list_procedures(self, told: dict[str, Any]) -> SimulatedResponse:
        return _answer("procedures", "ok", procedures=[{"code": "TN-01", "name": "Thử nghiệm"}])


def simulate(settings: Settings) -> BoardSimulator:
    """A board that knows the account of ``settings``."""
    return BoardSimulator(settings)


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _complete(line: Any) -> bool:
    return isinstance(line, dict) and all(line.get(name) for name in LINE)


def _seen(card: dict[str, Any]) -> dict[str, Any]:
    return {**card, "lines": [line["MaDong"] for line in card["lines"]]}


def _answer(service: str, code: str, message: str = "", **more: Any) -> SimulatedResponse:
    body = json.dumps({"code": code, "message": message, **more}, ensure_ascii=False).encode()
    return SimulatedResponse(service=service, body=body)
