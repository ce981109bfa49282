"""The states of a delivery and the only table of legal moves."""

from itertools import product

import pytest

from gateway.domain.delivery import (
    MOVES,
    OPEN,
    SENDABLE,
    STUCK,
    SUPERSEDABLE,
    DeliveryState,
    LaneState,
    require_move,
)
from gateway.domain.errors import ConflictError

S = DeliveryState
FINAL = {S.DELIVERED, S.SUPERSEDED, S.SKIPPED}


def test_table_has_a_row_for_every_state():
    assert set(MOVES) == set(DeliveryState)
    assert set().union(*MOVES.values()) <= set(DeliveryState)


def test_nothing_leads_to_itself_and_nothing_out_of_a_final_state():
    assert all(state not in targets for state, targets in MOVES.items())
    assert {state for state, targets in MOVES.items() if not targets} == FINAL == set(DeliveryState) - OPEN


@pytest.mark.parametrize(("before", "after"), list(product(DeliveryState, repeat=2)))
def test_every_move_is_allowed_or_refused_by_the_table(before, after):
    if after in MOVES[before]:
        require_move(before, after, delivery="17")
    else:
        with pytest.raises(ConflictError, match=f"delivery 17: cannot go from {before} to {after}"):
            require_move(before, after, delivery="17")


def test_refusal_names_the_legal_moves():
    with pytest.raises(ConflictError, match="legal from here: delivered, parked, rejected, skipped, waiting"):
        require_move(S.IN_DOUBT, S.PENDING, delivery="17")
    with pytest.raises(ConflictError, match="the state is final"):
        require_move(S.DELIVERED, S.PENDING, delivery="17")


def test_what_may_have_reached_the_partner_is_never_simply_sent_again():
    """DESIGN, decision 2: out of a doubt only by an answer, by a person, or by a declared repetition."""
    assert S.IN_FLIGHT not in MOVES[S.IN_DOUBT]
    assert S.PENDING not in MOVES[S.IN_DOUBT]
    assert S.PENDING not in MOVES[S.IN_FLIGHT]
    assert S.SUPERSEDED not in MOVES[S.IN_DOUBT] | MOVES[S.IN_FLIGHT]


def test_only_what_was_never_sent_or_surely_failed_may_be_superseded():
    assert {S.PENDING, S.WAITING, S.REJECTED, S.PARKED} == SUPERSEDABLE == SENDABLE | STUCK
    assert all((S.SUPERSEDED in MOVES[state]) == (state in SUPERSEDABLE) for state in DeliveryState)


def test_only_what_is_sendable_or_asked_about_goes_in_flight():
    assert {state for state, targets in MOVES.items() if S.IN_FLIGHT in targets} == SENDABLE


def test_every_open_state_leads_to_an_end():
    for state in OPEN:
        seen, front = {state}, {state}
        while front:
            front = set().union(*(MOVES[each] for each in front)) - seen
            seen |= front
        assert seen >= {S.DELIVERED, S.SKIPPED}


def test_states_of_a_lane_are_those_of_the_schema():
    assert {state.value for state in LaneState} == {"idle", "ready", "waiting", "leased", "blocked", "held"}
