"""Settings of the console: how people sign in, and for how long.

Invariant: a browser elsewhere is never asked for a password over plain HTTP unless the province says that TLS stands in front.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.bounds import Count, Pause
from gateway.port import Secret
from gateway.storage.scopes import Role

Algorithm = Annotated[str, Meta(pattern="^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA)$")]


class _Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of the sections: unknown keys are refused."""


class OidcSettings(_Section, frozen=True, kw_only=True):
    """An identity provider (OpenID Connect, authorization code with PKCE). ``issuer``: exactly as it names itself.

    ``claim``: where the ID token says what somebody is for; ``roles``: a value of it to roles of ours. Whoever has no value
    of the table is refused. ``domains``: mail domains whose people may sign in (only by a verified address); ``[]``: every
    one that the provider vouches for. ``hosts``: beyond the issuer's own, those that its addresses may be at.
    ``algorithms``: of the ID token's signature.
    """

    issuer: Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$", max_length=500)]
    client_id: Annotated[str, Meta(min_length=1, max_length=200)]
    client_secret: Secret | None = None
    scopes: list[str] = msgspec.field(default_factory=lambda: ["openid", "profile", "email"])
    claim: Annotated[str, Meta(min_length=1, max_length=200)] = "groups"
    roles: dict[str, list[Role]] = {}
    domains: list[str] = []
    hosts: list[str] = []
    algorithms: list[Algorithm] = msgspec.field(default_factory=lambda: ["RS256", "PS256", "ES256"])
    name: Annotated[str, Meta(max_length=100)] = "OpenID Connect"

    def __post_init__(self) -> None:
        if "openid" not in self.scopes:
            raise ValueError('console.oidc.scopes: "openid" has to be among them')
        if not self.roles:
            raise ValueError(
                "console.oidc.roles: nobody could sign in; name values of the claim and their roles"
            )
        if self.issuer.startswith("http://") and not _is_local(self.issuer):
            raise ValueError("console.oidc.issuer: over plain HTTP only on this machine")
        if not self.algorithms:
            raise ValueError("console.oidc.algorithms: name at least one")


class ConsoleSettings(_Section, frozen=True, kw_only=True):
    """The console at ``/console``. Times in seconds.

    ``secure_cookies``: a proxy with TLS stands in front, so cookies are ``__Host-`` and Secure, and the proxy's
    ``X-Forwarded-For`` says who calls; without it only browsers on this machine can sign in. ``address``: under which
    people reach the gateway, as ``https://lienthong.h99.example``. A session ends after ``idle`` without use and after
    ``lifetime`` in any case. After ``failures`` in a row an account is locked for ``first_lock``, doubling up to
    ``longest_lock``.
    """

    enabled: bool = True
    secure_cookies: bool = False
    address: Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+$", max_length=300)] | None = None
    idle: Pause = 1800.0
    lifetime: Pause = 36_000.0
    failures: Count = 5
    first_lock: Pause = 60.0
    longest_lock: Pause = 3600.0
    oidc: OidcSettings | None = None

    def __post_init__(self) -> None:
        if self.lifetime < self.idle:
            raise ValueError(f"console.lifetime: got {self.lifetime:g} s, expected no less than idle")
        if self.oidc is not None and self.address is None:
            raise ValueError("console.address: the identity provider has to know where people come back to")


def _is_local(address: str) -> bool:
    host = address.partition("://")[2].partition("/")[0]
    name = host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]
    return name in {"localhost", "127.0.0.1", "[::1]"}
