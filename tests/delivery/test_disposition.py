"""What an outcome makes of a delivery: a table over every outcome and every kind of operation, and its properties."""

from datetime import timedelta
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery import disposition
from gateway.delivery.disposition import (
    LONGEST_PAUSE_SECONDS,
    MAX_REASON,
    Circumstances,
    after_asking,
    after_sending,
    ask_again,
    honoured,
)
from gateway.delivery.maintenance import require_windows, resumes_at
from gateway.delivery.report import _TOLD, acknowledgement, events_of
from gateway.delivery.retry import back_off, exhausted
from gateway.delivery.turn import Turn
from gateway.domain.delivery import MOVES, Delivery, DeliveryState
from gateway.domain.errors import ConfigurationError
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.port import Operation, OperationKind
from gateway.settings import Maintenance, RetrySettings
from gateway.storage.lanes import QueuedDelivery
from tests.delivery.conftest import START, Engine

S = DeliveryState
SETTINGS = RetrySettings(jitter=0.0)
FLAGS = list(product([False, True], repeat=2))


def operation(*, repeatable=False, queryable=False, kind=OperationKind.EVENT):
    return Operation(
        name="step", kind=kind, title="t", source="s", repeatable=repeatable, queryable=queryable
    )


def queued(state=S.IN_FLIGHT, *, attempts=1, doubts=0, age=timedelta(), retried=None):
    delivery = Delivery(
        id=7,
        lane=1,
        destination="portal",
        dossier="H99-a",
        operation="step",
        key="1",
        position=1,
        payload=b'{"status":"received","version":3}',
        attempts=attempts,
        state=state,
        created_at=START - age,
        retried_at=None if retried is None else START - retried,
    )
    return QueuedDelivery(delivery=delivery, doubts=doubts, due_at=None)


def case(op=None, *, immediate=0, settings=SETTINGS, chance=lambda: 0.5):
    return Circumstances(
        settings=settings, operation=op or operation(), now=START, chance=chance, immediate=immediate
    )


OUTCOMES = [
    Accepted(receipt="R-1"),
    Rejected(code="R07", reason="wrong", actor=Actor.PROVINCE),
    Rejected(code="R08", reason="ours", actor=Actor.OPERATOR),
    Deferred(code="D01", reason="busy"),
    Deferred(code="D02", reason="busy", retry_after=30.0),
    Deferred(code="D03", reason="flip", retry_after=0),
    InDoubt(code="I01", reason="unclear"),
    InDoubt(code="batch_refused", reason="one of them"),
    InDoubt(code="I02", reason="expired", ask_again=True, renew=("session",)),
]
OLD = timedelta(seconds=SETTINGS.give_up_after + 1)


def name(outcome):
    return f"{type(outcome).__name__}-{getattr(outcome, 'code', '')}"


def test_every_kind_of_outcome_is_tried():
    assert {type(outcome) for outcome in OUTCOMES} == set(Outcome.__args__)


# after sending: (repeatable, queryable) to state and seconds to wait (None: nobody waits)

SENT = {
    "Accepted-": dict.fromkeys(FLAGS, (S.DELIVERED, None)),
    "Rejected-R07": dict.fromkeys(FLAGS, (S.REJECTED, None)),
    "Rejected-R08": dict.fromkeys(FLAGS, (S.REJECTED, None)),
    "Deferred-D01": dict.fromkeys(FLAGS, (S.WAITING, 4.0)),
    "Deferred-D02": dict.fromkeys(FLAGS, (S.WAITING, 30.0)),
    "Deferred-D03": dict.fromkeys(FLAGS, (S.WAITING, 0.0)),
    "InDoubt-I01": {
        (False, False): (S.IN_DOUBT, None),
        (True, False): (S.WAITING, 2.0),
        (False, True): (S.IN_DOUBT, 2.0),
        (True, True): (S.IN_DOUBT, 2.0),
    },
}
SENT["InDoubt-I02"] = SENT["InDoubt-I01"]
SENT["InDoubt-batch_refused"] = {
    **SENT["InDoubt-I01"],
    (False, True): (S.IN_DOUBT, 0.0),
    (True, True): (S.IN_DOUBT, 0.0),
}


