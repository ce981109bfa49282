"""Building the application: the table of routes behind the perimeter."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec
from starlette.routing import Route as Address
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api import page
from gateway.api.endpoint import Endpoint
from gateway.api.openapi import describe
from gateway.api.overview import version
from gateway.api.parts import Gateway
from gateway.api.perimeter import Perimeter
from gateway.api.problem import Refused
from gateway.api.route import Route
from gateway.api.service import Api, Documents
from gateway.api.table import ROUTES


def build_app(gateway: Gateway) -> ASGIApp:
    """The API of ``gateway`` as an ASGI application. It starts nothing; ``serve`` does."""
    return application(build_api(gateway))


def build_api(gateway: Gateway) -> Api:
    """What handlers are given."""
    return Api(gateway, documents())


@functools.cache  # they follow from the table alone
def documents() -> Documents:
    """The description of the API, for programs and for readers."""
    document = describe(ROUTES, version=version())
    return Documents(openapi=msgspec.json.encode(document), page=page.render(document))


def application(api: Api, faces: Sequence[Address] = ()) -> ASGIApp:
    """The ASGI application around ``api``; ``faces``: what else answers on its port, behind the same perimeter."""
    router = Router([*addresses(api, ROUTES), *faces], redirect_slashes=False, default=_nowhere)
    return Perimeter(router, api.gateway.hub.tracing)


def addresses(api: Api, routes: Sequence[Route]) -> list[Address]:
    """One address for all rows of a path, in the order of the table."""
    by_path: dict[str, dict[str, Route]] = {}
    for row in routes:
        by_path.setdefault(row.path, {})[row.method] = row
    return [Address(path, Endpoint(api, rows)) for path, rows in by_path.items()]


async def _nowhere(scope: Scope, _receive: Receive, _send: Send) -> None:
    """What is not in the table."""
    if scope["type"] == "http":
        raise Refused("not_found", "there is no such address; GET /docs lists them")
