"""The ten states of a dossier and which may follow which (domain_rules §4.1, §4.3)."""

from itertools import product
from typing import get_args

import pytest

from gateway.domain.status import MOVES, Status, Verdict, judge_move

# domain_rules §4.3, written out a second time from the contract: from, then the targets by number
ALLOWED = {
    None: {1, 2},
    1: {2, 3, 5, 6, 7},
    2: {4, 5, 6, 7, 8, 9},
    3: set(),
    4: {5, 6, 7, 8, 9},
    5: {1, 2, 3, 4, 7, 8},
    6: {1, 2, 4, 7, 8, 9},
    7: set(),
    8: {4, 7, 9},
    9: {6, 10},
    10: set(),
}
FLAGGED = {
    None: {3, 4, 9, 10},
    1: {4, 9},
    2: {3, 10},
    3: {1, 2},
    4: {2, 10},
    5: {6, 9},
    6: {5, 10},
    7: {2, 4, 9},
    8: {2, 5, 6},
    9: {4, 5, 7},
    10: {4, 9},
}


def test_states_have_the_national_numbers_in_order():
    assert [status.national for status in Status] == list(range(1, 11))


def test_table_is_total():
    assert set(MOVES) == set(product([None, *Status], Status))
    assert set(MOVES.values()) == set(get_args(Verdict))


@pytest.mark.parametrize("before", [None, *Status])
@pytest.mark.parametrize(("verdict", "table"), [("allowed", ALLOWED), ("flagged", FLAGGED)])
def test_moves_are_those_of_the_contract(before, verdict, table):
    targets = {status.national for status in Status if judge_move(before, status) == verdict}

    assert targets == table[None if before is None else before.national]


@pytest.mark.parametrize("status", list(Status))
def test_same_state_again_is_the_same_and_nothing_else_is(status):
    assert judge_move(status, status) == "same"
    assert [other for other in Status if judge_move(status, other) == "same"] == [status]


def test_nothing_is_the_same_as_unknown():
    assert "same" not in {judge_move(None, status) for status in Status}
