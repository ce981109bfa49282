"""Announced maintenance as stretches of time, and that it excuses as an absence does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deadlines.instants import MINUTE, to_micros
from gateway.delivery.maintenance import resumes_at
from gateway.settings import DestinationSettings, Maintenance, Settings
from gateway.statussync.lag import Cause
from gateway.statussync.lag_troubles import policy_of, troubles
from gateway.statussync.lag_windows import stretches
from gateway.storage.instants import from_micros
from gateway.storage.lag_evidence import Evidence, Way

VIETNAM = timezone(timedelta(hours=7))


def at(day: int, hour: int, minute: int = 0) -> int:
    """An instant of September 2026 in Viet Nam."""
    return to_micros(datetime(2026, 9, day, hour, minute, tzinfo=VIETNAM))


DAILY = Maintenance(start="12:00", end="13:30")
NIGHTLY = Maintenance(start="22:00", end="02:00")
ONCE = Maintenance(start="2026-09-28T15:00:00+07:00", end="2026-09-29T06:00:00+07:00")

CASES = [
    (DAILY, at(28, 8), at(28, 17), [(at(28, 12), at(28, 13, 30))]),
    (DAILY, at(28, 13), at(29, 12, 30), [(at(28, 12), at(28, 13, 30)), (at(29, 12), at(29, 13, 30))]),
    (DAILY, at(28, 13, 30), at(29, 12), []),
    (NIGHTLY, at(28, 1), at(28, 3), [(at(27, 22), at(28, 2))]),
    (NIGHTLY, at(28, 8), at(28, 23), [(at(28, 22), at(29, 2))]),
    (ONCE, at(28, 8), at(28, 17), [(at(28, 15), at(29, 6))]),
    (ONCE, at(29, 6), at(30, 6), []),
]


@pytest.mark.parametrize(("window", "since", "until", "expected"), CASES)
def test_stretches_of_a_window(
    window: Maintenance, since: int, until: int, expected: list[tuple[int, int]]
) -> None:
    assert stretches([window], since, until) == expected


@given(minute=st.integers(min_value=at(26, 0) // MINUTE, max_value=at(30, 0) // MINUTE))
def test_they_are_the_windows_in_which_nothing_is_sent(minute: int) -> None:
    now = minute * MINUTE
    windows = [DAILY, NIGHTLY, ONCE]
    inside = any(begin <= now < end for begin, end in stretches(windows, at(25, 0), at(30, 23)))
    assert inside == (resumes_at(windows, from_micros(now)) is not None)


def test_announced_maintenance_is_the_partners() -> None:
    settings = Settings(destination={"portal": DestinationSettings(maintenance=[ONCE])})
    rules = policy_of(settings).rules(at(30, 8))
    way = Way(lane_id=1, destination="portal", dossier_code="H99-1", since=at(28, 8), until=at(28, 17))

    (found,) = troubles(Evidence(), way, rules)

    assert (found.began_at, found.ended_at, found.cause) == (at(28, 15), at(29, 6), Cause.PARTNER)
    assert rules.longest == settings.delivery.retry.longest * 1_000_000
    elsewhere = Way(lane_id=1, destination="board", dossier_code="H99-1", since=at(28, 8), until=at(28, 17))
    assert troubles(Evidence(), elsewhere, rules) == []
