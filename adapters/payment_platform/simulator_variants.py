"""What can be wrong with one CONFIRM: a table of changes, before and after it is sealed (payment_platform §15).

Invariant: a row that spoils says so. What is spoilt must not be believed, and an honest repeat follows it; what is
only unusual must be understood, and every delivery carries it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from adapters.payment_platform.simulator_mac import sealed
from adapters.payment_platform.simulator_model import State, Transaction, date14

Fields: TypeAlias = dict[str, Any]


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a CONFIRM is about. ``code``: MaLoi; ``number``: MaGiaoDich, empty on a failure."""

    state: State
    transaction: Transaction
    code: str
    number: str


Change: TypeAlias = Callable[[Fields, Scene], Fields]


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what changes ``before`` and ``after`` the code is put on, and whether that spoils the message."""

    before: Change | None = None
    after: Change | None = None
    spoils: bool = False


def body_of(scene: Scene, variants: Iterable[str] = ()) -> bytes:
    """The bytes of a CONFIRM with ``variants`` applied, sealed with the secret of the partner that it names."""
    rows = [VARIANTS[name] for name in variants]
    fields = _honest(scene)
    for row in rows:
        fields = row.before(fields, scene) if row.before else fields
    fields["MaXacThuc"] = sealed("CONFIRM", fields, _secret(fields, scene))
    for row in rows:
        fields = row.after(fields, scene) if row.after else fields
    return msgspec.json.encode(fields)


def _honest(scene: Scene) -> Fields:
    message = scene.transaction.message
    return {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": scene.code,
        "MaDoiTac": scene.transaction.partner,
        "MaThamChieu": scene.transaction.reference,
        "SoTien": scene.transaction.amount,
        "MaTienTe": message["MaTienTe"],
        "MaGiaoDich": scene.number,
        "MaNganHang": scene.state.config.bank if scene.number else "",
        "ThoiGianGD": message["ThoiGianGD"],
        "ThongTinGiaoDich": message["ThongTinGiaoDich"],
    }


def _secret(fields: Fields, scene: Scene) -> str:
    partners = scene.state.partners
    partner = partners.get(fields["MaDoiTac"]) or partners.get(scene.transaction.partner)
    return partner.secrets[0] if partner else ""


def _with(changes: Fields) -> Change:
    return lambda fields, _scene: {**fields, **changes}


def _bad_mac(fields: Fields, _scene: Scene) -> Fields:
    first = "1" if fields["MaXacThuc"][0] == "0" else "0"
    return {**fields, "MaXacThuc": first + fields["MaXacThuc"][1:]}


def _uppercase_mac(fields: Fields, _scene: Scene) -> Fields:
    return {**fields, "MaXacThuc": fields["MaXacThuc"].upper()}


def _amount_changed(fields: Fields, _scene: Scene) -> Fields:
    return {**fields, "SoTien": fields["SoTien"] // 10 or fields["SoTien"] + 1}


def _above_int32(fields: Fields, _scene: Scene) -> Fields:
    # The same number to whoever keeps 32 bits of it (§13, 13).
    return {**fields, "SoTien": fields["SoTien"] + 2**32}


def _foreign_partner(fields: Fields, scene: Scene) -> Fields:
    others = [code for code in scene.state.partners if code != fields["MaDoiTac"]]
    return {**fields, "MaDoiTac": others[0] if others else "KHAC99"}


def _unknown_reference(fields: Fields, _scene: Scene) -> Fields:
    return {**fields, "MaThamChieu": f"ZZ{fields['MaThamChieu'][::-1]}"[:20]}


def _pipe(fields: Fields, _scene: Scene) -> Fields:
    # V17: the bar moves a border between two fields, the code stays the same.
    return {**fields, "MaGiaoDich": f"{fields['MaGiaoDich']}|{fields['MaNganHang']}", "MaNganHang": "X"}


def _nulls(fields: Fields, scene: Scene) -> Fields:
    return fields if scene.number else {**fields, "MaGiaoDich": None, "MaNganHang": None}


def _nfd(fields: Fields, scene: Scene) -> Fields:
    text = f"Thanh toán hồ sơ {scene.transaction.bill.get('MaHoSo', '')}".strip()
    return {**fields, "ThongTinGiaoDich": unicodedata.normalize("NFD", text)}


def _text_amount(fields: Fields, _scene: Scene) -> Fields:
    return {**fields, "SoTien": str(fields["SoTien"])}


def _payment_time(fields: Fields, scene: Scene) -> Fields:
    closed = scene.transaction.closed_at
    return fields if closed is None else {**fields, "ThoiGianGD": date14(closed)}


def _camel(fields: Fields, _scene: Scene) -> Fields:
    return {name[:1].lower() + name[1:]: value for name, value in fields.items()}


VARIANTS: Mapping[str, Variant] = {
    "bad_mac": Variant(after=_bad_mac, spoils=True),
    "uppercase_mac": Variant(after=_uppercase_mac, spoils=True),
    "amount_changed_valid_mac": Variant(before=_amount_changed, spoils=True),
    "sotien_above_int32": Variant(before=_above_int32, spoils=True),
    "currency_changed": Variant(before=_with({"MaTienTe": "USD"}), spoils=True),
    "foreign_partner": Variant(before=_foreign_partner, spoils=True),
    "unknown_reference": Variant(before=_unknown_reference, spoils=True),
    "pipe_in_field": Variant(before=_pipe, spoils=True),
    "null_fields_on_failure": Variant(before=_nulls),
    "sotien_as_string": Variant(before=_text_amount),
    "nfd_text": Variant(before=_nfd),
    "confirm_time_is_payment_time": Variant(before=_payment_time),
    "clock_skew": Variant(before=_payment_time),
    "camel_case_keys": Variant(after=_camel),
    # §5.5: named in a source, meaning unknown. Card data: whoever receives it must not keep it.
    "extra_fields": Variant(
        after=_with({"Token": "the-gia-lap", "SoThe": "9999000000000018", "ThangThe": "09", "NamThe": "30"})
    ),
}
SPOILING: tuple[str, ...] = tuple(name for name, row in VARIANTS.items() if row.spoils)
