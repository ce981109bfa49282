"""The algorithms that are accepted, and why the others are not.

RSA from 2048 bits, ECDSA on P-256, P-384 and P-521, Ed25519; SHA-2 (construction §6; RFC 9421 §3.3, RFC 7518 §3).
Invariant: an algorithm is accepted when it stands in ``ALGORITHMS``; an algorithm never decides about the kind of key:
the key does, so that a public key is never taken for a shared secret.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.signing.findings import Examination

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

SHORTEST_RSA = 2048
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_PSS = "http://www.w3.org/2007/05/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"


class Family(StrEnum):
    """Kinds of key and padding."""

    RSA = "rsa"
    PSS = "pss"
    EC = "ec"
    ED25519 = "ed25519"


class Algorithm(msgspec.Struct, frozen=True, kw_only=True):
    """One signature algorithm by its three names (empty where the vocabulary has none). ``curve`` for ECDSA."""

    jose: str
    family: Family
    digest: str
    xml: str = ""
    http: str = ""
    curve: str = ""

    @property
    def hash(self) -> hashes.HashAlgorithm:
        """The hash function."""
        return HASHES[self.digest]


HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
XML_DIGESTS = {f"{_ENC}sha256": "sha256", f"{_MORE}sha384": "sha384", f"{_ENC}sha512": "sha512"}
DIGEST_SHA256 = f"{_ENC}sha256"

ALGORITHMS: tuple[Algorithm, ...] = (
    Algorithm(
        jose="RS256", family=Family.RSA, digest="sha256", xml=f"{_MORE}rsa-sha256", http="rsa-v1_5-sha256"
    ),
    Algorithm(jose="RS384", family=Family.RSA, digest="sha384", xml=f"{_MORE}rsa-sha384"),
    Algorithm(jose="RS512", family=Family.RSA, digest="sha512", xml=f"{_MORE}rsa-sha512"),
    Algorithm(jose="PS256", family=Family.PSS, digest="sha256", xml=f"{_PSS}sha256-rsa-MGF1"),
    Algorithm(jose="PS384", family=Family.PSS, digest="sha384", xml=f"{_PSS}sha384-rsa-MGF1"),
    Algorithm(
        jose="PS512", family=Family.PSS, digest="sha512", xml=f"{_PSS}sha512-rsa-MGF1", http="rsa-pss-sha512"
    ),
    Algorithm(
        jose="ES256",
        family=Family.EC,
        digest="sha256",
        xml=f"{_MORE}ecdsa-sha256",
        http="ecdsa-p256-sha256",
        curve="secp256r1",
    ),
    Algorithm(
        jose="ES384",
        family=Family.EC,
        digest="sha384",
        xml=f"{_MORE}ecdsa-sha384",
        http="ecdsa-p384-sha384",
        curve="secp384r1",
    ),
    Algorithm(jose="ES512", family=Family.EC, digest="sha512", xml=f"{_MORE}ecdsa-sha512", curve="secp521r1"),
    Algorithm(jose="EdDSA", family=Family.ED25519, digest="sha512", http="ed25519"),
)
BY_XML = {each.xml: each for each in ALGORITHMS if each.xml}
BY_JOSE = {each.jose: each for each in ALGORITHMS}
BY_HTTP = {each.http: each for each in ALGORITHMS if each.http}
# What people meet, by how the name ends; whatever else is not in the tables is "unknown".
_BROKEN = ("sha1", "md5", "dsa-sha256", "ripemd160", "sha224", "sha224-rsa-mgf1", "sha1-rsa-mgf1")
_SHARED = ("hmac", "hs256", "hs384", "hs512")


def refusal(name: str) -> tuple[str, str]:
    """Code and words for an algorithm called ``name`` that is not accepted."""
    lowered = name.lower().rpartition("#")[2]
    if lowered in {"", "none"}:
        return "no_algorithm", "without an algorithm there is no signature"
    if lowered.startswith(_SHARED):
        return "shared_secret", f"{name} needs no private key: whoever can verify can forge"
    if lowered.endswith(_BROKEN):
        return "weak_algorithm", f"{name} is broken or too weak; SHA-2 is needed"
    return "unknown_algorithm", f"{name[:120]} is not one of those agreed on"


def weakness(key: object) -> str:
    """What is wrong with a public key, or nothing."""
    match key:
        case rsa.RSAPublicKey():
            too_short = key.key_size < SHORTEST_RSA
            return f"RSA of {key.key_size} bits, at least {SHORTEST_RSA} are needed" if too_short else ""
        case ec.EllipticCurvePublicKey():
            known = any(each.curve == key.curve.name for each in ALGORITHMS)
            return "" if known else f"curve {key.curve.name} is not one of those agreed on"
        case ed25519.Ed25519PublicKey():
            return ""
        case _:
            return f"{type(key).__name__} is not one of the kinds of key agreed on"


def fits(algorithm: Algorithm, key: object) -> bool:
    """Whether ``key`` is of the algorithm's kind."""
    match algorithm.family:
        case Family.RSA | Family.PSS:
            return isinstance(key, rsa.RSAPublicKey)
        case Family.EC:
            # XML signatures leave the choice of hash to the signer; a curve's own or a longer one is fine.
            return isinstance(key, ec.EllipticCurvePublicKey)
        case Family.ED25519:
            return isinstance(key, ed25519.Ed25519PublicKey)


