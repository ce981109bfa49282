"""Correcting what one failed delivery says, over HTTP: what it says, what would change, and sending it again.

Invariants: a dry run changes nothing and shows every change; what is carried out is what was shown; personal values are
masked unless the caller sends them in anyway or asks with a reason, and a value that is not sent stays as it is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.preview import EncodedRequest, encoded
from gateway.api.privacy import PersonalQuery, Sight, personal_names, sees_people
from gateway.api.problem import invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.delivery.destination import Destination
from gateway.delivery.editable import Leaf, Scalar, Spot, Why, corrected, differences, leaves, read_content
from gateway.delivery.editing import encode_content
from gateway.domain.delivery import STUCK, DeliveryState
from gateway.domain.dossier import NO_NUL, Sha256
from gateway.domain.errors import ApprovalRequired, ConflictError, NotFoundError, RecordError
from gateway.domain.violation import Violation
from gateway.messagelog.masking import MASK
from gateway.storage import queries
from gateway.storage.delivery_edits import (
    Edit,
    EditDone,
    EditState,
    KeptEdit,
    StoredContent,
    edit_delivery,
    edits_of,
    stored_content,
)

Pointer = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=300,
        pattern=r"^/[^\x00]*$",
        description="JSON pointer (RFC 6901) into the content of the delivery.",
        examples=["/applicant/phone"],
    ),
]
_INTEGER = re.compile(r"-?[0-9]{1,15}")
NewText = Annotated[str, Meta(max_length=4000, pattern=NO_NUL)]


class FieldChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One correction. ``value`` null takes the value away."""

    pointer: Pointer
    value: NewText | int | float | bool | None


class EditOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to correct. ``dry_run`` (the default) only says what would change. ``shown``: the digest that the dry run was
    answered with; without it nothing is changed. ``personal``: show what personal values were, for the same reason."""

    changes: Annotated[list[FieldChange], Meta(min_length=1, max_length=200)]
    reason: Reason
    shown: Sha256 | None = None
    personal: bool = False
    dry_run: bool = True


Kind = Literal["text", "number", "truth"]


class EditField(msgspec.Struct, frozen=True, kw_only=True):
    """One value that the delivery tells. ``locked``: why it cannot be corrected. ``personal``: it names or tells of a
    person; ``masked``: it is not shown, and stays what it is unless a new value is sent. ``kind``: of JSON."""

    pointer: str
    kind: Kind
    value: str | int | float | bool | None
    locked: Why | None
    personal: bool
    masked: bool


class FieldDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One value before and after. ``masked``: personal, and not shown."""

    pointer: str
    before: str | int | float | bool | None
    after: str | int | float | bool | None
    masked: bool


class KeptCorrection(msgspec.Struct, frozen=True, kw_only=True):
    """A correction that was made (``applied``), waits for a second person (``proposed``), or had one (``declined``) or
    none in its time (``expired``) and was not made."""

    id: str
    state: EditState
    at: datetime
    actor: str
    reason: str
    changes: list[FieldDifference]


class DeliveryContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery says. ``editable``: its state allows correcting it; ``shown``: digest of what it says;
    ``findings``: what its encoding refuses now; ``edits``: corrections, newest first."""

    delivery: str
    destination: str
    dossier: str
    operation: str
    key: str
    state: DeliveryState
    editable: bool
    shown: str
    fields: list[EditField]
    findings: list[Violation]
    edits: list[KeptCorrection]


class EditResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a correction changes. ``shown``: digest of what the delivery says now, to be sent when it is carried out;
    ``request``: what would be sent; ``done``: null after a dry run."""

    dry_run: bool
    delivery: str
    destination: str
    dossier: str
    key: str
    shown: str
    changes: list[FieldDifference]
    request: EncodedRequest
    done: EditDone | None = None


