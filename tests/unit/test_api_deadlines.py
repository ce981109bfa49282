"""Deadlines over HTTP: explained, and listed when they may be shown wrong."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest

from gateway.statussync.assessor import Assessor
from gateway.storage.clients import Scope
from tests.api_world import open_world, violations


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


async def judged(world: Any, code: str, version: int = 1, **fields: Any) -> None:
    await world.put(code, version, **fields)
    assessor = Assessor(world.gateway.deadlines, lambda: 0)
    while await assessor.run_once():
        pass


def times(world: Any, *, hours_left: float) -> dict[str, Any]:
    """Received two days ago, due in so many hours."""
    now = world.api.now
    return {
        "received_at": (now - timedelta(days=2)).isoformat(),
        "due_at": (now + timedelta(hours=hours_left)).isoformat(),
        "steps": [],
    }


async def test_deadline_is_explained(world):
    await judged(world, "H99-1")

    answer = await world.call("GET", "/v1/dossiers/H99-1/deadline")

    assert answer.status_code == 200
    found = answer.json()
    assert found["classes"]["by_date"] == "OVERDUE"
    assert found["classes"]["sentence"] == "Đang giải quyết, đã quá hạn."
    assert found["dues"]["holds"] == "2026-09-30T17:00:00+07:00"
    assert found["claims"][0]["message"].isdigit()
    assert [each["destination"] for each in found["destinations"]] == ["board"]
    assert found["rule_version"]
    assert found["calendar_version"]


async def test_deadline_of_an_unknown_dossier_is_not_found(world):
    answer = await world.call("GET", "/v1/dossiers/H99-nobody/deadline")

    assert answer.status_code == 404
    assert "H99-nobody" in answer.json()["detail"]


async def finished_unheard(world: Any, code: str, *, hours_left: float = 1) -> None:
    """In time here, and the board does not answer (no worker runs)."""
    about = times(world, hours_left=hours_left)
    await judged(world, code, **about)
    ended = (world.api.now - timedelta(minutes=1)).isoformat()
    await judged(world, code, 2, **about, status="finished", finished_at=ended)


async def test_dossiers_at_risk_are_listed_nearest_promise_first(world):
    for code, hours in (("H99-2", 200.0), ("H99-3", -0.01), ("H99-1", 0.02)):
        await finished_unheard(world, code, hours_left=hours)

    near = (await world.call("GET", "/v1/dossiers/at-risk")).json()
    everything = (await world.call("GET", "/v1/dossiers/at-risk?upcoming=true")).json()

    assert [item["dossier"] for item in near["items"]] == ["H99-3", "H99-1"]
    assert [item["over"] for item in near["items"]] == [True, False]
    assert [item["dossier"] for item in everything["items"]] == ["H99-3", "H99-1", "H99-2"]
    assert near["items"][0]["risks"] == [
        {
            "destination": "board",
            "reason": "end_not_acknowledged",
            "acknowledged_status": None,
            "acknowledged_version": None,
        }
    ]


async def test_pages_of_the_list_hang_together(world):
    for number in range(5):
        await finished_unheard(world, f"H99-{number}", hours_left=0.01)

    seen, path = [], "/v1/dossiers/at-risk?limit=2"
    while True:
        page = (await world.call("GET", path)).json()
        seen += [item["dossier"] for item in page["items"]]
        if page["next"] is None:
            break
        path = f"/v1/dossiers/at-risk?limit=2&cursor={page['next']}"

    assert sorted(seen) == [f"H99-{number}" for number in range(5)]
    assert len(seen) == len(set(seen))


async def test_list_of_a_destination_that_there_is_not_is_not_found(world):
    assert (await world.call("GET", "/v1/dossiers/at-risk?destination=nowhere")).status_code == 404
    assert (await world.call("GET", "/v1/dossiers/at-risk?destination=board")).status_code == 200


async def test_cursor_of_another_list_is_refused(world):
    answer = await world.call("GET", "/v1/dossiers/at-risk?cursor=WyJ4Il0")

    assert answer.status_code == 422
    assert violations(answer) == {"/query/cursor": "cursor"}


@pytest.mark.parametrize("path", ["/v1/dossiers/at-risk", "/v1/dossiers/H99-1/deadline"])
async def test_deadlines_need_the_right_to_read_dossiers(world, path):
    await world.add_client("poor", Scope.DELIVERIES_READ)

    assert (await world.call("GET", path, client="poor")).status_code == 403
    assert (await world.call("GET", path, client=None)).status_code == 401


async def test_running_gateway_judges_what_comes_in_and_calms_what_is_told(world):
    """The whole way: handed over, judged by the worker's task, delivered, no risk left."""
    worker = asyncio.create_task(world.gateway.worker.run())
    try:
        await world.put("H99-1", **times(world, hours_left=1))
        ended = (world.api.now - timedelta(minutes=1)).isoformat()
        await world.put("H99-1", 2, **times(world, hours_left=1), status="finished", finished_at=ended)
        async with asyncio.timeout(30):
            while True:
                found = (await world.call("GET", "/v1/dossiers/H99-1/deadline")).json()
                [board] = found["destinations"]
                if found["classes"] and board["acknowledged_version"] == 2 and board["complete"]:
                    break
                await asyncio.sleep(0.05)
    finally:
        world.gateway.worker.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await worker

    assert found["classes"]["by_date"] in {"EARLY", "ON_TIME"}
    assert board["shows_by_date"] == found["classes"]["by_date"]
    assert (board["risk"], board["differs"]) == (None, False)
    assert (await world.call("GET", "/v1/dossiers/at-risk?upcoming=true")).json()["items"] == []
