"""The declaration of who asks for a judicial record certificate (phiếu lý lịch tư pháp).

Field by field what judicial_records §4.2 and §4.3 want to know, in the gateway's words. Invariant: dates of people may be
known to the year, the month or the day only, and nothing is made up where it is not known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta

from gateway.domain.record import NO_NUL, Code, Name, Record, Text

PartialDate: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$(?!\n)",
        description="A year, a month of a year, or a day, as far as it is known.",
        examples=["1990-02-01", "1990-02", "1990"],
    ),
]
Month: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}(-(0[1-9]|1[0-2]))?$(?!\n)",
        description="A month of a year; the year alone where the month is not known.",
        examples=["2004-02"],
    ),
]
ShortText: TypeAlias = Annotated[str, Meta(max_length=500, pattern=NO_NUL)]


class CertificateKind(StrEnum):
    """Which certificate is asked for (judicial_records §1): number 2 only by the person concerned."""

    NUMBER_1 = "number_1"
    NUMBER_2 = "number_2"


class Gender(StrEnum):
    """As in the identity paper (judicial_records §4.2)."""

    MALE = "male"
    FEMALE = "female"


class FiledThrough(StrEnum):
    """Where the request was filed (judicial_records §4.2)."""

    PROVINCE_PORTAL = "province_portal"
    VNEID = "vneid"
    COUNTER = "counter"


class PayerGroup(StrEnum):
    """What the fee depends on (judicial_records §1)."""

    ORDINARY = "ordinary"
    REDUCED = "reduced"
    EXEMPT = "exempt"


class PaperDelivery(StrEnum):
    """How paper copies reach the applicant (judicial_records §4.2)."""

    COUNTER = "counter"
    POST = "post"


class Place(Record, frozen=True, kw_only=True):
    """An address or a place of birth. Codes are those of the General Statistics Office; since 2025-07-01 there are no
    districts. ``country`` is the two-letter code."""

    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")] = "VN"
    country_name: ShortText = "Việt Nam"
    province: Code | None = None
    province_name: ShortText = ""
    district: Code | None = None
    district_name: ShortText = ""
    ward: Code | None = None
    ward_name: ShortText = ""
    detail: ShortText = ""


class IdentityPaper(Record, frozen=True, kw_only=True):
    """The paper by which somebody is identified. ``kind``: a code of the province's table of papers."""

    kind: Code
    number: Annotated[str, Meta(min_length=4, max_length=30, pattern=r"^[0-9A-Za-z-]+$(?!\n)")]
    kind_name: ShortText = ""
    issued_on: PartialDate | None = None
    issued_by: ShortText = ""


class Relative(Record, frozen=True, kw_only=True):
    """Father, mother or spouse."""

    name: Name
    born_on: PartialDate | None = None


class Person(Record, frozen=True, kw_only=True):
    """Whom the certificate is about."""

    name: Name
    gender: Gender
    born_on: PartialDate
    birthplace: Place
    residence: Place
    paper: IdentityPaper
    temporary_residence: Place | None = None
    other_name: ShortText = ""
    phone: ShortText = ""
    email: ShortText = ""
    nationality: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")] = "VN"
    nationality_name: ShortText = "Việt Nam"
    ethnicity: Code | None = None
    ethnicity_name: ShortText = ""


class AuthorisedPerson(Record, frozen=True, kw_only=True):
    """Who files for the person concerned (người được uỷ quyền). ``relation``: its name, as in the paper."""

    name: Name
    relation: Name
    residence: Place
    paper: IdentityPaper
    gender: Gender | None = None
    born_on: PartialDate | None = None
    other_name: ShortText = ""
    phone: ShortText = ""
    email: ShortText = ""
    nationality: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")] = "VN"
    nationality_name: ShortText = "Việt Nam"
    ethnicity: Code | None = None
    ethnicity_name: ShortText = ""
    authorised_on: PartialDate | None = None


class Sojourn(Record, frozen=True, kw_only=True):
    """Where the person lived and what they did, since the age of fourteen."""

    since: Month
    until: Month
    address: Place
    kind: ShortText = ""
    occupation: ShortText = ""
    workplace: ShortText = ""


class JudicialRecordDeclaration(
    Record, frozen=True, kw_only=True, tag="judicial_record", tag_field="declared"
):
    """A request for a certificate of judicial record.

    ``confirm_prohibitions``: also say whether the person may hold offices (cấm đảm nhiệm chức vụ). ``purpose``: a code
    of the ministry's table, where there is one; ``purpose_text``: in the applicant's own words. ``convictions``: what
    the person declares. ``copies``: on paper; the electronic certificate is always there.
    """

    certificate: CertificateKind
    person: Person
    filed_through: FiledThrough
    confirm_prohibitions: bool = False
    purpose: Code | None = None
    purpose_name: ShortText = ""
    purpose_text: ShortText = ""
    copies: Annotated[int, Meta(ge=0, le=1000)] = 1
    father: Relative | None = None
    mother: Relative | None = None
    spouse: Relative | None = None
    authorised: AuthorisedPerson | None = None
    convictions: Text = ""
    sojourns: Annotated[list[Sojourn], Meta(max_length=200)] = []
    payer_group: PayerGroup = PayerGroup.ORDINARY
    paper_delivery: PaperDelivery = PaperDelivery.COUNTER
    deliver_to: ShortText = ""
