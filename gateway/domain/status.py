"""The ten states of a dossier, and which may follow which (domain_rules §4.1, §4.3).

Inside the gateway a state is one of these names. A source system's own codes are translated *into* them, a
partner's codes *out of* them, both by tables under ``mappings/``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class Status(StrEnum):
    """A dossier's state; ``national`` gives the number that the national systems use for it."""

    REGISTERED = "registered"
    RECEIVED = "received"
    REFUSED = "refused"
    PROCESSING = "processing"
    SUPPLEMENT_REQUESTED = "supplement_requested"
    PAYMENT_REQUESTED = "payment_requested"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    FINISHED = "finished"
    RETURNED = "returned"

    @property
    def national(self) -> int:
        """The state's number, 1 to 10 (domain_rules §4.1)."""
        return _NUMBER[self]


_NUMBER: dict[Status, int] = {status: number for number, status in enumerate(Status, start=1)}

Verdict = Literal["allowed", "flagged", "impossible", "same"]

# domain_rules §4.3, row = from, column = to. A allowed, F accept and flag, = same state again, . impossible.
_GRID = """
    A A F F . . . . F F
    = A A F A A A . F .
    . = F A A A A A A F
    F F = . . . . . . .
    . F . = A A A A A F
    A A A A = F A A F .
    A A . A F = A A A F
    . F . F . . = . F .
    . F . A F F A = A .
    . . . F F A F . = A
    . . . F . . . . F =
"""
_MEANING: dict[str, Verdict] = {"A": "allowed", "F": "flagged", ".": "impossible", "=": "same"}


def _moves() -> dict[tuple[Status | None, Status], Verdict]:
    sources: list[Status | None] = [None, *Status]
    rows = [line.split() for line in _GRID.strip().splitlines()]
    return {
        (source, target): _MEANING[mark]
        for source, row in zip(sources, rows, strict=True)
        for target, mark in zip(Status, row, strict=True)
    }


MOVES: dict[tuple[Status | None, Status], Verdict] = _moves()


def judge_move(before: Status | None, after: Status) -> Verdict:
    """Whether a dossier may go from ``before`` (None: unknown so far) to ``after``."""
    return MOVES[before, after]
