"""Tokens that must be asked for: the one credential layer of the kinds that have a token call.

``gateway.wire`` caches the token, renews it before it expires, and asks once for many waiting calls (one authenticator
a destination, so that no token is shared between partners). Invariant: an answer that does not clearly give a token
gives none; a wrong key is permanent, so that nobody insists until the account is locked; no reason quotes the answer.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from json import dumps
from typing import assert_never
from urllib.parse import urlencode

import msgspec

from gateway.access.settings import (
    Access,
    BearerExchange,
    LgspAccess,
    OAuth2Basic,
    OAuth2Form,
    TokenCall,
)
from gateway.codec import Json, Unreadable, json
from gateway.port import CredentialLayer, Denied, Grant, WireRequest, WireResponse
from gateway.port.wire import Headers

LAYER = "access"
"""The layer's name in ``Context.credentials`` and in ``renew``."""
_LONGEST_ANSWER = 64 * 1024
_TOKEN = re.compile(r"[!-~]{1,8192}\Z")
_WRONG = frozenset({"invalid_client", "unauthorized_client", "access_denied"})  # RFC 6749 §5.2
_GRANT = {"grant_type": "client_credentials"}


def layers(access: Access) -> tuple[CredentialLayer, ...]:
    """What must be obtained before a business call; nothing where the credentials are static."""
    return (TokenLayer(access),) if isinstance(access, TokenCall) else ()


class TokenLayer:
    """One token call (judicial_records §3, items 1, 3 and 4; other_systems §13, variants 1 to 4)."""

    name = LAYER

    def __init__(self, access: TokenCall) -> None:
        self._access = access

    def __repr__(self) -> str:
        return f"TokenLayer({self._access.token_url})"

    def request(self, credentials: Mapping[str, str]) -> WireRequest:
        """The token call."""
        del credentials  # it is the first layer, and the only one
        headers, form = _presented(self._access)
        if self._access.scope and form:
            form = {**form, "scope": self._access.scope}
        body = urlencode(form).encode("ascii")
        typed = (("content-type", "application/x-www-form-urlencoded"),) if form else ()
        return WireRequest(
            method="POST",
            url=self._access.token_url,
            headers=(("accept", "application/json"), *typed, *headers),
            body=body,
        )

    def read(self, response: WireResponse) -> Grant | Denied:
        """The token and its lifetime, or why there is none."""
        if response.status in {400, 401, 403}:
            return _refused(response)
        if response.status != 200:
            return Denied(code="token_unavailable", reason=f"HTTP {response.status}")
        try:
            content = json.read(response.body, limit=_LONGEST_ANSWER)
        except Unreadable as fault:
            return Denied(code="token_unreadable", reason=fault.code)
        value = content.get(self._access.token_field) if isinstance(content, dict) else None
        if not isinstance(value, str) or not _TOKEN.match(value):
            return Denied(code="token_missing", reason="the answer holds no usable token")
        told = content.get("expires_in") if isinstance(content, dict) else None
        seconds = _seconds(told, self._access.lifetime)
        return Grant(value=value, lifetime=max(1.0, seconds - self._access.skew))


def lgsp_header(access: LgspAccess) -> tuple[str, str]:
    """The header with the five parameters (judicial_records §3, item 3), in the order of the public pages."""
    parameters = {
        "AccessKey": access.access_key.reveal(),
        "SecretKey": access.secret_key.reveal(),
        "AppName": access.app_name,
        "PartnerCode": access.partner_code,
        "PartnerCodeCus": access.partner_code_customer,
    }
    document = msgspec.json.encode(parameters)
    match access.carriage:
        case "base64":
            value = b64encode(document).decode("ascii")
        case "base64url":
            value = urlsafe_b64encode(document).decode("ascii").rstrip("=")
        case "json":
            # a header holds ASCII only, and JSON has a way of writing the rest in it (RFC 8259 §7)
            value = dumps(parameters, separators=(",", ":"))
        case _:
            assert_never(access.carriage)
    return access.token_header, value


def basic(user: str, password: str) -> str:
    """The value of an ``Authorization: Basic`` header; UTF-8 (RFC 7617 §2.1)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def _presented(access: TokenCall) -> tuple[Headers, dict[str, str]]:
    """Who we are, as headers and as fields of the form."""
    match access:
        case OAuth2Basic():
            pair = basic(access.key, access.secret.reveal())
            return (("authorization", pair),), _GRANT if access.grant_in_body else {}
        case OAuth2Form():
            return (), {"client_id": access.key, "client_secret": access.secret.reveal(), **_GRANT}
        case BearerExchange():
            return (("authorization", f"Bearer {access.token.reveal()}"),), _GRANT
        case LgspAccess():
            return (lgsp_header(access),), _GRANT
        case _:
            assert_never(access)


def _refused(response: WireResponse) -> Denied:
    """Wrong credentials, or a call that the platform could not make sense of."""
    try:
        content = json.read(response.body, limit=_LONGEST_ANSWER)
    except Unreadable:
        content = None
    told = content.get("error") if isinstance(content, dict) else None
    wrong = response.status != 400 or (isinstance(told, str) and told in _WRONG)
    return Denied(code="token_refused", reason=f"HTTP {response.status}", permanent=wrong)


def _seconds(told: Json, default: float) -> float:
    """RFC 6749 §5.1 wants a number; some platforms give text."""
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 10:
        told = int(told)
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told < 1e9:
        return default
    return float(told)
