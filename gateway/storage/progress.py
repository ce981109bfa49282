"""Dossiers that a partner is asked about: when, what it has said, and one effect for everything it says.

Invariants: a report has its effect once, in the transaction that writes it down, and only while the dossier stands as it
stood, and the partner's newest word as it was, when the effect was decided; what an answer taught reaches the lane only while nobody is at work on it, because
whoever is would overwrite it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from gateway.domain.errors import GatewayError
from gateway.domain.status import Status
from gateway.storage.callbacks import Overtaken, Standing
from gateway.storage.files import KeptFile, keep_files
from gateway.storage.intake import Acceptance, accept_dossiers
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

NAME = "progress"
Effect: TypeAlias = Literal["accepted", "ignored", "repeated", "repeated_differently"]


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the event feed: from ``before`` to ``upto``, with the (destination, dossier) that were delivered.

    ``first``: by destination, how long after that they are asked about, in microseconds.
    """

    before: int
    upto: int
    now: int
    lanes: Sequence[tuple[str, str]]
    first: Mapping[str, int]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A state that a partner has reported, and when it says that the dossier came into it."""

    at: int
    status: str


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Where a report belongs among all that its partner has said of the dossier.

    ``at``: when it happened; ``newest``: the partner's newest word that was taken, None without one.
    """

    at: int
    newest: Said | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One report and all that follows from it. ``assumed``, ``newest``: the standing, and the partner's newest word
    that was taken, on which the decision rests.

    ``said``: the report's own word; ``parked``: itself, to be judged again when an earlier one has come; ``again``: it
    is, and has been ignored until now.
    """

    destination: str
    dossier_code: str
    key: str
    digest: bytes
    now: int
    assumed: Standing | None
    handling: Literal["accepted", "ignored"]
    newest: Said | None = None
    said: Said | None = None
    parked: bytes | None = None
    again: bool = False
    events: tuple[EventRow, ...] = ()
    acceptance: Acceptance | None = None
    partner_status: str | None = None
    files: tuple[KeptFile, ...] = ()


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer means for the schedule. ``next_at`` None: nothing more will come.

    ``learned``: names to values, "" forgets. ``promised_at``: a new promise, None leaves the old one.
    """

    lane: int
    now: int
    next_at: int | None
    pause: int
    reported: bool = False
    promised_at: int | None = None
    learned: Mapping[str, str] = {}


class Unheard(msgspec.Struct, frozen=True, kw_only=True):
    """A question without a usable answer."""

    lane: int
    now: int
    next_at: int
    failure: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Officials are told once per promise."""

    lane: int
    promise_at: int
    event: EventRow


_FIND = Statement("""
    SELECT digest FROM progress_report WHERE destination = :destination AND dossier_code = :code AND key = :key
""")
_INSERT = insert(
    "progress_report",
    (
        *("destination", "dossier_code", "key", "at", "digest", "handling"),
        *("happened_at", "status", "parked"),
    ),
    suffix="ON CONFLICT (destination, dossier_code, key) DO NOTHING",
)
_TAKE_UP = Statement("""
    UPDATE progress_report SET handling = :handling, parked = NULL
    WHERE destination = :destination AND dossier_code = :code AND key = :key AND parked IS NOT NULL
""")
_SAID = Statement("""
    SELECT happened_at, status FROM progress_report
    WHERE destination = :destination AND dossier_code = :code AND handling = 'accepted'
        AND happened_at IS NOT NULL AND status IS NOT NULL
""")
_STANDING = Statement("SELECT source, version, status, digest FROM dossier WHERE code = :code FOR_UPDATE")
_REMEMBER = Statement("""
    UPDATE lane SET acknowledged_status = :status, acknowledged_at = :now
    WHERE destination = :destination AND dossier_code = :code
""")
_PLACE = Statement("""
    INSERT INTO follower (name, position) VALUES (:name, 0) ON CONFLICT (name) DO NOTHING
