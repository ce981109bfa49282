"""A stand-in for the judicial record centre and for VNeID (judicial_records §4, §6, §8), and for the platform in front.

It judges by the contract, on the sandbox's clock, and keeps what it was told. Invariant: neither ``record`` nor an
answer shows a key; criminal records are made up anew for every answer and kept nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from adapters.judicial_records.settings import Centre, Settings, Vneid
from adapters.judicial_records.simulator_centre import (
    ASKED,
    ISSUED,
    LARGE,
    REFUSED,
    Application,
    brought_files,
    faults,
    issued_files,
    not_text,
    pdf,
    result,
)
from adapters.judicial_records.simulator_vneid import VneidDesk
from gateway.access import Access, OpenAccess
from gateway.access.stand_in import Doorkeeper
from gateway.port import SimulatedRequest, SimulatedResponse

TAKEN = "Gửi thông tin thành công"
FAILED = "Đã có lỗi xảy ra trong quá trình gửi thông tin"
KNOWN = "Hồ sơ đã được tiếp nhận, không thể cập nhật thông tin"
_REASONS = {REFUSED: "Hồ sơ không đủ điều kiện tiếp nhận", ASKED: "Ảnh giấy tờ tuỳ thân mờ, đề nghị bổ sung"}


class SimulatorConfig(Struct, frozen=True, kw_only=True):
    """What the stand-in knows. ``centres``: one issuer after the other, which know each other's applications.

    ``processing_seconds``: how long they work on an application.
    """

    province_code: str
    centres: tuple[Centre, ...] = ()
    vneid: Vneid | None = None
    access: Access = OpenAccess()
    processing_seconds: float = 3600.0


class JudicialSimulator:
    """Both partners in memory."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._takes = config.processing_seconds
        self._door = Doorkeeper(config.access, base=_origin(config))
        self._applications: dict[str, Application] = {}
        self._desk = VneidDesk()
        self._calls = 0
        self._now: datetime | None = None

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """Admit, check, change the state, answer."""
        self._calls += 1
        self._now = request.now
        centres, vneid = self._config.centres, self._config.vneid
        path = request.path
        if path == _path(getattr(self._config.access, "token_url", "")):
            return self._door.token(request)
        outside = self._door.admits(request)
        if outside is not None:
            return outside
        told = _read(request.body)
        submitted = _keys(centres, path, lambda centre: centre.submit_path)
        if submitted:
            return self._submit(told, request.now, submitted)
        polled = _keys(centres, path, lambda centre: centre.poll_path)
        if polled:
            return self._poll(told, request.now, polled)
        if vneid and path == _path(vneid.base_url) + vneid.tell_path:
            return _said("tell", self._desk.tell(told))
        return _said("any", {"title": "Not Found"}, 404)

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        """Faults of the contract (§8.5); ``session_expired`` forgets the tokens of the platform in front."""
        match fault:
            case "session_expired":
                return self.handle(request) if self._door.expire() else None
            case "server_error":
                return SimulatedResponse(status=500, body=b"server error", service="any")
            case "soap_fault":
                return SimulatedResponse(body=b"Client received SOAP Fault from server", service="any")
            case "interrupted":
                return _said("tell", self._desk.interrupted())
            case "truncated" | "upper_keys" | "empty_result" | "odd_date" | "line_breaks" | "large_result":
                return _twisted(fault, self.handle(request))
            case _:
                return None

    def record(self) -> dict[str, Any]:
        """Applications with their states and the digests of files that came and went, and what VNeID was told."""
        return {
            "applications": {
                number: {
                    "told": each.told,
                    "rounds": each.rounds,
                    "state": (state := each.state(self._now, self._takes) if self._now else ""),
                    "files": brought_files(each.told),
                    "issued": issued_files(number, each) if state == ISSUED else [],
                }
                for number, each in self._applications.items()
            },
            "told": self._desk.record(),
            "calls": self._calls,
        }

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """``clock`` {seconds}, ``script`` {code, outcome}, ``finish`` {code}, ``revoke`` {code}, ``expire_sessions``."""
        given = _read(body)
        application = self._applications.get(str(given.get("code")))
        match action:
            case "clock" if isinstance(given.get("seconds"), int | float):
                self._takes = float(given["seconds"])
                return {"processing_seconds": self._takes}
            case "expire_sessions":
                return {"tokens": self._door.expire()}
            case "script" | "finish" | "revoke" if application is None:
                return {"error": "no such dossier"}
            case "script" if application is not None:
                application.script = str(given.get("outcome"))
            case "finish" if application is not None:
                application.received_at -= timedelta(seconds=self._takes)
            case "revoke" if application is not None:
                application.revoked = True
            case _:
                return {"error": f"no such action: {action}"}
        return {"done": action}

    def _submit(self, told: dict[str, Any], now: datetime, keys: frozenset[str]) -> SimulatedResponse:
        refused = self._stranger(told, keys)
        if refused:
            return _said("submit", _failure(*refused))
        missing = list(faults(told))
        if missing:
            # §8.3: the real service names them in one sentence, without anything between.
            return _said("submit", _failure("500", f"Thiếu thông tin {''.join(missing)}"))
        if not_text(told):
            return _said("submit", _failure("302", "DATA_TYPE_INVALID"))
        number = str(told["maHoSoMCDT"])
        known = self._applications.get(number)
        if known is None:
            self._applications[number] = Application(told, now)
        elif known.state(now, self._takes) == ASKED:
            known.brought(told, now)
        else:
            return _said("submit", _failure("500", KNOWN))
        return _said(
            "submit", {"status": "1", "statusDescription": TAKEN, "errorCode": "", "errorDescription": ""}
        )

    def _poll(self, told: dict[str, Any], now: datetime, keys: frozenset[str]) -> SimulatedResponse:
        refused = self._stranger(told, keys)
        if refused:
            return _said("poll", {"status": 0, "errorCode": refused[0], "statusDescription": refused[1]})
        number = str(told.get("maHoSoMCDT"))
        known = self._applications.get(number)
        rows = [] if known is None else [self._row(number, known, now)]
        return _said("poll", {"status": 1, "statusDescription": "Giao dịch thành công", "value": rows})

    def _row(self, number: str, known: Application, now: datetime) -> dict[str, Any]:
        state = known.state(now, self._takes)
        issued_at = known.received_at + timedelta(seconds=self._takes)
        return {
            "maHoSoMCDT": number,
            "trangThaiXuLy": state,
            "lyDoTuChoi": _REASONS.get(state, ""),
            "ketQuaXuLy": result(number, known, issued_at) if state == ISSUED else None,
        }

    def _stranger(self, told: dict[str, Any], keys: frozenset[str]) -> tuple[str, str] | None:
        if str(told.get("authKey")) not in keys:
            return "100", "AUTHEN_ERROR"
        if told.get("maTinh") != self._config.province_code:
            return "108", "PROVINCE_ID_INCORRECT"
        return None


