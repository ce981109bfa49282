"""How people's actions are overseen: what needs a second person, and how an action becomes an entry of the message log.

A database has one (``Database.oversight``), so that no caller can forget it. Invariant: what is named in ``required``
takes effect only after ``gateway.storage.approvals`` has found somebody else's word for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from gateway.storage.rows import MessageRow

LIFETIME = timedelta(days=3)


class Dangerous(StrEnum):
    """What cannot be taken back, or gives rights that its giver lacks, and so may need a second person. Refunds and
    decisions about payments always do (``gateway.storage.payment_decisions``)."""

    SKIP = "delivery.skip"
    RESOLVE = "delivery.resolve"
    EDIT = "delivery.edit"
    REPAIR_BACKWARDS = "drift.repair_backwards"
    ERASE = "dossier.erase"
    ROTATE_KEYS = "keys.rotate"
    DESTROY_KEYS = "keys.destroy"
    GRANT = "account.grant"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did to ``target``, and why. ``detail`` becomes JSON."""

    actor: str
    verb: str
    target: str
    reason: str
    now: datetime
    detail: dict[str, Any]


EntryMaker: TypeAlias = Callable[[int, Action], MessageRow]
"""The log entry, with this identifier, of an action (``gateway.messagelog.acts``)."""


class Oversight(msgspec.Struct, frozen=True, kw_only=True):
    """``required``: what needs a second person. ``lifetime``: how long a request and an approval are good.
    ``entry`` None: actions are written down in their own table alone."""

    required: frozenset[Dangerous] = frozenset()
    lifetime: timedelta = LIFETIME
    entry: EntryMaker | None = None
