"""Rows of the table: erasing a dossier's content."""

from __future__ import annotations

from gateway.api.deliveries import Reasoned
from gateway.api.erasure import erase_dossier, plan_erasure
from gateway.api.route import Body, Route, Success
from gateway.api.table_operations import action
from gateway.messagelog.erasure import Erased, ErasurePlan
from gateway.storage.clients import Scope

ERASURE: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/dossiers/{code}/erasure",
        name="plan_erasure",
        tag="dossiers",
        scope=Scope.DOSSIERS_READ,
        summary="See what erasing a dossier's content would take",
        description=(
            "Rows by table, calls that other dossiers share, files that nobody else names, and what is in the way. Nothing is "
            "changed, and nothing of any person is shown."
        ),
        handler=plan_erasure,
        successes=(Success(status=200, description="The plan.", kind=ErasurePlan),),
    ),
    action(
        "/v1/dossiers/{code}/erasure",
        "erase_dossier",
        erase_dossier,
        summary="Erase a dossier's content",
        description=(
            "Its key is destroyed and everything else that is held of its people goes, under the Personal Data Protection "
            "Law; what happened and when stays, and still proves. Refused while the dossier is open or something of it is on "
            "its way. Needs a second person where `approvals.required` names erasure (status 428 names the approval); once it "
            "is approved, it is done."
        ),
        tag="dossiers",
        body=Body(kind=Reasoned, example={"reason": "đơn của công dân số 12/2026"}),
        done=Erased,
        problems=("conflict", "approval_required"),
    ),
)
