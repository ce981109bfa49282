"""What the ministry tells about a dossier: states, the one supplement notice, permits, refusals, planning information.

From response elements that the schema allows to reports of ``gateway.port.progress``. Rows are those of the requests
where the schema has one type for both. Invariants: a file is handed on only with the size and the SHA-256 that the
answer gives for it; the data of an event name no person but officials who sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any, Literal

import msgspec

from gateway.codec import Unreadable, canonical
from gateway.codec.xml import Element, local
from gateway.domain.status import Status
from gateway.mapping.formats import VIETNAM
from gateway.mapping.tree import Row
from gateway.port.progress import ProgressReport, ReportedFile, ReportedSupplement
from mappings.construction.answers import SPACE
from mappings.construction.codes import PAPERS, STATUSES
from mappings.construction.parts import SITE, WORK

MINISTRY = "Bộ Xây dựng"
_Purpose = Literal["result", "attachment"]
REPEATED = frozenset(
    {"CongTrinh", "DoanTuyen", "ThuaDat", "Diem", "DoAn", "ODat", "Duong", "GiayToCanBoSung", "LinhVuc"}
)
PROCESSING = {"appraisal": "1", "site_check": "2", "consultation": "3", "signing": "4"}
STEPS = {
    "appraisal": "Thẩm định hồ sơ",
    "site_check": "Kiểm tra thực địa",
    "consultation": "Lấy ý kiến cơ quan liên quan",
    "signing": "Trình ký",
}
"""BuocXuLy in words, for those who read the dossier's steps."""
STATE = (
    Row("MaHoSoBXD", "partner_code"),
    Row("TrangThaiXuLy", "status", codes={status: code for code, status in STATUSES.items()}),
    Row("TenTrangThaiXuLy", "title"),
    Row("BuocXuLy", "step", codes=PROCESSING),
    Row("ThoiDiem", "at"),
    Row("NgayHenTra", "promised_at"),
    Row("LyDo", "reason"),
    Row("NguoiXuLy", "official"),
    Row("ChucDanh", "position"),
    Row("PhongBanXuLy", "unit"),
)
NOTICE_PAPER = (Row("MaGiayTo", "kind", codes=PAPERS), Row("TenGiayTo", "title"), Row("LyDo", "reason"))
NOTICE = (
    Row("MaYeuCauBoSung", "number"),
    Row("NgayYeuCau", "requested_at"),
    Row("HanBoSung", "until"),
    Row("NoiDung", "reason"),
    Row("GiayToCanBoSung", "papers", NOTICE_PAPER),
    Row("SoVanBan", "document_number"),
)
PERMIT = (
    Row("SoGiayPhep", "number"),
    Row(
        "LoaiGiayPhep",
        "kind",
        codes={"permit": "1", "fixed_term": "2", "adjustment": "3", "extension": "4", "copy": "5"},
    ),
    Row("NgayCap", "issued_on"),
    Row("CoQuanCap", "issued_by"),
    Row("MaCoQuanCap", "issuer"),
    Row("NguoiKy", "signer"),
    Row("ChucVu", "position"),
    Row("MaSoThongTinCongTrinh", "national_number"),
    Row("DiaDiem", "site", SITE),
    Row("CongTrinh", "works", WORK),
    Row("ChiGioiDuongDo", "red_line"),
    Row("ChiGioiXayDung", "building_line"),
    Row("MauSacCongTrinh", "colour"),
    Row("NgayHetHieuLucKhoiCong", "start_until"),
    Row("ThoiHanTonTai", "term"),
    Row("LanGiaHan", "extension"),
    Row("NoiDungKhac", "other"),
)
REFUSAL = (
    Row("SoVanBan", "number"),
    Row("NgayVanBan", "issued_on"),
    Row("NguoiKy", "signer"),
    Row("LyDo", "reason"),
)
SCHEME = (
    Row("MaDoAn", "number"),
    Row("TenDoAn", "name"),
    Row(
        "LoaiQuyHoach",
        "kind",
        codes={
            "general": "1",
            "zoning": "2",
            "detailed": "3",
            "design": "4",
            "regulation": "5",
            "site_plan": "6",
        },
    ),
    Row("TyLe", "scale"),
    Row("SoQuyetDinh", "decision_number"),
    Row("NgayQuyetDinh", "decided_on"),
    Row("CoQuanPheDuyet", "approved_by"),
)
LOT = (
    Row("KyHieu", "sign"),
    Row("MaChucNang", "use_code"),
    Row("TenChucNang", "use"),
    Row("DienTich", "area"),
    Row("MatDoXayDungToiDa", "most_density"),
    Row("HeSoSuDungDatToiDa", "most_floor_ratio"),
    Row("SoTangToiThieu", "least_storeys"),
    Row("SoTangToiDa", "most_storeys"),
    Row("ChieuCaoToiThieu", "least_height"),
    Row("ChieuCaoToiDa", "most_height"),
    Row("KhoangLuiToiThieu", "least_setback"),
)
ROAD = (
    Row("TenDuong", "name"),
    Row("LoGioi", "width"),
    Row("ChiGioiDuongDo", "red_line"),
    Row("ChiGioiXayDung", "building_line"),
)
PLANNING = (
    Row("TinhTrang", "state", codes={"planned": "1", "unplanned": "2", "out_of_scope": "3"}),
    Row("DoAn", "schemes", SCHEME),
    Row("ODat", "lots", LOT),
    Row("Duong", "roads", ROAD),
    Row("HaTangKyThuat", "infrastructure"),
    Row("KienTrucCanhQuan", "architecture"),
    Row("HanCheKhac", "restrictions"),
    Row("SoVanBan", "number"),
    Row("NgayVanBan", "issued_on"),
    Row("NguoiKy", "signer"),
)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A state that was told. ``dossier``: the number that we gave; ``partner_code``: the ministry's own."""

    dossier: str
    partner_code: str
    report: ProgressReport


