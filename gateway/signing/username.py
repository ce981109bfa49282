"""WS-Security UsernameToken 1.1, digest and text (construction §6, recommendation 3).

It says who sends and covers nothing of what is sent: TLS has to. Invariant: a token is good once, and only while its
Created is young; the password is compared without telling how much of it was right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from lxml import etree

from gateway.codec.xml import Element
from gateway.port import Secret
from gateway.port.signing import PasswordKind
from gateway.signing import instants
from gateway.signing.documents import WSSE, WSU, binary, child, only, read_plain, text64
from gateway.signing.findings import CannotSign, Examination, Refused, Verified, conclude
from gateway.signing.keyring import Account
from gateway.signing.replay import ReplayWindow
from gateway.signing.wsse import BASE64, SOAP11, SOAP12, envelope_of, security_header

_PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
DIGEST, TEXT = f"{_PROFILE}#PasswordDigest", f"{_PROFILE}#PasswordText"
SHORTEST_NONCE = 16
SKEW = timedelta(seconds=60)


def sign(body: bytes, account: Account, *, kind: PasswordKind, nonce: bytes, now: datetime) -> bytes:
    """The SOAP message ``body`` with a UsernameToken. ``nonce``: at least 16 random bytes. Raises CannotSign."""
    if len(nonce) < SHORTEST_NONCE:
        raise CannotSign(
            "nonce_short", f"a nonce has {SHORTEST_NONCE} random bytes at least, got {len(nonce)}"
        )
    envelope = envelope_of(body)
    security = security_header(envelope, etree.QName(envelope).namespace or "")
    token = child(security, f"{{{WSSE}}}UsernameToken")
    child(token, f"{{{WSSE}}}Username", account.username)
    created = instants.written(now)
    shown = account.password.reveal()
    if kind is PasswordKind.DIGEST:
        shown = digest(nonce, created, shown)
    child(token, f"{{{WSSE}}}Password", shown, Type=DIGEST if kind is PasswordKind.DIGEST else TEXT)
    child(token, f"{{{WSSE}}}Nonce", text64(nonce), EncodingType=BASE64)
    child(token, f"{{{WSU}}}Created", created)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def digest(nonce: bytes, created: str, password: str) -> str:
    """Password_Digest of the profile, §3.1. Its SHA-1 is the standard's own: it hides a password for some minutes, and
    is no signature."""
    made = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False).digest()
    return base64.b64encode(made).decode("ascii")


def verify(body: bytes, account: Account, *, window: ReplayWindow, now: datetime) -> Verified | Refused:
    """The message as it came, when its token is the account's, young and new; ``window`` remembers it."""

    def examine(exam: Examination) -> Verified:
        token = _token(exam, body)
        name = only(exam, token, f"{{{WSSE}}}Username", "malformed").text or ""
        exam.note("username", name == account.username, "unknown_user", f"{name[:80]!r}")
        nonce = binary(exam, only(exam, token, f"{{{WSSE}}}Nonce", "nonce_missing"), "nonce")
        made = only(exam, token, f"{{{WSU}}}Created", "time_missing").text or ""
        _judge_password(exam, token, nonce, made, account.password)
        created = _judge_time(exam, made, nonce, window, now)
        return Verified(content=body, claims=tuple(exam.claims), signer=account.username, signed_at=created)

    return conclude(examine)


def _token(exam: Examination, body: bytes) -> Element:
    envelope = read_plain(exam, body)
    name = etree.QName(envelope)
    if name.localname != "Envelope" or name.namespace not in {SOAP11, SOAP12}:
        exam.stop("envelope", "not_soap", f"the root is {envelope.tag!s:.120}")
    header = only(exam, envelope, f"{{{name.namespace}}}Header", "unsigned")
    security = only(exam, header, f"{{{WSSE}}}Security", "unsigned")
    return only(exam, security, f"{{{WSSE}}}UsernameToken", "unsigned")


def _judge_password(exam: Examination, token: Element, nonce: bytes, created: str, password: Secret) -> None:
    given = only(exam, token, f"{{{WSSE}}}Password", "malformed")
    expected = {DIGEST: digest(nonce, created, password.reveal()), TEXT: password.reveal()}
    wanted = expected.get(given.get("Type", TEXT))
    if wanted is None:
        exam.stop("password", "malformed", f"a password of type {given.get('Type', '')[:80]}")
    holds = hmac.compare_digest((given.text or "").encode(), wanted.encode())
    exam.note("password", holds, "wrong_password", "right" if holds else "wrong")


def _judge_time(
    exam: Examination, made: str, nonce: bytes, window: ReplayWindow, now: datetime
) -> datetime | None:
    created = instants.read(made)
    exam.note("nonce", len(nonce) >= SHORTEST_NONCE, "nonce_short", f"{len(nonce)} bytes")
    if created is None:
        exam.note("created", holds=False, code="time_missing", found="no readable instant")
        return None
    exam.note("created", created - now <= SKEW, "created_in_future", made[:40])
    if exam.refused() is None:  # what is refused anyway must not use up the nonce of somebody else
        refusal = window.refusal(nonce + b"\0" + made.encode(), created, now)
        code, found = refusal or ("", "new and young")
        exam.note("replay", refusal is None, code, found)
    return created