def waits(result):
    return None if result.due_at is None else (result.due_at - START).total_seconds()


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("outcome", OUTCOMES, ids=name)
def test_table_after_sending_is_total_and_right(outcome, flags):
    repeatable, queryable = flags
    result = after_sending(queued(), outcome, case(operation(repeatable=repeatable, queryable=queryable)))

    assert (result.state, waits(result)) == SENT[name(outcome)][flags]
    assert result.delivery == 7
    assert result.doubted == isinstance(outcome, InDoubt)


# after asking

ASKED = {
    "Accepted-": dict.fromkeys(FLAGS, (S.DELIVERED, None)),
    "Rejected-R07": dict.fromkeys(FLAGS, (S.REJECTED, None)),
    "Rejected-R08": dict.fromkeys(FLAGS, (S.REJECTED, None)),
    **{f"Deferred-D0{number}": dict.fromkeys(FLAGS, (S.WAITING, 0.0)) for number in (1, 2, 3)},
    **{
        f"InDoubt-{code}": {
            (False, False): (S.IN_DOUBT, None),
            (True, False): (S.WAITING, 2.0),
            (False, True): (S.IN_DOUBT, None),
            (True, True): (S.WAITING, 2.0),
        }
        for code in ("I01", "I02", "batch_refused")
    },
}


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("outcome", OUTCOMES, ids=name)
def test_table_after_asking_is_total_and_right(outcome, flags):
    repeatable, queryable = flags
    result = after_asking(
        queued(S.IN_DOUBT, doubts=1), outcome, case(operation(repeatable=repeatable, queryable=queryable))
    )

    assert (result.state, waits(result)) == ASKED[name(outcome)][flags]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=name)
def test_question_without_an_answer_never_ends_the_doubt(outcome):
    for doubts in (1, 5, 50):
        result = ask_again(queued(S.IN_DOUBT, doubts=doubts), outcome, case())
        assert result.state is S.IN_DOUBT
        assert result.due_at is not None
        assert result.doubted

    late = ask_again(queued(S.IN_DOUBT, doubts=3, age=OLD), outcome, case())
    assert (late.state, late.due_at, late.actor) == (S.IN_DOUBT, None, Actor.OPERATOR)


def test_renewed_session_is_used_at_once_but_not_for_ever():
    outcome = InDoubt(code="session", reason="expired", ask_again=True, renew=("session",))

    assert waits(ask_again(queued(S.IN_DOUBT, doubts=1), outcome, case())) == 0.0
    assert waits(ask_again(queued(S.IN_DOUBT, doubts=1), outcome, case(immediate=3))) == 2.0


@pytest.mark.parametrize("before", [S.PENDING, S.WAITING, S.IN_FLIGHT])
@pytest.mark.parametrize("age", [timedelta(), OLD])
@pytest.mark.parametrize("outcome", OUTCOMES, ids=name)
def test_every_result_is_a_legal_move(outcome, age, before):
    for repeatable, queryable in FLAGS:
        kind = operation(repeatable=repeatable, queryable=queryable)
        if before is S.IN_FLIGHT:
            sent = after_sending(queued(age=age), outcome, case(kind))
            assert sent.state in MOVES[S.IN_FLIGHT]
        asked = after_asking(queued(S.IN_DOUBT, age=age), outcome, case(kind))
        assert asked.state in MOVES[S.IN_DOUBT] | {S.IN_DOUBT}
    if isinstance(outcome, Rejected | Deferred):  # what may end a turn in which nothing was sent
        assert after_sending(queued(before, age=age), outcome, case()).state in MOVES[before] | {before}


