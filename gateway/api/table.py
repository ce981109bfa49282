"""The table of routes: every address of the API, in the order in which they are matched.

The endpoints, the OpenAPI document and the page for readers are generated from it. Invariant: there is no other
declaration of an address.
"""

from __future__ import annotations

from gateway.api.callbacks import receive_callback
from gateway.api.documents import get_openapi, get_page
from gateway.api.events import (
    FeedQuery,
    WebhookList,
    WebhookOrder,
    WebhookResumption,
    WebhookRotation,
    create_webhook,
    delete_webhook,
    enable_webhook,
    list_webhooks,
    read_feed,
    rotate_webhook,
    test_webhook,
)
from gateway.api.messages import (
    BYTES,
    BodyQuery,
    MessageDetail,
    MessagePage,
    MessageQuery,
    get_message,
    list_messages,
)
from gateway.api.overview import (
    TEXT_METRICS,
    Liveness,
    Overview,
    Readiness,
    get_liveness,
    get_metrics,
    get_readiness,
    get_status,
)
from gateway.api.payer import HTML, show_return
from gateway.api.route import Body, Route, Success
from gateway.api.table_accounts import ACCOUNTS
from gateway.api.table_actions import ACTIONS
from gateway.api.table_alarms import ALARMS
from gateway.api.table_approvals import APPROVALS
from gateway.api.table_clients import CLIENTS
from gateway.api.table_deadlines import DEADLINES
from gateway.api.table_delivery_edit import DELIVERY_EDIT
from gateway.api.table_dossiers import DOSSIERS
from gateway.api.table_drift import DRIFT
from gateway.api.table_erasure import ERASURE
from gateway.api.table_evidence import EVIDENCE
from gateway.api.table_exports import EXPORTS
from gateway.api.table_failures import FAILURES
from gateway.api.table_files import FILES
from gateway.api.table_jobs import JOBS
from gateway.api.table_lag import LAG
from gateway.api.table_operations import DELIVERIES, DESTINATIONS
from gateway.api.table_payment_desk import PAYMENT_DESK
from gateway.api.table_payments import PAYMENTS
from gateway.api.table_reconciliation import RECONCILIATION
from gateway.api.table_reports import REPORTS
from gateway.api.tokens import FORM, MOST_FORM_BYTES, TokenAnswer, TokenForm, issue_token
from gateway.inbound.feed import FeedPage
from gateway.inbound.webhooks import Endpoint, Revealed, Tested
from gateway.storage.clients import Scope

MESSAGES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/messages",
        name="list_messages",
        tag="messages",
        scope=Scope.MESSAGES_READ,
        summary="List log entries",
        description="Newest first. Every exchange with a partner and every version that came in has its entries.",
        handler=list_messages,
        query=MessageQuery,
        successes=(Success(status=200, description="A page of log entries.", kind=MessagePage),),
    ),
    Route(
        method="GET",
        path="/v1/messages/{message}",
        name="get_message",
        tag="messages",
        scope=Scope.MESSAGES_READ,
        summary="Read a log entry",
        description=(
            "Headers and body; with `raw` the bytes of the body alone. A body needs a `reason`: who has read which entry, "
            "and why, is an entry of the log itself (channel `access`). Personal data is masked unless `personal` asks for "
            "it (scope personal:read)."
        ),
        handler=get_message,
        query=BodyQuery,
        successes=(
            Success(status=200, description="The entry.", kind=MessageDetail),
            Success(status=200, description="The bytes.", media_type=BYTES),
        ),
    ),
)

EVENTS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/events",
        name="read_feed",
        tag="events",
        scope=Scope.EVENTS_READ,
        summary="Read the event feed",
        description=(
            "Events after a position, oldest first. Store `next` and ask with it again: nothing is missed, nothing "
            "comes twice. With `wait` an empty answer is held back until there is something. A cursor beyond the "
            "newest event is a conflict: it is not from this database."
        ),
        handler=read_feed,
        query=FeedQuery,
        successes=(Success(status=200, description="Some events.", kind=FeedPage),),
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path="/v1/webhooks",
        name="list_webhooks",
        tag="events",
        scope=Scope.WEBHOOKS_READ,
        summary="List webhook endpoints",
        description=(
            "Where events are pushed to, and how far each endpoint is. Parts of an address that may be a key are dots for "
            "whoever has not the scope `webhooks:manage`."
        ),
        handler=list_webhooks,
        successes=(Success(status=200, description="Every endpoint.", kind=WebhookList),),
    ),
    Route(
        method="POST",
        path="/v1/webhooks",
        name="create_webhook",
        tag="events",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Register a webhook endpoint",
        description="Events are pushed to it, signed by Standard Webhooks. The secret is shown this once.",
        handler=create_webhook,
        body=Body(
            kind=WebhookOrder,
            example={"url": "https://motcua.h99.example/hooks/lienthong", "kinds": ["delivery.rejected"]},
        ),
        successes=(
            Success(
                status=201,
                description="Registered.",
                kind=Revealed,
                headers={"Location": "Where it can be deleted."},
            ),
        ),
        problems=("unreadable",),
    ),
    Route(
        method="DELETE",
        path="/v1/webhooks/{webhook}",
        name="delete_webhook",
        tag="events",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Delete a webhook endpoint",
        description="Nothing is sent to it any more.",
        handler=delete_webhook,
        successes=(Success(status=204, description="Deleted."),),
    ),
    Route(
        method="POST",
        path="/v1/webhooks/{webhook}/enable",
        name="enable_webhook",
        tag="events",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Enable a webhook endpoint again",
        description="One that was given up after too many failures goes on where it stood.",
        handler=enable_webhook,
        body=Body(kind=WebhookResumption, example={"reason": "its certificate was renewed"}),
        successes=(Success(status=200, description="Enabled.", kind=Endpoint),),
        problems=("unreadable",),
    ),
    Route(
        method="POST",
        path="/v1/webhooks/{webhook}/rotate",
        name="rotate_webhook",
        tag="events",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Give a webhook endpoint a new secret",
        description=(
            "The new secret is shown this once. For `overlap` seconds events carry two signatures, of the new secret "
            "and of the one so far, so that the receiver can change over without losing one; 0 ends the one so far "
            "at once, which is right for a secret that others have seen."
        ),
        handler=rotate_webhook,
        body=Body(kind=WebhookRotation, example={"reason": "a year has gone by", "overlap": 86400}),
        successes=(Success(status=200, description="Replaced.", kind=Revealed),),
        problems=("unreadable",),
    ),
    Route(
        method="POST",
        path="/v1/webhooks/{webhook}/test",
        name="test_webhook",
        tag="events",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Test a webhook endpoint",
        description="Sends one event of kind `webhook.test`, which is in no feed, and tells what was answered.",
        handler=test_webhook,
        successes=(Success(status=200, description="What the endpoint made of it.", kind=Tested),),
    ),
)

