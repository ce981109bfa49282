"""Who calls, and what it may do: API keys, bearer tokens, client credentials (RFC 6749 §4.4, RFC 6750).

Invariant: secrets are compared by their SHA-256, in constant time; whoever shows none, a wrong one, or one whose
client was disabled is refused. What was looked up is trusted for a few seconds, so disabling takes effect within
``TRUST_SECONDS`` in every process.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import unquote_plus

from gateway.api.problem import Refused
from gateway.storage import clients
from gateway.storage.clients import Principal, Scope, Token
from gateway.storage.database import Database

TRUST_SECONDS = 10.0
MOST_TRUSTED = 4096
_REALM = 'Bearer realm="lienthong"'
_SECRET = re.compile(r"ltt?_[A-Za-z0-9_-]{43}")


class Access:
    """Knows clients. ``clock``: now, aware UTC; ``monotonic``: seconds."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._trusted: OrderedDict[str, tuple[Principal, float]] = OrderedDict()
        self.generation = 0  # of what this process knows of accounts and sessions

    async def principal(self, headers: Mapping[str, str]) -> Principal:
        """Who sent ``headers`` (names in lower case); Refused (401) when nobody that is known."""
        secret = _shown_secret(headers)
        digest = clients.digest(secret)
        known = self._trusted.get(digest)
        if known is not None and known[1] > self._monotonic() and not self._expired(known[0]):
            return known[0]
        found = await self._look_up(secret, digest)
        if found is None or not hmac.compare_digest(found.secret_hash, digest):
            self._trusted.pop(digest, None)
            raise unauthorised("the key or token is not known, has expired, or its client was disabled")
        self._trusted[digest] = (found, self._monotonic() + TRUST_SECONDS)
        self._trusted.move_to_end(digest)
        if len(self._trusted) > MOST_TRUSTED:
            self._trusted.popitem(last=False)
        return found

    def forget(self, client: str) -> None:
        """What ``client`` has shown is looked up anew: it was rotated or disabled in this process just now."""
        for digest in [key for key, (principal, _) in self._trusted.items() if principal.client == client]:
            del self._trusted[digest]

    def forget_accounts(self) -> None:
        """What is remembered of accounts and their sessions is looked up anew: one was changed here just now."""
        self.generation += 1

    def seconds(self) -> float:
        """Now, on a clock that only goes forward."""
        return self._monotonic()

    def _expired(self, principal: Principal) -> bool:
        return principal.expires_at is not None and principal.expires_at <= self._clock()

    async def _look_up(self, secret: str, digest: str) -> Principal | None:
        if secret.startswith(clients.TOKEN_PREFIX):
            question = functools.partial(clients.find_by_token, token_hash=digest, now=self._clock())
        else:
            question = functools.partial(clients.find_by_key, secret_hash=digest)
        return await self._database.read(question)

    async def client(self, client_id: str, secret: str) -> Principal:
        """The client of these credentials; Refused (401, ``invalid_client``) when they are not right."""
        question = functools.partial(clients.find_by_id, client_id=client_id)
        digest = clients.digest(secret)
        found = await self._database.read(question) if _speakable(client_id) else None
        # compared even when there is no such client, so that the time taken tells nothing
        right = hmac.compare_digest(digest, found.secret_hash if found is not None else "0" * 64)
        if found is None or not right:
            raise Refused(
                "unauthorised",
                "client id or secret is wrong, or the client was disabled",
                headers=(("www-authenticate", 'Basic realm="lienthong"'),),
                error="invalid_client",
            )
        return found

    async def grant(self, principal: Principal, wanted: str, lifetime: float) -> tuple[str, Token]:
        """A fresh token for ``principal`` with the scopes ``wanted`` (empty: all of its own)."""
        scopes = _granted(principal, wanted)
        secret = clients.new_token()
        issued = Token(
            hash=clients.digest(secret),
            client=principal.client,
            scopes=scopes,
            expires_at=self._clock() + timedelta(seconds=lifetime),
        )
        await self._database.write(lambda tx: clients.save_token(tx, issued))
        return secret, issued


def require_scope(principal: Principal, scope: Scope) -> None:
    """Refuse (403) a client that lacks ``scope``."""
    if scope not in principal.scopes:
        challenge = f'{_REALM}, error="insufficient_scope", scope="{scope}"'
        raise Refused(
            "forbidden",
            f"client {principal.client} lacks scope {scope}; ask the gateway's operators for it",
            headers=(("www-authenticate", challenge),),
        )


def unauthorised(detail: str) -> Refused:
    """The refusal of whoever is not known (RFC 6750 §3)."""
    return Refused("unauthorised", detail, headers=(("www-authenticate", _REALM),))


def _shown_secret(headers: Mapping[str, str]) -> str:
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorised("Authorization: send Bearer and an API key or token")
        secret = secret.strip()
    else:
        secret = headers.get("x-api-key", "").strip()
    if not secret:
        raise unauthorised("send Authorization: Bearer with an API key or token, or X-API-Key")
    if _SECRET.fullmatch(secret) is None:
        raise unauthorised("that is not the form of an API key or token of this gateway")
    return secret


def _granted(principal: Principal, wanted: str) -> frozenset[Scope]:
    if not wanted.strip():
        return principal.scopes
    allowed = {scope.value: scope for scope in principal.scopes}
    missing = sorted(word for word in wanted.split() if word not in allowed)
    if missing:
        raise Refused(
            "unreadable",
            f"client {principal.client} has no scope {missing[0][:60]!r}; ask for some of: "
            + " ".join(sorted(allowed)),
            error="invalid_scope",
        )
    return frozenset(allowed[word] for word in wanted.split())


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """Client id and secret of ``Authorization: Basic`` (RFC 6749 §2.3.1); None when it is not of that form."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    client_id, colon, secret = text.partition(":")
    return (unquote_plus(client_id), unquote_plus(secret)) if colon else None


def _speakable(client_id: str) -> bool:
    return client_id.isascii() and client_id.isprintable() and len(client_id) <= 100
