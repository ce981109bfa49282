"""Findings of a review: what a lane, a pump or a log entry must survive."""

import asyncio

import httpx
import pytest
import structlog

from gateway.domain.errors import StorageUnavailable
from gateway.domain.outcome import Accepted, Deferred, InDoubt, Rejected
from gateway.port import Denied
from gateway.storage.lanes import claim_lanes
from tests.delivery.conftest import Running, planned
from tests.delivery.partner import SessionLayer, StubAdapter
from tests.log_reading import logged_bodies


class Doubtful:
    """A database whose answer to one claim is lost after the claim was committed."""

    def __init__(self, database):
        self._database = database
        self.lost = 0

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def apply(self, operation, item):
        result = await self._database.apply(operation, item)
        if operation is claim_lanes and result and not self.lost:
            self.lost = len(result)
            raise StorageUnavailable("away after the commit")
        return result


async def test_lanes_of_a_claim_whose_commit_was_not_confirmed_are_worked(
    more_engines, database, monkeypatch
):
    monkeypatch.setattr("gateway.delivery.dispatcher.STORAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("gateway.delivery.dispatcher.STRAYS_PAUSE_SECONDS", 0.05, raising=False)
    engine = more_engines()
    engine.hub = type(engine.hub)(
        database=Doubtful(database), clock=engine.clock, settings=engine.hub.settings
    )
    engine.destination.hub = engine.hub
    await engine.steps("H99-a", 2)
    running = Running(engine)
    try:
        await running.until(lambda: engine.states("H99-a") == ["delivered", "delivered"])
    finally:
        await running.stop()
    assert engine.hub.database.lost == 1
    assert engine.partner.taken["H99-a"] == ["1", "2"]


async def test_looking_for_strays_leaves_lanes_at_work_alone(more_engines, monkeypatch):
    monkeypatch.setattr("gateway.delivery.dispatcher.STRAYS_PAUSE_SECONDS", 0.0, raising=False)
    engine = more_engines()
    gate = asyncio.Event()
    engine.partner.before = lambda what, body: gate.wait()
    await engine.steps("H99-a", 1)
    running = Running(engine)
    try:
        await running.until(lambda: engine.partner.calls == 1)
        for _ in range(20):
            running.dispatcher.wake()
            await asyncio.sleep(0.01)
        assert engine.lane_state("H99-a") == "leased"
        gate.set()
        await running.until(lambda: engine.states("H99-a") == ["delivered"])
    finally:
        gate.set()
        await running.stop()
    assert engine.delivery("H99-a", "1")["doubts"] == 0


@pytest.mark.parametrize(("operation", "sends"), [("ping", 2), ("letter", 1)])
async def test_what_a_lost_worker_sent_is_not_asked_about_if_it_cannot_be(engine, operation, sends):
    """The partner would answer anything; the contract declares no question for these operations."""
    await engine.accept("H99-a", planned(operation, "1"))
    engine.adapter.broken["interpret"] = _boom  # the worker dies with the request at the partner
    turn = engine.turn((await engine.claim())[0])
    turn._settle = _never
    with pytest.raises(KeyError):
        await turn.run(stopping=asyncio.Event())
    engine.adapter.broken.clear()
    await _reap(engine)

    await engine.settle_everything()

    assert engine.partner.questions == []
    assert len(engine.partner.sends) == sends
    if operation == "letter":
        assert engine.states("H99-a") == ["in_doubt"]
        assert engine.lane_state("H99-a") == "blocked"
        assert engine.delivery("H99-a", "1")["actor"] == "operator"
        told = engine.rows("SELECT kind FROM event WHERE kind = 'delivery.in_doubt'")
        assert len(told) == 1
    else:
        assert engine.states("H99-a") == ["delivered"]


def _boom():
    raise KeyError("boom")


async def _never(turn):
    raise KeyError("dead")


async def _reap(engine):
    from gateway.delivery.dispatcher import Dispatcher
    from gateway.storage.takeover import Reap, reap_lanes

    closing = Dispatcher(engine.destination, lambda: 1).closing_entry
    await engine.database.apply(reap_lanes, Reap(dead=(engine.worker,), now=engine.clock(), closing=closing))


async def test_pump_survives_a_defect_in_a_claim(engine, monkeypatch):
    monkeypatch.setattr("gateway.delivery.dispatcher.PUMP_DEFECT_PAUSE_SECONDS", 0.01, raising=False)
    real = engine.destination.gate.permit
    calls = []

    async def permit(**how):
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("a row that nobody can read")
        return await real(**how)

    engine.destination.gate.permit = permit
    await engine.steps("H99-a", 1)
    running = Running(engine)
    try:
        await running.until(lambda: engine.states("H99-a") == ["delivered"])
    finally:
        await running.stop()


UNSOUND = {
    "a number learned": lambda: [Accepted(learned={"count": 1})],
    "no reason": lambda: [Rejected(code="R", reason=None)],
    "a number as code": lambda: [Deferred(code=7, reason="later")],
    "a pause in words": lambda: [Deferred(code="D", reason="later", retry_after="soon")],
    "nothing learned": lambda: [Accepted(learned=None)],
}


@pytest.mark.parametrize("garbage", UNSOUND)
async def test_outcome_with_wrong_contents_is_a_doubt_like_any_garbage(engine, garbage):
    await engine.steps("H99-a", 2)
    engine.adapter.broken["interpret"] = UNSOUND[garbage]

    await engine.work()

    assert engine.states("H99-a") == ["in_doubt", "pending"]
    assert engine.delivery("H99-a", "1")["code"] == "adapter_defect"
    engine.adapter.broken.clear()
    await engine.settle_everything()
    assert engine.partner.taken["H99-a"] == ["1", "2"]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
async def test_text_that_no_database_takes_does_not_keep_a_refusal_from_being_stored(engine, text):
    await engine.steps("H99-a", 1)
    engine.adapter.broken["interpret"] = lambda: [
        Rejected(code=f"R{text}", reason=f"reason {text}", learned={"note": text})
    ]

    await engine.work()

    assert engine.states("H99-a") == ["rejected"]
    assert engine.delivery("H99-a", "1")["reason"].startswith("reason a")
    assert len(engine.partner.sends) == 1


class PlainPartner:
    """Gives its session as plain text, under no field name."""

    def __init__(self):
        self.session = 0
        self.echo = ""
        self.renewing = None

    async def handle(self, request):
        await asyncio.sleep(0)
        if request.url.path == "/login":
            self.session += 1
            return httpx.Response(200, content=f"SESSION-secret-{self.session:06d}")
        if self.renewing is not None:
            await self.renewing()
        return httpx.Response(200, content=b'{"verdicts": ["accepted"], "note": "%s"}' % self.echo.encode())


async def test_credential_is_not_in_the_log_of_the_answer_that_gives_it(more_engines):
    engine = more_engines(adapter=StubAdapter(layers=(SessionLayer(),)))
    partner = PlainPartner()
    engine.destination.client._transport = httpx.MockTransport(partner.handle)
    await engine.steps("H99-a", 1)

    await engine.work()

    assert engine.states("H99-a") == ["delivered"]
    assert not _logged(engine, b"secret-000001")


async def test_credential_that_was_just_replaced_is_still_kept_out_of_the_log(more_engines):
    engine = more_engines(adapter=StubAdapter(layers=(SessionLayer(),)))
    partner = PlainPartner()
    partner.echo = "SESSION-secret-000001"
    engine.destination.client._transport = httpx.MockTransport(partner.handle)
    authenticator = engine.destination.authenticator

    async def renew():
        partner.renewing = None
        authenticator.spoil(("session",), await authenticator.obtain())
        await authenticator.obtain()

    partner.renewing = renew
    await engine.steps("H99-a", 1)

    await engine.work()

    assert partner.session == 2
    assert not _logged(engine, b"secret-000001")


@pytest.mark.parametrize(
    "make",
    [
        lambda words: Rejected(code="refused", reason=words),
        lambda words: Deferred(code="busy", reason=words),
        lambda words: InDoubt(code="unclear", reason=words),
        lambda words: Accepted(receipt=words),
    ],
    ids=["rejected", "deferred", "in_doubt", "accepted"],
)
async def test_credential_that_the_partner_repeats_in_its_answer_is_told_to_nobody(more_engines, make):
    """Reasons are shown to people, and go to the one-door system in events."""
    engine = more_engines(adapter=StubAdapter(layers=(SessionLayer(),)))
    engine.destination.client._transport = httpx.MockTransport(PlainPartner().handle)
    engine.adapter.broken["interpret"] = lambda: [make("session: SESSION-secret-000001 has ended")]
    await engine.steps("H99-a", 1)

    await engine.work()

    assert engine.delivery("H99-a", "1")["reason"] == "session: [redacted] has ended"
    assert engine.rows("SELECT 1 FROM attempt WHERE reason LIKE '%secret%'") == []
    assert engine.rows("SELECT 1 FROM event WHERE data LIKE '%secret%'") == []


async def test_password_that_a_refused_login_repeats_is_told_to_nobody(more_engines):
    class Repeating(SessionLayer):
        def read(self, response):
            return Denied(code="login", reason="no user with the password correct-horse")

    engine = more_engines(adapter=StubAdapter(layers=(Repeating(),)))
    engine.destination.configured_secrets = ("correct-horse",)
    engine.destination.client._transport = httpx.MockTransport(PlainPartner().handle)
    await engine.steps("H99-a", 1)

    with structlog.testing.capture_logs() as log:
        for _ in range(engine.hub.settings.breaker.failures):
            engine.clock.move(hours=1)
            await engine.work()

    assert "password [redacted]" in engine.delivery("H99-a", "1")["reason"]
    assert [entry["event"] for entry in log].count("destination_was_lost") == 1
    assert "horse" not in str(log)


def _logged(engine, needle):
    return [body for body in logged_bodies(engine.database) if needle in body]


@pytest.mark.parametrize("move", ["flip", "expired"])
async def test_immediate_second_try_is_made_however_old_the_delivery_is(more_engines, clock, move):
    """A lane may have been blocked or held for weeks; a renewed session is no reason to park it."""
    engine = more_engines()
    await engine.steps("H99-a", 1)
    clock.move(days=30)
    engine.partner.plan("H99-a", move)

    await engine.work()

    assert engine.states("H99-a") == ["delivered"]


async def test_operators_word_stands_against_a_settlement_without_an_exchange(engine):
    """The operator says "rejected" while the worker waits for a login that then fails."""
    from gateway.domain.delivery import DeliveryState
    from gateway.storage.lanes import Result, Settlement, settle_attempts
    from gateway.storage.operators import operate
    from gateway.storage.orders import Resolve

    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "lose_request")
    await engine.work()
    engine.clock.move(minutes=1)
    (lane,) = await engine.claim()
    delivery = lane.queue[0].delivery.id
    await engine.database.apply(
        operate,
        Resolve(
            delivery=delivery, verdict="rejected", actor="an", reason="asked by phone", now=engine.clock()
        ),
    )
    result = Result(
        delivery=delivery,
        state=DeliveryState.IN_DOUBT,
        due_at=engine.clock(),
        code="login",
        reason="no login",
    )
    await engine.database.apply(
        settle_attempts,
        Settlement(
            attempt=None,
            lane=lane.id,
            token=lane.token,
            now=engine.clock(),
            outcome="deferred",
            code="login",
            reason="no login",
            results=(result,),
            release=True,
        ),
    )
    assert engine.states("H99-a") == ["rejected"]
    assert engine.lane_state("H99-a") == "blocked"


