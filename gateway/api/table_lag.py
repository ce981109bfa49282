"""Rows of the table: the lag of synchronisation."""

from __future__ import annotations

from gateway.api.lag import LagQuery, LatePage, LateQuery, get_lag, list_late
from gateway.api.route import Route, Success
from gateway.statussync.lag_views import LagReport
from gateway.storage.clients import Scope

LAG: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/sync/lag",
        name="get_lag",
        tag="sync",
        scope=Scope.DELIVERIES_READ,
        summary="Read the lag of synchronisation",
        description=(
            "How long deliveries took by day and destination (event, receipt, sending, acknowledgement; exact "
            "percentiles), and what each destination showed late: rightly, or wrongly through the gateway, the source "
            "or the partner; `before_start` is through nobody, it was over when the gateway first ran. `ours` is the "
            "share that is only the gateway's to blame. What is not acknowledged yet counts, too."
        ),
        handler=get_lag,
        query=LagQuery,
        successes=(Success(status=200, description="The report.", kind=LagReport),),
        problems=("not_found",),
    ),
    Route(
        method="GET",
        path="/v1/sync/lag/dossiers",
        name="list_late",
        tag="sync",
        scope=Scope.DELIVERIES_READ,
        summary="List dossiers that were shown late",
        description=(
            "Ended dossiers behind the counts, the oldest promise first. `sync_late`: it had ended in time, and was "
            "shown late all the same. Dossiers that still run past their promise are listed by /v1/dossiers."
        ),
        handler=list_late,
        query=LateQuery,
        successes=(Success(status=200, description="A page of dossiers.", kind=LatePage),),
        problems=("not_found",),
    ),
)
