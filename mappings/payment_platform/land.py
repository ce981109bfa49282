"""Land obligations: ``NhanThongBaoThueDat`` and ``NhanChungTuThueDat`` in both dialects (payment_platform §9).

Invariant: the XML is read without DTD, entities and network, within bounds; a row with an unreadable amount or date is
refused with its reason and never becomes zero or year one (§13, pitfalls 14 and 15).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final, TypeAlias

from gateway.codec import Json, Unreadable, xml
from gateway.domain.land_tax import LandEvidence, LandNotice, RefusedRow
from gateway.domain.violation import shown
from gateway.mapping import parse_date14
from mappings.payment_platform.reading import amount

NOTICES: Final = "NhanThongBaoThueDat"
EVIDENCE: Final = "NhanChungTuThueDat"
KEY_FIELD: Final = "SecurityKey"
KEY: Final = KEY_FIELD.lower()  # keys of an envelope are read in lower case
UPDATING: Final = "isupdating"

_DATES = (
    re.compile(r"(?P<d>\d{2})-(?P<m>\d{2})-(?P<y>\d{4})\Z", re.ASCII),
    re.compile(r"(?P<d>\d{2})/(?P<m>\d{2})/(?P<y>\d{4})(?: \d{2}:\d{2}:\d{2})?\Z", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})\Z", re.ASCII),
)
_ITEM_NAMES = ("TEN_TIEUMUC", "TEN_TIEU_MUC")  # §14 U17

_Row: TypeAlias = Mapping[str, str]


class NotTaken(Exception):
    """The message as a whole cannot be taken; ``reason`` goes into the answer."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def lowered(document: Mapping[str, Json]) -> dict[str, Json]:
    """Keys in lower case (§9.1: accept any). NotTaken where two keys are then the same."""
    found = {key.lower(): value for key, value in document.items()}
    if len(found) != len(document):
        raise NotTaken("repeated_key", "a key stands twice, in different case")
    return found


def truth(value: Json) -> bool:
    """``isUpdating``: a boolean or a text."""
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "1"})


def notices(data: Json, max_rows: int) -> tuple[tuple[LandNotice, ...], tuple[RefusedRow, ...]]:
    """Notices and refused rows of a ``data`` object with FileThongBaoThue; NotTaken when nothing can be read of it."""
    fields = lowered(data) if isinstance(data, dict) else {}
    encoded = fields.get("filethongbaothue")
    if not isinstance(encoded, str) or not encoded.strip():
        raise NotTaken("no_file", "FileThongBaoThue is missing")
    try:
        root = xml.read(base64.b64decode("".join(encoded.split()), validate=True))
    except (binascii.Error, ValueError) as fault:
        raise NotTaken("not_base64", "FileThongBaoThue is not base64") from fault
    except Unreadable as fault:
        raise NotTaken(fault.code, f"FileThongBaoThue: {fault.code}") from fault
    taken: dict[tuple[str, str, str], LandNotice] = {}
    refused: list[RefusedRow] = []
    for place, row in enumerate(_rows(root), start=1):
        if place > max_rows:
            raise NotTaken("too_many", f"more than {max_rows} notices in one message")
        found = _notice(row, f"row {place}")
        if isinstance(found, RefusedRow):
            refused.append(found)
            continue
        key = (found.dossier, found.tax_code, found.number)
        if key in taken and taken[key] != found:
            refused.append(
                RefusedRow(row=f"row {place}", code="contradiction", reason="the same notice twice")
            )
            continue
        taken[key] = found
    if not taken and not refused:
        raise NotTaken("no_rows", "there is no ROW_LIST with a LIST in it")
    return tuple(taken.values()), tuple(refused)


def _rows(root: xml.Element) -> Iterator[_Row]:
    """One flat row per LIST; a dossier's row may stand at any depth (§9.2)."""
    for dossier in root.iter():
        if xml.local(dossier) != "ROW_LIST":
            continue
        number = next((_text(child) for child in dossier if xml.local(child) == "MA_HSO"), "")
        lists = [child for child in dossier if xml.local(child) == "LIST"]
        if not lists:
            yield {"MA_HSO": number}
        for each in lists:
            yield {"MA_HSO": number, **{xml.local(child): _text(child) for child in each}}


def _text(element: xml.Element) -> str:
    return " ".join((element.text or "").split())


