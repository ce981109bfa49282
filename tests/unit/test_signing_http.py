"""HTTP message signatures: the vectors of RFC 9421 appendix B, http-message-signatures as a stranger, forgeries."""

import base64
import hashlib
import hmac
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from gateway.port import WireRequest, WireResponse
from gateway.signing import http_signature
from gateway.signing.algorithms import BY_HTTP, sign, verifies
from gateway.signing.findings import CannotSign
from gateway.signing.http_signature import of_request, of_response, signature_base
from gateway.signing.structured import Malformed, byte_string, covered, dictionary, write_string
from tests.unit.signing_world import NOW, bad, expecting, good, private, signing_key

KEY = signing_key()
COMPONENTS = ("@method", "@target-uri", "content-type")
REQUEST = WireRequest(
    method="POST",
    url="https://partner.example/api/v1/hosos?loai=1",
    headers=(("Content-Type", "application/json"), ("X-Trace", "a")),
    body='{"name":"Nguyễn Văn Thử"}'.encode(),
)
ANSWER = WireResponse(
    status=200, headers=(("Content-Type", "application/json"), ("X-Extra", "e")), body=b'{"ok":1}'
)
BOUND = ("@status", "@method;req", "@target-uri;req")

# --- RFC 9421, appendix B: keys of B.1, messages and signatures of B.2

RSA_PSS = load_der_public_key(
    base64.b64decode(
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1G"
        "H45x28Rw3Ry53mm+oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+"
        "Wokqltd11nqqzi+bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQ"
        "VklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI2wIDAQAB"
    )
)
P256 = load_der_public_key(
    base64.b64decode(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkD"
        "XZCnTNnoXQ=="
    )
)
ED25519 = load_der_private_key(
    base64.b64decode("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF"), None
)
SHARED = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
DIGEST = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
B_REQUEST = of_request(
    WireRequest(
        method="POST",
        url="https://example.com/foo?param=Value&Pet=dog",
        headers=(
            ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("Content-Type", "application/json"),
            ("Content-Digest", DIGEST),
            ("Content-Length", "18"),
        ),
        body=b'{"hello": "world"}',
    )
)
B_ANSWER = of_response(
    WireResponse(
        status=200,
        headers=(
            ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
            ("Content-Type", "application/json"),
            (
                "Content-Digest",
                "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:",
            ),
            ("Content-Length", "23"),
        ),
        body=b'{"message": "good dog"}',
    ),
    None,
)
B21 = (
    "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG5"
    "2eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogU"
    "vA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98X"
    "w9Q=="
)
B23 = (
    "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUx"
    "N0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1i"
    "pwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4"
    "cUA=="
)
B24 = "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
B26 = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
B21_INPUT = '();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"'
B23_INPUT = (
    '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")'
    ';created=1618884473;keyid="test-key-rsa-pss"'
)
B24_INPUT = '("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"'
B25_INPUT = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
B26_INPUT = '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"'


@pytest.mark.parametrize(
    ("message", "written", "key", "name", "signature"),
    [
        (B_REQUEST, B21_INPUT, RSA_PSS, "rsa-pss-sha512", B21),
        (B_REQUEST, B23_INPUT, RSA_PSS, "rsa-pss-sha512", B23),
        (B_ANSWER, B24_INPUT, P256, "ecdsa-p256-sha256", B24),
        (B_REQUEST, B26_INPUT, ED25519.public_key(), "ed25519", B26),
    ],
    ids=["B.2.1", "B.2.3", "B.2.4", "B.2.6"],
)
def test_rfc_9421_vectors_verify_and_changed_ones_do_not(message, written, key, name, signature):
    data = signature_base(message, covered(written), written)

    assert verifies(key, BY_HTTP[name], base64.b64decode(signature), data)
    assert not verifies(key, BY_HTTP[name], base64.b64decode(signature), data.replace(b"8884473", b"8884474"))


def test_rfc_9421_b_2_6_is_reproduced():
    data = signature_base(B_REQUEST, covered(B26_INPUT), B26_INPUT)

    assert base64.b64encode(sign(ED25519, BY_HTTP["ed25519"], data)).decode() == B26


def test_rfc_9421_b_2_5_is_what_it_is_and_is_refused():
    data = signature_base(B_REQUEST, covered(B25_INPUT), B25_INPUT)
    made = base64.b64encode(hmac.digest(SHARED, data, hashlib.sha256)).decode()

    assert made == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
    message = msgspec.structs.replace(
        B_REQUEST,
        headers=(
            *B_REQUEST.headers,
            ("Signature-Input", 'sig-b25=("content-digest");created=1618884473;alg="hmac-sha256"'),
            ("Signature", f"sig-b25=:{made}:"),
        ),
    )
    bad(http_signature.verify(message, (), expecting(KEY)), "shared_secret")


# --- ours


