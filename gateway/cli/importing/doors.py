"""The three ways in for a line: straight into the database, through the API of a running gateway, or a rehearsal.

Invariant: a door answers for every line it was given, in the same order; a fault that concerns no line in particular
(database away, API unreachable) is raised, and the lines may be given again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.cli.importing.lines import Line
from gateway.cli.importing.verdict import Verdict, refusal
from gateway.delivery.intake import Intake, Submission
from gateway.domain.errors import ConflictError, RecordError

CLIENT = "import"


class Door(Protocol):
    """Takes lines in. ``batch``: how many at a time; ``ordered``: whether one call keeps their order by itself."""

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
