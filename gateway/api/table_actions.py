"""Rows of the table: what people did."""

from __future__ import annotations

from gateway.api.actions import (
    CSV,
    ActionFileQuery,
    ActionPage,
    ActionQuery,
    export_actions,
    list_actions,
)
from gateway.api.route import Route, Success
from gateway.storage.clients import Scope

ACTIONS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/actions",
        name="list_actions",
        tag="actions",
        scope=Scope.LOG_READ,
        summary="List what people did",
        description=(
            "Newest first: who, when, why, to what, and with which effect. Each has its entry in the message log "
            "(`message`), and with it a proof. An actor is an API client, a client with the person that it names "
            "(`one-door/tran.thi.mau`), a person at the console (`console/…`) or on the command line (`cli:…`)."
        ),
        handler=list_actions,
        query=ActionQuery,
        successes=(Success(status=200, description="A page of actions.", kind=ActionPage),),
    ),
    Route(
        method="GET",
        path="/v1/actions.csv",
        name="export_actions",
        tag="actions",
        scope=Scope.LOG_READ,
        summary="Read what people did as a file",
        description="CSV in UTF-8 with a byte order mark; what begins like a formula gets an apostrophe.",
        handler=export_actions,
        query=ActionFileQuery,
        successes=(Success(status=200, description="The file.", media_type=CSV),),
    ),
)
