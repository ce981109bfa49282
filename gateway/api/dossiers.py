"""Dossiers over HTTP: taking a version in, reading what is stored, its steps and what partners know of them."""

from __future__ import annotations

import functools
import re
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.privacy import PersonalQuery, Sight, masked_record, masked_step, sees_people, writes
from gateway.api.problem import Refused, invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.delivery.intake import Submission
from gateway.domain.delivery import DeliveryState
from gateway.domain.dossier import Channel, Code, Dossier, Instant, Step
from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.status import Status
from gateway.domain.violation import Violation, shown
from gateway.storage import queries
from gateway.storage.intake import Receipt
from gateway.storage.queries import DossierFilter, DossierGlance, DossierOrder, LaneView

_ETAG = re.compile(r'"([1-9][0-9]{0,9})"')
_LIST = "dossiers"

VersionTag = Annotated[str, Meta(max_length=200, examples=['"3"'])]
IdempotencyText = Annotated[
    str, Meta(pattern=r"^[\x20-\x7e]{1,200}$(?!\n)", examples=["7d0d5a8e-6a3c-4c55-8f53-0b4f2a7e9f10"])
]


class PutHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """What a version can be sent with."""

    idempotency_key: IdempotencyText | None = msgspec.field(name="Idempotency-Key", default=None)
    if_match: VersionTag | None = msgspec.field(name="If-Match", default=None)
    if_none_match: VersionTag | None = msgspec.field(name="If-None-Match", default=None)


class DossierQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dossiers, in which order. ``prefix``: how the number begins. ``…_from`` inclusive, ``…_before`` exclusive."""

    prefix: Word | None = None
    status: Status | None = None
    procedure: Code | None = None
    agency: Code | None = None
    source: Code | None = None
    channel: Channel | None = None
    due_from: Instant | None = None
    due_before: Instant | None = None
    updated_from: Instant | None = None
    updated_before: Instant | None = None
    order: DossierOrder = "code"
    cursor: Cursor | None = None
    limit: Limit = 50


class DossierPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dossiers. ``next`` null: these were the last."""

    items: list[DossierGlance]
    next: str | None


