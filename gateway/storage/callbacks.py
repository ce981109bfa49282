"""Calls from partners: one effect per key, and the answer that was given for it, in one transaction.

Invariants: a (destination, key) has an effect once, whoever asks and however often at once; a repetition is answered
with the bytes that were decided together with the effect; what was decided about a dossier takes effect only while
the dossier still stands as it stood when it was decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import GatewayError
from gateway.port.wire import WireResponse
from gateway.storage.intake import Acceptance, accept_dossiers
from gateway.storage.rows import EventRow, MessageRow, insert_events, insert_messages
from gateway.storage.schema import dossier
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

Handling: TypeAlias = Literal["accepted", "ignored", "repeated", "repeated_differently"]
"""accepted: it had its effect. ignored: recorded, the dossier stays as it is. repeated: seen before, no effect;
repeated_differently: the partner has used the key of an earlier message for another one."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a dossier stands: the source that its record belongs to, version, status, SHA-256 of the record."""

    source: str
    version: int
    status: str
    digest: bytes


class Reception(msgspec.Struct, frozen=True, kw_only=True):
    """One understood call and all that follows from it.

    ``assumed``: the dossier's standing that the decision rests on (None: there is no such dossier). ``digest``: of
    what was said, to tell a repetition from a reused key. ``entry`` makes the log entry of the answer.
    ``partner_status``: what the partner itself has now, kept on the dossier's lane.
    """

    destination: str
    key: str
    digest: bytes
    now: int
    dossier_code: str
    assumed: Standing | None
    first: WireResponse
    again: WireResponse
    handling: Handling
    entry: Callable[[WireResponse, Handling], MessageRow]
    events: tuple[EventRow, ...] = ()
    acceptance: Acceptance | None = None
    partner_status: str | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer, now that it is durable."""

    response: WireResponse
    handling: Handling


class Overtaken(msgspec.Struct, frozen=True, kw_only=True):
    """The dossier has changed since the decision; nothing was written. Read it and decide again."""


_FIND = Statement("SELECT digest FROM callback WHERE destination = :destination AND key = :key")
_REPEAT = Statement("""
    UPDATE callback SET repeats = repeats + 1, repeated_at = :now WHERE destination = :destination AND key = :key
    RETURNING digest, COALESCE(again_status, status), COALESCE(again_headers, headers),
        COALESCE(again_answer, answer)
""")
_INSERT = insert(
    "callback",
    (
        *("destination", "key", "at", "digest", "status", "headers", "answer"),
        *("again_status", "again_headers", "again_answer"),
    ),
    suffix="ON CONFLICT (destination, key) DO NOTHING",
)
_STANDING = Statement("SELECT source, version, status, digest FROM dossier WHERE code = :code FOR_UPDATE")
_REMEMBER = Statement("""
    UPDATE lane SET acknowledged_status = :status, acknowledged_at = :now
    WHERE destination = :destination AND dossier_code = :code
""")


def read_standing(connection: sa.Connection, code: str) -> Standing | None:
    """How dossier ``code`` stands; None when there is none."""
    columns = [dossier.c[name] for name in Standing.__struct_fields__]
    row = connection.execute(sa.select(*columns).where(dossier.c.code == code)).one_or_none()
    return None if row is None else _standing(tuple(row))


def receive_reports(transaction: Transaction, items: Sequence[Reception]) -> list[Reply | Overtaken]:
    """Give every call its effect, or the answer that it got before. In the order of keys, so that two processes
    that receive the same calls wait for each other instead of blocking each other."""
    places = sorted(range(len(items)), key=lambda place: (items[place].destination, items[place].key))
    results: dict[int, Reply | Overtaken] = {place: _receive(transaction, items[place]) for place in places}
    return [results[place] for place in range(len(items))]


def _receive(transaction: Transaction, item: Reception) -> Reply | Overtaken:
    name = {"destination": item.destination, "key": item.key}
    if transaction.one(_FIND, name) is not None:
        return _repeat(transaction, item)
    row = transaction.one(_STANDING, {"code": item.dossier_code})
    if (None if row is None else _standing(row)) != item.assumed:
        return Overtaken()
    if not transaction.run(_INSERT, _row(item)):  # another process was faster, and has committed by now
        return _repeat(transaction, item)
    if item.acceptance is not None:
        _accept(transaction, item.acceptance)
    if item.partner_status is not None:
        place = {"destination": item.destination, "code": item.dossier_code}
        transaction.run(_REMEMBER, {**place, "status": item.partner_status, "now": item.now})
    insert_events(transaction, item.events)
    insert_messages(transaction, [item.entry(item.first, item.handling)])
    return Reply(response=item.first, handling=item.handling)


def _accept(transaction: Transaction, acceptance: Acceptance) -> None:
    [verdict] = accept_dossiers(transaction, [acceptance])
    if isinstance(verdict, GatewayError):
        raise verdict  # undoes this call and nothing else: the group runs again one by one


def _repeat(transaction: Transaction, item: Reception) -> Reply:
    row = transaction.one(_REPEAT, {"destination": item.destination, "key": item.key, "now": item.now})
    if row is None:
        raise RuntimeError(f"callback {item.destination}/{item.key}: found and then not there")
    digest, status, headers, answer = row
    handling: Handling = "repeated" if bytes(digest) == item.digest else "repeated_differently"
    response = WireResponse(
        status=int(status),
        headers=msgspec.json.decode(headers, type=tuple[tuple[str, str], ...]),
        body=bytes(answer),
    )
    insert_messages(transaction, [item.entry(response, handling)])
    return Reply(response=response, handling=handling)


def _standing(row: Row) -> Standing:
    source, version, status, digest = row
    return Standing(source=source, version=int(version), status=status, digest=bytes(digest))


def _row(item: Reception) -> dict[str, object]:
    again = None if item.again == item.first else item.again
    return {
        "destination": item.destination,
        "key": item.key,
        "at": item.now,
        "digest": item.digest,
        "status": item.first.status,
        "headers": _headers(item.first),
        "answer": item.first.body,
        "again_status": None if again is None else again.status,
        "again_headers": None if again is None else _headers(again),
        "again_answer": None if again is None else again.body,
    }


def _headers(response: WireResponse) -> str:
    return msgspec.json.encode(response.headers).decode()
