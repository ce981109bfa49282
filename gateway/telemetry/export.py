"""Spans to an OpenTelemetry collector: OTLP over HTTP, in batches, in a thread of its own with a bounded queue.

Invariants: whoever hands a span over never waits; a collector that is away costs spans, nothing else, and is told once
when it is lost and once when it is back.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.telemetry import SPANS
from gateway.telemetry.tracing import Drawing, Place, Span, Tracing

log = structlog.get_logger(__name__)
BATCH = 512
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
LAST_SECONDS = 3.0  # what is left at the end of the process is tried for so long
_SCOPE = InstrumentationScope("lienthong")
_KINDS = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}


class Exporting(Tracing):
    """Switched on. ``endpoint``: the collector's address for traces; ``headers``: sent with every batch; ``ratio``: the
    share of traces that is recorded; ``queue``: how many spans wait at most."""

    on = True

    def __init__(
        self, endpoint: str, *, headers: Mapping[str, str], service: str, ratio: float, queue: int
    ) -> None:
        quiet = logging.getLogger("opentelemetry")
        quiet.handlers, quiet.propagate = [logging.NullHandler()], False  # what there is to tell is told here
        self._draw = Drawing(ratio)
        self._resource = Resource({"service.name": service})
        self._exporter = _exporter(endpoint, headers)
        self._bound = queue
        self._spans: deque[Span] = deque()
        self._stopping = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def root(self, incoming: Place | None = None) -> Place:
        """A new place in ``incoming``'s trace, or in a new one."""
        return self._draw.root(incoming)

    def keep(self, span: Span) -> None:
        """Queue ``span``; dropped, and counted, when the queue is full."""
        if not span.place.sampled:
            return
        if len(self._spans) >= self._bound:
            SPANS.labels("dropped").inc()
            return
        self._spans.append(span)

    def close(self) -> None:
        """Send what is queued, for ``LAST_SECONDS`` at most."""
        self._stopping.set()
        self._thread.join(LAST_SECONDS)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # breaks off a pause between two tries
        self._thread.join(LAST_SECONDS)

    def _work(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while self._spans:
            batch = [self._spans.popleft() for _ in range(min(len(self._spans), BATCH))]
            sent = self._send(batch)
            SPANS.labels("exported" if sent else "dropped").inc(len(batch))
            if sent is self._lost:
                self._tell(sent=sent)
            if not sent:
                return  # not at once again: the next round tries with what has come meanwhile

    def _send(self, batch: list[Span]) -> bool:
        try:
            found = self._exporter.export([self._readable(span) for span in batch])
        except Exception as fault:  # why: whatever a library does, traces must not end for ever
            log.warning("traces_failed", fault=type(fault).__name__)
            return False
        return found is SpanExportResult.SUCCESS

    def _tell(self, *, sent: bool) -> None:
        self._lost = not sent
        if sent:
            log.info("trace_collector_is_back")
        else:
            log.warning("trace_collector_was_lost")

    def _readable(self, span: Span) -> ReadableSpan:
        parent = None if span.parent is None else _context(Place(span.place.trace, span.parent, sampled=True))
        return ReadableSpan(
            name=span.name,
            context=_context(span.place),
            parent=parent,
            resource=self._resource,
            attributes=span.attributes,
            links=[Link(_context(each)) for each in span.links],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=span.began,
            end_time=max(span.began, span.ended),
            instrumentation_scope=_SCOPE,
        )


def _context(place: Place) -> SpanContext:
    return SpanContext(place.trace, place.span, is_remote=False, trace_flags=TraceFlags(int(place.sampled)))


def _exporter(endpoint: str, headers: Mapping[str, str]) -> OTLPSpanExporter:
    session = requests.Session()
    session.trust_env = False  # as for partners: no proxy of the environment, no .netrc
    return OTLPSpanExporter(
        endpoint=endpoint, headers=dict(headers), timeout=TIMEOUT_SECONDS, session=session
    )
