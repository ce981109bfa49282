"""What people do as entries of the message log, so that it has a leaf and a proof like any exchange.

Invariant: an entry says who, why, about what and in detail, as canonical JSON; nothing that is a secret reaches it, because
no action's detail has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.messagelog.entry import About, Scope, note_entry
from gateway.storage.operator_log import dossier_of
from gateway.storage.oversight import Action, Dangerous, Oversight
from gateway.storage.rows import insert_messages

if TYPE_CHECKING:
    from gateway.storage.database import Transaction
    from gateway.storage.rows import MessageRow

OPERATOR = Scope(channel="operator")
ACCESS = Scope(channel="access")
UNWATCHED = frozenset({OPERATOR.channel, ACCESS.channel})
"""Channels whose entries are about people's own doings: reading them leaves none behind."""
_ENCODER = msgspec.json.Encoder(order="sorted")


def action_entry(identifier: int, action: Action) -> MessageRow:
    """The entry of an operator's action."""
    about = About(
        id=identifier,
        at=action.now,
        operation=action.verb,
        direction="in",
        dossier=dossier_of(action.target),
    )
    told = {
        "actor": action.actor,
        "reason": action.reason,
        "target": action.target,
        "detail": action.detail,
    }
    return note_entry(OPERATOR, about, _ENCODER.encode(told))


class AccessNote(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has been shown contents of the log: who, why, of which dossier if of one, and what exactly."""

    actor: str
    reason: str
    now: datetime
    dossier: str | None
    detail: dict[str, Any]


def access_entry(identifier: int, verb: str, note: AccessNote) -> MessageRow:
    """The entry of contents that were shown; to be written before they are."""
    about = About(id=identifier, at=note.now, operation=verb, direction="in", dossier=note.dossier)
    told = {"actor": note.actor, "reason": note.reason, "detail": note.detail}
    return note_entry(ACCESS, about, _ENCODER.encode(told))


def note_access(transaction: Transaction, verb: str, note: AccessNote) -> str:
    """Write down that contents are about to be shown; the entry's identifier."""
    row = access_entry(transaction.identifiers.next(), verb, note)
    insert_messages(transaction, [row])
    return str(row.id)


def oversight(required: Iterable[str], lifetime: float) -> Oversight:
    """How a gateway oversees what people do. ``required``: what needs a second person; ``lifetime`` in seconds."""
    return Oversight(
        required=frozenset(map(Dangerous, required)),
        lifetime=timedelta(seconds=lifetime),
        entry=action_entry,
    )
