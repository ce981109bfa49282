"""The declarations for a construction permit (giấy phép xây dựng) and for planning information (thông tin quy hoạch).

Field by field what the forms of construction §3 want to know, in the gateway's words. Invariant: measures are decimal
texts, written to the partner digit by digit as they were declared; nothing is rounded on the way.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta

from gateway.domain.record import NO_NUL, FileReference, Identifier, Record, Text

Short: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255, pattern=NO_NUL)]
SquareMetres: TypeAlias = Annotated[
    str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})?$(?!\n)", examples=["120.50"])
]
Metres: TypeAlias = Annotated[str, Meta(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,3})?$(?!\n)", examples=["11.400"])]
Percent: TypeAlias = Annotated[str, Meta(pattern=r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$(?!\n)")]
Ratio: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,4})?$(?!\n)")]
PartyNumber: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9A-Z]{6,20}$(?!\n)")]
EnterpriseNumber: TypeAlias = Annotated[str, Meta(pattern=r"^([0-9]{10}(-?[0-9]{3})?|[0-9]{12})$(?!\n)")]
CertificateNumber: TypeAlias = Annotated[str, Meta(min_length=3, max_length=50, pattern=NO_NUL)]
Phone: TypeAlias = Annotated[str, Meta(pattern=r"^\+?[0-9]{9,12}$(?!\n)")]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
Ordinal: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]


class PermitKind(StrEnum):
    """What is asked for: a permit of some kind, or a change of one (construction §2)."""

    NEW = "new"
    REPAIR = "repair"
    RELOCATION = "relocation"
    FIXED_TERM = "fixed_term"
    ADJUSTMENT = "adjustment"
    EXTENSION = "extension"
    REISSUE = "reissue"


class FiledAt(StrEnum):
    """Where the application was filed."""

    PORTAL = "portal"
    VNEID = "vneid"
    COUNTER = "counter"
    POST = "post"


class PartyKind(StrEnum):
    """A person (or household), or an organisation."""

    PERSON = "person"
    ORGANISATION = "organisation"


class SubmitterGender(StrEnum):
    """As in the identity paper."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"


class DesignerKind(StrEnum):
    """Who has designed or reviewed; the owner may, for the smallest houses (construction §2)."""

    ORGANISATION = "organisation"
    PERSON = "person"
    OWNER = "owner"


class PermitScope(StrEnum):
    """What one permit covers."""

    WHOLE = "whole"
    STAGE = "stage"
    PROJECT = "project"


class WorkGroup(StrEnum):
    """The branch of the form (construction §3.2)."""

    NON_LINEAR = "non_linear"
    LINEAR = "linear"
    RELIGIOUS = "religious"
    MONUMENT = "monument"
    HOUSE = "house"


class WorkKind(StrEnum):
    """The use of a work."""

    CIVIL = "civil"
    INDUSTRIAL = "industrial"
    INFRASTRUCTURE = "infrastructure"
    TRANSPORT = "transport"
    RURAL = "rural"
    DEFENCE = "defence"


class WorkGrade(StrEnum):
    """The grade of a work, which decides about competence (construction §2)."""

    SPECIAL = "special"
    I = "I"  # noqa: E741 - its official name
    II = "II"
    III = "III"
    IV = "IV"


class PaperKind(StrEnum):
    """What an attachment is (construction §3.4)."""

    APPLICATION = "application"
    CHANGE_APPLICATION = "change_application"
    LAND = "land"
    PROJECT_DECISION = "project_decision"
    PROJECT_DRAWINGS = "project_drawings"
    HOUSE_DRAWINGS = "house_drawings"
    BIM = "bim"
    RELIGION_OPINION = "religion_opinion"
    CULTURE_OPINION = "culture_opinion"
    ART_OPINION = "art_opinion"
    TREATY = "treaty"
    COMMITMENT = "commitment"
    IDENTITY = "identity"
    AUTHORISATION = "authorisation"
    DESIGNER_CAPACITY = "designer_capacity"
    DESIGN_REVIEW = "design_review"
    APPRAISAL = "appraisal"
    FIRE_SAFETY = "fire_safety"
    ISSUED_PERMIT = "issued_permit"
    PRESENT_DRAWINGS = "present_drawings"
    PRESENT_PHOTOS = "present_photos"
    PRESENT_SURVEY = "present_survey"
    RELOCATION_PLAN = "relocation_plan"
    PLANNING_PAPER = "planning_paper"
    OTHER = "other"


class PlanningTopic(StrEnum):
    """What somebody wants to know about the planning of a place."""

    LAND_USE = "land_use"
    INDICATORS = "indicators"
    BOUNDARIES = "boundaries"
    INFRASTRUCTURE = "infrastructure"
    ARCHITECTURE = "architecture"
    EVERYTHING = "everything"


class SiteAddress(Record, frozen=True, kw_only=True):
    """An address by ward and province, with the codes of the General Statistics Office."""

    detail: Short | None = None
    street: Short | None = None
    hamlet: Short | None = None
    ward: Annotated[str, Meta(pattern=r"^[0-9]{5}$(?!\n)")]
    ward_name: Short | None = None
    province: Annotated[str, Meta(pattern=r"^[0-9]{2}$(?!\n)")]
    province_name: Short | None = None


class Submitter(Record, frozen=True, kw_only=True):
    """Who hands the application in: the investor, or somebody authorised."""

    kind: PartyKind
    name: Short
    number: PartyNumber
    born_on: date | None = None
    gender: SubmitterGender | None = None
    number_issued_on: date | None = None
    number_issued_by: Short | None = None
    organisation: Short | None = None
    enterprise_number: EnterpriseNumber | None = None
    phone: Phone
    email: Short | None = None
    residence: SiteAddress | None = None
    authorised: bool = False


