"""The engine with real keys: partners that verify and sign, keys that end, tokens and authorities that are away."""

import httpx
import msgspec
import pytest
from cryptography import x509

from gateway.delivery.keyed_seal import KeyedSeal, seal_of
from gateway.delivery.sealing import NoSeal, Unsealed
from gateway.port import Capacity, WireRequest
from gateway.port.signing import Answers, Profile, SigningPolicy
from gateway.signing import jws, xades
from gateway.signing.authority import new_authority
from gateway.signing.expectation import Expectation
from gateway.signing.findings import CannotSign
from gateway.signing.keyring import Authority, Keyring
from gateway.signing.keys import SigningKey, local_key
from gateway.wire.client import HttpClient
from tests.delivery.conftest import START, Engine
from tests.delivery.partner import Partner, StubAdapter
from tests.unit.signing_world import (
    DAY,
    DOSSIER,
    certificate,
    good,
    message,
    private,
)

POLICY = SigningPolicy(
    profile=Profile.JWS_DETACHED,
    key="ours",
    answers=Answers(profile=Profile.JWS_DETACHED, trusted="theirs"),
)


def key_of(number, *, days=60):
    private_key = private("p256", number)
    own = certificate(private_key, begins=START - DAY, ends=START + days * DAY)
    return local_key("ours", private_key, own)


OURS, THEIRS, STRANGER = key_of(50), key_of(51), key_of(52)


