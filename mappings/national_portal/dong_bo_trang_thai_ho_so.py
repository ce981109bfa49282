"""``DongBoTrangThaiHoSo``: state and result of a dossier that was filed at the portal (national_portal §7.5; §12.11).

Invariant: a refusal travels as 11 here and nowhere else (table ``TrangThaiXuLy``).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.domain.dossier import Dossier
from gateway.domain.status import Status
from gateway.mapping import Field, Table
from gateway.mapping.formats import date14, line, whole_or_null
from mappings.national_portal.dossier_parts import address, result_name, results
from mappings.national_portal.scope import PortalScope

SERVICE = "DongBoTrangThaiHoSo"

_MOMENTS: dict[str, Callable[[Dossier], datetime | None]] = {
    Status.RECEIVED: lambda dossier: dossier.received_at,
    Status.REFUSED: lambda dossier: dossier.refused_at,
    Status.FINISHED: lambda dossier: dossier.finished_at,
    Status.RETURNED: lambda dossier: dossier.returned_at,
    Status.WITHDRAWN: lambda dossier: dossier.finished_at,
}


def _moment(dossier: Dossier, _scope: PortalScope) -> datetime | None:
    """When the dossier came into its state: the record's own instant, else the step's."""
    known = _MOMENTS.get(dossier.status)
    instant = known(dossier) if known is not None else None
    if instant is not None:
        return instant
    return max((step.at for step in dossier.steps if step.status == dossier.status), default=None)


def _content(dossier: Dossier, scope: PortalScope) -> str:
    """The opinion or reason: what the step into this state says, else the record's notes, else the state's name."""
    steps = [step for step in dossier.steps if step.status == dossier.status and step.note]
    latest = max(steps, key=lambda step: step.at, default=None)
    candidates = (latest.note if latest else None, dossier.return_note, dossier.note)
    found = next((text for text in candidates if text and text.strip()), None)
    return found or scope.label("TrangThaiXuLy", dossier.status)


PROCESSED = Table(
    name="TaiLieuXuLy",
    clause="national_portal §7.5",
    fields=(
        Field(name="TepDinhKemId", source="id", format=whole_or_null),
        Field(name="TenTepDinhKem", source=result_name, format=line, pointer="/name", required=True),
        Field(name="IsDeleted", source=lambda _result, _scope: "False", pointer=""),
        Field(name="MaThanhPhanHoSo", source="component_code"),
        Field(name="DuongDanTaiTepTin", source=address, pointer="/file/url", required=True),
    ),
)

STATUS = Table(
    name=SERVICE,
    clause="national_portal §7.5",
    fields=(
        Field(name="TrangThai", source="status", code="TrangThaiXuLy", required=True),
        Field(
            name="MaHoSo",
            source=lambda _, scope: scope.code,
            pointer="/code",
            required=True,
            max_length=50,
            clause="U23",
        ),
        Field(name="MaHoSoDonVi", source="code", required=True, clause="U23"),
        Field(name="MaDoiTuong", source="applicant.account_id", format=line),
        Field(name="NoiDung", source=_content, pointer="/note"),
        Field(name="NgayXuLy", source=_moment, format=date14, pointer="/steps", required=True),
        Field(name="TaiLieuXuLy", source=results, rows=PROCESSED, pointer="/results"),
    ),
)
