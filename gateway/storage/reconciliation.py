"""What reconciliations found, at rest: one row a reference and day, renewed by every look.

Invariants: a failure to get an answer never replaces what an answer showed, and is never an end; an open row ends when a
later look finds it in order, or by a person with a reason; what a person has ended comes back when it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import ConflictError, GatewayError, NotFoundError
from gateway.domain.reconciliation import Kind, Ours, Repair, Theirs, Verdict
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.operator_log import lane_target, write_action
from gateway.storage.oversight import Action
from gateway.storage.schema_payment import reconciliation
from gateway.storage.schema_reconciliation import settlement_file
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

BY_ITSELF = "reconciliation"
State = Literal["open", "resolved"]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at one reference showed. ``ours`` None: no attempt has it. ``applied``: evidence was applied."""

    run: int
    now: int
    destination: str
    day: int
    partner: str
    reference: str
    ours: Ours | None
    theirs: Theirs
    verdict: Verdict
    attempt: int | None = None
    dossier: str | None = None
    asked: bool = False
    applied: bool = False


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``theirs_amount`` None: nobody has answered yet."""

    id: int
    day: int
    destination: str
    partner: str
    reference: str
    kind: Kind
    state: State
    ours: Ours | None
    theirs: Theirs
    ours_amount: int
    theirs_amount: int | None
    difference: int
    repair: Repair
    at: datetime
    dossier: str | None = None
    attempt: int | None = None
    code: str = ""
    asked: int = 0
    applied: bool = False
    ended_by: str | None = None
    ended_reason: str | None = None
    ended_at: datetime | None = None


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """A person ends the open row ``item``: nothing more is to be done about it."""

    item: int
    actor: str
    reason: str
    now: datetime


_FIND = Statement("""
    SELECT id, kind, state, ours, theirs, ours_amount, theirs_amount, ended_by, ended_reason, ended_at
    FROM reconciliation
    WHERE destination = :destination AND day = :day AND partner = :partner AND reference = :reference
    FOR_UPDATE
""")
_ADD = insert(
    "reconciliation",
    (
        *(
            "id",
            "run_id",
            "destination",
            "day",
            "kind",
            "attempt_id",
            "partner",
            "reference",
            "ours",
            "theirs",
        ),
        *("difference", "state", "repair", "dossier_code", "ours_amount", "theirs_amount", "transaction_no"),
        *("code", "asked", "applied", "at", "ended_by", "ended_reason", "ended_at"),
    ),
    suffix="ON CONFLICT DO NOTHING",
)
_RENEW = Statement("""
    UPDATE reconciliation SET run_id = :run_id, kind = :kind, attempt_id = :attempt_id, ours = :ours,
        theirs = :theirs, difference = :difference, state = :state, repair = :repair, dossier_code = :dossier_code,
        ours_amount = :ours_amount, theirs_amount = :theirs_amount, transaction_no = :transaction_no, code = :code,
        asked = asked + :asked, applied = CASE WHEN :applied = 1 THEN 1 ELSE applied END, at = :at,
        ended_by = :ended_by, ended_reason = :ended_reason, ended_at = :ended_at
    WHERE id = :id
""")
_STILL = Statement("""
    UPDATE reconciliation SET run_id = :run_id, code = :code, asked = asked + :asked, at = :at WHERE id = :id
