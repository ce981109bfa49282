"""Standings to report on: the mini data set of the domain rules, random histories, and a naive count of both."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from gateway.deadlines.calendar import Calendar, shipped_calendar
from gateway.deadlines.classes import Verdict
from gateway.deadlines.instants import (
    DAY,
    HOUR,
    VIETNAM,
    day_number,
    day_number_of,
    from_micros,
    start_of_day,
    to_micros,
)
from gateway.deadlines.judge import Moment, Options, StopReading, judge
from gateway.storage import report_rules as rules
from gateway.storage.database import Database
from gateway.storage.report_rules import Extent
from gateway.storage.schema_status import STILL
from gateway.storage.sql import insert
from gateway.storage.standings import StandingRow

MARCH = (date(2026, 3, 1), date(2026, 3, 31))
NOW = datetime(2026, 4, 20, 9, 0, tzinfo=VIETNAM)
_INSERT = insert("standing", StandingRow.__struct_fields__)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of time, as the gateway would have read them."""

    calendar: Calendar = msgspec.field(default_factory=shipped_calendar)
    options: Options = Options()
    version: str = "test-rules"
    strict_waiting: bool = False

    def calendar_of(self, agency: str) -> Calendar:
        return self.calendar


async def store(database: Database, rows: Iterable[StandingRow]) -> None:
    """Write standings as they are, sound or not."""
    listed = [msgspec.structs.asdict(row) for row in rows]
    await database.write(lambda transaction: transaction.many(_INSERT, listed))


def at(text: str) -> int:
    """``03-05 09:00`` of 2026 in Viet Nam; a day alone is its 00:00."""
    day, _, hour = text.partition(" ")
    return to_micros(datetime.fromisoformat(f"2026-{day}T{hour or '00:00'}+07:00"))


def cutoff(day: date) -> int:
    """The last microsecond of a day."""
    return start_of_day(day_number(day) + 1) - 1


def extent(first: date = MARCH[0], last: date = MARCH[1], **rest: Any) -> Extent:
    return Extent(start=day_number(first), cutoff=cutoff(last), **rest)


def standing(number: int, code: str, since: int, until: int = STILL, **rest: Any) -> StandingRow:
    """One period; days follow from instants."""
    fields: dict[str, Any] = {
        "status": 4,
        "channel": "online",
        "agency_code": "H99.14",
        "procedure_code": "1.004203",
        "field_code": "LV01",
        "recorded_at": since + HOUR,
        **rest,
    }
    for name in ("received", "due", "ended"):
        instant = fields.get(f"{name}_at")
        fields[f"{name}_day"] = None if instant is None else day_number_of(instant)
    fields.setdefault("due_original_at", fields.get("due_at"))
    return StandingRow(
        id=number,
        dossier_code=code,
        version=1,
        effective_from=since,
        effective_to=until,
        by_date=fields.pop("by_date", "IN_TIME"),
        by_instant="IN_TIME",
        original_by_date="IN_TIME",
        original_by_instant="IN_TIME",
        rule_version="test-rules",
        calendar_version="vn-test",
        **fields,
    )


# domain_rules §5.1: id, channel, received, due, end, state at the end of March
MINI: tuple[tuple[int, str, str, str | None, str | None, int], ...] = (
    (1, "counter", "02-20 09:00", "02-27 17:00", "03-03 10:00", 10),
    (2, "online", "02-24 09:00", "03-06 17:00", "03-04 10:00", 10),
    (3, "counter", "02-25 09:00", "03-20 17:00", None, 4),
    (4, "online", "03-02 09:00", "03-05 17:00", "03-04 15:00", 10),
    (5, "online", "03-02 09:00", "03-05 09:00", "03-05 16:30", 9),
    (6, "counter", "03-02 09:00", "03-05 17:00", "03-06 10:00", 10),
    (7, "post", "03-03 09:00", "03-10 17:00", None, 5),
    (8, "online", "03-04 09:00", "03-09 17:00", "03-12 10:00", 7),
    (9, "online", "03-05 09:00", None, None, 3),
    (10, "online", "03-30 09:00", None, None, 1),
    (11, "counter", "03-27 09:00", "04-10 17:00", None, 4),
    (12, "counter", "03-16 09:00", None, "03-20 10:00", 10),
    (13, "online", "03-26 09:00", "03-30 17:00", None, 4),
    (14, "counter", "02-10 09:00", "02-12 17:00", "02-12 10:00", 10),
    (15, "online", "04-01 09:00", "04-03 17:00", None, 2),
    (16, "online", "03-30 09:00", "04-02 17:00", "04-02 10:00", 4),
)
MINI_ROW = {
    "c3": 12,
    "c4": 5,
    "c5": 4,
    "c6": 3,
    "c7": 7,
    "c8": 2,
    "c9": 3,
    "c10": 2,
    "c11": 5,
    "c12": 3,
    "c13": 2,
}
MINI_AGENCIES = {number: f"H99.{14 + number % 3}" for number, *_ in MINI}


