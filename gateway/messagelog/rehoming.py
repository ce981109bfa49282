"""Putting the content of a call under the key of the dossier that it turned out to be about.

A partner's call is logged before anybody has read it, so its content is under its channel's key. In an archive it would
outlive the dossier's erasure there. Invariant: afterwards no content of the span that is about a dossier is under a key
that other dossiers' contents need; which dossiers share a call's own key is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gateway.messagelog.content import Unreadable, read
from gateway.storage.archives import Reach, Span, move_content, note_shares, reaches, with_ids
from gateway.storage.database import Database, Transaction

AT_ONCE = 20_000
_MOVED_AT_ONCE = 200


async def rehome(database: Database, span: Span) -> int:
    """Do it for all calls of ``span``; how many were moved. StorageUnavailable."""
    moved = 0
    for first in range(span.first, span.last + 1, AT_ONCE):
        last = min(first + AT_ONCE - 1, span.last)
        found = await database.read(partial(reaches, first=first, last=last))
        shares = [
            (each.key, dossier)
            for each in found
            if each.key is not None and (each.scope or "").startswith("call:")
            for dossier in each.dossiers
        ]
        if shares:
            await database.write(partial(note_shares, shares=shares))
        strays = [each for each in found if (each.scope or "").startswith("channel:")]
        for place in range(0, len(strays), _MOVED_AT_ONCE):
            group = strays[place : place + _MOVED_AT_ONCE]
            moved += await database.write(partial(_move, database=database, strays=group))
    return moved


def _move(transaction: Transaction, database: Database, strays: Sequence[Reach]) -> int:
    keys = transaction.contents
    if keys is None:
        return 0
    moved = 0
    found = database.ask(partial(with_ids, entries=[each.owner for each in strays]))
    by_owner = {row.id: row for row in found}
    for each in strays:
        row = by_owner.get(each.owner)
        if row is None or isinstance(read(row.stored, row.body_size, keys), Unreadable):
            continue
        scope = f"dossier:{each.dossiers[0]}" if len(each.dossiers) == 1 else f"call:{each.owner}"
        number, key = keys.key_for(transaction, scope, row.at)
        body = key.encrypt(each.owner, keys.decrypted(row.stored))
        moved += move_content(transaction, each.owner, each.key, body, number)
        if len(each.dossiers) > 1:
            note_shares(transaction, [(number, dossier) for dossier in each.dossiers])
    return moved
