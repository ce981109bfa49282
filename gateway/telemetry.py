"""Program log and metrics. Never a body, a secret, a token, an identity number or a name: only the message log
holds those."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Literal, TextIO, TypeVar, cast

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

EXCHANGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

ATTEMPTS = Counter(
    "lienthong_attempts_total", "Attempts by outcome.", ["destination", "operation", "outcome"]
)
DELIVERED = Counter("lienthong_delivered_total", "Deliveries acknowledged.", ["destination", "operation"])
EXCHANGE_SECONDS = Histogram(
    "lienthong_exchange_seconds", "Time from request to answer.", ["destination"], buckets=EXCHANGE_BUCKETS
)
SYNC_LAG_SECONDS = Histogram(
    "lienthong_sync_lag_seconds",
    "Time from our receipt of a change to the partner's acknowledgement.",
    ["destination"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400, 604800),
)
LAG_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400, 604800)
LAG_SECONDS = Histogram(
    "lienthong_lag_seconds",
    "Lag of synchronisation by part: source (event to us), queue (us to sent), wire (sent to acknowledged), total.",
    ["destination", "part"],
    buckets=LAG_BUCKETS,
)
LAG_BEHIND = Gauge("lienthong_lag_events_behind", "Events that the follower of the lag has not read yet.")
SHOWN_LATE = Gauge(
    "lienthong_shown_late",
    "Dossiers that a partner shows late at this moment, by date; rightly, or through whom wrongly.",
    ["destination", "cause"],
)
SHOWN_LATE_OURS = Gauge(
    "lienthong_shown_late_ours_ratio",
    "Of what a partner showed late in 30 days, the share that is only ours to blame; the target is 0.",
    ["destination"],
)
BREAKER_OPEN = Gauge(
    "lienthong_breaker_open", "1 while the breaker of a destination is open.", ["destination"]
)
IN_FLIGHT = Gauge("lienthong_lanes_leased", "Lanes at work in this process.", ["destination"])
BACKLOG = Gauge(
    "lienthong_deliveries_open", "Deliveries that are not final, by state.", ["destination", "state"]
)
OLDEST_UNSENT_SECONDS = Gauge(
    "lienthong_oldest_unsent_seconds", "Age of the oldest open delivery.", ["destination"]
)
PAYMENT_ATTEMPTS = Gauge(
    "lienthong_payment_attempts", "Attempts to pay that are not settled, by state.", ["destination", "state"]
)
PAYMENT_OLDEST_UNANSWERED_SECONDS = Gauge(
    "lienthong_payment_oldest_unanswered_seconds",
    "Age of the oldest attempt that nobody has said the end of; 0 when there is none.",
    ["destination"],
)
PAYMENT_QUESTIONS = Counter(
    "lienthong_payment_questions_total",
    "Questions to a payment platform about an attempt, by what the answer did.",
    ["destination", "effect"],
)
PROGRESS_QUESTIONS = Counter(
    "lienthong_progress_questions_total",
    "Questions to a partner about a dossier, by what the answer was.",
    ["destination", "effect"],
)
PROGRESS_REPORTS = Counter(
    "lienthong_progress_reports_total",
    "Reports of partners that are asked, by what they did.",
    ["destination", "effect"],
)
PROGRESS_ALARMS = Counter(
    "lienthong_progress_promises_near_total", "Promises warned of without a result.", ["destination"]
)
PROGRESS_OPEN = Gauge(
    "lienthong_progress_open", "Dossiers that a partner is still asked about.", ["destination"]
)
EVIDENCE_DELAY = Gauge(
    "lienthong_evidence_delay_seconds",
    "How long no evidence could be produced; beyond evidence.grace traffic stops. 0: everything is proven in time.",
)
EVIDENCE_SIZE = Gauge("lienthong_evidence_entries", "Log entries that the newest checkpoint covers.")
TRAFFIC_STOPPED = Gauge("lienthong_traffic_stopped", "1 while traffic is stopped for want of evidence.")
CHECKPOINTS = Counter("lienthong_checkpoints_total", "Checkpoints by what became of them.", ["result"])
ACCEPTED = Counter("lienthong_dossiers_accepted_total", "Dossier versions accepted.", ["result"])
REFUSED = Counter("lienthong_dossiers_refused_total", "Dossier versions refused.", ["code"])
REQUEST_SECONDS = Histogram(
    "lienthong_api_request_seconds", "API request duration.", ["route", "status"], buckets=REQUEST_BUCKETS
)
CALLBACKS = Counter("lienthong_callbacks_total", "Calls from partners.", ["destination", "result"])
CALLBACKS_REFUSED = Counter(
    "lienthong_callbacks_refused_total",
    "Calls that were no payment platform's, by reason; forged ones are bad_mac.",
    ["destination", "code"],
)
WEBHOOKS = Counter("lienthong_webhooks_total", "Events sent to endpoints, by result.", ["result"])
WEBHOOKS_BEHIND = Gauge("lienthong_webhooks_behind", "Events that an endpoint has not got yet.", ["endpoint"])
WEBHOOKS_DISABLED = Gauge(
    "lienthong_webhooks_disabled", "Endpoints that were given up: an operator must act."
)
JOB_RUNS = Counter("lienthong_job_runs_total", "Runs of jobs that ended here, by how.", ["job", "state"])
JOB_SECONDS = Histogram(
    "lienthong_job_run_seconds",
    "Time that a run took.",
    ["job"],
    buckets=(0.1, 1, 10, 60, 300, 1800, 7200, 43200),
)
JOB_LAST_SUCCESS = Gauge(
    "lienthong_job_last_success_timestamp_seconds", "When a real run last ended well, anywhere.", ["job"]
)
ASSESSED = Counter("lienthong_versions_assessed_total", "Versions judged by the deadline rules.", ["result"])
UNASSESSED = Gauge("lienthong_versions_unassessed", "Versions that the deadline rules have not judged yet.")
CROSSED = Counter(
    "lienthong_deadlines_crossed_total", "Thresholds that dossiers have crossed.", ["threshold"]
)
DOSSIERS_PENDING = Gauge("lienthong_dossiers_pending", "Dossiers being worked on, by class.", ["class"])
DOSSIERS_AT_RISK = Gauge(
    "lienthong_dossiers_at_risk", "Dossiers in time that a destination may show late.", ["destination"]
)
DRIFT_STANDING = Gauge(
    "lienthong_drift_differences",
    "Differences between a partner's record and what it was told that are not gone, by class and state.",
    ["destination", "kind", "state"],
)
DRIFT_FOUND = Gauge(
    "lienthong_drift_found", "Differences that the last pass of the drift check saw.", ["kind"]
)
DRIFT_LOOKED = Gauge(
    "lienthong_drift_dossiers",
    "Dossiers in the last pass of the drift check: looked, in_step, differing.",
    ["result"],
)
DRIFT_LAST_PASS = Gauge(
    "lienthong_drift_last_pass_timestamp_seconds", "When the last pass of the drift check ended."
)
CERTIFICATE_UNTIL = Gauge(
    "lienthong_certificate_not_after_timestamp_seconds",
    "When the last certificate of a key, of a partner's pinned ones or of a time-stamping authority expires.",
    ["use", "name"],
)
STORAGE_LOST = Counter("lienthong_storage_unavailable_total", "Times the database did not take a write.")


Metric = TypeVar("Metric", Counter, Gauge, Histogram)


@functools.lru_cache(maxsize=4096)
def labelled(metric: Metric, *labels: str) -> Metric:
    """``metric.labels(*labels)`` at a third of its cost, for what is counted with every message."""
    return metric.labels(*labels)


class _Forgiving:
    """A stream whose reader may disappear: the program log is a comfort, and its end must not stop a delivery."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text``, or drop it when nobody can take it (a broken pipe, a full disk)."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, if anybody takes it."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


