"""Retry runs: many deliveries sent again on a person's word, in steps, at a pace, until they are done or somebody says no.

What a run takes is listed when it begins; a step is one transaction of the list, the deliveries and their histories, so
that whoever is killed in between has done a step whole or not at all. Invariants: nothing in doubt is in a run; a
delivery that was sent or retried since the run began is left alone; a delivery waits in one run at most.
"""

from __future__ import annotations

import math
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.database import Database, Transaction
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.operator_bulk import put_back
from gateway.storage.operator_log import json_text, write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action
from gateway.storage.retry_orders import ChangeRun, FirstSent, NewRetryRun, RetryPlan, RetryStep, RunVerb
from gateway.storage.schema import TROUBLED, one_of
from gateway.storage.sql import Statement, insert
from gateway.storage.urgency import promise_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.storage.database import Row

MOST_IN_RUN = 20_000
FIRST_SHOWN = 10
LONGEST_STEP_SECONDS = 1.0
GATEWAY = "gateway"
FAILING = "failing"  # why a run has paused itself
_WATCHED = 100
_FAILED_IN_A_ROW = 20


_COLUMNS = """
    d.id, d.lane_id, d.dossier_code, d.operation, d.doubts, d.position, l.promise_at, l.held_by IS NOT NULL,
    EXISTS (SELECT 1 FROM retry_item AS i WHERE i.delivery_id = d.id AND i.state = 'waiting')
"""
_STANDS = one_of("d.state", TROUBLED)
_OF_CAUSE = Statement(f"""
    SELECT {_COLUMNS} FROM delivery AS d JOIN lane AS l ON l.id = d.lane_id
    WHERE d.destination = :destination AND d.state = :state AND ({_STANDS})
        AND (CAST(:operation AS TEXT) IS NULL OR d.operation = :operation)
        AND (CAST(:code AS TEXT) IS NULL OR d.code = :code)
        AND (CAST(:dossier AS TEXT) IS NULL OR d.dossier_code = :dossier)
    ORDER BY l.promise_at, l.id, d.position LIMIT :most
""")  # noqa: S608 - our own names
_BY_NUMBER = Statement(f"""
    SELECT {_COLUMNS} FROM delivery AS d JOIN lane AS l ON l.id = d.lane_id
    WHERE d.id IN_ARRAY(:deliveries) AND d.destination = :destination
        AND (d.state = 'rejected' OR d.state = 'parked' OR d.state = 'waiting')
""")  # noqa: S608 - our own names
_BEHIND = Statement("""
    SELECT COUNT(*) FROM delivery WHERE lane_id IN_ARRAY(:lanes) AND settled_at IS NULL AND state = 'pending'
""")
_INSERT_RUN = insert(
    "retry_run",
    (
        *("id", "destination", "actor", "reason", "selection", "per_minute", "state", "total"),
        *("created_at", "next_at"),
    ),
)
_INSERT_ITEM = insert(
    "retry_item",
    ("run_id", "place", "delivery_id", "lane_id"),
    suffix="ON CONFLICT (delivery_id) WHERE state = 'waiting' DO NOTHING",
)
_COUNT = Statement("SELECT COUNT(*) FROM retry_item WHERE run_id = :run")
_SET_TOTAL = Statement("UPDATE retry_run SET total = :total WHERE id = :run")
_DUE = Statement("""
    SELECT actor, reason, per_minute, created_at, COALESCE(resumed_at, created_at), destination FROM retry_run
    WHERE id = :run AND state = 'running' AND next_at <= :now SKIP_LOCKED
""")
_NEXT = Statement("""
    SELECT place, delivery_id, lane_id FROM retry_item WHERE run_id = :run AND state = 'waiting'
    ORDER BY place LIMIT :most
""")
_TAKEN = Statement("UPDATE retry_item SET state = :state WHERE run_id = :run AND place IN_ARRAY(:places)")
_MOVE_ON = Statement("UPDATE retry_run SET next_at = :next_at WHERE id = :run")
_SET_STATE = Statement("""
    UPDATE retry_run SET state = :state, ended_at = :ended_at, changed_by = :by, note = :note,
        next_at = :now
    WHERE id = :run
""")
# what was sent again before somebody resumed the run says nothing about whether the cause is gone since
_LATEST = Statement("""
    SELECT d.state, COUNT(*) FROM (
        SELECT delivery_id FROM retry_item WHERE run_id = :run AND place < :place AND state = 'sent'
        ORDER BY place DESC LIMIT :most) AS i
    JOIN delivery AS d ON d.id = i.delivery_id WHERE d.retried_at >= :since GROUP BY d.state
""")
_STANDING = Statement("SELECT state, destination FROM retry_run WHERE id = :run FOR_UPDATE")
_RESUMED = Statement("UPDATE retry_run SET resumed_at = :now WHERE id = :run")
_DROP = Statement("UPDATE retry_item SET state = 'dropped' WHERE run_id = :run AND state = 'waiting'")


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that a run may take."""

    delivery: int
    lane: int
    dossier: str
    operation: str
    doubts: int
    position: int
    promise_at: int
    held: bool
    elsewhere: bool


class _Standing(NamedTuple):
    """How a run stands from now on, who has said so, and why."""

    state: str
    by: str | None = None
    note: str | None = None


def begin_retry_run(transaction: Transaction, order: NewRetryRun) -> RetryPlan:
    """Begin a run, or say what it would do. ConflictError: nothing (more) is there for it."""
    every = _found(transaction, order)
    elsewhere = sum(item.elsewhere for item in every)
    free = [item for item in every if not item.elsewhere]
    risky = set() if order.doubted else {item.delivery for item in free if _is_risky(item, order)}
    taken = [item for item in free if item.delivery not in risky]
    more, taken = len(taken) > MOST_IN_RUN, taken[:MOST_IN_RUN]
    lanes = {item.lane: item.held for item in taken}
    run, total = None, len(taken)
    if not order.dry_run:
        run, total = _begin(transaction, order, taken)
        if not total:
            raise ConflictError(
                f"nothing at {order.destination} is there to be sent again: {elsewhere} wait in another run, "
                f"{len(risky)} may not be sent twice"
            )
    return RetryPlan(
        destination=order.destination,
        run=None if run is None else str(run),
        deliveries=total,
        dossiers=len(lanes),
        first=[_first(item) for item in taken[:FIRST_SHOWN]],
        behind=_behind(transaction, lanes),
        held=sum(lanes.values()),
        left_out=len(risky),
        elsewhere=elsewhere,
        more=more,
        per_minute=order.per_minute,
        seconds=total * 60 / order.per_minute,
    )


def look_at_retry_run(connection: sa.Connection, database: Database, order: NewRetryRun) -> RetryPlan:
    """What a run would do, asked on a reading connection: however many it is about, nobody who writes waits for it."""
    with closing(connection.connection.cursor()) as cursor:
        reading = Transaction(cursor, database)
        return begin_retry_run(reading, msgspec.structs.replace(order, dry_run=True))


def _found(transaction: Transaction, order: NewRetryRun) -> list[_Found]:
    """Everything that is meant, once, in the order in which it will be sent: the nearest promise first."""
    rows: dict[int, Row] = {}
    for cause in order.causes:
        parameters = {**msgspec.structs.asdict(cause), "destination": order.destination}
        for row in transaction.all(_OF_CAUSE, {**parameters, "most": 2 * MOST_IN_RUN}):
            rows[row[0]] = row
    if order.deliveries:
        listed = {"deliveries": transaction.array(order.deliveries), "destination": order.destination}
        rows |= {row[0]: row for row in transaction.all(_BY_NUMBER, listed)}
    found = [
        _Found(
            delivery=row[0],
            lane=row[1],
            dossier=row[2],
            operation=row[3],
            doubts=row[4],
            position=row[5],
            promise_at=row[6],
            held=bool(row[7]),
            elsewhere=bool(row[8]),
        )
        for row in rows.values()
    ]
    return sorted(found, key=lambda item: (item.promise_at, item.lane, item.position))


def _is_risky(item: _Found, order: NewRetryRun) -> bool:
    """It was in doubt before, so it may be at the partner after all, and the contract knows no repetition of it."""
    return item.doubts > 0 and item.operation not in order.repeatable


def _first(item: _Found) -> FirstSent:
    return FirstSent(
        delivery=str(item.delivery),
        dossier=item.dossier,
        operation=item.operation,
        promise_at=promise_of(item.promise_at),
    )


def _behind(transaction: Transaction, lanes: dict[int, bool]) -> int:
    row = transaction.one(_BEHIND, {"lanes": transaction.array(lanes)})
    return 0 if row is None else int(row[0])


def _begin(transaction: Transaction, order: NewRetryRun, taken: list[_Found]) -> tuple[int | None, int]:
    """Write the run and its list: its number, and how many deliveries it has got; none when nothing is left."""
    if not taken:
        return None, 0
    run, now = transaction.identifiers.next(), to_micros(order.now)
    selection: dict[str, Any] = {
        "causes": [msgspec.structs.asdict(cause) for cause in order.causes],
        "deliveries": len(order.deliveries),
        "doubted": order.doubted,
    }
    transaction.run(
        _INSERT_RUN,
        {
            "id": run,
            "destination": order.destination,
            "actor": order.actor,
            "reason": order.reason,
            "selection": json_text(selection),
            "per_minute": order.per_minute,
            "state": "running",
            "total": len(taken),
            "created_at": now,
            "next_at": now,
        },
    )
    transaction.many(
        _INSERT_ITEM,
        [
            {"run_id": run, "place": place, "delivery_id": item.delivery, "lane_id": item.lane}
            for place, item in enumerate(taken)
        ],
    )
    # another operator may have been faster with some of them
    row = transaction.one(_COUNT, {"run": run})
    total = 0 if row is None else int(row[0])
    if not total:
        return None, 0
    transaction.run(_SET_TOTAL, {"run": run, "total": total})
    detail = {"run": str(run), "total": total, "per_minute": order.per_minute, **selection}
    _write_down(transaction, order, order.destination, "retry_run.begin", detail)
    return run, total


def step_retry_run(transaction: Transaction, run: int, now: datetime) -> bool:
    """Send the next of a run's deliveries again, as many as its pace allows; whether anything was done.

    False: it is not its turn, or another process has it in hand at this moment.
    """
    due = transaction.one(_DUE, {"run": run, "now": to_micros(now)})
    if due is None:
        return False
    actor, reason, per_minute, created_at, watched_since, destination = due
    count = max(1, math.ceil(per_minute * LONGEST_STEP_SECONDS / 60))
    items = transaction.all(_NEXT, {"run": run, "most": count})
    failed = _failed(transaction, run, items[0][0], since=watched_since) if items else 0
    if failed:
        _pause_itself(transaction, _Failing(now=now, run=run, destination=destination, failed=failed))
        return True
    if items:
        step = RetryStep(actor=actor, reason=reason, now=now, run=run, since=from_micros(created_at))
        deliveries = {item[1]: item[0] for item in items}
        moved = put_back(transaction, step, deliveries, {item[2] for item in items})
        sent = [place for delivery, place in deliveries.items() if delivery in moved]
        left = [place for delivery, place in deliveries.items() if delivery not in moved]
        for state, places in (("sent", sent), ("left", left)):
            transaction.run(_TAKEN, {"run": run, "state": state, "places": transaction.array(places)})
    if len(items) < count:
        _set(transaction, run, now, _Standing("done"))
    else:
        next_at = now + timedelta(seconds=count * 60 / per_minute)
        transaction.run(_MOVE_ON, {"run": run, "next_at": to_micros(next_at)})
    return True


class _Failing(msgspec.Struct, frozen=True, kw_only=True):
    """A run of which everything comes back: ``failed`` deliveries in a row."""

    now: datetime
    run: int
    destination: str
    failed: int


def _pause_itself(transaction: Transaction, found: _Failing) -> None:
    """Pause the run, and write down who did, as for anybody else."""
    _set(transaction, found.run, found.now, _Standing("paused", GATEWAY, FAILING))
    order = Instruction(
        actor=GATEWAY,
        reason=f"the last {found.failed} that were sent again have all failed again",
        now=found.now,
    )
    detail = {"run": str(found.run), "note": FAILING, "failed": found.failed}
    _write_down(transaction, order, found.destination, "retry_run.pause", detail)


def _failed(transaction: Transaction, run: int, place: int, *, since: int) -> int:
    """How many of those that were sent last, ``since`` (microseconds), have come back, if all have: then the cause is still
    there, and more would only fail, too. 0 while there is hope."""
    rows = transaction.all(_LATEST, {"run": run, "place": place, "most": _WATCHED, "since": since})
    states = {str(row[0]): int(row[1]) for row in rows}
    failed = states.get("rejected", 0) + states.get("parked", 0)
    return failed if failed >= _FAILED_IN_A_ROW and not states.get("delivered") else 0


def change_retry_run(transaction: Transaction, order: ChangeRun) -> None:
    """Pause, resume or stop a run. NotFoundError; ConflictError when its state does not allow it."""
    row = transaction.one(_STANDING, {"run": order.run})
    if row is None:
        raise NotFoundError(f"there is no retry run {order.run}")
    state, destination = row
    if state not in _FROM[order.verb]:
        raise ConflictError(f"retry run {order.run} is {state}; it cannot be told to {order.verb}")
    _set(transaction, order.run, order.now, _Standing(_TO[order.verb], order.actor, order.reason))
    if order.per_minute is not None:
        transaction.run(_PACE, {"run": order.run, "per_minute": order.per_minute})
    if order.verb == "resume":
        transaction.run(_RESUMED, {"run": order.run, "now": to_micros(order.now)})
    if order.verb == "stop":
        transaction.run(_DROP, {"run": order.run})
    detail: dict[str, Any] = {"run": str(order.run), "per_minute": order.per_minute}
    _write_down(transaction, order, destination, f"retry_run.{order.verb}", detail)


_FROM: dict[RunVerb, frozenset[str]] = {
    "pause": frozenset({"running"}),
    "resume": frozenset({"paused"}),
    "stop": frozenset({"running", "paused"}),
}
_TO: dict[RunVerb, str] = {"pause": "paused", "resume": "running", "stop": "stopped"}
_PACE = Statement("UPDATE retry_run SET per_minute = :per_minute WHERE id = :run")


def _set(transaction: Transaction, run: int, now: datetime, standing: _Standing) -> None:
    at, over = to_micros(now), standing.state in {"done", "stopped"}
    row = {**standing._asdict(), "run": run, "ended_at": at if over else None, "now": at}
    transaction.run(_SET_STATE, row)


def _write_down(
    transaction: Transaction, order: Instruction, destination: str, verb: str, detail: dict[str, Any]
) -> None:
    action = Action(
        actor=order.actor, verb=verb, target=destination, reason=order.reason, now=order.now, detail=detail
    )
    write_action(transaction, action)
