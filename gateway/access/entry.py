"""What a business call bears to be let in: headers, and secrets for its body.

Invariant: the same arguments give the same bytes, so that what was logged is what was sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

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
from gateway.access.tokens import LAYER, basic, lgsp_header
from gateway.port import Context, WireRequest
from gateway.port.wire import Headers

_JSON = (("content-type", "application/json; charset=utf-8"),)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """``headers`` go behind the call's own; ``body``: by field name, for those who put them there."""

    headers: Headers
    body: Mapping[str, str]

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        return f"Entry(headers=[{names}], body=[{', '.join(self.body)}])"


def entry(access: Access, url: str, context: Context) -> Entry:
    """What a call of ``url`` bears. ``context`` has the token, where there is one, and the time."""
    return Entry(
        headers=(
            *_proof(access, url, context),
            *access.headers.items(),
            *((name, secret.reveal()) for name, secret in access.secret_headers.items()),
        ),
        body={name: secret.reveal() for name, secret in access.body.items()},
    )


def json_call(access: Access, url: str, message: Mapping[str, Any], context: Context) -> WireRequest:
    """``message`` as JSON to ``url``, with what lets it in."""
    lent = entry(access, url, context)
    return WireRequest(
        method="POST",
        url=url,
        headers=(*_JSON, *lent.headers),
        body=msgspec.json.encode({**message, **lent.body}),
    )


def hashed_password(url: str, user: str, timestamp: str, secret: str) -> str:
    """Lower-case hex SHA-256 of address, user, time and secret (construction §5, C11)."""
    return hashlib.sha256(f"{url}{user}{timestamp}{secret}".encode()).hexdigest()


def _proof(access: Access, url: str, context: Context) -> Headers:  # noqa: PLR0911 - one a kind
    match access:
        case OpenAccess():
            return ()
        case OAuth2Basic() | OAuth2Form() | BearerExchange():
            return _token(access, context)
        case LgspAccess():
            return (*_token(access, context), lgsp_header(access))
        case BearerAccess():
            return (("authorization", f"Bearer {access.token.reveal()}"),)
        case TokenHeaderAccess():
            return ((access.header, access.token.reveal()),)
        case BasicAccess():
            return (("authorization", basic(access.user, access.password.reveal())),)
        case HashedBasicAccess():
            return _hashed(access.user, access.password.reveal(), access.timestamp_header, url, context.now)
        case XRoadAccess():
            return _xroad(access, url, context.now)
        case _:
            assert_never(access)


def _token(access: TokenCall, context: Context) -> Headers:
    value = context.credentials.get(LAYER, "")
    return ((access.header, f"{access.scheme} {value}" if access.scheme else value),)


def _hashed(user: str, secret: str, header: str, url: str, now: datetime) -> Headers:
    # other_systems §9.1: milliseconds
    timestamp = str((now - _EPOCH) // timedelta(milliseconds=1))
    hashed = hashed_password(url, user, timestamp, secret)
    return ((header, timestamp), ("authorization", basic(user, hashed)))


def _xroad(access: XRoadAccess, url: str, now: datetime) -> Headers:
    key = () if access.api_key is None else (("ApiKey", access.api_key.reveal()),)
    proof: Headers = ()
    if access.user is not None and access.password is not None:
        proof = _hashed(access.user, access.password.reveal(), access.timestamp_header, url, now)
    return (("X-Road-Client", access.client.path), *key, *proof)
