"""What may be ordered about retry runs, and what is told of them: values only.

Invariant: a state in which something may be at the partner cannot be named here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from gateway.storage.orders import Instruction, Retryable

RunVerb: TypeAlias = Literal["pause", "resume", "stop"]


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that stands in ``state`` with this cause; ``operation`` and ``code`` None: whichever."""

    state: Retryable
    operation: str | None = None
    code: str | None = None
    dossier: str | None = None


class NewRetryRun(Instruction, frozen=True, kw_only=True):
    """What is to be sent again at one destination: whole ``causes``, and single ``deliveries``.

    ``repeatable``: operations that may be sent twice by the contract. ``doubted``: take others, too, that were in doubt
    before. ``dry_run``: only say what would happen.
    """

    destination: str
    per_minute: int
    causes: tuple[Chosen, ...] = ()
    deliveries: tuple[int, ...] = ()
    repeatable: frozenset[str] = frozenset()
    doubted: bool = False
    dry_run: bool = True


class ChangeRun(Instruction, frozen=True, kw_only=True):
    """Pause, resume or stop a run. ``per_minute``: the pace from now on, when it is resumed."""

    run: int
    verb: RunVerb
    per_minute: int | None = None


class FirstSent(msgspec.Struct, frozen=True, kw_only=True):
    """One of those that are sent first."""

    delivery: str
    dossier: str
    operation: str
    promise_at: datetime | None


class RetryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do, or does. ``run``: its number once it is begun. ``first``: in this order.

    ``behind``: deliveries that wait in the same lanes and follow. ``held``: of those lanes, how many an operator holds.
    ``left_out``: were in doubt before and may not be sent twice by the contract, so they are not among them unless asked
    for; ``elsewhere``: wait in another run. ``more``: beyond the most that one run takes.
    """

    destination: str
    run: str | None
    deliveries: int
    dossiers: int
    first: list[FirstSent]
    behind: int
    held: int
    left_out: int
    elsewhere: int
    more: bool
    per_minute: int
    seconds: float


class RetryStep(Instruction, frozen=True, kw_only=True):
    """One step of the retry run ``run``, which found its deliveries at ``since``."""

    run: int
    since: datetime
