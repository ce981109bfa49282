"""Encoding a corrected content as sending would, before it takes the place of the stored one.

Invariant: nothing is sent and nothing is kept here; what cannot be encoded now is refused with its findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.delivery import call
from gateway.delivery.preparation import Task, assembled
from gateway.delivery.turn import Encoded
from gateway.domain.delivery import Delivery
from gateway.domain.errors import CannotEncode, ConflictError, RecordError
from gateway.domain.outcome import Deferred, Rejected
from gateway.domain.violation import Violation, shown
from gateway.messagelog.redaction import REDACTED
from gateway.port import WireRequest
from gateway.storage.delivery_edits import StoredContent
from gateway.wire.authentication import Credentials

if TYPE_CHECKING:
    from gateway.delivery.destination import Destination


async def encode_content(
    destination: Destination, content: StoredContent, payload: bytes, memory: Mapping[str, str]
) -> WireRequest:
    """The request that delivery ``content`` would be with ``payload``, credentials blacked out, unsigned. RecordError lists
    what the adapter objects to; ConflictError: what it needs cannot be fetched now."""
    delivery = Delivery(
        id=content.id,
        lane=content.lane,
        destination=content.destination,
        dossier=content.dossier,
        operation=content.operation,
        key=content.key,
        position=content.position,
        payload=payload,
    )
    credentials = Credentials(
        values={layer.name: REDACTED for layer in destination.adapter.credentials}, generations={}
    )
    first = call.encode(destination, [delivery], "send", destination.context(credentials, memory))
    if isinstance(first, CannotEncode) and not first.missing:
        raise RecordError(
            destination.shown(str(first)), first.violations or [_whole(destination.shown(str(first)))]
        )
    task = Task(
        deliveries=[delivery], kind="send", credentials=credentials, memory=memory, before_waiting=_at_once
    )
    made = await assembled(destination, task)
    match made:
        case Encoded(request=request):
            return request
        case Rejected(reason=reason):
            raise RecordError("the corrected content cannot be encoded", [_whole(destination.shown(reason))])
        case Deferred(reason=reason):
            raise ConflictError(f"whether it can be encoded cannot be told now: {reason}; try again later")


def _whole(reason: str) -> Violation:
    return Violation(
        pointer="",
        code="cannot_encode",
        got=shown(reason),
        expected="a content that can be encoded",
        advice="correct what the finding names",
    )


async def _at_once() -> None:
    """Nobody waits for a lease here."""
