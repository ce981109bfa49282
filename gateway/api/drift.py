"""Drift over HTTP: what partners have otherwise than they were told, and having it mended.

Invariant: nothing is planned without ``dry_run: false``; the bodies of a dry run are shown only to who may read dossiers,
and the people in them as ``gateway.api.privacy`` shows people.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.access import require_scope
from gateway.api.deliveries import Reason
from gateway.api.inputs import Identifier, Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.privacy import Sight, masked_request, sees_people
from gateway.api.problem import invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.delivery.destination import Destination
from gateway.domain.dossier import NO_NUL, DossierCode, Instant
from gateway.domain.errors import NotFoundError
from gateway.domain.violation import Violation
from gateway.statussync.compare import DriftKind
from gateway.statussync.drift_phrases import ExplainedDrift, explained
from gateway.statussync.repair import DossierRepair, RepairDone, RepairRequest
from gateway.statussync.repair_preview import EncodedCall
from gateway.storage.clients import Scope
from gateway.storage.drift import DriftFilter, DriftState, DriftView, drift_by_id, drifts
from gateway.storage.drift_figures import Pass, Place, last_pass, places
from gateway.storage.drift_repairs import Tolerance

_LIST = "drift"


FieldPlace = Annotated[str, Meta(max_length=200, pattern=NO_NUL, examples=["/due_at"])]


class DriftQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which differences; without ``state`` all that are not gone."""

    destination: Word | None = None
    dossier: DossierCode | None = None
    kind: DriftKind | None = None
    field: FieldPlace | None = None
    state: DriftState | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class DriftPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some differences, oldest first. ``next`` null: these were the last."""

    items: list[ExplainedDrift]
    next: str | None


class DriftSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many differences stand how, by destination, kind and field. ``last_pass``: what the last whole look at the
    partners has seen; null: there was none."""

    items: list[Place]
    last_pass: Pass | None


class Toleration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a difference is left as it is; ``until`` left out: as long as neither of its two values changes."""

    reason: Reason
    until: Instant | None = None


class RepairOrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which differences to mend: ``ids``, or all open ones that fit the other fields, at least one of them.

    ``dry_run`` (the default) only says what would be sent. ``allow_backwards``: a status that the partner has may be
    taken back. ``after``: `next` of the answer before, to mend many in portions of ``limit``. ``personal``: show personal
    data in what would be sent; needs scope personal:read, and is logged with the reason.
    """

    reason: Reason
    ids: Annotated[list[Identifier], Meta(max_length=500)] = []
    destination: Word | None = None
    dossier: DossierCode | None = None
    kind: DriftKind | None = None
    field: FieldPlace | None = None
    after: Identifier | None = None
    allow_backwards: bool = False
    dry_run: bool = True
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    personal: bool = False


async def list_drift(api: Api, call: Call) -> Answer:
    """Some differences, oldest first."""
    query = call.query_as(DriftQuery)
    key = key_of(_LIST, query.cursor, tuple[int])
    question = functools.partial(
        drifts,
        wanted=DriftFilter(
            destination=query.destination,
            dossier=query.dossier,
            kind=None if query.kind is None else str(query.kind),
            field=query.field,
            state=query.state,
        ),
        after=None if key is None else key[0],
        limit=query.limit,
    )
    items = [_explained(api, view) for view in await api.gateway.database.read(question)]
    last = (int(items[-1].id),) if items else None
    return Answer(value=DriftPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def get_drift_summary(api: Api, _call: Call) -> Answer:
    """How many differences stand how."""
    items = await api.gateway.database.read(places)
    return Answer(value=DriftSummary(items=items, last_pass=await api.gateway.database.read(last_pass)))


async def get_drift(api: Api, call: Call) -> Answer:
    """One difference."""
    identifier = int(call.path["drift"])
    view = await api.gateway.database.read(functools.partial(drift_by_id, identifier=identifier))
    if view is None:
        raise NotFoundError(f"there is no difference {identifier}")
    return Answer(value=_explained(api, view))


async def apply_repairs(api: Api, call: Call) -> Answer:
    """Mend differences, or say what would be sent for it."""
    body = call.body_as(RepairOrderBody)
    if not (body.ids or body.destination or body.dossier or body.kind):
        raise invalid(
            "it says nothing about which differences",
            Violation(
                pointer="/ids",
                code="required",
                got="nothing",
                expected="ids, or one of destination, dossier, kind",
                advice="name what is to be mended",
            ),
        )
    request = RepairRequest(
        actor=call.actor,
        reason=body.reason,
        ids=tuple(int(each) for each in body.ids),
        destination=body.destination,
        dossier=body.dossier,
        kind=None if body.kind is None else str(body.kind),
        field=body.field,
        after=None if body.after is None else int(body.after),
        allow_backwards=body.allow_backwards,
        dry_run=body.dry_run,
        limit=body.limit,
    )
    if body.personal and call.principal is not None:
        require_scope(call.principal, Scope.PERSONAL_READ)
    done = await api.gateway.repairs.carry_out(request)
    if call.principal is None or Scope.DOSSIERS_READ not in call.principal.scopes:
        return Answer(value=_without_bodies(done))
    return Answer(value=await _sighted(api, call, body, done))


async def _sighted(api: Api, call: Call, body: RepairOrderBody, done: RepairDone) -> RepairDone:
    """``done`` with the people whom the caller is shown; where it asks for them, one entry in the log of each dossier."""
    seen = [repair_sight(each) for each in done.dossiers if each.requests]
    shown = [
        await sees_people(api, call, sight, personal=body.personal, reason=body.reason) for sight in seen
    ]
    return done if all(shown) else masked_repairs(api.gateway.destinations, done)


def repair_sight(repair: DossierRepair) -> Sight:
    """What of a dossier is looked at in a dry run."""
    detail = {"destination": repair.destination, "dossier": repair.dossier}
    return Sight(verb="read_repair", dossier=repair.dossier, detail=detail)


def masked_repairs(destinations: Mapping[str, Destination], done: RepairDone) -> RepairDone:
    """``done`` without the people in what would be sent."""
    return msgspec.structs.replace(
        done,
        dossiers=[
            msgspec.structs.replace(
                each,
                requests=[
                    _masked(destinations[each.destination].scope.personal_fields, one)
                    for one in each.requests
                ],
            )
            for each in done.dossiers
        ],
    )


def _masked(names: tuple[str, ...], call: EncodedCall) -> EncodedCall:
    url, body = masked_request(names, call.url, call.body.encode())
    return msgspec.structs.replace(call, url=url, body=body.decode(), body_size=len(body))


async def tolerate_drift(api: Api, call: Call) -> Answer:
    """Leave a difference as it is."""
    body = call.body_as(Toleration)
    order = Tolerance(
        actor=call.actor,
        reason=body.reason,
        now=api.now,
        drift=int(call.path["drift"]),
        until=body.until,
    )
    return Answer(value=await api.gateway.repairs.tolerate(order))


def _without_bodies(done: RepairDone) -> RepairDone:
    shut: list[DossierRepair] = [msgspec.structs.replace(each, requests=[]) for each in done.dossiers]
    return msgspec.structs.replace(done, dossiers=shut)


def _explained(api: Api, view: DriftView) -> ExplainedDrift:
    destination = api.gateway.destinations.get(view.destination)
    title = view.destination if destination is None else destination.adapter.manifest.title_vi
    return explained(view, partner=title)
