"""The LGSP twin: a province platform's generic "document" instead of the portal's services (national_portal §9).

What the schema says is mapped; where it leaves a meaning open, the portal's own correspondence is used. Invariant:
instants are UTC as their letter Z says, unless the platform has learnt local time with a literal Z.
"""

from __future__ import annotations

from datetime import datetime

from gateway.domain.dossier import Dossier, Step, Supplement
from gateway.domain.status import Status
from gateway.mapping import Field, Table, Unfit
from gateway.mapping.fields import Getter
from gateway.mapping.formats import line, local_as_zulu, truth, whole, zulu
from mappings.national_portal.dong_bo_ho_so_mc import DOSSIER, was_received
from mappings.national_portal.dossier_parts import listed_fees, papers
from mappings.national_portal.scope import PortalScope

DOCUMENT_PATH = "/Document/SyncDocument"
TRACES_PATH = "/Document/UpdateDocumentTraces"
DONE_CODES = ("200",)
UTC_DATES = "utc"
LOCAL_DATES = "local_z"

_FEE_TYPE = 4  # §9: the only value seen
_RELEASED = frozenset({Status.FINISHED, Status.RETURNED})


def _moments(
    name: str, source: str | Getter, *, required: bool = False, pointer: str | None = None
) -> tuple[Field, ...]:
    """One date element in both spellings; the variant that is compiled chooses."""
    return tuple(
        Field(
            name=name,
            source=source,
            format=spelling,
            required_when=was_received if required else None,
            omit_empty=not required,
            pointer=pointer,
            variants=frozenset({variant}),
        )
        for variant, spelling in ((UTC_DATES, zulu), (LOCAL_DATES, local_as_zulu))
    )


def _number(table: str, attribute: str) -> Getter:
    def read(record: object, scope: PortalScope) -> int:
        value: object = record
        for part in attribute.split("."):
            value = getattr(value, part)
        wire = scope.codes[table].wire(str(value), scope.on)
        if wire is None or not wire.isdecimal():
            raise Unfit("unmapped_code", f"a code of table {table}", f"add a row to {table}.csv")
        return int(wire)

    return read


def _applicant_id(dossier: Dossier, _scope: PortalScope) -> str:
    first = dossier.applicant.identities[0].number if dossier.applicant.identities else ""
    return dossier.applicant.account_id or first


def _finished(dossier: Dossier, _scope: PortalScope) -> bool:
    return dossier.status in _RELEASED


def _open_round(dossier: Dossier) -> Supplement | None:
    return next((each for each in reversed(dossier.supplements) if each.received_at is None), None)


def _asked_at(dossier: Dossier, _scope: PortalScope) -> datetime | None:
    waiting = _open_round(dossier)
    return None if waiting is None else waiting.requested_at


FEE = Table(
    name="DocFees",
    clause="national_portal §9",
    fields=(
        Field(name="FeeName", source="name", format=line, required=True),
        Field(name="FeeType", source=lambda _fee, _scope: _FEE_TYPE, format=whole, pointer="/kind"),
        Field(name="Price", source="amount", format=whole),
    ),
)
PAPER = Table(
    name="DocPapers",
    clause="national_portal §9",
    fields=(
        Field(name="PaperName", source="name", format=line, required=True),
        Field(name="Amount", source="quantity", format=whole),
        Field(name="PaperType", source="kind", format=whole),
    ),
)
SUPPLEMENTARY = Table(
    name="Supplementaries",
    clause="national_portal §9",
    fields=(
        Field(name="SupplementaryId", source="id", format=whole),
        Field(name="SendUser", source="requested_by", format=line, required=True),
        Field(name="SendComment", source="reason", required=True),
        *_moments("SendDate", "requested_at"),
        Field(name="ReceivedUser", source="received_by", format=line, omit_empty=True),
        Field(name="ReceivedComment", source="received_note", omit_empty=True),
        *_moments("ReceivedDate", "received_at"),
        Field(
            name="IsReceived",
            source=lambda supplement, _: supplement.received_at is not None,
            format=truth,
            pointer="/received_at",
        ),
        *_moments("OldDateAppointed", "old_due_at"),
        *_moments("NewDateAppointed", "new_due_at"),
    ),
)


def _rounds(dossier: Dossier, _scope: PortalScope) -> list[tuple[str, Supplement]]:
    return [(f"/supplements/{index}", each) for index, each in enumerate(dossier.supplements)]


