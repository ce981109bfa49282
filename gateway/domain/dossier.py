"""The local dossier record: the gateway's own vocabulary, as the one-door system sends it to ``/v1/dossiers``.

These types are the only declaration: decoding, validation, JSON Schema and OpenAPI come from them. Instants carry
an offset; money is integer đồng; an absent value is ``null`` or left out. Sources: national_portal §5, §6, §10;
domain_rules §3.6.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from gateway.domain.declarations import Declaration
from gateway.domain.record import (
    MAX_VND,
    NO_NUL,
    Code,
    DossierCode,
    FileReference,
    Identifier,
    Instant,
    Money,
    Name,
    Record,
    Sha256,
    Text,
    Url,
    Version,
)

__all__ = [
    "MAX_VND",
    "NO_NUL",
    "Agency",
    "Applicant",
    "ApplicantKind",
    "Channel",
    "Code",
    "Document",
    "Dossier",
    "DossierCode",
    "Fee",
    "FeeKind",
    "FileReference",
    "Identifier",
    "Identity",
    "IdentityKind",
    "Instant",
    "Money",
    "Name",
    "Paper",
    "PaymentMethod",
    "Portal",
    "Procedure",
    "Reappointment",
    "Record",
    "Result",
    "ReturnMethod",
    "Reuse",
    "Sha256",
    "Step",
    "Supplement",
    "Text",
    "Url",
    "Version",
]


class Channel(StrEnum):
    """How the applicant filed (national_portal §10.2)."""

    COUNTER = "counter"
    ONLINE = "online"
    POST = "post"


class Portal(StrEnum):
    """Where the applicant filed (national_portal §10.10)."""

    NATIONAL = "national"
    PROVINCE = "province"


class ApplicantKind(StrEnum):
    """Kind of applicant (national_portal §10.3)."""

    CITIZEN = "citizen"
    ENTERPRISE = "enterprise"
    AGENCY = "agency"
    ORGANISATION = "organisation"


class IdentityKind(StrEnum):
    """Kind of identity number (national_portal §10.7)."""

    PERSONAL_ID = "personal_id"
    OLD_ID_CARD = "old_id_card"
    PASSPORT = "passport"
    TAX_CODE = "tax_code"


class ReturnMethod(StrEnum):
    """How the result reaches the applicant (national_portal §10.4)."""

    COUNTER = "counter"
    POST = "post"
    ELECTRONIC = "electronic"


class FeeKind(StrEnum):
    """Fee (phí) or charge (lệ phí) (national_portal §10.5)."""

    FEE = "fee"
    CHARGE = "charge"


class PaymentMethod(StrEnum):
    """How a fee is paid (national_portal §10.5, §10.8)."""

    COUNTER = "counter"
    PORTAL = "portal"
    PROVINCE_GATEWAY = "province_gateway"


class Reuse(StrEnum):
    """Whether a submitted document reuses earlier data (national_portal §10.6)."""

    NONE = "none"
    COMPONENT = "component"
    RESULT = "result"


class Procedure(Record, frozen=True, kw_only=True):
    """Administrative procedure (thủ tục hành chính). ``national_code`` is filled from the source's table."""

    code: Code
    national_code: Code | None = None
    name: Name | None = None
    field_code: Code | None = None
    field_name: Name | None = None


class Agency(Record, frozen=True, kw_only=True):
    """Processing agency (cơ quan)."""

    code: Code
    name: Name


class Identity(Record, frozen=True, kw_only=True):
    """One identity number of the applicant."""

    kind: IdentityKind
    number: Annotated[str, Meta(min_length=4, max_length=30, pattern=r"^[0-9A-Za-z-]+$(?!\n)")]


class Applicant(Record, frozen=True, kw_only=True):
    """The owner of the dossier (chủ hồ sơ)."""

    kind: ApplicantKind
    name: Name
    identities: list[Identity] = []
    email: Text | None = None
    phone: Annotated[str, Meta(max_length=30, pattern=NO_NUL)] | None = None
    fax: Annotated[str, Meta(max_length=30, pattern=NO_NUL)] | None = None
    address: Text | None = None
    account_id: Identifier | None = None
    account_verified: bool = False


