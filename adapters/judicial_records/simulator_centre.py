"""The centre's own rules in its stand-in: what it refuses, what it decides, and when (judicial_records §4.3, §4.4, §6, §8).

Written from the contract, not from the adapter. Invariant: files and criminal records are never kept, only digests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

TOP = (
    "authKey",
    "maTinh",
    "tenTinh",
    "maHoSoMCDT",
    "nguonDangKy",
    "tenNguonDangKy",
    "ngayTiepNhan",
    "toKhai",
)
DECLARED = (
    *("loaiPhieu", "nycHoTen", "nycGioiTinh", "nycNgaySinh", "nycThuongTru", "nycLoaiGiayTo", "nycSoGiayTo"),
    *(
        "nycNgayCapGiayTo",
        "nycNoiCapGiayTo",
        "nycHoTenCha",
        "nycHoTenMe",
        "nycNoiSinh",
        "nycNoiSinhNuocNgoai",
    ),
    *("uyQuyen", "nycCuTru"),
)
WAITING, ISSUED, REFUSED, ASKED = "4", "9", "3", "5"
LARGE = 15 * 1024 * 1024


class Application:
    """A dossier at the centre. ``script``: clean, conviction, refusal or supplement."""

    def __init__(self, told: Mapping[str, Any], now: datetime) -> None:
        self.told = summary(told)
        self.received_at = now
        self.rounds = 1
        self.revoked = False
        declared = told["toKhai"]
        self.certificate = str(declared["loaiPhieu"])
        self.script = _script(str(declared["nycSoGiayTo"]))

    def brought(self, told: Mapping[str, Any], now: datetime) -> None:
        """What was asked for has come; the clock begins anew."""
        self.told, self.received_at, self.script = summary(told), now, "clean"
        self.rounds += 1

    def state(self, now: datetime, takes: float) -> str:
        """Where it stands, ``takes`` seconds after it came in being the end."""
        if now < self.received_at + timedelta(seconds=takes):
            return WAITING
        return {"refusal": REFUSED, "supplement": ASKED}.get(self.script, ISSUED)


def faults(told: Mapping[str, Any]) -> Iterator[str]:
    """Names of mandatory elements that are missing or empty."""
    yield from (name for name in TOP if not told.get(name))
    declared = told.get("toKhai")
    if isinstance(declared, dict):
        yield from (name for name in DECLARED if not declared.get(name))


def not_text(value: Any) -> bool:
    """Whether some scalar is no string (§4.3)."""
    match value:
        case dict():
            return any(map(not_text, value.values()))
        case list():
            return any(map(not_text, value))
        case _:
            return not isinstance(value, str)


def summary(told: Mapping[str, Any]) -> dict[str, Any]:
    """What may be kept: no key, no bytes of files."""
    return {name: _kept(value) for name, value in told.items() if name != "authKey"}


def brought_files(told: Mapping[str, Any]) -> list[str]:
    """Digests of the files in a summary, in its order."""
    return [str(each.get("noiDungFile")) for each in told["toKhai"].get("fileHoSo") or ()]


def issued_files(number: str, application: Application) -> list[str]:
    """Digests of what the centre gives out."""
    shown = result(number, application, application.received_at)
    return [_digest(shown[name]) for name in ("phieuLLTP", "quyetDinhThuHoi") if shown[name]]


def _kept(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: _digest(each) if name == "noiDungFile" else _kept(each) for name, each in value.items()
            }
        case list():
            return [_kept(each) for each in value]
        case _:
            return value


def _digest(written: Any) -> str:
    try:
        content = base64.b64decode(str(written), validate=True)
    except ValueError:
        return "not base64"
    return hashlib.sha256(content).hexdigest()


def _script(paper: str) -> str:
    return {"7": "conviction", "8": "refusal", "9": "supplement"}.get(paper[-1:], "clean")


def pdf(title: str, size: int = 0) -> str:
    """A document that begins and ends like a PDF, as base64; of ``size`` bytes at least."""
    body = f"%PDF-1.4\n% {title}\n".encode()
    return base64.b64encode(body + b" " * max(size - len(body) - 6, 0) + b"%%EOF\n").decode()


def result(number: str, application: Application, issued_at: datetime) -> dict[str, Any]:
    """What the centre gives out (§4.4)."""
    convicted = application.script == "conviction"
    serial = f"{int(hashlib.sha256(number.encode()).hexdigest()[:8], 16) % 10_000:04}/2026-LLTP"
    return {
        "soPhieuLLTP": serial,
        "ngayCapPhieu": issued_at.strftime("%d/%m/%Y"),
        "loaiPhieu": application.certificate,
        "nguoiLapPhieu": "LÊ THỊ LẬP",
        "nguoiKy": "PHẠM VĂN KÝ",
        "chucVu": "Phó Giám đốc",
        "tinhTrangAnTich": "1" if convicted else "0",
        "tenTinhTrangAnTich": "Có án tích" if convicted else "Không có án tích",
        "thongTinCDNCV": "",
        "tenThongTinCDNCV": "",
        "thongTinAn": [_conviction()] if convicted else [],
        "dsCDNCV": [],
        "phieuLLTP": pdf(f"phieu {number} {application.rounds}"),
        "quyetDinhThuHoi": pdf(f"thu hoi {number}") if application.revoked else "",
    }


def _conviction() -> dict[str, Any]:
    return {
        "soBanAn": "01/2010/HSST",
        "ngayBanAn": "10/03/2010",
        "toaDaTuyen": "T01",
        "tenToaDaTuyen": "Tòa án Mẫu",
        "dsToiDanh": [{"toiDanh": "TD01", "tenToiDanh": "Tội danh mẫu"}],
        "dsHinhPhatChinh": [{"maHinhPhat": "HP01", "tenHinhPhat": "Cảnh cáo", "ghiChu": ""}],
        "dsHinhPhatBoSung": [],
        "ngayChapHanh": "10/04/2010",
        "ngayXoaAn": "10/04/2011",
        "dieuKhoan": "Điều mẫu",
        "anPhi": "50000",
        "nghiaVuDanSu": "Không",
        "tinhTrangThiHanh": "Đã thi hành xong",
    }