SYNC_DOCUMENT = Table(
    name="MSyncDocument",
    clause="national_portal §9",
    fields=(
        Field(
            name="DocTypeCode",
            source=DOSSIER.field("MaTTHC").source,
            pointer="/procedure/code",
            required=True,
        ),
        Field(
            name="DocTypeName",
            source=DOSSIER.field("TenTTHC").source,
            format=line,
            pointer="/procedure/name",
            required=True,
        ),
        Field(
            name="DocCode", source=lambda _, scope: scope.code, pointer="/code", required=True, max_length=50
        ),
        Field(name="CitizenName", source="applicant.name", format=line, required=True),
        Field(name="ApplicantsId", source=_applicant_id, format=line, pointer="/applicant/account_id"),
        Field(
            name="ApplicantsType",
            source=_number("ApplicantsType", "applicant.kind"),
            format=whole,
            pointer="/applicant/kind",
        ),
        Field(name="Address", source="applicant.address", omit_empty=True),
        Field(name="Email", source="applicant.email", format=line, omit_empty=True),
        Field(name="Phone", source="applicant.phone", format=line),
        Field(name="Compendium", source=DOSSIER.field("TrichYeuHoSo").source, pointer="/summary"),
        *_moments("DateReceived", "received_at", required=True),
        *_moments("DateAppointed", "due_at"),
        Field(name="IsSuccess", source=_finished, format=truth, pointer="/status"),
        *_moments("SuccessDate", "finished_at"),
        Field(
            name="IsReturned",
            source=lambda dossier, _: dossier.status == Status.RETURNED,
            format=truth,
            pointer="/status",
        ),
        *_moments("ReturnedDate", "returned_at"),
        Field(name="ReturnNote", source="return_note", omit_empty=True),
        Field(
            name="ReturnedType",
            source=_number("ReturnedType", "return_method"),
            format=whole,
            pointer="/return_method",
        ),
        *_moments("FinishedDate", "returned_at"),
        Field(
            name="Status",
            source=lambda dossier, scope: 2 if _finished(dossier, scope) else 1,
            format=whole,
            pointer="/status",
        ),
        Field(name="ProcessingOrganName", source="agency.name", format=line, required=True),
        Field(
            name="HasSupplementary",
            source=lambda dossier, _: bool(dossier.supplements),
            format=truth,
            pointer="/supplements",
        ),
        *_moments("RequireSupplementaryDate", _asked_at, pointer="/supplements"),
        Field(name="Note", source=DOSSIER.field("GhiChu").source, pointer="/note", omit_empty=True),
        Field(name="DocFees", source=listed_fees, rows=FEE, pointer="/fees"),
        Field(name="DocPapers", source=papers, rows=PAPER, pointer="/papers"),
        Field(name="Supplementaries", source=_rounds, rows=SUPPLEMENTARY, pointer="/supplements"),
        Field(name="OrganInchargeIdLevel1", source=lambda _, scope: scope.options.unit, pointer="/agency"),
        Field(name="OrganInchargeName", source=lambda _, scope: scope.options.unit_name, pointer="/agency"),
    ),
)


def _comment(step: Step, scope: PortalScope) -> str:
    return step.note if step.note and step.note.strip() else scope.label("TrangThaiHoSo", step.status)


DOCUMENT_TRACES = Table(
    name="MDocumentTraces",
    clause="national_portal §9",
    fields=(
        Field(name="DocumentId", source=lambda _, scope: scope.code, pointer="", required=True),
        Field(name="DocCode", source=lambda _, scope: scope.code, pointer="", required=True, max_length=50),
        Field(
            name="UserName",
            source=lambda step, scope: (step.actor or "").strip() or scope.options.default_actor,
            format=line,
            pointer="/actor",
            required=True,
        ),
        Field(name="UserPosition", source="title", format=line),
        *_moments("DateCreated", "at"),
        Field(name="Comment", source=_comment, pointer="/note", omit_empty=True),
        Field(name="Status", source=lambda _step, _scope: 0, format=whole, pointer="/status"),
        Field(name="OrganizationInchargeIdLevel1", source=lambda _, scope: scope.options.unit, pointer=""),
        Field(name="OrganizationInchargeName", source=lambda _, scope: scope.options.unit_name, pointer=""),
    ),
)
