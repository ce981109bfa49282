"""Reading what the platform sends: keys in any case, flat or in a province platform's wrapper (payment_platform §5.3).

Invariant: any bytes in; a structure that says what was there out. Nothing here decides what it means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from gateway.codec import Json, Unreadable, json, xml
from gateway.domain.payment import MOST_VND
from gateway.domain.violation import shown
from gateway.mapping import Shape
from gateway.mapping.formats import text
from gateway.port import WireResponse
from mappings.payment_platform.checksum import ORDER

LONGEST_CODE = 20
LONGEST_ANSWER = 1024 * 1024
CARD_FIELDS = ("Token", "SoThe", "ThangThe", "NamThe")

# Our name for what evidence consists of, and the contract's.
EVIDENCE: Mapping[str, str] = {
    "currency": "MaTienTe",
    "transaction": "MaGiaoDich",
    "bank": "MaNganHang",
    "claimed_at": "ThoiGianGD",
}

_KNOWN = {
    name.lower(): name
    for name in (
        *(name for order in ORDER.values() for name in order),
        *CARD_FIELDS,
        *("MaXacThuc", "MoTaLoi", "UrlThanhToan", "UrlBienLai", "TrangThaiGD", "MaHoSo"),
    )
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. ``code``: MaLoi, or what the wrapper says in its place; ``fields`` by official name."""

    shape: Shape
    code: str = ""
    text: str = ""
    wrapped: bool = False
    fields: Mapping[str, Json] = {}

    @property
    def partner(self) -> Json:
        """MaDoiTac, as it stands there."""
        return self.fields.get("MaDoiTac")

    @property
    def reference(self) -> Json:
        """MaThamChieu, as it stands there."""
        return self.fields.get("MaThamChieu")

    @property
    def pay_url(self) -> Json:
        """UrlThanhToan, as it stands there."""
        return self.fields.get("UrlThanhToan")

    @property
    def receipt_url(self) -> str:
        """UrlBienLai; empty when there is none."""
        return text_of(self.fields, "UrlBienLai")

    @property
    def state(self) -> str:
        """TrangThaiGD; empty when there is none."""
        return text_of(self.fields, "TrangThaiGD")

    @property
    def amount(self) -> int | None:
        """SoTien; None when there is none that can be read."""
        return amount(self.fields.get("SoTien"))

    def says(self, attribute: str) -> str:
        """A text of ``EVIDENCE`` by our name for it; empty when it is missing."""
        return text_of(self.fields, EVIDENCE[attribute])

    def signed(self, asked_at: str) -> dict[str, Json]:
        """What an answer's check code may cover: our own ThoiGianGD where the answer has none (§14 U2)."""
        return {"ThoiGianGD": asked_at, **self.fields}


def named(document: Mapping[str, Json]) -> dict[str, Json]:
    """``document`` with keys as the contract spells them, whatever their case (§14 U16).

    Raises Unreadable where two keys are the same but for their case: readers would disagree about which one counts.
    """
    found: dict[str, Json] = {}
    for key, value in document.items():
        name = _KNOWN.get(key.lower(), key)
        if name in found:
            raise Unreadable("repeated_key", f"key {shown(name)} stands twice, in different case")
        found[name] = value
    return found


def read(response: WireResponse, wrapper_codes: Collection[str]) -> Told:
    """What an answer of INIT, QUERY or GET_BILL is made of."""
    if not response.body.strip():
        return Told(shape=Shape.EMPTY)
    if xml.looks_like(response.body):
        return Told(shape=Shape.MARKUP)
    try:
        document = json.read(response.body, limit=LONGEST_ANSWER)
        if not isinstance(document, dict):
            return Told(shape=Shape.UNCODED)
        return _told(document, wrapper_codes)
    except Unreadable as fault:
        return Told(shape=Shape.UNREADABLE, text=fault.code)


def _told(document: dict[str, Json], wrapper_codes: Collection[str]) -> Told:
    lowered = {key.lower(): value for key, value in document.items()}
    if len(lowered) != len(document):
        raise Unreadable("repeated_key", "a key stands twice, in different case")
    if "error_code" not in lowered:
        return _flat(named(document), wrapped=False)
    verdict, message = _code(lowered["error_code"]), lowered.get("message")
    if verdict not in wrapper_codes:
        text = _said(message)
        code = f"error_code {verdict}" if verdict else ""
        return Told(shape=Shape.ENVELOPE if code else Shape.UNCODED, code=code, text=text, wrapped=True)
    inner = json.read_text(message) if isinstance(message, str) else message
    if not isinstance(inner, dict):
        return Told(shape=Shape.UNCODED, wrapped=True)
    return _flat(named(inner), wrapped=True)


def _flat(fields: dict[str, Json], *, wrapped: bool) -> Told:
    said = _said(fields.get("MoTaLoi"))
    missing = "MaLoi" not in fields or fields["MaLoi"] is None
    if missing and wrapped and fields.get("UrlThanhToan"):
        # §5.3: inside a wrapper that says success, MaLoi may be absent
        return Told(shape=Shape.ENVELOPE, code="00", text=said, wrapped=True, fields=fields)
    code = fields.get("MaLoi")
    if not isinstance(code, str) or not 0 < len(code) <= LONGEST_CODE or not code.isprintable():
        return Told(shape=Shape.UNCODED, text=said, wrapped=wrapped, fields=fields)
    return Told(shape=Shape.ENVELOPE, code=code, text=said, wrapped=wrapped, fields=fields)


def _said(value: Json) -> str:
    """A partner's words for people: short, and such that a database can hold them."""
    return shown(text(value)) if isinstance(value, str) else ""


def _code(value: Json) -> str:
    """A result code as text; empty when it is none. ``True`` is no 1, and 0.0 is no 0."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:LONGEST_CODE]


def amount(value: Json) -> int | None:
    """An amount of đồng from a JSON integer or a digit string (§4 rule 3); None when it is anything else.

    A fraction, an exponent, a sign, a leading zero or more than fifteen digits are no amount: money is never guessed.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= MOST_VND else None
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or len(value) > 15:
        return None
    return int(value) if value == "0" or not value.startswith("0") else None


def text_of(fields: Mapping[str, Json], name: str) -> str:
    """A field as storable text; empty when it is missing, null or no text."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > 500 or "\x00" in value:
        return ""
    return value
