"""An identity provider: asking it who somebody is (OpenID Connect Core 1.0, authorization code with PKCE, RFC 7636).

Invariants: nothing of an ID token counts before its signature, by a key that the provider publishes and an algorithm of the
settings' list, its issuer, audience, nonce and time have been checked; nothing is fetched from a host that the settings do
not allow. The access token is never used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from gateway.domain.errors import GatewayError
from gateway.port import Capacity, WireRequest
from gateway.settings_console import OidcSettings
from gateway.telemetry.tracing import plain_code
from gateway.wire.addresses import Place, place_of, plain_form
from gateway.wire.client import Answered, HttpClient

log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_CAPACITY = Capacity(concurrency=4, connect_timeout=5.0, read_timeout=10.0, max_response_bytes=256 * 1024)
KEPT_SECONDS = 3600.0
KEYS_AGAIN_SECONDS = 30.0
LEEWAY_SECONDS = 60
MOST_AGE_SECONDS = 600  # of an ID token that was made for this very sign-in
_KEY_KINDS = frozenset({"RSA", "EC", "OKP"})  # a symmetric key in a public set is nobody's signature
_LAST_INSTANT = 1 << 50
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class NotVouched(GatewayError):
    """Nobody is let in. ``code``: as ``door.fault_oidc_<code>`` in the words; the text is for the program's log."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Discovery(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0 §3), as far as it matters."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    code_challenge_methods_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class _Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One attempt, all of it made of one random word that only the browser keeps."""

    word: str

    @property
    def state(self) -> str:
        """Binds the answer to this browser."""
        return self._part(b"state")

    @property
    def nonce(self) -> str:
        """Binds the ID token to this attempt."""
        return self._part(b"nonce")

    @property
    def verifier(self) -> str:
        """Proves that who redeems the code has begun the attempt (RFC 7636 §4.1)."""
        return self._part(b"verifier")

    @property
    def challenge(self) -> str:
        """What the provider is shown of the verifier (RFC 7636 §4.2, S256)."""
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def _part(self, purpose: bytes) -> str:
        return _base64(hmac.new(self.word.encode(), purpose, hashlib.sha256).digest())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    """One identity provider. ``clock``: now, aware UTC; ``seconds``: on a clock that only goes forward."""

    def __init__(
        self,
        settings: OidcSettings,
        back: str,
        *,
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.back = back
        self._clock = clock
        self._seconds = seconds
        self._client = HttpClient(_CAPACITY, judge=_judge)
        self._discovery: tuple[float, Discovery] | None = None
        self._keys: tuple[float, Sequence[Mapping[str, Any]]] | None = None

    async def address(self, asking: Asking) -> str:
        """Where the browser is sent to."""
        found = await self.discovered()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.back,
            "scope": " ".join(self.settings.scopes),
            "state": asking.state,
            "nonce": asking.nonce,
            "code_challenge": asking.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in found.authorization_endpoint else "?"
        return found.authorization_endpoint + joint + urlencode(query)

    async def claims(self, asking: Asking, given: Mapping[str, str]) -> Mapping[str, Any]:
        """What the provider says of whoever came back with the query ``given``. NotVouched: nothing that counts."""
        if not hmac.compare_digest(given.get("state", "").encode(), asking.state.encode()):
            raise NotVouched("expired", "the state is not the one of this browser")
        found = await self.discovered()
        self._require_issuer(given.get("iss"), found)
        if "error" in given or not given.get("code"):
            raise NotVouched(
                "refused", f"the provider answered {plain_code(given.get('error', 'without_a_code'))}"
            )
        return await self._verified(await self._redeemed(found, given["code"], asking), asking)

    def _require_issuer(self, named: str | None, found: Discovery) -> None:
        """RFC 9207 §2.4: an answer of another provider is not taken for this one's (mix-up)."""
        if named is None and not found.authorization_response_iss_parameter_supported:
            return
        if named != self.settings.issuer:
            raise NotVouched("untrusted", "the answer names another issuer, or none where it has to")

    async def discovered(self) -> Discovery:
        """What the provider says of itself, at most an hour old."""
        if self._discovery is not None and self._discovery[0] > self._seconds():
            return self._discovery[1]
        address = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await self._fetch(WireRequest(method="GET", url=address), Discovery)
        # Discovery §4.3: they must be identical, or somebody else speaks for this issuer
        if found.issuer != self.settings.issuer:
            raise NotVouched("untrusted", f"the discovery document is of {found.issuer[:100]!r}")
        if "S256" not in (found.code_challenge_methods_supported or ["S256"]):
            raise NotVouched("untrusted", "the provider does not support PKCE by S256")
        for endpoint in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            self._require_allowed(endpoint)
        self._discovery = (self._seconds() + KEPT_SECONDS, found)
        return found

    async def _redeemed(self, found: Discovery, code: str, asking: Asking) -> str:
        """The ID token for ``code`` (RFC 6749 §4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.back,
            "client_id": self.settings.client_id,
            "code_verifier": asking.verifier,
        }
        headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
        secret = self.settings.client_secret
        if secret is not None:
            if "client_secret_basic" in (
                found.token_endpoint_auth_methods_supported or ["client_secret_basic"]
            ):
                pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret.reveal(), safe='')}"
                headers.append(("authorization", "Basic " + base64.b64encode(pair.encode()).decode()))
            else:
                form["client_secret"] = secret.reveal()
        request = WireRequest(
            method="POST", url=found.token_endpoint, headers=tuple(headers), body=urlencode(form).encode()
        )
        return (await self._fetch(request, _Tokens)).id_token

    async def _verified(self, token: str, asking: Asking) -> Mapping[str, Any]:
        """The claims of an ID token that proves (OpenID Connect Core §3.1.3.7)."""
        header = _header(token)
        if header.get("alg") not in self.settings.algorithms or "crit" in header:
            raise NotVouched("untrusted", f"the ID token's algorithm is {str(header.get('alg'))[:20]!r}")
        key = await self._key(header)
        try:
            claims: dict[str, Any] = jwt.decode(
                token, JWKRegistry.import_key(dict(key)), algorithms=list(self.settings.algorithms)
            ).claims
        except (JoseError, ValueError, TypeError, KeyError) as fault:
            raise NotVouched("untrusted", f"the ID token does not verify: {type(fault).__name__}") from fault
        self._require_claims(claims, asking)
        return claims

    def _require_claims(self, claims: Mapping[str, Any], asking: Asking) -> None:
        own, now = self.settings.client_id, self._clock().timestamp()
        audience = claims.get("aud")
        listed = [audience] if isinstance(audience, str) else audience
        issued, soon = _instant(claims.get("iat")), now + LEEWAY_SECONDS
        subject, nonce = claims.get("sub"), str(claims.get("nonce", ""))
        right = {
            "iss": claims.get("iss") == self.settings.issuer,
            "aud": isinstance(listed, list) and own in listed,
            "azp": claims.get("azp", own) == own and (listed == [own] or "azp" in claims),
            "exp": _instant(claims.get("exp")) > now - LEEWAY_SECONDS,
            "iat": now - MOST_AGE_SECONDS < issued < soon,
            "nbf": _instant(claims.get("nbf", now)) < soon,
            "nonce": hmac.compare_digest(nonce.encode("utf-8", "replace"), asking.nonce.encode()),
            "sub": isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable(),
        }
        wrong = [name for name, is_right in right.items() if not is_right]
        if wrong:
            raise NotVouched("untrusted", f"the ID token's {', '.join(wrong)} cannot be")

    async def _key(self, header: Mapping[str, Any]) -> Mapping[str, Any]:
        """The published key that ``header`` names; fetched anew, though not all the time, when it is not known."""
        keys = self._keys
        if keys is not None and keys[0] > self._seconds():
            found = _chosen(keys[1], header)
            if found is not None or keys[0] - self._seconds() > KEPT_SECONDS - KEYS_AGAIN_SECONDS:
                return _known(found)
        address = (await self.discovered()).jwks_uri
        published = (await self._fetch(WireRequest(method="GET", url=address), _Keys)).keys
        fit = [key for key in published if key.get("kty") in _KEY_KINDS and key.get("use", "sig") == "sig"]
        self._keys = (self._seconds() + KEPT_SECONDS, fit)
        return _known(_chosen(fit, header))

    async def _fetch(self, request: WireRequest, kind: type[_T]) -> _T:
        self._require_allowed(request.url)
        result = await self._client.exchange(request)
        if not isinstance(result, Answered):
            raise NotVouched("unreachable", f"{urlsplit(request.url).path}: {result.code}")
        if result.response.status != 200:
            code = "unreachable" if result.response.status >= 500 else "untrusted"
            raise NotVouched(code, f"{urlsplit(request.url).path} answered {result.response.status}")
        try:
            return msgspec.json.decode(result.response.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise NotVouched("untrusted", f"{urlsplit(request.url).path} cannot be read") from fault

    def _require_allowed(self, address: str) -> None:
        """Refuse what is neither the issuer's host nor one of the settings', or is not over TLS."""
        try:
            parts, own = urlsplit(address), urlsplit(self.settings.issuer)
            same = (parts.hostname, parts.port) == (own.hostname, own.port)
        except ValueError as fault:
            raise NotVouched("untrusted", "the provider names an address that is none") from fault
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
        if not safe or parts.username is not None or not (same or parts.hostname in self.settings.hosts):
            raise NotVouched("untrusted", f"the provider names the host {str(parts.hostname)[:100]!r}")


def _judge(host: str, address: str) -> str | None:
    if place_of(plain_form(address)) is Place.NEVER:
        return f"{host} leads to {address}, where no identity provider is"
    return None


def _chosen(keys: Sequence[Mapping[str, Any]], header: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The key that ``header`` names; without a name, the only one that there is."""
    algorithm, name = header.get("alg"), header.get("kid")
    fit = [key for key in keys if key.get("alg", algorithm) == algorithm]
    if name is not None:
        fit = [key for key in fit if key.get("kid") == name]
    return fit[0] if len(fit) == 1 else None


def _known(key: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if key is None:
        raise NotVouched("untrusted", "the provider publishes no key that the ID token could be signed with")
    return key


def _header(token: str) -> Mapping[str, Any]:
    try:
        first = token.partition(".")[0]
        found = msgspec.json.decode(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError, RecursionError) as fault:
        raise NotVouched("untrusted", "the ID token cannot be read") from fault
    if not isinstance(found, dict):
        raise NotVouched("untrusted", "the ID token cannot be read")
    return found


def _instant(value: object) -> float:
    """Seconds since the epoch; what is no number is neither before nor after anything."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LAST_INSTANT:
        return float(value)
    return math.nan