def test_delivery_that_waited_too_long_is_parked_for_an_operator():
    result = after_sending(queued(age=OLD), Deferred(code="D01", reason="busy"), case())

    assert (result.state, result.due_at, result.actor) == (S.PARKED, None, Actor.OPERATOR)


def test_patience_counts_from_the_retry():
    busy, asked = Deferred(code="D01", reason="busy"), InDoubt(code="timeout", reason="no answer")
    lately = queued(age=OLD, retried=timedelta(hours=1))
    long_ago = queued(age=2 * OLD, retried=OLD)

    assert after_sending(lately, busy, case()).state is S.WAITING
    assert ask_again(lately, asked, case()).due_at is not None
    assert after_sending(long_ago, busy, case()).state is S.PARKED
    assert ask_again(long_ago, asked, case()).due_at is None


def test_quick_second_tries_are_counted():
    flip = Deferred(code="flip", reason="exists", retry_after=0)

    assert waits(after_sending(queued(), flip, case(immediate=2))) == 0.0
    assert waits(after_sending(queued(), flip, case(immediate=3))) == 4.0


def test_partner_that_keeps_swallowing_a_delivery_gets_it_with_growing_pauses():
    absent = Deferred(code="absent", reason="not here")

    assert waits(after_asking(queued(S.IN_DOUBT, attempts=3), absent, case())) == 0.0
    assert waits(after_asking(queued(S.IN_DOUBT, attempts=4), absent, case())) == 16.0


def test_partner_that_swallows_a_delivery_for_ever_is_shown_to_an_operator():
    absent = Deferred(code="absent", reason="not here")
    rounds = SETTINGS.rounds

    last = after_asking(queued(S.IN_DOUBT, attempts=rounds - 1, doubts=rounds - 1), absent, case())
    parked = after_asking(queued(S.IN_DOUBT, attempts=rounds, doubts=rounds), absent, case())

    assert last.state is S.WAITING
    assert (parked.state, parked.due_at, parked.code) == (S.PARKED, None, "swallowed")
    assert parked.actor is Actor.OPERATOR
    assert f"sent {rounds} times" in parked.reason


@pytest.mark.parametrize(("attempts", "doubts"), [(1, 500), (500, 1)])
def test_neither_an_outage_nor_refusals_for_the_moment_count_as_swallowing(attempts, doubts):
    """Questions that nobody answered are no rounds, and neither are sends that were put off in so many words."""
    absent = Deferred(code="absent", reason="not here")

    result = after_asking(queued(S.IN_DOUBT, attempts=attempts, doubts=doubts), absent, case())

    assert result.state is S.WAITING


def test_repeatable_operation_that_cannot_be_asked_about_is_not_repeated_for_ever():
    ping, lost = operation(repeatable=True), InDoubt(code="timeout", reason="no answer")
    rounds = SETTINGS.rounds

    going_on = after_sending(queued(attempts=rounds - 2, doubts=rounds - 2), lost, case(ping))
    told = after_sending(queued(attempts=rounds - 1, doubts=rounds - 1), lost, case(ping))

    assert going_on.state is S.WAITING
    assert (told.state, told.due_at, told.actor) == (S.IN_DOUBT, None, Actor.OPERATOR)


reasons = st.text(max_size=3000)
outcomes = st.one_of(
    st.builds(Accepted, receipt=reasons),
    st.builds(Rejected, code=st.text(max_size=50), reason=reasons, actor=st.sampled_from(Actor)),
    st.builds(
        Deferred,
        code=st.text(max_size=50),
        reason=reasons,
        retry_after=st.none() | st.floats(allow_nan=True, allow_infinity=True),
    ),
    st.builds(InDoubt, code=st.text(max_size=50), reason=reasons, ask_again=st.booleans()),
)
retry_settings = st.builds(
    RetrySettings,
    first=st.floats(0.001, 1e5),
    factor=st.floats(1, 10),
    longest=st.floats(0.001, 1e8),
    jitter=st.floats(0, 1),
    immediate=st.integers(1, 10),
)
circumstances = st.builds(
    case,
    st.builds(operation, repeatable=st.booleans(), queryable=st.booleans()),
    immediate=st.integers(0, 10),
    chance=st.floats(0, 0.999).map(lambda value: lambda: value),
    settings=retry_settings,
)
deliveries = st.builds(
    queued,
    st.just(S.IN_FLIGHT),
    attempts=st.integers(0, 10**6),
    doubts=st.integers(0, 10**6),
    age=st.timedeltas(timedelta(-1), timedelta(4000)),
)


