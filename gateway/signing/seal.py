"""Signing what leaves and verifying what comes back, by the policy of an operation: the one door for the engine.

Pure: keys come from the keyring, the time and random bytes are passed in, and a time stamp is a question that the hub
asks. Invariants: a request leaves signed as its policy says or not at all (``CannotSign``); an answer that must be signed
is passed on with its signed bytes only, or as ``Refused``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

import msgspec

from gateway.domain.errors import ConfigurationError
from gateway.port import WireRequest, WireResponse, header
from gateway.port.signing import Answers, Profile, SigningPolicy
from gateway.signing import http_signature, jws, timestamp, username, wsse, xades
from gateway.signing.expectation import Expectation
from gateway.signing.findings import CannotSign, Refused, Verified
from gateway.signing.keyring import Keyring

NONCE_BYTES = 20
_VOCABULARIES = {
    Profile.WSSE_X509: "xml",
    Profile.XADES: "xml",
    Profile.JWS_DETACHED: "jose",
    Profile.HTTP_SIGNATURE: "http",
}


class TimestampWanted(msgspec.Struct, frozen=True, kw_only=True):
    """A signature that an authority has to stamp before the request is complete. ``question``: to be sent to it."""

    question: WireRequest
    request: WireRequest
    unstamped: xades.Unstamped

    @property
    def bare(self) -> WireRequest:
        """The request with its signature, without the stamp: to be looked at, not to be sent."""
        return _with_body(self.request, self.unstamped.document)

    def finish(self, answer: WireResponse) -> WireRequest:
        """The complete request. CannotSign when the authority gave no token."""
        return _with_body(self.request, self.unstamped.finish(timestamp.token_of(answer)))


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to be interpreted. ``verified`` is None when nothing is signed in it: by the policy, which is then
    ``agreed``, or because its status may come without; then nothing in it counts as accepted."""

    response: WireResponse
    verified: Verified | None
    agreed: bool = True


def sign(
    request: WireRequest,
    policy: SigningPolicy,
    keyring: Keyring,
    *,
    now: datetime,
    random: Callable[[int], bytes],
) -> WireRequest | TimestampWanted:
    """``request`` signed by ``policy``. Raises CannotSign; nothing may be sent then."""
    match policy.profile:
        case Profile.NONE:
            return request
        case Profile.WSSE_X509:
            key = keyring.key(policy.key, now)
            return _with_body(request, wsse.sign(request.body, key, now=now, lifetime=policy.lifetime))
        case Profile.WSSE_USERNAME:
            account, nonce = keyring.account(policy.key), random(NONCE_BYTES)
            made = username.sign(request.body, account, kind=policy.password, nonce=nonce, now=now)
            return _with_body(request, made)
        case Profile.XADES:
            return _sign_xades(request, policy, keyring, now)
        case Profile.JWS_DETACHED:
            signature = jws.sign(request.body, keyring.key(policy.key, now), now=now)
            return _with_headers(request, ((policy.header, signature),))
        case Profile.HTTP_SIGNATURE:
            message, key = http_signature.of_request(request), keyring.key(policy.key, now)
            return _with_headers(
                request,
                http_signature.sign(message, key, policy.components, now=now, lifetime=policy.lifetime),
            )
        case _:
            assert_never(policy.profile)


def verify(
    response: WireResponse,
    policy: SigningPolicy,
    keyring: Keyring,
    *,
    request: WireRequest,
    now: datetime,
) -> Proven | Refused:
    """What of the answer to ``request`` may be interpreted under ``policy.answers``, or why nothing of it."""
    answers = policy.answers
    if answers.profile is Profile.NONE:
        return Proven(response=response, verified=None)
    if response.status in answers.unsigned:
        return Proven(response=response, verified=None, agreed=False)
    message = http_signature.of_response(response, request)
    found = _verified(message, policy, expectation(answers, keyring, now))
    if isinstance(found, Refused):
        return found
    if answers.profile is Profile.HTTP_SIGNATURE:
        headers = http_signature.covered_headers(message)
    else:
        # how the body is to be read; whatever else is in the headers, nobody signed it
        kind = header(response.headers, "content-type")
        headers = () if kind is None else (("content-type", kind),)
    return Proven(
        response=WireResponse(status=response.status, headers=headers, body=found.content), verified=found
    )


