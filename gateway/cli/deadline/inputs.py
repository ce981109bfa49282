"""Reading one line of ``deadline compute`` and ``deadline classify``: every refusal with place, got and expected.

Invariant: what is not exactly understood is refused; no time is guessed an offset, no number a unit.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from gateway.deadlines.classify import Facts
from gateway.deadlines.duration import Duration, DurationUnit
from gateway.deadlines.windows import Window, Windows, check_windows, parse_clock, parse_window
from gateway.domain.errors import RecordError
from gateway.domain.status import Status
from gateway.domain.violation import Violation, shown

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})", re.ASCII)
_INSTANT_TOLD = "an instant with an offset, like 2026-03-05T09:00:00+07:00"
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_BY_NUMBER = {status.national: status for status in Status}
_LONGEST_ID = 200

Identifier = str | int


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``compute``. ``windows`` None: the calendar's."""

    id: Identifier
    received_at: datetime
    duration: Duration
    windows: Windows | None = None


def refusal(pointer: str, got: object, expected: str) -> RecordError:
    """The error that says where, what was got and what was expected."""
    violation = Violation(
        pointer=pointer, code="deadline_input", got=_quoted(got), expected=expected, advice="correct the line"
    )
    return RecordError(f"{pointer or 'line'}: got {violation.got}, expected {expected}", [violation])


def decode(body: bytes) -> dict[str, Any]:
    """The JSON object of a line. RecordError when it is none."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise refusal("", body[:80].decode("utf-8", "replace"), f"a JSON object ({fault})") from fault
    if not isinstance(document, dict):
        raise refusal("", document, "a JSON object")
    return document


def identifier_of(document: dict[str, Any]) -> Identifier:
    """The line's own id. RecordError when it has none."""
    value = document.get("id")
    if isinstance(value, str) and len(value) <= _LONGEST_ID:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise refusal("/id", value, f"a text of at most {_LONGEST_ID} characters, or a whole number")


def read_question(document: dict[str, Any]) -> Question:
    """A line of ``compute``. RecordError says what is wrong with it."""
    return Question(
        id=identifier_of(document),
        received_at=_required(document, "received_at"),
        duration=_duration(document.get("duration")),
        windows=_windows(document.get("windows")),
    )


def read_facts(document: dict[str, Any]) -> Facts:
    """A line of ``classify``. RecordError says what is wrong with it."""
    state = document.get("state")
    if isinstance(state, bool) or not isinstance(state, int) or state not in _BY_NUMBER:
        raise refusal("/state", state, "a national state, a whole number from 1 to 10")
    return Facts(
        status=_BY_NUMBER[state],
        as_of=_required(document, "as_of"),
        received_at=_instant(document, "received_at"),
        due_at=_instant(document, "due_at"),
        finished_at=_instant(document, "finished_at"),
        waiting_since=_instant(document, "waiting_since"),
    )


def _required(document: dict[str, Any], name: str) -> datetime:
    instant = _instant(document, name)
    if instant is None:
        raise refusal(f"/{name}", None, _INSTANT_TOLD)
    return instant


def _instant(document: dict[str, Any], name: str) -> datetime | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise refusal(f"/{name}", value, _INSTANT_TOLD)
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as fault:
        raise refusal(f"/{name}", value, f"{_INSTANT_TOLD}, that exists") from fault
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise refusal(f"/{name}", value, f"a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    return instant


def _duration(given: object) -> Duration:
    if not isinstance(given, dict):
        raise refusal("/duration", given, 'an object like {"value": 3, "unit": "working_days"}')
    unit, value = given.get("unit"), given.get("value")
    if not isinstance(unit, str) or unit not in set(DurationUnit):
        raise refusal("/duration/unit", unit, f"one of {', '.join(DurationUnit)}")
    if value is None and unit == DurationUnit.SAME_DAY:
        value = 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal("/duration/value", value, "a number")
    try:
        return Duration(value, DurationUnit(unit))
    except ValueError as fault:
        raise refusal("/duration/value", value, str(fault).partition("expected ")[2]) from fault


def _windows(given: object) -> Windows | None:
    if given is None:
        return None
    items = given.split(",") if isinstance(given, str) else given
    if not isinstance(items, list):
        raise refusal("/windows", given, 'windows like ["07:00-11:30", "13:30-17:00"]')
    try:
        return check_windows(tuple(_window(item) for item in items))
    except ValueError as fault:
        told = 'windows in order, like ["07:00-11:30", "13:30-17:00"]'
        raise refusal("/windows", given, f"{told} ({fault})") from fault


def _window(item: object) -> Window:
    match item:
        case str():
            return parse_window(item.strip())
        case (
            [str() as start, str() as end]
            | {"start": str() as start, "end": str() as end}
            | {"from": str() as start, "to": str() as end}
        ):
            return Window(parse_clock(start), parse_clock(end))
        case _:
            raise ValueError(f"got {shown(item)}")


def _quoted(value: object) -> str:
    if value is None:
        return "null"
    return shown(value if isinstance(value, str) else msgspec.json.encode(value).decode())
