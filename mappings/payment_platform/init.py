"""INIT with ThongTinBienLai: the elements of payment_platform §5.1 and §5.2, from a ``PaymentOrder``.

Invariant: every text is NFC, fits the safe maximum length and holds nothing that could be read as two fields; the
fees, the items to pay and the amount are the same money, or nothing is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from unicodedata import combining, normalize

import msgspec

from gateway.domain.dossier import FeeKind
from gateway.domain.payment import CURRENCY, MOST_VND
from gateway.domain.payment_order import Beneficiary, OrderAgency, OrderItem, PaymentOrder
from gateway.domain.violation import Violation
from gateway.mapping import Field, Scope, Table, Unfit, parse_date14

DECISION = "1"  # MaDichVu: payment under a decision, which wants what an order does not have
FEES = "2"  # MaDichVu: fees and charges of a procedure

_REFERENCE = re.compile(r"[0-9A-Za-z]{1,20}\Z")
_ACCOUNT = re.compile(r"[0-9A-Za-z]{1,19}\Z")
# §4 rule 9: the separator is not escaped; a control character, half a surrogate pair or a code point that is no
# character would be one thing here and another there.
_FORBIDDEN = re.compile("[|\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner's settings say about its messages; names as in the adapter's settings."""

    version: str
    payment_type: str
    channel: str
    device: str
    language: str
    bank: str
    ip: str
    service_type: str
    service_as_number: bool
    service_suffix: str
    fee: str
    charge: str
    fee_codes: str
    fee_code: str
    fee_rows: str
    purpose: str
    ascii_purpose: bool
    identity_placeholder: str
    address_placeholder: str
    account: Beneficiary | None = None
    accounts: dict[str, Beneficiary] = {}
    agency: OrderAgency | None = None
    deciding_agency: OrderAgency | None = None


class OrderScope(Scope):
    """One order under one partner's profile."""

    __slots__ = ("order", "profile")

    def __init__(self, order: PaymentOrder, profile: Profile) -> None:
        super().__init__()
        self.order = order
        self.profile = profile


class FeeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of PhiLePhi."""

    kind: str
    code: str
    name: str
    amount: int


def clean(value: object) -> str:
    """Text in NFC, refused where it holds a separator, a line end or a control character (§4 rules 8 and 9)."""
    written = normalize("NFC", str(value)).strip(" ")
    if found := _FORBIDDEN.search(written):
        raise Unfit(
            "forbidden_character",
            f"text without '|', line ends and control characters; U+{ord(found[0]):04X} stands in it",
            "remove the character in the source system",
        )
    return written


def plain(value: object) -> str:
    """Text without accents: what every bank on the way can print (§5.1, field 12)."""
    apart = normalize("NFD", clean(value).replace("đ", "d").replace("Đ", "D"))
    written = "".join(letter for letter in apart if not combining(letter))
    if not written.isascii():
        raise Unfit("not_ascii", "Vietnamese or ASCII letters", "shorten the text to letters and digits")
    return written


def money(value: object) -> str:
    """An amount of đồng above nothing, as digits (§5.1, field 5)."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_VND:
        raise Unfit("amount", f"whole đồng, 1 to {MOST_VND}", "correct the amount")
    return str(value)


def _reference(value: object) -> str:
    written = str(value)
    if not _REFERENCE.match(written):
        raise Unfit("reference", "1 to 20 ASCII letters and digits", "make references as the gateway does")
    return written


def _moment(value: object) -> str:
    written = str(value)
    if len(written) != 14 or parse_date14(written) is None:  # §13, pitfall 4: a 24-hour clock, verbatim
        raise Unfit("moment", "yyyyMMddHHmmss on a 24-hour clock", "make the order anew")
    return written


def _currency(value: object) -> str:
    if value != CURRENCY:
        raise Unfit("currency", CURRENCY, "ask for đồng")
    return CURRENCY


def _account(value: object) -> str:
    written = str(value)
    if not _ACCOUNT.match(written):
        raise Unfit("account", "1 to 19 letters and digits", "correct the beneficiary account")
    return written


def _purpose(order: PaymentOrder, scope: OrderScope) -> str:
    text = order.purpose or scope.profile.purpose.format(dossier=order.dossier)
    written = plain(text) if scope.profile.ascii_purpose else clean(text)
    if not written:
        raise Unfit("missing", "a text", "give the order a purpose")
    return written


def _beneficiary(order: PaymentOrder, scope: OrderScope) -> Beneficiary:
    profile = scope.profile
    found = order.beneficiary or profile.accounts.get(order.procedure.code) or profile.account
    if found is None:
        raise Unfit(
            "no_account",
            "a beneficiary account",
            "set partners.<code>.account, or accounts for the procedure",
        )
    return found


def _service(order: PaymentOrder, scope: OrderScope) -> str:
    return order.procedure.service or order.procedure.code + scope.profile.service_suffix


def _service_type(_order: PaymentOrder, scope: OrderScope) -> object:
    wanted = scope.profile.service_type
    return int(wanted) if scope.profile.service_as_number else wanted


def _as_it_is(value: object) -> object:
    return value


