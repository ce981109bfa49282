"""From a request to a call, and from an answer to bytes: the one way through which every route goes.

Order of judgement: method, caller, scope, rate, what is accepted, inputs, body. Invariant: nothing of the body is read
before the caller is known, wherever the row asks for a scope.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.api import bodies
from gateway.api.access import require_scope
from gateway.api.inputs import read_headers, read_path, read_query
from gateway.api.perimeter import Trace, trace_of
from gateway.api.problem import Refused
from gateway.api.route import JSON, OPERATOR, Answer, Call, NoInput, PersonHeaders, Route
from gateway.api.service import Api
from gateway.storage.clients import Principal

_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_encoder = msgspec.json.Encoder()


class Endpoint:
    """Everything at one address: its rows by method. An ASGI application."""

    def __init__(self, api: Api, rows: Mapping[str, Route]) -> None:
        self._api = api
        self._rows = dict(rows)
        if "GET" in self._rows:
            self._rows.setdefault("HEAD", self._rows["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; refusals are raised for the perimeter to write."""
        trace = trace_of(scope)
        row = self._rows.get(scope["method"])
        if row is None:
            allowed = ", ".join(sorted(self._rows))
            raise Refused(
                "method_not_allowed",
                f"this address takes {allowed}",
                headers=(("allow", allowed),),
            )
        trace.route = row.path
        call = await self._call(row, scope, receive, trace)
        answer = await row.handler(self._api, call)
        await _write(answer, send)

    async def _call(self, row: Route, scope: Scope, receive: Receive, trace: Trace) -> Call:
        pairs = trace.header_pairs
        named = dict(pairs)
        principal = await self._known(row, named, trace)
        _require_acceptable(row, named.get("accept"))
        path = read_path(scope["path_params"])
        trace.about(path)
        query = NoInput() if row.query is None else read_query(row.query, scope["query_string"])
        headers = read_headers(row.headers, pairs)
        return Call(
            principal=principal,
            path=path,
            query=query,
            headers=headers,
            body=await self._body(row, named, receive),
            chunks=bodies.pieces(receive),
            method=scope["method"],
            address=_address(scope),
            header_pairs=pairs,
            correlation=trace.correlation,
            scheme=scope.get("scheme", "http"),
            loopback=_is_loopback(scope, named),
            peer=(scope.get("client") or ("",))[0],
            operator=_operator(row, named, pairs),
        )

    async def _known(self, row: Route, headers: Mapping[str, str], trace: Trace) -> Principal | None:
        if row.scope is None:
            return None
        principal = await self._api.access.principal(headers)
        trace.client = principal.client
        trace.believe()
        require_scope(principal, row.scope)
        self._api.admit(principal)
        return principal

    async def _body(self, row: Route, headers: Mapping[str, str], receive: Receive) -> object:
        body = row.body
        if body is None:
            return b""
        bodies.require_type(body, headers)
        if not body.whole:
            return b""
        limit = self._api.settings.max_body_bytes if body.limit is None else body.limit(self._api)
        return bodies.decoded(body, await bodies.whole(receive, headers, limit))


def _operator(row: Route, headers: Mapping[str, str], pairs: tuple[tuple[str, str], ...]) -> str | None:
    """The person that a known client names; Refused (422) when the name is none, or there are two."""
    if row.scope is None or OPERATOR not in headers:
        return None
    return read_headers(PersonHeaders, pairs).operator


def _require_acceptable(row: Route, accept: str | None) -> None:
    """Refuse (406) a client that takes nothing of what the row answers with (RFC 9110 §12.5.1)."""
    if accept is None or accept in {"*/*", JSON}:
        return
    offered = {success.media_type.partition(";")[0] for success in row.successes}
    for item in accept.split(","):
        media_range, _, parameters = item.partition(";")
        wanted = media_range.strip().lower()
        refused = parameters.replace(" ", "").lower() in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
        kind, _, subtype = wanted.partition("/")
        if not refused and any(
            wanted in {"*/*", media_type} or (subtype == "*" and media_type.startswith(f"{kind}/"))
            for media_type in offered
        ):
            return
    raise Refused("not_acceptable", f"Accept: got {accept[:80]!r}, offered is {', '.join(sorted(offered))}")


def _address(scope: Scope) -> str:
    """Path and query as they were sent, for the message log."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("latin-1")


def _is_loopback(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether the caller sits on this machine; not so when a proxy on this machine speaks for somebody."""
    client = scope.get("client")
    return client is not None and client[0] in _LOOPBACK and not any(name in headers for name in _FORWARDED)


async def _write(answer: Answer, send: Send) -> None:
    if answer.pieces is not None:
        await _write_pieces(answer, answer.pieces, send)
        return
    content = answer.content if answer.content is not None else _encoder.encode(answer.value)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status in _BODILESS:
        content = b""
    else:
        headers.append((b"content-type", answer.media_type.encode("latin-1")))
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _write_pieces(answer: Answer, pieces: AsyncGenerator[bytes, None], send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"content-type", answer.media_type.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