class DossierView(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier as stored, translated into the gateway's vocabulary, and how each destination stands with it. ``masked``:
    what names a person, or tells of one, is not shown in ``record``."""

    record: Dossier
    created_at: datetime
    updated_at: datetime
    destinations: list[LaneView]
    masked: bool


class StepStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step stands at one destination."""

    destination: str
    operation: str
    delivery: str
    state: DeliveryState
    settled_at: datetime | None


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A processing step, and the deliveries that tell it."""

    step: Step
    deliveries: list[StepStanding]


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Every processing step of the stored version, in its order."""

    code: str
    version: int
    steps: list[StepView]


class _Glance(msgspec.Struct, frozen=True):
    version: int


async def put_dossier(api: Api, call: Call) -> Answer:
    """Take a version in; the receipt is durable."""
    code = str(call.path["code"])
    headers = call.headers_as(PutHeaders)
    expected = await _expected_version(api, code, headers)
    submission = Submission(
        body=bytes(call.body) if isinstance(call.body, bytes) else b"",
        client=call.client,
        code=code,
        idempotency_key=headers.idempotency_key,
        expected_version=expected,
        method=call.method,
        url=call.address,
        headers=call.header_pairs,
    )
    receipt = await _accepted(api, code, submission)
    wake(api, receipt)
    return Answer(
        value=receipt,
        status=200 if receipt.replayed or receipt.result == "unchanged" else 202,
        headers=(("etag", f'"{receipt.version}"'), ("location", f"/v1/dossiers/{code}")),
    )


def wake(api: Api, receipt: Receipt) -> None:
    """Tell the worker of this process that there is something to send."""
    for destination, count in receipt.enqueued.items():
        if count:
            api.gateway.worker.wake(destination)


async def _expected_version(api: Api, code: str, headers: PutHeaders) -> int | None:
    """The version that the conditions ask for: None any, 0 none yet (RFC 9110 §13.1)."""
    if headers.if_none_match is not None:
        if headers.if_none_match.strip() != "*" or headers.if_match is not None:
            raise _wrong_condition(
                "If-None-Match", headers.if_none_match, "* alone: store it only if it is new"
            )
        return 0
    if headers.if_match is None:
        return None
    condition = headers.if_match.strip()
    if condition == "*":
        if await _version(api, code) is None:
            raise Refused("precondition_failed", f"there is no dossier {code} yet, and If-Match asks for one")
        return None
    if "," in condition:
        raise _wrong_condition("If-Match", condition, 'one version, like "3"')
    tag = _ETAG.fullmatch(condition)
    # a tag that we never gave out matches nothing, whatever is stored
    return int(tag[1]) if tag is not None else -1


def _wrong_condition(name: str, got: str, expected: str) -> Refused:
    return invalid(
        f"{name} cannot be taken",
        Violation(
            pointer=f"/header/{name}",
            code="condition",
            got=shown(got),
            expected=expected,
            advice="take the ETag of the last answer",
        ),
    )


async def _accepted(api: Api, code: str, submission: Submission) -> Receipt:
    """The receipt; a conflict with the version that was named is a failed precondition (RFC 9110 §13.1.1)."""
    accept, expected = api.gateway.intake.accept, submission.expected_version
    try:
        return await accept(submission)
    except ConflictError as fault:
        stored = None if expected is None else await _version(api, code)
        if expected is None or expected == (stored or 0):
            raise
        if stored == msgspec.json.decode(submission.body, type=_Glance).version:
            # perhaps the answer to this very request was lost: what is stored already is no second change
            return await accept(msgspec.structs.replace(submission, expected_version=None))
        found = "none is stored" if stored is None else f"version {stored} is stored"
        raise Refused("precondition_failed", f"dossier {code}: {found}; read it and decide again") from fault


async def _version(api: Api, code: str) -> int | None:
    return await api.gateway.database.read(functools.partial(queries.version_of, code=code))


async def list_dossiers(api: Api, call: Call) -> Answer:
    """Some dossiers, without anybody's personal data."""
    query = call.query_as(DossierQuery)
    kind = f"{_LIST}:{query.order}"
    key_type = tuple[str] if query.order == "code" else tuple[int, str]
    wanted = DossierFilter(**{name: getattr(query, name) for name in DossierFilter.__struct_fields__})
    question = functools.partial(
        queries.dossiers, wanted=wanted, after=key_of(kind, query.cursor, key_type), limit=query.limit
    )
    items = await api.gateway.database.read(question)
    last = queries.dossier_key(query.order, items[-1]) if items else None
    return Answer(value=DossierPage(items=items, next=next_cursor(kind, items, query.limit, last)))


async def stored(api: Api, code: str) -> queries.StoredDossier:
    """The stored dossier; NotFoundError when there is none."""
    found = await api.gateway.database.read(functools.partial(queries.stored_dossier, code=code))
    if found is None:
        raise NotFoundError(f"there is no dossier {code}")
    return found


async def get_dossier(api: Api, call: Call) -> Answer:
    """One dossier with its standing at every destination."""
    code, query = str(call.path["code"]), call.query_as(PersonalQuery)
    found = await stored(api, code)
    sight = Sight(verb="read_record", dossier=code, detail={"dossier": code, "version": found.version})
    shown = await sees_people(api, call, sight, personal=query.personal, reason=query.reason)
    record = msgspec.json.decode(found.record, type=Dossier)
    view = DossierView(
        record=record if shown else masked_record(record),
        created_at=found.created_at,
        updated_at=found.updated_at,
        destinations=found.lanes,
        masked=not shown,
    )
    return Answer(value=view, headers=(("etag", f'"{found.version}"'),))


async def get_steps(api: Api, call: Call) -> Answer:
    """Every step, and who has been told of it."""
    code = str(call.path["code"])
    found = await stored(api, code)
    standings = await api.gateway.database.read(functools.partial(queries.standings, code=code))
    by_key: dict[str, list[StepStanding]] = {}
    for item in standings:
        by_key.setdefault(item.key, []).append(
            StepStanding(
                destination=item.destination,
                operation=item.operation,
                delivery=item.delivery,
                state=item.state,
                settled_at=item.settled_at,
            )
        )
    record = msgspec.json.decode(found.record, type=Dossier)
    shown = writes(call.principal)
    steps = [
        StepView(step=step if shown else masked_step(step), deliveries=by_key.get(step.id, []))
        for step in record.steps
    ]
    return Answer(value=Steps(code=code, version=found.version, steps=steps))
