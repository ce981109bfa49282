"""Asking what the API is asked: through a running gateway, or by the same function in this process.

Invariant: there is one function for the API, the console and the command line; here its row is looked up by name, and
without ``--url`` it works on the database itself. What only reads takes no lock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from gateway.cli.opening import opened, require_free, run
from gateway.cli.options import Way

if TYPE_CHECKING:
    from gateway.api.route import Route

T = TypeVar("T")
Fields = Mapping[str, Any]
_NOTHING: Fields = {}


def look(way: Way, name: str, kind: type[T], *, path: Fields = _NOTHING, query: Fields = _NOTHING) -> T:
    """What the route ``name`` gives. Raises what it raises."""
    if way.url is not None:
        return run(_remote(way, name, kind, path, query))
    return run(_here(way, name, kind, (path, query, None, "")))


def order(way: Way, name: str, kind: type[T], *, path: Fields, body: Fields, actor: str | None) -> T:
    """Like ``look``, for a route that does something. On SQLite no gateway may run meanwhile."""
    if way.url is not None:
        return run(_posted(way, name, kind, (path, body, actor)))
    from gateway.cli.orders import actor_of

    require_free(way.settings, instead="work through its API: --url URL --key-file FILE")
    return run(_here(way, name, kind, (path, {}, body, actor_of(actor))))


def _row(name: str) -> Route:
    from gateway.api.table import ROUTES

    return next(row for row in ROUTES if row.name == name)


def _address(name: str, path: Fields, query: Fields) -> str:
    filled = _row(name).path
    for key, value in path.items():
        filled = filled.replace(f"{{{key}}}", quote(str(value), safe=""))
    given = {key: value for key, value in query.items() if value is not None}
    return f"{filled}?{urlencode(given)}" if given else filled


async def _remote(way: Way, name: str, kind: type[T], path: Fields, query: Fields) -> T:
    from gateway.cli.remote import connected, read_key

    async with connected(str(way.url), read_key(way.key, way.key_file)) as remote:
        return await remote.get(_address(name, path, query), kind)


async def _posted(way: Way, name: str, kind: type[T], about: tuple[Fields, Fields, str | None]) -> T:
    from gateway.cli.remote import connected, read_key

    path, body, actor = about
    async with connected(str(way.url), read_key(way.key, way.key_file), actor) as remote:
        return await remote.post(_address(name, path, {}), dict(body), kind)


async def _here(way: Way, name: str, kind: type[T], about: tuple[Fields, Fields, Fields | None, str]) -> T:
    from gateway.api.service import Api, Documents
    from gateway.storage.clients import Principal, Scope

    path, query, body, actor = about
    who = Principal(client=actor or "cli", secret_hash="", scopes=frozenset(Scope))
    async with opened(way.settings, reading=body is None) as gateway:
        api = Api(gateway, Documents(openapi=b"", page=b""))
        value = (await _row(name).handler(api, _call(_row(name), who, path, query, body))).value
    if not isinstance(value, kind):
        raise TypeError(f"{name} gives {type(value).__name__}, wanted {kind.__name__}")
    return value


def _call(row: Route, who: Any, path: Fields, query: Fields, body: Fields | None) -> Any:
    import msgspec

    from gateway.api.route import Call, NoInput

    given = {key: value for key, value in query.items() if value is not None}
    kind = None if row.body is None else row.body.kind
    return Call(
        principal=who,
        path=dict(path),
        query=NoInput() if row.query is None else msgspec.convert(given, row.query, strict=False),
        headers=row.headers(),
        body=b"" if kind is None or body is None else msgspec.convert(dict(body), kind, strict=False),
        chunks=_nothing(),
        method=row.method,
        address="",
        header_pairs=(),
        correlation="",
        scheme="",
        loopback=True,
        peer="",
    )


async def _nothing() -> AsyncIterator[bytes]:
    """No bytes at all."""
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece
