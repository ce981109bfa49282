"""Erasing what the database holds of a dossier's people, while what happened and when stays and still proves.

Every table that has personal data of a dossier is decided on here and in ``docs/evidence.md``. Invariants: nothing is
erased while the dossier is open or something of it is on its way; contents that other dossiers share are replaced before
their key is destroyed; all of it happens in one transaction, together with the operator log's record of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.status import Status
from gateway.storage.contents import CLEAR, ENCRYPTED, keys_to_destroy
from gateway.storage.erased_fields import BLANKS, rewrite_values
from gateway.storage.identity import WINDOW_OF_A_CALL
from gateway.storage.log import BODY_OWNER, STORED_BODY, StoredBody, stored_body, with_body
from gateway.storage.schema import content_key, message
from gateway.storage.schema_archive import archived_share
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

OVER = (Status.REFUSED, Status.WITHDRAWN, Status.STOPPED, Status.FINISHED, Status.RETURNED)
"""States in which nobody works on a dossier any more."""


class SharedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the dossier whose content is not under the dossier's own key. ``others``: dossiers that it is about, too;
    ``entries``: every request that was logged of it, all with the same address and headers."""

    owner: int
    form: int
    digest: bytes
    size: int
    head: tuple[str | None, str | None, str]
    stored: StoredBody
    scope: str | None
    entries: tuple[int, ...]
    others: tuple[str, ...]


class ArchivedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a call that was archived and pruned; destroying it takes the call from ``others``, too."""

    key: int
    others: tuple[str, ...]


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """A shared content without its personal values, packed."""

    owner: int
    packed: bytes


class Erasing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be erased of dossier ``code``, as it was planned. ``calls``: owners of every call that it shares;
    ``rewritten``: those of them that stay in part; ``blanked``: all their entries; ``archived``: keys of archived calls;
    ``files``: SHA-256 of files that are its alone."""

    code: str
    version: int
    now: int
    calls: frozenset[int]
    rewritten: tuple[Rewritten, ...]
    blanked: tuple[int, ...]
    archived: tuple[int, ...]
    files: tuple[bytes, ...]


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing can be erased yet."""

    what: str
    count: int


_DOSSIER = Statement("SELECT status, version FROM dossier WHERE code = :code FOR_UPDATE")
_IN_THE_WAY: tuple[tuple[str, Statement], ...] = (
    (
        "deliveries that are not settled",
        Statement("""SELECT COUNT(*) FROM delivery WHERE settled_at IS NULL
            AND lane_id IN (SELECT id FROM lane WHERE dossier_code = :code)"""),
    ),
    (
        "exchanges that have not ended",
        Statement("""SELECT COUNT(*) FROM attempt WHERE ended_at IS NULL
            AND lane_id IN (SELECT id FROM lane WHERE dossier_code = :code)"""),
    ),
    (
        "requests for money that are open",
        Statement("SELECT COUNT(*) FROM payment_request WHERE dossier_code = :code AND state = 'open'"),
    ),
    (
        "receipts that are still to be fetched",
        Statement("""SELECT COUNT(*) FROM receipt WHERE state = 'wanted' AND attempt_id IN (
            SELECT id FROM payment_attempt WHERE dossier_code = :code)"""),
    ),
    (
        "decisions about money that wait for a second person",
        Statement(
            """SELECT COUNT(*) FROM payment_decision WHERE dossier_code = :code AND state = 'requested'"""
        ),
    ),
    (
        "events that somebody here has not read",
        Statement("""SELECT COUNT(*) FROM event WHERE dossier_code = :code AND (position IS NULL
            OR position > (SELECT COALESCE(MIN(position), 9223372036854775807) FROM follower)
            OR position > (SELECT COALESCE(MIN(position), 9223372036854775807) FROM webhook
                WHERE disabled_at IS NULL))"""),
    ),
)
_KEY = Statement("""
    UPDATE content_key SET wrapped = NULL, destroyed_at = :now WHERE scope = :scope AND destroyed_at IS NULL
    RETURNING id
""")
_DESTROY = Statement("""
    UPDATE content_key SET wrapped = NULL, destroyed_at = :now WHERE id IN_ARRAY(:keys) AND destroyed_at IS NULL
""")
_TOMB = insert("content_key", ("id", "scope", "wrapped", "master", "created_at", "destroyed_at"))
_OWNERS = Statement("""
    SELECT DISTINCT b.message_id FROM message AS m
    JOIN message_body AS b ON b.message_id = CASE WHEN m.kind = 'request' AND m.request_id IS NOT NULL
        THEN m.request_id ELSE m.id END
    LEFT JOIN content_key AS k ON k.id = b.key_id
    WHERE m.id IN (SELECT id FROM message WHERE dossier_code = :code
        UNION SELECT request_id FROM message WHERE dossier_code = :code AND request_id IS NOT NULL)
    AND (k.scope IS NULL OR k.scope <> :scope)
    AND NOT (m.dossier_code IS NOT NULL AND m.dossier_code = :code AND b.message_id = m.id AND k.scope IS NULL
        AND NOT EXISTS (SELECT 1 FROM message AS c WHERE c.id BETWEEN m.id AND m.id + :moment
            AND c.request_id = m.id AND c.kind = 'request'))
