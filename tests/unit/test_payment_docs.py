"""docs/payments.md leaves nothing out: every state, every event, every class of evidence has its row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.domain.payment import MOVES, AttemptState, RequestState
from gateway.storage.payment_orders import DecisionKind

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/payments.md").read_text(encoding="utf-8")
# what people did stands in the operator log under such words, and is no event
EVENT = re.compile(r"(payment|land)\.[a-z_]+")
ACTIONS = re.compile(r"payment\.(approve|decline|propose|cancel|refund|ask_again|settle|adopt)$")


def section(heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    return re.split(rf"\n#{{2,{level}}} ", PAGE.split(f"\n{heading}\n", 1)[1])[0]


def first_cells(text: str) -> set[str]:
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def kinds() -> Iterator[str]:
    """Names of events about money in the code, wherever they are written down."""
    for path in (ROOT / "gateway").rglob("*.py"):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            told = node.value if isinstance(node, ast.Constant) else None
            if isinstance(told, str) and EVENT.fullmatch(told) and not ACTIONS.match(told):
                yield told


def test_every_event_has_a_row_and_no_row_is_stale():
    assert first_cells(section("## Events")) == set(kinds())


def test_every_state_has_a_row():
    assert first_cells(section("### States of a request")) == set(RequestState)
    assert first_cells(section("### States of an attempt")) == set(AttemptState)


def test_rows_of_states_name_what_they_may_become():
    text = section("### States of an attempt")
    by_evidence = {"paid", "duplicate_paid", "quarantined"}
    for line in text.splitlines():
        if not line.startswith("| `"):
            continue
        cells = line.split("|")
        states = re.findall(r"`([^`]+)`", cells[1])
        if "any of those below" in cells[4]:
            continue
        told = set(re.findall(r"`([^`]+)`", cells[4])) | (by_evidence if "evidence" in cells[4] else set())
        for state in states:
            assert told == set(MOVES[AttemptState(state)]), state


def test_every_decision_of_two_people_is_told():
    told = set(re.findall(r"payments propose (\w+)`", section("## Two people")))
    assert told == set(DecisionKind.__args__)
