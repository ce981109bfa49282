"""What keeps the tables in order beside the hot path: workers' beats, the sealer, the breaker, housekeeping.

Invariant: log entries and events get their numbers from one sealer at a time, gapless and in the order in which they
became visible, so a reader with a cursor never misses one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.identity import WORKER_NODES, node_of
from gateway.storage.schema import destination, lane, message
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

SEALED_AT_ONCE = 5_000
HASTENED_AT_ONCE = 500
_SEALER_LOCK = 7_211_403_551  # any number, the same in every process

_REGISTER = Statement("""
    INSERT INTO worker (beat, started_at, host, pid, session) VALUES (0, :now, :host, :pid, :session) RETURNING id
""")
_BEAT = Statement("UPDATE worker SET beat = beat + 1 WHERE id = :worker")
_BEATS = Statement("SELECT id, beat FROM worker")
_CUT_OFF = Statement(
    "SELECT 1 FROM worker WHERE id IN_ARRAY(:workers)",
    postgresql="""
    SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a JOIN worker AS w ON a.application_name = w.session
    WHERE w.id IN_ARRAY(:workers) AND a.datname = current_database()
    """,
)
_FORGET = Statement("""
    DELETE FROM worker WHERE id IN_ARRAY(:workers)
    AND NOT EXISTS (SELECT 1 FROM lane WHERE lane.state = 'leased' AND lane.lease_owner = worker.id)
""")
_SEALER = Statement("SELECT 1", postgresql="SELECT 1 WHERE pg_try_advisory_xact_lock(:lock)")
_LAST = {
    "message": Statement("SELECT COALESCE(MAX(seq), 0) FROM message WHERE seq IS NOT NULL"),
    "event": Statement("SELECT COALESCE(MAX(position), 0) FROM event WHERE position IS NOT NULL"),
}
_SEAL_TEXT = """
    UPDATE {table} SET {number} = :base + r.place FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
            SELECT id FROM {table} WHERE {number} IS NULL ORDER BY id LIMIT :most) AS unsealed) AS r
    WHERE {table}.id = r.id
"""
_SEAL = {
    "message": Statement(_SEAL_TEXT.format(table="message", number="seq")),
    "event": Statement(_SEAL_TEXT.format(table="event", number="position")),
}


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """How many log entries and events got their number; both 0 when another process is at it."""

    messages: int
    events: int


def register_worker(transaction: Transaction, now: int, *, session: str | None = None) -> int:
    """A new worker row; its id is the owner of leases and gives the node of identifiers, so one whose node another
    worker has is passed over: both would give out the same ones. ``session``: ``Database.session``."""
    taken = {node_of(int(row[0])) for row in transaction.all(_BEATS, {})}
    about = {"now": now, "host": socket.gethostname(), "pid": os.getpid(), "session": session}
    while True:
        row = transaction.one(_REGISTER, about)
        if row is None:
            raise RuntimeError("INSERT … RETURNING gave no row")
        worker = int(row[0])
        if node_of(worker) not in taken or len(taken) == WORKER_NODES:
            return worker
        forget_workers(transaction, [worker])


def beat(transaction: Transaction, workers: Sequence[int]) -> list[dict[int, int]]:
    """Say that ``workers`` live, and read everybody's beats: worker id to a number that grows while it lives."""
    for worker in workers:
        transaction.run(_BEAT, {"worker": worker})
    beats = {int(row[0]): int(row[1]) for row in transaction.all(_BEATS, {})}
    return [beats] * len(workers)


def lease_owners(connection: sa.Connection) -> set[int]:
    """The numbers of all workers that own a lane, whether they have a row or not."""
    owners = sa.select(lane.c.lease_owner).where(lane.c.state == "leased").distinct()
    return {int(owner) for owner in connection.execute(owners).scalars()}