def _notice(row: _Row, place: str) -> LandNotice | RefusedRow:
    limits = {"MA_HSO": 50, "MA_SO_THUE": 50, "SO_QUYET_DINH": 50}
    for name, limit in limits.items():
        if not 0 < len(row.get(name, "")) <= limit:
            return RefusedRow(
                row=place, code="bad_field", reason=f"{name} has {len(row.get(name, ''))} characters"
            )
    item = next((row[name] for name in _ITEM_NAMES if row.get(name)), "")
    if len(item) > 1000:
        return RefusedRow(row=place, code="bad_field", reason="the sub-item's name is longer than 1000")
    issued = day(row.get("NGAY_QUYET_DINH", ""))
    if issued is None:
        got = shown(row.get("NGAY_QUYET_DINH", ""))
        return RefusedRow(row=place, code="bad_date", reason=f"NGAY_QUYET_DINH {got}")
    due = amount(row.get("SO_TIEN", ""))
    if due is None:
        return RefusedRow(row=place, code="bad_amount", reason=f"SO_TIEN {shown(row.get('SO_TIEN', ''))}")
    return LandNotice(
        dossier=row["MA_HSO"],
        tax_code=row["MA_SO_THUE"],
        number=row["SO_QUYET_DINH"],
        issued_on=issued,
        item=item,
        amount=due,
    )


def day(written: str) -> date | None:
    """A day in any of the forms of §9.2; None when it is none."""
    for form in _DATES:
        if match := form.match(written):
            try:
                return date(int(match["y"]), int(match["m"]), int(match["d"]))
            except ValueError:
                return None
    return None


# official name: (attribute, longest, must be there)
_PAYER = {
    "HoTenNguoiNopTien": ("payer", 100, True),
    "SoCMTNguoiNopTien": ("payer_identity", 50, True),
    "DiaChiNguoiNopTien": ("payer_address", 100, True),
    "TinhNguoiNopTien": ("payer_province", 50, False),
    "XaNguoiNopTien": ("payer_ward", 50, False),
    "UrlFileChungTu": ("url", 1000, True),
    "MaHoSo": ("dossier", 50, True),
    "MaSoThue": ("tax_code", 50, True),
}
_PAYMENT = {
    "MaThongBaoThue": ("number", 50, True),
    "NoiDungThanhToan": ("content", 1000, True),
    "ThoiGianThanhToan": ("paid_at", 14, True),
}


def evidence(data: Json) -> LandEvidence:
    """The payment that ``data`` tells of; NotTaken names the field that keeps it from being one (§9.3).

    The district is not asked for: there are none any more.
    """
    fields = lowered(data) if isinstance(data, dict) else {}
    inner = fields.get("thongtinthanhtoan")
    payment = lowered(inner) if isinstance(inner, dict) else {}
    texts = {**dict(_texts(fields, _PAYER)), **dict(_texts(payment, _PAYMENT))}
    if len(texts["paid_at"]) != 14 or parse_date14(texts["paid_at"]) is None:
        raise NotTaken("bad_date", "ThoiGianThanhToan is not yyyyMMddHHmmss")
    paid = amount(payment.get("sotien"))
    if paid is None or paid == 0:
        raise NotTaken("bad_amount", "SoTien is no amount of đồng")
    state = payment.get("trangthaithanhtoan")
    if isinstance(state, bool) or not isinstance(state, int | str) or str(state).strip() == "":
        raise NotTaken("bad_field", "TrangThaiThanhToan is missing")
    return LandEvidence(**texts, amount=paid, paid=str(state).strip() == "1")


def _texts(
    fields: Mapping[str, Json], wanted: Mapping[str, tuple[str, int, bool]]
) -> Iterator[tuple[str, str]]:
    for name, (attribute, longest, needed) in wanted.items():
        value = fields.get(name.lower())
        written = value.strip() if isinstance(value, str) else ""
        if (needed and not written) or len(written) > longest or "\x00" in written:
            raise NotTaken("bad_field", f"{name} is missing" if not written else f"{name} cannot be stored")
        yield attribute, written


def reply(form: str, *, good: bool, text: str) -> dict[str, Json]:
    """The answer's document in one of the two forms of §9.1."""
    if form == "error_code":
        return {"error_code": 0 if good else -1, "message": text}
    return {"succeeded": good, "failed": not good, "message": text, "data": None}