class Investor(Record, frozen=True, kw_only=True):
    """Who builds (chủ đầu tư, chủ hộ)."""

    kind: PartyKind
    name: Short
    number: PartyNumber | None = None
    enterprise_number: EnterpriseNumber | None = None
    representative: Short | None = None
    position: Short | None = None
    representative_number: PartyNumber | None = None
    phone: Phone
    email: Short | None = None
    address: SiteAddress | None = None
    co_owners: Annotated[list[Short], Meta(max_length=50)] = []


class Professional(Record, frozen=True, kw_only=True):
    """A designer with the practising certificate."""

    discipline: Short | None = None
    name: Short
    certificate: CertificateNumber | None = None


class Designer(Record, frozen=True, kw_only=True):
    """Who has made, or reviewed, the design; ``lead`` and, by discipline, ``members``."""

    kind: DesignerKind
    name: Short
    enterprise_number: EnterpriseNumber | None = None
    certificate: CertificateNumber | None = None
    lead: Professional | None = None
    members: Annotated[list[Professional], Meta(max_length=50)] = []


class BoundaryPoint(Record, frozen=True, kw_only=True):
    """A corner, in metres of the reference system."""

    x: Metres
    y: Metres


class Boundary(Record, frozen=True, kw_only=True):
    """The outline of a place. ``meridian``: central meridian, where the system has one."""

    reference_system: Short
    meridian: Short | None = None
    points: Annotated[list[BoundaryPoint], Meta(min_length=1, max_length=5000)]


class Parcel(Record, frozen=True, kw_only=True):
    """A parcel of land by its paper."""

    plot: Short | None = None
    parcel: Short | None = None
    map_sheet: Short | None = None
    area: SquareMetres
    land_use: Short | None = None
    paper_kind: Short | None = None
    issue_number: Short | None = None
    register_number: Short | None = None
    issued_on: date | None = None
    issued_by: Short | None = None


class Site(Record, frozen=True, kw_only=True):
    """Where something is, or is to be, built."""

    address: SiteAddress
    parcels: Annotated[list[Parcel], Meta(min_length=1, max_length=200)]
    boundary: Boundary | None = None


class LineSection(Record, frozen=True, kw_only=True):
    """The part of a linear work in one administrative unit."""

    address: SiteAddress
    length: Metres
    level: Metres | None = None


class Work(Record, frozen=True, kw_only=True):
    """One work. ``ground_area``: of the ground floor; ``level``: of the ground, in metres."""

    number: Ordinal
    name: Short
    national_number: Short | None = None
    group: WorkGroup
    kind: WorkKind | None = None
    grade: WorkGrade
    ground_area: SquareMetres | None = None
    level: Metres | None = None
    setback: Metres | None = None
    floor_area: SquareMetres | None = None
    floor_area_detail: Text | None = None
    height: Metres | None = None
    height_detail: Text | None = None
    storeys: Count | None = None
    basements: Count | None = None
    mezzanine: bool | None = None
    roof_hut: bool | None = None
    storeys_detail: Text | None = None
    density: Percent | None = None
    floor_ratio: Ratio | None = None
    length: Metres | None = None
    clearance: Metres | None = None
    depth: Metres | None = None
    sections: Annotated[list[LineSection], Meta(max_length=200)] = []
    stage: Ordinal | None = None


class InvestmentProject(Record, frozen=True, kw_only=True):
    """The project, and the decision that approves it."""

    name: Short
    approved_by: Short
    decision_number: Short
    decided_on: date


class IssuedPermit(Record, frozen=True, kw_only=True):
    """The permit that is to be changed, extended or issued again."""

    number: Short
    issued_on: date
    issued_by: Short
    national_number: Short | None = None
    start_until: date | None = None


class PermitRequest(Record, frozen=True, kw_only=True):
    """What is asked for. ``months``: until the work is finished; ``extension``: the first or the second one."""

    scope: PermitScope | None = None
    project: InvestmentProject | None = None
    works: Annotated[list[Work], Meta(max_length=200)] = []
    repair: Text | None = None
    destination: Site | None = None
    permit: IssuedPermit | None = None
    adjustment: Text | None = None
    reason: Text | None = None
    extension: Annotated[int, Meta(ge=1, le=2)] | None = None
    term: Short | None = None
    months: Ordinal | None = None


class Attachment(Record, frozen=True, kw_only=True):
    """A paper that goes along as bytes; ``file`` needs its SHA-256, by which the bytes are found and proven."""

    id: Identifier
    kind: PaperKind
    title: Short
    file_name: Short
    file: FileReference


class ConstructionDeclaration(
    Record, frozen=True, kw_only=True, tag_field="declared", tag="construction_permit"
):
    """The declaration in an application for a construction permit."""

    kind: PermitKind
    filed_at: FiledAt
    addressed_to: Short
    submitter: Submitter
    investor: Investor
    site: Site
    designer: Designer | None = None
    reviewer: Designer | None = None
    request: PermitRequest
    return_address: SiteAddress | None = None
    attachments: Annotated[list[Attachment], Meta(min_length=1, max_length=200)]
    applied_on: date


class PlanningDeclaration(
    Record, frozen=True, kw_only=True, tag_field="declared", tag="planning_information"
):
    """The declaration in a request for planning information about one place."""

    applicant: Submitter
    site: Site
    topics: Annotated[list[PlanningTopic], Meta(min_length=1, max_length=6)]
    purpose: Text | None = None
    return_address: SiteAddress | None = None
    attachments: Annotated[list[Attachment], Meta(max_length=200)] = []
