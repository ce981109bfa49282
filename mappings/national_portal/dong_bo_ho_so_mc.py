"""``DongBoHoSoMC``: the whole dossier, one row per official element (national_portal §5, §10; example §12.5).

Rows with ``variants={"2023"}`` are the later profile (U14); the other 27, and the receipt number where there is one,
are QCVN 120. Arrays are in ``dossier_parts``. Invariant: nothing is invented: what the record does not say is empty.
"""

from __future__ import annotations

from gateway.domain.dossier import Channel, Dossier, Portal
from gateway.domain.status import Status
from gateway.mapping import Field, Table, Unfit
from gateway.mapping.formats import date14, flag, line, text
from mappings.national_portal.catalogue import field_name, nearest_procedures
from mappings.national_portal.dossier_parts import (
    DATABASE,
    DOCUMENT,
    FEE,
    IDENTITY,
    PAPER,
    RESULT,
    SUPPLEMENT,
    databases,
    documents,
    identities,
    listed_fees,
    papers,
    payment_channel,
    results,
    supplements,
)
from mappings.national_portal.phrases import reappointment_note
from mappings.national_portal.scope import PortalScope

SERVICE = "DongBoHoSoMC"
NOT_CACHED = "not_cached"
"""Code of a violation that ends when the catalogue is refreshed; the record is not wrong."""
LATER = frozenset({"2023"})
# §10.1: states a dossier can be in without ever having been received.
NEVER_RECEIVED = frozenset({Status.REGISTERED, Status.REFUSED, Status.WITHDRAWN})


def _procedure_code(_dossier: Dossier, scope: PortalScope) -> str:
    procedure = scope.procedure
    if not procedure.listed:
        near = ", ".join(nearest_procedures(scope.catalogues, procedure.code)) or "none"
        raise Unfit(
            "unknown_procedure",
            "a procedure of the portal's list",
            f"map the local procedure to a national code; nearest: {near}",
        )
    return procedure.code


def _procedure_name(dossier: Dossier, scope: PortalScope) -> str:
    return dossier.procedure.name or scope.procedure.name or _to_be_fetched(scope)


def _field_code(dossier: Dossier, scope: PortalScope) -> str:
    return dossier.procedure.field_code or scope.procedure.field_code or _to_be_fetched(scope)


def _field_name(dossier: Dossier, scope: PortalScope) -> str:
    code = dossier.procedure.field_code
    if dossier.procedure.field_name:
        return dossier.procedure.field_name
    known = scope.procedure.field_name if not code or code == scope.procedure.field_code else ""
    return known or field_name(scope.catalogues, code or scope.procedure.field_code) or _to_be_fetched(scope)


def _to_be_fetched(scope: PortalScope) -> str:
    """Empty where the portal's own entry is cached and does not say either; else it may still say (§5.8-1)."""
    if scope.procedure.detail:
        return ""
    raise Unfit(
        NOT_CACHED,
        "known from the record or from the portal's catalogue",
        "the catalogue 'procedure' has no entry of this procedure yet: refresh it, or send names with the record",
    )


def _summary(dossier: Dossier, scope: PortalScope) -> str:
    # §2.10: must not be empty; the procedure's name is true, where other senders put a placeholder.
    return dossier.summary if dossier.summary.strip() else _procedure_name(dossier, scope)


def _submitted_at(dossier: Dossier, _scope: PortalScope) -> object:
    # U25: the real time. At the counter, filing and reception are one act (domain_rules R1).
    if dossier.submitted_at is None and dossier.channel is not Channel.ONLINE:
        return dossier.received_at or dossier.refused_at
    return dossier.submitted_at


def _note(dossier: Dossier, scope: PortalScope) -> str:
    note = dossier.note or ""
    if scope.options.reappointment_as != "note" or not dossier.reappointments:
        return note
    return "\n".join(filter(None, [note, *map(reappointment_note, dossier.reappointments)]))


def was_received(dossier: Dossier, _scope: object = None) -> bool:
    """Whether the dossier's state says that it was received."""
    return dossier.status not in NEVER_RECEIVED


def _digitised(dossier: Dossier, _scope: PortalScope) -> bool:
    return any(document.digitised and not document.deleted for document in dossier.documents)


