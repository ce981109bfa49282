"""Rows of the table: API clients."""

from __future__ import annotations

from gateway.api.clients import (
    ClientList,
    ClientOrderBody,
    create_client,
    disable_client,
    get_clients,
    rotate_client,
)
from gateway.api.deliveries import Reasoned
from gateway.api.route import Body, Route, Success
from gateway.api.table_operations import action
from gateway.storage.client_orders import ClientDisabled
from gateway.storage.clients import Issued, Scope

_REASON = {"reason": "its key was seen in a mail"}

CLIENTS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/clients",
        name="list_clients",
        tag="clients",
        scope=Scope.CLIENTS_READ,
        summary="List clients",
        description="Who may call, and with what rights. Keys are never shown again.",
        handler=get_clients,
        successes=(Success(status=200, description="Every client.", kind=ClientList),),
    ),
    Route(
        method="POST",
        path="/v1/clients",
        name="create_client",
        tag="clients",
        scope=Scope.CLIENTS_MANAGE,
        summary="Make a client",
        description=(
            "The key is shown this once. A role stands for its scopes (docs/security.md). Only scopes that the caller "
            "has itself can be given."
        ),
        handler=create_client,
        body=Body(
            kind=ClientOrderBody,
            example={"id": "one-door", "roles": ["submitter"], "scopes": [Scope.METRICS_READ]},
        ),
        successes=(Success(status=201, description="Made.", kind=Issued),),
        problems=("unreadable", "conflict"),
    ),
    action(
        "/v1/clients/{client}/rotate",
        "rotate_client",
        rotate_client,
        summary="Give a client a new key",
        description=(
            "The old key and every token end at once (within ten seconds in other processes), and a disabled client "
            "is enabled again. The new key is shown this once. Refused for a client with rights that the caller lacks."
        ),
        body=Body(kind=Reasoned, example=_REASON),
        done=Issued,
        scope=Scope.CLIENTS_MANAGE,
        problems=(),
    ),
    action(
        "/v1/clients/{client}/disable",
        "disable_client",
        disable_client,
        summary="Disable a client",
        description="Its key and its tokens end; rotating its key enables it again. No client can disable itself.",
        body=Body(kind=Reasoned, example=_REASON),
        done=ClientDisabled,
        scope=Scope.CLIENTS_MANAGE,
    ),
)
