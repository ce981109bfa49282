"""Asking the platform about one attempt (QUERY), and what its answer does.

Invariants: the question carries the attempt's own reference and time, verbatim (payment_platform §5.6, §13 pitfall 4);
an answer settles only through ``apply_evidence``, which compares it with what was asked for; a question that failed
changes nothing but when the next one is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from gateway.domain.payment import AttemptState
from gateway.payments.asking import Asker, Destination
from gateway.storage.database import Database

Effect = Literal[
    "settled", "duplicate", "failed", "pending", "quarantined", "repeated", "ignored", "orphan",
    "absent", "closed", "no_answer", "shut", "not_asked",
]  # fmt: skip


class Questioned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one question. ``absent``: the platform does not know the attempt; ``closed``: it said so twice, far
    enough apart. ``no_answer``: no usable one. ``shut``: the destination takes no questions for now. ``not_asked``:
    the attempt has ended, or its INIT is still to leave. ``state``: the attempt's, afterwards."""

    attempt: str
    reference: str
    effect: Effect
    state: AttemptState
    alarm: str = ""
    code: str = ""
    reason: str = ""
    next_question_at: datetime | None = None


class Questions:
    """Questions to every payment platform. ``may_probe``: nobody else in this process tries whether one is back."""

    def __init__(
        self,
        database: Database,
        destinations: Mapping[str, Destination],
        clock: Callable[[], datetime],
        *,
        may_probe: Callable[[], bool],
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._clock = clock
        self._may_probe = may_probe

    def asker(self, destination: str) -> Asker:
        """Reads of ``destination`` (``payment``, ``bill``). NotFoundError: there is none of that name."""
        raise NotImplementedError

    async def ask(self, attempt: int, *, apply: bool = True) -> Questioned:
        """Ask about one attempt now, whatever its schedule says; ``apply`` False: look, change nothing.

        NotFoundError: no such attempt, or its destination is switched off.
        """
        raise NotImplementedError