class SigningPartner(Partner):
    """Verifies every call, and signs its answers with ``key``; without one it does not sign."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.key: SigningKey | None = THEIRS
        self.trusted = (OURS.certificate,)

    async def handle(self, request):
        expected = Expectation(trusted=self.trusted, now=self.clock())
        good(jws.verify(request.headers.get("x-jws-signature"), request.content, expected))
        answer = await super().handle(request)
        if self.key is not None:
            answer.headers["x-jws-signature"] = jws.sign(answer.content, self.key, now=self.clock())
        return answer


@pytest.fixture
def partner(clock):
    return SigningPartner(clock)


@pytest.fixture
async def engine(database, partner, clock):
    adapter = StubAdapter()
    operations = tuple(msgspec.structs.replace(each, signing=POLICY) for each in adapter.manifest.operations)
    adapter.manifest = msgspec.structs.replace(adapter.manifest, operations=operations)
    opened = Engine(database, partner, clock, adapter=adapter)
    use(opened, OURS)
    yield opened
    await opened.close()


def use(engine, *keys):
    keyring = Keyring(keys={"ours": keys}, trusted={"theirs": [THEIRS.certificate]})
    engine.destination.sealer = seal_of(engine.destination, keyring)


async def test_what_leaves_is_signed_and_a_signed_answer_is_believed(engine, partner):
    await engine.steps("H99-1", 2)
    await engine.work()

    assert engine.states("H99-1") == ["delivered", "delivered"]
    assert partner.taken["H99-1"] == ["1", "2"]
    [(headers,), _] = engine.rows("SELECT headers FROM message WHERE kind = 'request' ORDER BY id")
    assert "x-jws-signature" in headers


@pytest.mark.parametrize(
    ("key", "claim"), [(None, "unsigned: "), (STRANGER, "untrusted_certificate: certificate")]
)
async def test_an_answer_that_nobody_trusted_signed_is_asked_about(engine, partner, key, claim):
    partner.key = key
    await engine.steps("H99-1", 1)
    await engine.work()
    found = engine.delivery("H99-1", "1")
    partner.key = THEIRS
    await engine.settle_everything()

    assert (found["state"], found["code"]) == ("in_doubt", "signature_refused")
    assert claim in found["reason"]
    assert engine.states("H99-1") == ["delivered"]
    assert partner.taken["H99-1"] == ["1"]


async def test_an_access_layer_may_be_busy_without_a_signature(engine, partner):
    partner.key = None
    partner.plan("H99-1", "busy")
    await engine.steps("H99-1", 1)
    await engine.work()
    waiting = engine.delivery("H99-1", "1")
    partner.key = THEIRS
    await engine.settle_everything()

    assert waiting["state"] == "waiting"
    assert engine.states("H99-1") == ["delivered"]


async def test_a_key_that_has_ended_parks_and_the_next_one_signs(engine, partner, clock):
    clock.move(days=61)
    await engine.steps("H99-1", 1)
    await engine.work()
    found = engine.delivery("H99-1", "1")
    following = key_of(53, days=120)
    partner.trusted, partner.key = (following.certificate,), following
    keyring = Keyring(keys={"ours": [OURS, following]}, trusted={"theirs": [following.certificate]})
    engine.destination.sealer = seal_of(engine.destination, keyring)
    await engine.steps("H99-2", 1)
    await engine.work()

    assert (found["state"], found["code"], found["actor"]) == ("parked", "cannot_sign", "operator")
    assert "expired on 2026-11-27; install" in found["reason"]
    assert engine.states("H99-2") == ["delivered"]


async def test_a_token_that_is_away_makes_it_wait(engine, partner):
    away = [True]

    def signer(algorithm, data):
        if away[0]:
            raise CannotSign("token_unavailable", "key ours: the token does not sign", passing=True)
        return OURS.signer(algorithm, data)

    use(engine, msgspec.structs.replace(OURS, signer=signer, waits=True))
    await engine.steps("H99-1", 1)
    await engine.work()
    waiting = engine.delivery("H99-1", "1")
    away[0] = False
    await engine.settle_everything()

    assert (waiting["state"], waiting["code"]) == ("waiting", "not_signed_yet")
    assert engine.states("H99-1") == ["delivered"]


async def test_a_defect_in_signing_parks_one_lane_and_is_told(engine):
    def signer(algorithm, data):
        raise ZeroDivisionError

    use(engine, msgspec.structs.replace(OURS, signer=signer))
    await engine.steps("H99-1", 1)
    await engine.work()
    use(engine, OURS)
    await engine.steps("H99-2", 1)
    await engine.work()

    assert engine.delivery("H99-1", "1")["reason"] == "ZeroDivisionError while signing"
    assert engine.states("H99-2") == ["delivered"]


async def test_an_authority_is_asked_in_the_log_and_may_be_away(engine, clock):
    authority, written = new_authority(clock())
    (root,) = x509.load_pem_x509_certificates(written)
    answers = [httpx.Response(503), None]

    def stamp(request):
        answer = answers.pop(0)
        return (
            httpx.Response(200, content=authority.answer(request.content, clock()))
            if answer is None
            else answer
        )

    policy = SigningPolicy(profile=Profile.XADES, key="ours", element=DOSSIER, timestamp="stamps")
    keyring = Keyring(
        keys={"ours": [OURS]},
        authorities={"stamps": Authority(name="stamps", url="https://tsa.example/", roots=(root,))},
    )
    client = HttpClient(Capacity(), transport=httpx.MockTransport(stamp))
    sealer = KeyedSeal(engine.destination, keyring, {"permit": policy}, authorities=client)
    request = WireRequest(method="POST", url="https://partner.example/ws", body=message())

    first = await sealer.sign("permit", request, clock())
    second = await sealer.sign("permit", request, clock())
    await sealer.close()

    assert isinstance(first, Unsealed)
    assert first.passing
    assert isinstance(second, WireRequest)
    expected = Expectation(trusted=(OURS.certificate,), now=clock(), authorities=(root,), timestamped=True)
    found = good(xades.verify(second.body, expected, element=DOSSIER))
    assert found.stamped_at == clock()
    assert engine.log() == [("timestamp", "request"), ("timestamp", "response")] * 2


async def test_a_destination_without_policies_has_no_seal(database, partner, clock):
    plain = Engine(database, partner, clock)
    try:
        assert isinstance(seal_of(plain.destination, Keyring()), NoSeal)
    finally:
        await plain.close()
