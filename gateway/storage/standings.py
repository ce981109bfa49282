"""Where dossiers stand: writing what the deadline rules made of an account.

Invariants: every version is assessed once, whoever tries; what an assessment rests on is still so when it is written,
else nothing is; a dossier's periods follow each other without a gap, and the last one is open; a due change or an
anomaly is one row however many versions show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.storage.payment_clock import payments_judged
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.schema_status import STILL
from gateway.storage.sql import Statement, insert
from gateway.storage.urgency import Urge, urge

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class StandingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One period of a dossier. Instants in microseconds, days since 1970-01-01 in Viet Nam's time.

    ``look_at``: when time alone next changes something about it (``gateway.statussync.thresholds``).
    """

    id: int
    dossier_code: str
    version: int
    effective_from: int
    effective_to: int
    recorded_at: int
    status: int
    channel: str
    agency_code: str
    procedure_code: str
    by_date: str
    by_instant: str
    original_by_date: str
    original_by_instant: str
    rule_version: str
    calendar_version: str
    field_code: str | None = None
    unit: str | None = None
    officer: str | None = None
    submitted_at: int | None = None
    received_at: int | None = None
    received_day: int | None = None
    due_at: int | None = None
    due_day: int | None = None
    due_original_at: int | None = None
    due_declared_at: int | None = None
    ended_at: int | None = None
    ended_day: int | None = None
    waiting_since: int | None = None
    late_calendar_days: int = 0
    late_working_days: int = 0
    late_working_minutes: int = 0
    flags: str = "[]"
    look_at: int | None = None


class DueChangeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that moved, or that somebody tried to move (R14). ``applied``: it has become the promise."""

    id: int
    dossier_code: str
    version: int
    recorded_at: int
    old_due_at: int | None
    new_due_at: int | None
    cause: str
    document_number: str | None
    signer: str | None
    issued_at: int | None
    message_id: int | None
    applied: bool
    flags: str
    key: str


class AnomalyRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not fit; ``key`` makes it one, whichever version shows it again."""

    id: int
    dossier_code: str
    version: int
    recorded_at: int
    kind: str
    field: str
    first_value: str | None
    later_value: str | None
    message_id: int | None
    key: str


class Assessed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of ``versions`` (identifiers of rows that nobody has assessed before) of one dossier, and of its
    ``payments`` (identifiers of settlements).

    ``basis``: the open period that it rests on (None: there was none). ``standings`` take the place of everything
    from the first one's beginning on, ``whole``: of everything there is; none leaves the periods alone. ``urge``: what
    partners must learn first.
    """

    code: str
    basis: int | None
    versions: tuple[int, ...] = ()
    payments: tuple[int, ...] = ()
    standings: tuple[StandingRow, ...] = ()
    due_changes: tuple[DueChangeRow, ...] = ()
    anomalies: tuple[AnomalyRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    urge: Urge | None = None
    whole: bool = False


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """An open period judged anew, by other rules or another calendar; what was said of it stays."""

    id: int
    by_date: str
    by_instant: str
    original_by_date: str
    original_by_instant: str
    late_calendar_days: int
    late_working_days: int
    late_working_minutes: int
    flags: str
    rule_version: str
    calendar_version: str
    look_at: int | None


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """What a dossier says about time that was stored before anybody asked."""

    id: int
    dossier_code: str
    version: int
    at: int
    account: bytes


_LOCK_VERSIONS = Statement("""
    SELECT id FROM dossier_version WHERE id IN_ARRAY(:versions) AND NOT assessed
    ORDER BY dossier_code, version FOR_UPDATE
""")
_LOCK_OPEN = Statement(f"""
    SELECT dossier_code, id FROM standing WHERE dossier_code IN_ARRAY(:codes) AND effective_to = {STILL}
    ORDER BY dossier_code FOR_UPDATE
""")  # noqa: S608 - constants
_ASSESSED = Statement("UPDATE dossier_version SET assessed = true WHERE id IN_ARRAY(:versions)")
_DROP_FROM = Statement("DELETE FROM standing WHERE dossier_code = :code AND effective_from >= :since")
_CLOSE_AT = Statement("""
    UPDATE standing SET effective_to = :since
    WHERE dossier_code = :code AND effective_from < :since AND effective_to > :since
