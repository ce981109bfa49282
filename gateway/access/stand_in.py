"""The other side of the access layers, for simulators: token endpoints, and whether a call may come in.

Deterministic: tokens are numbered and hashed, so that two runs hand out the same ones. Invariant: it compares what a
call bears with what was configured, and never builds the expectation with the code that encodes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never
from urllib.parse import parse_qs

import msgspec

from gateway.access.settings import (
    Access,
    BasicAccess,
    BearerAccess,
    BearerExchange,
    HashedBasicAccess,
    LgspAccess,
    OAuth2Basic,
    OAuth2Form,
    OpenAccess,
    TokenCall,
    TokenHeaderAccess,
    XRoadAccess,
)
from gateway.port import SimulatedRequest, SimulatedResponse, header

_CLOCKS_DIFFER = timedelta(minutes=5)


class Doorkeeper:
    """Guards a simulator. ``base``: the address under which callers know it, for hashes over the address.

    ``lifetime``: of a token in seconds, by the sandbox's clock. ``issued`` and ``refused`` count.
    """

    def __init__(self, access: Access, *, base: str = "", lifetime: float = 3600.0) -> None:
        self._access = access
        self._base = base
        self._lifetime = lifetime
        self._alive: dict[str, datetime] = {}
        self.issued = 0
        self.refused = 0

    def token(self, request: SimulatedRequest) -> SimulatedResponse:
        """Answer the token call (RFC 6749 §4.4, §5)."""
        if not isinstance(self._access, TokenCall):
            return _said(404, {"error": "unsupported_grant_type"})
        if request.method != "POST":
            return _said(405, {"error": "invalid_request"})
        form = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        if not self._is_known(self._access, request, form):
            self.refused += 1
            return _said(401, {"error": "invalid_client"})
        silent = isinstance(self._access, OAuth2Basic) and not self._access.grant_in_body
        if not silent and form.get("grant_type") != "client_credentials":
            return _said(400, {"error": "unsupported_grant_type"})
        self.issued += 1
        value = hashlib.sha256(f"stand-in token {self.issued}".encode()).hexdigest()[:40]
        self._alive[value] = request.now + timedelta(seconds=self._lifetime)
        granted = {
            self._access.token_field: value,
            "scope": self._access.scope or "am_application_scope default",
            "token_type": "Bearer",
            "expires_in": int(self._lifetime),
        }
        return _said(200, granted)

    def admits(self, request: SimulatedRequest) -> SimulatedResponse | None:
        """None when the call may come in, else what it is answered with (judicial_records §3, item 6)."""
        if self._may_enter(request) and self._has_own_headers(request):
            return None
        self.refused += 1
        return _said(401, {"fault": {"code": 900901, "message": "Invalid Credentials"}})

    def expire(self) -> int:
        """Forget every token, as a restarted platform does; how many there were."""
        count = len(self._alive)
        self._alive.clear()
        return count

    def _is_known(self, access: TokenCall, request: SimulatedRequest, form: dict[str, str]) -> bool:
        shown = header(request.headers, "authorization") or ""
        match access:
            case OAuth2Basic():
                return _pair(shown) == (access.key, access.secret.reveal())
            case OAuth2Form():
                return (form.get("client_id"), form.get("client_secret")) == (
                    access.key,
                    access.secret.reveal(),
                )
            case BearerExchange():
                return hmac.compare_digest(shown, f"Bearer {access.token.reveal()}")
            case LgspAccess():
                return self._has_parameters(access, request)
            case _:
                assert_never(access)

    def _may_enter(self, request: SimulatedRequest) -> bool:  # noqa: PLR0911 - one a kind
        access, shown = self._access, header(request.headers, "authorization") or ""
        match access:
            case OpenAccess():
                return True
            case LgspAccess():
                return self._has_token(access, request) and self._has_parameters(access, request)
            case OAuth2Basic() | OAuth2Form() | BearerExchange():
                return self._has_token(access, request)
            case BearerAccess():
                return hmac.compare_digest(shown, f"Bearer {access.token.reveal()}")
            case TokenHeaderAccess():
                return header(request.headers, access.header) == access.token.reveal()
            case BasicAccess():
                return _pair(shown) == (access.user, access.password.reveal())
            case HashedBasicAccess():
                return self._is_hashed(
                    request, access.user, access.password.reveal(), access.timestamp_header
                )
            case XRoadAccess():
                return self._is_member(access, request)
            case _:
                assert_never(access)

    def _has_token(self, access: TokenCall, request: SimulatedRequest) -> bool:
        shown = header(request.headers, access.header) or ""
        scheme, _, value = shown.rpartition(" ")
        until = self._alive.get(value)
        return until is not None and scheme == access.scheme and request.now < until

    def _has_parameters(self, access: LgspAccess, request: SimulatedRequest) -> bool:
        shown = header(request.headers, access.token_header) or ""
        try:
            match access.carriage:
                case "base64":
                    document = base64.b64decode(shown, validate=True)
                case "base64url":
                    document = base64.urlsafe_b64decode(shown + "=" * (-len(shown) % 4))
                case "json":
                    document = shown.encode()
                case _:
                    assert_never(access.carriage)
            found = msgspec.json.decode(document, type=dict[str, str])
        except (binascii.Error, ValueError):
            return False
        return found == {
            "AccessKey": access.access_key.reveal(),
            "SecretKey": access.secret_key.reveal(),
            "AppName": access.app_name,
            "PartnerCode": access.partner_code,
            "PartnerCodeCus": access.partner_code_customer,
        }

    def _is_hashed(self, request: SimulatedRequest, user: str, secret: str, name: str) -> bool:
        timestamp = header(request.headers, name) or ""
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            return False
        if abs(request.now - datetime.fromtimestamp(int(timestamp) / 1000, UTC)) > _CLOCKS_DIFFER:
            return False
        query = f"?{request.query}" if request.query else ""
        address = f"{self._base}{request.path}{query}"
        wanted = hashlib.sha256((address + user + timestamp + secret).encode()).hexdigest()
        return _pair(header(request.headers, "authorization") or "") == (user, wanted)

    def _is_member(self, access: XRoadAccess, request: SimulatedRequest) -> bool:
        client = access.client
        wanted = f"{client.instance}/{client.member_class}/{client.member}/{client.subsystem}"
        if header(request.headers, "x-road-client") != wanted:
            return False
        if access.api_key is not None and header(request.headers, "apikey") != access.api_key.reveal():
            return False
        if access.user is None or access.password is None:
            return True
        return self._is_hashed(request, access.user, access.password.reveal(), access.timestamp_header)

    def _has_own_headers(self, request: SimulatedRequest) -> bool:
        access = self._access
        secret = {name: each.reveal() for name, each in access.secret_headers.items()}
        wanted = {**access.headers, **secret}
        return all(header(request.headers, name) == value for name, value in wanted.items())


def _pair(shown: str) -> tuple[str, str] | None:
    """User and password of a Basic header."""
    scheme, _, value = shown.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def _said(status: int, content: dict[str, Any]) -> SimulatedResponse:
    return SimulatedResponse(status=status, body=msgspec.json.encode(content), service="access")
