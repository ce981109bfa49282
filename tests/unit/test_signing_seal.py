"""The engine's door: every profile signs and verifies by policy, and what is not signed does not get through."""

from datetime import timedelta

import msgspec
import pytest

from gateway.domain.errors import ConfigurationError
from gateway.port import Secret, WireRequest, WireResponse, header
from gateway.port.signing import UNSIGNED, Answers, Profile, SigningPolicy
from gateway.signing import http_signature, jws, wsse, xades
from gateway.signing.authority import TimestampAuthority
from gateway.signing.findings import CannotSign
from gateway.signing.keyring import Account, Authority, Keyring
from gateway.signing.seal import Proven, TimestampWanted, require, sign, verify
from tests.unit.signing_world import (
    DOSSIER,
    NOW,
    bad,
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
    accounts={"ours": Account(username="u", password=Secret("bí mật"))},
    authorities={"tsa": Authority(name="tsa", url="https://tsa.example/", roots=(ROOT,))},
)
REQUEST = WireRequest(
    method="POST", url="https://partner.example/ws", headers=(("Content-Type", "text/xml"),), body=message()
)
SIGNING = [profile for profile in Profile if profile not in {Profile.NONE, Profile.WSSE_USERNAME}]


def policy(profile, **changes):
    answers = Answers(profile=profile, trusted="theirs", element=DOSSIER)
    fields = {"profile": profile, "key": "ours", "element": DOSSIER, "answers": answers} | changes
    return SigningPolicy(**fields)


def signed(chosen):
    return sign(REQUEST, chosen, KEYRING, now=NOW, random=bytes)


def answer_of(profile, request, *, status=200, key=THEIRS):
    """What a partner answers that signs by ``profile``."""
    made = WireResponse(
        status=status, headers=(("Content-Type", "text/xml"), ("X-Extra", "e")), body=message()
    )
    match profile:
        case Profile.WSSE_X509:
            return msgspec.structs.replace(made, body=wsse.sign(made.body, key, now=NOW))
        case Profile.XADES:
            return msgspec.structs.replace(made, body=xades.sign(made.body, key, element=DOSSIER, now=NOW))
        case Profile.JWS_DETACHED:
            added = (("x-jws-signature", jws.sign(made.body, key, now=NOW)),)
        case Profile.HTTP_SIGNATURE:
            bound = http_signature.of_response(made, request)
            added = http_signature.sign(bound, key, Answers().components, now=NOW)
    return msgspec.structs.replace(made, headers=(*made.headers, *added))


def test_without_a_policy_nothing_is_touched():
    answer = WireResponse(status=200, body=b"x")

    assert signed(UNSIGNED) is REQUEST
    found = verify(answer, UNSIGNED, KEYRING, request=REQUEST, now=NOW)
    assert found == Proven(response=answer, verified=None, agreed=True)


@pytest.mark.parametrize("profile", SIGNING)
def test_a_request_is_signed_so_that_the_partner_can_verify_it(profile):
    made = signed(policy(profile))
    expected = expecting(OURS)
    match profile:
        case Profile.WSSE_X509:
            good(wsse.verify(made.body, expected))
        case Profile.XADES:
            good(xades.verify(made.body, expected, element=DOSSIER))
        case Profile.JWS_DETACHED:
            good(jws.verify(header(made.headers, "x-jws-signature"), made.body, expected))
        case Profile.HTTP_SIGNATURE:
            good(http_signature.verify(http_signature.of_request(made), ("@method", "@target-uri"), expected))


def test_a_username_token_is_put_in():
    from gateway.signing import username
    from gateway.signing.replay import ReplayWindow

    made = signed(policy(Profile.WSSE_USERNAME, answers=Answers()))

    good(username.verify(made.body, KEYRING.account("ours"), window=ReplayWindow(300), now=NOW))


@pytest.mark.parametrize("profile", SIGNING)
def test_a_signed_answer_gets_through_with_its_signed_bytes_only(profile):
    answer = answer_of(profile, REQUEST)

    found = verify(answer, policy(profile), KEYRING, request=REQUEST, now=NOW)

    assert isinstance(found, Proven), found
    assert found.verified is not None
    assert found.response.body == found.verified.content
    assert header(found.response.headers, "x-extra") is None
    assert b"125.50" in found.response.body


@pytest.mark.parametrize("profile", SIGNING)
def test_an_answer_that_is_unsigned_changed_late_or_of_a_stranger_does_not(profile):
    chosen, answer = policy(profile), answer_of(profile, REQUEST)
    plain = WireResponse(status=200, headers=(("content-type", "text/xml"),), body=message())
    changed = msgspec.structs.replace(answer, body=answer.body.replace(b"125.50", b"925.50"))
    stranger = answer_of(profile, REQUEST, key=OURS)

    bad(verify(plain, chosen, KEYRING, request=REQUEST, now=NOW), "unsigned")
    assert verify(changed, chosen, KEYRING, request=REQUEST, now=NOW).code in {
        "digest_mismatch",
        "signature_invalid",
    }
    bad(verify(stranger, chosen, KEYRING, request=REQUEST, now=NOW), "untrusted_certificate")
    bad(verify(answer, chosen, KEYRING, request=REQUEST, now=NOW + timedelta(hours=1)), "expired")