""")
_INSERT_STANDING = insert("standing", StandingRow.__struct_fields__)
_EARLIEST = -STILL
_REFRESHED = ", ".join(f"{name} = :{name}" for name in Refreshed.__struct_fields__ if name != "id")
_REFRESH = Statement(f"UPDATE standing SET {_REFRESHED} WHERE id = :id AND effective_to = {STILL}")  # noqa: S608 - our own names
_ADOPT = insert(
    "dossier_version",
    Adopted.__struct_fields__,
    suffix="ON CONFLICT (dossier_code, version) DO NOTHING",
)
_ONCE = "ON CONFLICT (dossier_code, key) DO NOTHING"
_INSERT_DUE_CHANGE = insert("due_change", DueChangeRow.__struct_fields__, suffix=_ONCE)
_INSERT_ANOMALY = insert("anomaly", AnomalyRow.__struct_fields__, suffix=_ONCE)


def record_assessments(transaction: Transaction, items: Sequence[Assessed]) -> list[bool]:
    """Write each; False where somebody else has assessed a version, or moved the dossier, in the meantime."""
    fresh = _fresh_versions(transaction, items)
    standing = open_periods(transaction, [item.code for item in items])
    results: list[bool] = []
    good: list[Assessed] = []
    taken: set[str] = set()
    for item in items:
        still = fresh.issuperset(item.versions) and standing.get(item.code) == item.basis
        results.append(
            still and item.code not in taken
        )  # of two in one group, the second has not seen the first
        if results[-1]:
            taken.add(item.code)
            good.append(item)
    _write(transaction, good)
    return results


def insert_anomaly(transaction: Transaction, row: AnomalyRow) -> bool:
    """Write down one anomaly; False when its key was there before."""
    return transaction.run(_INSERT_ANOMALY, msgspec.structs.asdict(row)) > 0


def refresh_standings(transaction: Transaction, items: Sequence[Refreshed]) -> None:
    """Write new judgements of periods that are still open; one that is not has been judged since."""
    transaction.many(_REFRESH, _rows(items))


def adopt_versions(transaction: Transaction, items: Sequence[Adopted]) -> None:
    """Let versions be judged that came in before their accounts were kept."""
    transaction.many(_ADOPT, _rows(items))


def open_periods(transaction: Transaction, codes: Iterable[str]) -> dict[str, int]:
    """Dossier to its open period, the rows locked; in the order of codes, so that nobody blocks the other."""
    rows = transaction.all(_LOCK_OPEN, {"codes": transaction.array(set(codes))})
    return {row[0]: int(row[1]) for row in rows}


def _fresh_versions(transaction: Transaction, items: Sequence[Assessed]) -> set[int]:
    wanted = [version for item in items for version in item.versions]
    if not wanted:
        return set()
    return {int(row[0]) for row in transaction.all(_LOCK_VERSIONS, {"versions": transaction.array(wanted)})}


def _write(transaction: Transaction, items: Sequence[Assessed]) -> None:
    done = [version for item in items for version in item.versions]
    if done:
        transaction.run(_ASSESSED, {"versions": transaction.array(done)})
    payments_judged(transaction, [payment for item in items for payment in item.payments])
    moved = [item for item in items if item.standings]
    places = [
        {"code": item.code, "since": _EARLIEST if item.whole else item.standings[0].effective_from}
        for item in moved
    ]
    transaction.many(_DROP_FROM, places)
    transaction.many(_CLOSE_AT, places)
    transaction.many(_INSERT_STANDING, _rows(row for item in moved for row in item.standings))
    transaction.many(_INSERT_DUE_CHANGE, _rows(row for item in items for row in item.due_changes))
    transaction.many(_INSERT_ANOMALY, _rows(row for item in items for row in item.anomalies))
    insert_events(transaction, [row for item in items for row in item.events])
    urge(transaction, {item.code: item.urge for item in items if item.urge is not None})


def _rows(structs: Iterable[msgspec.Struct]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(struct) for struct in structs]
