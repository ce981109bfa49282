"""Signing in with an identity provider: the way there and back, and the account of whoever it vouches for.

Invariants: only the browser that has begun an attempt ends it, once and within ``GOOD_SECONDS``; an account that has a password
here is never taken over; somebody without a role is refused before an account exists.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import msgspec
import structlog
from starlette.routing import Route as Address
from starlette.types import Receive, Send

from gateway.console import entrance
from gateway.console.oidc import Asking, NotVouched, Provider
from gateway.console.sessions import Entered, Sessions, Visitor, actor_of
from gateway.console.surface import Console, Request
from gateway.console.threshold import Step, Threshold, query_of
from gateway.settings_console import OidcSettings
from gateway.storage.account_orders import AddAccount, SetRoles, manage_account
from gateway.storage.accounts import NewAccount, Subject, enter_vouched, find_subject, has_name, is_name
from gateway.storage.scopes import Role
from gateway.telemetry import SIGN_INS

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

log = structlog.get_logger(__name__)
START = "/console/oidc/start"
BACK = "/console/oidc/return"
GOOD_SECONDS = 600
MOST_USED = 10_000
_COOKIE = "lienthong-oidc"
_KEPT = re.compile(r"(?P<word>[A-Za-z0-9_-]{43})\.(?P<begun>[0-9]{1,12})\.(?P<onward>[^;]{0,3000})")
_UNFIT = re.compile(r"[^a-z0-9._@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a provider vouches for, as far as it matters here."""

    subject: Subject
    name: str
    display_name: str
    roles: frozenset[Role]


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Who the verified ``claims`` are about. NotVouched: of no domain that may sign in, or for nothing here."""
    email = str(claims.get("email", ""))
    if settings.domains:
        domain = email.rpartition("@")[2].lower()
        if claims.get("email_verified") is not True or domain not in settings.domains:
            raise NotVouched(
                "domain", "the mail address is of no domain that may sign in, or is not verified"
            )
    roles = frozenset(
        role for value in _values(claims, settings.claim) for role in settings.roles.get(value, ())
    )
    if not roles:
        raise NotVouched("no_role", f"no value of the claim {settings.claim} has a role")
    subject = Subject(issuer=settings.issuer, subject=str(claims["sub"]))
    digest = hashlib.sha256(f"{subject.issuer}|{subject.subject}".encode()).hexdigest()
    wanted = _UNFIT.sub("-", str(claims.get("preferred_username") or email).lower()).strip("-._@")[:50]
    shown = "".join(letter for letter in str(claims.get("name") or "") if letter.isprintable())[:200]
    name = wanted if is_name(wanted) else f"oidc-{digest[:12]}"
    return Person(subject=subject, name=name, display_name=shown.strip() or name, roles=roles)


def _values(claims: Mapping[str, Any], path: str) -> Iterator[str]:
    """The texts of a claim; a name with points may lead into objects, as ``realm_access.roles`` does."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    for value in found if isinstance(found, list) else [found]:
        if isinstance(value, str):
            yield value