def _agency(order: PaymentOrder, scope: OrderScope) -> OrderAgency:
    return scope.profile.agency or order.agency


def _deciding(order: PaymentOrder, scope: OrderScope) -> OrderAgency:
    return scope.profile.deciding_agency or _agency(order, scope)


def _by_decision(_order: PaymentOrder, scope: OrderScope) -> bool:
    return scope.profile.service_type == DECISION


def _for_fees(_order: PaymentOrder, scope: OrderScope) -> bool:
    return scope.profile.service_type == FEES


def _nothing(_order: PaymentOrder, _scope: OrderScope) -> None:
    return None


def fee_rows(order: PaymentOrder, scope: OrderScope) -> Iterator[tuple[str, FeeRow]]:
    """The rows of PhiLePhi with their places; items of no amount are left out (§5.2)."""
    profile = scope.profile
    items = [(place, item) for place, item in enumerate(order.items) if item.amount]
    if profile.fee_rows == "one" and items:
        kinds = {item.kind for _, item in items}
        kind = profile.charge if kinds == {FeeKind.CHARGE} else profile.fee
        name = items[0][1].name if len(items) == 1 else order.procedure.name
        row = FeeRow(
            kind=kind, code=_fee_code(None, order, scope), name=name, amount=sum(i.amount for _, i in items)
        )
        yield "/items/0", row
        return
    for place, item in items:
        kind = profile.fee if item.kind == FeeKind.FEE else profile.charge
        row = FeeRow(kind=kind, code=_fee_code(item, order, scope), name=item.name, amount=item.amount)
        yield f"/items/{place}", row


def _fee_code(item: OrderItem | None, order: PaymentOrder, scope: OrderScope) -> str:
    match scope.profile.fee_codes:
        case "service":
            return _service(order, scope)
        case "record" if item is not None and item.code:
            return item.code
        case _:
            return scope.profile.fee_code


def _to_pay(order: PaymentOrder, _scope: OrderScope) -> Iterator[tuple[str, PaymentOrder]]:
    yield "", order


def unbalanced(order: PaymentOrder, message: dict[str, Any]) -> list[Violation]:
    """What is wrong with the money of an encoded message: three sums that must be one (§5.2)."""
    info = message["ThongTinBienLai"]
    sums = {name: sum(int(row["SoTien"]) for row in info[name]) for name in ("PhiLePhi", "DSKhoanNop")} | {
        "SoTien": int(message["SoTien"])
    }
    if len(set(sums.values())) == 1:
        return []
    return [
        Violation(
            pointer="/amount",
            code="sums_differ",
            got=", ".join(f"{name} {value}" for name, value in sums.items()),
            expected=f"the sum of the items to be the amount, {order.amount} đồng",
            advice="correct the items or the amount; nothing was sent",
        )
    ]


def _constant(name: str, value: str) -> Field:
    return Field(name=name, source=lambda _order, _scope: value, pointer="")


def _of_profile(name: str, attribute: str, limit: int) -> Field:
    return Field(
        name=name,
        source=lambda _order, scope: getattr(scope.profile, attribute),
        format=clean,
        max_length=limit,
        required=True,
        pointer="",
    )


def _of_decision(name: str, limit: int) -> Field:
    # §5.2, "M if 1": an order has no decision, so such a payment is refused and never sent with blanks.
    return Field(name=name, source=_nothing, required_when=_by_decision, max_length=limit, pointer="")


FEE = Table(
    name="PhiLePhi",
    clause="payment_platform §5.2",
    fields=(
        Field(name="LoaiPhiLePhi", source="kind", format=clean, max_length=50, required=True),
        Field(name="MaPhiLePhi", source="code", format=clean, max_length=50, required=True),
        Field(name="TenPhiLePhi", source="name", format=clean, max_length=250, required=True),
        Field(name="SoTien", source="amount", format=money, max_length=15, required=True),
    ),
)

TO_PAY = Table(
    name="DSKhoanNop",
    clause="payment_platform §5.2",
    fields=(
        Field(name="NoiDung", source=_purpose, max_length=210, required=True, pointer="/purpose"),
        Field(name="SoTien", source="amount", format=money, max_length=15, required=True),
    ),
)