def states(content: Element) -> tuple[Seen, ...]:
    """The states in an answer to TraCuuTrangThai or LayDanhSachThayDoi."""
    return tuple(_state(each) for each in content.iterchildren(f"{SPACE}TrangThaiHoSo"))


def own_number(content: Element) -> str:
    """The ministry's own number of a dossier, in an answer to its filing; empty without one."""
    return content.findtext(f"{SPACE}MaHoSoBXD", "").strip()


def notice_number(content: Element) -> str:
    """The number of the notice in an answer to LayYeuCauBoSung; empty without one."""
    return content.findtext(f"{SPACE}YeuCauBoSung/{SPACE}MaYeuCauBoSung", "").strip()


def notice(content: Element) -> ProgressReport | None:
    """The supplement notice in an answer to LayYeuCauBoSung; Unreadable when its file is not what it should be."""
    element = content.find(f"{SPACE}YeuCauBoSung")
    if element is None:
        return None
    data = unfold(NOTICE, element)
    at = _instant(data["requested_at"])
    return ProgressReport(
        key=f"supplement:{data['number']}",
        kind="supplement.requested",
        at=at,
        title="Yêu cầu bổ sung hồ sơ",
        note=data["reason"],
        unit=MINISTRY,
        supplement=ReportedSupplement(
            reason=data["reason"], requested_at=at, requested_by=MINISTRY, until=_instant(data["until"])
        ),
        files=tuple(_files(element, "TepVanBan", "attachment", data.get("document_number", ""))),
        data=canonical.encode(data),
    )


def result(content: Element) -> ProgressReport | None:
    """The permit or the refusal in an answer to LayKetQua; None without one. Unreadable as in ``notice``."""
    permit = content.find(f"{SPACE}GiayPhep")
    if permit is not None:
        data = unfold(PERMIT, permit)
        files = (
            *_files(permit, "TepGiayPhep", "result", data["number"]),
            *_files(permit, "TepBanVe", "attachment", data["number"]),
        )
        return _decided("permit.issued", "Cấp giấy phép xây dựng", data, files)
    refusal = content.find(f"{SPACE}VanBanTuChoi")
    if refusal is None:
        return None
    data = unfold(REFUSAL, refusal)
    return _decided(
        "permit.refused",
        "Từ chối cấp giấy phép xây dựng",
        data,
        tuple(_files(refusal, "TepVanBan", "result", data["number"])),
    )


def planning(content: Element) -> ProgressReport | None:
    """The planning information in an answer to LayThongTinQuyHoach; None without any. Unreadable as in ``notice``."""
    element = content.find(f"{SPACE}ThongTinQuyHoach")
    if element is None:
        return None
    data = unfold(PLANNING, element)
    files = tuple(_files(element, "TepVanBan", "result", data.get("number", "")))
    return _decided("planning.answered", "Cung cấp thông tin quy hoạch", data, files)


