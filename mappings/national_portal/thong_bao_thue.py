"""``nhantbthuedvcqg``: a notice of a financial obligation, or the voucher of its payment (national_portal §7.6).

The entities are seen, the wire is inferred (U17); a different schema means a change in this module only.
"""

from __future__ import annotations

from mappings.national_portal.inbound import (
    Body,
    Filed,
    Household,
    NotTaken,
    field,
    fingerprint,
    number,
    passage,
    without_blanks,
)

PATH = "nhantbthuedvcqg"

_NOTICE = (
    ("Nguon", "source"),
    ("MaSoThue", "tax_code"),
    ("SoQuyetDinh", "decision_number"),
    ("NgayQuyetDinh", "decision_on"),
    ("TenTieuMuc", "item"),
)
_VOUCHER = (
    ("MaThongBaoThue", "notice"),
    ("ThoiGianThanhToan", "paid_at"),
    ("TrangThaiThanhToan", "payment_state"),
    ("BienLai", "receipt"),
)


def read(body: Body, _household: Household) -> Filed:
    """The notice or voucher; NotTaken when it is neither."""
    inner = body.get("data")
    data = inner if isinstance(inner, dict) else body
    if not data:
        raise NotTaken("data empty")
    code = number(data, "MaHoSo")
    print_ = fingerprint(dict(data))
    if field(data, "MaThongBaoThue") or field(data, "TrangThaiThanhToan"):
        told = {ours: field(data, official) for official, ours in _VOUCHER}
        told["content_of_payment"] = passage(data, "NoiDungThanhToan")
        kind = "tax_voucher"
    else:
        told = {ours: field(data, official) for official, ours in _NOTICE}
        kind = "tax_notice"
    return Filed(
        key=f"{kind}:{code}:{print_}",
        kind=kind,
        code=code,
        data={**without_blanks(told), **_amount(data, kind), "content": data},
    )


def _amount(data: Body, kind: str) -> dict[str, int]:
    written = field(data, "SoTien")
    if not written:
        if kind == "tax_notice":
            raise NotTaken("SoTien empty")
        return {}
    if not (written.isascii() and written.isdecimal() and len(written) <= 15):
        raise NotTaken("SoTien invalid")
    return {"amount": int(written)}