""")


def record_looks(transaction: Transaction, looks: Sequence[Look]) -> list[Kept]:
    """Write down each look; the rows as they stand then."""
    return [_record(transaction, look) for look in looks]


def _record(transaction: Transaction, look: Look) -> Kept:
    where = {name: getattr(look, name) for name in ("destination", "day", "partner", "reference")}
    row = transaction.one(_FIND, where)
    if row is None:
        identifier = transaction.identifiers.next()
        transaction.run(_ADD, {**_values(look), **_ending(look, None), **where, "id": identifier})
    elif _says_nothing_new(look, row):
        values = {"run_id": look.run, "code": look.theirs.why, "asked": int(look.asked), "at": look.now}
        transaction.run(_STILL, {**values, "id": row[0]})
    else:
        transaction.run(_RENEW, {**_values(look), **_ending(look, row), "id": row[0]})
    found = transaction.one(_WHOLE, where)
    if found is None:
        raise NotFoundError(f"the item of {look.reference} is not there")
    return _kept(*found)


_COLUMNS = (
    *("id", "day", "destination", "partner", "reference", "kind", "state", "ours", "theirs", "ours_amount"),
    *(
        "theirs_amount",
        "difference",
        "repair",
        "at",
        "dossier_code",
        "attempt_id",
        "code",
        "asked",
        "applied",
    ),
    *("ended_by", "ended_reason", "ended_at"),
)
_WHOLE = Statement(
    f"SELECT {', '.join(_COLUMNS)} FROM reconciliation "  # noqa: S608 - our own names
    "WHERE destination = :destination AND day = :day AND partner = :partner AND reference = :reference"
)


def _says_nothing_new(look: Look, row: Row) -> bool:
    """No answer this time, and our books are as they were: what an answer once showed still stands."""
    silent = look.verdict.kind is Kind.UNANSWERED and row[1] != Kind.UNANSWERED
    return silent and row[3] == _json(look.ours)


def _values(look: Look) -> dict[str, Any]:
    told = look.theirs.paid[0].transaction if look.theirs.paid else ""
    return {
        "run_id": look.run,
        "kind": look.verdict.kind.value,
        "attempt_id": look.attempt,
        "ours": _json(look.ours),
        "theirs": _json(look.theirs),
        "difference": look.verdict.difference,
        "repair": look.verdict.repair.value,
        "dossier_code": look.dossier,
        "ours_amount": look.verdict.ours,
        "theirs_amount": look.verdict.theirs,
        "transaction_no": (look.ours.transaction if look.ours else "") or told or None,
        "code": look.theirs.why,
        "asked": int(look.asked),
        "applied": int(look.applied),
        "at": look.now,
    }


def _ending(look: Look, row: Row | None) -> dict[str, Any]:
    """State and end: by the look itself, or as a person has left it while nothing has changed."""
    if look.verdict.resolved:
        if row is not None and row[2] == "resolved":
            return {"state": "resolved", "ended_by": row[7], "ended_reason": row[8], "ended_at": row[9]}
        reason = look.verdict.kind.value
        return {
            "state": "resolved",
            "ended_by": BY_ITSELF,
            "ended_reason": reason,
            "ended_at": look.now,
        }
    if row is not None and row[2] == "resolved" and row[7] != BY_ITSELF and _same(look, row):
        return {"state": "resolved", "ended_by": row[7], "ended_reason": row[8], "ended_at": row[9]}
    return {"state": "open", "ended_by": None, "ended_reason": None, "ended_at": None}


def _same(look: Look, row: Row) -> bool:
    before = msgspec.json.decode(row[4], type=Theirs)
    return (
        row[1] == look.verdict.kind
        and row[5] == look.verdict.ours
        and row[6] == look.verdict.theirs
        and {each.transaction for each in before.paid} == {each.transaction for each in look.theirs.paid}
    )


def _json(value: Ours | Theirs | None) -> str | None:
    return None if value is None else msgspec.json.encode(value, order="sorted").decode()


def _kept(*values: Any) -> Kept:
    row = dict(zip(_COLUMNS, values, strict=True))
    return Kept(
        id=int(row["id"]),
        day=int(row["day"]),
        destination=row["destination"],
        partner=row["partner"],
        reference=row["reference"],
        kind=Kind(row["kind"]),
        state="open" if row["state"] == "open" else "resolved",
        ours=None if row["ours"] is None else msgspec.json.decode(row["ours"], type=Ours),
        theirs=msgspec.json.decode(row["theirs"] or "{}", type=Theirs),
        ours_amount=int(row["ours_amount"]),
        theirs_amount=None if row["theirs_amount"] is None else int(row["theirs_amount"]),
        difference=int(row["difference"]),
        repair=Repair(row["repair"] or Repair.NONE),
        at=from_micros(row["at"]),
        dossier=row["dossier_code"],
        attempt=None if row["attempt_id"] is None else int(row["attempt_id"]),
        code=row["code"] or "",
        asked=int(row["asked"]),
        applied=bool(row["applied"]),
        ended_by=row["ended_by"],
        ended_reason=row["ended_reason"],
        ended_at=maybe_from_micros(row["ended_at"]),
    )


_OPEN_ROW = Statement("""
    SELECT destination, reference, dossier_code, state, kind, difference FROM reconciliation
    WHERE id = :item FOR_UPDATE
