"""What an evidence bundle of one dossier is made of: its entries in the message log, and which were of calls that it
shared with others.

Invariant: an entry is found by the dossier in its own header, or by an answer that names the dossier; nothing is judged.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from gateway.storage.log import SealedRow, those
from gateway.storage.schema import message


def entries_of(connection: sa.Connection, code: str) -> list[SealedRow]:
    """Every entry about dossier ``code`` in the order of the log, and the calls that those answer: a partner's call is
    logged before anybody has read which dossier it is about."""
    named = message.c.dossier_code == code
    answered = sa.select(message.c.request_id).where(named, message.c.request_id.is_not(None))
    return those(
        connection, sa.or_(named, sa.and_(message.c.id.in_(answered), message.c.dossier_code.is_(None)))
    )


def extent_of(connection: sa.Connection, code: str) -> tuple[int, int]:
    """How many entries name dossier ``code``, and of how many bytes their bodies are."""
    columns = message.c
    question = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(columns.body_size), 0))
    entries, size = connection.execute(question.where(columns.dossier_code == code)).one()
    return int(entries), int(size)


def shared_among(connection: sa.Connection, rows: Iterable[SealedRow]) -> frozenset[int]:
    """The identifiers of those of ``rows`` whose bytes are about other dossiers, too: calls for several, and their
    answers."""
    entries = list(rows)
    companion = sa.and_(message.c.kind == "request", message.c.request_id.is_not(None))
    owners = {row.stored.owner for row in entries if row.kind == "request"}
    question = sa.select(message.c.request_id).where(companion, message.c.request_id.in_(owners)).distinct()
    of_many = set(connection.execute(question).scalars())
    calls = {row.id for row in entries if row.kind == "request" and row.stored.owner in of_many}
    return frozenset(calls | {row.id for row in entries if row.request_id in calls})
