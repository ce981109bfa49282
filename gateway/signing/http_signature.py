"""HTTP message signatures (RFC 9421) with the digest of the body (RFC 9530).

Invariants: a message is verified when its body's digest is covered; what comes out has the covered headers and no other;
an answer covers its own status, and what it covers of the request is taken from the request that was sent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from cryptography import x509

from gateway.port import WireRequest, WireResponse
from gateway.port.wire import Headers
from gateway.signing import instants
from gateway.signing.algorithms import BY_HTTP, judge_key, refusal, verifies
from gateway.signing.expectation import Expectation
from gateway.signing.findings import CannotSign, Examination, Refused, Verified, conclude
from gateway.signing.keys import SigningKey, fingerprint, judge_certificate, subject_of
from gateway.signing.structured import (
    Component,
    Covered,
    Malformed,
    byte_string,
    covered,
    dictionary,
    write_bytes,
    write_string,
)

LABEL = "sig1"
DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_PORTS = {"https": 443, "http": 80}


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a signature sees it. ``request``: the one that an answer answers."""

    headers: Headers
    body: bytes
    method: str = ""
    url: str = ""
    status: int = 0
    request: WireRequest | None = None


def of_request(request: WireRequest) -> Signed:
    """A request."""
    return Signed(headers=request.headers, body=request.body, method=request.method, url=request.url)


def of_response(response: WireResponse, request: WireRequest | None) -> Signed:
    """The answer to ``request``."""
    return Signed(headers=response.headers, body=response.body, status=response.status, request=request)


def sign(
    message: Signed, key: SigningKey, components: Sequence[str], *, now: datetime, lifetime: float = 300.0
) -> Headers:
    """The three headers that sign ``message``: digest, input, signature. A header among ``components`` that the message
    does not have is left out; ``"@method";req`` covers the request's. CannotSign for what cannot be covered."""
    try:
        algorithm = key.algorithm("http")
    except KeyError:
        raise CannotSign("key_unsuitable", f"key {key.name}: RFC 9421 has no algorithm for it") from None
    digest = f"sha-256={write_bytes(hashlib.sha256(message.body).digest())}"
    message = msgspec.structs.replace(message, headers=(*message.headers, ("content-digest", digest)))
    items = [_named(each) for each in components if _present(each, message)] + [_named("content-digest")]
    created = int(now.timestamp())
    written = (
        f"({' '.join(item.written for item in items)});created={created};expires={created + int(lifetime)}"
        f";keyid={write_string(fingerprint(key.certificate))};alg={write_string(algorithm.http)}"
    )
    try:
        data = signature_base(message, covered(written), written)
    except Malformed as fault:
        raise CannotSign(
            "cannot_cover", f"the signature cannot cover what its policy names: {fault}"
        ) from fault
    return (
        ("content-digest", digest),
        ("signature-input", f"{LABEL}={written}"),
        ("signature", f"{LABEL}={write_bytes(key.sign(algorithm, data))}"),
    )


def verify(message: Signed, required: Sequence[str], expected: Expectation) -> Verified | Refused:
    """The body, when one signature covers its digest and everything that is ``required``; or why not."""
    return conclude(lambda exam: _examine(exam, message, required, expected)[0])


def covered_headers(message: Signed) -> Headers:
    """Of a message that was verified: the headers that its signature covers."""
    _, found = _input(Examination(), message)
    names = {item.name for item in found.components if not item.parameters}
    return tuple((name, value) for name, value in message.headers if name.lower() in names)


def signature_base(message: Signed, found: Covered, written: str) -> bytes:
    """What is signed (§2.5). Malformed for a component that the message lacks or that is not understood."""
    lines = [f"{item.written}: {_value(message, item)}" for item in found.components]
    return "\n".join([*lines, f'"@signature-params": {written}']).encode("ascii")


def _examine(
    exam: Examination, message: Signed, required: Sequence[str], expected: Expectation
) -> tuple[Verified, Covered]:
    written, found = _input(exam, message)
    items = {item.written for item in found.components}
    missing = [name for name in (*required, "content-digest") if _named(name).written not in items]
    if missing:
        exam.stop("coverage", "not_covered", f"the signature does not cover {missing[0]}")
    if len(items) != len(found.components):
        exam.stop("coverage", "malformed", "a component is covered twice")
    certificate = _certificate(exam, found, expected)
    judge_certificate(exam, certificate, expected.trusted, expected.now)
    _judge_value(exam, message, written, found, certificate)
    _judge_digest(exam, message)
    signed_at = _instant(found.parameters.get("created"))
    instants.judge(exam, signed_at, _instant(found.parameters.get("expires")), expected)
    verified = Verified(
        content=message.body, claims=tuple(exam.claims), signer=subject_of(certificate), signed_at=signed_at
    )
    return verified, found


