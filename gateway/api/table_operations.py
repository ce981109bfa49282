"""Rows of the table: deliveries, lanes and destinations."""

from __future__ import annotations

from gateway.api.deliveries import (
    BulkRetryOrder,
    DeliveryPage,
    DeliveryQuery,
    Reasoned,
    Resolution,
    get_delivery,
    hold_lane,
    list_deliveries,
    release_lane,
    resolve_delivery,
    retry_deliveries,
    retry_delivery,
    skip_delivery,
)
from gateway.api.destinations import (
    CatalogueParameters,
    DestinationDetail,
    DestinationList,
    get_destination,
    list_destinations,
    pause_destination,
    refresh_catalogue,
    resume_destination,
)
from gateway.api.route import Body, Handler, Route, Success
from gateway.delivery.catalogues import Refreshed
from gateway.storage.clients import Scope
from gateway.storage.orders import BulkDone, DeliveryDone, DestinationDone, LaneDone
from gateway.storage.queries_deliveries import DeliveryDetail

_REASON = {"reason": "the portal has repaired its catalogue"}


def action(  # noqa: PLR0913 - the columns in which these rows differ
    path: str,
    name: str,
    handler: Handler,
    *,
    summary: str,
    description: str,
    done: object,
    body: Body | None = None,
    scope: Scope = Scope.DELIVERIES_OPERATE,
    tag: str | None = None,
    problems: tuple[str, ...] = ("conflict",),
) -> Route:
    """A row of something that an operator does: a POST with a reason, refused where the state forbids it."""
    return Route(
        method="POST",
        path=path,
        name=name,
        tag=tag or path.removeprefix("/v1/").partition("/")[0].partition(":")[0],
        scope=scope,
        summary=summary,
        description=description,
        handler=handler,
        body=body or Body(kind=Reasoned, example=_REASON),
        successes=(Success(status=200, description="Done.", kind=done),),
        problems=("unreadable", *problems),
    )


DELIVERIES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/deliveries",
        name="list_deliveries",
        tag="deliveries",
        scope=Scope.DELIVERIES_READ,
        summary="List deliveries",
        description="Newest first. `code` is that of the last outcome; alone it means deliveries that are not final.",
        handler=list_deliveries,
        query=DeliveryQuery,
        successes=(Success(status=200, description="A page of deliveries.", kind=DeliveryPage),),
    ),
    action(
        "/v1/deliveries:retry",
        "retry_deliveries",
        retry_deliveries,
        summary="Retry many deliveries",
        description=(
            "Takes what stands in one state at one destination, oldest first, and sends it again when its turn "
            "comes. Without `dry_run: false` it only says which deliveries it would take."
        ),
        body=Body(
            kind=BulkRetryOrder,
            example={"destination": "national_portal", "state": "parked", "dry_run": True, **_REASON},
        ),
        done=BulkDone,
        problems=(),
    ),
    Route(
        method="GET",
        path="/v1/deliveries/{delivery}",
        name="get_delivery",
        tag="deliveries",
        scope=Scope.DELIVERIES_READ,
        summary="Read a delivery",
        description="With its attempts, oldest first, and their entries in the message log.",
        handler=get_delivery,
        successes=(Success(status=200, description="The delivery.", kind=DeliveryDetail),),
    ),
    action(
        "/v1/deliveries/{delivery}/retry",
        "retry_delivery",
        retry_delivery,
        summary="Send a delivery again",
        description="One that was rejected, parked or waits. It keeps its place in the lane.",
        done=DeliveryDone,
    ),
    action(
        "/v1/deliveries/{delivery}/skip",
        "skip_delivery",
        skip_delivery,
        summary="Never send a delivery",
        description="The lane goes on with the next one. This cannot be undone.",
        done=DeliveryDone,
        problems=("conflict", "approval_required"),
    ),
    action(
        "/v1/deliveries/{delivery}/resolve",
        "resolve_delivery",
        resolve_delivery,
        summary="Say what became of a delivery in doubt",
        description=(
            "`delivered`: the partner has it. `absent`: the partner surely has not, so it is sent again. "
            "`rejected`: the partner refused it."
        ),
        body=Body(
            kind=Resolution, example={"verdict": "delivered", "reason": "seen on the portal's own page"}
        ),
        done=DeliveryDone,
        problems=("conflict", "approval_required"),
    ),
    action(
        "/v1/lanes/{destination}/{dossier}/hold",
        "hold_lane",
        hold_lane,
        summary="Hold a lane",
        description="Nothing more of this dossier leaves for this destination; an exchange under way is finished.",
        done=LaneDone,
    ),
    action(
        "/v1/lanes/{destination}/{dossier}/release",
        "release_lane",
        release_lane,
        summary="Release a held lane",
        description="It goes on where it stood.",
        done=LaneDone,
    ),
)

DESTINATIONS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/destinations",
        name="list_destinations",
        tag="destinations",
        scope=Scope.DELIVERIES_READ,
        summary="List destinations",
        description="With breaker, pause, backlog and the last success; at most two seconds old.",
        handler=list_destinations,
        successes=(Success(status=200, description="Every destination.", kind=DestinationList),),
    ),
    Route(
        method="GET",
        path="/v1/destinations/{destination}",
        name="get_destination",
        tag="destinations",
        scope=Scope.DELIVERIES_READ,
        summary="Read a destination",
        description="With the age of every catalogue that is cached of it.",
        handler=get_destination,
        successes=(Success(status=200, description="The destination.", kind=DestinationDetail),),
    ),
    action(
        "/v1/destinations/{destination}/pause",
        "pause_destination",
        pause_destination,
        summary="Pause a destination",
        description="Nothing leaves for it until it is resumed; exchanges under way are finished.",
        done=DestinationDone,
        scope=Scope.DESTINATIONS_OPERATE,
    ),
    action(
        "/v1/destinations/{destination}/resume",
        "resume_destination",
        resume_destination,
        summary="Resume a destination",
        description="Ends a pause.",
        done=DestinationDone,
        scope=Scope.DESTINATIONS_OPERATE,
    ),
    action(
        "/v1/destinations/{destination}/catalogues/{catalogue}/refresh",
        "refresh_catalogue",
        refresh_catalogue,
        summary="Refresh a catalogue",
        description=(
            "Asks the partner now. `entries` null: it did not give one, `failure` says why, and what is cached stays."
        ),
        body=Body(kind=CatalogueParameters, example={"parameters": {}}),
        done=Refreshed,
        scope=Scope.DESTINATIONS_OPERATE,
        problems=(),
    ),
)
