"""Who is shown persons outside the message log, and what the others are shown: records, payers, requests to be sent.

A client that hands dossiers over (scope dossiers:write) has these data from where they come from, so it reads its own
records as they are. Everybody else gets them masked, unless ``personal`` asks for them: that needs scope personal:read and
a reason, and stands in the log (channel ``access``) before they are handed out. Invariant: a mask tells nothing of what is
under it, not even its length, and what is masked still is what the document of the API says.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.access import require_scope
from gateway.api.deliveries import Reason
from gateway.api.problem import invalid
from gateway.api.route import Call
from gateway.api.service import Api
from gateway.domain.declarations import PERSONAL_FIELDS
from gateway.domain.dossier import Applicant, Dossier, Step
from gateway.domain.payment_order import OrderPayer
from gateway.domain.violation import Violation
from gateway.messagelog.acts import AccessNote, note_access
from gateway.messagelog.masking import MASK, masked
from gateway.messagelog.personal import cutter
from gateway.proof.lienthong_verify import Cut
from gateway.storage.clients import Principal, Scope

_OURS = (*PERSONAL_FIELDS, "note", "received_note", "received_by", "receipt_number")
Personal = Annotated[bool, Meta(description="Show personal data; needs scope personal:read and a reason.")]


class PersonalQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whether persons are to be shown, and why; it is logged with who asks. Not needed by whoever may hand dossiers over
    (dossiers:write)."""

    personal: Personal = False
    reason: Reason | None = None


class PaperQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file of a person is read: it cannot be masked, so it is read whole, with scope personal:read, and for a reason
    that is logged with who asks. Neither is needed by whoever may hand dossiers over (dossiers:write)."""

    reason: Reason | None = None


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at: ``verb`` of the entry in the log, of which dossier, and what exactly."""

    verb: str
    dossier: str | None
    detail: dict[str, Any]


def personal_names(fields: tuple[str, ...]) -> frozenset[str]:
    """Fields that name a person or tell of one: ``fields`` of a partner, and our own."""
    return frozenset((*fields, *_OURS))


def writes(principal: Principal | None) -> bool:
    """Whether these data come from this client."""
    return principal is not None and Scope.DOSSIERS_WRITE in principal.scopes


async def sees_people(api: Api, call: Call, sight: Sight, *, personal: bool, reason: str | None) -> bool:
    """Whether the caller is shown persons; where it has to ask for that, it is in the log afterwards."""
    if not personal:
        return writes(call.principal)
    why = _require_reason(call, reason, "give a reason, or leave personal out")
    await _note(api, call, sight, why)
    return True


def require_reader(call: Call) -> None:
    """Refuse (403, 422) whoever may not read a file of a person, before it is looked for."""
    if not writes(call.principal):
        _require_reason(call, call.query_as(PaperQuery).reason, "give a reason")


async def note_reader(api: Api, call: Call, sight: Sight) -> None:
    """Write down who is about to be given a file of a person, and why; nobody's word is needed for what came from it."""
    reason = call.query_as(PaperQuery).reason
    if reason is not None:
        await _note(api, call, sight, reason)


def _require_reason(call: Call, reason: str | None, advice: str) -> str:
    if call.principal is not None:
        require_scope(call.principal, Scope.PERSONAL_READ)
    if reason is not None:
        return reason
    raise invalid(
        "personal data is read for a reason, which is logged",
        Violation(
            pointer="/query/reason", code="required", got="nothing", expected="why it is read", advice=advice
        ),
    )


async def _note(api: Api, call: Call, sight: Sight, reason: str) -> None:
    note = AccessNote(
        actor=call.actor, reason=reason, now=api.now, dossier=sight.dossier, detail=sight.detail
    )
    await api.gateway.database.write(partial(note_access, verb=sight.verb, note=note))


def masked_record(record: Dossier) -> Dossier:
    """``record`` without its people: what officials did and when stays."""
    return msgspec.structs.replace(
        record,
        applicant=Applicant(kind=record.applicant.kind, name=MASK),
        summary=MASK,
        return_note=_hidden(record.return_note),
        note=_hidden(record.note),
        other_information=_hidden(record.other_information),
        receipt_number=_hidden(record.receipt_number),
        steps=[masked_step(each) for each in record.steps],
        documents=[msgspec.structs.replace(each, name=MASK, file=None) for each in record.documents],
        papers=[msgspec.structs.replace(each, name=MASK) for each in record.papers],
        results=[msgspec.structs.replace(each, name=MASK, file=None) for each in record.results],
        supplements=[
            msgspec.structs.replace(
                each,
                received_by=_hidden(each.received_by),
                received_note=_hidden(each.received_note),
                documents=[msgspec.structs.replace(one, name=MASK, file=None) for one in each.documents],
            )
            for each in record.supplements
        ],
        declaration=None,
    )


def masked_step(step: Step) -> Step:
    """``step`` without what somebody has noted at it."""
    return msgspec.structs.replace(step, note=_hidden(step.note))


def masked_payer(payer: OrderPayer | None) -> OrderPayer | None:
    """That somebody pays, and not who."""
    return None if payer is None else OrderPayer(name=MASK)


def masked_request(names: tuple[str, ...], url: str, body: bytes) -> tuple[str, bytes]:
    """Address and body of a request without the values of the fields ``names`` and of our own."""
    found = cutter((*names, *_OURS))  # an adapter may send a field on under our own name
    head = f"{url}\n".encode()
    if found is None:
        return url, body
    cuts = found.cuts(head + body, len(head))
    inside = [Cut(cut.start - len(head), cut.length, cut.label) for cut in cuts if cut.start >= len(head)]
    bare = f"{url.partition('?')[0]}?{MASK}" if len(inside) < len(cuts) else url
    return bare, masked(body, inside)


def _hidden(text: str | None) -> str | None:
    return None if text is None else MASK