async def get_delivery_edit(api: Api, call: Call) -> Answer:
    """What a delivery says, field by field, and how it was corrected."""
    query = call.query_as(PersonalQuery)
    content = await _content(api, int(call.path["delivery"]))
    desk = await _Desk.of(api, content)
    clear = await sees_people(api, call, sight_of(content), personal=query.personal, reason=query.reason)
    kept = await api.gateway.database.read(functools.partial(edits_of, delivery_id=content.id, now=api.now))
    fields = [desk.field(leaf, clear=clear) for leaf in leaves(desk.document, desk.spot)]
    open_fields = any(each.locked is None for each in fields)
    found = DeliveryContent(
        delivery=str(content.id),
        destination=content.destination,
        dossier=content.dossier,
        operation=content.operation,
        key=content.key,
        state=content.state,
        editable=content.state in STUCK
        and desk.destination is not None
        and bool(desk.document)
        and open_fields,
        shown=content.digest,
        fields=fields,
        findings=[desk.finding(each, clear=clear) for each in desk.findings],
        edits=[desk.kept(each, clear=clear) for each in kept],
    )
    return Answer(value=found)


async def edit_one(api: Api, call: Call) -> Answer:
    """Correct a delivery and send it again, or say what would change."""
    order = call.body_as(EditOrder)
    content = await _content(api, int(call.path["delivery"]))
    if content.state not in STUCK:
        raise ConflictError(
            f"delivery {content.id} is {content.state}; only what was rejected or parked can be corrected"
        )
    desk = await _Desk.of(api, content)
    _require_shown(order, content)
    clear = await sees_people(api, call, sight_of(content), personal=order.personal, reason=order.reason)
    payload, request = await desk.encoded(order, clear=clear)
    found = differences(desk.document, read_content(payload))
    result = EditResult(
        dry_run=order.dry_run,
        delivery=str(content.id),
        destination=content.destination,
        dossier=content.dossier,
        key=content.key,
        shown=content.digest,
        changes=[desk.difference(each, clear=clear, typed=True) for each in found],
        request=request,
    )
    if order.dry_run:
        return Answer(value=result)
    change = Edit(
        actor=call.actor,
        reason=order.reason,
        now=api.now,
        delivery=content.id,
        shown=order.shown or "",
        content=payload,
        pointers=tuple(pointer for pointer, _, _ in found),
    )
    done = await api.gateway.database.write(functools.partial(edit_delivery, order=change))
    if isinstance(done, ApprovalRequired):
        raise done
    api.gateway.worker.wake(done.destination)
    return Answer(value=msgspec.structs.replace(result, done=done))


def _require_shown(order: EditOrder, content: StoredContent) -> None:
    if order.dry_run:
        return
    if order.shown is None:
        raise invalid(
            "a correction is looked at before it is carried out",
            Violation(
                pointer="/shown",
                code="required",
                got="nothing",
                expected="the digest that the dry run was answered with",
                advice="send the same changes with dry_run true first",
            ),
        )
    if order.shown != content.digest:
        raise ConflictError(
            f"delivery {content.id} says something else than what you have seen; look again and decide again"
        )


def correction(api: Api, content: StoredContent, kept: KeptEdit, *, clear: bool) -> KeptCorrection:
    """One kept correction of ``content`` as it may be shown; ``clear``: with its persons."""
    return _Desk(content, api.gateway.destinations.get(content.destination), {}).kept(kept, clear=clear)


def sight_of(content: StoredContent) -> Sight:
    """What the log says of whoever reads the persons in ``content``."""
    return Sight(
        verb="read_delivery",
        dossier=content.dossier,
        detail={"delivery": str(content.id), "destination": content.destination, "dossier": content.dossier},
    )


async def _content(api: Api, number: int) -> StoredContent:
    found = await api.gateway.database.read(functools.partial(stored_content, delivery_id=number))
    if found is None:
        raise NotFoundError(f"there is no delivery {number}")
    return found


