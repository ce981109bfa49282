"""One lane at work: what every kind of answer, silence and failure makes of its deliveries."""

import asyncio

import httpx
import pytest
import respx

from gateway.domain.errors import LeaseLost, StorageUnavailable
from gateway.domain.outcome import Accepted, Deferred
from gateway.storage.operators import operate
from gateway.storage.orders import Retry
from tests.delivery.conftest import Engine, Flaky, planned, settings
from tests.delivery.partner import URL, SessionLayer, StubAdapter


async def test_lane_is_delivered_in_order_with_everything_logged(engine):
    await engine.steps("H99-a", 3)

    await engine.work()

    assert engine.partner.taken["H99-a"] == ["1", "2", "3"]
    assert engine.states("H99-a") == ["delivered"] * 3
    assert engine.lane_state("H99-a") == "idle"
    assert engine.log() == [("step", "request"), ("step", "response")] * 3
    assert engine.rows("SELECT kind FROM event ORDER BY id") == [("delivery.delivered",)] * 3


async def test_request_is_in_the_log_before_it_leaves(engine):
    await engine.steps("H99-a", 1)
    seen = []
    engine.partner.before = lambda what, body: seen.append((engine.log(), engine.states("H99-a")))

    await engine.work()

    assert seen == [([("step", "request")], ["in_flight"])]


async def test_nothing_leaves_when_the_log_cannot_be_written(engine):
    await engine.steps("H99-a", 1)
    other = Engine(Flaky(engine.database, "start_attempts"), engine.partner, engine.clock)
    (lane,) = await other.claim()

    with pytest.raises(StorageUnavailable):
        await other.turn(lane).run(stopping=asyncio.Event())

    assert engine.partner.sends == []
    assert engine.states("H99-a") == ["pending"]
    await other.turn(lane).run(stopping=asyncio.Event())
    assert engine.partner.taken["H99-a"] == ["1"]
    await other.close()


# silence


@pytest.mark.parametrize("move", ["lose_answer", "reset"])
async def test_read_timeout_and_reset_leave_the_delivery_in_doubt(engine, move):
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", move)

    await engine.work()

    assert engine.states("H99-a") == ["in_doubt", "pending"]
    assert engine.delivery("H99-a", "1")["doubts"] == 1
    assert engine.lane_state("H99-a") == "waiting"
    assert engine.log()[-1] == ("step", "no_answer")
    assert await engine.claim() == [], "it is asked after a while, not at once"


async def test_lost_answer_is_found_by_asking_and_nothing_is_sent_twice(engine):
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", "lose_answer")

    await engine.settle_everything()

    assert engine.partner.sends == [("H99-a", "1"), ("H99-a", "2")]
    assert engine.partner.questions == [("H99-a", "1")]
    assert engine.partner.taken["H99-a"] == ["1", "2"]
    assert engine.states("H99-a") == ["delivered", "delivered"]
    assert engine.delivery("H99-a", "1")["code"] == "found_at_partner"


async def test_lost_request_is_asked_about_before_it_is_sent_again(engine):
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", "lose_request")
    order = []
    engine.partner.before = lambda what, body: order.append((what, body["items"][0]["key"]))

    await engine.settle_everything()

    assert order == [("send", "1"), ("ask", "1"), ("send", "1"), ("send", "2")]
    assert engine.partner.taken["H99-a"] == ["1", "2"]


async def test_question_without_an_answer_is_asked_again_and_never_counted_as_absent(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "lose_answer")
    engine.partner.asked["H99-a"].extend(["timeout", *["refused"] * 3, "ask_again"])

    await engine.settle_everything()

    assert engine.partner.sends == [("H99-a", "1")]
    assert engine.states("H99-a") == ["delivered"]
    assert engine.delivery("H99-a", "1")["doubts"] >= 4


async def test_partner_that_cannot_tell_leaves_it_to_an_operator(engine):
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", "lose_answer")
    engine.partner.asked["H99-a"].append("doubt")

    await engine.settle_everything()

    assert engine.states("H99-a") == ["in_doubt", "pending"]
    assert engine.delivery("H99-a", "1")["actor"] == "operator"
    assert engine.lane_state("H99-a") == "blocked"
    assert engine.partner.sends == [("H99-a", "1")]