OVERVIEW: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/status",
        name="get_status",
        tag="status",
        scope=Scope.DELIVERIES_READ,
        summary="See everything at a glance",
        description="Counts over everything, workers, and every destination's health.",
        handler=get_status,
        successes=(Success(status=200, description="The overview.", kind=Overview),),
    ),
    Route(
        method="GET",
        path="/livez",
        name="get_liveness",
        tag="status",
        scope=None,
        summary="Is the process alive?",
        description="Looks at nothing but itself; for a supervisor that restarts processes.",
        handler=get_liveness,
        successes=(Success(status=200, description="It is.", kind=Liveness),),
    ),
    Route(
        method="GET",
        path="/readyz",
        name="get_readiness",
        tag="status",
        scope=None,
        summary="Can dossiers be handed over?",
        description="The database answers and the process is not about to end; for a load balancer.",
        handler=get_readiness,
        successes=(Success(status=200, description="They can.", kind=Readiness),),
        problems=("unavailable",),
    ),
    Route(
        method="GET",
        path="/metrics",
        name="get_metrics",
        tag="status",
        scope=None,
        summary="Read the metrics",
        description=(
            "In Prometheus' text format. From this machine, without a proxy in between, no key is needed; from "
            "elsewhere scope metrics:read. A proxy on this machine must not pass this address on."
        ),
        handler=get_metrics,
        successes=(Success(status=200, description="The metrics.", media_type=TEXT_METRICS),),
        problems=("unauthorised", "forbidden", "unavailable"),
    ),
    Route(
        method="GET",
        path="/openapi.json",
        name="get_openapi",
        tag="status",
        scope=None,
        summary="Read this description",
        description="OpenAPI 3.1, generated from the table of routes and the types.",
        handler=get_openapi,
        successes=(Success(status=200, description="The document."),),
    ),
    Route(
        method="GET",
        path="/docs",
        name="get_page",
        tag="status",
        scope=None,
        summary="Read this description as a page",
        description="One page without any foreign asset.",
        handler=get_page,
        successes=(Success(status=200, description="The page.", media_type="text/html; charset=utf-8"),),
    ),
)

TOKENS: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/oauth2/token",
        name="issue_token",
        tag="tokens",
        scope=None,
        summary="Get a bearer token",
        description="OAuth2 client credentials (RFC 6749 §4.4). The API key is the client secret.",
        handler=issue_token,
        body=Body(media_types=(FORM,), schema=TokenForm, limit=lambda _: MOST_FORM_BYTES),
        successes=(Success(status=200, description="The token.", kind=TokenAnswer),),
        problems=("unreadable", "unauthorised", "too_many_requests", "unavailable"),
    ),
)

CALLBACKS: tuple[Route, ...] = tuple(
    Route(
        method=method,
        path=path,
        name=f"receive_{method.lower()}_{place}",
        tag="callbacks",
        scope=None,
        summary="A partner's call",
        description="By each partner's own contract; the adapter verifies the caller.",
        handler=receive_callback,
        query=None,
        body=Body(media_types=()),
        successes=(),
        documented=False,
    )
    for place, path in enumerate(("/in/{destination}", "/in/{destination}/{path:path}"))
    for method in ("GET", "POST", "PUT")
)

# for browsers: no part of the API that programs read about
PAYERS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/payments/return/{partner}",
        name="show_payment_return",
        tag="status",
        scope=None,
        summary="How a payment stands, for the payer",
        description="Where the payment platform sends the browser back to. Display only.",
        handler=show_return,
        query=None,
        successes=(Success(status=200, description="The page.", media_type=HTML),),
        documented=False,
    ),
)

ROUTES: tuple[Route, ...] = (
    *CALLBACKS,  # first: addresses are compared one after another, and partners must not pay for eighty
    *ACTIONS,
    *APPROVALS,
    *DEADLINES,
    *DOSSIERS,
    *ERASURE,
    *DELIVERIES,
    *FAILURES,
    *DELIVERY_EDIT,
    *DESTINATIONS,
    *ALARMS,
    *DRIFT,
    *FILES,
    *PAYMENTS,
    *PAYMENT_DESK,
    *RECONCILIATION,
    *JOBS,
    *MESSAGES,
    *EVIDENCE,
    *EXPORTS,
    *EVENTS,
    *CLIENTS,
    *ACCOUNTS,
    *LAG,
    *REPORTS,
    *OVERVIEW,
    *TOKENS,
    *PAYERS,
)