_MOST_WORDS = 200
_MOST_FAULTS = 5
_MOST_PLACES = 12
_PLAIN = re.compile(r"[a-z]{1,19}[,.:;]?")


def fault_told(fault: BaseException) -> str:
    """What went wrong and where, without the values that a message may hold (a database's DETAIL, a record's field):
    types, plain words, places in the code; the causes behind it."""
    return "\nbecause of ".join("\n  at ".join((_headline(each), *_places(each))) for each in _causes(fault))


def plain_words(text: str) -> str:
    """How ``text`` begins, up to whatever is quoted, bracketed, a number, a name, or told as the thing got."""
    line = next(iter(text.strip().splitlines()), "")[:_MOST_WORDS]
    shown: list[str] = []
    for word in line.split():
        if not _PLAIN.fullmatch(word) or shown[-1:] == ["got"]:
            return " ".join((*shown, "\u2026"))
        shown.append(word)
    return " ".join(shown)


def _headline(fault: BaseException) -> str:
    state = getattr(fault, "sqlstate", None) or getattr(fault, "sqlite_errorname", None)
    if isinstance(fault, OSError):
        words = f"{fault.errno}" if fault.errno else ""  # its text may be a file's name
    else:
        words = plain_words(str(fault))
    return ": ".join(part for part in (type(fault).__name__, state, words) if part)


def _places(fault: BaseException) -> Iterator[str]:
    frames = list(traceback.walk_tb(fault.__traceback__))
    for frame, line in frames[-_MOST_PLACES:]:
        yield f"{frame.f_globals.get('__name__', '?')}:{line} {frame.f_code.co_name}"


def _causes(fault: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = fault
    for _ in range(_MOST_FAULTS):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _tell_faults(
    _logger: structlog.types.WrappedLogger, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """A processor: ``exc_info`` as ``exception``, told by ``fault_told``."""
    told = event.pop("exc_info", None)
    if isinstance(told, tuple):
        told = told[1]
    fault = told if isinstance(told, BaseException) or not told else sys.exc_info()[1]
    if fault:
        event["exception"] = fault_told(fault)
    return event


class _Libraries(logging.Handler):
    """What libraries have to say (asyncio, uvicorn), told like our own: their tracebacks quote values, too."""

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        words = plain_words(str(record.msg))  # as the library wrote it, without what it was about
        structlog.get_logger(record.name).log(
            record.levelno, "library_spoke", library=record.name, words=words, exc_info=fault
        )


def configure_logging(level: str = "info", style: Literal["json", "console"] = "console") -> None:
    """Set structlog up once per process, and libraries' warnings with it; output goes to standard error."""
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tell_faults,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().handlers = [_Libraries(logging.WARNING)]


def metrics_page(registry: CollectorRegistry = REGISTRY) -> bytes:
    """The metrics in Prometheus' text format."""
    return generate_latest(registry)
