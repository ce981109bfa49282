"""The two layers of authentication: the platform's token and the portal's session (national_portal §2.2, §2.3).

Invariant: an answer that does not clearly give a credential gives none; a wrong user or password is permanent, so that
nobody insists until the account is locked.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from adapters.national_portal.dialects import LGSP, SESSION, addressed, json_headers, with_token
from adapters.national_portal.settings import Lgsp, Settings
from gateway.codec import Json, Unreadable, json
from gateway.mapping import Shape, fold
from gateway.port import CredentialLayer, Denied, Grant, WireRequest, WireResponse
from mappings.national_portal import envelope, tokens

_ENCODER = msgspec.json.Encoder()
_TOKEN = re.compile(r"[!-~]{1,8192}\Z")
_LONGEST_SESSION = 4096


def layers(settings: Settings) -> Sequence[CredentialLayer]:
    """The layers that the settings call for, in the order in which they are obtained."""
    wanted: list[CredentialLayer] = []
    if settings.lgsp is not None:
        wanted.append(TokenLayer(settings.lgsp))
    # §2.5: a facade logs in at the portal itself.
    if settings.dialect == "mapi":
        wanted.append(SessionLayer(settings))
    return tuple(wanted)


class TokenLayer:
    """OAuth2 client credentials of the platform in front (§2.3)."""

    name = LGSP

    def __init__(self, settings: Lgsp) -> None:
        self._settings = settings

    def request(self, credentials: Mapping[str, str]) -> WireRequest:
        lgsp = self._settings
        headers = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")]
        form = {"grant_type": "client_credentials"}
        if lgsp.variant == "basic":
            pair = b64encode(f"{lgsp.key}:{lgsp.secret.reveal()}".encode()).decode("ascii")
            headers.append(("authorization", f"Basic {pair}"))
        else:
            form |= {"client_id": lgsp.key, "client_secret": lgsp.secret.reveal()}
        return WireRequest(
            method="POST", url=lgsp.token_url, headers=tuple(headers), body=urlencode(form).encode("ascii")
        )

    def read(self, response: WireResponse) -> Grant | Denied:
        if response.status in {400, 401, 403}:
            return Denied(code="token_refused", reason=f"HTTP {response.status}", permanent=True)
        if response.status != 200:
            return Denied(code="token_unavailable", reason=f"HTTP {response.status}")
        try:
            content = json.read(response.body)
        except Unreadable as fault:
            return Denied(code="token_unreadable", reason=fault.reason)
        value, lifetime = tokens.granted(content, self._settings.default_lifetime_s)
        if not _TOKEN.match(value):
            return Denied(code="token_missing", reason="the answer holds no usable token")
        return Grant(value=value, lifetime=lifetime)


class SessionLayer:
    """The portal's login: a session that travels in every body (§2.2)."""

    name = SESSION

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = addressed(settings, settings.auth_endpoint)
        self._headers = json_headers(settings, forwarded=True)
        self._wrong = tuple(fold(phrase) for phrase in settings.credential_phrases)

    def request(self, credentials: Mapping[str, str]) -> WireRequest:
        settings = self._settings
        content = envelope.login(settings.username, settings.password.reveal())
        return WireRequest(
            method="POST",
            url=self._url,
            headers=with_token(self._headers, credentials),
            body=_ENCODER.encode(content),
        )

    def read(self, response: WireResponse) -> Grant | Denied:
        reply = envelope.read(response, "login", None)
        answer = reply.answer
        if response.status != 200:
            return Denied(code="login_unavailable", reason=f"HTTP {response.status}")
        if answer.shape is not Shape.ENVELOPE:
            return Denied(code="login_unreadable", reason=answer.message or f"{answer.shape} answer")
        if answer.code in self._settings.success_codes and _usable(reply.session):
            return Grant(value=reply.session, lifetime=self._settings.session_ttl_s)
        told = fold(answer.message)
        return Denied(
            code="login_refused",
            reason=f"code {answer.code}: {answer.message or 'no session'}",
            permanent=any(phrase in told for phrase in self._wrong),
        )


def _usable(session: Json) -> bool:
    return isinstance(session, str) and session.isprintable() and 0 < len(session.strip()) <= _LONGEST_SESSION