def _input(exam: Examination, message: Signed) -> tuple[str, Covered]:
    """The one Signature-Input, as it was written and as it reads."""
    joined = _field(message.headers, "signature-input")
    if joined is None or _field(message.headers, "signature") is None:
        exam.stop("signature", "unsigned", "Signature-Input or Signature is missing")
    try:
        members = dictionary(joined)
        if len(members) != 1:
            exam.stop("signature", "repeated", f"{len(members)} signatures, expected one")
        (written,) = members.values()
        return written, covered(written)
    except Malformed as fault:
        exam.stop("signature", "malformed", f"Signature-Input: {fault}")


def _judge_value(
    exam: Examination, message: Signed, written: str, found: Covered, certificate: x509.Certificate
) -> None:
    name = found.parameters.get("alg")
    key = certificate.public_key()
    fitting = [
        each for each in BY_HTTP.values() if name in {each.http, None} and judge_key(Examination(), each, key)
    ]
    if name is not None and name not in BY_HTTP:
        exam.stop("algorithm", *refusal(str(name)))
    algorithm = fitting[0] if fitting else BY_HTTP[str(name)] if name else None
    if algorithm is None:
        exam.stop("key", "weak_key", "no algorithm is allowed with this key")
    if not judge_key(exam, algorithm, key):
        return
    try:
        values = dictionary(_field(message.headers, "signature") or "")
        label = next(iter(dictionary(_field(message.headers, "signature-input") or "")))
        value = byte_string(values.get(label, ""))
        data = signature_base(message, found, written)
    except (Malformed, UnicodeEncodeError) as fault:
        exam.stop("signature value", "malformed", str(fault))
    holds = verifies(key, algorithm, value, data)
    told = f"{algorithm.http} {'holds' if holds else 'does not hold for this key and what is covered'}"
    exam.note("signature value", holds, "signature_invalid", told)


def _judge_digest(exam: Examination, message: Signed) -> None:
    try:
        members = dictionary(_field(message.headers, "content-digest") or "")
        known = {name: byte_string(value) for name, value in members.items() if name in DIGESTS}
    except Malformed as fault:
        exam.stop("body", "malformed", f"Content-Digest: {fault}")
    if not known:
        exam.stop(
            "body", "weak_algorithm", f"Content-Digest with {', '.join(members)[:60] or 'nothing'}, not SHA-2"
        )
    for name, value in known.items():
        holds = hmac.compare_digest(DIGESTS[name](message.body).digest(), value)
        exam.note(
            "body",
            holds,
            "digest_mismatch",
            f"{name} {'as signed' if holds else 'is another than was signed'}",
        )


def _certificate(exam: Examination, found: Covered, expected: Expectation) -> x509.Certificate:
    """The pinned certificate whose fingerprint is the key id; where the partner has ids of its own, the only one."""
    named = str(found.parameters.get("keyid", ""))
    for certificate in expected.trusted:
        if named == fingerprint(certificate):
            return certificate
    is_fingerprint = len(named) == 64 and set(named) <= set("0123456789abcdef")
    if len(expected.trusted) == 1 and not is_fingerprint:
        return expected.trusted[0]
    told = f"none of the {len(expected.trusted)} pinned goes by {named[:80]!r}"
    return exam.stop("certificate", "untrusted_certificate", told)


def _named(text: str) -> Component:
    name, _, flag = text.partition(";")
    parameters = {flag: True} if flag else {}
    return Component(
        name=name, parameters=parameters, written=write_string(name) + (f";{flag}" if flag else "")
    )


def _present(text: str, message: Signed) -> bool:
    name = text.partition(";")[0]
    source = message.request.headers if text.endswith(";req") and message.request else message.headers
    return name.startswith("@") or _field(source, name) is not None


def _value(message: Signed, item: Component) -> str:
    if item.parameters:
        if item.parameters != {"req": True} or message.request is None:
            raise Malformed(f"{item.written} is not understood here")
        message = of_request(message.request)
    if item.name.startswith("@"):
        return _derived(message, item.name)
    value = _field(message.headers, item.name)
    if value is None or item.name != item.name.lower():
        raise Malformed(f"{item.written} is covered and not there")
    return value


def _derived(message: Signed, name: str) -> str:
    """A derived component (§2.2)."""
    if message.status:
        if name == "@status":
            return str(message.status)
        raise Malformed(f"{name} is no part of an answer")
    parts = urlsplit(message.url)
    path = parts.path or "/"
    standard = parts.port is None or parts.port == _PORTS.get(parts.scheme)
    host = (parts.hostname or "").lower()
    values = {
        "@method": message.method,
        "@target-uri": message.url,
        "@authority": host if standard else f"{host}:{parts.port}",
        "@scheme": parts.scheme.lower(),
        "@request-target": path + (f"?{parts.query}" if parts.query else ""),
        "@path": path,
        "@query": f"?{parts.query}",
    }
    if name not in values:
        raise Malformed(f"{name} is not understood")
    return values[name]


def _field(headers: Headers, name: str) -> str | None:
    """All values of a header in one line (§2.1)."""
    values = [" ".join(value.split("\n")).strip() for key, value in headers if key.lower() == name]
    return ", ".join(values) if values else None


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