class _Desk:
    """One delivery with what its corrections are judged by."""

    def __init__(
        self, content: StoredContent, destination: Destination | None, memory: dict[str, str]
    ) -> None:
        self.content = content
        self.destination = destination
        self.document = read_content(content.payload)
        self.findings: list[Violation] = []
        self.spot = Spot(dossier=content.dossier, key=content.key, reason=content.reason)
        self._memory = memory
        self._names = personal_names(() if destination is None else destination.scope.personal_fields)

    @classmethod
    async def of(cls, api: Api, content: StoredContent) -> _Desk:
        """The desk, with what encoding objects to in the content as it stands."""
        memory = await api.gateway.database.read(
            functools.partial(queries.lane_memory, destination=content.destination, code=content.dossier)
        )
        destination = api.gateway.destinations.get(content.destination)
        desk = cls(content, destination, {} if memory is None else dict(memory.memory))
        if destination is not None and desk.document and content.state in STUCK:
            try:
                await encode_content(destination, content, content.payload, desk._memory)
            except RecordError as fault:
                desk.findings = list(fault.violations)
            except ConflictError:
                desk.findings = []  # what it needs cannot be fetched now: that is no finding about the content
            refused = frozenset(each.pointer for each in desk.findings)
            desk.spot = msgspec.structs.replace(desk.spot, refused=refused)
        return desk

    async def encoded(self, order: EditOrder, *, clear: bool) -> tuple[bytes, EncodedRequest]:
        """The corrected content, and the request that it would be. RecordError, ConflictError."""
        if self.destination is None or not self.document:
            raise ConflictError(
                f"what delivery {self.content.id} says cannot be corrected: its destination is not configured, or its "
                "content was erased"
            )
        typed = {each.pointer for each in order.changes}
        try:
            payload = corrected(
                self.document, [(each.pointer, each.value) for each in order.changes], self.spot
            )
            request = await encode_content(self.destination, self.content, payload, self._memory)
        except RecordError as fault:
            findings: Sequence[Violation] = fault.violations
            shown = [self.finding(each, clear=clear or each.pointer in typed) for each in findings]
            raise RecordError("the corrected delivery cannot be sent; nothing was changed", shown) from fault
        return payload, encoded(self.destination, request, masked=not clear)

    def field(self, leaf: Leaf, *, clear: bool) -> EditField:
        """One value as it may be shown."""
        personal = self._is_personal(leaf.pointer)
        masked = personal and not clear and leaf.value is not None
        return EditField(
            pointer=leaf.pointer,
            kind=_kind(leaf.value),
            value=MASK if masked else leaf.value,
            locked=leaf.locked,
            personal=personal,
            masked=masked,
        )

    def difference(
        self, each: tuple[str, Scalar, Scalar], *, clear: bool, typed: bool = False
    ) -> FieldDifference:
        """One change as it may be shown; ``typed``: the caller has sent what comes after."""
        pointer, before, after = each
        masked = self._is_personal(pointer) and not clear
        return FieldDifference(
            pointer=pointer,
            before=_hidden(before, masked=masked),
            after=_hidden(after, masked=masked and not typed),
            masked=masked,
        )

    def kept(self, each: KeptEdit, *, clear: bool) -> KeptCorrection:
        """One correction as it may be shown."""
        found = differences(read_content(each.before), read_content(each.after))
        return KeptCorrection(
            id=each.id,
            state=each.state,
            at=each.at,
            actor=each.actor,
            reason=each.reason,
            changes=[self.difference(one, clear=clear) for one in found],
        )

    def finding(self, each: Violation, *, clear: bool) -> Violation:
        """A finding without a personal value."""
        hide = not clear and self._is_personal(each.pointer)
        return msgspec.structs.replace(each, got=MASK) if hide else each

    def _is_personal(self, pointer: str) -> bool:
        return not self._names.isdisjoint(pointer.split("/"))


def _kind(value: Scalar) -> Kind:
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "text"


def read_value(field: EditField, text: str) -> Scalar:
    """What somebody has typed for ``field``; what is no value of its kind stays text, and is refused as such."""
    match field.kind:
        case "truth":
            return {"true": True, "false": False}.get(text, text)
        case "number":
            return int(text) if _INTEGER.fullmatch(text) else text
        case "text":
            return text


def _hidden(value: Any, *, masked: bool) -> Any:
    return MASK if masked and value is not None else value
