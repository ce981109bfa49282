"""Asking what the API is asked, by the same functions: on the database of this configuration, or at a running gateway.

Invariant: a command decides nothing itself: inputs, refusals and history are those of the row of the API.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from gateway.api.route import Call, Route
    from gateway.bootstrap import Gateway
    from gateway.cli.options import Way

T = TypeVar("T")
INSTEAD = "ask its API: --url URL --key-file FILE"


class Asked(NamedTuple):
    """One row of the API by its name, and what it is given."""

    route: str
    path: Mapping[str, str] = {}
    query: Mapping[str, Any] = {}
    body: Mapping[str, Any] | None = None


def answer(way: Way, asked: Asked, kind: type[T], *, operator: str | None = None) -> T:
    """What the row gives, of type ``kind``. Raises what the row raises, and what stands in the way of reaching it."""
    from gateway.cli.opening import run

    if way.url is not None:
        return run(_remotely(way, asked, kind, operator))
    return run(_here(way, asked, kind, operator))


async def _remotely(way: Way, asked: Asked, kind: type[T], operator: str | None) -> T:
    from gateway.cli.remote import api_of

    row = _row(asked.route)
    path = row.path
    for name, value in asked.path.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    given = {name: value for name, value in asked.query.items() if value is not None}
    async with api_of(way, operator) as remote:
        if asked.body is None:
            return await remote.get(path + (f"?{urlencode(given)}" if given else ""), kind)
        return await remote.post(path, asked.body, kind)


async def _here(way: Way, asked: Asked, kind: type[T], operator: str | None) -> T:
    from gateway.api.service import Api, Documents
    from gateway.cli.opening import opened, require_free

    changes = asked.body is not None
    if changes:
        require_free(way.settings, instead=INSTEAD)
    async with opened(way.settings, reading=not changes) as gateway:
        row, api = _row(asked.route), Api(gateway, Documents(openapi=b"", page=b""))
        value = (await row.handler(api, _call(gateway, row, asked, operator))).value
    if not isinstance(value, kind):
        raise TypeError(f"{asked.route} gives {type(value).__name__}, the command wants {kind.__name__}")
    return value


def _row(name: str) -> Route:
    from gateway.api.table import ROUTES

    return next(row for row in ROUTES if row.name == name)


def _call(gateway: Gateway, row: Route, asked: Asked, operator: str | None) -> Call:
    from gateway.api.inputs import read_path
    from gateway.api.route import Call, NoInput
    from gateway.cli.opening import actor_name
    from gateway.storage.clients import Principal, Scope

    query = {name: value for name, value in asked.query.items() if value is not None}
    kind = None if row.body is None else row.body.kind
    return Call(
        principal=Principal(client=f"cli:{actor_name(operator)}", secret_hash="", scopes=frozenset(Scope)),
        path=read_path({name: str(value) for name, value in asked.path.items()}),
        query=NoInput() if row.query is None else _read(query, row.query),
        headers=row.headers(),
        body=b"" if kind is None else _read(asked.body or {}, kind),
        chunks=_nothing(),
        method=row.method,
        address=row.path,
        header_pairs=(),
        correlation=f"cli-{gateway.database.identifiers.next()}",
        scheme="https",
        loopback=True,
        peer="",
    )


def _read(given: Mapping[str, Any], kind: Any) -> Any:
    import msgspec

    from gateway.domain.errors import RecordError

    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise RecordError(f"what was given cannot be taken: {fault}") from fault


async def _nothing() -> AsyncIterator[bytes]:
    """No bytes at all."""
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece
