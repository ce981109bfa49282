"""Around every request: a correlation id, bounds of the head, one log line, one metric, and the last catch.

Invariant: every answer carries the correlation id, and whatever goes wrong inside becomes a problem document without
a trace of how the gateway is built.
"""

from __future__ import annotations

import functools
import itertools
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.bodies import ClientGone
from gateway.api.problem import MEDIA_TYPE, Refused, internal, refusal_of
from gateway.domain.errors import GatewayError, StorageUnavailable
from gateway.telemetry import REQUEST_SECONDS, STORAGE_LOST
from gateway.telemetry.tracing import OFF, Journey, Place, Span, Tracing, Value, read_traceparent, stand

log = structlog.get_logger(__name__)
CORRELATION_HEADER = "x-correlation-id"
MOST_HEADERS = 100
MOST_HEADER_BYTES = 32 * 1024
CLIENT_GONE = 499  # in the log only: nobody was there to be answered
_TRACE = "lienthong.trace"
# letters and digits of ASCII; nothing but digits is how identity cards and telephones are numbered
_DOSSIER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._/-]{0,79}")
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{1,64}")
# %2F and %5C would be read as separators by some and as letters by others; %00 by nobody
_AMBIGUOUS = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)
_DOTS = re.compile(r"(?:^|/)\.\.?(?:/|$)")
# a proxy in front may judge the first of two by which we would judge the last
_ONCE = frozenset({b"authorization", b"x-api-key", b"host", b"content-type", b"content-encoding"})
_UNMATCHED = "(none)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OUR_FAULT = 500  # statuses from here on are failures of a server span (OpenTelemetry, HTTP spans)
_PROCESS = uuid.uuid4().hex[:16]  # with a serial number it names a request among all processes
_SERIAL = itertools.count(1)


@dataclass(slots=True)
class Trace:
    """What the log line says of one request."""

    correlation: str
    header_pairs: tuple[tuple[str, str], ...]
    route: str = _UNMATCHED
    client: str = ""
    dossier: str | None = None
    problem: str | None = None
    status: int = 0
    tracing: Tracing = OFF
    place: Place | None = None
    parent: int | None = None

    def about(self, path: Mapping[str, object]) -> None:
        """The request is about the dossier that its address names, if that can be a dossier's number: somebody may have
        put a person's there."""
        code = str(path.get("code") or path.get("dossier") or "")
        if _DOSSIER.fullmatch(code):
            self.dossier = code

    def believe(self) -> None:
        """The caller is known: the request is part of the trace that it names."""
        if not self.tracing.on:
            return
        incoming = read_traceparent(dict(self.header_pairs).get("traceparent", ""))
        if incoming is not None:
            self._at(self.tracing.root(incoming), parent=incoming.span)

    def begin(self) -> None:
        """A journey begins with the request, as long as nobody knows better."""
        self._at(self.tracing.root(), parent=None)

    def _at(self, place: Place, *, parent: int | None) -> None:
        self.place, self.parent = place, parent
        stand(Journey(place, self.correlation))


def trace_of(scope: Scope) -> Trace:
    """The trace that the perimeter has put into ``scope``."""
    trace = scope[_TRACE]
    if not isinstance(trace, Trace):
        raise TypeError("the application runs without its perimeter")
    return trace


class Perimeter:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, tracing: Tracing = OFF) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        pairs = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        trace = Trace(correlation=_correlation(pairs), header_pairs=pairs, tracing=self._tracing)
        scope[_TRACE] = trace
        if self._tracing.on:
            trace.begin()
        out = _Outlet(send, trace)
        try:
            _require_bounds(scope)
            await self._app(scope, receive, out)
        except ClientGone:
            trace.status = CLIENT_GONE
        except GatewayError as fault:
            if isinstance(fault, StorageUnavailable):
                STORAGE_LOST.inc()
            await out.refuse(refusal_of(fault))
        except Exception as fault:  # why: a defect in one request must be answered, too
            log.exception("request_failed", route=trace.route, correlation=trace.correlation)
            await out.refuse(internal(), fault)
        finally:
            _tell(scope, trace, time.perf_counter() - started)
            if trace.place is not None:
                _keep(scope, trace, time.perf_counter() - started)
                stand(None)


class _Outlet:
    """Sends what the application sends, with our headers, and knows whether an answer has begun."""

    def __init__(self, send: Send, trace: Trace) -> None:
        self._send = send
        self._trace = trace

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._trace.status = message["status"]
            headers = list(message.get("headers", ()))
            names = {name for name, _ in headers}
            headers += [(name, value) for name, value in _own_headers(self._trace) if name not in names]
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, refusal: Refused, fault: Exception | None = None) -> None:
        """Answer with a problem; when an answer has begun, break the connection off instead."""
        self._trace.problem = refusal.kind.code
        if self._trace.status:
            raise ConnectionAbortedError("the answer broke off") from fault
        content = msgspec.json.encode(refusal.document(self._trace.correlation))
        headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in refusal.headers]
        headers.append((b"content-type", MEDIA_TYPE.encode()))
        if any(name == "expect" for name, _ in self._trace.header_pairs):
            # RFC 9110 §10.1.1: the client keeps its body back now; what comes next would be taken for it
            headers.append((b"connection", b"close"))
        headers.append((b"content-length", str(len(content)).encode()))
        await self({"type": "http.response.start", "status": refusal.kind.status, "headers": headers})
        await self({"type": "http.response.body", "body": content})


def _own_headers(trace: Trace) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-correlation-id", trace.correlation.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    )


def _correlation(pairs: tuple[tuple[str, str], ...]) -> str:
    """The caller's id where it is fit to stand in a log, else one of ours."""
    for name, value in pairs:
        if name == CORRELATION_HEADER and _CORRELATION.fullmatch(value):
            return value
    return f"{_PROCESS}-{next(_SERIAL):x}"


def _require_bounds(scope: Scope) -> None:
    headers = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    size += sum(map(len, itertools.chain.from_iterable(headers)))
    if len(headers) > MOST_HEADERS or size > MOST_HEADER_BYTES:
        raise Refused(
            "headers_too_large",
            f"at most {MOST_HEADERS} header lines and {MOST_HEADER_BYTES} bytes of address and header are read",
            headers=(("connection", "close"),),
        )
    deciding = [name for name, _ in headers if name in _ONCE]
    if len(deciding) != len(set(deciding)):
        repeated = next(name.decode() for name in deciding if deciding.count(name) > 1)
        raise Refused("unreadable", f"header {repeated} stands more than once; send it once")
    if _AMBIGUOUS.search(scope.get("raw_path") or b"") or _DOTS.search(scope["path"]):
        raise Refused("not_found", "no address of this gateway has an encoded separator or a dot segment")


@functools.cache
def _observer(route: str, status: int) -> Callable[[float], None]:
    return REQUEST_SECONDS.labels(route, str(status)).observe


def _tell(scope: Scope, trace: Trace, seconds: float) -> None:
    _observer(trace.route, trace.status)(seconds)
    log.info(
        "request_answered",
        method=scope["method"],
        route=trace.route,
        status=trace.status,
        milliseconds=round(seconds * 1000, 2),
        client=trace.client or None,
        dossier=trace.dossier,
        problem=trace.problem,
        correlation=trace.correlation,
    )


def _keep(scope: Scope, trace: Trace, seconds: float) -> None:
    """The request as a span."""
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    ended = time.time_ns()
    attributes: dict[str, Value] = {
        "http.request.method": method,
        "http.route": trace.route,
        "http.response.status_code": trace.status,
        "lienthong.correlation_id": trace.correlation,
    }
    told = {
        "lienthong.client": trace.client,
        "lienthong.dossier": trace.dossier,
        "error.type": trace.problem,
    }
    attributes |= {name: value for name, value in told.items() if value}
    if trace.place is not None:
        trace.tracing.keep(
            Span(
                name=f"{method} {trace.route}",
                kind="server",
                place=trace.place,
                parent=trace.parent,
                began=ended - round(seconds * 1e9),
                ended=ended,
                attributes=attributes,
                failed=trace.status >= _OUR_FAULT,
            )
        )