async def test_question_that_is_not_answered_is_asked_again_until_it_is(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "lose_answer")
    engine.partner.asked["H99-a"].extend(["timeout"] * 50)

    await engine.settle_everything()

    assert engine.states("H99-a") == ["delivered"]
    assert len(engine.partner.questions) == 51
    assert engine.partner.sends == [("H99-a", "1")]


async def test_delivery_that_is_lost_again_and_again_ends_with_an_operator_and_goes_on_from_there(engine):
    await engine.steps("H99-a", 2)
    rounds = engine.hub.settings.retry.rounds
    engine.partner.plan("H99-a", *["lose_request"] * (2 * rounds - 2))

    await engine.settle_everything(hours=72)

    assert engine.states("H99-a") == ["parked", "pending"]
    assert engine.delivery("H99-a", "1")["code"] == "swallowed"
    assert engine.lane_state("H99-a") == "blocked"
    assert len(engine.partner.sends) == len(engine.partner.questions) == rounds
    kinds = [row[0] for row in engine.rows("SELECT kind FROM event ORDER BY id")]
    assert kinds == [*["delivery.in_doubt"] * rounds, "delivery.parked"]

    retry = Retry(
        delivery=engine.delivery("H99-a", "1")["id"], actor="Mai", reason="repaired", now=engine.clock()
    )
    await engine.database.apply(operate, retry)
    await engine.settle_everything(hours=144)

    assert engine.partner.taken["H99-a"] == ["1", "2"], "the rounds are counted anew from the retry"
    assert engine.states("H99-a") == ["delivered", "delivered"]


@pytest.mark.parametrize(("operation", "state"), [("ping", "delivered"), ("letter", "in_doubt")])
async def test_what_cannot_be_asked_is_resent_only_if_it_is_repeatable(engine, operation, state):
    await engine.accept("H99-a", planned(operation, "1"))
    engine.partner.plan("H99-a", "lose_answer")

    await engine.settle_everything()

    assert engine.states("H99-a") == [state]
    assert engine.partner.questions == []
    assert len(engine.partner.sends) == (2 if operation == "ping" else 1)


async def test_question_that_cannot_be_encoded_never_turns_the_doubt_into_a_refusal(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "lose_answer")
    await engine.work()

    def fail():
        raise KeyError("broken")

    engine.adapter.broken["encode_query"] = fail
    await engine.settle_everything(hours=1)
    assert engine.states("H99-a") == ["in_doubt"]
    assert engine.partner.sends == [("H99-a", "1")]

    engine.adapter.broken.clear()
    await engine.execute("UPDATE delivery SET due_at = 0")
    await engine.execute("UPDATE lane SET state = 'ready'")
    await engine.settle_everything()
    assert engine.states("H99-a") == ["delivered"]


# answers


async def test_refused_connection_is_deferred_and_tried_again(engine):
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", *["refused"] * 3)

    await engine.work()
    assert engine.states("H99-a") == ["waiting", "pending"]
    assert engine.delivery("H99-a", "1")["doubts"] == 0

    await engine.settle_everything()
    assert engine.partner.taken["H99-a"] == ["1", "2"]
    assert engine.partner.questions == []


async def test_back_off_doubles_and_is_stored(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", *["busy"] * 5)
    pauses = []

    for _ in range(5):
        await engine.work()
        due = engine.delivery("H99-a", "1")["due_at"]
        now = engine.clock.now
        engine.clock.now = type(now).fromtimestamp(due / 1e6, now.tzinfo)
        pauses.append((engine.clock.now - now).total_seconds())

    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0]
    await engine.work()
    assert engine.states("H99-a") == ["delivered"]


async def test_retry_after_is_honoured_for_the_delivery_and_the_destination(engine):
    await engine.steps("H99-a", 1)
    await engine.steps("H99-b", 1)
    engine.partner.plan("H99-a", "pause")

    await engine.work()

    assert engine.destination.gate.shut()
    assert engine.lane_state("H99-a") == "waiting"
    engine.clock.move(seconds=29)
    assert engine.destination.gate.shut()
    engine.clock.move(seconds=1)
    assert not engine.destination.gate.shut()
    await engine.settle_everything()
    assert engine.states("H99-a") == ["delivered"]


