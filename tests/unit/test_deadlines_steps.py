"""Deadlines of single steps (R28), and that every rule has its place in the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import gateway.deadlines
from gateway.deadlines.steps import step_standings
from tests.unit.deadline_world import CALENDAR, account, at, classes, step, told

STEPS = (
    step("2026-03-02 09:00", 2),
    step("2026-03-02 14:00", 4, unit="room 3", officer="A", due_at=at("2026-03-03 14:00")),
    step("2026-03-04 10:00", 4, unit="taxes", officer="B", due_at=at("2026-03-06 10:00")),
    step("2026-03-06 15:00", 4, unit="room 3", officer="A", due_at=at("2026-03-12 10:00")),
)


def test_steps_with_a_deadline_are_judged_by_when_the_next_one_begins() -> None:
    found = step_standings(account(1, 4, steps=STEPS), CALENDAR, at("2026-03-09 09:00"))
    assert [
        (each.unit, each.officer, each.ended_at, each.classification.by_date, each.classification.by_instant)
        for each in found
    ] == [
        ("room 3", "A", at("2026-03-04 10:00"), "LATE", "LATE"),
        ("taxes", "B", at("2026-03-06 15:00"), "ON_TIME", "LATE"),
        ("room 3", "A", None, "IN_TIME", "IN_TIME"),
    ]
    assert [(each.lateness.working_days, each.lateness.working_minutes) for each in found] == [
        (1, 360),
        (0, 180),
        (0, 0),
    ]


def test_steps_that_have_not_begun_are_not_judged() -> None:
    found = step_standings(account(1, 4, steps=STEPS), CALENDAR, at("2026-03-03 16:00"))
    assert [(each.unit, each.classification.by_instant) for each in found] == [("room 3", "OVERDUE")]


def test_last_step_of_a_dossier_that_ended_is_over() -> None:
    last = step("2026-03-09 09:00", 9, due_at=at("2026-03-09 08:00"))
    found = step_standings(account(1, 9, steps=(*STEPS, last)), CALENDAR, at("2026-03-30 09:00"))
    assert (found[-1].ended_at, found[-1].classification.by_date) == (at("2026-03-09 09:00"), "ON_TIME")


def test_late_step_makes_no_late_dossier() -> None:
    said = account(1, 4, steps=STEPS)
    bare = msgspec.structs.replace(
        said, steps=tuple(msgspec.structs.replace(each, due_at=None) for each in said.steps)
    )
    (with_deadlines,) = told((said, "2026-03-06 15:01"))
    (without,) = told((bare, "2026-03-06 15:01"))
    assert with_deadlines == without
    assert classes(with_deadlines)[0] == "IN_TIME"


@pytest.mark.parametrize("number", range(1, 29))
def test_every_rule_is_cited_where_it_is_applied(number: int) -> None:
    sources = Path(gateway.deadlines.__file__).parent.glob("*.py")
    cited = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    spans = ((int(first), int(last)) for first, last in re.findall(r"\bR([1-9]\d*)-R?([1-9]\d*)\b", cited))
    assert re.search(rf"\bR{number}\b(?!-)", cited) or any(first <= number <= last for first, last in spans)