def mini(*, spread: bool = False) -> list[StandingRow]:
    """The mini data set as the gateway keeps it. ``spread``: over three agencies and two fields."""
    rows: list[StandingRow] = []
    for number, channel, received, due, end, status in MINI:
        shared = {
            "channel": channel,
            "due_at": None if due is None else at(due),
            "agency_code": MINI_AGENCIES[number] if spread else "H99.14",
            "field_code": f"LV{number % 2}" if spread else "LV01",
        }
        rows += _mini_dossier(number, status, at(received), None if end is None else at(end), shared)
    return rows


def _mini_dossier(
    number: int, status: int, start: int, end: int | None, shared: dict[str, Any]
) -> list[StandingRow]:
    code = f"H99.14-26-{number:04d}"
    ids = iter(range(number * 10, number * 10 + 10))
    if status in {1, 3}:  # filed; refused two hours later
        filed = standing(
            next(ids), code, start, STILL if status == 1 else start + 2 * HOUR, status=1, **shared
        )
        refused = standing(next(ids), code, start + 2 * HOUR, status=3, **shared)
        return [filed] if status == 1 else [filed, refused]
    shared["received_at"] = start
    if end is None:
        if status != 5:
            return [standing(next(ids), code, start, status=status, **shared)]
        asked = at("03-05 10:00")
        return [
            standing(next(ids), code, start, asked, status=2, **shared),
            standing(next(ids), code, asked, status=5, waiting_since=asked, **shared),
        ]
    running = standing(next(ids), code, start, end, status=4, **shared)
    over = 9 if status in {4, 9, 10} else status
    handed = end + 2 * DAY if status == 10 else STILL
    rows = [running, standing(next(ids), code, end, handed, status=over, ended_at=end, **shared)]
    if status == 10:
        rows.append(standing(next(ids), code, handed, status=10, ended_at=end, **shared))
    return rows


_COURSES: tuple[tuple[int, ...], ...] = (
    *((1,), (1, 3), (1, 5), (1, 7), (2,), (2, 3), (2, 4), (2, 6), (2, 7), (2, 8), (2, 4, 5), (2, 4, 8)),
    *((2, 4, 9), (2, 4, 9, 10), (1, 2, 4, 9, 10), (2, 5, 4, 9), (4, 9, 4), (4, 9, 4, 9, 10)),
)


class Chance:
    """Random histories: ordinary ones, and every oddity that a province has sent."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._ids = 0

    def dossiers(self, number: int) -> list[StandingRow]:
        return [row for place in range(number) for row in self._dossier(f"H99-{place:05d}")]

    def _dossier(self, code: str) -> list[StandingRow]:
        pick = self.random
        received = at("01-05") + pick.randrange(110 * 24 * 4) * (HOUR // 4)
        grain = pick.choice((HOUR // 4, DAY))
        due = received + pick.randrange(1, 25 * 24) * HOUR
        due -= (due + 7 * HOUR) % grain  # a day alone is its 00:00 (R25)
        shared: dict[str, Any] = {
            "channel": pick.choice(("online", "counter", "post")),
            "agency_code": f"H99.{pick.randrange(4)}",
            "field_code": pick.choice(("LV1", "LV2", None)),
            "procedure_code": f"1.{pick.randrange(5):06d}",
            "due_at": None if pick.random() < 0.1 else due,
        }
        if pick.random() < 0.03:
            shared["due_at"] = received - pick.randrange(50) * HOUR
        return self._periods(code, received, shared)

    def _periods(self, code: str, received: int, shared: dict[str, Any]) -> list[StandingRow]:
        """States after each other; each begins after a while, the last is open."""
        pick = self.random
        states = pick.choice(_COURSES)
        filed = received - pick.randrange(1, 60) * HOUR
        begins = [filed if states[0] == 1 else received]
        for status in states[1:]:
            after = received if status == 2 and begins[-1] < received else begins[-1]
            begins.append(max(after, begins[-1]) + pick.randrange(1, 400) * (HOUR // 4) * (status != 2))
            begins[-1] = max(begins[-1], begins[-2] + 1)
        rows, ended = [], None
        for place, status in enumerate(states):
            begin = begins[place]
            until = begins[place + 1] if place + 1 < len(states) else STILL
            if status in {7, 9} or (status == 8 and pick.random() < 0.5):
                ended = begin + pick.choice((0, 0, 0, -HOUR, -30 * HOUR, 30 * HOUR))
            rows.append(self._period(code, (status, begin, until), received, ended, shared))
        return rows

    def _period(
        self, code: str, when: tuple[int, int, int], received: int, ended: int | None, shared: dict[str, Any]
    ) -> StandingRow:
        pick, (status, begin, until) = self.random, when
        self._ids += 1
        known = status != 1 and not (status in {3, 5, 7} and pick.random() < 0.2) and pick.random() > 0.01
        over = status in {7, 8, 9, 10} and pick.random() > 0.05
        row = standing(
            self._ids,
            code,
            begin,
            until,
            status=status,
            received_at=received if known else None,
            ended_at=ended if over else None,
            waiting_since=begin if status in {5, 6, 8} and pick.random() > 0.1 else None,
            recorded_at=begin + pick.choice((HOUR, 10 * DAY, 100 * DAY)),
            **shared,
        )
        wrong = naive_code(row, Extent(start=0, cutoff=row.recorded_at)) == rules.NO_ROW
        return msgspec.structs.replace(row, by_date="DATA_ERROR") if wrong else row


_CLASS = {
    Verdict.EARLY: rules.EARLY,
    Verdict.ON_TIME: rules.ON_TIME,
    Verdict.LATE: rules.LATE,
    Verdict.IN_TIME: rules.IN_TIME,
    Verdict.OVERDUE: rules.OVERDUE,
    Verdict.PAUSED: rules.WAITING,
    Verdict.PAUSED_LATE: rules.PAUSED_LATE,
    Verdict.WITHDRAWN: rules.WITHDRAWN,
}


def naive_code(row: StandingRow, wanted: Extent) -> int:  # noqa: PLR0911 - as many answers as the table has rows
    """Where a standing falls, by the rules' own function for one dossier."""
    second = wanted.cutoff - wanted.cutoff % 1_000_000
    status, ended = row.status, row.ended_at
    if (
        ended is not None and second < ended <= row.recorded_at
    ):  # known since; at the cut-off it had not ended
        status, ended = (8 if status == 8 else 4 if status in {7, 9, 10} else status), None
    if row.received_at is not None and second < row.received_at <= row.recorded_at:
        later = msgspec.structs.replace(wanted, cutoff=STILL)  # wrong whenever one looks, or not received yet
        facts = (row.status, row.received_at, row.due_at, None, row.ended_at, row.waiting_since)
        if judge(facts, row.due_at, _moment(later))[0] is Verdict.DATA_ERROR:
            return rules.NO_ROW
        return _refused(row, wanted) if status == 3 else 0
    facts = (status, row.received_at, row.due_at, None, ended, row.waiting_since)
    by_date, by_instant, _ = judge(facts, row.due_at, _moment(wanted))
    if by_date is Verdict.DATA_ERROR:
        return rules.NO_ROW
    if status == 1:
        return 0
    if status == 3:
        return _refused(row, wanted)
    if row.received_at is None:
        return 0 if status in {5, 6, 7} else rules.NO_ROW
    if by_date in {Verdict.EARLY, Verdict.ON_TIME, Verdict.LATE, Verdict.WITHDRAWN}:
        end = ended if ended is not None else row.effective_from
        if day_number_of(end) < wanted.start:
            return 0
    return _reception(row, wanted) + _CLASS[by_date] * 100 + _CLASS[by_instant]