""")
_RESOLVE = Statement("""
    UPDATE reconciliation SET state = 'resolved', ended_by = :actor, ended_reason = :reason, ended_at = :now
    WHERE id = :item
""")


def resolve_items(transaction: Transaction, orders: Sequence[Resolution]) -> list[str | GatewayError]:
    """End open rows; the identifier of each action's record, or why not."""
    return [_resolve(transaction, order) for order in orders]


def _resolve(transaction: Transaction, order: Resolution) -> str | GatewayError:
    row = transaction.one(_OPEN_ROW, {"item": order.item})
    if row is None:
        return NotFoundError(f"there is no item {order.item}")
    destination, reference, dossier, state, kind, difference = row
    if state != "open":
        return ConflictError(f"item {order.item} is {state}; only an open one can be ended")
    transaction.run(
        _RESOLVE,
        {"item": order.item, "actor": order.actor, "reason": order.reason, "now": to_micros(order.now)},
    )
    return write_action(
        transaction,
        Action(
            actor=order.actor,
            verb="resolve",
            target=lane_target(destination, dossier or reference),
            reason=order.reason,
            now=order.now,
            detail={"item": str(order.item), "kind": kind, "reference": reference, "difference": difference},
        ),
    )


class ItemFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows; None: any."""

    day: int | None = None
    destination: str | None = None
    kind: str | None = None
    state: str | None = None
    reference: str | None = None


def items(
    connection: sa.Connection, wanted: ItemFilter, *, after: int | None = None, limit: int | None = None
) -> list[Kept]:
    """Rows by identifier, those after ``after``."""
    columns = reconciliation.c
    question = sa.select(*(columns[name] for name in _COLUMNS)).order_by(columns.id)
    for column, value in (
        (columns.day, wanted.day),
        (columns.destination, wanted.destination),
        (columns.kind, wanted.kind),
        (columns.state, wanted.state),
        (columns.reference, wanted.reference),
    ):
        if value is not None:
            question = question.where(column == value)
    if after is not None:
        question = question.where(columns.id > after)
    if limit is not None:
        question = question.limit(limit)
    return [_kept(*row) for row in connection.execute(question)]


def item_by_id(connection: sa.Connection, identifier: int) -> Kept | None:
    """One row; None when there is none."""
    columns = reconciliation.c
    question = sa.select(*(columns[name] for name in _COLUMNS)).where(columns.id == identifier)
    row = connection.execute(question).one_or_none()
    return None if row is None else _kept(*row)


def count_open(connection: sa.Connection) -> dict[str, int]:
    """How many rows of each class are open."""
    columns = reconciliation.c
    question = (
        sa.select(columns.kind, sa.func.count())
        .where(columns.state == sa.literal_column("'open'"))
        .group_by(columns.kind)
        .order_by(columns.kind)
    )
    return {str(kind): int(count) for kind, count in connection.execute(question)}


def unread_lines(
    connection: sa.Connection, destination: str | None, day: int, last: int | None = None
) -> int:
    """How many lines of the files of ``day`` (to ``last``) could not be read."""
    columns = settlement_file.c
    of_days = columns.day.between(day, day if last is None else last)
    question = sa.select(sa.func.coalesce(sa.func.sum(columns.unread), 0)).where(of_days)
    if destination is not None:
        question = question.where(columns.destination == destination)
    return int(connection.execute(question).scalar_one())