def require(policy: SigningPolicy, keyring: Keyring) -> None:
    """Raise ConfigurationError for names that the keyring does not have, and for what cannot be done: at the start of
    the gateway rather than with the first message."""
    answers = policy.answers
    if answers.profile is Profile.WSSE_USERNAME:
        raise ConfigurationError(
            "a UsernameToken covers nothing of an answer; verify answers by another profile"
        )
    if policy.profile is Profile.XADES and not policy.element:
        raise ConfigurationError("signing with xades: name the element that the signature goes into")
    if answers.profile is Profile.XADES and not answers.element:
        raise ConfigurationError("verifying xades: name the element that is signed in answers")
    if answers.profile is not Profile.NONE:
        keyring.trusted(answers.trusted)
    if answers.timestamped and not keyring.authorities():
        raise ConfigurationError(
            "answers must be time-stamped, and signing.authorities names nobody to trust"
        )
    vocabulary = _VOCABULARIES.get(policy.profile)
    keyring.require(
        key=policy.key if vocabulary else None,
        account=policy.key if policy.profile is Profile.WSSE_USERNAME else None,
        authority=policy.timestamp or None,
    )
    if vocabulary:
        keyring.require_kind(policy.key, vocabulary)


def expectation(answers: Answers, keyring: Keyring, now: datetime) -> Expectation:
    """What an answer must prove at ``now``."""
    return Expectation(
        trusted=keyring.trusted(answers.trusted),
        now=now,
        lifetime=answers.lifetime,
        skew=answers.skew,
        authorities=tuple(root for each in keyring.authorities() for root in each.roots),
        timestamped=answers.timestamped,
    )


def _verified(
    message: http_signature.Signed, policy: SigningPolicy, expected: Expectation
) -> Verified | Refused:
    answers = policy.answers
    match answers.profile:
        case Profile.WSSE_X509:
            return wsse.verify(message.body, expected)
        case Profile.XADES:
            return xades.verify(message.body, expected, element=answers.element)
        case Profile.JWS_DETACHED:
            return jws.verify(header(message.headers, policy.header), message.body, expected)
        case Profile.HTTP_SIGNATURE:
            return http_signature.verify(message, answers.components, expected)
        case Profile.NONE | Profile.WSSE_USERNAME:
            return Refused(code="unsigned", reason=f"{answers.profile} signs no answers", claims=())
        case _:
            assert_never(answers.profile)


def _sign_xades(
    request: WireRequest, policy: SigningPolicy, keyring: Keyring, now: datetime
) -> WireRequest | TimestampWanted:
    if policy.where_present and not xades.is_there(request.body, element=policy.element):
        return request
    key = keyring.key(policy.key, now)
    unstamped = xades.prepare(request.body, key, element=policy.element, now=now)
    if not policy.timestamp:
        return _with_body(request, unstamped.document)
    question = timestamp.question(keyring.authority(policy.timestamp).url, unstamped.stamped_over)
    return TimestampWanted(question=question, request=request, unstamped=unstamped)


def _with_body(request: WireRequest, body: bytes) -> WireRequest:
    return msgspec.structs.replace(request, body=body)


def _with_headers(request: WireRequest, added: tuple[tuple[str, str], ...]) -> WireRequest:
    names = {name.lower() for name, _ in added}
    if any(name.lower() in names for name, _ in request.headers):
        raise CannotSign("signed_already", f"the request has one of {', '.join(sorted(names))} already")
    return msgspec.structs.replace(request, headers=(*request.headers, *added))
