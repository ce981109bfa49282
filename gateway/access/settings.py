"""The kinds of access as settings: one of them stands under ``access`` in the settings of an adapter, with its ``kind``.

Invariant: a secret is given by reference and held as ``Secret``; what cannot stand in a header is refused here, when
the gateway starts, and never when a delivery is on its way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from gateway.port import Manifest, Secret

Address = Annotated[str, Meta(pattern=r"^https?://[^\s]+$", max_length=2000)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Skew = Annotated[float, Meta(ge=0, le=3600)]
HeaderName = Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
Word = Annotated[str, Meta(pattern=r"^[!-~]{1,200}$")]

SECRET_HEADERS = ("authorization", "cookie", "set-cookie", "lgspaccesstoken", "apikey", "access_token")
"""Headers that an adapter with one of these layers puts into its manifest."""
SECRET_FIELDS = ("access_token", "refresh_token", "client_secret", "SecretKey", "AccessKey", "authKey")
"""Fields of bodies, likewise."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~]*")


class _Access(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every kind has. ``headers``: sent with every call, as routing wants them (other_systems §13, variant 9);
    ``secret_headers``: likewise, but secret (``ApiKey``). ``body``: secrets that stand in the body of a call by the name
    of their field (judicial_records §3, item 5: ``authKey``)."""

    headers: dict[str, str] = {}
    secret_headers: dict[str, Secret] = {}
    body: dict[str, Secret] = {}

    def __post_init__(self) -> None:
        for name in (*self.headers, *self.secret_headers):
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"access: {name[:60]!r} is not the name of a header")
        for name, value in self.headers.items():
            if not _HEADER_VALUE.fullmatch(value):
                raise ValueError(f"access: the header {name} has characters that cannot be sent")
        for name, secret in self.secret_headers.items():
            if not _HEADER_VALUE.fullmatch(secret.reveal()):
                raise ValueError(f"access: the secret header {name} has characters that cannot be sent")


class _TokenCall(_Access, frozen=True, kw_only=True):
    """A token that must be asked for. ``token_url``: where. ``scope``: asked for, where the platform knows scopes.

    ``lifetime``: seconds, where the answer names none. ``skew``: so many seconds earlier a token counts as expired.
    ``token_field``: what the answer calls it. ``header``, ``scheme``: how a business call bears it.
    """

    token_url: Address
    scope: Annotated[str, Meta(pattern=r"^[!-~ ]*$", max_length=500)] = ""
    lifetime: Seconds = 3600.0
    skew: Skew = 0.0
    token_field: Word = "access_token"  # noqa: S105 - a name
    header: HeaderName = "authorization"
    scheme: Annotated[str, Meta(pattern=r"^[!-~]*$", max_length=30)] = "Bearer"


class OpenAccess(_Access, frozen=True, kw_only=True, tag="none"):
    """No layer in front: TLS, the network, and what ``headers`` and ``body`` say."""


class OAuth2Basic(_TokenCall, frozen=True, kw_only=True, tag="oauth2_basic"):
    """Client credentials, key and secret by HTTP Basic (NGSP on WSO2; other_systems §13, variant 1).

    ``grant_in_body`` False: the token call has no body, as one platform wants it.
    """

    key: Word
    secret: Secret
    grant_in_body: bool = True


class OAuth2Form(_TokenCall, frozen=True, kw_only=True, tag="oauth2_form"):
    """Client credentials ``key`` and ``secret`` as fields of the form (variant 2; judicial_records §3, item 4)."""

    key: Word
    secret: Secret


class BearerExchange(_TokenCall, frozen=True, kw_only=True, tag="bearer_exchange"):
    """A static ``token`` buys one for a while (variant 4)."""

    token: Secret


class LgspAccess(_TokenCall, frozen=True, kw_only=True, tag="lgspaccesstoken"):
    """Five parameters in a header of their own, on the token call and on every business call besides the bearer token
    (variant 3; judicial_records §3, item 3). ``access_key``, ``secret_key``, ``app_name``, ``partner_code`` and
    ``partner_code_customer``: assigned by the platform. ``token_header``: what the header is called; ``carriage``: how
    their JSON stands in it."""

    access_key: Secret
    secret_key: Secret
    app_name: str
    partner_code: str = ""
    partner_code_customer: str = ""
    token_header: HeaderName = "lgspaccesstoken"  # noqa: S105 - a name
    carriage: Literal["base64", "base64url", "json"] = "base64"


class BearerAccess(_Access, frozen=True, kw_only=True, tag="bearer"):
    """A static bearer ``token`` (the NGSP adapter of a province; variant 7)."""

    token: Secret


class TokenHeaderAccess(_Access, frozen=True, kw_only=True, tag="token_header"):
    """A static ``token`` in a ``header`` of its own (variant 8)."""

    token: Secret
    header: HeaderName = "access_token"


class BasicAccess(_Access, frozen=True, kw_only=True, tag="basic"):
    """HTTP Basic (RFC 7617): ``user`` and ``password``."""

    user: Annotated[str, Meta(pattern=r"^[^:\x00-\x1f]{1,200}$")]
    password: Secret


class HashedBasicAccess(_Access, frozen=True, kw_only=True, tag="basic_sha256"):
    """HTTP Basic whose password is the hash of address, ``user``, time and secret (construction §5; other_systems §9.1).

    ``password``: the secret. ``timestamp_header``: where the time stands.
    """

    user: Annotated[str, Meta(pattern=r"^[^:\x00-\x1f]{1,200}$")]
    password: Secret
    timestamp_header: HeaderName = "Timestamp"


class XRoadMember(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A subsystem of a member, ``instance/member_class/member/subsystem``, as the security server registers them."""

    instance: Annotated[str, Meta(pattern=r"^[^/\s\x00-\x1f]{1,100}$")]
    member_class: Annotated[str, Meta(pattern=r"^[^/\s\x00-\x1f]{1,100}$")]
    member: Annotated[str, Meta(pattern=r"^[^/\s\x00-\x1f]{1,100}$")]
    subsystem: Annotated[str, Meta(pattern=r"^[^/\s\x00-\x1f]{1,100}$")]

    @property
    def path(self) -> str:
        """As the ``X-Road-Client`` header has it."""
        return f"{self.instance}/{self.member_class}/{self.member}/{self.subsystem}"


class XRoadAccess(_Access, frozen=True, kw_only=True, tag="xroad"):
    """VDXP: the security server's headers (variant 6) and, over SOAP, its header block (``soap_header``; construction
    §5, C13). ``client``: who calls; ``service`` in ``service_version``: what is called; ``user_id``: the person who acts;
    ``protocol``: version of the message protocol. ``api_key``, ``user`` and ``password`` where the provider wants them,
    the time then in ``timestamp_header``."""

    client: XRoadMember
    service: XRoadMember | None = None
    service_version: str = ""
    user_id: str = ""
    protocol: str = "4.0"
    api_key: Secret | None = None
    user: Annotated[str, Meta(pattern=r"^[^:\x00-\x1f]{1,200}$")] | None = None
    password: Secret | None = None
    timestamp_header: HeaderName = "Timestamp"

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.user is None) != (self.password is None):
            raise ValueError("access: user and password are given together, or neither")
        if not self.client.path.isascii():
            raise ValueError("access: the client's codes stand in a header, which is ASCII")