class Document(Record, frozen=True, kw_only=True):
    """A submitted component of the dossier (national_portal §5.2)."""

    id: Identifier
    name: Text
    component_code: Code | None = None
    file: FileReference | None = None
    digitised: bool = False
    reuse: Reuse = Reuse.NONE
    replaced_result_code: Code | None = None
    from_national_store: bool = False
    deleted: bool = False


class Paper(Record, frozen=True, kw_only=True):
    """A paper handed in without a file (national_portal §5.4)."""

    name: Text
    quantity: Annotated[int, Meta(ge=0, le=100_000)]
    kind: Annotated[int, Meta(ge=0, le=99)] = 1


class Fee(Record, frozen=True, kw_only=True):
    """A fee or charge of the dossier (national_portal §5.3). ``paid_at`` null: not paid yet."""

    id: Identifier
    name: Name
    kind: FeeKind
    amount: Money
    code: Code | None = None
    method: PaymentMethod = PaymentMethod.COUNTER
    paid_at: Instant | None = None


class Supplement(Record, frozen=True, kw_only=True):
    """One supplement round (bổ sung): asked, and perhaps answered (national_portal §5.5)."""

    id: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    requested_at: Instant
    requested_by: Name
    reason: Text
    old_due_at: Instant | None = None
    received_at: Instant | None = None
    received_by: Name | None = None
    received_note: Text | None = None
    new_due_at: Instant | None = None
    documents: list[Document] = []
    fees: list[Fee] = []


class Reappointment(Record, frozen=True, kw_only=True):
    """A changed promise with its paper (hẹn lại; domain_rules R14, R15)."""

    old_due_at: Instant
    new_due_at: Instant
    issued_at: Instant
    reason: Text
    document_number: Identifier | None = None
    signer: Name | None = None


class Result(Record, frozen=True, kw_only=True):
    """A result document (kết quả; national_portal §5.6)."""

    id: Identifier
    name: Text
    code: Code | None = None
    component_code: Code | None = None
    file: FileReference | None = None


class Step(Record, frozen=True, kw_only=True):
    """One processing step (national_portal §6). ``id`` is stable in the source: a step is never sent twice."""

    id: Identifier
    at: Instant
    status: Code
    actor: Name | None = None
    title: Text | None = None
    unit: Text | None = None
    note: Text | None = None
    started_at: Instant | None = None
    due_at: Instant | None = None


class Dossier(Record, frozen=True, kw_only=True):
    """A dossier (hồ sơ) as it stands in the source system at ``version``, with its whole history."""

    code: DossierCode
    version: Version
    source: Code = "one-door"
    origin: Portal = Portal.PROVINCE
    procedure: Procedure
    agency: Agency
    channel: Channel
    applicant: Applicant
    summary: Text
    status: Code
    submitted_at: Instant | None = None
    received_at: Instant | None = None
    due_at: Instant | None = None
    finished_at: Instant | None = None
    returned_at: Instant | None = None
    refused_at: Instant | None = None
    return_method: ReturnMethod = ReturnMethod.COUNTER
    return_note: Text | None = None
    receipt_number: Identifier | None = None
    note: Text | None = None
    other_information: Text | None = None
    steps: Annotated[list[Step], Meta(max_length=2000)] = []
    documents: Annotated[list[Document], Meta(max_length=2000)] = []
    papers: Annotated[list[Paper], Meta(max_length=2000)] = []
    fees: Annotated[list[Fee], Meta(max_length=500)] = []
    supplements: Annotated[list[Supplement], Meta(max_length=200)] = []
    reappointments: Annotated[list[Reappointment], Meta(max_length=200)] = []
    results: Annotated[list[Result], Meta(max_length=500)] = []
    databases: Annotated[list[Code], Meta(max_length=100)] = []
    declaration: Declaration | None = None
