"""The example dossiers: reproducible, consistent from version to version, plausible, in order of time."""

import re
from collections import defaultdict
from datetime import datetime
from itertools import pairwise

from examples import contents, generate
from examples.worktime import (
    VIETNAM,
    is_working_time,
)
from gateway.domain.dossier import Dossier
from gateway.domain.plausibility import implausible
from gateway.domain.status import Status, judge_move
from tests.unit.example_files import COUNTS, LINES, NEWEST, README, RECORDS, TODAY

FIRST = datetime(2026, 1, 5, 0, 0, tzinfo=VIETNAM)
LAST = datetime(2026, 10, 30, 17, 0, tzinfo=VIETNAM)
LAST_PROMISE = datetime(2026, 12, 31, 0, 0, tzinfo=VIETNAM)


def histories() -> dict[str, list[Dossier]]:
    found: dict[str, list[Dossier]] = defaultdict(list)
    for dossier in RECORDS:
        found[dossier.code].append(dossier)
    return found


def test_committed_file_is_what_the_generator_writes() -> None:
    assert generate.lines() == LINES


def test_another_seed_gives_another_file() -> None:
    assert generate.lines(seed=1) != LINES


def test_readme_shows_the_counts_of_the_file() -> None:
    assert contents.table(LINES) in README.read_text(encoding="utf-8")


def test_sizes_are_as_promised() -> None:
    assert COUNTS["dossiers"] >= 520
    assert COUNTS["steps"] >= 4200
    assert COUNTS["bytes"] == generate.TARGET.stat().st_size < 6_000_000
    assert 0.55 <= COUNTS["dossiers in 2 to 4 versions"] / COUNTS["dossiers"] <= 0.65
    assert {len(versions) for versions in histories().values()} == {1, 2, 3, 4}


def test_every_record_is_plausible_after_translation() -> None:
    found = {dossier.code: implausible(dossier, now=TODAY) for dossier in RECORDS}
    assert not [code for code, violations in found.items() if violations]


def test_lines_arrive_in_order_of_time_with_dossiers_interleaved() -> None:
    arrivals = [dossier.steps[-1].at for dossier in RECORDS]
    assert arrivals == sorted(arrivals)
    neighbours = sum(one.code == other.code for one, other in pairwise(RECORDS))
    assert neighbours < len(RECORDS) / 10


def test_versions_grow_and_only_append_later_steps() -> None:
    for code, versions in histories().items():
        for earlier, later in pairwise(versions):
            assert later.version > earlier.version, code
            assert len(later.steps) > len(earlier.steps), code
            assert later.steps[: len(earlier.steps)] == earlier.steps, code


def test_earlier_versions_know_nothing_of_what_came_later() -> None:
    for dossier in RECORDS:
        last = dossier.steps[-1].at
        known = [
            *(dossier.received_at, dossier.finished_at, dossier.returned_at, dossier.refused_at),
            *(fee.paid_at for fee in dossier.fees),
            *(s.requested_at for s in dossier.supplements),
            *(s.received_at for s in dossier.supplements),
            *(r.issued_at for r in dossier.reappointments),
        ]
        assert all(instant <= last for instant in known if instant), dossier.code
        assert bool(dossier.results) == (dossier.status in {Status.FINISHED, Status.RETURNED}), dossier.code
        assert not dossier.due_at or dossier.received_at, dossier.code


def test_the_promise_moves_only_with_a_supplement_or_a_paper() -> None:
    for code, versions in histories().items():
        for earlier, later in pairwise(versions):
            moves = {s.new_due_at for s in later.supplements} | {r.new_due_at for r in later.reappointments}
            if earlier.received_at and earlier.due_at != later.due_at:
                assert later.due_at in moves, code


def test_step_ids_are_unique_and_step_times_strictly_increase() -> None:
    for dossier in NEWEST:
        assert len({step.id for step in dossier.steps}) == len(dossier.steps), dossier.code
        assert all(one.at < other.at for one, other in pairwise(dossier.steps)), dossier.code


def test_every_move_is_legal_and_the_state_is_that_of_the_last_step() -> None:
    for dossier in NEWEST:
        states = [None, *(Status(step.status) for step in dossier.steps)]
        verdicts = {judge_move(before, after) for before, after in pairwise(states) if after}
        assert "impossible" not in verdicts, dossier.code
        assert dossier.status == states[-1], dossier.code


def test_every_national_event_has_its_step() -> None:
    for dossier in NEWEST:
        taken = {(step.status, step.at) for step in dossier.steps}
        expected = [
            (Status.RECEIVED, dossier.received_at),
            (Status.REFUSED, dossier.refused_at),
            (Status.RETURNED, dossier.returned_at),
            *((Status.SUPPLEMENT_REQUESTED, s.requested_at) for s in dossier.supplements),
            *((Status.PROCESSING, s.received_at) for s in dossier.supplements),
        ]
        if dossier.status in {Status.FINISHED, Status.RETURNED}:
            expected.append((Status.FINISHED, dossier.finished_at))
        assert {pair for pair in expected if pair[1]} <= taken, dossier.code
        asked = sum(step.status == Status.SUPPLEMENT_REQUESTED for step in dossier.steps)
        assert asked == len(dossier.supplements), dossier.code


def test_instants_are_vietnamese_and_inside_the_ten_months() -> None:
    for line in LINES:
        instants = re.findall(rb'"(20\d\d-\d\d-\d\dT[^"]+)"', line)
        assert instants
        assert all(instant.endswith(b"+07:00") for instant in instants)
    for dossier in NEWEST:
        events = [dossier.submitted_at, *(step.at for step in dossier.steps)]
        assert all(FIRST <= instant <= LAST for instant in events if instant), dossier.code
        assert dossier.due_at is None or FIRST <= dossier.due_at < LAST_PROMISE, dossier.code


def test_offices_work_in_office_hours_and_citizens_file_at_any_hour() -> None:
    steps = [step for dossier in NEWEST for step in dossier.steps]
    inside = [is_working_time(step.at.astimezone(VIETNAM)) for step in steps if step.status != "registered"]
    assert all(inside)
    filed = [is_working_time(step.at.astimezone(VIETNAM)) for step in steps if step.status == "registered"]
    assert 10 < filed.count(False) < len(filed) / 2


def test_records_are_small_enough_for_one_call() -> None:
    assert max(map(len, LINES)) < 64_000
