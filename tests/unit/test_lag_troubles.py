"""What stood in the way of a lane: absences, failed attempts, refusals."""

from __future__ import annotations

from typing import Any

from gateway.statussync.lag import Cause
from gateway.statussync.lag_troubles import Rules, troubles
from gateway.storage.lag_evidence import Evidence, Outage, Refusal, Try, Way

RULES = Rules(longest=1800, now=100_000)
WAY = Way(lane_id=1, destination="portal", dossier_code="H99-1", since=0, until=100_000)


def stretches(**record: Any) -> list[tuple[int, int, Cause]]:
    return [(item.began_at, item.ended_at, item.cause) for item in troubles(Evidence(**record), WAY, RULES)]


def outage(began_at: int, ended_at: int | None) -> Outage:
    return Outage(destination="portal", began_at=began_at, ended_at=ended_at, failure="refused")


def attempt(started_at: int, ended_at: int | None, outcome: str | None, code: str = "no_answer") -> Try:
    return Try(started_at=started_at, ended_at=ended_at, outcome=outcome, code=code)


def refusal(at: int, actor: str | None, code: str = "validation") -> Refusal:
    return Refusal(at=at, code=code, actor=actor)


def test_an_absence_is_the_partners_and_lasts_until_now_when_it_goes_on() -> None:
    assert stretches(outages=[outage(5, 9), outage(20, None)]) == [
        (5, 9, Cause.PARTNER),
        (20, 100_000, Cause.PARTNER),
    ]


def test_a_failed_attempt_stands_in_the_way_until_the_next_one() -> None:
    tries = [attempt(10, 20, "deferred"), attempt(50, 60, "in_doubt"), attempt(70, 71, "accepted")]
    assert stretches(tries=tries) == [(10, 50, Cause.PARTNER), (50, 70, Cause.PARTNER)]


def test_a_failed_attempt_excuses_nobody_for_longer_than_the_longest_pause() -> None:
    tries = [attempt(10, 20, "deferred"), attempt(90_000, 90_001, "accepted")]
    assert stretches(tries=tries) == [(10, 20 + 1800, Cause.PARTNER)]


def test_an_attempt_under_way_is_nobodys_fault_yet() -> None:
    assert stretches(tries=[attempt(10, None, None)]) == []


def test_what_our_own_worker_lost_is_nobody_elses_trouble() -> None:
    tries = [attempt(10, 20, "in_doubt", "worker_lost"), attempt(30, 40, "in_doubt", "adapter_defect")]
    assert stretches(tries=tries) == []


def test_what_was_accepted_or_refused_is_no_failed_attempt() -> None:
    tries = [attempt(10, 20, "accepted"), attempt(30, 40, "rejected")]
    assert stretches(tries=tries) == []


def test_who_had_to_act_on_a_refusal_stood_in_the_way_until_the_next_try() -> None:
    tries = [attempt(10, 20, "rejected"), attempt(9_000, 9_001, "accepted")]
    assert stretches(tries=tries, refusals=[refusal(20, "province")]) == [(20, 9_000, Cause.SOURCE)]
    assert stretches(tries=tries, refusals=[refusal(20, "partner")]) == [(20, 9_000, Cause.PARTNER)]


def test_what_our_operators_had_to_do_excuses_no_longer_than_a_failed_attempt() -> None:
    assert stretches(refusals=[refusal(20, "operator")]) == [(20, 20 + 1800, Cause.PARTNER)]
    assert stretches(refusals=[refusal(20, "operator", "adapter_defect")]) == []


def test_a_refusal_that_nobody_has_corrected_lasts_until_now() -> None:
    assert stretches(refusals=[refusal(20, "province")]) == [(20, 100_000, Cause.SOURCE)]
