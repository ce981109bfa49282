"""Rows of the table: failures by cause, retry runs, lanes that stand still, what a delivery allows."""

from __future__ import annotations

from gateway.api.failures import (
    DeliveryOptions,
    FailureList,
    FailureQuery,
    LanePage,
    LaneQuery,
    ask_partner,
    get_delivery_options,
    get_lane,
    list_failures,
    list_lanes,
)
from gateway.api.retry_runs import (
    RetryRunAnswer,
    RetryRunChange,
    RetryRunOrder,
    RetryRunPage,
    RetryRunQuery,
    get_retry_run,
    list_retry_runs,
    pause_retry_run,
    resume_retry_run,
    start_retry_run,
    stop_retry_run,
)
from gateway.api.route import Body, Route, Success
from gateway.api.table_operations import action
from gateway.storage.clients import Scope
from gateway.storage.orders import DeliveryDone
from gateway.storage.queries_lanes import LaneDetail
from gateway.storage.queries_retry_runs import RetryRunView

_REASON = {"reason": "the portal has repaired its catalogue"}
_CHANGE = Body(kind=RetryRunChange, example=_REASON)

FAILURES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/failures",
        name="list_failures",
        tag="deliveries",
        scope=Scope.DELIVERIES_READ,
        summary="Count failures by cause",
        description=(
            "Everything that was rejected, parked, is in doubt or waits after a failure, by destination, operation, state "
            "and code, with what the code means, what to do and who must act. `nobody`: it is sent again by itself."
        ),
        handler=list_failures,
        query=FailureQuery,
        successes=(Success(status=200, description="The causes.", kind=FailureList),),
    ),
    action(
        "/v1/retry-runs",
        "start_retry_run",
        start_retry_run,
        summary="Send many deliveries again, at a pace",
        description=(
            "One run for each destination takes what stands there now, nearest promise first, and puts it back in steps; "
            "lanes keep their order. Without `dry_run: false` it only says what would be sent, what follows behind, what "
            "is left out because it might arrive twice, and how long it takes. What is in doubt is never among them. A "
            "run in which everything fails again pauses itself."
        ),
        body=Body(
            kind=RetryRunOrder,
            example={
                "causes": [
                    {
                        "destination": "national_portal",
                        "state": "rejected",
                        "operation": "dossier",
                        "code": "configuration_text",
                    }
                ],
                "dry_run": True,
                **_REASON,
            },
        ),
        done=RetryRunAnswer,
        tag="deliveries",
        problems=("conflict", "not_found"),
    ),
    Route(
        method="GET",
        path="/v1/retry-runs",
        name="list_retry_runs",
        tag="deliveries",
        scope=Scope.DELIVERIES_READ,
        summary="List retry runs",
        description="Newest first, each with how far it is.",
        handler=list_retry_runs,
        query=RetryRunQuery,
        successes=(Success(status=200, description="A page of runs.", kind=RetryRunPage),),
    ),
    Route(
        method="GET",
        path="/v1/retry-runs/{run}",
        name="get_retry_run",
        tag="deliveries",
        scope=Scope.DELIVERIES_READ,
        summary="Read a retry run",
        description="How far it is, and how what it has sent stands now.",
        handler=get_retry_run,
        successes=(Success(status=200, description="The run.", kind=RetryRunView),),
    ),
    action(
        "/v1/retry-runs/{run}/pause",
        "pause_retry_run",
        pause_retry_run,
        summary="Pause a retry run",
        description="Nothing more is put back until it is resumed.",
        body=_CHANGE,
        done=RetryRunView,
        tag="deliveries",
    ),
    action(
        "/v1/retry-runs/{run}/resume",
        "resume_retry_run",
        resume_retry_run,
        summary="Resume a retry run",
        description="It goes on where it stood, at `per_minute` if that is given.",
        body=_CHANGE,
        done=RetryRunView,
        tag="deliveries",
    ),
    action(
        "/v1/retry-runs/{run}/stop",
        "stop_retry_run",
        stop_retry_run,
        summary="Stop a retry run",
        description="What it has not put back yet stays as it is. This cannot be undone; another run can take it.",
        body=_CHANGE,
        done=RetryRunView,
        tag="deliveries",
    ),
    Route(
        method="GET",
        path="/v1/deliveries/{delivery}/options",
        name="get_delivery_options",
        tag="deliveries",
        scope=Scope.DELIVERIES_READ,
        summary="See what may be done with a delivery",
        description="With the cause of its trouble, its lane, the retry runs it was in and what people did to its lane.",
        handler=get_delivery_options,
        successes=(Success(status=200, description="What may be done.", kind=DeliveryOptions),),
    ),
    action(
        "/v1/deliveries/{delivery}/ask",
        "ask_partner",
        ask_partner,
        summary="Ask the partner again about a delivery in doubt",
        description="As soon as its turn comes. Refused where the contract has no question for it.",
        done=DeliveryDone,
    ),
    Route(
        method="GET",
        path="/v1/lanes",
        name="list_lanes",
        tag="lanes",
        scope=Scope.DELIVERIES_READ,
        summary="List lanes that stand still",
        description="Blocked by what is at their head, or held by a person; newest first.",
        handler=list_lanes,
        query=LaneQuery,
        successes=(Success(status=200, description="A page of lanes.", kind=LanePage),),
    ),
    Route(
        method="GET",
        path="/v1/lanes/{destination}/{dossier}",
        name="get_lane",
        tag="lanes",
        scope=Scope.DELIVERIES_READ,
        summary="Read a lane",
        description="What waits in it, in order, and what people did to it.",
        handler=get_lane,
        successes=(Success(status=200, description="The lane.", kind=LaneDetail),),
    ),
)