RECEIPT = Table(
    name="ThongTinBienLai",
    clause="payment_platform §5.2",
    fields=(
        Field(name="MaDichVu", source=_service_type, format=_as_it_is, required=True, pointer=""),
        Field(
            name="MaDVC",
            source=_service,
            format=clean,
            max_length=50,
            required_when=_for_fees,
            pointer="/procedure/service",
        ),
        Field(
            name="TenDVC",
            source=lambda order, _scope: order.procedure.service_name or order.procedure.name,
            format=clean,
            max_length=250,
            shorten=True,
            required_when=_for_fees,
            pointer="/procedure/name",
        ),
        Field(name="MaTTHC", source="procedure.code", format=clean, max_length=50, required_when=_for_fees),
        Field(
            name="TenTTHC",
            source="procedure.name",
            format=clean,
            max_length=250,
            shorten=True,
            required_when=_for_fees,
        ),
        Field(
            name="MaDonVi",
            source=lambda order, scope: _agency(order, scope).code,
            format=clean,
            max_length=50,
            required_when=_for_fees,
            pointer="/agency/code",
        ),
        Field(
            name="TenDonVi",
            source=lambda order, scope: _agency(order, scope).name,
            format=clean,
            max_length=1000,
            required_when=_for_fees,
            pointer="/agency/name",
        ),
        Field(name="MaHoSo", source="dossier", format=clean, max_length=50, required=True),
        Field(
            name="TKThuHuong",
            source=lambda order, scope: _beneficiary(order, scope).account,
            format=_account,
            required_when=_for_fees,
            pointer="/beneficiary",
        ),
        Field(
            name="MaNHThuHuong",
            source=lambda order, scope: _beneficiary(order, scope).bank,
            format=clean,
            max_length=50,
            required_when=_for_fees,
            pointer="/beneficiary",
        ),
        Field(
            name="TenTKThuHuong",
            source=lambda order, scope: _beneficiary(order, scope).name,
            format=clean,
            max_length=100,
            required_when=_for_fees,
            pointer="/beneficiary",
        ),
        _of_decision("MaLoaiHinhThuPhat", 50),
        _of_decision("TenLoaiHinhThuPhat", 250),
        Field(
            name="MaCoQuanQD",
            source=lambda order, scope: _deciding(order, scope).code,
            format=clean,
            max_length=50,
            pointer="/agency/code",
            clause="U12",
        ),
        Field(
            name="TenCoQuanQD",
            source=lambda order, scope: _deciding(order, scope).name,
            format=clean,
            max_length=1000,
            pointer="/agency/name",
            clause="U12",
        ),
        _of_decision("KhoBac", 8),
        _of_decision("NgayQD", 8),
        _of_decision("SoQD", 50),
        _of_decision("ThoiGianViPham", 255),
        _of_decision("DiaDiemViPham", 255),
        _of_decision("TenNguoiViPham", 255),
        Field(name="TaiKhoanThuNSNN", source=_nothing, pointer=""),
        Field(name="NoiDungThanhToan", source=_purpose, max_length=210, required=True, pointer="/purpose"),
        Field(name="HoTenNguoiNop", source="payer.name", format=clean, max_length=100, required=True),
        Field(
            name="SoCMNDNguoiNop",
            source=lambda order, scope: order.payer.identity or scope.profile.identity_placeholder,
            format=clean,
            max_length=25,
            required=True,
            pointer="/payer/identity",
        ),
        Field(
            name="DiaChiNguoiNop",
            source=lambda order, scope: order.payer.address or scope.profile.address_placeholder,
            format=clean,
            max_length=1000,
            required=True,
            pointer="/payer/address",
        ),
        # §5.2, U20: districts were abolished in 07/2025
        _constant("HuyenNguoiNop", ""),
        Field(name="TinhNguoiNop", source="payer.province", format=clean, max_length=100),
        Field(name="PhiLePhi", source=fee_rows, rows=FEE, required_when=_for_fees, pointer="/items"),
        Field(name="DSKhoanNop", source=_to_pay, rows=TO_PAY, required=True, pointer=""),
    ),
)

INIT = Table(
    name="INIT",
    clause="payment_platform §5.1",
    fields=(
        _constant("LoaiBanTin", "INIT"),
        _of_profile("PhienBan", "version", 10),
        Field(name="MaDoiTac", source="partner", format=clean, max_length=50, required=True),
        Field(name="MaThamChieu", source="reference", format=_reference, required=True),
        Field(name="SoTien", source="amount", format=money, max_length=15, required=True),
        _of_profile("LoaiHinhThanhToan", "payment_type", 10),
        _of_profile("MaKenhThanhToan", "channel", 10),
        _of_profile("MaThietBi", "device", 10),
        _of_profile("NgonNgu", "language", 10),
        Field(name="MaTienTe", source="currency", format=_currency, required=True),
        _of_profile("MaNganHang", "bank", 50),
        Field(name="ThongTinGiaoDich", source=_purpose, max_length=210, required=True, pointer="/purpose"),
        Field(name="ThoiGianGD", source="asked_at", format=_moment, required=True),
        _of_profile("Ip", "ip", 45),
        _constant("MaXacThuc", ""),  # computed over the finished message
        Field(name="ThongTinBienLai", source=lambda order, _scope: order, part=RECEIPT, pointer=""),
    ),
)

ASK = Table(
    name="QUERY",
    clause="payment_platform §5.6, §5.7",
    fields=(
        Field(name="LoaiBanTin", source="kind", required=True),
        _of_profile("PhienBan", "version", 10),
        Field(name="MaDoiTac", source="partner", format=clean, max_length=50, required=True),
        Field(name="MaThamChieu", source="reference", format=_reference, required=True),
        Field(name="ThoiGianGD", source="asked_at", format=_moment, required=True),
        _constant("MaXacThuc", ""),
    ),
)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """QUERY and GET_BILL: the same five fields. ``asked_at`` is the INIT's own, verbatim."""

    kind: str
    partner: str
    reference: str
    asked_at: str
