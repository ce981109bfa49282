"""Drift as metrics, read from the tables on both engines."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from gateway.statussync.drift_gauges import DriftGauges
from gateway.storage.drift import Findings, Found, record_findings
from gateway.storage.drift_figures import last_pass
from gateway.storage.instants import to_micros
from gateway.storage.sql import insert
from tests.storage.builders import NOW, PORTAL, later

_RUN = insert(
    "job_run",
    ("id", "job", "trigger", "actor", "dry_run", "parameters", "state", "started_at", "ended_at", "summary"),
)
SUMMARY = {
    "looked": 90,
    "in_step": 87,
    "differing": 3,
    "found": {"END_MISSING": 2, "DUE_DIFFERS": 1},
    "more": 1,
}


async def record(database: Any, *kinds: str, dossier: str = "H99-1") -> None:
    found = tuple(Found(kind=kind, field="/due_at", ours="1", theirs="2", repair=None) for kind in kinds)
    item = Findings(run=1, destination=PORTAL, dossier=dossier, now=to_micros(NOW), found=found)
    await database.apply(record_findings, item)


async def ended(database: Any, number: int, **changes: Any) -> None:
    row = {
        "id": number,
        "job": "drift",
        "trigger": "schedule",
        "actor": "schedule",
        "dry_run": False,
        "parameters": "{}",
        "state": "done",
        "started_at": to_micros(NOW),
        "ended_at": to_micros(later(minutes=number)),
        "summary": msgspec.json.encode(SUMMARY).decode(),
    }
    await database.write(functools.partial(_insert, row={**row, **changes}))


def _insert(transaction: Any, row: dict[str, Any]) -> None:
    transaction.run(_RUN, row)


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"lienthong_drift_{name}", labels)


async def test_differences_are_shown_by_class_and_state_and_read_zero_when_gone(database: Any) -> None:
    gauges = DriftGauges(database, [PORTAL])
    await record(database, "DUE_DIFFERS", "END_MISSING")
    await record(database, "DUE_DIFFERS", dossier="H99-2")
    await gauges.refresh()
    assert shown("differences", destination=PORTAL, kind="DUE_DIFFERS", state="open") == 2
    assert shown("differences", destination=PORTAL, kind="END_MISSING", state="open") == 1
    assert shown("differences", destination=PORTAL, kind="END_MISSING", state="repairing") == 0

    await record(database)
    await gauges.refresh()
    assert shown("differences", destination=PORTAL, kind="DUE_DIFFERS", state="open") == 1
    assert shown("differences", destination=PORTAL, kind="END_MISSING", state="open") == 0


async def test_the_last_whole_pass_is_shown(database: Any) -> None:
    gauges = DriftGauges(database, [PORTAL])
    assert database.ask(last_pass) is None
    await gauges.refresh()

    await ended(database, 1)
    await gauges.refresh()

    assert shown("last_pass_timestamp_seconds") == later(minutes=1).timestamp()
    assert [shown("dossiers", result=each) for each in ("looked", "in_step", "differing")] == [90, 87, 3]
    assert [shown("found", kind=each) for each in ("END_MISSING", "DUE_DIFFERS", "UNKNOWN_HERE")] == [2, 1, 0]


@pytest.mark.parametrize(
    "changes",
    [{"dry_run": True}, {"state": "failed"}, {"parameters": '{"dossier": "H99-1"}'}, {"job": "tidy"}],
)
async def test_other_runs_are_no_pass(database: Any, changes: dict[str, Any]) -> None:
    await ended(database, 1)
    await ended(database, 2, **changes)

    found = database.ask(last_pass)

    assert found is not None
    assert found.ended_at == later(minutes=1)