""")
_ADVANCE = Statement("UPDATE follower SET position = :upto WHERE name = :name AND position = :before")
_ENROL = Statement("""
    INSERT INTO progress (lane_id, destination, dossier_code, since, next_at, pause)
    SELECT l.id, l.destination, l.dossier_code, :now, :next_at, :pause FROM lane AS l
    WHERE l.destination = :destination AND l.dossier_code = :code
    ON CONFLICT (lane_id) DO UPDATE SET since = :now, pause = :pause, next_at = CASE
        WHEN progress.next_at IS NOT NULL AND progress.next_at < :next_at THEN progress.next_at ELSE :next_at END
""")
_LOCK_LANE = Statement("SELECT state, memory FROM lane WHERE id = :lane FOR_UPDATE")
_LEARNED = Statement("SELECT learned FROM progress WHERE lane_id = :lane FOR_UPDATE")
_HEARD = Statement("""
    UPDATE progress SET next_at = :next_at, pause = :pause, questions = questions + 1, asked_at = :now, failures = 0,
        failure = NULL, reported_at = COALESCE(:reported_at, reported_at),
        promised_at = COALESCE(:promised_at, promised_at), learned = :learned, unmerged = :unmerged
    WHERE lane_id = :lane
""")
_UNHEARD = Statement("""
    UPDATE progress SET next_at = :next_at, questions = questions + 1, asked_at = :now, failures = failures + 1,
        failure = :failure WHERE lane_id = :lane
""")
_SET_MEMORY = Statement("UPDATE lane SET memory = :memory WHERE id = :lane")
_MERGED = Statement("UPDATE progress SET unmerged = :no, learned = '{}' WHERE lane_id = :lane")
_UNMERGED = Statement("SELECT lane_id FROM progress WHERE unmerged ORDER BY lane_id LIMIT 500")
_ALARM = Statement("""
    UPDATE progress SET alarmed_for = :promise_at
    WHERE lane_id = :lane AND (alarmed_for IS NULL OR alarmed_for <> :promise_at)
""")
_HASTEN = Statement("""
    UPDATE progress SET next_at = :now
    WHERE lane_id = :lane AND (next_at IS NULL OR next_at > :now)
""")


def enrol(transaction: Transaction, stretch: Enrolment) -> int | None:
    """Ask about what was delivered, from now on; how many. None, and nothing changed, when somebody else was faster."""
    transaction.run(_PLACE, {"name": NAME})
    moved = {"name": NAME, "before": stretch.before, "upto": stretch.upto}
    if not transaction.run(_ADVANCE, moved):
        return None
    done = 0
    for destination, code in sorted(set(stretch.lanes)):
        pause = stretch.first[destination]
        named = {"destination": destination, "code": code, "now": stretch.now}
        done += transaction.run(_ENROL, {**named, "pause": pause, "next_at": stretch.now + pause})
    return done


def tell(transaction: Transaction, items: Sequence[Told]) -> list[Effect | Overtaken | GatewayError]:
    """Give every report its effect, once; Overtaken: the dossier has changed, decide again."""
    order = sorted(range(len(items)), key=lambda place: (items[place].dossier_code, items[place].key))
    results = {place: _tell(transaction, items[place]) for place in order}
    return [results[place] for place in range(len(items))]


def _tell(transaction: Transaction, item: Told) -> Effect | Overtaken | GatewayError:
    name = {"destination": item.destination, "code": item.dossier_code, "key": item.key}
    known = transaction.one(_FIND, name)
    if known is not None and not item.again:
        return _repeated(item, bytes(known[0]))
    row = transaction.one(_STANDING, {"code": item.dossier_code})
    standing = (
        None
        if row is None
        else Standing(source=row[0], version=int(row[1]), status=row[2], digest=bytes(row[3]))
    )
    place = {"destination": item.destination, "code": item.dossier_code}
    if standing != item.assumed or newest_of(transaction.all(_SAID, place)) != item.newest:
        return Overtaken()
    if not _write_down(transaction, item):  # another process was faster, and has committed by now
        known = transaction.one(_FIND, name)
        return _repeated(item, item.digest if known is None else bytes(known[0]))
    keep_files(transaction, item.files)
    if item.acceptance is not None:
        [verdict] = accept_dossiers(transaction, [item.acceptance])
        if isinstance(verdict, GatewayError):
            raise verdict  # undoes this report and nothing else: the group runs again one by one
    if item.partner_status is not None:
        transaction.run(_REMEMBER, {**place, "status": item.partner_status, "now": item.now})
    insert_events(transaction, item.events)
    return item.handling


def newest_of(rows: Iterable[Row]) -> Said | None:
    """The last word among (instant, state): at one instant the state that comes later in a dossier's course."""
    said = [Said(at=int(at), status=status) for at, status in rows]
    return max(said, key=lambda each: (each.at, Status(each.status).national), default=None)


