"""What a delivery told about the end of a dossier (national_portal §11.2-2, domain_rules §3.2)."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.national_portal.plan import plan
from gateway.codec import canonical
from gateway.deadlines.account import account_of
from gateway.deadlines.instants import to_micros
from gateway.domain.dossier import Dossier, Step
from gateway.domain.status import Status
from gateway.statussync.lag_told import Ended, Heard, ended, told
from tests.unit import portal

RECEIVED, FINISHED, RETURNED, REFUSED = (
    portal.at(15, 8),
    portal.at(23, 15),
    portal.at(24, 9),
    portal.at(16, 9),
)
DUE = portal.at(24, 8, 5)
LATER = to_micros(portal.at(30, 0))


def record(**changes: Any) -> Dossier:
    return portal.dossier(**{"received_at": RECEIVED, "due_at": DUE, "steps": [], **changes})


def history(*versions: Dossier) -> list[Heard]:
    return [Heard(at=number * 1000, account=account_of(each)) for number, each in enumerate(versions, 1)]


def step(status: str, at: Any = FINISHED) -> bytes:
    return canonical.encode({"step": Step(id="s", at=at, status=status)})


def instant_of(payload: bytes, *versions: Dossier) -> Any:
    found = ended(told(payload), history(*versions), by=LATER)
    return None if found is None else found.ended_at


# status of the record, its instants, the end that a snapshot of it tells
SNAPSHOTS: list[tuple[str, dict[str, Any], Any]] = [
    ("finished", {"finished_at": FINISHED}, FINISHED),
    ("returned", {"finished_at": FINISHED, "returned_at": RETURNED}, FINISHED),
    ("returned", {"returned_at": RETURNED}, RETURNED),
    ("withdrawn", {"finished_at": FINISHED}, FINISHED),
    ("stopped", {"finished_at": FINISHED}, FINISHED),
    ("stopped", {}, None),  # a stop without a time is a wait
    ("refused", {"refused_at": REFUSED}, REFUSED),
    ("refused", {"refused_at": REFUSED, "received_at": None}, None),  # never accepted, so not counted
    ("processing", {"finished_at": FINISHED}, None),  # recalled
    ("supplement_requested", {}, None),
]


@pytest.mark.parametrize(("status", "fields", "expected"), SNAPSHOTS)
def test_end_that_a_snapshot_tells(status: str, fields: dict[str, Any], expected: Any) -> None:
    dossier = record(status=status, **fields)
    found = instant_of(canonical.encode(dossier), dossier)
    assert found == (None if expected is None else to_micros(expected))


# status of the step, fields of the record, whether the step tells the end
STEPS: list[tuple[str, dict[str, Any], bool]] = [
    ("finished", {"status": "finished", "finished_at": FINISHED}, True),
    ("withdrawn", {"status": "withdrawn", "finished_at": FINISHED}, True),
    ("returned", {"status": "returned", "returned_at": FINISHED}, True),
    ("returned", {"status": "returned", "finished_at": FINISHED, "returned_at": RETURNED}, False),
    (
        "returned",
        {"status": "returned", "steps": [Step(id="f", at=REFUSED, status="finished")]},
        False,
    ),
    ("stopped", {"status": "stopped", "finished_at": FINISHED}, True),
    ("stopped", {"status": "stopped"}, False),
    ("refused", {"status": "refused", "refused_at": FINISHED}, True),
    ("refused", {"status": "refused", "refused_at": FINISHED, "received_at": None}, False),
    ("processing", {"status": "processing"}, False),
    ("supplement_requested", {"status": "supplement_requested"}, False),
]


@pytest.mark.parametrize(("status", "fields", "tells"), STEPS)
def test_end_that_a_step_tells(status: str, fields: dict[str, Any], tells: bool) -> None:
    found = instant_of(step(status), record(**fields))
    assert found == (to_micros(FINISHED) if tells else None)


@pytest.mark.parametrize("status", Status)
def test_only_what_the_table_calls_an_end_may_be_one(status: Status) -> None:
    assert told(step(status)).may_end is (
        status in {"finished", "returned", "withdrawn", "stopped", "refused"}
    )


def test_the_promise_is_the_one_that_stood_then() -> None:
    versions = [record(), record(version=2, due_at=portal.at(26, 8))]
    payload = step("finished")
    assert ended(told(payload), history(*versions), by=1500) == Ended(
        ended_at=to_micros(FINISHED), due_at=to_micros(DUE), heard_at=None
    )
    latest = ended(told(payload), history(*versions), by=LATER)
    assert latest is not None
    assert latest.due_at == to_micros(portal.at(26, 8))


def test_we_heard_of_an_end_when_a_version_first_had_it() -> None:
    versions = [record(), record(version=2, status="finished", finished_at=FINISHED)]
    corrected = record(version=3, status="finished", finished_at=FINISHED, note="corrected")
    found = ended(told(step("finished")), history(*versions, corrected), by=LATER)
    assert found is not None
    assert found.heard_at == 2000


def test_a_dossier_from_before_its_versions_were_kept_still_has_an_end() -> None:
    snapshot = canonical.encode(record(status="finished", finished_at=FINISHED))
    assert ended(told(snapshot), [], by=LATER) == Ended(
        ended_at=to_micros(FINISHED), due_at=to_micros(DUE), heard_at=None
    )
    bare = ended(told(step("finished")), [], by=LATER)
    assert bare is not None
    assert bare.due_at is None


@pytest.mark.parametrize(
    "payload", [b"", b"nonsense", b"[]", b"{}", b'{"status": 5}', b'{"status": "interoperating"}', b"\xff"]
)
def test_what_is_neither_dossier_nor_step_tells_nothing(payload: bytes) -> None:
    what = told(payload)
    assert not what.snapshot
    assert not what.may_end
    assert ended(what, [], by=LATER) is None


def test_the_portals_own_plan_is_understood() -> None:
    """Snapshot and step 9 of a finished dossier tell the same end; the step of the hand-over tells none."""
    dossier = portal.returned(steps=[])
    deliveries = plan(dossier, portal.settings())
    found = {
        each.key: instant_of(each.payload, dossier)
        for each in deliveries
        if instant_of(each.payload, dossier) is not None
    }
    assert found == {"6": to_micros(FINISHED), "auto:finished": to_micros(FINISHED)}
    assert [told(each.payload).snapshot for each in deliveries] == [True, False, False, False]
