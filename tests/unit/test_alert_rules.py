"""What is shipped for Prometheus and Grafana: it names what exists, and says what the gateway itself says."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import prometheus_client
import pytest
import yaml

from gateway import telemetry
from gateway.domain.alarm import KINDS, AlarmName

ROOT = Path(__file__).resolve().parents[2]
RULES_FILE = ROOT / "ops/prometheus/lienthong.rules.yml"
RULES = [
    rule
    for group in yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "ops/grafana/lienthong.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = {
    **{f"{rule['alert']} {rule['labels']['severity']}": rule["expr"] for rule in RULES},
    **{f"{panel['title']} {each['refId']}": each["expr"] for panel in PANELS for each in panel["targets"]},
}
# What a scrape adds, and what a histogram's buckets have.
ADDED = {"instance"}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
# Alarms whose value is a duration: the rule holds for so long. All others compare a figure with the limit.
LASTING = {
    AlarmName.IN_DOUBT,
    AlarmName.FAILED_DELIVERIES,
    AlarmName.BREAKER_OPEN,
    AlarmName.JOB_FAILING,
    AlarmName.WORKERS_GONE,
}


def series() -> dict[str, set[str]]:
    """Every series of the registry with its labels."""
    found: dict[str, set[str]] = {}
    for each in vars(telemetry).values():
        labels = set(getattr(each, "_labelnames", ()))
        match each:
            case prometheus_client.Counter():
                found[f"{each._name}_total"] = labels
            case prometheus_client.Gauge():
                found[each._name] = labels
            case prometheus_client.Histogram():
                found |= {f"{each._name}_bucket": labels | {"le"}, f"{each._name}_count": labels}
                found[f"{each._name}_sum"] = labels
    return found


SERIES = series()


def anchor(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


@pytest.mark.parametrize("where", sorted(EXPRESSIONS))
def test_expression_uses_series_and_labels_that_exist(where):
    expression = EXPRESSIONS[where]
    used = re.findall(r"(lienthong_\w+)(?:\{([^}]*)\})?", expression)
    assert used
    known: set[str] = set()
    for name, matchers in used:
        assert name in SERIES
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) <= SERIES[name] | ADDED
        known |= SERIES[name] | ADDED
    for listed in re.findall(r"(?:by|without|on)\s*\(([^)]*)\)", expression):
        assert {label.strip() for label in listed.split(",")} <= known


@pytest.mark.parametrize("where", sorted(EXPRESSIONS))
def test_bucket_that_is_asked_for_is_one(where):
    for name, bound in re.findall(r'(lienthong_\w+)_bucket\{[^}]*le="([^"]+)"', EXPRESSIONS[where]):
        metric = next(each for each in vars(telemetry).values() if getattr(each, "_name", "") == name)
        assert float(bound) in metric._upper_bounds


def rules_of(name: str) -> dict[str, dict]:
    return {rule["labels"]["severity"]: rule for rule in RULES if rule["alert"] == name}


def test_rules_are_about_the_alarms_of_the_gateway_and_no_others():
    assert {rule["alert"] for rule in RULES} == set(AlarmName)


@pytest.mark.parametrize("name", AlarmName)
def test_rule_has_the_limits_that_the_gateway_has(name):
    kind, rules = KINDS[name], rules_of(name)
    limits = {"warning": kind.warning, "critical": kind.critical}
    if name is AlarmName.EVIDENCE_DELAY:
        assert "lienthong_traffic_stopped" in rules.pop("critical")["expr"], "which settings say"
    assert set(rules) == {severity for severity, limit in limits.items() if limit is not None}
    for severity, rule in rules.items():
        if name in LASTING:
            amount, unit = re.fullmatch(r"(\d+)([smhd])", rule.get("for", "0s")).groups()
            assert int(amount) * SECONDS[unit] == limits[severity]
        else:
            sign, figure = re.search(r"(<=|>=) ([\d.]+)", rule["expr"]).groups()
            assert (sign, float(figure)) == ("<=" if kind.falls else ">=", limits[severity])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_rule_says_in_vietnamese_what_is_wrong_and_where_the_cure_is(rule):
    notes = rule["annotations"]
    assert not notes["summary"].isascii()
    assert notes["description"].isascii()
    assert notes["runbook_url"] == f"docs/operations.md#{anchor(rule['alert'])}"
    kept = {
        label.strip() for listed in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in listed.split(",")
    }
    assert set(re.findall(r"\$labels\.(\w+)", "".join(notes.values()))) <= kept


def test_runbook_has_what_the_rules_point_to():
    headings = re.findall(
        r"^#+ (.+)$", (ROOT / "docs/operations.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {rule["annotations"]["runbook_url"].partition("#")[2] for rule in RULES} <= anchors


def test_every_alarm_has_its_panel():
    shown = {name for panel in PANELS for name in re.findall(r"Alarm: (\w+),", panel["description"])}
    assert shown == set(AlarmName)


def test_dashboard_asks_for_its_data_source_and_has_no_other():
    assert DASHBOARD["schemaVersion"] >= 36
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    sources = [each["datasource"] for panel in PANELS for each in (panel, *panel["targets"])]
    assert all(each == {"type": "prometheus", "uid": "${datasource}"} for each in sources)
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used == set(variables)


def test_panels_have_vietnamese_titles_and_english_descriptions_and_do_not_overlap():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        assert not panel["title"].isascii()
        assert panel["description"].isascii()
    for one, other in itertools.combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@pytest.mark.parametrize(
    "order", [("check", "rules", RULES_FILE.name), ("test", "rules", "lienthong.test.yml")]
)
def test_prometheus_itself_takes_the_rules_and_they_ring_when_they_should(order):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(
            "promtool is not installed (Debian: prometheus); the other tests read the rules themselves"
        )
    ran = subprocess.run(
        [promtool, *order], check=False, cwd=RULES_FILE.parent, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
