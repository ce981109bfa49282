"""The seal by keyring and policies, in the engine: signed for real, verified for real, stamped by an authority."""

from types import SimpleNamespace

import httpx
import msgspec
import pytest

from gateway.delivery.keyed_seal import KeyedSeal, seal_of
from gateway.delivery.sealing import Distrusted, NoSeal, Trusted, Unsealed
from gateway.port import Capacity, WireRequest, WireResponse, header
from gateway.port.signing import Answers, Profile, SigningPolicy
from gateway.signing import jws
from gateway.signing.authority import TimestampAuthority
from gateway.signing.keyring import Authority, Keyring
from gateway.wire.client import HttpClient
from tests.delivery.partner import URL
from tests.unit.signing_world import (
    DAY,
    DOSSIER,
    NOW,
    expecting,
    good,
    message,
    private,
    signing_key,
    timestamp_certificate,
)

OURS, THEIRS = signing_key("p256", 20), signing_key("p256", 21)
ROOT, STAMPING = timestamp_certificate(private("p256", 91))
KEYRING = Keyring(
    keys={"ours": [OURS]},
    trusted={"theirs": [THEIRS.certificate]},
    authorities={"tsa": Authority(name="tsa", url="https://tsa.example/", roots=(ROOT,))},
)
JWS = SigningPolicy(
    profile=Profile.JWS_DETACHED,
    key="ours",
    answers=Answers(profile=Profile.JWS_DETACHED, trusted="theirs"),
)
STAMPED = SigningPolicy(profile=Profile.XADES, key="ours", element=DOSSIER, timestamp="tsa")
REQUEST = WireRequest(method="POST", url=f"{URL}/send", body=message())


class Stamps(httpx.AsyncBaseTransport):
    """The authority, over a wire."""

    def __init__(self):
        self.authority = TimestampAuthority(private("p256", 91), STAMPING)
        self.away = False

    async def handle_async_request(self, request):
        if self.away:
            raise httpx.ConnectError("refused")
        answer = self.authority.answer(request.read(), NOW)
        content = answer.body if isinstance(answer, WireResponse) else answer
        return httpx.Response(200, content=content, headers={"content-type": "application/timestamp-reply"})


@pytest.fixture
def stamps():
    return Stamps()


@pytest.fixture
async def seal(engine, clock, stamps):
    clock.now = NOW
    authorities = HttpClient(Capacity(), transport=stamps)
    opened = KeyedSeal(
        engine.destination, KEYRING, {"step": JWS, "stamped": STAMPED}, authorities=authorities
    )
    engine.destination.sealer = opened
    return opened


def answer(key=THEIRS, body=b'{"verdicts": ["accepted"]}', status=200):
    signature = jws.sign(body, key, now=NOW)
    return WireResponse(status=status, headers=(("x-jws-signature", signature),), body=body)


async def test_request_leaves_so_that_the_partner_can_verify_it(engine, seal, partner):
    request = await seal.sign("step", REQUEST, NOW)

    assert isinstance(request, WireRequest)
    good(jws.verify(header(request.headers, "x-jws-signature"), request.body, expecting(OURS)))


async def test_operation_without_a_policy_is_not_touched(seal):
    assert await seal.sign("credential.token", REQUEST, NOW) is REQUEST
    given = answer()
    assert seal.verify("letter", REQUEST, given, NOW) == Trusted(response=given)


@pytest.mark.parametrize("operation", ["step", "step.query", "step.feed"])
async def test_what_stands_behind_a_dot_goes_by_the_same_policy(seal, operation):
    request = await seal.sign(operation, REQUEST, NOW)

    assert isinstance(request, WireRequest)
    assert header(request.headers, "x-jws-signature")


async def test_good_answer_is_trusted_and_a_forged_one_is_not(seal):
    trusted = seal.verify("step", REQUEST, answer(), NOW)
    forged = seal.verify("step", REQUEST, answer(key=OURS), NOW)
    changed = seal.verify("step", REQUEST, msgspec.structs.replace(answer(), body=b"{}"), NOW)
    stripped = seal.verify("step", REQUEST, WireResponse(status=200, body=b"{}"), NOW)

    assert isinstance(trusted, Trusted)
    assert trusted.agreed
    assert all(isinstance(each, Distrusted) for each in (forged, changed, stripped))


async def test_status_of_the_platform_in_front_may_come_unsigned(seal):
    found = seal.verify("step", REQUEST, WireResponse(status=503), NOW)

    assert isinstance(found, Trusted)
    assert not found.agreed


async def test_key_that_has_expired_is_for_an_operator(seal):
    found = await seal.sign("step", REQUEST, NOW + 40 * DAY)

    assert isinstance(found, Unsealed)
    assert not found.passing


async def test_authority_stamps_the_signature_and_both_are_logged(engine, seal):
    request = await seal.sign("stamped", REQUEST, NOW)

    assert isinstance(request, WireRequest)
    assert b"SignatureTimeStamp" in request.body
    assert engine.log() == [("timestamp", "request"), ("timestamp", "response")]


async def test_authority_that_is_away_is_asked_again_later(seal, stamps):
    stamps.away = True
    found = await seal.sign("stamped", REQUEST, NOW)
    stamps.away = False
    again = await seal.sign("stamped", REQUEST, NOW)

    assert isinstance(found, Unsealed)
    assert found.passing
    assert isinstance(again, WireRequest)


async def test_delivery_goes_out_signed_and_an_unsigned_yes_is_a_doubt(engine, seal):
    await engine.steps("H99-1", 1)
    await engine.work()

    found = engine.delivery("H99-1", "1")
    [(headers,)] = engine.rows("SELECT headers FROM message WHERE kind = 'request' LIMIT 1")
    assert "x-jws-signature" in headers
    assert (found["state"], found["code"]) == ("in_doubt", "signature_refused")


async def test_adapter_without_policies_gets_no_seal_and_one_with_policies_gets_one(engine):
    manifest = engine.adapter.manifest
    plain = seal_of(engine.destination, KEYRING)
    signing = msgspec.structs.replace(
        manifest, operations=(msgspec.structs.replace(manifest.operations[0], signing=JWS),)
    )
    other = SimpleNamespace(adapter=SimpleNamespace(manifest=signing), name="x")

    assert isinstance(plain, NoSeal)
    assert isinstance(seal_of(other, KEYRING), KeyedSeal)
