"""Detached JWS: the vectors of RFC 7515 and RFC 7797, joserfc as a stranger, forgeries."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.signing import jws
from gateway.signing.algorithms import BY_JOSE, verifies
from gateway.signing.findings import CannotSign, Examination
from tests.unit.signing_world import NOW, bad, expecting, good, private, signing_key

KEY = signing_key()
BODY = '{"code":"H99.14-261126-0007","name":"Nguyễn Văn Thử"}'.encode()


def unbase64(text):
    return jws.decode(Examination(), text, "vector")


def number(text):
    return int.from_bytes(unbase64(text))


# RFC 7515, appendix A: the payload is the same in A.1 to A.3
PAYLOAD = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
A1_HEADER, A1_SIGNATURE = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
)
A1_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
A2_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1"
    "dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzD"
    "wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe7"
    "7Rw"
)
A2_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgN"
    "MsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsm"
    "tdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
A3_X, A3_Y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
A3_SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"


def test_rfc_7515_a2_verifies_and_a_changed_payload_does_not():
    key = rsa.RSAPublicNumbers(65537, number(A2_N)).public_key()
    data = jws.signing_input(jws.encode(b'{"alg":"RS256"}'), PAYLOAD, encoded=True)

    assert verifies(key, BY_JOSE["RS256"], unbase64(A2_SIGNATURE), data)
    assert not verifies(key, BY_JOSE["RS256"], unbase64(A2_SIGNATURE), data + b"A")
    assert not verifies(key, BY_JOSE["PS256"], unbase64(A2_SIGNATURE), data)


def test_rfc_7515_a3_verifies_and_a_changed_payload_does_not():
    key = ec.EllipticCurvePublicNumbers(number(A3_X), number(A3_Y), ec.SECP256R1()).public_key()
    data = jws.signing_input(jws.encode(b'{"alg":"ES256"}'), PAYLOAD, encoded=True)

    assert verifies(key, BY_JOSE["ES256"], unbase64(A3_SIGNATURE), data)
    assert not verifies(key, BY_JOSE["ES256"], unbase64(A3_SIGNATURE), data + b"A")


def test_rfc_7515_a1_and_a5_are_what_they_are_and_are_refused():
    """HMAC is reproduced to the byte, and is no signature to us; "none" is nothing."""
    data = jws.signing_input(A1_HEADER, PAYLOAD, encoded=True)

    assert hmac.digest(unbase64(A1_KEY), data, hashlib.sha256) == unbase64(A1_SIGNATURE)
    bad(jws.verify(f"{A1_HEADER}..{A1_SIGNATURE}", PAYLOAD, expecting(KEY)), "shared_secret")
    bad(jws.verify("eyJhbGciOiJub25lIn0..", PAYLOAD, expecting(KEY)), "no_algorithm")


def test_rfc_7797_section_4_input_is_reproduced_with_and_without_b64():
    """§4.1: the usual way; §4.2: the payload as it is. Both with the HMAC key of RFC 7515 A.1."""
    usual, plain = jws.encode(b'{"alg":"HS256"}'), jws.encode(b'{"alg":"HS256","b64":false,"crit":["b64"]}')

    def signed(data):
        return jws.encode(hmac.digest(unbase64(A1_KEY), data, hashlib.sha256))

    assert (
        signed(jws.signing_input(usual, b"$.02", encoded=True))
        == "5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ"
    )
    assert plain == "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19"
    assert (
        signed(jws.signing_input(plain, b"$.02", encoded=False))
        == "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
    )


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521", "ed25519"])
def test_what_is_signed_here_verifies_here(kind):
    key = signing_key(kind)

    found = good(jws.verify(jws.sign(BODY, key, now=NOW), BODY, expecting(key)))

    assert found.content == BODY
    assert found.signed_at == NOW.replace(microsecond=0)


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
def test_joserfc_verifies_what_is_signed_here(kind):
    from joserfc import errors
    from joserfc.jwk import ECKey, RSAKey
    from joserfc.jws import JWSRegistry, deserialize_compact

    key = signing_key(kind)
    signature = jws.sign(BODY, key, now=NOW)
    written = (
        private(kind)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    theirs = (RSAKey if kind == "rsa" else ECKey).import_key(written)
    registry = JWSRegistry(algorithms=[key.algorithm("jose").jose], strict_check_header=False)

    found = deserialize_compact(signature, theirs, payload=BODY, registry=registry)
    assert found.payload == BODY
    with pytest.raises(errors.BadSignatureError):
        deserialize_compact(signature, theirs, payload=BODY + b" ", registry=registry)


def header_of(signature):
    return json.loads(unbase64(signature.split(".")[0]))


def with_header(**changes):
    """A header of the attacker's on our signature, or a well-signed one where ``sign`` is given."""
    header = {**header_of(jws.sign(BODY, KEY, now=NOW)), **changes}
    protected = jws.encode(
        msgspec.json.encode({name: value for name, value in header.items() if value is not None})
    )
    encoded = header.get("b64", True) is True or header.get("b64") is None
    data = jws.signing_input(protected, BODY, encoded=encoded)
    return f"{protected}..{jws.encode(KEY.sign(KEY.algorithm('jose'), data))}"


