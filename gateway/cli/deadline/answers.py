"""Answering JSON lines: one line out for each line in, in order, whatever one of them holds.

Invariant: a refused line gives an error line with its number and costs the others nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import typer

from gateway.cli.deadline.inputs import decode, identifier_of, read_facts, read_question, refusal
from gateway.cli.importing.lines import Line, read_lines
from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.classes import names_of
from gateway.deadlines.classify import classify
from gateway.deadlines.duration import due
from gateway.deadlines.judge import Options
from gateway.domain.errors import RecordError

LONGEST_LINE = 1 << 20
Answer = dict[str, Any]


def compute_answer(calendar: Calendar) -> Callable[[dict[str, Any]], Answer]:
    """How a line of ``compute`` is answered."""

    def answer(document: dict[str, Any]) -> Answer:
        question = read_question(document)
        try:
            found = due(question.received_at, question.duration, calendar, question.windows)
        except CalendarGap as fault:
            told = f"a time for which the calendar knows what follows ({fault})"
            raise refusal("/received_at", document["received_at"], told) from fault
        return {"id": question.id, "due_at": found.due_at, "legal_last_day": found.legal_last_day}

    return answer


def classify_answer(calendar: Calendar, options: Options) -> Callable[[dict[str, Any]], Answer]:
    """How a line of ``classify`` is answered."""

    def answer(document: dict[str, Any]) -> Answer:
        found = classify(read_facts(document), calendar, options)
        return {
            "id": identifier_of(document),
            "by_date": found.by_date,
            "by_instant": found.by_instant,
            "flags": names_of(found.flags),
        }

    return answer


def answer_all(file: str, answer: Callable[[dict[str, Any]], Answer]) -> int:
    """Answer every line of ``file`` (- is standard input) on standard output; how many were refused."""
    refused = 0
    out = sys.stdout.buffer
    for line in lines_of(file):
        told, good = _told(line, answer)
        refused += not good
        out.write(msgspec.json.encode(told) + b"\n")
        if file == "-":
            out.flush()  # somebody may wait for this answer before the next question
    out.flush()
    return refused


def lines_of(file: str) -> Iterator[Line]:
    """The lines of ``file`` that are not blank. BadParameter when it cannot be read."""
    with _stream(file) as stream:
        yield from read_lines(stream, longest=LONGEST_LINE)


def error_line(line: Line, document: dict[str, Any], fault: RecordError) -> Answer:
    """What is written instead of an answer."""
    found = fault.violations[0]
    identifier = document.get("id")
    return {
        "id": identifier if isinstance(identifier, str | int | float) else None,
        "line": line.number,
        "error": {"pointer": found.pointer, "got": found.got, "expected": found.expected},
    }


def whole(line: Line) -> dict[str, Any]:
    """The JSON object of a line. RecordError when it is too long or none."""
    if not line.whole:
        raise refusal("", "a longer line", f"at most {LONGEST_LINE} bytes")
    return decode(line.body)


def _told(line: Line, answer: Callable[[dict[str, Any]], Answer]) -> tuple[Answer, bool]:
    document: dict[str, Any] = {}
    try:
        document = whole(line)
        return answer(document), True
    except RecordError as fault:
        return error_line(line, document, fault), False


@contextmanager
def _stream(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as fault:
        raise typer.BadParameter(f"cannot read {file}: {fault.strerror}") from fault
    with stream:
        yield stream