def _write_down(transaction: Transaction, item: Told) -> bool:
    """Whether the report was not there before, or was parked until now."""
    if item.again:
        name = {"destination": item.destination, "code": item.dossier_code, "key": item.key}
        return transaction.run(_TAKE_UP, {**name, "handling": item.handling}) > 0
    written = {
        "destination": item.destination,
        "dossier_code": item.dossier_code,
        "key": item.key,
        "at": item.now,
        "digest": item.digest,
        "handling": item.handling,
        "happened_at": None if item.said is None else item.said.at,
        "status": None if item.said is None else item.said.status,
        "parked": item.parked,
    }
    return transaction.run(_INSERT, written) > 0


def _repeated(item: Told, digest: bytes) -> Effect:
    return "repeated" if digest == item.digest else "repeated_differently"


def hear(transaction: Transaction, item: Heard) -> None:
    """Write down what an answer means for the schedule and what it taught, before the next question leaves."""
    lane = transaction.one(_LOCK_LANE, {"lane": item.lane})
    row = transaction.one(_LEARNED, {"lane": item.lane})
    if lane is None or row is None:
        return
    pending = {**msgspec.json.decode(row[0], type=dict[str, str]), **item.learned}
    if pending and lane[0] != "leased":
        _merge(transaction, item.lane, lane[1], pending)
        pending = {}
    transaction.run(
        _HEARD,
        {
            "lane": item.lane,
            "now": item.now,
            "next_at": item.next_at,
            "pause": item.pause,
            "reported_at": item.now if item.reported else None,
            "promised_at": item.promised_at,
            "learned": msgspec.json.encode(pending).decode(),
            "unmerged": bool(pending),
        },
    )


def fail(transaction: Transaction, item: Unheard) -> None:
    """Write down that a question got no usable answer."""
    transaction.run(
        _UNHEARD,
        {"lane": item.lane, "now": item.now, "next_at": item.next_at, "failure": item.failure[:500]},
    )


def merge(transaction: Transaction) -> int:
    """Tell lanes that are no longer at work what was learnt meanwhile; how many."""
    done = 0
    for (lane,) in transaction.all(_UNMERGED, {}):
        row = transaction.one(_LOCK_LANE, {"lane": lane})
        learned = transaction.one(_LEARNED, {"lane": lane})
        if row is None or learned is None or row[0] == "leased":
            continue
        _merge(transaction, int(lane), row[1], msgspec.json.decode(learned[0], type=dict[str, str]))
        transaction.run(_MERGED, {"lane": lane, "no": False})
        done += 1
    return done


def alarm(transaction: Transaction, items: Sequence[Alarm]) -> int:
    """Warn of each promise once; how many warnings are new."""
    fresh = [
        item.event
        for item in items
        if transaction.run(_ALARM, {"lane": item.lane, "promise_at": item.promise_at})
    ]
    insert_events(transaction, fresh)
    return len(fresh)


def hasten(transaction: Transaction, lanes: Sequence[int], now: int) -> None:
    """Ask about these at once."""
    for lane in sorted(lanes):
        transaction.run(_HASTEN, {"lane": lane, "now": now})


def _merge(transaction: Transaction, lane: int, memory: str, learned: Mapping[str, str]) -> None:
    merged = {**msgspec.json.decode(memory, type=dict[str, str]), **learned}
    kept = {name: value for name, value in merged.items() if value != ""}
    transaction.run(_SET_MEMORY, {"lane": lane, "memory": msgspec.json.encode(kept).decode()})