@pytest.mark.parametrize("pause", ["1e300", "-5", "nan", "1e9"])
async def test_absurd_retry_after_neither_raises_nor_stops_the_lane_for_ever(engine, pause):
    await engine.steps("H99-a", 1)
    engine.partner.retry_after = pause
    engine.partner.plan("H99-a", "pause")

    await engine.work()
    assert engine.log()[:2] == [("step", "request"), ("step", "response")]
    engine.clock.move(seconds=engine.hub.settings.retry.longest)
    assert not engine.destination.gate.shut()

    await engine.settle_everything(hours=25)
    assert engine.states("H99-a") == ["delivered"]
    assert engine.delivery("H99-a", "1")["attempts"] == 2


async def test_answer_with_an_error_inside_http_200_is_a_refusal(engine):
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", "rejected")

    await engine.settle_everything()

    assert engine.states("H99-a") == ["rejected", "pending"]
    assert engine.lane_state("H99-a") == "blocked"
    assert engine.delivery("H99-a", "1")["actor"] == "province"
    assert engine.rows("SELECT kind FROM event") == [("delivery.rejected",)]


async def test_unreadable_answer_is_a_doubt(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "html")

    await engine.work()

    assert engine.states("H99-a") == ["in_doubt"]
    await engine.settle_everything()
    assert engine.states("H99-a") == ["delivered"]
    assert engine.partner.taken["H99-a"] == ["1"]


async def test_create_becomes_update_at_once_with_what_was_learned(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "flip")

    await engine.work()

    assert engine.states("H99-a") == ["delivered"]
    assert [body["memory"] for body in engine.partner.bodies] == [{}, {"created": "yes"}]
    assert engine.rows("SELECT memory FROM lane") == [('{"created":"yes"}',)]


async def test_a_difficulty_is_remembered_until_something_is_accepted(engine):
    outcomes = [
        Deferred(code="token_refused", reason="-", learned={"passing:renewed": "now", "kept": "1"}),
        Accepted(),
    ]
    engine.adapter.broken["interpret"] = lambda: [outcomes.pop(0)]
    await engine.steps("H99-a", 1)

    await engine.settle_everything()

    assert [body["memory"] for body in engine.partner.bodies] == [{}, {"passing:renewed": "now", "kept": "1"}]
    assert engine.rows("SELECT memory FROM lane") == [('{"kept":"1"}',)]