class OidcDoor:
    """The two addresses of signing in with ``provider``."""

    def __init__(self, console: Console, sessions: Sessions, provider: Provider) -> None:
        self._console = console
        self._sessions = sessions
        self._provider = provider
        self._used: OrderedDict[str, None] = OrderedDict()

    def addresses(self, threshold: Threshold) -> list[Address]:
        """Both addresses; what goes wrong is told on the sign-in page of ``threshold``."""

        async def start(request: Request, _receive: Receive, send: Send) -> None:
            await self._told(request, send, threshold, self._start)

        async def back(request: Request, _receive: Receive, send: Send) -> None:
            await self._told(request, send, threshold, self._back)

        rows = ((START, start), (BACK, back))
        return [
            Address(path, Step(console=self._console, path=path, answers={"GET": it})) for path, it in rows
        ]

    async def _told(self, request: Request, send: Send, threshold: Threshold, work: Any) -> None:
        onward = entrance.local(query_of(request).get("next", ""))
        if entrance.hindrance(request) is not None:
            await threshold.show(request, send, {"next": onward}, status=403)
            return
        try:
            headers = await work(request)
        except NotVouched as fault:
            SIGN_INS.labels("oidc", fault.code).inc()
            log.warning("sign_in_not_vouched", code=fault.code, detail=str(fault))
            gone = [entrance.cookie(request, entrance.prefixed(request, _COOKIE), "", keep=0)]
            values = {"next": onward, "fault": f"oidc_{fault.code}"}
            status = 503 if fault.code == "unreachable" else 403
            await threshold.show(request, send, values, status=status, headers=gone)
            return
        await request.write(303, b"", send, headers=headers)

    async def _start(self, request: Request) -> list[tuple[str, str]]:
        """Send the browser to the provider, with a word that it keeps meanwhile."""
        self._count(request)
        word = secrets.token_urlsafe(32)
        begun = int(self._console.api.now.timestamp())
        onward = entrance.local(query_of(request).get("next", ""))
        kept = f"{word}.{begun}.{quote(onward, safe='')}"
        name = entrance.prefixed(request, _COOKIE)
        address = await self._provider.address(Asking(word=word))
        return [("location", address), entrance.cookie(request, name, kept, keep=GOOD_SECONDS)]

    async def _back(self, request: Request) -> list[tuple[str, str]]:
        """Let in whom the provider vouches for."""
        visitor = self._count(request)
        name = entrance.prefixed(request, _COOKIE)
        kept = _KEPT.fullmatch(request.cookies.get(name, ""))
        if kept is None or self._console.api.now.timestamp() - int(kept["begun"]) > GOOD_SECONDS:
            raise NotVouched("expired", "the browser has begun nothing, or too long ago")
        asking = Asking(word=kept["word"])
        self._use_once(asking)
        claims = await self._provider.claims(asking, query_of(request))
        person = person_of(claims, self._provider.settings)
        entered = await self._console.api.gateway.database.write(lambda tx: self._admit(tx, visitor, person))
        if entered is None:
            raise NotVouched("disabled", "the account is disabled")
        self._console.api.access.forget_accounts()
        SIGN_INS.labels("oidc", "ok").inc()
        request.trace.client = actor_of(entered.account)
        gone = entrance.cookie(request, name, "", keep=0)
        onward = entrance.local(unquote(kept["onward"]))
        return [("location", onward), entrance.session_cookie(request, entered.word), gone]

    def _use_once(self, asking: Asking) -> None:
        """An address to come back to works once, even if somebody else has seen it and the cookie."""
        if asking.state in self._used:
            raise NotVouched("expired", "this attempt was ended already")
        self._used[asking.state] = None
        if len(self._used) > MOST_USED:
            self._used.popitem(last=False)

    def _count(self, request: Request) -> Visitor:
        peer = entrance.peer_of(request)
        self._console.api.limit(f"sign-in from {entrance.network_of(peer)}", rate=1.0, burst=20)
        return Visitor(peer=peer, agent=request.headers.get("user-agent", ""), word=request.word)

    def _admit(self, tx: Transaction, visitor: Visitor, person: Person) -> Entered | None:
        """Begin a session of this person's account, which is made or follows the claims; None: it is disabled."""
        now = self._console.api.now
        found = find_subject(tx, person.subject)
        if found is None:
            name = _free_name(tx, person)
            new = NewAccount(
                name=name, display_name=person.display_name, roles=person.roles, oidc=person.subject
            )
            manage_account(tx, AddAccount(actor=actor_of(name), reason="", now=now, new=new))
        else:
            name = found.name
            if found.disabled_at is not None:
                return None
            if found.roles != person.roles:
                order = SetRoles(actor=actor_of(name), reason="", now=now, account=name, roles=person.roles)
                manage_account(tx, order)
        enter_vouched(tx, name, now)
        return self._sessions.begin(tx, visitor, name, "account.sign_in")


def _free_name(tx: Transaction, person: Person) -> str:
    """The name that this person wants, or one beside it: nobody takes over an account that happens to have it."""
    if not has_name(tx, person.name):
        return person.name
    digest = hashlib.sha256(msgspec.json.encode(person.subject)).hexdigest()
    return f"{person.name[:50]}-{digest[:12]}"