@given(deliveries, outcomes, circumstances)
def test_whatever_comes_the_result_is_sane(delivery, outcome, given_case):
    for result in (
        after_sending(delivery, outcome, given_case),
        after_asking(delivery, outcome, given_case),
        ask_again(delivery, outcome, given_case),
    ):
        assert len(result.reason) <= MAX_REASON
        assert (result.due_at is None) == (
            result.state in {S.DELIVERED, S.REJECTED, S.PARKED}
            or (result.state is S.IN_DOUBT and result.actor is Actor.OPERATOR)
        )
        if result.due_at is not None:
            assert result.due_at >= START
        if isinstance(outcome, InDoubt) and result.state is S.WAITING:
            assert given_case.operation.repeatable, "what may have been processed is not sent again blindly"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_partners_pause_is_always_between_nothing_and_a_day(asked):
    assert 0.0 <= honoured(asked) <= LONGEST_PAUSE_SECONDS


# back-off


@given(retry_settings, st.integers(-5, 10**9), st.floats(0, 0.999))
def test_back_off_stays_within_its_bounds(settings, tries, chance):
    pause = back_off(settings, tries, lambda: chance).total_seconds()

    assert pause <= settings.longest * (1 + settings.jitter) + 1e-6
    assert pause >= min(settings.longest, settings.first) * (1 - settings.jitter) - 1e-6


def test_back_off_doubles_until_the_longest():
    settings = RetrySettings(first=2.0, factor=2.0, longest=60.0, jitter=0.0)

    assert [back_off(settings, tries, lambda: 0.5).total_seconds() for tries in range(1, 8)] == [
        *(2, 4, 8, 16, 32),
        *(60, 60),
    ]


def test_jitter_spreads_evenly_around_the_pause():
    settings = RetrySettings(first=10.0, jitter=0.25)

    assert back_off(settings, 1, lambda: 0.0).total_seconds() == 7.5
    assert back_off(settings, 1, lambda: 0.5).total_seconds() == 10.0
    assert back_off(settings, 1, lambda: 1.0).total_seconds() == 12.5


def test_delivery_is_exhausted_after_the_agreed_time_and_not_before():
    limit = timedelta(seconds=SETTINGS.give_up_after)

    assert not exhausted(SETTINGS, START - limit, START)
    assert exhausted(SETTINGS, START - limit - timedelta(seconds=1), START)
    assert not exhausted(SETTINGS, START + timedelta(hours=1), START), "a clock that was ahead"


# maintenance windows


DAILY = (Maintenance(start="23:30", end="00:15"), Maintenance(start="12:00", end="12:30"))


@pytest.mark.parametrize(
    ("hour", "minute", "ends"),
    [(23, 29, None), (23, 30, 45), (0, 0, 15), (0, 15, None), (12, 0, 30), (12, 29, 1), (12, 30, None)],
)
def test_daily_window_is_in_vietnam_time_and_may_pass_midnight(hour, minute, ends):
    now = START.replace(hour=(hour - 7) % 24, minute=minute)
    until = resumes_at(DAILY, now)

    assert (None if until is None else (until - now).total_seconds() / 60) == ends


