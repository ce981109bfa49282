"""Metrics: named by Prometheus' conventions, each explained, with labels that cannot grow."""

import re
from pathlib import Path

import prometheus_client
import pytest

from gateway import telemetry

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
KINDS = {
    prometheus_client.Counter: "counter",
    prometheus_client.Gauge: "gauge",
    prometheus_client.Histogram: "histogram",
}
METRICS = {
    each._name + ("_total" if isinstance(each, prometheus_client.Counter) else ""): each
    for each in vars(telemetry).values()
    if isinstance(each, tuple(KINDS))
}
# What a gauge or histogram may measure; a mere count needs no unit.
UNITS = ("_seconds", "_bytes", "_ratio")
COUNTS = frozenset(
    f"lienthong_{name}"
    for name in (
        *("breaker_open", "destination_paused", "answers_off_contract", "traffic_stopped", "job_failing"),
        *("deliveries_open", "lanes", "lanes_leased", "workers", "evidence_entries", "lag_events_behind"),
        *("shown_late", "dossiers_pending", "dossiers_at_risk", "versions_unassessed"),
        *("payment_attempts", "progress_open", "drift_differences", "drift_found", "drift_dossiers"),
        *("webhooks_behind", "webhooks_disabled"),
    )
)


def row_of(name: str) -> str:
    metric = METRICS[name]
    labels = ", ".join(f"`{label}`" for label in metric._labelnames) or "–"
    return f"| `{name}` | {KINDS[type(metric)]} | {labels} | {metric._documentation} |"


def rows(heading: str) -> list[str]:
    section = DOCUMENT.split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_every_metric_has_its_row_and_every_row_its_metric():
    assert rows("## Every metric") == sorted(map(row_of, METRICS)), "bring docs/metrics.md up to date"


def test_every_label_is_one_whose_values_are_bounded():
    allowed = {label for row in rows("## Labels") for label in re.findall(r"`(\w+)`", row.split("|")[1])}
    used = {label for metric in METRICS.values() for label in metric._labelnames}

    assert used == allowed
    assert not used & {"dossier", "code_dossier", "person", "client", "account", "url", "path", "reason"}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metric_is_named_by_the_conventions(name):
    metric = METRICS[name]
    assert re.fullmatch(r"lienthong(_[a-z0-9]+)+", name)
    assert metric._documentation.endswith((".", "never.", "configured."))
    match KINDS[type(metric)]:
        case "counter":
            assert name.endswith("_total")
        case _:
            assert not name.endswith(("_total", "_count", "_sum", "_bucket"))
            assert name.endswith(UNITS) or name in COUNTS
