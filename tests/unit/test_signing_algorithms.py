"""Which algorithms and keys are accepted, and why the others are not."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa

from gateway.signing.algorithms import (
    ALGORITHMS,
    BY_XML,
    Family,
    fits,
    refusal,
    sign,
    usual,
    verifies,
    weakness,
)
from tests.unit.signing_world import private

KINDS = {
    "rsa": Family.RSA,
    "p256": Family.EC,
    "p384": Family.EC,
    "p521": Family.EC,
    "ed25519": Family.ED25519,
}


def test_every_algorithm_has_its_own_names():
    for vocabulary in ("jose", "xml", "http"):
        names = [getattr(each, vocabulary) for each in ALGORITHMS if getattr(each, vocabulary)]
        assert len(names) == len(set(names))
    assert all(each.digest in {"sha256", "sha384", "sha512"} for each in ALGORITHMS)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda each: each.jose)
@pytest.mark.parametrize("kind", KINDS)
def test_every_algorithm_signs_with_its_own_kind_of_key_and_verifies_nothing_else(algorithm, kind):
    key = private(kind)
    if not fits(algorithm, key.public_key()):
        return
    signature = sign(key, algorithm, b"signed")

    assert verifies(key.public_key(), algorithm, signature, b"signed")
    assert not verifies(key.public_key(), algorithm, signature, b"other")
    assert not verifies(key.public_key(), algorithm, signature[:-1], b"signed")
    assert not verifies(key.public_key(), algorithm, b"", b"signed")
    assert not verifies(private(kind, 1).public_key(), algorithm, signature, b"signed")


@pytest.mark.parametrize(
    ("kind", "vocabulary", "jose"),
    [
        ("rsa", "xml", "RS256"),
        ("rsa", "http", "RS256"),
        ("p256", "jose", "ES256"),
        ("p384", "xml", "ES384"),
        ("p521", "xml", "ES512"),
        ("ed25519", "http", "EdDSA"),
    ],
)
def test_a_key_has_its_usual_algorithm(kind, vocabulary, jose):
    assert usual(private(kind).public_key(), vocabulary=vocabulary).jose == jose


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "weak_algorithm"),
        ("http://www.w3.org/2000/09/xmldsig#dsa-sha1", "weak_algorithm"),
        ("http://www.w3.org/2000/09/xmldsig#sha1", "weak_algorithm"),
        ("http://www.w3.org/2001/04/xmldsig-more#md5", "weak_algorithm"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-md5", "weak_algorithm"),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", "weak_algorithm"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160", "weak_algorithm"),
        ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", "shared_secret"),
        ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "shared_secret"),
        ("HS256", "shared_secret"),
        ("hmac-sha256", "shared_secret"),
        ("none", "no_algorithm"),
        ("", "no_algorithm"),
        ("urn:unheard-of", "unknown_algorithm"),
    ],
)
def test_what_is_not_accepted_has_its_reason(name, code):
    assert refusal(name)[0] == code
    assert name not in BY_XML


def test_weak_keys_are_known():
    assert "1024" in weakness(private("rsa1024").public_key())
    assert "secp256k1" in weakness(private("secp256k1").public_key())
    assert "DSA" in weakness(dsa.generate_private_key(2048).public_key())
    assert not any(weakness(private(kind).public_key()) for kind in KINDS)