async def test_partner_that_flips_for_ever_is_not_called_in_a_tight_loop(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", *["flip"] * 1000)

    await engine.work()

    assert len(engine.partner.sends) <= engine.hub.settings.retry.immediate + 1
    assert engine.lane_state("H99-a") == "waiting"


async def test_delivery_deferred_for_too_long_is_parked(engine):
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", "busy", "busy")
    await engine.work()
    engine.clock.move(days=8)

    await engine.work()

    assert engine.states("H99-a") == ["parked", "pending"]
    assert engine.lane_state("H99-a") == "blocked"
    assert engine.rows("SELECT kind FROM event") == [("delivery.parked",)]


async def test_delivery_that_a_person_has_sent_again_gets_the_whole_patience_anew(engine):
    await engine.steps("H99-a", 1)
    engine.clock.move(days=8)
    engine.partner.plan("H99-a", "busy", "busy")
    await engine.work()
    assert engine.states("H99-a") == ["parked"]
    delivery = engine.delivery("H99-a", "1")["id"]
    order = Retry(delivery=delivery, actor="an", reason="the partner is back", now=engine.clock())
    await engine.database.apply(operate, order)

    await engine.work()

    assert engine.states("H99-a") == ["waiting"]


async def test_delivery_that_cannot_be_encoded_is_refused_without_an_attempt(engine):
    await engine.accept("H99-a", planned("step", "1", "unencodable"), planned("step", "2"))

    await engine.settle_everything()

    assert engine.states("H99-a") == ["rejected", "pending"]
    assert engine.delivery("H99-a", "1")["code"] == "cannot_encode"
    assert engine.partner.sends == []
    assert engine.rows("SELECT count(*) FROM attempt") == [(0,)]


async def test_corrected_version_takes_the_place_of_what_could_not_be_encoded(engine):
    await engine.accept("H99-a", planned("step", "1", "unencodable"), planned("step", "2"))
    await engine.settle_everything()

    await engine.accept("H99-a", planned("step", "1", "right"), planned("step", "2"), version=2)
    await engine.settle_everything()

    assert engine.partner.taken["H99-a"] == ["1", "2"]


# batches


async def test_batch_takes_what_follows_of_the_same_operation(engine):
    await engine.accept(
        "H99-a",
        *(planned("page", str(number)) for number in range(1, 6)),
        planned("step", "6"),
        planned("page", "7"),
    )

    await engine.settle_everything()

    assert [[item["key"] for item in body["items"]] for body in engine.partner.bodies] == [
        ["1", "2", "3"],
        ["4", "5"],
        ["6"],
        ["7"],
    ]
    assert engine.states("H99-a") == ["delivered"] * 7


async def test_partly_failed_batch_settles_each_and_stops_at_the_first_that_failed(engine):
    await engine.accept("H99-a", *(planned("page", str(number)) for number in range(1, 5)))
    engine.partner.plan("H99-a", "mixed")

    await engine.settle_everything()

    assert engine.states("H99-a") == ["delivered", "rejected", "waiting", "pending"]
    assert engine.lane_state("H99-a") == "blocked"


async def test_lost_answer_to_a_batch_is_asked_about_for_all_of_it(engine):
    await engine.accept("H99-a", *(planned("page", str(number)) for number in range(1, 4)))
    engine.partner.plan("H99-a", "lose_answer")

    await engine.settle_everything()

    assert engine.partner.taken["H99-a"] == ["1", "2", "3"]
    assert len(engine.partner.sends) == 3
    assert engine.states("H99-a") == ["delivered"] * 3


async def test_batch_with_one_that_cannot_be_encoded_sends_those_before_it(engine):
    await engine.accept(
        "H99-a", planned("page", "1"), planned("page", "2", "unencodable"), planned("page", "3")
    )

    await engine.settle_everything()

    assert engine.partner.taken["H99-a"] == ["1"]
    assert engine.states("H99-a") == ["delivered", "rejected", "pending"]


# sessions


@pytest.fixture
async def with_session(more_engines, partner):
    partner.needs_session = True
    return more_engines(adapter=StubAdapter(layers=(SessionLayer(),)))


async def test_session_is_obtained_once_and_its_value_is_never_logged(with_session, partner):
    await with_session.steps("H99-a", 3)

    await with_session.settle_everything()

    assert partner.logins == 1
    assert partner.taken["H99-a"] == ["1", "2", "3"]
    assert with_session.log()[:2] == [("credential.session", "request"), ("credential.session", "response")]
    bodies = with_session.rows(
        "SELECT body FROM message_body JOIN message ON message.id = message_id WHERE operation = 'step'"
    )
    assert bodies
    assert not any(b'"S1"' in bytes(row[0]) for row in bodies)


async def test_expired_session_is_renewed_once_for_many_concurrent_calls(with_session, partner):
    for number in range(8):
        await with_session.steps(f"H99-{number}", 2)
    await with_session.work()
    partner.sessions = set()  # the partner forgets every session

    lanes = await with_session.claim(10)
    await asyncio.gather(*(with_session.turn(lane).run(stopping=asyncio.Event()) for lane in lanes))
    await with_session.settle_everything()

    assert partner.logins == 2
    assert all(partner.taken[f"H99-{number}"] == ["1", "2"] for number in range(8))
    assert with_session.breaker().open_until is None


async def test_login_that_fails_defers_without_an_attempt_and_recovers(with_session, partner):
    await with_session.steps("H99-a", 1)
    partner.down = True
    await with_session.work()
    assert with_session.states("H99-a") == ["waiting"]
    assert with_session.rows("SELECT count(*) FROM attempt") == [(0,)]
    assert with_session.delivery("H99-a", "1")["doubts"] == 0

    partner.down = False
    with_session.destination.authenticator._denied = None  # five seconds of real time later
    await with_session.settle_everything()
    assert partner.taken["H99-a"] == ["1"]


async def test_session_expired_in_a_question_is_renewed_and_the_question_asked_again(with_session, partner):
    await with_session.steps("H99-a", 1)
    partner.plan("H99-a", "lose_answer")
    partner.asked["H99-a"].append("ask_again")

    await with_session.settle_everything()

    assert partner.logins == 2
    assert partner.sends == [("H99-a", "1")]
    assert with_session.states("H99-a") == ["delivered"]


# while it is in flight


async def test_version_that_arrives_in_flight_is_sent_afterwards(engine):
    await engine.accept("H99-a", planned("dossier", "v1"), planned("step", "1"))

    async def supersede(what, body):
        engine.partner.before = None
        await engine.accept(
            "H99-a", planned("dossier", "v2", "new"), planned("step", "1"), planned("step", "2"), version=2
        )

    engine.partner.before = supersede
    await engine.settle_everything()

    assert engine.partner.taken["H99-a"] == ["v1", "1", "v2", "2"]
    assert engine.states("H99-a") == ["delivered"] * 4


async def test_next_in_line_superseded_in_flight_is_not_sent(engine):
    await engine.accept("H99-a", planned("step", "1"), planned("dossier", "v1"))

    async def supersede(what, body):
        engine.partner.before = None
        await engine.accept("H99-a", planned("step", "1"), planned("dossier", "v2", "new"), version=2)

    engine.partner.before = supersede
    (lane,) = await engine.claim()
    with pytest.raises(LeaseLost):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.partner.taken["H99-a"] == ["1"]
    assert engine.states("H99-a") == ["delivered", "pending"]


async def test_hold_in_flight_lets_the_answer_in_and_nothing_more_out(engine):
    await engine.steps("H99-a", 3)

    async def hold(what, body):
        engine.partner.before = None
        await engine.execute("UPDATE lane SET held_by = 'clerk', held_reason = 'check'")

    engine.partner.before = hold
    (lane,) = await engine.claim()
    with pytest.raises(LeaseLost):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.partner.taken["H99-a"] == ["1"]
    assert engine.states("H99-a") == ["delivered", "pending", "pending"]


async def test_stop_in_flight_waits_for_the_answer_and_sends_nothing_more(engine):
    await engine.steps("H99-a", 3)
    stopping = asyncio.Event()
    engine.partner.before = lambda what, body: stopping.set()
    (lane,) = await engine.claim()

    await engine.turn(lane).run(stopping=stopping)

    assert engine.states("H99-a") == ["delivered", "pending", "pending"]
    assert engine.lane_state("H99-a") == "ready"


async def test_lane_taken_over_in_flight_keeps_the_answer_in_the_log_only(engine):
    from gateway.storage.takeover import Reap, reap_lanes
    from tests.storage.builders import World

    await engine.steps("H99-a", 2)
    world = World(engine.database)

    async def reap(what, body):
        engine.partner.before = None
        order = Reap(dead=(1,), now=engine.clock(), closing=world.closing)
        await engine.database.apply(reap_lanes, order)

    engine.partner.before = reap
    (lane,) = await engine.claim()
    with pytest.raises(LeaseLost):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["in_doubt", "pending"]
    assert engine.log()[-1] == ("step", "response")
    await engine.settle_everything()
    assert engine.partner.taken["H99-a"] == ["1", "2"]


@pytest.mark.parametrize("committed", [False, True], ids=["nothing was written", "it was written after all"])
@pytest.mark.parametrize("move", ["take", "lose_answer"])
async def test_storage_away_between_request_and_settlement_is_waited_out(
    engine, more_engines, committed, move
):
    flaky = Flaky(engine.database, "settle_attempts", failures=2, committed=committed)
    other = Engine(flaky, engine.partner, engine.clock)
    await engine.steps("H99-a", 2)
    engine.partner.plan("H99-a", move)

    (lane,) = await other.claim()
    await other.turn(lane).run(stopping=asyncio.Event())
    await engine.settle_everything()

    assert flaky.failures == 0
    assert engine.partner.taken["H99-a"] == ["1", "2"]
    assert len(engine.partner.sends) == 2
    assert engine.delivery("H99-a", "1")["doubts"] == (1 if move == "lose_answer" else 0)
    assert engine.log().count(("step", "request")) == 2
    await other.close()


async def test_storage_away_for_good_ends_in_doubt_and_never_in_a_second_send(engine, monkeypatch):
    from gateway.delivery import pipeline

    monkeypatch.setattr(pipeline, "SETTLE_PATIENCE_SECONDS", 0.0)
    other = Engine(Flaky(engine.database, "settle_attempts", failures=10), engine.partner, engine.clock)
    await engine.steps("H99-a", 1)
    (lane,) = await other.claim()

    with pytest.raises(StorageUnavailable):
        await other.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["in_flight"]
    assert engine.partner.sends == [("H99-a", "1")]
    await other.close()


@pytest.mark.parametrize("committed", [False, True], ids=["nothing was written", "it was written after all"])
async def test_storage_away_between_two_requests_keeps_the_answer_and_sends_nothing(engine, committed):
    from gateway.storage.takeover import Abandon, abandon_lanes
    from tests.storage.builders import World

    flaky = Flaky(engine.database, "advance_lanes", failures=1, committed=committed)
    other = Engine(flaky, engine.partner, engine.clock)
    await engine.steps("H99-a", 3)
    (lane,) = await other.claim()

    with pytest.raises(StorageUnavailable):
        await other.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["delivered", "in_flight" if committed else "pending", "pending"]
    assert engine.partner.sends == [("H99-a", "1")]
    closing = World(engine.database).closing
    order = Abandon(lane=lane.id, token=lane.token, now=engine.clock(), closing=closing)
    await engine.database.apply(abandon_lanes, order)
    await engine.settle_everything()
    assert engine.states("H99-a") == ["delivered"] * 3
    assert engine.partner.sends == [("H99-a", "1"), ("H99-a", "2"), ("H99-a", "3")]
    await other.close()


async def test_an_answer_and_the_next_request_share_one_commit(engine):
    calls = []
    apply = engine.database.apply

    async def counted(operation, item):
        calls.append(operation.__name__)
        return await apply(operation, item)

    other = Engine(Recording(engine.database, counted), engine.partner, engine.clock)
    await engine.steps("H99-a", 3)
    (lane,) = await other.claim()
    calls.clear()
    await other.turn(lane).run(stopping=asyncio.Event())

    assert calls == ["start_attempts", "advance_lanes", "advance_lanes", "settle_attempts"]
    await other.close()


class Recording:
    """A database whose batch operations pass through ``apply``."""

    def __init__(self, database, apply):
        self._database = database
        self.apply = apply

    def __getattr__(self, name):
        return getattr(self._database, name)


# respx, for the two cases in which the status line decides


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (httpx.Response(200, json={"verdicts": ["accepted"]}), "delivered"),
        (httpx.Response(503), "waiting"),
        (httpx.ConnectError("refused"), "waiting"),
        (httpx.ReadTimeout("late"), "in_doubt"),
        (httpx.RemoteProtocolError("cut"), "in_doubt"),
        (httpx.Response(200, json={"verdicts": ["accepted", "accepted"]}), "in_doubt"),
        (httpx.Response(200, json={"verdicts": []}), "in_doubt"),
        (httpx.Response(200, json={}), "in_doubt"),
        (httpx.Response(500, content=b"<html>"), "in_doubt"),
        (httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "in_doubt"),
    ],
)
async def test_answer_decides_the_state(database, clock, answer, state):
    router = respx.Router()
    if isinstance(answer, Exception):
        router.post(f"{URL}/send").mock(side_effect=answer)
    else:
        router.post(f"{URL}/send").mock(return_value=answer)

    class Routed:
        def transport(self):
            return httpx.MockTransport(router.async_handler)

    engine = Engine(database, Routed(), clock, settings=settings())
    await engine.steps("H99-a", 1)
    await engine.work()

    assert engine.states("H99-a") == [state]
    await engine.close()