def _refused(row: StandingRow, wanted: Extent) -> int:
    return rules.REFUSED_ROW if row.effective_from >= start_of_day(wanted.start) else 0


def _moment(wanted: Extent) -> Moment:
    return Moment(
        wanted.cutoff - wanted.cutoff % 1_000_000, None, Options(stopped=StopReading(wanted.stopped))
    )


def _reception(row: StandingRow, wanted: Extent) -> int:
    assert row.received_day is not None
    if row.received_day < wanted.start:
        column = rules.CARRIED_OVER
    else:
        column = rules.ONLINE if row.channel == "online" else rules.OTHER
    return column * 10_000 + (rules.WITHOUT_DUE if row.due_at is None else 0)


def naive_counts(
    rows: Sequence[StandingRow], wanted: Extent, unit: str | None = None
) -> dict[str | None, Counter[int]]:
    """Codes by unit, one standing after the other; those without a code are left out."""
    counts: dict[str | None, Counter[int]] = {}
    for row in in_force(rows, wanted):
        if code := naive_code(row, wanted):
            counts.setdefault("" if unit is None else getattr(row, unit), Counter())[code] += 1
    return counts


def in_force(rows: Sequence[StandingRow], wanted: Extent) -> list[StandingRow]:
    """The standings at the cut-off; of a dossier that had ended by then and was told to afterwards, that one."""
    following = {(row.dossier_code, row.effective_from): row for row in rows}
    held = [row for row in rows if row.effective_from <= wanted.cutoff < row.effective_to]
    ends = [_end_told_later(row, following.get((row.dossier_code, row.effective_to)), wanted) for row in held]
    return [
        row
        for row in ends
        if wanted.agency in {None, row.agency_code}
        and wanted.field in {None, row.field_code}
        and wanted.procedure in {None, row.procedure_code}
    ]


def _end_told_later(row: StandingRow, following: StandingRow | None, wanted: Extent) -> StandingRow:
    if row.status in {1, 3, 7, 9, 10} or following is None or following.status not in {7, 9, 10}:
        return row
    ended = following.ended_at
    return following if ended is not None and row.effective_from <= ended <= wanted.cutoff else row


def week(number: int) -> tuple[date, date]:
    """A week of the winter in which the histories lie."""
    first = from_micros(at("01-12")).date() + timedelta(weeks=number)
    return first, first + timedelta(days=6)
