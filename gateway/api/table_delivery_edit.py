"""Rows of the table: correcting what a failed delivery says."""

from __future__ import annotations

from gateway.api.delivery_edit import DeliveryContent, EditOrder, EditResult, edit_one, get_delivery_edit
from gateway.api.privacy import PersonalQuery
from gateway.api.route import Body, Route, Success
from gateway.api.table_operations import action
from gateway.storage.clients import Scope

DELIVERY_EDIT: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/deliveries/{delivery}/edit",
        name="get_delivery_edit",
        tag="deliveries",
        scope=Scope.DELIVERIES_READ,
        summary="Read what a delivery says, field by field",
        description=(
            "Each value with whether it may be corrected, what its encoding refuses now, and the corrections so far. "
            "Personal values are masked unless `personal` asks for them, with a reason."
        ),
        handler=get_delivery_edit,
        query=PersonalQuery,
        successes=(Success(status=200, description="The content.", kind=DeliveryContent),),
    ),
    action(
        "/v1/deliveries/{delivery}/edit",
        "edit_delivery",
        edit_one,
        summary="Correct a failed delivery and send it again",
        description=(
            "One that was rejected or parked. Its key and its place in the lane stay; what identifies, orders or pays is "
            "locked, and so are instants. The corrected content is encoded as sending would, and refused with findings at "
            "its fields. Without `dry_run: false` it only says what would change; then `shown` is the digest of that "
            "answer. What it said before is kept, and event `delivery.edited` tells the one-door system which fields "
            "differ from its record. A newer version of the dossier replaces it as always."
        ),
        body=Body(
            kind=EditOrder,
            example={
                "changes": [{"pointer": "/applicant/phone", "value": "0900000001"}],
                "reason": "the applicant has corrected the number at the counter",
                "dry_run": True,
            },
        ),
        done=EditResult,
        problems=("conflict", "approval_required"),
    ),
)