OTHER = base64.urlsafe_b64encode(hashlib.sha256(b"another").digest()).rstrip(b"=").decode()
GENUINE = jws.sign(BODY, KEY, now=NOW)


FORGED = [
    (None, "unsigned"),
    ("", "unsigned"),
    ("a.b", "malformed"),
    (GENUINE.replace("..", ".e30."), "malformed"),
    (GENUINE + "." * 20_000, "malformed"),
    (f"e30..{GENUINE.rpartition('.')[2]}", "no_algorithm"),
    (f"{jws.encode(b'[]')}..AAAA", "malformed"),
    (f"{jws.encode(bytes([255]))}..AAAA", "malformed"),
    (f"%%..{GENUINE.rpartition('.')[2]}", "not_base64"),
    (GENUINE[:-4], "signature_invalid"),
    (GENUINE.rpartition(".")[0] + ".====", "not_base64"),
    (with_header(alg="HS256"), "shared_secret"),
    (with_header(alg="none"), "no_algorithm"),
    (with_header(alg="NONE"), "no_algorithm"),
    (with_header(alg="RS1"), "unknown_algorithm"),
    (with_header(alg="RS256"), "key_mismatch"),
    (with_header(alg="ES384"), "signature_invalid"),
    (with_header(crit=["b64", "urn:evil"]), "critical_unknown"),
    (with_header(crit=[]), "malformed"),
    (with_header(crit="b64"), "malformed"),
    (with_header(b64="false"), "malformed"),
    (with_header(crit=None), "malformed"),
    (with_header(**{"x5t#S256": OTHER}), "untrusted_certificate"),
    (with_header(iat=None), "time_missing"),
    (with_header(iat="now"), "time_missing"),
    (with_header(iat=1e300), "time_missing"),
    (with_header(iat=NOW.timestamp() + 90), "created_in_future"),
    (with_header(iat=NOW.timestamp() - 900), "expired"),
    (with_header(exp=NOW.timestamp() - 90), "time_reversed"),
    (jws.sign(BODY + b" ", KEY, now=NOW), "signature_invalid"),
    (jws.sign(BODY, signing_key("p256", 1), now=NOW), "untrusted_certificate"),
]


@pytest.mark.parametrize(
    ("signature", "code"), FORGED, ids=[f"{number}-{code}" for number, (_, code) in enumerate(FORGED)]
)
def test_forged_signature_is_refused_for_its_own_reason(signature, code):
    bad(jws.verify(signature, BODY, expecting(KEY)), code)


def test_a_partner_that_names_no_certificate_is_its_only_one():
    good(jws.verify(with_header(**{"x5t#S256": None}), BODY, expecting(KEY)))
    refused = jws.verify(with_header(**{"x5t#S256": None}), BODY, expecting(KEY, signing_key("p256", 1)))

    bad(refused, "untrusted_certificate")


def test_an_attached_algorithm_keeps_the_encoded_form():
    good(jws.verify(with_header(b64=None, crit=None), BODY, expecting(KEY)))


def test_a_late_answer_is_refused():
    bad(jws.verify(GENUINE, BODY, expecting(KEY, now=NOW + timedelta(hours=1))), "expired")


def test_a_key_without_an_algorithm_does_not_sign():
    from gateway.signing.keys import SigningKey
    from tests.unit.signing_world import certificate

    odd = SigningKey(name="odd", certificate=certificate(private("secp256k1")), signer=KEY.signer)
    with pytest.raises(CannotSign, match="no algorithm"):
        jws.sign(BODY, odd, now=NOW)
