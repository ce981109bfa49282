"""Rows of the table: deadlines. They stand before the dossiers, since one of them looks like a dossier's address."""

from __future__ import annotations

from gateway.api.deadlines import AtRiskPage, AtRiskQuery, get_deadline, list_at_risk
from gateway.api.route import Route, Success
from gateway.statussync.explain_views import Explanation
from gateway.storage.clients import Scope

DEADLINES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/dossiers/at-risk",
        name="list_at_risk",
        tag="dossiers",
        scope=Scope.DOSSIERS_READ,
        summary="List dossiers at risk of being shown late",
        description=(
            "Dossiers that are in time here while a destination does not know it: an end, a wait or a later promise "
            "that it has not acknowledged, or a stopped queue close to the promise. Nearest promise first. Without "
            "`upcoming` only those whose promise is near or over. An event `dossier.at_risk` has told of each."
        ),
        handler=list_at_risk,
        query=AtRiskQuery,
        successes=(Success(status=200, description="A page of dossiers.", kind=AtRiskPage),),
        problems=("not_found",),
    ),
    Route(
        method="GET",
        path="/v1/dossiers/{code}/deadline",
        name="get_deadline",
        tag="dossiers",
        scope=Scope.DOSSIERS_READ,
        summary="Explain a dossier's deadline",
        description=(
            "What was declared, what the rules make of it and what each destination has acknowledged and therefore "
            "shows: every due value with its changes and papers, waits, the due time computed again as a check, four "
            "classes, flags and anomalies with one Vietnamese sentence each, versions of rules and calendar."
        ),
        handler=get_deadline,
        successes=(Success(status=200, description="The explanation.", kind=Explanation),),
    ),
)