Access: TypeAlias = (
    OpenAccess
    | OAuth2Basic
    | OAuth2Form
    | BearerExchange
    | LgspAccess
    | BearerAccess
    | TokenHeaderAccess
    | BasicAccess
    | HashedBasicAccess
    | XRoadAccess
)
TokenCall: TypeAlias = OAuth2Basic | OAuth2Form | BearerExchange | LgspAccess


def behind(manifest: Manifest, access: Access) -> Manifest:
    """``manifest`` for a destination behind ``access``, whose secrets are never stored in clear either."""
    return replace(
        manifest,
        secret_fields=tuple(dict.fromkeys((*manifest.secret_fields, *secret_fields(access)))),
        secret_headers=tuple(dict.fromkeys((*manifest.secret_headers, *secret_headers(access)))),
    )


def secret_headers(access: Access) -> tuple[str, ...]:
    """Names of headers that are never stored in clear, lower-case; a manifest made from settings has them."""
    return tuple(dict.fromkeys((*SECRET_HEADERS, *(name.lower() for name in _own_headers(access)))))


def secret_fields(access: Access) -> tuple[str, ...]:
    """Names of body fields that are never stored in clear."""
    own = (access.token_field,) if isinstance(access, TokenCall) else ()
    return tuple(dict.fromkeys((*SECRET_FIELDS, *own, *access.body)))


def _own_headers(access: Access) -> Iterator[str]:
    yield from access.secret_headers
    match access:
        case LgspAccess():
            yield from (access.header, access.token_header)
        case OAuth2Basic() | OAuth2Form() | BearerExchange() | TokenHeaderAccess():
            yield access.header
        case _:
            return
