"""A declaration as the older interface of the judicial record centre wants it (judicial_records §5, §7).

What the contract marks as optional and the dossier does not have is left out, apart from the constants that the known
sender writes in its place. Invariant: numbers are numbers and texts are texts as in the contract's own example.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.declarations.judicial_record import JudicialRecordDeclaration, PaperDelivery
from gateway.mapping import Field, Table, Unfit
from gateway.mapping.formats import Format, day_first, line
from mappings.judicial_records.written import on_one_line, partial, promised
from mappings.judicial_records_g1.scope import RegistrationScope

GUIDE, CLIENT = "guide", "client"
"""Two spellings of the same message: that of the province's guide, and that of the known client."""
_PERSON = "declaration.person"
_AGENT = "declaration.authorised"
_UNKNOWN = "-1"


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told of a dossier, and stored as the payload. The interface takes no attachments."""

    code: str
    declaration: JudicialRecordDeclaration
    received_at: datetime | None = None
    due_at: datetime | None = None


def _text(name: str, source: str, *, required: bool = False) -> Field:
    return Field(
        name=name, source=source, format=line, required=required, omit_empty=not required, max_length=4000
    )


def _as(name: str, source: str, how: Format, *, required: bool = False) -> Field:
    return Field(name=name, source=source, format=how, required=required, omit_empty=not required)


def _made(name: str, pointer: str, make: Callable[[Any, Any], object], how: Format = line) -> Field:
    return Field(name=name, source=make, format=how, pointer=pointer, omit_empty=True)


def _number(name: str, pointer: str, make: Callable[[Any, Any], int]) -> Field:
    return Field(name=name, source=make, format=lambda value: value, pointer=pointer)


def _constant(name: str, value: object) -> Field:
    """What the known sender writes where it does not know better (judicial_records §5)."""
    return Field(name=name, source=lambda _record, _scope: value, format=lambda written: written)


def phone(value: object) -> str:
    """Digits, as the contract wants them; the marks that people put between them are left out."""
    written = str(value).translate(str.maketrans("", "", " .-()"))
    if not (written.isascii() and written.isdecimal()):
        raise Unfit("not_digits", "digits", "give a phone number that has digits only")
    return written


def year(value: object) -> str:
    """The year of a month: the one precision that is seen in use (judicial_records §7)."""
    return str(value)[:4]


def _citizen(record: Registration) -> str:
    return "citizen" if record.declaration.person.nationality == "VN" else "foreigner"


def _declared_by(record: Registration) -> str:
    return "authorised" if record.declaration.authorised else "person"


def _due(record: Registration, scope: RegistrationScope) -> str:
    return promised(record.due_at, record.received_at, record.declaration, scope.codes["ThoiHan"])


def _extra(record: Registration, _scope: RegistrationScope) -> str:
    return str(max(record.declaration.copies - 1, 0))


SOJOURN = Table(
    name="residenceWSForm",
    clause="judicial_records §5",
    fields=(
        _as("fromDateStr", "since", year, required=True),
        _as("toDateStr", "until", year, required=True),
        Field(
            name="residencePlace",
            source=lambda sojourn, _: on_one_line(sojourn.address),
            pointer="/address",
            required=True,
        ),
        _text("jobName", "occupation"),
        _text("workPlace", "workplace"),
    ),
)
DECLARATION = Table(
    name="declarationWSForm",
    clause="judicial_records §5",
    fields=(
        _text("fullName", f"{_PERSON}.name", required=True),
        Field(name="genderId", source=f"{_PERSON}.gender", code="GioiTinh", required=True),
        _as("birthDateStr", f"{_PERSON}.born_on", partial, required=True),
        _made(
            "birthPlace",
            "/declaration/person/birthplace",
            lambda record, _: on_one_line(record.declaration.person.birthplace),
        ),
        _number(
            "nationalityId",
            "/declaration/person/nationality",
            lambda record, scope: scope.numeral("QuocTich", record.declaration.person.nationality),
        ),
        Field(name="ethnicId", source=f"{_PERSON}.ethnicity", code="DanToc", omit_empty=True),
        _made(
            "residence",
            "/declaration/person/residence",
            lambda record, _: on_one_line(record.declaration.person.residence),
        ),
        _constant("reRegionId", _UNKNOWN),
        _made(
            "residenceTemporary",
            "/declaration/person/temporary_residence",
            lambda record, _: on_one_line(record.declaration.person.temporary_residence),
        ),
        _constant("rtRegionId", _UNKNOWN),
        Field(name="idTypeId", source=f"{_PERSON}.paper.kind", code="LoaiGiayTo", required=True),
        _text("identifyNo", f"{_PERSON}.paper.number", required=True),
        _as("idIssueDate", f"{_PERSON}.paper.issued_on", partial),
        _text("idIssuePlace", f"{_PERSON}.paper.issued_by"),
        _text("dadName", "declaration.father.name"),
        _as("dadDob", "declaration.father.born_on", partial),
        _text("momName", "declaration.mother.name"),
        _as("momDob", "declaration.mother.born_on", partial),
        _text("partnerName", "declaration.spouse.name"),
        _as("partnerDob", "declaration.spouse.born_on", partial),
        _as("phone", f"{_PERSON}.phone", phone, required=True),
        _text("email", f"{_PERSON}.email"),
        _as("declareDate", "received_at", day_first, required=True),
        _number(
            "declareTypeId",
            "/declaration/authorised",
            lambda record, scope: scope.numeral("LoaiToKhai", _declared_by(record)),
        ),
        _number("requestQty", "/declaration/copies", lambda record, _: min(record.declaration.copies, 1)),
        _made("requestQtyAdd", "/declaration/copies", _extra),
        _number(
            "objectRequestId",
            "/declaration/person/nationality",
            lambda record, scope: scope.numeral("DoiTuong", _citizen(record)),
        ),
        _constant("agencyRequestId", _UNKNOWN),
        _number("regionRequestId", "", lambda _, scope: scope.options.region_id),
        Field(name="formType", source="declaration.certificate", code="LoaiPhieu", required=True),
        _number(
            "isBanPosition",
            "/declaration/confirm_prohibitions",
            lambda record, _: int(record.declaration.confirm_prohibitions),
        ),
        _number(
            "delivery",
            "/declaration/paper_delivery",
            lambda record, _: int(record.declaration.paper_delivery is PaperDelivery.POST),
        ),
        Field(
            name="deliveryAddress",
            source="declaration.deliver_to",
            format=line,
            omit_empty=True,
            required_when=lambda record, _: record.declaration.paper_delivery is PaperDelivery.POST,
        ),
        _made(
            "purpose",
            "/declaration/purpose_name",
            lambda record, _: record.declaration.purpose_name or record.declaration.purpose_text,
        ),
        _made("receiveNo", "/code", lambda _, scope: scope.number),
        _text("otherName", f"{_PERSON}.other_name"),
    ),
)


def _agent(record: Registration) -> Any:
    """Whoever stands in the form of the mandate: the authorised person, else the person concerned once more (§5)."""
    return record.declaration.authorised or record.declaration.person


def _in_mandate(name: str, path: str, make: Callable[[Any], object]) -> Field:
    """An element that only a mandate has."""
    return _made(
        name,
        f"/declaration/authorised{path}",
        lambda record, _: make(record.declaration.authorised) if record.declaration.authorised else None,
    )


MANDATE = Table(
    name="mandatorWSForm",
    clause="judicial_records §5",
    fields=(
        Field(
            name="fullName",
            source=lambda record, _: _agent(record).name,
            format=line,
            pointer="",
        ),
        Field(name="genderId", source=f"{_AGENT}.gender", code="GioiTinh", omit_empty=True),
        _as("birthDateStr", f"{_AGENT}.born_on", partial),
        _in_mandate("birthPlaceId", "", lambda _: _UNKNOWN),
        _in_mandate("residence", "/residence", lambda agent: on_one_line(agent.residence)),
        _in_mandate("regionId", "", lambda _: _UNKNOWN),
        Field(name="idTypeId", source=f"{_AGENT}.paper.kind", code="LoaiGiayTo", omit_empty=True),
        _text("identifyNo", f"{_AGENT}.paper.number"),
        _as("idIssueDate", f"{_AGENT}.paper.issued_on", partial),
        _text("idIssuePlace", f"{_AGENT}.paper.issued_by"),
        Field(name="mandatorRelation", source=f"{_AGENT}.relation", format=line),
        Field(name="mandatorDate", source=f"{_AGENT}.authorised_on", format=partial),
    ),
)


def _whole(name: str, spelling: str, part: Table) -> Field:
    return Field(
        name=name, source=lambda record, _: record, pointer="", part=part, variants=frozenset({spelling})
    )


def _sojourns(name: str, spelling: str) -> Field:
    return Field(name=name, source="declaration.sojourns", rows=SOJOURN, variants=frozenset({spelling}))


SUBMIT = Table(
    name="nhanHoSoDangKy",
    clause="judicial_records §5",
    fields=(
        Field(
            name="idMinistryJustice",
            source=lambda _, scope: scope.options.unit_id,
            pointer="",
            variants=frozenset({GUIDE}),
        ),
        Field(name="idReceivedDec", source=lambda _, scope: scope.number, pointer="/code", required=True),
        _as("dateReceivedDec", "received_at", day_first, required=True),
        Field(name="datePromissoryDec", source=_due, pointer="/due_at"),
        _constant("idMoneyReceipt", "0"),
        _whole("declarationWSForm", GUIDE, DECLARATION),
        _whole("declarationForm", CLIENT, DECLARATION),
        _sojourns("residenceWSForm", GUIDE),
        _sojourns("residenceForm", CLIENT),
        _whole("mandatorWSForm", GUIDE, MANDATE),
        _whole("mandatorForm", CLIENT, MANDATE),
    ),
)