def unfold(rows: tuple[Row, ...], element: Element) -> dict[str, Any]:
    """``element`` under the names that ``rows`` have for its parts; texts as they came, codes as our words."""
    found: dict[str, Any] = {}
    for row in rows:
        values = [_unfolded(row, child) for child in element.iterchildren(SPACE + row.name)]
        if values:
            found[str(row.source)] = values if row.name in REPEATED else values[0]
    return found


def _unfolded(row: Row, element: Element) -> Any:
    if row.rows:
        return unfold(row.rows, element)
    words = (element.text or "").strip()
    return next((str(word) for word, code in row.codes.items() if code == words), words)


def _state(element: Element) -> Seen:
    data = unfold(STATE, element)
    status, at = Status(data["status"]), _instant(data["at"])
    promised = data.get("promised_at")
    words = (data.get("official", ""), data.get("position", ""))
    return Seen(
        dossier=element.findtext(f"{SPACE}MaHoSo", "").strip(),
        partner_code=data.get("partner_code", ""),
        report=ProgressReport(
            key=f"status:{status.national}:{data.get('step', '')}:{at.isoformat()}",
            kind="status.changed",
            status=status,
            at=at,
            title=data["title"],
            note=_words(status, data),
            actor=", ".join(word for word in words if word),
            unit=data.get("unit", ""),
            promised_at=None if promised is None else _instant(promised),
            data=canonical.encode({name: value for name, value in data.items() if name != "official"}),
        ),
    )


def _words(status: Status, data: dict[str, Any]) -> str:
    """What a state says; of work also which part of it, since several parts may be done in one second."""
    step = STEPS.get(data.get("step", ""), "") if status is Status.PROCESSING else ""
    return ": ".join(filter(None, (step, data.get("reason", ""))))


def _decided(kind: str, title: str, data: dict[str, Any], files: tuple[ReportedFile, ...]) -> ProgressReport:
    day = data.get("issued_on")
    return ProgressReport(
        # one dossier has one decision; another number is another decision
        key=f"{kind}:{data.get('number', '')}",
        kind=kind,
        at=None if day is None else datetime.combine(_day(day), time(), VIETNAM).astimezone(UTC),
        title=title,
        note=data.get("reason", ""),
        actor=data.get("signer", ""),
        unit=data.get("issued_by", MINISTRY),
        files=files,
        data=canonical.encode(data),
    )


def _files(element: Element, name: str, purpose: _Purpose, code: str) -> Iterator[ReportedFile]:
    for file in element.iterchildren(SPACE + name):
        yield ReportedFile(
            name=file.findtext(f"{SPACE}TenTep", "").strip(),
            media_type=file.findtext(f"{SPACE}LoaiTep", "").strip(),
            content=_content(file),
            purpose=purpose,
            code=code,
        )


def _content(file: Element) -> bytes:
    """The bytes of a file, proven by their number and their digest (construction §4.1, R10)."""
    written = file.findtext(f"{SPACE}NoiDung")
    if written is None:
        # the schema lets a file be an address; the bytes behind it would come from nowhere that we trust
        raise Unreadable("file_by_address", f"{local(file)} is an address instead of bytes; ask the ministry")
    try:
        content = base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Unreadable("file_not_base64", f"{local(file)} is not base64") from fault
    if str(len(content)) != file.findtext(f"{SPACE}KichThuoc", "").strip():
        raise Unreadable(
            "file_size", f"{local(file)} has {len(content)} bytes, the answer says another number"
        )
    if hashlib.sha256(content).hexdigest() != file.findtext(f"{SPACE}MaBamSHA256", ""):
        raise Unreadable(
            "file_digest", f"the bytes of {local(file)} have another SHA-256 than the answer says"
        )
    return content


def _instant(words: str) -> datetime:
    """An instant of the schema; one without an offset is Vietnam's (construction §4.1)."""
    try:
        instant = datetime.fromisoformat(words)
        aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=VIETNAM)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise Unreadable(
            "not_an_instant", "a time of the answer is outside what can be reckoned with"
        ) from fault


def _day(words: str) -> Any:
    try:
        # xs:date may carry an offset; the day is the day that is written
        return datetime.fromisoformat(words[:10]).date()
    except ValueError as fault:
        raise Unreadable("not_a_day", "a day of the answer is outside what can be reckoned with") from fault