""")
_REPLACE = Statement(
    "UPDATE message_body SET encoding = :encoding, body = :body, key_id = :key WHERE message_id = :owner"
)
_EMPTY = Statement("""
    UPDATE message_body SET encoding = 'encrypted', body = :nothing, key_id = :tomb
    WHERE (message_id IN_ARRAY(:owners)
        OR message_id IN (SELECT id FROM message WHERE dossier_code = :code)) AND NOT message_id IN_ARRAY(:kept)
""")
_HEADS = Statement("""
    UPDATE message SET method = NULL, url = NULL, headers = '[]'
    WHERE form = 2 AND (dossier_code = :code OR id IN_ARRAY(:entries))
""")
_SECURELY = Statement("PRAGMA secure_delete = ON", postgresql="SELECT 1")
_FILE = Statement("DELETE FROM file WHERE sha256 = :digest")


def obstacles(connection: sa.Connection, code: str) -> list[Obstacle]:
    """Why nothing of dossier ``code`` may be erased now, as far as can be seen. NotFoundError: nobody knows it."""
    dialect = "sqlite" if connection.dialect.name == "sqlite" else "postgresql"

    def ask(statement: Statement) -> tuple[Any, ...] | None:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(getattr(statement, dialect).replace(" FOR UPDATE", ""), {"code": code})
            found = cursor.fetchone()
            return None if found is None else tuple(found)
        finally:
            cursor.close()

    return _obstacles(ask, code)[1]


def _obstacles(ask: Any, code: str) -> tuple[int, list[Obstacle]]:
    row = ask(_DOSSIER)
    if row is None:
        raise NotFoundError(f"there is no dossier {code}")
    found = []
    if row[0] not in {status.value for status in OVER}:
        found.append(Obstacle(what=f"the dossier is not over: it is {row[0]}", count=1))
    for what, statement in _IN_THE_WAY:
        counted = ask(statement)
        if counted is not None and counted[0]:
            found.append(Obstacle(what=what, count=int(counted[0])))
    return int(row[1]), found


def version_of(connection: sa.Connection, code: str) -> int:
    """The version of dossier ``code``. NotFoundError."""
    row = connection.execute(
        sa.text("SELECT version FROM dossier WHERE code = :code"), {"code": code}
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no dossier {code}")
    return int(row.version)


def require_over(transaction: Transaction, code: str, version: int) -> None:
    """Refuse a dossier that is open, of which something is on its way, or that has moved on since it was planned.
    ConflictError, NotFoundError."""
    now_at, found = _obstacles(lambda statement: transaction.one(statement, {"code": code}), code)
    if now_at != version:
        raise ConflictError(f"dossier {code} is at version {now_at} now, not {version}; look again")
    if found:
        told = "; ".join(f"{each.count} × {each.what}" for each in found)
        raise ConflictError(f"dossier {code} cannot be erased now: {told}")


def shared_calls(connection: sa.Connection, code: str) -> list[SharedCall]:
    """The calls of dossier ``code`` whose contents its own key does not encrypt, or not alone."""
    dialect = "sqlite" if connection.dialect.name == "sqlite" else "postgresql"
    cursor = connection.connection.cursor()
    cursor.execute(getattr(_OWNERS, dialect), _asked(code))
    owners = sorted(int(row[0]) for row in cursor.fetchall())
    cursor.close()
    return [_shared(connection, code, owner) for owner in owners]


def _asked(code: str) -> dict[str, Any]:
    return {"code": code, "scope": f"dossier:{code}", "moment": WINDOW_OF_A_CALL}


def _shared(connection: sa.Connection, code: str, owner: int) -> SharedCall:
    row = connection.execute(
        sa.select(
            message.c.form,
            message.c.body_digest,
            message.c.body_size,
            message.c.method,
            message.c.url,
            message.c.headers,
            content_key.c.scope,
            *STORED_BODY,
        )
        .select_from(with_body(message))
        .where(message.c.id == owner)
    ).one()
    # what belongs to a call was given its identifier within moments of it: a span of the primary key, not the whole table
    about = connection.execute(
        sa.select(message.c.id, message.c.dossier_code, BODY_OWNER.label("owner")).where(
            message.c.id.between(owner, owner + WINDOW_OF_A_CALL),
            sa.or_(message.c.id == owner, message.c.request_id == owner),
        )
    ).all()
    named = {each.dossier_code for each in about if each.dossier_code is not None}
    return SharedCall(
        owner=owner,
        form=row.form,
        digest=bytes(row.body_digest),
        size=row.body_size,
        head=(row.method, row.url, row.headers),
        stored=stored_body(tuple(row)),
        scope=row.scope,
        entries=tuple(sorted(each.id for each in about if each.owner == owner)),
        others=tuple(sorted(named - {code})),
    )


def archived_calls(connection: sa.Connection, code: str) -> list[ArchivedCall]:
    """Keys of calls of dossier ``code`` that are in archives and shared."""
    own = sa.select(archived_share.c.key_id).where(archived_share.c.dossier_code == code)
    rows = connection.execute(
        sa.select(archived_share.c.key_id, archived_share.c.dossier_code)
        .join(content_key, content_key.c.id == archived_share.c.key_id)
        .where(archived_share.c.key_id.in_(own), content_key.c.destroyed_at.is_(None))
    )
    found: dict[int, set[str]] = {}
    for key, dossier in rows:
        found.setdefault(int(key), set()).add(dossier)
    return [ArchivedCall(key=key, others=tuple(sorted(found[key] - {code}))) for key in sorted(found)]


def erase(transaction: Transaction, plan: Erasing) -> dict[str, int]:
    """Carry ``plan`` out; how many rows of each table lost something. ConflictError: it is no longer the plan for what is
    there."""
    require_over(transaction, plan.code, plan.version)
    transaction.run(_SECURELY, {})
    scope = f"dossier:{plan.code}"
    keys_to_destroy(transaction, [scope, *(f"call:{each.owner}" for each in plan.rewritten)], plan.archived)
    found = {int(row[0]) for row in transaction.all(_OWNERS, _asked(plan.code))}
    if found != plan.calls:
        raise ConflictError(f"dossier {plan.code} has got log entries since it was looked at; look again")
    done = {"message_body (rewritten)": len(plan.rewritten)}
    for each in plan.rewritten:
        _rewrite(transaction, each, plan.now)
    tomb = _destroyed(transaction, scope, plan.now)
    keys = transaction.array(plan.archived)
    done["content_key"] = 1 + max(0, transaction.run(_DESTROY, {"keys": keys, "now": plan.now}))
    kept = {each.owner for each in plan.rewritten}
    done["message_body"] = transaction.run(
        _EMPTY,
        {
            "nothing": b"",
            "tomb": tomb,
            "code": plan.code,
            "owners": transaction.array(sorted(plan.calls - kept)),
            "kept": transaction.array(sorted(kept)),
        },
    )
    done["message"] = transaction.run(_HEADS, {"code": plan.code, "entries": transaction.array(plan.blanked)})
    done |= rewrite_values(transaction, plan.code)
    for blank in BLANKS:
        changed = transaction.run(blank.statement, {"code": plan.code, "now": plan.now, **blank.values})
        done[blank.table] = done.get(blank.table, 0) + max(0, changed)
    done["file"] = sum(transaction.run(_FILE, {"digest": each}) for each in plan.files)
    return {table: count for table, count in done.items() if count}


def _destroyed(transaction: Transaction, scope: str, now: int) -> int:
    """Destroy the key of ``scope``; a destroyed key, which stands for what is gone."""
    destroyed = [int(row[0]) for row in transaction.all(_KEY, {"scope": scope, "now": now})]
    if transaction.contents is not None:
        transaction.contents.forget(destroyed)
    if destroyed:
        return destroyed[0]
    tomb = transaction.identifiers.next()
    transaction.run(
        _TOMB,
        {
            "id": tomb,
            "scope": scope,
            "wrapped": None,
            "master": "-",
            "created_at": now,
            "destroyed_at": now,
        },
    )
    return tomb


def _rewrite(transaction: Transaction, call: Rewritten, now: int) -> None:
    """Keep what is left of a shared call under a new key; copies of the old content elsewhere cannot be opened any more
    where the old key was the call's own."""
    if transaction.contents is None:
        replaced: dict[str, Any] = {"encoding": CLEAR, "body": call.packed, "key": None}
    else:
        scope = f"call:{call.owner}"
        _destroyed_if_any(transaction, scope, now)
        number, key = transaction.contents.key_for(transaction, scope, now)
        replaced = {"encoding": ENCRYPTED, "body": key.encrypt(call.owner, call.packed), "key": number}
    transaction.run(_REPLACE, {**replaced, "owner": call.owner})


def _destroyed_if_any(transaction: Transaction, scope: str, now: int) -> None:
    gone = [int(row[0]) for row in transaction.all(_KEY, {"scope": scope, "now": now})]
    if transaction.contents is not None:
        transaction.contents.forget(gone)


def shas_used_elsewhere(connection: sa.Connection, code: str, digests: Sequence[str]) -> set[str]:
    """Of these SHA-256 (lower-case hex) those that records of other dossiers name."""
    holds = (
        "instr(record, CAST(:sha AS BLOB)) > 0"
        if connection.dialect.name == "sqlite"
        else "position(convert_to(:sha, 'UTF8') in record) > 0"
    )
    question = sa.text(f"SELECT 1 FROM dossier WHERE code <> :code AND {holds} LIMIT 1")  # noqa: S608 - our own words
    return {
        sha for sha in digests if connection.execute(question, {"code": code, "sha": sha}).first() is not None
    }