DOSSIER = Table(
    name=SERVICE,
    clause="national_portal §5.1",
    fields=(
        Field(
            name="MaHoSo",
            source=lambda _, scope: scope.code,
            pointer="/code",
            required=True,
            max_length=50,
            clause="§3",
        ),
        Field(
            name="MaTTHC",
            source=_procedure_code,
            pointer="/procedure/code",
            required=True,
            max_length=50,
            clause="§3, §14.9",
        ),
        Field(name="TenTTHC", source=_procedure_name, format=line, pointer="/procedure/name", required=True),
        Field(name="MaLinhVuc", source=_field_code, pointer="/procedure/field_code", required=True),
        Field(
            name="TenLinhVuc", source=_field_name, format=line, pointer="/procedure/field_name", required=True
        ),
        Field(name="SoBienNhan", source="receipt_number", format=line, omit_empty=True, clause="U24"),
        Field(name="KenhThucHien", source="channel", code="KenhThucHien", required=True, variants=LATER),
        Field(name="NoiNopHoSo", source="origin", code="NoiNopHoSo", required=True, variants=LATER),
        Field(name="ChuHoSo", source="applicant.name", format=line),
        Field(name="LoaiDoiTuong", source="applicant.kind", code="LoaiDoiTuong", required=True),
        Field(name="MaDoiTuong", source="applicant.account_id", format=line, clause="U26: the TechID only"),
        Field(
            name="DinhDanhCHS",
            source=identities,
            rows=IDENTITY,
            pointer="/applicant/identities",
            variants=LATER,
            clause="§14.7: never invented",
        ),
        Field(name="ThongTinKhac", source="other_information"),
        Field(name="Email", source="applicant.email", format=line),
        Field(name="Fax", source="applicant.fax", format=line, clause="U28: not the phone"),
        Field(name="SoDienThoai", source="applicant.phone", format=line),
        Field(
            name="TrichYeuHoSo",
            source=_summary,
            pointer="/summary",
            required=True,
            max_length=1000,
            shorten=True,
            clause="§2.10",
        ),
        Field(
            name="NgayNopHoSo",
            source=_submitted_at,
            format=date14,
            pointer="/submitted_at",
            required=True,
            variants=LATER,
            clause="U25",
        ),
        Field(name="NgayTiepNhan", source="received_at", format=date14, required_when=was_received),
        Field(name="NgayHenTra", source="due_at", format=date14, clause="§11.5: the newest appointment"),
        Field(name="TrangThaiHoSo", source="status", code="TrangThaiHoSo", required=True, clause="§14.6"),
        Field(name="NgayTra", source="returned_at", format=date14),
        Field(name="ThongTinTra", source="return_note"),
        Field(name="HinhThuc", source="return_method", code="HinhThuc", required=True, clause="U10"),
        Field(name="NgayKetThucXuLy", source="finished_at", format=date14),
        Field(name="NgayTuChoi", source="refused_at", format=date14, variants=LATER),
        Field(name="DonViXuLy", source="agency.name", format=line, required=True),
        Field(name="GhiChu", source=_note, format=text, pointer="/note"),
        Field(
            name="TaiKhoanDuocXacThucVoiVNeID",
            source="applicant.account_verified",
            format=flag,
            variants=LATER,
        ),
        Field(
            name="DuocThanhToanTrucTuyen",
            source=payment_channel,
            code="DuocThanhToanTrucTuyen",
            pointer="/fees",
            required=True,
            variants=LATER,
            clause="§10.8",
        ),
        Field(
            name="HoSoCoThanhPhanSoHoa",
            source=_digitised,
            format=flag,
            pointer="/documents",
            variants=LATER,
        ),
        Field(name="DSKetNoiCSDL", source=databases, rows=DATABASE, pointer="/databases", variants=LATER),
        Field(name="TaiLieuNop", source=documents, rows=DOCUMENT, pointer="/documents", clause="§5.2"),
        Field(name="DanhSachLePhi", source=listed_fees, rows=FEE, pointer="/fees", clause="§5.3"),
        Field(name="DanhSachTepDinhKemKhac", source=papers, rows=PAPER, pointer="/papers", clause="§5.4"),
        Field(
            name="DanhSachHoSoBoSung",
            source=supplements,
            rows=SUPPLEMENT,
            pointer="/supplements",
            clause="§5.5",
        ),
        Field(name="DanhSachGiayToKetQua", source=results, rows=RESULT, pointer="/results", clause="§5.6"),
    ),
)


def portal_born(dossier: Dossier) -> bool:
    """Whether the dossier was filed at the portal (§1.5, row 6)."""
    return dossier.origin is Portal.NATIONAL
