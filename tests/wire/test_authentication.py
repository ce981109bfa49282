"""Credentials in layers: obtained once for many, renewed once, refused without a storm of logins."""

import asyncio

import pytest

from gateway.domain.errors import StorageUnavailable
from gateway.port import Denied, Grant, WireRequest, WireResponse
from gateway.wire.authentication import DENIED_PAUSE_SECONDS, Authenticator, Credentials, NoCredential
from gateway.wire.client import Answered, NoAnswer, NotSent


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Layer:
    """Asks with what came before; reads ``answer`` (or raises it)."""

    def __init__(self, name, answer=None):
        self.name = name
        self.answer = answer
        self.granted = 0
        self.asked_with = []

    def request(self, credentials):
        self.asked_with.append(dict(credentials))
        return WireRequest(method="POST", url=f"https://portal.example/{self.name}")

    def read(self, response):
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        self.granted += 1
        return Grant(value=f"{self.name}-{self.granted}", lifetime=3600.0)


class Wire:
    """Answers every login after a turn of the loop; ``results`` are given first."""

    def __init__(self, *results):
        self.results = list(results)
        self.calls = []

    async def __call__(self, name, request):
        self.calls.append(name)
        await asyncio.sleep(0)
        result = self.results.pop(0) if self.results else Answered(response=WireResponse(status=200))
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def clock():
    return Clock()


async def test_adapter_without_layers_needs_no_call(clock):
    wire = Wire()

    assert await Authenticator((), wire, clock=clock).obtain() == Credentials(values={}, generations={})
    assert wire.calls == []


async def test_layers_are_obtained_in_order_and_each_sees_those_before_it(clock):
    outer, inner = Layer("token"), Layer("session")
    wire = Wire()

    given = await Authenticator((outer, inner), wire, clock=clock).obtain()

    assert given.values == {"token": "token-1", "session": "session-1"}
    assert wire.calls == ["token", "session"]
    assert inner.asked_with == [{"token": "token-1"}]


async def test_many_concurrent_calls_share_one_login(clock):
    wire = Wire()
    authenticator = Authenticator((Layer("session"),), wire, clock=clock)

    results = await asyncio.gather(*(authenticator.obtain() for _ in range(50)))

    assert {result.values["session"] for result in results} == {"session-1"}
    assert wire.calls == ["session"]


async def test_many_calls_with_the_same_spoilt_session_renew_it_once(clock):
    wire = Wire()
    authenticator = Authenticator((Layer("session"),), wire, clock=clock)
    used = await authenticator.obtain()

    async def call():
        authenticator.spoil(("session",), used)
        return await authenticator.obtain()

    results = await asyncio.gather(*(call() for _ in range(50)))

    assert {result.values["session"] for result in results} == {"session-2"}
    assert wire.calls == ["session"] * 2


async def test_late_complaint_about_an_old_session_does_not_spoil_the_new_one(clock):
    wire = Wire()
    authenticator = Authenticator((Layer("session"),), wire, clock=clock)
    used = await authenticator.obtain()
    authenticator.spoil(("session",), used)
    await authenticator.obtain()

    authenticator.spoil(("session",), used)

    assert (await authenticator.obtain()).values == {"session": "session-2"}
    assert wire.calls == ["session"] * 2


async def test_spoiling_one_layer_leaves_the_others(clock):
    wire = Wire()
    authenticator = Authenticator((Layer("token"), Layer("session")), wire, clock=clock)
    authenticator.spoil(("session", "unknown"), await authenticator.obtain())

    assert (await authenticator.obtain()).values == {"token": "token-1", "session": "session-2"}


async def test_credential_is_renewed_before_it_expires(clock):
    wire = Wire()
    authenticator = Authenticator((Layer("session"),), wire, clock=clock)
    await authenticator.obtain()

    clock.now += 3569.0
    assert (await authenticator.obtain()).values == {"session": "session-1"}
    clock.now += 2.0
    assert (await authenticator.obtain()).values == {"session": "session-2"}


@pytest.mark.parametrize("lifetime", [0.0, -5.0])
async def test_credential_without_a_lifetime_is_asked_for_once_a_call(clock, lifetime):
    wire = Wire()
    authenticator = Authenticator((Layer("t", Grant(value="x", lifetime=lifetime)),), wire, clock=clock)

    async with asyncio.timeout(2):
        given = await authenticator.obtain()

    assert given.values == {"t": "x"}
    assert wire.calls == ["t"]


async def test_refusal_is_reported_and_not_repeated_at_once_by_anybody(clock):
    layer = Layer("session", Denied(code="6", reason="wrong password", permanent=True))
    wire = Wire()
    authenticator = Authenticator((layer,), wire, clock=clock)

    results = await asyncio.gather(*(authenticator.obtain() for _ in range(20)))

    expected = NoCredential(code="6", reason="session: wrong password", permanent=True)
    assert results == [expected] * 20
    assert wire.calls == ["session"]

    layer.answer = None
    clock.now += DENIED_PAUSE_SECONDS
    assert (await authenticator.obtain()).values == {"session": "session-1"}


@pytest.mark.parametrize(
    "result", [NotSent(code="not_sent", reason="refused"), NoAnswer(code="timeout", reason="late")]
)
async def test_login_without_an_answer_is_no_credential(clock, result):
    wire = Wire(result)
    authenticator = Authenticator((Layer("session"),), wire, clock=clock)

    refusal = await authenticator.obtain()
    assert refusal == NoCredential(code=result.code, reason=f"session: {result.reason}", permanent=False)

    clock.now += DENIED_PAUSE_SECONDS
    assert isinstance(await authenticator.obtain(), Credentials)


async def test_adapter_that_raises_while_reading_is_no_credential_and_waits(clock):
    layer = Layer("session", KeyError("token"))
    wire = Wire()
    authenticator = Authenticator((layer,), wire, clock=clock)

    first, second = await authenticator.obtain(), await authenticator.obtain()

    assert first == second
    assert isinstance(first, NoCredential)
    assert first.code == "adapter_defect"
    assert wire.calls == ["session"]


async def test_adapter_that_raises_while_asking_is_no_credential(clock):
    class Broken(Layer):
        def request(self, credentials):
            raise KeyError("token")

    refusal = await Authenticator((Broken("session"),), Wire(), clock=clock).obtain()

    assert isinstance(refusal, NoCredential)
    assert refusal.code == "adapter_defect"


async def test_login_that_cannot_be_logged_is_not_a_refusal(clock):
    wire = Wire(StorageUnavailable("away"))
    authenticator = Authenticator((Layer("session"),), wire, clock=clock)

    with pytest.raises(StorageUnavailable):
        await authenticator.obtain()

    assert isinstance(await authenticator.obtain(), Credentials)


async def test_live_values_are_known_for_redaction(clock):
    authenticator = Authenticator((Layer("token"), Layer("session")), Wire(), clock=clock)
    await authenticator.obtain()

    assert set(authenticator.secrets) == {"token-1", "session-1"}
