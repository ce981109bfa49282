"""A year of a province, judged and reported on: 1,650,000 dossiers, as many as An Giang resolved in 2021.

Standings are generated, not delivered: what is measured is classifying them all on one core, and form 06a over them on
each engine, with its identities checked, from one state of the database.
"""

from __future__ import annotations

import functools
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from bench.running import PostgreSQL, Row, postgresql, row, sqlite
from gateway.deadlines.bulk import classify_rows
from gateway.deadlines.calendar import Calendar, shipped_calendar
from gateway.deadlines.instants import DAY, HOUR, VIETNAM, day_number, day_number_of, start_of_day
from gateway.deadlines.judge import Options
from gateway.reports.dossiers import Wish, list_dossiers
from gateway.reports.form_06a import compute_06a
from gateway.reports.periods import Wanted, period_of
from gateway.reports.progress import compute_766
from gateway.reports.terms import Asked
from gateway.settings import ReportSettings
from gateway.storage import migrate
from gateway.storage.queries_reports import Grouping, Page
from gateway.storage.reading import ReadingDatabase
from gateway.storage.report_rules import Figure
from gateway.storage.schema_status import STILL
from gateway.storage.standings import StandingRow

DOSSIERS = 1_650_000
YEAR = 2025
NOW = datetime(2026, 2, 1, 9, 0, tzinfo=VIETNAM)
CLASSIFY_SECONDS = 10.0
FORM_SECONDS = 5.0
_CHUNK = 50_000
_COLUMNS = StandingRow.__struct_fields__
_FIRST = day_number(date(YEAR, 1, 1))
# of every hundred: handed over, finished, withdrawn, refused; and of those of the last weeks: in work, received, waiting
_STATES = (10,) * 90 + (9,) * 8 + (7, 3)
_LATEST = (4,) * 50 + (2,) * 10 + (5,) * 7 + (6,) * 3 + (10,) * 30
_LATE_PERCENT = 5


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The rules as shipped."""

    calendar: Calendar
    options: Options = Options()
    version: str = "bench"
    strict_waiting: bool = False

    def calendar_of(self, agency: str) -> Calendar:
        return self.calendar


def reporting(runs: int, quick: bool) -> list[Row]:
    """Classify a year, then report on it on both engines."""
    number = DOSSIERS // 10 if quick else DOSSIERS
    limit = 0.1 if quick else 1.0
    rows = [_classified(runs, number, limit * CLASSIFY_SECONDS)]
    with sqlite() as url:
        migrate.upgrade(url)
        seconds = _timed(functools.partial(_fill_sqlite, url.removeprefix("sqlite:///"), number))
        rows += _reported("SQLite", url, (seconds, number), runs, limit * FORM_SECONDS)
    with postgresql() as server:
        rows += _on_postgresql(server, number, runs, limit * FORM_SECONDS)
    return rows


def _on_postgresql(server: PostgreSQL, number: int, runs: int, most: float) -> list[Row]:
    url = server.database()
    migrate.upgrade(url)
    seconds = _timed(functools.partial(_fill_postgresql, url, number))
    return _reported("PostgreSQL", url, (seconds, number), runs, most)


def _classified(runs: int, number: int, most: float) -> Row:
    """Only the judging is timed, not the making of what is judged."""
    calendar, as_of = shipped_calendar(), start_of_day(_FIRST + 365) - 1
    values = []
    for _ in range(runs):
        spent, late = 0.0, 0
        source = _facts(number)
        while chunk := [facts for _, facts in zip(range(_CHUNK), source, strict=False)]:
            started = time.perf_counter()
            late += sum(1 for judged in classify_rows(chunk, calendar, as_of) if judged[5])
            spent += time.perf_counter() - started
        if not number // 40 < late < number // 5:
            raise AssertionError(f"{late} of {number} are late: that is not the load it should be")
        values.append(spent)
    return _judged(f"classify {number:,} dossiers, one core", values, most)


def _reported(engine: str, url: str, filled: tuple[float, int], runs: int, most: float) -> list[Row]:
    seconds, number = filled
    database = ReadingDatabase(url)
    terms = Terms(calendar=shipped_calendar())

    def asked(name: str, by: Grouping) -> Asked:
        return Asked(period=period_of(Wanted(name=name), now=NOW), by=by)

    def timed(report: Callable[..., Any], wanted: Asked, **rest: Any) -> list[float]:
        question = functools.partial(report, asked=wanted, terms=terms, now=NOW, **rest)
        return [_timed(functools.partial(database.ask, question)) for _ in range(runs)]

    try:
        _require_sound(database, asked(str(YEAR), "agency"), terms, number)
        year, month = str(YEAR), f"{YEAR}-06"
        wish = Wish(figure=Figure(column="10"), page=Page(limit=50))
        return [
            row(f"{engine}: write the standings", "standings/s", [number / seconds]),
            _judged(f"{engine}: 06a of a year by agency", timed(compute_06a, asked(year, "agency")), most),
            _judged(f"{engine}: 06a of a year by field", timed(compute_06a, asked(year, "field")), most),
            row(f"{engine}: 06a of a month by agency", "s", timed(compute_06a, asked(month, "agency"))),
            row(
                f"{engine}: 766 of a year by agency",
                "s",
                timed(compute_766, asked(year, "agency"), settings=ReportSettings()),
            ),
            row(
                f"{engine}: a page behind column 10 of a year",
                "s",
                timed(list_dossiers, asked(year, "total"), wish=wish),
            ),
        ]
    finally:
        database.close()


def _judged(what: str, values: list[float], most: float) -> Row:
    middle = sorted(values)[len(values) // 2]
    return row(what, "s", values, f"<= {most:g}", met=middle <= most)


def _require_sound(database: ReadingDatabase, wanted: Asked, terms: Terms, number: int) -> None:
    """A form that does not add up is an error, not a figure."""
    form = database.ask(functools.partial(compute_06a, asked=wanted, terms=terms, now=NOW))
    refused = form.total.beside.refused
    if not form.sound or form.total.by_date.c3 + refused != number:
        raise AssertionError(f"{form.total.by_date.c3} and {refused} refused of {number}; {form.checks}")


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _facts(number: int) -> Iterator[tuple[int, int | None, int | None, int | None, int | None, int | None]]:
    """What ``classify_rows`` takes: state, received, due, original due, ended, waiting since."""
    source = random.Random(7)
    chance = source.random
    for place in range(number):
        status = (_LATEST if place > 0.95 * number else _STATES)[place % 100]
        received = start_of_day(_FIRST + place * 330 // number) + 7 * HOUR + int(chance() * 10 * HOUR)
        due = received + int(chance() * 20 + 1) * DAY
        if not place % 20:
            due -= (due + 7 * HOUR) % DAY
            due += DAY  # a day alone; never the day of reception
        ended = waiting = None
        if status in {7, 9, 10}:
            late = chance() * 100 < _LATE_PERCENT
            ended = due + int(chance() * 5 * DAY) if late else received + int(chance() * (due - received))
        elif status in {5, 6}:
            waiting = received + int(chance() * 5 * DAY)
        if status == 3:
            yield 3, None, None, None, None, None
        else:
            kept = None if place % 97 == 0 else due
            yield status, received, kept, kept, ended, waiting


def _standings(number: int) -> Iterator[tuple[Any, ...]]:
    """Rows of the table, in the order of its columns."""
    for place, (status, received, due, original, ended, waiting) in enumerate(_facts(number)):
        since = ended or waiting or received or start_of_day(_FIRST + place * 330 // number)
        agency = place * 7 % 150
        values: dict[str, Any] = {
            "id": place + 1,
            "dossier_code": f"H99.{agency:02d}-{place:09d}",
            "version": 1,
            "effective_from": since,
            "effective_to": STILL,
            "recorded_at": since + HOUR,
            "status": status,
            "channel": ("online", "online", "counter", "post")[place % 4],
            "agency_code": f"H99.{agency:02d}",
            "field_code": f"LV{place * 11 % 40:02d}",
            "procedure_code": f"1.{place * 13 % 2000:06d}",
            "unit": "Bộ phận Một cửa",
            "officer": f"Cán bộ {agency}",
            "received_at": received,
            "received_day": None if received is None else day_number_of(received),
            "due_at": due,
            "due_day": None if due is None else day_number_of(due),
            "due_original_at": original,
            "due_declared_at": due,
            "ended_at": ended,
            "ended_day": None if ended is None else day_number_of(ended),
            "waiting_since": waiting,
            "by_date": "IN_TIME",
            "by_instant": "IN_TIME",
            "original_by_date": "IN_TIME",
            "original_by_instant": "IN_TIME",
            "late_calendar_days": 0,
            "late_working_days": 0,
            "late_working_minutes": 0,
            "flags": "[]",
            "rule_version": "bench",
            "calendar_version": "bench",
        }
        yield tuple(values.get(name) for name in _COLUMNS)


def _fill_sqlite(path: str, number: int) -> None:
    marks = ",".join("?" * len(_COLUMNS))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-262144")
        connection.executemany(
            f"INSERT INTO standing ({','.join(_COLUMNS)}) VALUES ({marks})", _standings(number)
        )
    connection.close()


def _fill_postgresql(url: str, number: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        with connection.cursor().copy(f"COPY standing ({','.join(_COLUMNS)}) FROM STDIN") as copy:
            for values in _standings(number):
                copy.write_row(values)
        connection.execute("VACUUM (ANALYZE) standing")  # as autovacuum would have done by then
