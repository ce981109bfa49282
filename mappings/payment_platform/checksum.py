"""MaXacThuc: SHA-256 of the hashed fields and the secret, joined by ``|`` (payment_platform §4).

A plain hash with the secret as its last item, not an HMAC; the kind of message is fixed by the endpoint, never read
from the message. Invariant: a value that the wire cannot carry unambiguously is never hashed, and codes are compared
in constant time over every secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

SEPARATOR: Final = "|"
FIELD: Final = "MaXacThuc"

ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "INIT": (
        *("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "SoTien", "LoaiHinhThanhToan"),
        *("MaKenhThanhToan", "MaThietBi", "NgonNgu", "MaTienTe", "MaNganHang", "ThongTinGiaoDich"),
        *("ThoiGianGD", "Ip"),
    ),
    "CONFIRM": (
        *("LoaiBanTin", "MaLoi", "MaDoiTac", "MaThamChieu", "SoTien", "MaTienTe", "MaGiaoDich"),
        *("MaNganHang", "ThoiGianGD", "ThongTinGiaoDich"),
    ),
    "QUERY": ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
    "GET_BILL": ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
}

# §14 U2: nobody verifies answers, so these are candidates; the stand-in uses them.
ANSWER_ORDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "confirm_order": ORDER["CONFIRM"],
    "short": ("MaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
}
RETURN_ORDER: Final = ("data", "responseCode")  # §14 U3: of the browser return, assumed; never relied upon


class Unhashable(ValueError):
    """A value that is no text and no integer; the message as a whole is malformed."""


def canon(value: object) -> str:
    """A field as it is hashed: the decoded text itself, an integer in plain decimal, nothing for null (§4 rules 1-3)."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            raise Unhashable("a truth value")
        case int():
            return str(value)
        case _:
            raise Unhashable(type(value).__name__)


def joined(order: Sequence[str], message: Mapping[str, object]) -> str:
    """What is hashed, without the secret: for the record of an attempt (§11.2)."""
    return SEPARATOR.join(canon(message.get(name)) for name in order)


def code(order: Sequence[str], message: Mapping[str, object], secret: str) -> str:
    """The check code over the fields of ``order``; 64 lower-case hexadecimal digits."""
    text = f"{joined(order, message)}{SEPARATOR}{secret}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def mac(kind: str, message: Mapping[str, object], secret: str) -> str:
    """MaXacThuc of a message of ``kind`` (INIT, CONFIRM, QUERY, GET_BILL)."""
    return code(ORDER[kind], message, secret)


def same(one: str, other: object) -> bool:
    """Whether a received code is ``one``, in constant time; anything but text is not."""
    given = other.encode("utf-8", "surrogatepass") if isinstance(other, str) else b""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), given)


def verify(
    kind: str, message: Mapping[str, object], secrets: Sequence[str], *, any_case: bool = False
) -> bool:
    """Whether the message's MaXacThuc was made with one of ``secrets``: the current one, or one that is on its way out.

    Every secret is tried, so that the time says nothing about which. Raises Unhashable.
    """
    given = message.get(FIELD)
    if any_case and isinstance(given, str):
        given = given.lower()
    good = False
    for secret in secrets:
        good |= same(mac(kind, message, secret), given)
    return good


def answer_proof(answer: Mapping[str, object], secrets: Sequence[str]) -> str:
    """Which assumed formula an answer's code follows: its name, ``none`` when there is no code, else ``wrong``."""
    given = answer.get(FIELD)
    if given in (None, ""):
        return "none"
    found = "wrong"
    for name, order in ANSWER_ORDERS.items():
        for secret in secrets:
            try:
                if same(code(order, answer, secret), given):
                    found = name
            except Unhashable:
                continue
    return found