def signed(request=REQUEST, key=KEY, components=COMPONENTS):
    added = http_signature.sign(of_request(request), key, components, now=NOW)
    return msgspec.structs.replace(request, headers=(*request.headers, *added))


def verify(request, key=KEY, required=COMPONENTS, **changes):
    return http_signature.verify(of_request(request), required, expecting(key, **changes))


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "ed25519"])
def test_what_is_signed_here_verifies_here(kind):
    key = signing_key(kind)

    found = good(verify(signed(key=key), key))

    assert found.content == REQUEST.body
    assert found.signed_at == NOW.replace(microsecond=0)


def test_only_covered_headers_come_out():
    names = [name for name, _ in http_signature.covered_headers(of_request(signed()))]

    assert names == ["Content-Type", "content-digest"]


@pytest.mark.parametrize("kind", ["rsa", "p256", "ed25519"])
def test_http_message_signatures_verifies_what_is_signed_here(kind):
    from http_message_signatures import (
        HTTPMessageVerifier,
        HTTPSignatureKeyResolver,
        InvalidSignature,
        algorithms,
    )

    key = signing_key(kind)
    kinds = {"rsa": "RSA_V1_5_SHA256", "p256": "ECDSA_P256_SHA256", "ed25519": "ED25519"}

    class Resolver(HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id):
            return key.public

    verifier = HTTPMessageVerifier(
        signature_algorithm=getattr(algorithms, kinds[kind]), key_resolver=Resolver()
    )
    verifier.max_clock_skew = timedelta(days=36_500)  # the clock of this test is passed in, theirs is not
    found = _theirs(signed(key=key))
    age = timedelta(days=36_500)

    (result,) = verifier.verify(found, max_age=age)
    assert set(result.covered_components) >= {'"@method"', '"@target-uri"', '"content-digest"'}
    found.headers["content-type"] = "text/plain"
    with pytest.raises(InvalidSignature):
        verifier.verify(found, max_age=age)


def test_what_http_message_signatures_signs_verifies_here():
    from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

    class Resolver(HTTPSignatureKeyResolver):
        def resolve_private_key(self, key_id):
            return private("p256")

    theirs = _theirs(REQUEST)
    digest = base64.b64encode(hashlib.sha256(REQUEST.body).digest()).decode()
    theirs.headers["content-digest"] = f"sha-256=:{digest}:"
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=Resolver())
    signer.sign(
        theirs,
        key_id="partner-1",
        covered_component_ids=("@method", "@target-uri", "content-type", "content-digest"),
        created=NOW,
        use_existing_digest=True,
    )

    good(verify(msgspec.structs.replace(REQUEST, headers=tuple(theirs.headers.items()))))


def _theirs(request):
    import requests

    made = requests.Request(request.method, request.url, data=request.body, headers=dict(request.headers))
    return made.prepare()


def answered(*, request=REQUEST, components=BOUND, answer=ANSWER):
    added = http_signature.sign(of_response(answer, request), KEY, components, now=NOW)
    return msgspec.structs.replace(answer, headers=(*answer.headers, *added))


def test_an_answer_is_bound_to_its_request():
    other = msgspec.structs.replace(REQUEST, url="https://partner.example/api/v1/hosos?loai=2")

    good(http_signature.verify(of_response(answered(), REQUEST), BOUND, expecting(KEY)))
    bad(http_signature.verify(of_response(answered(), other), BOUND, expecting(KEY)), "signature_invalid")


def test_the_status_of_an_answer_is_covered():
    turned = msgspec.structs.replace(answered(), status=500)

    bad(http_signature.verify(of_response(turned, REQUEST), BOUND, expecting(KEY)), "signature_invalid")


def test_an_answer_that_leaves_out_what_is_asked_for_is_refused():
    loose = answered(components=("@status",))

    bad(http_signature.verify(of_response(loose, REQUEST), BOUND, expecting(KEY)), "not_covered")


GENUINE = signed()


def changed(*, body=None, drop=(), put=(), **fields):
    headers = tuple(
        (name, dict(put).get(name.lower(), value))
        for name, value in GENUINE.headers
        if name.lower() not in drop
    )
    fields |= {} if body is None else {"body": body}
    return msgspec.structs.replace(GENUINE, headers=headers, **fields)


