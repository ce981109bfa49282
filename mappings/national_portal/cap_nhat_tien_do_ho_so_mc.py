"""``CapNhatTienDoHoSoMC``: one processing step, nine elements (national_portal §6; example §12.7)."""

from __future__ import annotations

from gateway.domain.dossier import Step
from gateway.mapping import Field, Table
from gateway.mapping.formats import date14, line
from mappings.national_portal.scope import PortalScope

SERVICE = "CapNhatTienDoHoSoMC"


def _actor(step: Step, scope: PortalScope) -> str:
    # §2.10: empty is refused or undesirable; every sender names the office's title then.
    return step.actor if step.actor and step.actor.strip() else scope.options.default_actor


def _content(step: Step, scope: PortalScope) -> str:
    # Mandatory in one source, optional in another; the state's official name says what is known.
    return step.note if step.note and step.note.strip() else scope.label("TrangThaiHoSo", step.status)


STEP = Table(
    name=SERVICE,
    clause="national_portal §6",
    fields=(
        Field(
            name="MaHoSo",
            source=lambda _, scope: scope.code,
            pointer="",
            required=True,
            max_length=50,
            clause="§3",
        ),
        Field(
            name="NguoiXuLy",
            source=_actor,
            format=line,
            pointer="/actor",
            required=True,
            max_length=50,
            shorten=True,
        ),
        Field(name="ChucDanh", source="title", format=line),
        Field(name="ThoiDiemXuLy", source="at", format=date14, required=True),
        Field(name="PhongBanXuLy", source="unit", format=line),
        Field(name="NoiDungXuLy", source=_content, pointer="/note"),
        Field(name="TrangThai", source="status", code="TrangThaiHoSo", required=True, clause="§14.6"),
        Field(name="NgayBatDau", source="started_at", format=date14),
        Field(name="NgayKetThucTheoQuyDinh", source="due_at", format=date14),
    ),
)