def usual(key: PublicKey, *, vocabulary: str) -> Algorithm:
    """The algorithm that ``key`` signs with in ``vocabulary`` (jose, xml, http). KeyError when there is none."""
    for each in ALGORITHMS:
        curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else ""
        if getattr(each, vocabulary) and fits(each, key) and each.curve == curve:
            return each
    raise KeyError(vocabulary)


def sign(key: PrivateKey, algorithm: Algorithm, data: bytes) -> bytes:
    """The signature of ``data``; ECDSA as r and s side by side, as XML, JOSE and HTTP all want it."""
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(data, _padding(algorithm), algorithm.hash)
        case ec.EllipticCurvePrivateKey():
            return side_by_side(key.sign(data, ec.ECDSA(algorithm.hash)), key.curve.key_size)
        case ed25519.Ed25519PrivateKey():
            return key.sign(data)


def verifies(key: object, algorithm: Algorithm, signature: bytes, data: bytes) -> bool:
    """Whether ``signature`` of ``data`` was made with the private half of ``key``."""
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, data, _padding(algorithm), algorithm.hash)
            case ec.EllipticCurvePublicKey():
                size = (key.curve.key_size + 7) // 8
                if len(signature) != 2 * size:
                    return False
                r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
                key.verify(encode_dss_signature(r, s), data, ec.ECDSA(algorithm.hash))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, data)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def judge_key(exam: Examination, algorithm: Algorithm, key: object) -> bool:
    """Whether ``key`` is strong and of the algorithm's kind, as claims."""
    weak = weakness(key)
    strong = exam.note("key", not weak, "weak_key", weak or "strong enough")
    suits = fits(algorithm, key)
    found = f"{algorithm.jose} with {'' if suits else 'another kind of '}{type(key).__name__}"
    return exam.note("algorithm and key", suits, "key_mismatch", found) and strong


def side_by_side(der: bytes, bits: int) -> bytes:
    """The two numbers of an ECDSA signature, each as long as the curve."""
    size = (bits + 7) // 8
    r, s = decode_dss_signature(der)
    return r.to_bytes(size) + s.to_bytes(size)


def _padding(algorithm: Algorithm) -> padding.AsymmetricPadding:
    if algorithm.family is Family.PSS:
        # RFC 7518 §3.5, RFC 9421 §3.3.1, RFC 9231 §2.3.10: the salt is as long as the hash
        return padding.PSS(mgf=padding.MGF1(algorithm.hash), salt_length=algorithm.hash.digest_size)
    return padding.PKCS1v15()