def newest_entry(connection: sa.Connection) -> tuple[int, int] | None:
    """(identifier, instant) of the newest log entry: the latest that this gateway has written down."""
    newest = sa.select(message.c.id, message.c.at).order_by(message.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else (int(row.id), int(row.at))


def cut_off(transaction: Transaction, workers: Sequence[int]) -> None:
    """End what dead ``workers`` still have open: a stopped process keeps its rows locked, and nobody could take them.

    Nothing on SQLite, where a process that is gone has no connection left.
    """
    transaction.all(_CUT_OFF, {"workers": transaction.array(workers)})


def forget_workers(transaction: Transaction, workers: Sequence[int]) -> int:
    """Drop the rows of dead workers that own nothing any more."""
    return transaction.run(_FORGET, {"workers": transaction.array(workers)})


def seal(transaction: Transaction) -> Sealed:
    """Number what is not numbered yet, in order."""
    if transaction.one(_SEALER, {"lock": _SEALER_LOCK}) is None:
        return Sealed(messages=0, events=0)
    return Sealed(messages=_seal(transaction, "message"), events=_seal(transaction, "event"))


def _seal(transaction: Transaction, table: str) -> int:
    row = transaction.one(_LAST[table], {})
    base = int(row[0]) if row else 0
    return max(0, transaction.run(_SEAL[table], {"base": base, "most": SEALED_AT_ONCE}))


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """A destination's shared state. Instants in microseconds; ``open_until`` None: closed."""

    name: str
    paused_by: str | None = None
    paused_reason: str | None = None
    failures: int = 0
    openings: int = 0
    open_until: int | None = None
    opened_at: int | None = None


_FIND = Statement("""
    SELECT name, paused_by, paused_reason, failures, openings, open_until, opened_at
    FROM destination WHERE name = :name FOR_UPDATE
""")
_ADD = Statement("INSERT INTO destination (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")
_OPEN = Statement("""
    UPDATE destination SET failures = :failures, openings = openings + 1, open_until = :open_until,
        probe_owner = NULL, opened_at = COALESCE(opened_at, :now), last_failure = :failure WHERE name = :name
""")
_CLOSE = Statement("""
    UPDATE destination SET failures = 0, openings = 0, open_until = NULL, probe_owner = NULL, opened_at = NULL,
        last_success_at = :now WHERE name = :name
""")
_AWAY = Statement("""
    INSERT INTO outage (destination, began_at, failure) VALUES (:name, :now, :failure)
    ON CONFLICT (destination) WHERE ended_at IS NULL DO NOTHING
""")
_BACK = Statement("UPDATE outage SET ended_at = :now WHERE destination = :name AND ended_at IS NULL")
_PROBE = Statement("UPDATE destination SET open_until = :open_until, probe_owner = :owner WHERE name = :name")
_RETURN_PROBES = Statement("""
    UPDATE destination SET open_until = :now, probe_owner = NULL
    WHERE probe_owner IN_ARRAY(:workers) AND open_until IS NOT NULL
""")
_HASTEN = Statement("""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM lane WHERE destination = :name AND state = 'waiting' AND hasten AND due_at > :now
        ORDER BY due_at LIMIT :most SKIP_LOCKED)
    UPDATE lane SET due_at = :now WHERE id IN (SELECT id FROM chosen) RETURNING id
""")
_ANY_DUE = Statement("""
    SELECT id FROM lane WHERE destination = :name AND state = 'waiting' AND due_at <= :now LIMIT 1
""")
# a lane is ready when its head is: the head's own due time is brought forward with it
_HASTEN_DELIVERIES = Statement("""
    UPDATE delivery SET due_at = :now WHERE settled_at IS NULL AND due_at > :now AND lane_id IN_ARRAY(:lanes)
""")


def breaker(transaction: Transaction, name: str) -> Breaker:
    """The destination's row, made if it is missing."""
    row = transaction.one(_FIND, {"name": name})
    if row is None:
        transaction.run(_ADD, {"name": name})
        return Breaker(name=name)
    return Breaker(**dict(zip(Breaker.__struct_fields__, row, strict=True)))


def read_breaker(connection: sa.Connection, name: str) -> Breaker:
    """The destination's row as last committed."""
    columns = [destination.c[field] for field in Breaker.__struct_fields__]
    row = connection.execute(sa.select(*columns).where(destination.c.name == name)).one_or_none()
    return Breaker(name=name) if row is None else Breaker(**row._mapping)  # noqa: SLF001 - its public name


def take_probe(
    transaction: Transaction, name: str, *, now: int, until: int, owner: int | None = None
) -> bool:
    """Whether worker ``owner`` may send the one probe of a half-open breaker; the next chance comes at ``until``."""
    current = breaker(transaction, name)
    if current.open_until is None or current.open_until > now:
        return False
    transaction.run(_PROBE, {"name": name, "open_until": until, "owner": owner})
    if transaction.one(_ANY_DUE, {"name": name, "now": now}) is None:
        hasten_lanes(transaction, name, now=now, most=1)
    return True


def return_probe(transaction: Transaction, name: str, *, now: int) -> None:
    """Let the next probe leave at once, if the breaker is still open."""
    if breaker(transaction, name).open_until is not None:
        transaction.run(_PROBE, {"name": name, "open_until": now, "owner": None})


def return_probes_of(transaction: Transaction, workers: Sequence[int], *, now: int) -> int:
    """Let the next probe leave at once wherever one of ``workers``, which are dead, had it; how many."""
    return transaction.run(_RETURN_PROBES, {"workers": transaction.array(workers), "now": now})


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker to open until ``open_until``, after ``failures`` in a row, the last one being ``failure``."""

    name: str
    failures: int
    open_until: int
    failure: str
    now: int


def open_breaker(transaction: Transaction, opening: Opening) -> None:
    """Stop sending to the destination for a while; its absence is on record from now until ``close_breaker``."""
    breaker(transaction, opening.name)
    transaction.run(_OPEN, msgspec.structs.asdict(opening))
    transaction.run(_AWAY, {"name": opening.name, "now": opening.now, "failure": opening.failure})


def close_breaker(transaction: Transaction, name: str, *, now: int) -> None:
    """The destination answers again: send on. ``hasten_lanes`` then cuts the waits short."""
    breaker(transaction, name)
    transaction.run(_CLOSE, {"name": name, "now": now})
    transaction.run(_BACK, {"name": name, "now": now})


def hasten_lanes(transaction: Transaction, name: str, *, now: int, most: int = HASTENED_AT_ONCE) -> int:
    """Cut short waits that were only our own back-off, the nearest first; how many, ``most``: there may be more."""
    rows = transaction.all(_HASTEN, {"name": name, "now": now, "most": most})
    if rows:
        lanes = transaction.array([row[0] for row in rows])
        transaction.run(_HASTEN_DELIVERIES, {"lanes": lanes, "now": now})
    return len(rows)
