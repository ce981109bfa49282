"""Official codes of our enumerations, one table per simple type of the schema (construction, appendix A).

Invariant: every member has a code and every code of the schema has a member; a test counts both.
"""

from __future__ import annotations

from gateway.domain.declarations.construction import (
    DesignerKind,
    FiledAt,
    PaperKind,
    PartyKind,
    PermitKind,
    PermitScope,
    PlanningTopic,
    SubmitterGender,
    WorkGrade,
    WorkGroup,
    WorkKind,
)
from gateway.domain.dossier import ReturnMethod
from gateway.domain.status import Status

PERMIT_KINDS = {kind: str(number) for number, kind in enumerate(PermitKind, start=1)}
FILED_AT = {place: str(number) for number, place in enumerate(FiledAt, start=1)}
PARTY_KINDS = {kind: str(number) for number, kind in enumerate(PartyKind, start=1)}
GENDERS = {gender: str(number) for number, gender in enumerate(SubmitterGender, start=1)}
DESIGNER_KINDS = {kind: str(number) for number, kind in enumerate(DesignerKind, start=1)}
SCOPES = {scope: str(number) for number, scope in enumerate(PermitScope, start=1)}
WORK_GROUPS = {group: str(number) for number, group in enumerate(WorkGroup, start=1)}
WORK_KINDS = {kind: str(number) for number, kind in enumerate(WorkKind, start=1)}
TOPICS = {topic: str(number) for number, topic in enumerate(PlanningTopic, start=1)}
WORK_GRADES = {
    WorkGrade.SPECIAL: "DB",
    WorkGrade.I: "I",
    WorkGrade.II: "II",
    WorkGrade.III: "III",
    WorkGrade.IV: "IV",
}
RETURN_METHODS = {ReturnMethod.ELECTRONIC: "1", ReturnMethod.COUNTER: "2", ReturnMethod.POST: "3"}
STATUSES = {str(status.national): status for status in Status}
PAPERS = {
    PaperKind.APPLICATION: "DON",
    PaperKind.CHANGE_APPLICATION: "DON_DIEU_CHINH",
    PaperKind.LAND: "DAT",
    PaperKind.PROJECT_DECISION: "QD_DU_AN",
    PaperKind.PROJECT_DRAWINGS: "BAN_VE_DU_AN",
    PaperKind.HOUSE_DRAWINGS: "BAN_VE_NHA_O",
    PaperKind.BIM: "BIM",
    PaperKind.RELIGION_OPINION: "VB_TON_GIAO",
    PaperKind.CULTURE_OPINION: "VB_VAN_HOA",
    PaperKind.ART_OPINION: "VB_MY_THUAT",
    PaperKind.TREATY: "HIEP_DINH",
    PaperKind.COMMITMENT: "CAM_KET",
    PaperKind.IDENTITY: "DINH_DANH",
    PaperKind.AUTHORISATION: "UY_QUYEN",
    PaperKind.DESIGNER_CAPACITY: "NANG_LUC_THIET_KE",
    PaperKind.DESIGN_REVIEW: "THAM_TRA",
    PaperKind.APPRAISAL: "THAM_DINH",
    PaperKind.FIRE_SAFETY: "PCCC",
    PaperKind.ISSUED_PERMIT: "GPXD_DA_CAP",
    PaperKind.PRESENT_DRAWINGS: "BAN_VE_HIEN_TRANG",
    PaperKind.PRESENT_PHOTOS: "ANH_HIEN_TRANG",
    PaperKind.PRESENT_SURVEY: "KHAO_SAT_HIEN_TRANG",
    PaperKind.RELOCATION_PLAN: "PHUONG_AN_DI_DOI",
    PaperKind.PLANNING_PAPER: "VB_QUY_HOACH",
    PaperKind.OTHER: "KHAC",
}
