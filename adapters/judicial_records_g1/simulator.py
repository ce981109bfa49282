"""A stand-in for the older judicial record interface (judicial_records §5, §6), and for the platform in front of it.

Written from the contract, not from the adapter: it knows every element, its type and whether it must be there, in both
spellings. Invariant: what is not in the contract is refused, and nothing that was refused is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from adapters.judicial_records_g1.settings import Settings
from gateway.access.stand_in import Doorkeeper
from gateway.port import SimulatedRequest, SimulatedResponse

SAVED = "Lưu thành công"
RECEIVED, PROCESSING, READY = "3", "4", "5"
_NAMES = {RECEIVED: "Sở Tư pháp đã tiếp nhận", PROCESSING: "Đang xử lý", READY: "Đã có phiếu"}
_TEXT, _DAY, _PARTIAL, _NUMBER = "text", "day", "partial", "number"
_PATTERNS = {
    _DAY: re.compile(r"\d{2}/\d{2}/\d{4}"),
    _PARTIAL: re.compile(r"(\d{2}/)?(\d{2}/)?\d{4}"),
    _NUMBER: re.compile(r"-?\d{1,15}"),
}


def _all(kind: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), kind)


_TOP = {"idReceivedDec": _TEXT, "dateReceivedDec": _DAY, "datePromissoryDec": _DAY, "idMoneyReceipt": _TEXT}
_DECLARATION = {
    **_all(
        _TEXT,
        "fullName birthPlace residence residenceTemporary identifyNo idIssuePlace dadName momName partnerName email "
        "deliveryAddress note purpose receiveNo declarationPortalID otherName",
    ),
    **_all(
        _NUMBER,
        "genderId nationalityId ethnicId reRegionId rtRegionId idTypeId phone ministryJusticeId declareTypeId requestQty "
        "requestQtyAdd objectRequestId agencyRequestId regionRequestId formType isBanPosition delivery deliveryDistrict "
        "giveProfileDistrict",
    ),
    **_all(_PARTIAL, "birthDateStr dadDob momDob partnerDob"),
    **_all(_DAY, "declareDate idIssueDate"),
}
_DEMANDED = (
    *(
        "fullName",
        "genderId",
        "birthDateStr",
        "nationalityId",
        "idTypeId",
        "identifyNo",
        "phone",
        "declareDate",
    ),
    *("declareTypeId", "requestQty", "objectRequestId", "formType"),
)
_VALUES = {
    "genderId": {"0", "1"},
    "idTypeId": {"0", "1", "2", "3"},
    "declareTypeId": {"3844", "3845", "3846", "3847"},
    "objectRequestId": {"71", "72", "73", "74"},
    "formType": {"1", "2"},
    "isBanPosition": {"0", "1"},
    "delivery": {"0", "1"},
}
_SOJOURN = _all(_TEXT, "residencePlace jobName workPlace") | {
    "fromDateStr": _PARTIAL,
    "toDateStr": _PARTIAL,
}
_MANDATE = {
    **_all(_TEXT, "fullName residence identifyNo idIssuePlace mandatorRelation"),
    **_all(_NUMBER, "genderId birthPlaceId regionId idTypeId"),
    **_all(_PARTIAL, "birthDateStr mandatorDate idIssueDate"),
}
_CATALOGUES = {
    "1": {"9999": "Tỉnh Mẫu"},
    "2": {"3106": "Việt Nam", "3107": "Nước Mẫu"},
    "3": {"55305": "Kinh", "55399": "Dân tộc Mẫu"},
    "4": {"501": "Cơ quan Mẫu"},
    "5": {"41": "Sở Tư pháp tỉnh Mẫu"},
}


class _Refused(Exception):
    """The message is not what the contract says."""

    def __init__(self, status: str, told: str) -> None:
        super().__init__(told)
        self.status = status


class RegistrationSimulator:
    """The centre in memory, on the sandbox's clock. ``takes``: seconds from an application to its certificate."""

    def __init__(self, settings: Settings, takes: float = 3600.0) -> None:
        self._settings = settings
        self._door = Doorkeeper(settings.access)
        self._takes = takes
        self._kept: dict[str, dict[str, Any]] = {}
        self._received: dict[str, datetime] = {}
        self._fetched: dict[str, str] = {}
        self._calls = 0
        self._now: datetime | None = None

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """Admit, check, change the state, answer."""
        self._calls += 1
        self._now = request.now
        if request.path == urlsplit(getattr(self._settings.access, "token_url", "")).path:
            return self._door.token(request)
        outside = self._door.admits(request)
        if outside is not None:
            return outside
        paths, told = self._settings.paths, _read(request.body)
        services = {
            paths.submit: ("submit", self._submit),
            paths.poll: ("poll", self._poll),
            paths.changes: ("changes", self._changes),
            paths.mark: ("mark", self._mark),
            paths.catalogue: ("catalogue", self._catalogue),
        }
        prefix = urlsplit(self._settings.base_url).path
        found = services.get(request.path.removeprefix(prefix)) if request.path.startswith(prefix) else None
        if found is None:
            return _said("any", {"title": "Not Found"}, 404)
        if request.method != "POST":
            return _said("any", {"title": "Method Not Allowed"}, 405)
        service, serve = found
        try:
            return _said(service, serve(told, request.now))
        except _Refused as refused:
            return _said(service, {"STATUS": refused.status, "DESCRIPTION": str(refused)})

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:  # noqa: PLR0911 - one a fault
        """``session_expired`` forgets the tokens; the others spoil an answer that was given all the same."""
        match fault:
            case "session_expired":
                return self.handle(request) if self._door.expire() else None
            case "soap_fault":
                return SimulatedResponse(body=b"Client received SOAP Fault from server", service="any")
            case "server_error":
                return SimulatedResponse(status=500, body=b"server error", service="any")
            case "lower_keys":
                whole = self.handle(request)
                document = {name.lower(): value for name, value in _read(whole.body).items()}
                return _said(whole.service, document, whole.status)
            case "truncated":
                whole = self.handle(request)
                return SimulatedResponse(body=whole.body[: len(whole.body) // 2], service=whole.service)
            case "undocumented":
                return _said("any", {"STATUS": "777", "DESCRIPTION": "Lưu thành công một phần"})
            case _:
                return None

    def record(self) -> dict[str, Any]:
        """Applications as they came, their states, what was marked as fetched."""
        return {
            "applications": {
                number: {"told": told, "state": self._state(number, self._now) if self._now else ""}
                for number, told in self._kept.items()
            },
            "fetched": dict(self._fetched),
            "calls": self._calls,
        }

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """``clock`` {seconds}, ``finish`` {code}, ``expire_sessions``."""
        given = _read(body)
        match action:
            case "clock" if isinstance(given.get("seconds"), int | float):
                self._takes = float(given["seconds"])
                return {"processing_seconds": self._takes}
            case "expire_sessions":
                return {"tokens": self._door.expire()}
            case "finish" if (code := str(given.get("code"))) in self._received:
                self._received[code] -= timedelta(seconds=self._takes)
                return {"done": action}
            case _:
                return {"error": f"no such action or dossier: {action}"}

    def _submit(self, told: dict[str, Any], now: datetime) -> dict[str, Any]:
        number = _checked(told, self._settings)
        if number in self._kept:
            raise _Refused("500", "DATA_INCORRECT: idReceivedDec đã tồn tại")
        self._kept[number], self._received[number] = told, now
        return {"STATUS": "501", "DESCRIPTION": SAVED, "ID": _id(number)}

    def _poll(self, told: dict[str, Any], now: datetime) -> dict[str, Any]:
        if str(told.get("infoType")) not in {"1", "2"}:
            raise _Refused("302", "DATA_TYPE_INVALID: infoType")
        number = str(told.get("idReceivedDec"))
        if number not in self._kept:
            raise _Refused("201", "RECORD_NOT_FOUND")
        return {"STATUS": "501", "DESCRIPTION": "", **self._standing(number, now)}

    def _changes(self, told: dict[str, Any], now: datetime) -> dict[str, Any]:
        if str(told.get("infoType")) not in {"1", "2"}:
            raise _Refused("302", "DATA_TYPE_INVALID: infoType")
        rows = [
            {
                "DECLARATION_ID": _id(number),
                "RECEIVE_NO": number,
                "APPOINTMENT_NO": "",
                **self._standing(number, now),
            }
            for number in self._kept
            if self._fetched.get(number) != self._state(number, now)
        ]
        return {"STATUS": "501", "DESCRIPTION": "", "LISTCONTENT": rows}

    def _mark(self, told: dict[str, Any], now: datetime) -> dict[str, Any]:
        if str(told.get("infoType")) not in {"1", "2", "3"}:
            raise _Refused("302", "DATA_TYPE_INVALID: infoType")
        known = {_id(number): number for number in self._kept}
        named = str(told.get("declarationId") or "").split(";")
        if strange := [each for each in named if each not in known]:
            raise _Refused("201", f"RECORD_NOT_FOUND: {strange[0][:40]}")
        for each in named:
            self._fetched[known[each]] = self._state(known[each], now)
        return {"STATUS": "501", "DESCRIPTION": SAVED}

    def _catalogue(self, told: dict[str, Any], now: datetime) -> list[dict[str, str]]:
        del now
        rows = _CATALOGUES.get(str(told.get("infoType")))
        if rows is None:
            raise _Refused("302", "DATA_TYPE_INVALID: infoType")
        return [{"ID": number, "NAME": name} for number, name in rows.items()]

    def _standing(self, number: str, now: datetime) -> dict[str, str]:
        state = self._state(number, now)
        day = (
            (self._received[number] + timedelta(seconds=self._takes)).strftime("%d/%m/%Y")
            if state == READY
            else ""
        )
        return {
            "DEC_STATUS_ID": state,
            "DEC_STATUS_NAME": _NAMES[state],
            "APPROVE_DATE": day,
            "ISSUE_DATE": day,
        }

    def _state(self, number: str, now: datetime) -> str:
        elapsed = (now - self._received[number]).total_seconds()
        if elapsed >= self._takes:
            return READY
        return PROCESSING if elapsed >= self._takes / 4 else RECEIVED


def simulate(settings: Settings) -> RegistrationSimulator:
    """A fresh stand-in at the addresses of ``settings``."""
    return RegistrationSimulator(settings)


def _checked(told: dict[str, Any], settings: Settings) -> str:
    """The receipt number of a message that is what the contract says; _Refused names what is not."""
    guide = "declarationWSForm" in told
    declaration, sojourns, mandate = (
        ("declarationWSForm", "residenceWSForm", "mandatorWSForm")
        if guide
        else ("declarationForm", "residenceForm", "mandatorForm")
    )
    top = {**_TOP, **({"idMinistryJustice": _NUMBER} if guide else {})}
    parts = {declaration: told.get(declaration), mandate: told.get(mandate)}
    rows = told.get(sojourns)
    if not all(isinstance(part, dict) for part in parts.values()) or not isinstance(rows, list):
        raise _Refused("200", f"RECORD_UNCOMPLETE: {declaration}, {sojourns}, {mandate}")
    scalars = {name: value for name, value in told.items() if name not in {*parts, sojourns}}
    faults = [*_faults(scalars, top, tuple(top)), *_faults(told[declaration], _DECLARATION, _DEMANDED)]
    faults += _faults(told[mandate], _MANDATE, ("fullName",))
    for row in rows:
        faults += _faults(row, _SOJOURN, ("fromDateStr", "toDateStr", "residencePlace"))
    if faults:
        raise _Refused(*faults[0])
    if guide and str(told["idMinistryJustice"]) != settings.unit_id:
        raise _Refused("106", "AGENCY_ID_INCORRECT")
    return str(told["idReceivedDec"])


def _faults(given: Any, known: Mapping[str, str], demanded: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not isinstance(given, dict):
        yield "302", "DATA_TYPE_INVALID"
        return
    yield from (("200", f"RECORD_UNCOMPLETE: {name}") for name in demanded if given.get(name) in (None, ""))
    for name, value in given.items():
        if name not in known:
            yield "302", f"DATA_TYPE_INVALID: {name[:40]} không có trong đặc tả"
        elif not _fits(value, known[name]) or (name in _VALUES and str(value) not in _VALUES[name]):
            yield "302", f"DATA_TYPE_INVALID: {name}"


def _fits(value: Any, kind: str) -> bool:
    if kind == _NUMBER:
        written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else "?"
        return written == "" or _PATTERNS[_NUMBER].fullmatch(written) is not None
    if not isinstance(value, str):
        return False
    return kind == _TEXT or not value or _PATTERNS[kind].fullmatch(value) is not None


def _id(number: str) -> str:
    return f"MA-{number}"


def _said(service: str, document: Any, status: int = 200) -> SimulatedResponse:
    body = json.dumps(document, ensure_ascii=False).encode()
    return SimulatedResponse(status=status, body=body, service=service)


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