async def test_wait_that_may_be_cut_short_stays_so_when_a_newer_version_arrives(engine):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "refused", "refused", "refused")
    await engine.work()
    assert engine.rows("SELECT state, hasten FROM lane")[0] in {("waiting", True), ("waiting", 1)}

    await engine.accept("H99-a", planned("step", "1"), planned("step", "2"), version=2)

    assert engine.rows("SELECT state, hasten FROM lane")[0] in {("waiting", True), ("waiting", 1)}


async def test_answer_is_stored_even_if_the_breaker_cannot_be(engine):
    """The settlement that waits for the next request must not be lost with what goes wrong in between."""
    await engine.steps("H99-a", 2)
    (lane,) = await engine.claim()

    async def succeeded():
        raise StorageUnavailable("away")

    engine.destination.gate.succeeded = succeeded
    with pytest.raises(StorageUnavailable):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["delivered", "pending"]
    assert engine.log() == [("step", "request"), ("step", "response")]


async def test_answer_is_stored_even_if_the_next_request_cannot_be(more_engines, database):
    engine = more_engines()

    class Refusing:
        def __getattr__(self, name):
            return getattr(database, name)

        async def apply(self, operation, item):
            if operation.__name__ == "advance_lanes":
                raise ValueError("a request that no table takes")
            return await database.apply(operation, item)

    await engine.steps("H99-a", 2)
    (lane,) = await engine.claim()
    engine.hub = type(engine.hub)(database=Refusing(), clock=engine.clock, settings=engine.hub.settings)
    engine.destination.hub = engine.hub
    with pytest.raises(ValueError, match="no table"):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["delivered", "pending"]
    assert engine.partner.taken["H99-a"] == ["1"]


class Catalogues:
    """Entries that are missing, and a count of how often they are asked for."""

    def __init__(self):
        self.asked = 0

    async def provide(self, missing):
        self.asked += 1
        await asyncio.sleep(0)
        return "no connection"


async def test_missing_reference_data_at_a_dead_partner_does_not_spin_through_probes(
    more_engines, partner, clock
):
    engine = more_engines()
    catalogues = Catalogues()
    engine.destination.provide = catalogues.provide
    engine.adapter.broken["encode"] = _missing
    await engine.steps("H99-a", 1)
    await engine.execute(
        "INSERT INTO destination (name, open_until, openings, failures) VALUES ('portal', 1, 1, 6)"
    )
    running = Running(engine)
    await asyncio.sleep(1.0)
    await running.stop()
    assert engine.states("H99-a") == ["waiting"]
    assert catalogues.asked <= 2


def _missing():
    from gateway.domain.errors import CannotEncode

    raise CannotEncode("no entry", missing=(("procedures", {"procedure": "1"}),))
