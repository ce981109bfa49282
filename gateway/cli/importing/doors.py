"""The three ways in for a line: straight into the database, through the API of a running gateway, or a rehearsal.

Invariant: a door answers for every line it was given, in the same order; a fault that concerns no line in particular
(database away, API unreachable) is raised, and the lines may be given again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.cli.importing.lines import Line
from gateway.cli.importing.verdict import Result, Verdict, refusal, refused
from gateway.cli.remote import Remote
from gateway.delivery.intake import Intake, Submission
from gateway.domain.errors import ConflictError, RecordError, StorageUnavailable
from gateway.domain.violation import Violation

IMPORT_PATH = "/v1/dossiers:import"
UNAVAILABLE = 503
CLIENT = "import"


class Door(Protocol):
    """Takes lines in. ``batch``: how many at a time; a door that takes many keeps their order itself."""

    batch: int

    async def take(self, lines: Sequence[Line]) -> list[Verdict]:
        """What became of each line."""


class DatabaseDoor:
    """Into the database, like the API would."""

    batch = 1

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def take(self, lines: Sequence[Line]) -> list[Verdict]:
        return [await self._take(line) for line in lines]

    async def _take(self, line: Line) -> Verdict:
        submission = Submission(body=line.body, client=CLIENT, method="IMPORT", url="lienthong:import")
        try:
            receipt = await self._intake.accept(submission)
        except (RecordError, ConflictError) as fault:
            return refusal(line.number, fault)
        return Verdict(line=line.number, result=receipt.result, code=receipt.code, version=receipt.version)


class RehearsalDoor:
    """Examines only; nothing is stored. Versions are not compared with what is stored."""

    batch = 1

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def take(self, lines: Sequence[Line]) -> list[Verdict]:
        return [self._examine(line) for line in lines]

    def _examine(self, line: Line) -> Verdict:
        try:
            dossier = self._intake.examine(line.body)
        except RecordError as fault:
            return refusal(line.number, fault)
        return Verdict(line=line.number, result="good", code=dossier.code, version=dossier.version)


class _Told(msgspec.Struct, frozen=True):
    result: Result
    code: str = ""
    version: int = 0


class _Problem(msgspec.Struct, frozen=True):
    detail: str = ""
    violations: list[Violation] = []


class _Answer(msgspec.Struct, frozen=True):
    line: int
    status: int
    receipt: _Told | None = None
    problem: _Problem | None = None


class ApiDoor:
    """Through the bulk import of a running gateway, so many lines a call."""

    batch = 500

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def take(self, lines: Sequence[Line]) -> list[Verdict]:
        body = b"".join(line.body + b"\n" for line in lines)
        response = await self._remote.send(IMPORT_PATH, body, "application/x-ndjson")
        answers = {each.line: each for each in map(_ANSWER.decode, response.body.splitlines())}
        missing = [line.number for place, line in enumerate(lines, start=1) if place not in answers]
        if missing:
            raise StorageUnavailable(
                f"the gateway broke off at line {missing[0]}; import the same file again, nothing is taken twice"
            )
        return [_verdict(line, answers[place]) for place, line in enumerate(lines, start=1)]


_ANSWER = msgspec.json.Decoder(_Answer)


def _verdict(line: Line, answer: _Answer) -> Verdict:
    if answer.receipt is not None:
        told = answer.receipt
        return Verdict(line=line.number, result=told.result, code=told.code, version=told.version)
    if answer.status == UNAVAILABLE:
        raise StorageUnavailable(
            f"line {line.number}: the gateway could not store it; import the same file again, nothing is taken twice"
        )
    problem = answer.problem or _Problem(detail=f"HTTP {answer.status}")
    return refused(line.number, problem.detail, problem.violations)
