"""Where signing meets the engine: what is recorded is what was signed, what is read is what was verified."""

import msgspec
import pytest

from gateway.delivery.sealing import Distrusted, Trusted, Unsealed
from gateway.port import WireRequest, WireResponse
from tests.delivery.conftest import planned
from tests.delivery.partner import URL, VERDICTS


class Seal:
    """Signs with a header; verifies as it is told."""

    def __init__(self):
        self.signed = []
        self.verified = []
        self.cannot = None
        self.opened = None

    async def sign(self, operation, request, now):
        if self.cannot is not None:
            return self.cannot
        self.signed.append(operation)
        return msgspec.structs.replace(request, headers=(*request.headers, ("x-signature", "s1")))

    async def close(self):
        return

    def verify(self, operation, request, response, now):
        self.verified.append((operation, dict(request.headers).get("x-signature")))
        return Trusted(response=response) if self.opened is None else self.opened(response)


@pytest.fixture
def seal():
    return Seal()


@pytest.fixture
async def sealed(engine, seal):
    engine.destination.sealer = seal
    return engine


async def test_signed_request_is_what_is_recorded_and_verified_against(sealed, seal):
    await sealed.steps("H99-1", 1)
    await sealed.work()

    assert sealed.states("H99-1") == ["delivered"]
    [(headers,)] = sealed.rows("SELECT headers FROM message WHERE kind = 'request'")
    assert "x-signature" in headers
    assert seal.verified == [("step", "s1")]


async def test_what_cannot_be_signed_is_parked_for_an_operator_and_nothing_leaves(sealed, seal, partner):
    seal.cannot = Unsealed(reason="key H99: expired on 2026-09-01")
    await sealed.steps("H99-1", 2)
    await sealed.work()

    found = sealed.delivery("H99-1", "1")
    assert (found["state"], found["code"], found["actor"]) == ("parked", "cannot_sign", "operator")
    assert (found["attempts"], partner.calls, sealed.log()) == (0, 0, [])
    assert sealed.rows("SELECT kind FROM event") == [("delivery.parked",)]
    assert sealed.lane_state("H99-1") == "blocked"


async def test_authority_that_does_not_answer_makes_it_wait_and_it_goes_on(sealed, seal):
    seal.cannot = Unsealed(reason="the time-stamping authority does not answer", passing=True)
    await sealed.steps("H99-1", 1)
    await sealed.work()
    waiting = sealed.delivery("H99-1", "1")
    seal.cannot = None
    await sealed.settle_everything()

    assert (waiting["state"], waiting["code"]) == ("waiting", "not_signed_yet")
    assert sealed.states("H99-1") == ["delivered"]


async def test_answer_whose_signature_is_not_good_is_never_read(sealed, seal):
    seal.opened = lambda response: Distrusted(reason="reference #body: digest differs")
    sealed.adapter.broken["interpret"] = lambda: pytest.fail("the answer was read")
    await sealed.accept("H99-1", planned("letter", "1"))
    await sealed.work()

    found = sealed.delivery("H99-1", "1")
    assert (found["state"], found["code"]) == ("in_doubt", "signature_refused")
    assert found["reason"] == "reference #body: digest differs"


async def test_doubt_about_a_signature_is_asked_about_and_resolved(sealed, seal):
    answers = [lambda response: Distrusted(reason="no signature")] * 3
    seal.opened = lambda response: answers.pop()(response) if answers else Trusted(response=response)
    await sealed.steps("H99-1", 1)
    await sealed.settle_everything()

    assert sealed.states("H99-1") == ["delivered"]
    assert [operation for operation, _ in seal.verified] == ["step"] * 4
    assert len(seal.signed) == 4


async def test_only_what_was_verified_is_interpreted(sealed, seal, partner):
    inner = WireResponse(status=200, body=msgspec.json.encode({"verdicts": ["rejected"]}))
    seal.opened = lambda response: Trusted(response=inner)
    await sealed.steps("H99-1", 1)
    await sealed.work()

    assert sealed.states("H99-1") == ["rejected"]


@pytest.mark.parametrize(
    ("verdict", "state"), [("accepted", "in_doubt"), ("deferred", "waiting"), ("rejected", "rejected")]
)
async def test_nothing_counts_as_accepted_in_an_answer_that_may_come_unsigned(sealed, seal, verdict, state):
    body = msgspec.json.encode({"verdicts": [verdict]})
    seal.opened = lambda response: Trusted(response=WireResponse(status=200, body=body), agreed=False)
    await sealed.accept("H99-1", planned("letter", "1"))
    await sealed.work()

    assert sealed.states("H99-1") == [state]


@pytest.mark.parametrize("verdict", sorted(VERDICTS))
async def test_unsigned_answer_to_a_question_settles_nothing(sealed, seal, verdict):
    await sealed.steps("H99-1", 1)
    await sealed.execute(
        "UPDATE delivery SET state = 'in_doubt', due_at = 0, attempts = 1, doubts = 1, sent_at = 1"
    )
    body = msgspec.json.encode({"verdicts": [verdict]})
    seal.opened = lambda response: Trusted(response=WireResponse(status=200, body=body), agreed=False)
    await sealed.work()

    assert sealed.states("H99-1") == ["in_doubt"]
    assert sealed.delivery("H99-1", "1")["due_at"] is not None


async def test_question_outside_a_lane_is_signed_and_verified_too(sealed, seal):
    request = WireRequest(method="POST", url=f"{URL}/login")
    seal.opened = lambda response: Distrusted(reason="wrapped")

    result = (await sealed.destination.recorded_exchange("streets", request)).result

    assert (seal.signed, seal.verified) == (["streets"], [("streets", "s1")])
    assert type(result).__name__ == "NoAnswer"
    assert result.code == "signature_refused"


async def test_question_that_cannot_be_signed_does_not_leave(sealed, seal, partner):
    seal.cannot = Unsealed(reason="no key")

    request = sealed.adapter.encode_read("streets", {}, None)
    result = (await sealed.destination.recorded_exchange("streets", request)).result

    assert type(result).__name__ == "NotSent"
    assert (partner.calls, sealed.log()) == (0, [])
