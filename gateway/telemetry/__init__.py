"""What the gateway tells about itself: metrics (here), the program log, traces. Never a body, a secret, a token, an
identity number or a name: only the message log holds those."""

from __future__ import annotations

import functools
from typing import TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.telemetry.program_log import configure_logging, fault_told, plain_words

__all__ = ["configure_logging", "fault_told", "plain_words"]

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
CHECKPOINT_AT = Gauge(
    "lienthong_evidence_checkpoint_timestamp_seconds", "When the newest checkpoint was made; 0: never."
)
ANCHORED_AT = Gauge(
    "lienthong_evidence_anchor_timestamp_seconds",
    "When an authority last stamped a checkpoint; 0: never, or no authority is configured.",
)
OFF_CONTRACT = Gauge(
    "lienthong_answers_off_contract",
    "Answers of the last 24 hours that do not match the pinned contract.",
    ["destination"],
)
PAUSED = Gauge(
    "lienthong_destination_paused", "1 while an operator has paused a destination.", ["destination"]
)
LANES = Gauge("lienthong_lanes", "Lanes that are not idle, by state.", ["destination", "state"])
WORKERS = Gauge("lienthong_workers", "Workers whose beat moves, in all processes.")
JOB_FAILING = Gauge(
    "lienthong_job_failing", "1 while the newest real runs of a job have failed, anywhere.", ["job"]
)
MEASURED_AT = Gauge(
    "lienthong_tables_measured_timestamp_seconds",
    "When the figures that follow from the tables were last read; older than a scrape: the database is away.",
)
DISK_FREE = Gauge(
    "lienthong_disk_free_bytes", "Free space where the database, the keys and the archives lie.", ["place"]
)
DISK_SIZE = Gauge("lienthong_disk_size_bytes", "Size of the same file systems.", ["place"])
CLOCK_SKEW = Gauge(
    "lienthong_clock_skew_seconds",
    "By how much another clock is at least ahead of ours (below 0: behind); 0: no difference that could be measured.",
    ["against", "name"],
)
LOOP_DELAY = Histogram(
    "lienthong_event_loop_delay_seconds",
    "By how much the event loop comes late to what is due.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
COMMIT_SECONDS = Histogram(
    "lienthong_commit_seconds",
    "Time that a group of writes took to become durable.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
SIGN_INS = Counter(
    "lienthong_sign_ins_total", "Attempts to sign in at the console, by way and result.", ["method", "result"]
)
SPANS = Counter(
    "lienthong_spans_total", "Spans of traces, by what became of them: exported, dropped.", ["result"]
)
STORAGE_LOST = Counter("lienthong_storage_unavailable_total", "Times the database did not take a write.")


Metric = TypeVar("Metric", Counter, Gauge, Histogram)


@functools.lru_cache(maxsize=4096)
def labelled(metric: Metric, *labels: str) -> Metric:
    """``metric.labels(*labels)`` at a third of its cost, for what is counted with every message."""
    return metric.labels(*labels)


def metrics_page(registry: CollectorRegistry = REGISTRY) -> bytes:
    """The metrics in Prometheus' text format."""
    return generate_latest(registry)
