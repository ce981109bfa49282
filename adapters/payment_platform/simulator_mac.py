"""``MaXacThuc`` as payment_platform §4 words it, written a second time for the stand-in.

Invariant: shares no code with the adapter's own encoding, so that a mistake in one of the two cannot hide in both.
Strict: lower-case hex, no trimming, no Unicode normalisation; a value that is neither text, integer nor null fails.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

ORDER: Mapping[str, tuple[str, ...]] = {
    "INIT": (
        "LoaiBanTin",
        "PhienBan",
        "MaDoiTac",
        "MaThamChieu",
        "SoTien",
        "LoaiHinhThanhToan",
        "MaKenhThanhToan",
        "MaThietBi",
        "NgonNgu",
        "MaTienTe",
        "MaNganHang",
        "ThongTinGiaoDich",
        "ThoiGianGD",
        "Ip",
    ),
    "CONFIRM": (
        "LoaiBanTin",
        "MaLoi",
        "MaDoiTac",
        "MaThamChieu",
        "SoTien",
        "MaTienTe",
        "MaGiaoDich",
        "MaNganHang",
        "ThoiGianGD",
        "ThongTinGiaoDich",
    ),
    "QUERY": ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
    "GET_BILL": ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
    # §14 U2, assumed: answers to INIT and GET_BILL (V15); answers to QUERY go in the order of CONFIRM (V13, V14).
    "ANSWER": ("MaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
}
"""Which fields are hashed, in which order, per kind of message."""


def sealed(kind: str, message: Mapping[str, object], secret: str) -> str:
    """The code that ``message`` must carry. ValueError when a hashed value has no plain form on the wire."""
    return digest((_plain(message.get(name)) for name in ORDER[kind]), secret)


def digest(values: Iterable[str], secret: str) -> str:
    """§4, 4-5: joined by bars, the secret last, SHA-256 in lower-case hex."""
    return hashlib.sha256("|".join((*values, secret)).encode("utf-8", "surrogatepass")).hexdigest()


def genuine(kind: str, message: Mapping[str, object], secrets: Iterable[str]) -> bool:
    """Whether ``message`` carries the code of one of ``secrets``; never raises."""
    got = message.get("MaXacThuc")
    if not isinstance(got, str):
        return False
    try:
        wanted = [sealed(kind, message, secret) for secret in secrets]
    except ValueError:
        return False
    given = got.encode("utf-8", "surrogatepass")
    # All are compared, whichever fits, so that time tells nothing.
    return sum(hmac.compare_digest(each.encode(), given) for each in wanted) > 0


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("not a value of the wire")
