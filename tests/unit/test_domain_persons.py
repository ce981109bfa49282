"""Four eyes: whoever could be the same person is."""

import pytest

from gateway.domain.persons import same_person


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cli:an", "cli:an"),
        ("cli:an", "cli:An"),
        ("cli:an", "ops/an"),
        ("one-door/an", "console/an"),
        ("ops", "ops"),
        ("ops", "ops/an"),
        ("ops/an", "ops"),
        ("OPS/an", "ops/AN"),
    ],
)
def test_who_could_be_the_same_person_does_not_decide(one, other):
    why = same_person(one, other)
    assert "must decide" in why
    assert one in why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cli:an", "cli:binh"),
        ("ops/an", "ops/binh"),
        ("ops", "finance"),
        ("ops", "finance/an"),
        ("cli:an", "ops"),
        ("cli:an", "ops/binh"),
    ],
)
def test_two_people_may(one, other):
    assert same_person(one, other) == ""
