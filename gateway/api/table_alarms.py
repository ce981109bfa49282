"""Rows of the table: alarms, the backlog's trend, certificates, and what an operator needs of one destination."""

from __future__ import annotations

from gateway.api.alarms import AlarmList, BacklogQuery, BacklogTrends, get_backlog, list_alarms
from gateway.api.destination_desk import (
    AnswersQuery,
    CertificateList,
    DestinationDesk,
    TestOrder,
    get_answers,
    get_desk,
    get_pause_effect,
    list_certificates,
    test_destination,
)
from gateway.api.glance import Glance, GlanceQuery, get_glance
from gateway.api.route import Body, Route, Success
from gateway.api.table_operations import action
from gateway.delivery.trial import Trial
from gateway.storage.clients import Scope
from gateway.storage.queries_contract import Drifted
from gateway.storage.queries_pace import PauseEffect

ALARMS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/alarms",
        name="list_alarms",
        tag="status",
        scope=Scope.DELIVERIES_READ,
        summary="List active alarms",
        description=(
            "Critical ones first. Each says since when it is so, what it means and on which page of the console it is "
            "mended; the names are those of the alert rules of the metrics. At most five seconds old."
        ),
        handler=list_alarms,
        successes=(Success(status=200, description="The alarms.", kind=AlarmList),),
    ),
    Route(
        method="GET",
        path="/v1/backlog",
        name="get_backlog",
        tag="status",
        scope=Scope.DELIVERIES_READ,
        summary="Read what the backlog was",
        description=(
            "By destination, sampled once a minute and kept for eight days: open deliveries, those in doubt, those that "
            "failed, and when the oldest was planned. At most 240 steps, each with the worst of its time."
        ),
        handler=get_backlog,
        query=BacklogQuery,
        successes=(Success(status=200, description="The trends.", kind=BacklogTrends),),
        problems=("not_found",),
    ),
    Route(
        method="GET",
        path="/v1/glance",
        name="get_glance",
        tag="status",
        scope=Scope.DELIVERIES_READ,
        summary="Read the figures that take longer to count",
        description=(
            "The on-time ratio of this month so far with what it is computed from, the lag of the last seven days, and "
            "how many dossiers may be shown late. Counted at most once a minute; `at` says when."
        ),
        handler=get_glance,
        query=GlanceQuery,
        successes=(Success(status=200, description="The figures.", kind=Glance),),
        problems=("unavailable",),
    ),
    Route(
        method="GET",
        path="/v1/certificates",
        name="list_certificates",
        tag="status",
        scope=Scope.DELIVERIES_READ,
        summary="List keys and certificates with their expiry",
        description="Everything that is configured, the one that expires first at the head. No key leaves the gateway.",
        handler=list_certificates,
        successes=(Success(status=200, description="Every certificate.", kind=CertificateList),),
    ),
    Route(
        method="GET",
        path="/v1/destinations/{destination}/desk",
        name="get_destination_desk",
        tag="destinations",
        scope=Scope.DELIVERIES_READ,
        summary="Read a destination's limits, calendar and certificates",
        description="As configured and as they are now, with the pace of the last ten seconds.",
        handler=get_desk,
        successes=(Success(status=200, description="The destination's desk.", kind=DestinationDesk),),
    ),
    Route(
        method="GET",
        path="/v1/destinations/{destination}/pause-effect",
        name="get_pause_effect",
        tag="destinations",
        scope=Scope.DELIVERIES_READ,
        summary="See what a pause would stop",
        description="Lanes that have something to tell, those at work now, and those whose promise is near or over.",
        handler=get_pause_effect,
        successes=(Success(status=200, description="The effect.", kind=PauseEffect),),
    ),
    Route(
        method="GET",
        path="/v1/destinations/{destination}/answers",
        name="get_off_contract",
        tag="destinations",
        scope=Scope.DELIVERIES_READ,
        summary="Count answers that no contract describes",
        description=(
            "By operation and code, with the log entry of the latest of each. Looks at the 2,000 latest answers of each "
            "outcome that is no acceptance; `complete` says whether that reached back far enough."
        ),
        handler=get_answers,
        query=AnswersQuery,
        successes=(Success(status=200, description="What was answered.", kind=Drifted),),
    ),
    action(
        "/v1/destinations/{destination}/test",
        "test_destination",
        test_destination,
        summary="Test the connection to a destination",
        description=(
            "Asks the lightest thing that changes nothing: a read without parameters, else signing in, else a connection "
            "without a request. Says what was asked, how long it took and what came of it; the exchange is logged. A "
            "partner that fails is an answer, too: look at `good`."
        ),
        body=Body(kind=TestOrder, example={"reason": "the partner has changed its certificate"}),
        done=Trial,
        scope=Scope.DESTINATIONS_OPERATE,
        problems=("unavailable",),
    ),
)
