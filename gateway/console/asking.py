"""Pages ask what the API is asked, by the same functions.

Invariant: a page shows and does nothing that its viewer could not ask the API for, since the row of the API is judged
here as it is there: scope, inputs, history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypedDict, TypeVar, Unpack

import msgspec

from gateway.api.access import require_scope
from gateway.api.problem import Refused
from gateway.api.route import Answer, Call, NoInput, Route
from gateway.api.table import ROUTES
from gateway.console.page import Visit

_T = TypeVar("_T")
RECENT: Mapping[str, object] = {"max_age": 60}
"""For what takes long to compute and says what instant it is of: a minute ago will do."""
BY_NAME: dict[str, Route] = {row.name: row for row in ROUTES}


class Inputs(TypedDict, total=False):
    """What a route takes. ``query``: by the names on the wire; None and "" are left out. ``body``: as JSON has it; ``content``:
    the bytes of a file."""

    path: Mapping[str, str | int]
    query: Mapping[str, object]
    body: Mapping[str, object]
    content: bytes


async def ask(visit: Visit, name: str, kind: type[_T], **inputs: Unpack[Inputs]) -> _T:
    """What the route ``name`` of the API gives, of type ``kind``. Raises what it raises, and Refused without its scope."""
    value = (await answered(visit, name, **inputs)).value
    if not isinstance(value, kind):
        raise TypeError(f"{name} gives {type(value).__name__}, the page wants {kind.__name__}")
    return value


async def answered(visit: Visit, name: str, **inputs: Unpack[Inputs]) -> Answer:
    """The whole answer of a route, for those that give bytes."""
    row = BY_NAME[name]
    if row.scope is not None:
        require_scope(visit.viewer.principal, row.scope)
    return await row.handler(visit.api, _call(visit, row, inputs))


def _call(visit: Visit, row: Route, inputs: Inputs) -> Call:
    given = {
        key: value for key, value in inputs.get("query", {}).items() if value is not None and value != ""
    }
    body = row.body
    return Call(
        principal=visit.viewer.principal,
        path=inputs.get("path", {}),
        query=NoInput() if row.query is None else _read(given, row.query, "query"),
        headers=row.headers(),
        body=b"" if body is None or body.kind is None else _read(inputs.get("body", {}), body.kind, "form"),
        chunks=_once(inputs.get("content", b"")),
        method=row.method,
        address=visit.address,
        header_pairs=(),
        correlation=visit.correlation,
        scheme="https",
        loopback=False,
        peer="",
    )


def _read(given: Mapping[str, object], kind: Any, place: str) -> Any:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise Refused("invalid", f"{place}: {fault}") from fault


async def _once(content: bytes) -> AsyncIterator[bytes]:
    """``content`` as one piece; none when it is empty."""
    if content:
        yield content