def simulate(settings: Settings) -> JudicialSimulator:
    """A fresh stand-in with the key and the addresses of ``settings``."""
    return JudicialSimulator(
        SimulatorConfig(
            province_code=settings.province_code,
            centres=(
                *((settings.centre,) if settings.centre else ()),
                *(each.centre for each in settings.successors),
            ),
            vneid=settings.vneid,
            access=settings.access,
        )
    )


def _twisted(fault: str, whole: SimulatedResponse) -> SimulatedResponse | None:
    """The answer of a poll, spoilt; None when it shows no certificate."""
    if fault == "truncated":
        return _with(whole, whole.body[: len(whole.body) // 2])
    document = _read(whole.body)
    rows = document.get("value")
    if fault == "upper_keys":
        return _with(whole, json.dumps({key.upper(): value for key, value in document.items()}).encode())
    if not isinstance(rows, list) or not rows or not rows[0]["ketQuaXuLy"]:
        return None
    shown = rows[0]["ketQuaXuLy"]
    match fault:
        case "empty_result":
            rows[0]["ketQuaXuLy"] = {}
        case "odd_date":
            shown["ngayCapPhieu"] = "ngày 2 tháng 12"
        case "line_breaks":
            shown["phieuLLTP"] = "\r\n".join(
                shown["phieuLLTP"][at : at + 76] for at in range(0, len(shown["phieuLLTP"]), 76)
            )
        case _:
            shown["phieuLLTP"] = pdf("phieu", LARGE)
    return _with(whole, json.dumps(document, ensure_ascii=False).encode())


def _with(whole: SimulatedResponse, body: bytes) -> SimulatedResponse:
    return SimulatedResponse(status=whole.status, headers=whole.headers, body=body, service=whole.service)


def _failure(code: str, reason: str) -> dict[str, str]:
    return {"status": "0", "statusDescription": FAILED, "errorCode": code, "errorDescription": reason}


def _said(service: str, document: dict[str, Any], status: int = 200) -> SimulatedResponse:
    body = json.dumps(document, ensure_ascii=False).encode()
    return SimulatedResponse(status=status, body=body, service=service)


def _keys(centres: tuple[Centre, ...], path: str, service: Callable[[Centre], str]) -> frozenset[str]:
    """Keys of those who serve at ``path``; none: nobody does."""
    return frozenset(
        each.auth_key.reveal() for each in centres if path == _path(each.base_url) + service(each)
    )


def _origin(config: SimulatorConfig) -> str:
    """Under which callers know this stand-in, for hashes over an address."""
    leg = config.centres[0] if config.centres else config.vneid
    return "" if leg is None else leg.base_url.removesuffix(_path(leg.base_url) or "/")


def _path(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2] if "/" in url.partition("://")[2] else ""


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
