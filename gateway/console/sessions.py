"""Signing in and out, and whose session a browser's word is.

Invariants: whoever does not get in learns nothing of why: unknown, wrong, locked and disabled look alike and take the same
time; signing in and every change of a password begin a new session and end the old one. What was looked up is trusted for
``TRUST_SECONDS``, so a revocation takes effect that soon in every process, and at once in this one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from gateway.accounts.passwords import Passwords
from gateway.api.problem import Refused
from gateway.api.service import Api
from gateway.console.page import Viewer
from gateway.storage.account_orders import SetPassword, manage_account, target_of
from gateway.storage.accounts import Attempt, LockOut, begin_attempt, enter, is_name, scopes_of
from gateway.storage.clients import Principal, digest
from gateway.storage.operator_log import write_action
from gateway.storage.oversight import Action
from gateway.storage.sessions import SEEN_EVERY, Opening, Standing, end_word, find_session, open_session, see

if TYPE_CHECKING:
    from gateway.storage.database import Transaction
from gateway.telemetry import SIGN_INS

TRUST_SECONDS = 5.0
MOST_TRUSTED = 4096
MOST_WAITING = 16
_WORD = re.compile(r"[A-Za-z0-9_-]{43}")


def actor_of(account: str) -> str:
    """What a person of the console is called in histories."""
    return f"console/{account}"


def csrf_of(word: str) -> str:
    """What the forms of the session of ``word`` carry: nobody who has only the database can make it."""
    return hmac.new(word.encode(), b"csrf", hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A browser that is about to sign in. ``word``: of the session that it has, if any."""

    peer: str
    agent: str
    word: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Somebody is in; the browser is to keep ``word``."""

    word: str
    account: str


Turned = Literal["wrong", "must_change"]


@dataclass(slots=True, kw_only=True)
class _Known:
    viewer: Viewer
    seen_at: datetime
    until: float


class Sessions:
    """Keeps the sessions of one gateway (``Door``)."""

    def __init__(self, api: Api, passwords: Passwords) -> None:
        self._api = api
        self._database = api.gateway.database
        self._settings = api.gateway.settings.console
        self._passwords = passwords
        self._waiting = 0
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._generation = api.access.generation

    @property
    def idle(self) -> timedelta:
        """How long a session lives without use."""
        return timedelta(seconds=self._settings.idle)

    async def viewer(self, word: str, *, peer: str, agent: str, live: bool = False) -> Viewer | None:
        """Whose session ``word`` is; None when it is nobody's, has ended, or its account has.

        ``live``: a page that refreshes itself asks, which is no use of the session.
        """
        del peer, agent  # people move between networks, and browsers are upgraded under a session
        if _WORD.fullmatch(word) is None:
            return None
        known = self._remembered(digest(word)) or await self._look_up(word)
        if known is not None and not live and self._api.now - known.seen_at >= SEEN_EVERY:
            known.seen_at = now = self._api.now
            session = known.viewer.session
            await self._database.write(lambda tx: see(tx, session, now))
        return None if known is None else known.viewer

    def _remembered(self, key: str) -> _Known | None:
        if self._generation != self._api.access.generation:
            self._known.clear()
            self._generation = self._api.access.generation
        known = self._known.get(key)
        return known if known is not None and known.until > self._api.access.seconds() else None

    async def _look_up(self, word: str) -> _Known | None:
        key, generation = digest(word), self._generation
        found = await self._database.glance(
            partial(find_session, word=word, now=self._api.now, idle=self.idle)
        )
        if found is None:
            self._known.pop(key, None)
            return None
        known = _Known(
            viewer=_viewer(found, word),
            seen_at=found.session.seen_at,
            until=self._api.access.seconds() + TRUST_SECONDS,
        )
        if generation == self._generation == self._api.access.generation:
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > MOST_TRUSTED:
                self._known.popitem(last=False)
        return known

    async def sign_in(self, visitor: Visitor, name: str, password: str) -> Entered | Turned:
        """Let somebody in who shows the right password."""
        attempt = await self._checked(visitor, name, password)
        if attempt is None:
            return "wrong"
        now = self._api.now
        renewed = None
        if attempt.password_hash is not None and self._passwords.outdated(attempt.password_hash):
            renewed = await self._passwords.hash(password)

        def unit(tx: Transaction) -> Entered | Turned:
            if not enter(tx, attempt, now, renewed):
                return "wrong"
            if attempt.must_change:
                return "must_change"
            return self.begin(tx, visitor, attempt.name, "account.sign_in")

        return self._changed(await self._database.write(unit))

    async def change_password(
        self, visitor: Visitor, name: str, current: str, wanted: str
    ) -> Entered | Turned:
        """Give oneself another password, which ``passwords.faults`` has found fit; every other session ends."""
        attempt = await self._checked(visitor, name, current)
        if attempt is None:
            return "wrong"
        hashed, now = await self._passwords.hash(wanted), self._api.now
        order = SetPassword(
            actor=actor_of(attempt.name),
            reason="",
            now=now,
            account=attempt.name,
            password_hash=hashed,
            must_change=False,
        )

        def unit(tx: Transaction) -> Entered | Turned:
            if not enter(tx, attempt, now):
                return "wrong"
            manage_account(tx, order)
            return self.begin(tx, visitor, attempt.name, "account.sign_in")

        return self._changed(await self._database.write(unit))

    async def sign_out(self, word: str, viewer: Viewer) -> None:
        """End the session of ``word``."""
        now = self._api.now

        def unit(tx: Transaction) -> None:
            if end_word(tx, word, now):
                self._note(tx, "account.sign_out", viewer.account, {"session": viewer.session})

        await self._database.write(unit)
        self._api.access.forget_accounts()

    def begin(self, tx: Transaction, visitor: Visitor, name: str, verb: str) -> Entered:
        """Begin a session in the transaction that has let somebody in, and end the one that the browser had."""
        now = self._api.now
        if visitor.word:
            end_word(tx, visitor.word, now)
        lifetime = timedelta(seconds=self._settings.lifetime)
        opening = Opening(account=name, now=now, lifetime=lifetime, peer=visitor.peer, agent=visitor.agent)
        word, identifier = open_session(tx, opening)
        self._note(tx, verb, name, {"session": identifier, "peer": visitor.peer})
        return Entered(word=word, account=name)

    def _changed(self, turn: Entered | Turned) -> Entered | Turned:
        self._api.access.forget_accounts()
        return turn

    async def _checked(self, visitor: Visitor, name: str, password: str) -> Attempt | None:
        """The attempt if its password is right; a failure is written down before this returns."""
        if self._waiting >= MOST_WAITING:
            raise Refused(
                "too_many_requests", "too many people sign in at once", headers=(("retry-after", "2"),)
            )
        self._waiting += 1
        try:
            return await self._judged(visitor, name, password)
        finally:
            self._waiting -= 1

    async def _judged(self, visitor: Visitor, name: str, password: str) -> Attempt | None:
        settings, now = self._settings, self._api.now
        lock = LockOut(failures=settings.failures, first=settings.first_lock, longest=settings.longest_lock)
        name = name.strip().lower()
        asked = name if is_name(name) else ""
        attempt = await self._database.write(lambda tx: begin_attempt(tx, asked, now, lock))
        right = await self._passwords.matches(attempt.password_hash, password)
        if attempt.open and right:
            SIGN_INS.labels("password", "ok").inc()
            return attempt
        SIGN_INS.labels("password", "wrong" if attempt.open else "locked").inc()
        # what is no account's name may be a password in the wrong field: it is not written down
        verb = "account.lock" if attempt.open and attempt.locked else "account.refuse"
        told = {"peer": visitor.peer, "failures": attempt.failures}
        who = attempt.name if attempt.known else ""
        await self._database.write(lambda tx: self._note(tx, verb, who, told))
        return None

    def _note(self, tx: Transaction, verb: str, name: str, detail: dict[str, Any]) -> None:
        action = Action(
            actor=actor_of(name or "-"),
            verb=verb,
            target=target_of(name or "-"),
            reason="",
            now=self._api.now,
            detail=detail,
        )
        write_action(tx, action)


def _viewer(found: Standing, word: str) -> Viewer:
    name = found.session.account
    return Viewer(
        account=name,
        name=found.display_name,
        principal=Principal(client=actor_of(name), secret_hash="", scopes=scopes_of(found.roles)),
        csrf=csrf_of(word),
        session=found.session.id,
    )
