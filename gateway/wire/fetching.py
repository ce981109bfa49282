"""Fetching a file from an address that somebody else has written: a receipt, an attachment of a dossier.

Invariants: a request leaves only to a host that the settings list, and only to an address that was judged in the very
look-up that is connected to; no redirect leads to another host; no more than the limit is read; both directions are in
the message log, and what cannot be logged is not fetched.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import msgspec

from gateway.messagelog.entry import About, Scope, no_answer_entry, request_entry, response_entry
from gateway.port import Capacity, WireRequest, WireResponse, header
from gateway.storage.database import Database
from gateway.storage.rows import MessageRow, insert_messages
from gateway.wire.addresses import Place, literal, place_of, plain_form
from gateway.wire.client import Answered, Exchange, HttpClient, Transport

MOST_STEPS = 4  # the address itself and three redirects on its host
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0  # payment_platform §11.7
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECRET_FIELDS = ("token", "access_token", "signature", "secret")  # such an address may be a key for a while
_PORTS = {"http": 80, "https": 443}


class Rules(Protocol):
    """Where something may be fetched from."""

    @property
    def limit(self) -> int:
        """Most bytes."""

    def permits(self, url: str) -> bool:
        """Whether ``url`` may be fetched from, as far as its text tells."""

    def is_inside(self, host: str) -> bool:
        """Whether ``host`` may be at a private address."""


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """No file, and why. ``wait``: seconds before asking again makes sense; ``counts``: it was a try."""

    code: str
    reason: str
    wait: float = 0.0
    counts: bool = True


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """For whom something is fetched, by whose rules; ``operation``: its name in the message log of ``channel``."""

    channel: str
    operation: str
    dossier: str
    rules: Rules
    accept: str = "*/*"
    agent: str = "lienthong-files/1"


class Fetcher:
    """Fetches. ``transport`` and ``verify`` are for tests."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        transport: Transport | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._transport = transport
        self._verify = verify

    async def fetch(self, errand: Errand, url: str) -> WireResponse | Missed:
        """The complete answer from ``url``, HTTP 200, or why there is none. StorageUnavailable: it cannot be logged."""
        client = self._client(errand.rules)
        try:
            for _ in range(MOST_STEPS):
                refusal = refused(errand.rules, url)
                if refusal is not None:
                    return Missed(code="foreign_host", reason=refusal)
                found = _understood(await self._exchange(client, errand, url), url)
                if not isinstance(found, str):
                    return found
                url = found
            return Missed(code="redirects", reason=f"more than {MOST_STEPS - 1} redirects")
        finally:
            await client.close()

    def _client(self, rules: Rules) -> HttpClient:
        capacity = Capacity(
            concurrency=1,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_response_bytes=rules.limit,
        )
        judge = partial(refused_address, rules)
        return HttpClient(capacity, transport=self._transport, verify=self._verify, judge=judge)

    async def _exchange(self, client: HttpClient, errand: Errand, url: str) -> Exchange:
        """One request, logged before it leaves and when it has ended."""
        scope = Scope(channel=errand.channel, secret_fields=_SECRET_FIELDS)
        request = WireRequest(
            method="GET",
            url=url,
            headers=(("accept", errand.accept), ("user-agent", errand.agent)),
            body=b"",
        )
        asked = self._about(errand)
        await self._append(request_entry(scope, asked, request))
        result = await client.exchange(request)
        answered = msgspec.structs.replace(self._about(errand), request_id=asked.id)
        if isinstance(result, Answered):
            await self._append(response_entry(scope, answered, result.response))
        else:
            await self._append(no_answer_entry(scope, answered, f"{result.code}: {result.reason}"))
        return result

    def _about(self, errand: Errand) -> About:
        return About(
            id=self._database.identifiers.next(),
            at=self._clock(),
            operation=errand.operation,
            dossier=errand.dossier,
        )

    async def _append(self, row: MessageRow) -> None:
        await self._database.write(lambda transaction: insert_messages(transaction, [row]))


def refused(rules: Rules, url: str) -> str | None:
    """Why nothing is fetched from ``url``, as far as the text alone tells; None when it may be tried."""
    if not rules.permits(url):
        return "the address leads to a host that is not listed"
    host = urlsplit(url).hostname or ""
    # the resolver judges names; an address in the URL itself is ours to judge
    return None if literal(host) is None else refused_address(rules, host, host)


def refused_address(rules: Rules, host: str, address: str) -> str | None:
    """Why ``address``, to which ``host`` resolves, is not connected to; None when it may be."""
    found = plain_form(address)
    match place_of(found):
        case Place.PUBLIC:
            return None
        case Place.PRIVATE if rules.is_inside(host):
            return None
        case Place.PRIVATE:
            return f"{host} leads to the private address {found}"
        case Place.NEVER:
            return f"{host} leads to {found}, from which nothing is ever fetched"


def _understood(result: Exchange, url: str) -> WireResponse | str | Missed:
    """The answer, the address on the same host to go on to, or why there is neither."""
    if not isinstance(result, Answered):
        return Missed(code=result.code, reason=result.reason)
    response = result.response
    if response.status in _REDIRECTS:
        return _next(response, url)
    if response.status != HTTPStatus.OK:
        return Missed(code="http_status", reason=f"HTTP {response.status}")
    return response


def _next(response: WireResponse, url: str) -> str | Missed:
    try:
        following = urljoin(url, header(response.headers, "location") or "")
        same = _origin(following) == _origin(url)
    except ValueError:
        return Missed(code="redirect", reason="a redirect to an address that cannot be read")
    if not same:
        return Missed(code="redirect", reason="a redirect to another host, which is not followed")
    return following


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