@pytest.mark.parametrize("profile", SIGNING)
@pytest.mark.parametrize("status", Answers().unsigned)
def test_a_refusal_by_an_access_layer_gets_through_without_being_agreed(profile, status):
    plain = WireResponse(status=status, body=b"busy")

    found = verify(plain, policy(profile), KEYRING, request=REQUEST, now=NOW)

    assert found == Proven(response=plain, verified=None, agreed=False)


@pytest.mark.parametrize("status", [200, 202, 400, 500])
def test_no_other_status_gets_through_unsigned(status):
    plain = WireResponse(status=status, body=message())

    bad(verify(plain, policy(Profile.WSSE_X509), KEYRING, request=REQUEST, now=NOW), "unsigned")


def test_a_time_stamp_is_asked_for_and_put_in():
    wanted = signed(policy(Profile.XADES, timestamp="tsa"))
    assert isinstance(wanted, TimestampWanted)
    assert wanted.question.url == "https://tsa.example/"

    answer = TimestampAuthority(private("p256", 91), STAMPING).answer(wanted.question.body, NOW)
    made = wanted.finish(WireResponse(status=200, body=answer))

    expected = expecting(OURS, authorities=(ROOT,), timestamped=True)
    assert good(xades.verify(made.body, expected, element=DOSSIER)).stamped_at is not None
    with pytest.raises(CannotSign, match="HTTP 503"):
        wanted.finish(WireResponse(status=503))


def test_a_request_that_bears_a_signature_is_not_signed_again():
    chosen = policy(Profile.JWS_DETACHED)

    with pytest.raises(CannotSign, match="already"):
        sign(signed(chosen), chosen, KEYRING, now=NOW, random=bytes)


@pytest.mark.parametrize("profile", [profile for profile in Profile if profile is not Profile.NONE])
def test_a_policy_whose_names_are_missing_stops_the_start(profile):
    chosen = policy(profile, answers=Answers())
    require(chosen, KEYRING)

    with pytest.raises(ConfigurationError, match="signs with"):
        require(msgspec.structs.replace(chosen, key="absent"), KEYRING)
    with pytest.raises(CannotSign):
        sign(REQUEST, msgspec.structs.replace(chosen, key="absent"), KEYRING, now=NOW, random=bytes)


@pytest.mark.parametrize(
    "chosen",
    [
        policy(Profile.XADES, element=""),
        policy(Profile.XADES, timestamp="absent"),
        policy(Profile.NONE, answers=Answers(profile=Profile.JWS_DETACHED, trusted="absent")),
        policy(Profile.NONE, answers=Answers(profile=Profile.WSSE_USERNAME, trusted="theirs")),
        policy(Profile.NONE, answers=Answers(profile=Profile.XADES, trusted="theirs")),
    ],
)
def test_a_policy_that_cannot_be_kept_stops_the_start(chosen):
    with pytest.raises(ConfigurationError):
        require(chosen, KEYRING)


def test_stamped_answers_need_an_authority():
    answers = Answers(profile=Profile.XADES, trusted="theirs", element=DOSSIER, timestamped=True)

    require(SigningPolicy(answers=answers), KEYRING)
    with pytest.raises(ConfigurationError, match="authorities"):
        require(SigningPolicy(answers=answers), Keyring(trusted={"theirs": [THEIRS.certificate]}))


@pytest.mark.parametrize(
    ("profile", "kind", "suits"),
    [
        (Profile.WSSE_X509, "ed25519", False),
        (Profile.XADES, "ed25519", False),
        (Profile.JWS_DETACHED, "ed25519", True),
        (Profile.HTTP_SIGNATURE, "p521", False),
        (Profile.HTTP_SIGNATURE, "ed25519", True),
        (Profile.XADES, "p521", True),
    ],
)
def test_a_key_that_a_profile_has_no_algorithm_for_stops_the_start(profile, kind, suits):
    keyring = Keyring(keys={"ours": [signing_key("rsa"), signing_key(kind)]})
    chosen = policy(profile, answers=Answers())
    if suits:
        require(chosen, keyring)
        return

    with pytest.raises(ConfigurationError, match="of no use here"):
        require(chosen, keyring)


def test_message_without_a_place_for_a_signature_leaves_as_it_is_where_the_contract_says_so():
    chosen = policy(Profile.XADES, element="{urn:x}Nothing", where_present=True)
    assert signed(chosen) is REQUEST
    with pytest.raises(CannotSign):
        signed(msgspec.structs.replace(chosen, where_present=False))


def test_message_with_the_place_is_signed_all_the_same():
    made = signed(policy(Profile.XADES, where_present=True))
    assert not isinstance(made, TimestampWanted)
    assert good(xades.verify(made.body, expecting(OURS), element=DOSSIER))
