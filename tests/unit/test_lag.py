"""Whether a partner showed a dossier late although it had ended in time, and through whom (domain_rules R27)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deadlines.instants import to_micros
from gateway.statussync.lag import TARGET, Cause, End, Grain, Shown, Trouble, judge, last_moment, shown
from gateway.statussync.lag_troubles import Rules, troubles
from gateway.storage.lag_evidence import Evidence, Outage, Way

VIETNAM = timezone(timedelta(hours=7))


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """An instant of September 2026 in Viet Nam."""
    return to_micros(datetime(2026, 9, day, hour, minute, second, tzinfo=VIETNAM))


NOW = at(30, 12)
DUE = at(28, 17)


def end(**changes: Any) -> End:
    """Ended at 16:00, heard at 16:01, promised for 17:00."""
    return End(
        **{
            "ended_at": at(28, 16),
            "heard_at": at(28, 16, 1),
            "due_at": DUE,
            "acknowledged_at": at(28, 16, 2),
            **changes,
        }
    )


def trouble(began_at: int, ended_at: int, cause: Cause = Cause.PARTNER) -> Trouble:
    return Trouble(began_at=began_at, ended_at=ended_at, cause=cause)


# due, grain, the last moment that is not late
LAST_MOMENTS = [
    (DUE, Grain.INSTANT, DUE),
    (DUE, Grain.DATE, at(29) - 1),
    (at(28), Grain.DATE, at(29) - 1),
    (at(28), Grain.INSTANT, at(28, 23, 59, 59)),  # R25: 00:00:00 means that day
    (at(28, 23, 59, 59), Grain.DATE, at(29) - 1),
]


@pytest.mark.parametrize(("due", "grain", "expected"), LAST_MOMENTS)
def test_the_last_moment_of_a_promise(due: int, grain: Grain, expected: int) -> None:
    assert last_moment(due, grain) == expected


# what is different from an end that was told in time; by date, by instant
SHOWN: list[tuple[dict[str, Any], Shown, Shown]] = [
    ({}, Shown.IN_TIME, Shown.IN_TIME),
    ({"acknowledged_at": DUE}, Shown.IN_TIME, Shown.IN_TIME),
    ({"acknowledged_at": DUE + 1}, Shown.IN_TIME, Shown.SYNC_LATE),
    ({"acknowledged_at": at(29) - 1}, Shown.IN_TIME, Shown.SYNC_LATE),
    ({"acknowledged_at": at(29)}, Shown.SYNC_LATE, Shown.SYNC_LATE),
    ({"acknowledged_at": None}, Shown.SYNC_LATE, Shown.SYNC_LATE),
    # ended at 17:30 on the day it was due at 17:00: on time by date, late by instant, whoever told it when
    ({"ended_at": at(28, 17, 30), "acknowledged_at": at(28, 17, 31)}, Shown.IN_TIME, Shown.LATE),
    ({"ended_at": at(28, 17, 30), "acknowledged_at": at(29, 8)}, Shown.SYNC_LATE, Shown.LATE),
    ({"ended_at": at(29, 8), "acknowledged_at": at(29, 8, 1)}, Shown.LATE, Shown.LATE),
    ({"ended_at": at(29, 8), "acknowledged_at": None}, Shown.LATE, Shown.LATE),
    ({"due_at": None, "acknowledged_at": at(29)}, Shown.IN_TIME, Shown.IN_TIME),
]


@pytest.mark.parametrize(("changes", "by_date", "by_instant"), SHOWN)
def test_what_the_partner_showed(changes: dict[str, Any], by_date: Shown, by_instant: Shown) -> None:
    told = end(**changes)
    assert shown(told, Grain.DATE, now=NOW) is by_date
    assert shown(told, Grain.INSTANT, now=NOW) is by_instant


def test_what_is_not_acknowledged_is_not_shown_late_before_the_promise_has_passed() -> None:
    told = end(acknowledged_at=None)
    assert shown(told, Grain.INSTANT, now=DUE) is Shown.IN_TIME
    assert shown(told, Grain.INSTANT, now=DUE + 1) is Shown.SYNC_LATE


# heard at, what stood in the way, through whom; told at 08:00 on the next day, by instant
CAUSES: list[tuple[str, int, list[Trouble], Cause]] = [
    ("nothing stood in the way", at(28, 16, 1), [], Cause.GATEWAY),
    ("it reached us after the promise", at(28, 17, 0, 1), [], Cause.SOURCE),
    ("at the very moment, having waited for hours", DUE, [], Cause.SOURCE),
    ("away until after the promise", at(28, 16, 1), [trouble(at(28, 15), at(28, 20))], Cause.PARTNER),
    (
        "away, but back in time for us to tell",
        at(28, 16, 1),
        [trouble(at(28, 15), at(28, 16, 45))],
        Cause.GATEWAY,
    ),
    ("back too late to tell", at(28, 16, 1), [trouble(at(28, 15), at(28, 16, 46))], Cause.PARTNER),
    (
        "away only after we had had our time",
        at(28, 16, 1),
        [trouble(at(28, 16, 16), at(28, 20))],
        Cause.GATEWAY,
    ),
    ("away after the promise alone", at(28, 16, 1), [trouble(at(28, 17), at(28, 20))], Cause.GATEWAY),
    (
        "refused for the province to correct",
        at(28, 16, 1),
        [trouble(at(28, 16, 2), at(28, 19), Cause.SOURCE)],
        Cause.SOURCE,
    ),
    (
        "two absences that overlap count once",
        at(28, 16, 1),
        [trouble(at(28, 16), at(28, 16, 40)), trouble(at(28, 16, 10), at(28, 16, 45))],
        Cause.GATEWAY,
    ),
    (
        "two absences with hardly a pause",
        at(28, 16, 1),
        [trouble(at(28, 16), at(28, 16, 30)), trouble(at(28, 16, 35), at(28, 18))],
        Cause.PARTNER,
    ),
    (
        "little time, used up before we heard",
        at(28, 16, 50),
        [],
        Cause.SOURCE,
    ),
    (
        "little time, and a hiccup is no excuse",
        at(28, 16, 58),
        [trouble(at(28, 16, 58), at(28, 16, 58, 5))],
        Cause.SOURCE,
    ),
]


# ended at, heard at, the gateway's first run, through whom; promised for the 28th at 17:00
STARTS: list[tuple[str, int, int, int, Cause]] = [
    ("all of it before", at(20, 9), at(29, 7), at(29, 6), Cause.BEFORE_START),
    ("no time left for anybody", at(28, 16), at(28, 16, 55), at(28, 16, 50), Cause.BEFORE_START),
    ("the source had its time after the start", at(28, 8), at(28, 18), at(28, 12), Cause.SOURCE),
    ("we had ours", at(28, 8), at(28, 12, 1), at(28, 12), Cause.GATEWAY),
    ("ended after the start, told late", at(28, 16), at(28, 18), at(28, 15, 59), Cause.SOURCE),
    ("heard before the time that counts", at(28, 8), at(28, 8, 1), at(28, 16, 50), Cause.BEFORE_START),
]


@pytest.mark.parametrize(("why", "ended_at", "heard_at", "start", "cause"), STARTS)
def test_time_before_the_start_is_nobodys(
    why: str, ended_at: int, heard_at: int, start: int, cause: Cause
) -> None:
    told = end(ended_at=ended_at, heard_at=heard_at, start=start, acknowledged_at=at(29, 8))
    verdict = judge(told, [], Grain.INSTANT, now=NOW)
    assert (verdict.shown, verdict.cause) == (Shown.SYNC_LATE, cause), why


HOUR = at(28, 9) - at(28, 8)
# when nobody of ours was there, and what is left of the partner's absence from 9:00 to 17:00
DESERTED: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]] = [
    ([], [(9, 17)]),
    ([(7, 8)], [(9, 17)]),
    ([(8, 10)], [(10, 17)]),
    ([(10, 11), (12, 20)], [(9, 10), (11, 12)]),
    ([(8, 20)], []),
    ([(17, 18)], [(9, 17)]),
]


@pytest.mark.parametrize(("deserted", "left"), DESERTED)
def test_nobody_there_nobody_excused(deserted: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    def spans(hours: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(at(28) + begin * HOUR, at(28) + end * HOUR) for begin, end in hours]

    away = Outage(destination="portal", began_at=at(28, 9), ended_at=at(28, 17), failure="refused")
    record = Evidence(outages=[away], deserted=spans(deserted))
    way = Way(lane_id=1, destination="portal", dossier_code="H99-1", since=at(28), until=at(29))
    found = troubles(record, way, Rules(longest=HOUR, now=NOW))
    assert [(each.began_at, each.ended_at) for each in found] == spans(left)


@pytest.mark.parametrize(("why", "heard_at", "troubles", "cause"), CAUSES)
def test_through_whom_it_was_shown_late(
    why: str, heard_at: int, troubles: list[Trouble], cause: Cause
) -> None:
    told = end(heard_at=heard_at, acknowledged_at=at(29, 8))
    verdict = judge(told, troubles, Grain.INSTANT, now=NOW)
    assert (verdict.shown, verdict.cause) == (Shown.SYNC_LATE, cause), why


def test_a_moment_before_the_promise_nobody_but_us_had_the_time() -> None:
    told = end(ended_at=at(28, 16, 58), heard_at=at(28, 16, 59), acknowledged_at=at(28, 17, 1))
    assert judge(told, [], Grain.INSTANT, now=NOW).cause is Cause.GATEWAY


def test_the_cause_by_date_may_be_another_than_by_instant() -> None:
    told = end(acknowledged_at=at(29, 0, 10))
    away = [trouble(at(28, 15), at(28, 20))]
    assert judge(told, away, Grain.INSTANT, now=NOW).cause is Cause.PARTNER
    assert judge(told, away, Grain.DATE, now=NOW).cause is Cause.GATEWAY  # four hours were left of the day


@pytest.mark.parametrize("acknowledged_at", [at(28, 16, 2), None])
def test_what_was_shown_rightly_has_no_cause(acknowledged_at: int | None) -> None:
    late = end(ended_at=at(29, 9), heard_at=at(29, 9), acknowledged_at=acknowledged_at)
    assert judge(late, [], Grain.DATE, now=NOW).cause is None


instants = st.integers(min_value=at(26), max_value=at(30))
stretches = st.builds(
    lambda first, second, cause: trouble(min(first, second), max(first, second), cause),
    instants,
    instants,
    st.sampled_from([Cause.PARTNER, Cause.SOURCE]),
)


@given(
    ended_at=instants,
    delay=st.integers(min_value=0, max_value=at(30) - at(26)),
    due_at=st.none() | instants,
    acknowledged_at=st.none() | instants,
    troubles=st.lists(stretches, max_size=4),
    grain=st.sampled_from(Grain),
)
def test_a_cause_stands_exactly_beside_what_was_wrongly_late(
    *,
    ended_at: int,
    delay: int,
    due_at: int | None,
    acknowledged_at: int | None,
    troubles: list[Trouble],
    grain: Grain,
) -> None:
    told = End(ended_at=ended_at, heard_at=ended_at + delay, due_at=due_at, acknowledged_at=acknowledged_at)
    verdict = judge(told, troubles, grain, now=NOW)
    assert (verdict.cause is None) == (verdict.shown is not Shown.SYNC_LATE)
    if verdict.shown is Shown.SYNC_LATE and due_at is not None:
        free = last_moment(due_at, grain) - told.heard_at
        if not troubles and free >= TARGET:
            assert verdict.cause is Cause.GATEWAY
        if verdict.cause is Cause.PARTNER:
            assert any(each.cause is Cause.PARTNER for each in troubles)


@given(troubles=st.lists(stretches, max_size=4), heard_at=instants)
def test_without_any_trouble_the_partner_is_never_blamed(troubles: list[Trouble], heard_at: int) -> None:
    told = end(ended_at=at(26), heard_at=heard_at, acknowledged_at=None)
    ours = [trouble(each.began_at, each.ended_at, Cause.GATEWAY) for each in troubles]
    assert judge(told, ours, Grain.DATE, now=NOW) == judge(told, [], Grain.DATE, now=NOW)
