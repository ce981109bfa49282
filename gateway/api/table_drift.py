"""Rows of the table: differences between partners' records and what they were told."""

from __future__ import annotations

from gateway.api.drift import (
    DriftPage,
    DriftQuery,
    DriftSummary,
    RepairOrderBody,
    Toleration,
    apply_repairs,
    get_drift,
    get_drift_summary,
    list_drift,
    tolerate_drift,
)
from gateway.api.route import Body, Route, Success
from gateway.statussync.drift_phrases import ExplainedDrift
from gateway.statussync.repair import RepairDone, Tolerated
from gateway.storage.clients import Scope

_REASON = {"reason": "the portal was restored from a backup"}

DRIFT: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/drift",
        name="list_drift",
        tag="drift",
        scope=Scope.DELIVERIES_READ,
        summary="List differences",
        description=(
            "What partners have otherwise than they were told, as the last pass saw it, oldest first. Every one has "
            "its explanation, and what would mend it; `repair` null: a person must decide."
        ),
        handler=list_drift,
        query=DriftQuery,
        successes=(Success(status=200, description="A page of differences.", kind=DriftPage),),
    ),
    Route(
        method="GET",
        path="/v1/drift/summary",
        name="get_drift_summary",
        tag="drift",
        scope=Scope.DELIVERIES_READ,
        summary="Count differences",
        description=(
            "How many differences that are not gone stand in which state, by destination, kind and place in the record: "
            "how many of them sending again mends, and since when the oldest is known; and what the last pass saw."
        ),
        handler=get_drift_summary,
        successes=(Success(status=200, description="The counts.", kind=DriftSummary),),
    ),
    Route(
        method="POST",
        path="/v1/drift/apply",
        name="apply_repairs",
        tag="drift",
        scope=Scope.DELIVERIES_OPERATE,
        summary="Mend differences",
        description=(
            "Asks the partner anew and plans again, in the dossier's lane and in the right order, what it still lacks; "
            "what it has by now is not sent twice. A status moves backwards only with `allow_backwards`. Without "
            "`dry_run: false` it only says what would be sent, with the exact messages for who may read dossiers. Personal "
            "data in them is masked unless the client may hand dossiers over (dossiers:write), or `personal` asks for it: with "
            "scope personal:read, and the `reason` is logged for each dossier."
        ),
        handler=apply_repairs,
        body=Body(
            kind=RepairOrderBody,
            example={"dossier": "H99.14-260928-0007", "dry_run": True, **_REASON},
        ),
        successes=(Success(status=200, description="What was, or would be, ordered.", kind=RepairDone),),
        problems=("unreadable", "conflict", "not_found"),
    ),
    Route(
        method="GET",
        path="/v1/drift/{drift}",
        name="get_drift",
        tag="drift",
        scope=Scope.DELIVERIES_READ,
        summary="Read a difference",
        description="With its explanation, what would mend it, and who has ordered that.",
        handler=get_drift,
        successes=(Success(status=200, description="The difference.", kind=ExplainedDrift),),
    ),
    Route(
        method="POST",
        path="/v1/drift/{drift}/tolerate",
        name="tolerate_drift",
        tag="drift",
        scope=Scope.DELIVERIES_OPERATE,
        summary="Leave a difference as it is",
        description=(
            "It counts as open again when one of its two values changes, or when a pass still finds it after `until`."
        ),
        handler=tolerate_drift,
        body=Body(kind=Toleration, example={**_REASON, "until": "2026-12-31T17:00:00+07:00"}),
        successes=(Success(status=200, description="Noted.", kind=Tolerated),),
        problems=("unreadable", "conflict"),
    ),
)
