"""Who may talk to the portal's stand-in: accounts, sessions in the body, tokens in the header (national_portal §2).

Invariant: nothing here is random. Sessions and tokens are numbered and hashed, so two runs hand out the same ones.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A login of a province or ministry. ``units``: codes it may speak for, with everything below them."""

    password: str
    units: tuple[str, ...] = ("H99",)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login or a token that was handed out. ``holder``: the account's or the client's name."""

    holder: str
    issued_at: datetime


class Passes:
    """Sessions or tokens of one kind, with one lifetime in seconds."""

    def __init__(self, salt: str) -> None:
        self._salt = salt
        self._alive: dict[str, Session] = {}
        self.issued = 0
        self.dropped = 0

    def issue(self, holder: str, now: datetime) -> str:
        """A new pass for ``holder``."""
        self.issued += 1
        seed = f"{self._salt}:{holder}:{self.issued}"
        value = hashlib.sha256(seed.encode()).hexdigest()[:32]
        self._alive[value] = Session(holder=holder, issued_at=now)
        return value

    def holder(self, value: str, now: datetime, lifetime: float) -> str | None:
        """Who holds pass ``value``; None when it is unknown or older than ``lifetime`` seconds."""
        session = self._alive.get(value)
        if session is None or now - session.issued_at > timedelta(seconds=lifetime):
            return None
        return session.holder

    def drop(self, value: str) -> bool:
        """Forget a pass; False when it was not alive."""
        known = self._alive.pop(value, None) is not None
        self.dropped += known
        return known

    def drop_all(self) -> int:
        """Forget every pass; how many there were."""
        count = len(self._alive)
        self._alive.clear()
        self.dropped += count
        return count


def may_speak_for(account: Account, unit: str) -> bool:
    """Whether ``unit`` is one of the account's or below it, in the new or the legacy style (§3)."""
    return any(
        unit == mine or unit.startswith(f"{mine}.") or unit.endswith(f".{mine}") for mine in account.units
    )


def client_of(authorization: str, body: bytes) -> tuple[str, str, dict[str, str]]:
    """Client id, secret and form of a token request, from the Basic header or from the form (§2.3)."""
    form = {
        name: values[0]
        for name, values in parse_qs(body.decode("utf-8", "replace"), max_num_fields=None).items()
    }
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", ""), form
    try:
        identifier, _, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return "", "", form
    return identifier, secret, form


def bearer_of(authorization: str) -> str:
    """The token of an ``Authorization: Bearer`` header, or nothing."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def token_answer(token: str, lifetime: float) -> dict[str, Any]:
    """The body of a granted token (§2.3)."""
    return {"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime), "scope": "default"}