def test_single_window_is_between_two_instants():
    once = (Maintenance(start="2026-09-28T08:00:00+07:00", end="2026-09-28T09:00:00+07:00"),)

    assert resumes_at(once, START - timedelta(seconds=1)) is None
    assert resumes_at(once, START) == START + timedelta(hours=1)
    assert resumes_at(once, START + timedelta(hours=1)) is None


def test_overlapping_windows_end_with_the_later_one():
    windows = (Maintenance(start="08:00", end="08:30"), Maintenance(start="08:00", end="09:00"))

    assert resumes_at(windows, START) == START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("25:00", "26:00"),
        ("morning", "noon"),
        ("2026-09-28T08:00:00", "2026-09-28T09:00:00"),
        ("2026-09-28T08:00:00+07:00", "soon"),
        ("08:00", "2026-09-28T09:00:00+07:00"),
        ("", ""),
        ("2026-09-28T09:00:00+07:00", "2026-09-28T08:00:00+07:00"),
        ("00:00", "00:00"),
    ],
)
def test_window_that_cannot_be_read_is_refused_with_its_destination(start, end):
    with pytest.raises(ConfigurationError, match=r"destination\.portal\.maintenance"):
        require_windows((Maintenance(start=start, end=end),), destination="portal")


@given(st.datetimes(min_value=START.replace(tzinfo=None)))
def test_window_never_ends_before_now(naive):
    now = naive.replace(tzinfo=START.tzinfo)
    until = resumes_at(DAILY, now)

    assert until is None or timedelta() < until - now <= timedelta(minutes=45)


# what the one-door system is told


def turn(*batch, kind="send"):
    return Turn(batch=list(batch), kind=kind, outcomes=[Accepted()] * len(batch), attempt=1)


def test_every_end_of_a_chapter_is_told():
    settled = {S.DELIVERED, S.REJECTED, S.PARKED, S.IN_DOUBT}

    assert set(_TOLD) == settled


@pytest.mark.parametrize("state", [S.DELIVERED, S.REJECTED, S.PARKED, S.IN_DOUBT, S.WAITING])
async def test_events_carry_no_body(database, partner, clock, state):
    engine = Engine(database, partner, clock)
    result = disposition._result(queued(), state, None, "code", "reason", actor=Actor.OPERATOR)

    events = events_of(engine.destination, turn(queued()), [result], START)

    if state is S.WAITING:
        assert events == ()
        return
    (event,) = events
    data = msgspec.json.decode(event.data)
    assert data["attempts"] == queued().delivery.attempts + 1
    assert set(data) == {"delivery", "operation", "key", "state", "code", "reason", "actor", "attempts"}
    assert (event.kind, event.dossier_code, event.destination) == (_TOLD[state], "H99-a", "portal")
    await engine.close()


async def test_doubt_is_told_when_it_begins_and_when_an_operator_must_decide(database, partner, clock):
    engine = Engine(database, partner, clock)
    begins = disposition._result(queued(), S.IN_DOUBT, START, "c", "r", doubted=True)
    stays, left = (disposition._result(queued(), S.IN_DOUBT, due, "c", "r") for due in (START, None))
    doubted = turn(queued(S.IN_DOUBT, doubts=1), kind="query")

    assert len(events_of(engine.destination, turn(queued()), [begins], START)) == 1
    assert events_of(engine.destination, doubted, [stays], START) == ()
    (told,) = events_of(engine.destination, doubted, [left], START)
    assert msgspec.json.decode(told.data)["attempts"] == doubted.batch[0].delivery.attempts
    await engine.close()


def test_acknowledged_version_is_that_of_the_last_snapshot_delivered():
    snapshot = operation(kind=OperationKind.SNAPSHOT)
    done, not_done = (
        disposition._result(queued(), state, None, "c", "r") for state in (S.DELIVERED, S.REJECTED)
    )

    assert acknowledgement([queued()], [done], snapshot) == ("received", 3)
    assert acknowledgement([queued()], [not_done], snapshot) is None
    assert acknowledgement([queued()], [done], operation()) is None
