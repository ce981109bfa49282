"""What the national portal sends by itself: land notices, evidence of payment, look-ups (payment_platform §8, §9).

Invariant: a delivery is bytes that depend only on the order given, so a repeated delivery is repeated to the byte.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

import msgspec

from adapters.payment_platform.simulator_model import SimulatorConfig
from gateway.domain.errors import RecordError

Body: TypeAlias = dict[str, Any]


class NoticeOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message of notices for one dossier. ``variants``: of ``NOTICE_VARIANTS``, in order."""

    MaHoSo: str = "H99.15-260901-0042"
    MaSoThue: str = "8000000001"
    SoQuyetDinh: tuple[str, ...] = ("LTB2699001-TK0000012/TB-CCT", "LTB2699001-TK0000013/TB-CCT")
    SoTien: tuple[int, ...] = (1_250_000, 3_500_000_000)
    NgayQuyetDinh: str = "25-09-2026"
    variants: tuple[str, ...] = ()


class EvidenceOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Evidence that one notice was paid. ``parts`` above 1: that many payments which add up to ``SoTien``."""

    MaHoSo: str = "H99.15-260901-0042"
    MaSoThue: str = "8000000001"
    MaThongBaoThue: str = "LTB2699001-TK0000013/TB-CCT"
    SoTien: int = 3_500_000_000
    ThoiGianThanhToan: str = "20260928102030"
    TrangThaiThanhToan: int = 1
    UrlFileChungTu: str = "https://pay.example.invalid/bill/ctt-42.pdf"
    parts: int = 1
    variants: tuple[str, ...] = ()


class LookupOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The portal asks what must be paid for a dossier (§8.1)."""

    MaHoSo: str = "H99.15-260928-0007"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the province."""

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json; charset=utf-8"),)


_DATES = {
    "date_slashes": "25/09/2026",
    "date_and_time": "25/09/2026 08:30:00",
    "date_digits": "20260925",
    "date_unreadable": "hôm qua",
}
_ENTITIES = {
    "xxe_probe": '<!DOCTYPE DATA [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
    "entity_bomb": (
        '<!DOCTYPE DATA [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY x "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    ),
}
NOTICE_VARIANTS: tuple[str, ...] = (
    *_DATES,
    *_ENTITIES,
    "tag_tieu_muc",
    "unknown_dossier",
    "duplicate",
    "amount_changed",
    "amount_unreadable",
    "amount_missing",
    "not_base64",
    "wrong_key",
    "no_key",
    "upper_envelope",
)
EVIDENCE_VARIANTS: tuple[str, ...] = (
    "unknown_dossier",
    "duplicate",
    "amount_as_text",
    "amount_unreadable",
    "evidence_before_notice",
    "blank_district",
    "not_paid",
    "internal_url",
    "wrong_key",
    "no_key",
    "upper_envelope",
)


def notices(order: NoticeOrder, config: SimulatorConfig) -> list[Letter]:
    """§9.2; ``duplicate`` sends it twice, ``amount_changed`` sends it again with other amounts."""
    _require(order.variants, NOTICE_VARIANTS)
    xml = _notice_xml(order, order.SoTien)
    letters = [_notice_letter(xml, order, config)]
    if "duplicate" in order.variants:
        letters *= 2
    if "amount_changed" in order.variants:
        changed = _notice_xml(order, tuple(amount + 1000 for amount in order.SoTien))
        letters.append(_notice_letter(changed, order, config))
    return letters


def _notice_xml(order: NoticeOrder, amounts: tuple[int, ...]) -> str:
    dossier = f"{order.MaHoSo}-LA" if "unknown_dossier" in order.variants else order.MaHoSo
    date = next((text for name, text in _DATES.items() if name in order.variants), order.NgayQuyetDinh)
    doctype = next((text for name, text in _ENTITIES.items() if name in order.variants), "")
    tag = "TEN_TIEU_MUC" if "tag_tieu_muc" in order.variants else "TEN_TIEUMUC"
    name = "&x;" if doctype else "Lệ phí trước bạ nhà đất"
    rows = ""
    for number, amount in zip(order.SoQuyetDinh, amounts, strict=False):
        said = "một triệu" if "amount_unreadable" in order.variants else str(amount)
        told = "" if "amount_missing" in order.variants else f"<SO_TIEN>{said}</SO_TIEN>"
        rows += (
            f"<LIST><MA_SO_THUE>{escape(order.MaSoThue)}</MA_SO_THUE>"
            f"<SO_QUYET_DINH>{escape(number)}</SO_QUYET_DINH><NGAY_QUYET_DINH>{escape(date)}</NGAY_QUYET_DINH>"
            f"<{tag}>{name}</{tag}>{told}</LIST>"
        )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}<DATA><HEADER><MESSAGE_ID>DEMO-0001</MESSAGE_ID></HEADER>'
        f"<BODY><ROW_LIST><MA_HSO>{escape(dossier)}</MA_HSO>{rows}</ROW_LIST></BODY></DATA>"
    )


def _notice_letter(xml: str, order: NoticeOrder, config: SimulatorConfig) -> Letter:
    packed = base64.b64encode(xml.encode()).decode("ascii")
    body: Body = {
        "SecurityKey": config.security_key,
        "service": "NhanThongBaoThueDat",
        "Ngay": "20260925",
        "isUpdating": "false",
        "data": {"FileThongBaoThue": "%%%" if "not_base64" in order.variants else packed},
    }
    return _letter(config.notice_path, body, order.variants)


def evidence(order: EvidenceOrder, config: SimulatorConfig) -> list[Letter]:
    """§9.3; one message per part."""
    _require(order.variants, EVIDENCE_VARIANTS)
    if order.parts < 1 or order.SoTien < order.parts:
        raise RecordError(
            f"evidence: got {order.parts} parts of {order.SoTien}, expected at least one đồng each"
        )
    share = order.SoTien // order.parts
    letters = []
    for part in range(order.parts):
        amount = share if part else order.SoTien - share * (order.parts - 1)
        time = str(int(order.ThoiGianThanhToan) + part) if part else order.ThoiGianThanhToan
        letters.append(_evidence_letter(order, amount, time, config))
    return letters * 2 if "duplicate" in order.variants else letters


def _evidence_letter(order: EvidenceOrder, amount: int, time: str, config: SimulatorConfig) -> Letter:
    variants = order.variants
    said: int | str = str(amount) if "amount_as_text" in variants else amount
    body: Body = {
        "SecurityKey": config.security_key,
        "service": "NhanChungTuThueDat",
        "isUpdating": "false",
        "data": {
            "MaHoSo": f"{order.MaHoSo}-LA" if "unknown_dossier" in variants else order.MaHoSo,
            "MaSoThue": order.MaSoThue,
            "HoTenNguoiNopTien": "Trần Thị Mẫu",
            "SoCMTNguoiNopTien": "099000000002",
            "DiaChiNguoiNopTien": "Số 2 đường Mẫu",
            "TinhNguoiNopTien": "Tỉnh Mẫu",
            "HuyenNguoiNopTien": "" if "blank_district" in variants else "-",
            "XaNguoiNopTien": "Phường Mẫu",
            "UrlFileChungTu": (
                "http://169.254.169.254/ctt.pdf" if "internal_url" in variants else order.UrlFileChungTu
            ),
            "ThongTinThanhToan": {
                "MaThongBaoThue": (
                    f"{order.MaThongBaoThue}-SAU"
                    if "evidence_before_notice" in variants
                    else order.MaThongBaoThue
                ),
                "NoiDungThanhToan": "Nộp thuế TNCN chuyển nhượng BĐS",
                "SoTien": "ba tỷ rưỡi" if "amount_unreadable" in variants else said,
                "ThoiGianThanhToan": time,
                "TrangThaiThanhToan": 0 if "not_paid" in variants else order.TrangThaiThanhToan,
            },
        },
    }
    return _letter(config.evidence_path, body, variants)


def lookups(order: LookupOrder, config: SimulatorConfig) -> list[Letter]:
    """§8.1."""
    return [Letter(path=config.lookup_path, body=msgspec.json.encode({"MaHoSo": order.MaHoSo}))]


def _letter(path: str, body: Body, variants: tuple[str, ...]) -> Letter:
    if "wrong_key" in variants:
        body = {**body, "SecurityKey": "khoa-sai"}
    if "no_key" in variants:
        body = {name: value for name, value in body.items() if name != "SecurityKey"}
    if "upper_envelope" in variants:  # §9.1: the other source writes its keys so
        body = {name[:1].upper() + name[1:]: value for name, value in body.items()}
    return Letter(path=path, body=msgspec.json.encode(body))


def _require(given: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise RecordError(f"variants: got {', '.join(unknown)}, expected some of {', '.join(known)}")


Builder: TypeAlias = Callable[[Any, SimulatorConfig], list[Letter]]
LETTERS: Mapping[str, tuple[type[msgspec.Struct], Builder]] = {
    "land/notice": (NoticeOrder, notices),
    "land/evidence": (EvidenceOrder, evidence),
    "lookup": (LookupOrder, lookups),
}
