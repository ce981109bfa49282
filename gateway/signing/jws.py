"""Detached JSON Web Signatures over the exact bytes of a body (RFC 7515, RFC 7797 with ``b64`` false).

The signature travels in a header as ``protected..signature``. Invariants: ``alg`` is one of the allowed asymmetric ones
and fits the pinned key, ``none`` and HMAC never; every critical header is understood or the signature is refused; the
body that comes out is the very body that was signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography import x509

from gateway.signing import instants
from gateway.signing.algorithms import BY_JOSE, judge_key, refusal, verifies
from gateway.signing.expectation import Expectation
from gateway.signing.findings import CannotSign, Examination, Refused, Verified, conclude
from gateway.signing.keys import SigningKey, fingerprint, judge_certificate, subject_of

LONGEST = 16 * 1024
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_UNDERSTOOD = frozenset({"b64"})


def sign(body: bytes, key: SigningKey, *, now: datetime) -> str:
    """The detached signature of ``body``. CannotSign for a key that JOSE has no algorithm for."""
    try:
        algorithm = key.algorithm("jose")
    except KeyError:
        raise CannotSign("key_unsuitable", f"key {key.name}: JOSE has no algorithm for it") from None
    protected = {
        "alg": algorithm.jose,
        "b64": False,
        "crit": ["b64"],
        "iat": int(now.timestamp()),
        "x5t#S256": encode(bytes.fromhex(fingerprint(key.certificate))),
    }
    header = encode(msgspec.json.encode(protected))
    return f"{header}..{encode(key.sign(algorithm, signing_input(header, body, encoded=False)))}"


def signing_input(header: str, payload: bytes, *, encoded: bool) -> bytes:
    """What is signed (RFC 7515 §5.1 step 5, RFC 7797 §3). ``encoded``: b64 is true."""
    return header.encode("ascii") + b"." + (encode(payload).encode("ascii") if encoded else payload)


def verify(signature: str | None, body: bytes, expected: Expectation) -> Verified | Refused:
    """``body`` when ``signature`` was made over it by one of the pinned keys, and lately; or why not."""
    return conclude(lambda exam: _examine(exam, signature, body, expected))


def _examine(exam: Examination, signature: str | None, body: bytes, expected: Expectation) -> Verified:
    if not signature:
        exam.stop("signature", "unsigned", "the header with the signature is missing")
    parts = signature.split(".")
    if len(parts) != 3 or parts[1] or len(signature) > LONGEST:
        exam.stop("signature", "malformed", "expected a header, nothing, and a signature, parted by points")
    header = _header(exam, parts[0])
    algorithm = BY_JOSE.get(str(header.get("alg", "")))
    if algorithm is None:
        exam.stop("algorithm", *refusal(str(header.get("alg", ""))))
    encoded = _payload_encoded(exam, header)
    certificate = _certificate(exam, header, expected)
    judge_certificate(exam, certificate, expected.trusted, expected.now)
    key = certificate.public_key()
    if judge_key(exam, algorithm, key):
        value = decode(exam, parts[2], "signature value")
        holds = verifies(key, algorithm, value, signing_input(parts[0], body, encoded=encoded))
        found = "holds" if holds else "does not hold for this key, header and body"
        exam.note("signature value", holds, "signature_invalid", f"{algorithm.jose} {found}")
    signed_at = _instant(header.get("iat"))
    instants.judge(exam, signed_at, _instant(header.get("exp")), expected)
    return Verified(
        content=body, claims=tuple(exam.claims), signer=subject_of(certificate), signed_at=signed_at
    )


def _header(exam: Examination, part: str) -> dict[str, Any]:
    try:
        header = msgspec.json.decode(decode(exam, part, "header"), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        exam.stop("header", "malformed", "the protected header is no JSON object")
    return header


def _payload_encoded(exam: Examination, header: dict[str, Any]) -> bool:
    critical = header.get("crit", [])
    if not isinstance(critical, list) or ("crit" in header and not critical):
        exam.stop("header", "malformed", "crit is an array of names")
    unknown = [str(name) for name in critical if name not in _UNDERSTOOD]
    if unknown:
        exam.stop("header", "critical_unknown", f"{unknown[0][:60]} is critical and not understood")
    encoded = header.get("b64", True)
    if not isinstance(encoded, bool) or (not encoded and "b64" not in critical):
        exam.stop("header", "malformed", "b64 is a truth value, and critical when it is false (RFC 7797 §6)")
    return encoded


def _certificate(exam: Examination, header: dict[str, Any], expected: Expectation) -> x509.Certificate:
    """The pinned certificate that the header names; where it names none, the only one."""
    thumbprint = header.get("x5t#S256")
    if thumbprint is None and len(expected.trusted) == 1:
        return expected.trusted[0]
    for certificate in expected.trusted:
        if thumbprint == encode(bytes.fromhex(fingerprint(certificate))):
            return certificate
    told = f"none of the {len(expected.trusted)} pinned has the thumbprint {str(thumbprint)[:60]}"
    return exam.stop("certificate", "untrusted_certificate", told)


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def encode(value: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode(exam: Examination, text: str, subject: str) -> bytes:
    """The bytes of Base64url without padding."""
    if _BASE64URL.fullmatch(text) and len(text) % 4 != 1:
        try:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            exam.stop(subject, "not_base64", "it is no Base64url")
    return exam.stop(subject, "not_base64", "it is no Base64url")