def input_with(old, new):
    (written,) = (value for name, value in GENUINE.headers if name == "signature-input")
    assert old in written
    return changed(put=(("signature-input", written.replace(old, new)),))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (changed(drop=("signature", "signature-input")), "unsigned"),
        (changed(drop=("signature",)), "unsigned"),
        (changed(body=b"{}"), "digest_mismatch"),
        (changed(method="PUT"), "signature_invalid"),
        (changed(url="https://partner.example/api/v1/hosos?loai=2"), "signature_invalid"),
        (changed(put=(("content-type", "text/plain"),)), "signature_invalid"),
        (changed(drop=("content-type",)), "malformed"),
        (changed(put=(("content-digest", "sha-256=:AAAA:"),)), "signature_invalid"),
        (changed(put=(("signature", "sig1=:AAAA:"),)), "signature_invalid"),
        (changed(put=(("signature", "other=:AAAA:"),)), "malformed"),
        (changed(put=(("signature", "junk"),)), "malformed"),
        (changed(put=(("signature-input", "junk"),)), "malformed"),
        (changed(put=(("signature-input", 'a=("x");keyid="1", b=("x")'),)), "repeated"),
        (input_with('"@method" ', ""), "not_covered"),
        (input_with(' "content-digest"', ""), "not_covered"),
        (input_with('"@method"', '"@method" "@method"'), "malformed"),
        (input_with('"@method" "@target-uri"', '"@target-uri" "@method"'), "signature_invalid"),
        (input_with('"@method"', '"@method"  '), "malformed"),
        (input_with('"content-type"', '"content-type" "content-type";bs'), "malformed"),
        (input_with('alg="ecdsa-p256-sha256"', 'alg="hmac-sha256"'), "shared_secret"),
        (input_with('alg="ecdsa-p256-sha256"', 'alg="none"'), "no_algorithm"),
        (input_with('alg="ecdsa-p256-sha256"', 'alg="rsa-v1_5-sha1"'), "weak_algorithm"),
        (input_with('alg="ecdsa-p256-sha256"', 'alg="rsa-v1_5-sha256"'), "key_mismatch"),
        (input_with("expires=", "expires=9"), "signature_invalid"),
        (input_with("keyid=", 'x="1";keyid='), "signature_invalid"),
        (signed(key=signing_key("p256", 1)), "untrusted_certificate"),
    ],
)
def test_forged_message_is_refused_for_its_own_reason(request_, code):
    good(verify(GENUINE))

    bad(verify(request_), code)


def test_a_weak_digest_of_the_body_is_refused():
    weak = msgspec.structs.replace(REQUEST, headers=(*REQUEST.headers, ("content-digest", "md5=:AAAA:")))
    message = of_request(weak)
    written = f'("@method" "@target-uri" "content-type" "content-digest");created={int(NOW.timestamp())}'
    value = KEY.sign(KEY.algorithm("http"), signature_base(message, covered(written), written))
    headers = (
        *weak.headers,
        ("signature-input", f"s={written}"),
        ("signature", f"s=:{base64.b64encode(value).decode()}:"),
    )

    bad(verify(msgspec.structs.replace(weak, headers=headers)), "weak_algorithm")


@pytest.mark.parametrize(("seconds", "code"), [(-62, "created_in_future"), (400, "expired")])
def test_message_out_of_its_time_is_refused(seconds, code):
    bad(verify(GENUINE, now=NOW + timedelta(seconds=seconds)), code)


def test_what_cannot_be_covered_is_not_signed():
    with pytest.raises(CannotSign, match="@status"):
        signed(components=("@status",))
    with pytest.raises(CannotSign, match="no algorithm"):
        signed(key=signing_key("p521"))


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("https://A.Example:443", "@authority", "a.example"),
        ("https://a.example:8443/", "@authority", "a.example:8443"),
        ("http://a.example", "@path", "/"),
        ("http://a.example/x%20y?", "@query", "?"),
        ("http://a.example/x?q=1", "@request-target", "/x?q=1"),
        ("HTTP://a.example/", "@scheme", "http"),
    ],
)
def test_derived_components(url, name, value):
    written = f'("{name}")'
    message = of_request(WireRequest(method="GET", url=url))

    assert signature_base(message, covered(written), written).decode().splitlines()[0] == f'"{name}": {value}'


def test_several_values_of_a_header_are_one():
    written = '("x-many")'
    message = of_request(
        WireRequest(method="GET", url="http://a.example", headers=(("X-Many", " a "), ("x-many", "b")))
    )

    assert signature_base(message, covered(written), written).splitlines()[0] == b'"x-many": a, b'


@pytest.mark.parametrize(
    "text", ["a", "a=", 'a=("x"', 'a=("x") b=("y")', "a=:AA:,", "A=:AA:", "a=:A!:", "a=:AA:, a=:AA:"]
)
def test_fields_that_are_not_well_formed_are_refused(text):
    with pytest.raises(Malformed):
        [byte_string(value) for value in dictionary(text).values()]


@pytest.mark.parametrize(
    "written", ["", "x", '("a""b")', '( "a")', '("a" )', '("a");A=1', '("a");a=1;a=2', '("é")', "(a)"]
)
def test_inner_lists_that_are_not_canonical_are_refused(written):
    with pytest.raises(Malformed):
        covered(written)


def test_strings_are_escaped_and_only_ascii():
    assert write_string('a"b\\c') == '"a\\"b\\\\c"'
    with pytest.raises(Malformed):
        write_string("hồ sơ")
