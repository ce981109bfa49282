"""Names of attempts (payment_platform §5.1, fields 4 and 13; §13 pitfalls 4 and 5)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.payment_platform.naming import CHANCE_BITS, name_attempt

NOW = datetime(2026, 9, 28, 7, 30, 15, tzinfo=UTC)
CHANCES = st.integers(0, 2**CHANCE_BITS - 1)


@given(CHANCES)
def test_twenty_letters_and_digits_that_every_source_takes(chance):
    assert re.fullmatch(r"PG260928[0-9A-HJKMNP-TV-Z]{12}", name_attempt(NOW, chance).reference)


@given(CHANCES, CHANCES)
def test_different_chance_gives_different_references(one, other):
    assert (one == other) == (name_attempt(NOW, one).reference == name_attempt(NOW, other).reference)


def test_the_clock_has_twenty_four_hours_and_stands_in_vietnam():
    assert name_attempt(NOW, 0).asked_at == "20260928143015"
    assert name_attempt(NOW + timedelta(hours=12), 0).asked_at == "20260929023015"


def test_the_day_in_front_is_the_one_of_the_time():
    late = name_attempt(datetime(2026, 9, 28, 17, 0, tzinfo=UTC), 0)
    assert (late.reference[2:8], late.asked_at[2:8]) == ("260929", "260929")


@pytest.mark.parametrize("chance", [-1, 2**CHANCE_BITS])
def test_chance_that_does_not_fit_is_refused(chance):
    with pytest.raises(ValueError, match="bits of chance"):
        name_attempt(NOW, chance)
