"""The arrays of a dossier: identities, documents, fees, papers, supplement rounds, results (national_portal §5.2-5.6).

Each array has a function that chooses its rows, with pointers into the local record, and a table that writes one.
Invariant: a row is sent only if the portal can use it: a document or a result without a file has no address to
download from, so the document is listed as paper and the result waits for its file.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.dossier import (
    Document,
    Dossier,
    Fee,
    Identity,
    IdentityKind,
    Paper,
    PaymentMethod,
    Reappointment,
    Result,
    Reuse,
    Supplement,
)
from gateway.mapping import Field, Table, Unfit
from gateway.mapping.fields import Items
from gateway.mapping.formats import capitalised, date14, digits, flag, line, text, truth, whole
from mappings.national_portal.scope import PortalScope

LATER = frozenset({"2023"})
_IDENTITY_DIGITS = {IdentityKind.PERSONAL_ID: 12, IdentityKind.OLD_ID_CARD: 9}
# §10.8: when fees went different ways, the one that says most about online payment is told.
_CHANNELS = (PaymentMethod.PORTAL, PaymentMethod.PROVINCE_GATEWAY, PaymentMethod.COUNTER)


def identities(dossier: Dossier, scope: PortalScope) -> Items:
    """Identities whose kind has a code at this portal; the others are left out (§14.7, U12)."""
    table, extra = scope.codes["LoaiDinhDanh"], scope.options.identity_codes
    return [
        (f"/applicant/identities/{index}", identity)
        for index, identity in enumerate(dossier.applicant.identities)
        if identity.kind in extra or table.wire(identity.kind, scope.on) is not None
    ]


def _identity_kind(identity: Identity, scope: PortalScope) -> str:
    known = scope.options.identity_codes.get(identity.kind)
    return known or scope.codes["LoaiDinhDanh"].wire(identity.kind, scope.on) or ""


def _identity_number(identity: Identity, _scope: PortalScope) -> str:
    wanted = _IDENTITY_DIGITS.get(identity.kind)
    number = identity.number
    if wanted is not None and not (len(number) == wanted and number.isascii() and number.isdecimal()):
        # §10.7: the receiver knows the kind by its digits
        raise Unfit(
            "identity_digits", f"{wanted} digits for {identity.kind}", "check the number and its kind"
        )
    return number


IDENTITY = Table(
    name="DinhDanhCHS",
    clause="national_portal §10.7",
    fields=(
        Field(name="LoaiDinhDanh", source=_identity_kind, pointer="/kind", required=True),
        Field(name="SoDinhDanh", source=_identity_number, pointer="/number", required=True),
    ),
)


def databases(dossier: Dossier, _scope: PortalScope) -> Items:
    """Connected databases."""
    return [(f"/databases/{index}", code) for index, code in enumerate(dossier.databases)]


DATABASE = Table(
    name="DSKetNoiCSDL",
    clause="national_portal §10.9",
    fields=(Field(name="MaCSDL", source=lambda code, _: code, code="MaCSDL", pointer="", required=True),),
)


def documents(dossier: Dossier, _scope: PortalScope) -> Items:
    """Documents with a file, and removals (§5.2)."""
    return _with_file(dossier.documents, "/documents")


def _with_file(items: list[Document], at: str) -> Items:
    return [
        (f"{at}/{index}", document)
        for index, document in enumerate(items)
        if document.file is not None or document.deleted
    ]


def _document_name(document: Document, _scope: PortalScope) -> str:
    if document.name.strip():
        return document.name
    # §2.10: must not be empty. The file's own name is true, a placeholder is not.
    return document.file.url.rpartition("/")[2] if document.file is not None else document.id


def address(item: Document | Result, scope: PortalScope) -> str:
    """Where the portal downloads the file: published under another address than it is stored (§14.10)."""
    if item.file is None:
        return ""
    url, options = item.file.url, scope.options
    if options.store_base_url and url.startswith(options.store_base_url):
        return options.download_base_url + url[len(options.store_base_url) :]
    return url


DOCUMENT = Table(
    name="TaiLieuNop",
    clause="national_portal §5.2",
    fields=(
        Field(name="TepDinhKemId", source="id", format=line),
        Field(
            name="TenTepDinhKem",
            source=_document_name,
            format=line,
            pointer="/name",
            required=True,
            max_length=4000,
            shorten=True,
        ),
        Field(name="IsDeleted", source="deleted", format=capitalised, clause="U13"),
        Field(name="MaThanhPhanHoSo", source="component_code"),
        Field(
            name="DuongDanTaiTepTin",
            source=address,
            pointer="/file/url",
            required_when=lambda document, _: not document.deleted,
        ),
        Field(name="DuocSoHoa", source="digitised", format=flag, variants=LATER),
        Field(name="DuocTaiSuDung", source="reuse", code="DuocTaiSuDung", variants=LATER),
        Field(name="DuocLayTuKhoDMQG", source="from_national_store", format=flag, variants=LATER),
        Field(
            name="MaKetQuaThayThe",
            source="replaced_result_code",
            required_when=lambda document, _: document.reuse is Reuse.RESULT,
            variants=LATER,
            clause="§10.6",
        ),
    ),
)


def listed_fees(dossier: Dossier, scope: PortalScope) -> Items:
    """Fees that are paid and not zero (§5.3), or all where the portal wants them."""
    return _charged(dossier.fees, "/fees", scope)


def _charged(items: list[Fee], at: str, scope: PortalScope) -> Items:
    return [
        (f"{at}/{index}", fee)
        for index, fee in enumerate(items)
        if fee.amount > 0 and (fee.paid_at is not None or scope.options.unpaid_fees)
    ]


def payment_channel(dossier: Dossier, _scope: PortalScope) -> str:
    """How the fees were really paid: a payment method, or ``none`` (§10.8)."""
    used = {fee.method for fee in dossier.fees if fee.paid_at is not None and fee.amount > 0}
    return next((channel for channel in _CHANNELS if channel in used), "none")


def _fee_code(fee: Fee, scope: PortalScope) -> str:
    if fee.code:
        return fee.code
    # U11: the procedure's own code where it has exactly one, else what this portal takes instead.
    known = scope.procedure.fee_codes
    return known[0] if len(known) == 1 else scope.options.default_fee_code


FEE = Table(
    name="DanhSachLePhi",
    clause="national_portal §5.3",
    fields=(
        Field(name="TenPhiLePhi", source="name", format=line, required=True),
        Field(name="MaPhiLePhi", source=_fee_code, pointer="/code", required=True, clause="U11"),
        Field(name="HinhThucThu", source="method", code="HinhThucThu", required=True, clause="U11"),
        Field(name="Gia", source="amount", format=digits, required=True),
        Field(name="LoaiPhiLePhi", source="kind", code="LoaiPhiLePhi", required=True, clause="U11"),
    ),
)


def papers(dossier: Dossier, scope: PortalScope) -> Items:
    """Papers, and documents that have no file: both were handed in as paper (§5.4)."""
    listed: list[tuple[str, object]] = [
        (f"/papers/{index}", paper) for index, paper in enumerate(dossier.papers)
    ]
    listed += [
        (f"/documents/{index}", Paper(name=_document_name(document, scope), quantity=1))
        for index, document in enumerate(dossier.documents)
        if document.file is None and not document.deleted
    ]
    return listed


PAPER = Table(
    name="DanhSachTepDinhKemKhac",
    clause="national_portal §5.4",
    fields=(
        Field(name="TenGiayTo", source="name", format=line, required=True),
        Field(name="SoLuong", source="quantity", format=whole, required=True, clause="U13"),
        Field(name="LoaiGiayTo", source="kind", format=whole, required=True, clause="U13"),
    ),
)


def supplements(dossier: Dossier, scope: PortalScope) -> Items:
    """Supplement rounds; with the setting, re-appointments as further rows (§5.5, §11.5)."""
    listed: list[tuple[str, object]] = [
        (f"/supplements/{index}", supplement) for index, supplement in enumerate(dossier.supplements)
    ]
    if scope.options.reappointment_as == "supplement":
        listed += _as_supplements(dossier)
    return listed


def _as_supplements(dossier: Dossier) -> Iterator[tuple[str, Supplement]]:
    taken = {supplement.id for supplement in dossier.supplements}
    for index, reappointment in enumerate(dossier.reappointments):
        number = next(candidate for candidate in range(900_000 + index, 2**31) if candidate not in taken)
        taken.add(number)
        yield f"/reappointments/{index}", _reappointed(reappointment, number, dossier)


def _reappointed(reappointment: Reappointment, number: int, dossier: Dossier) -> Supplement:
    return Supplement(
        id=number,
        requested_at=reappointment.issued_at,
        requested_by=reappointment.signer or dossier.agency.name,
        reason=reappointment.reason,
        old_due_at=reappointment.old_due_at,
        received_at=reappointment.issued_at,
        new_due_at=reappointment.new_due_at,
    )


def _old_due(supplement: Supplement, scope: PortalScope) -> object:
    # Until a new date is set, the dossier's appointment still is the old one.
    if supplement.old_due_at is None and supplement.new_due_at is None and scope.dossier is not None:
        return scope.dossier.due_at
    return supplement.old_due_at


def _has_appointment(_supplement: Supplement, scope: PortalScope) -> bool:
    return scope.dossier is not None and scope.dossier.due_at is not None


SUPPLEMENT = Table(
    name="DanhSachHoSoBoSung",
    clause="national_portal §5.5",
    fields=(
        Field(name="HoSoBoSungId", source="id", format=whole, required=True, clause="U13"),
        Field(name="NguoiYeuCauBoSung", source="requested_by", format=line, required=True),
        Field(name="NoiDungBoSung", source="reason", required=True),
        Field(name="NgayBoSung", source="requested_at", format=date14, required=True),
        Field(name="NguoiTiepNhanBoSung", source="received_by", format=line),
        Field(name="ThongTinTiepNhan", source="received_note"),
        Field(name="NgayTiepNhanBoSung", source="received_at", format=date14),
        Field(
            name="TrangThaiBoSung",
            source=lambda supplement, _: supplement.received_at is not None,
            format=truth,
            pointer="/received_at",
            clause="U13",
        ),
        Field(
            name="DanhSachGiayToBoSung",
            source=lambda supplement, _: _with_file(supplement.documents, "/documents"),
            rows=DOCUMENT,
            pointer="/documents",
        ),
        Field(
            name="DanhSachLePhiBoSung",
            source=lambda supplement, scope: _charged(supplement.fees, "/fees", scope),
            rows=FEE,
            pointer="/fees",
        ),
        Field(
            name="NgayHenTraTruoc",
            source=_old_due,
            format=date14,
            pointer="/old_due_at",
            required_when=_has_appointment,
            clause="§5.5: mandatory where there is an appointment",
        ),
        Field(name="NgayHenTraMoi", source="new_due_at", format=date14),
    ),
)


def results(dossier: Dossier, _scope: PortalScope) -> Items:
    """Results that have a file; a paper result has nothing to download (§5.6)."""
    return [
        (f"/results/{index}", result)
        for index, result in enumerate(dossier.results)
        if result.file is not None
    ]


def result_name(result: Result, _scope: PortalScope) -> str:
    """What the result is called; its id where the source left the name blank."""
    return result.name if result.name.strip() else result.id


def _result_code(result: Result, scope: PortalScope) -> str:
    if result.code:
        return result.code
    known = scope.procedure.result_codes
    return known[0] if len(known) == 1 else ""


RESULT = Table(
    name="DanhSachGiayToKetQua",
    clause="national_portal §5.6",
    fields=(
        Field(
            name="TenGiayTo",
            source=result_name,
            format=line,
            pointer="/name",
            required=True,
            max_length=2000,
            shorten=True,
        ),
        Field(name="MaThanhPhanHoSo", source="component_code"),
        Field(name="GiayToId", source="id", format=line),
        Field(name="DuongDanTepTinKetQua", source=address, format=text, pointer="/file/url", required=True),
        Field(name="MaGiayToKetQua", source=_result_code, pointer="/code"),
    ),
)
