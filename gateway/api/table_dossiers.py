"""Rows of the table: dossiers."""

from __future__ import annotations

from gateway.api.bulk import NDJSON, LineAnswer, import_dossiers
from gateway.api.dossiers import (
    DossierPage,
    DossierQuery,
    DossierView,
    PutHeaders,
    Steps,
    get_dossier,
    get_steps,
    list_dossiers,
    put_dossier,
)
from gateway.api.examples import DOSSIER, RECEIPT
from gateway.api.preview import Preview, PreviewQuery, get_preview
from gateway.api.privacy import PersonalQuery
from gateway.api.route import Body, Route, Success
from gateway.api.timeline import TimelinePage, TimelineQuery, get_timeline
from gateway.domain.dossier import Dossier
from gateway.storage.clients import Scope
from gateway.storage.intake import Receipt

TAG = "dossiers"
_ETAG = {"ETag": "The stored version, to name in If-Match."}

DOSSIERS: tuple[Route, ...] = (
    Route(
        method="PUT",
        path="/v1/dossiers/{code}",
        name="put_dossier",
        tag=TAG,
        scope=Scope.DOSSIERS_WRITE,
        summary="Hand over a version of a dossier",
        description=(
            "Stores the version with everything that follows from it, durably, before it answers. The same version "
            "with the same content again changes nothing; an older version, or other content under a stored "
            "version, is a conflict. With an Idempotency-Key a repeated request gets the first answer again for a "
            "week. If-Match names the version that must be stored, If-None-Match: * asks for none to be."
        ),
        handler=put_dossier,
        headers=PutHeaders,
        body=Body(schema=Dossier, example=DOSSIER),
        successes=(
            Success(
                status=200,
                description="Nothing new: this version is stored, or the request was repeated.",
                kind=Receipt,
                headers={**_ETAG, "Location": "Where the dossier can be read."},
            ),
            Success(
                status=202,
                description="Stored. Deliveries are on their way.",
                kind=Receipt,
                example=RECEIPT,
                headers={**_ETAG, "Location": "Where the dossier can be read."},
            ),
        ),
        problems=("unreadable", "conflict", "precondition_failed"),
    ),
    Route(
        method="GET",
        path="/v1/dossiers",
        name="list_dossiers",
        tag=TAG,
        scope=Scope.DOSSIERS_READ,
        summary="List dossiers",
        description=(
            "Pages hang together through `next`. In the order of `due_at`, dossiers without a due date are left out."
        ),
        handler=list_dossiers,
        query=DossierQuery,
        successes=(Success(status=200, description="A page of dossiers.", kind=DossierPage),),
    ),
    Route(
        method="POST",
        path="/v1/dossiers:import",
        name="import_dossiers",
        tag=TAG,
        scope=Scope.DOSSIERS_WRITE,
        summary="Hand over many dossiers, one a line",
        description=(
            "NDJSON in, NDJSON out: every line that is not blank gets one answer with its number, in the order of "
            "the lines, with the status that the record would have got alone. Good lines are taken whatever their "
            "neighbours are; versions of one dossier are taken in the order of their lines. The answer begins while "
            "the request is still coming; it may also be read afterwards."
        ),
        handler=import_dossiers,
        body=Body(
            media_types=(NDJSON, "application/ndjson", "application/jsonl", "application/json-lines"),
            schema=Dossier,
            whole=False,
        ),
        successes=(
            Success(status=200, description="One answer a line.", kind=LineAnswer, media_type=NDJSON),
        ),
    ),
    Route(
        method="GET",
        path="/v1/dossiers/{code}",
        name="get_dossier",
        tag=TAG,
        scope=Scope.DOSSIERS_READ,
        summary="Read a dossier",
        description=(
            "The stored version, translated, and how every destination stands with it. Personal data is masked, unless the "
            "client may hand dossiers over (dossiers:write), or `personal` asks for it: with scope personal:read, and for a "
            "`reason` that is logged with who reads it (channel `access`)."
        ),
        handler=get_dossier,
        query=PersonalQuery,
        successes=(Success(status=200, description="The dossier.", kind=DossierView, headers=_ETAG),),
    ),
    Route(
        method="GET",
        path="/v1/dossiers/{code}/steps",
        name="get_steps",
        tag=TAG,
        scope=Scope.DOSSIERS_READ,
        summary="Read a dossier's processing steps",
        description=(
            "Every step of the stored version with the deliveries that tell it. Notes are masked for clients that do not hand "
            "dossiers over."
        ),
        handler=get_steps,
        successes=(Success(status=200, description="The steps.", kind=Steps),),
    ),
    Route(
        method="GET",
        path="/v1/dossiers/{code}/timeline",
        name="get_timeline",
        tag=TAG,
        scope=Scope.DOSSIERS_READ,
        summary="Read a dossier's history",
        description=(
            "Versions that came in, deliveries planned, attempts, log entries, events and what people did, in order "
            "of time."
        ),
        handler=get_timeline,
        query=TimelineQuery,
        successes=(Success(status=200, description="A page of the history.", kind=TimelinePage),),
    ),
    Route(
        method="GET",
        path="/v1/dossiers/{code}/preview",
        name="get_preview",
        tag=TAG,
        scope=Scope.DOSSIERS_READ,
        summary="See what would be sent",
        description=(
            "Encodes what is still to be told to one destination, as of now, and sends nothing. Credentials are "
            "placeholders. What cannot be encoded says why. Personal data is masked as in the dossier."
        ),
        handler=get_preview,
        query=PreviewQuery,
        successes=(Success(status=200, description="The requests.", kind=Preview),),
    ),
)
