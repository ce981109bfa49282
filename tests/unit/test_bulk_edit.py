"""Times that one source rewrote in bulk (domain_rules §4.4), against an independent look at every stretch of time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deadlines.bulk_edit import BulkLimits, Edit, bulk_edits
from gateway.settings import DeadlineSettings
from gateway.statussync.rules import load_rules


def edits(*parts: tuple[int, str], source: str = "one-door", first: int = 0) -> list[Edit]:
    return [
        Edit(id=first + place, at=at, source=source, dossier=dossier)
        for place, (at, dossier) in enumerate(parts)
    ]


LIMITS = BulkLimits(dossiers=3, within=10)
CASES: list[tuple[str, list[Edit], list[int]]] = [
    ("nothing", [], []),
    ("too few", edits((0, "a"), (0, "b")), []),
    ("the same second", edits((5, "a"), (5, "b"), (5, "c")), [0, 1, 2]),
    ("just within", edits((0, "a"), (5, "b"), (10, "c")), [0, 1, 2]),
    ("just beyond", edits((0, "a"), (5, "b"), (11, "c")), []),
    ("one dossier often is not many", edits((0, "a"), (1, "a"), (2, "a"), (3, "b")), []),
    ("a chain of stretches", edits((0, "a"), (5, "b"), (10, "c"), (15, "d"), (40, "e")), [0, 1, 2, 3]),
    (
        "two sources are not one",
        [*edits((0, "a"), (1, "b")), *edits((0, "c"), (1, "d"), source="land office", first=2)],
        [],
    ),
]


@pytest.mark.parametrize(("why", "given_edits", "expected"), CASES)
def test_what_is_a_bulk(why: str, given_edits: list[Edit], expected: list[int]) -> None:
    assert [edit.id for edit in bulk_edits(given_edits, LIMITS)] == expected, why


def by_hand(every: Sequence[Edit], limits: BulkLimits) -> set[int]:
    """Every edit for which some stretch that begins with an edit holds enough dossiers of its source."""
    found: set[int] = set()
    for beginning in every:
        inside = [
            edit
            for edit in every
            if edit.source == beginning.source and 0 <= edit.at - beginning.at <= limits.within
        ]
        if len({edit.dossier for edit in inside}) >= limits.dossiers:
            found |= {edit.id for edit in inside}
    return found


@st.composite
def stories(draw: st.DrawFn) -> list[Edit]:
    rows = draw(
        st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ab"), st.integers(0, 9)), max_size=40)
    )
    return [
        Edit(id=place, at=at, source=source, dossier=str(dossier))
        for place, (at, source, dossier) in enumerate(rows)
    ]


@given(stories(), st.integers(2, 6), st.integers(0, 30))
def test_a_window_that_moves_finds_what_every_stretch_shows(
    story: list[Edit], dossiers: int, within: int
) -> None:
    limits = BulkLimits(dossiers=dossiers, within=within)
    found = [edit.id for edit in bulk_edits(story, limits)]
    assert len(found) == len(set(found))
    assert set(found) == by_hand(story, limits)


@given(stories(), st.randoms())
def test_the_order_in_which_they_are_read_means_nothing(story: list[Edit], chance: object) -> None:
    shuffled = list(story)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {edit.id for edit in bulk_edits(shuffled, LIMITS)} == {
        edit.id for edit in bulk_edits(story, LIMITS)
    }


def test_the_limits_are_settings() -> None:
    rules = load_rules(DeadlineSettings(bulk_edit_dossiers=7, bulk_edit_seconds=2.5))
    assert rules.bulk == BulkLimits(dossiers=7, within=2_500_000)
