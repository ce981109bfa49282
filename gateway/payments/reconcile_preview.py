"""Looking at what a reconciliation would find, with a settlement file that is only held, not taken in.

Invariant: nothing is written but the log of the questions themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.codec import Unreadable
from gateway.domain.errors import RecordError
from gateway.payments.reconcile_orphans import without_owner
from gateway.payments.reconcile_pass import StoredLines
from gateway.payments.settlement_file import BadLine, SettlementLine, read
from gateway.storage.database import Database
from gateway.storage.reconciliation_orphans import owners_of_references
from gateway.storage.settlement_files import Line

PIECE = 100
MOST_LINES = 200_000  # they are held in memory; a file that is taken in has no such limit


class Looking:
    """What a look is given in place of a run: it changes nothing and has no record."""

    run = 0
    dry_run = True
    watermark: str | None = None

    def __init__(self, actor: str, parameters: Mapping[str, str] | None = None) -> None:
        self.actor = actor
        self.parameters: Mapping[str, str] = parameters or {}

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        """Nobody waits for it."""
        del done, total, watermark


class HeldLines(StoredLines):
    """The files that were taken in, and one that is not."""

    def __init__(self, database: Database, path: Path, day: int) -> None:
        super().__init__(database)
        self._stored = database
        self._day = day
        self.bad: list[BadLine] = []
        self._held: dict[str, list[Line]] = {}
        self._partners: set[str] = set()
        try:
            self._read(path)
        except (Unreadable, OSError) as fault:
            raise RecordError(f"settlement file {path.name}: {fault}") from fault

    def _read(self, path: Path) -> None:
        for count, each in enumerate(read(path)):
            if count >= MOST_LINES:
                raise Unreadable(
                    "too_large", f"a dry run looks at {MOST_LINES} lines at most; run without it"
                )
            if isinstance(each, BadLine):
                self.bad.append(each)
                continue
            self._held.setdefault(each.reference, []).append(_line(each, path.name))
            self._partners.add(each.partner)

    async def of(self, destination: str, references: Sequence[str]) -> Mapping[str, Sequence[Line]]:
        stored = await super().of(destination, references)
        return {
            reference: [*stored.get(reference, ()), *self._held.get(reference, ())]
            for reference in references
        }

    async def covered(self, destination: str, days: Sequence[int]) -> set[tuple[int, str]]:
        stored = await super().covered(destination, days)
        return stored | {(self._day, partner) for partner in self._partners}

    async def orphans(self, destination: str, day: int) -> Sequence[str]:
        found = set(await super().orphans(destination, day))
        held = [name for name, lines in self._held.items() if any(line.claim == "paid" for line in lines)]
        for start in range(0, len(held), PIECE):
            some = held[start : start + PIECE]
            known = await self._stored.read(
                functools.partial(owners_of_references, destination=destination, references=some)
            )
            found |= {name for name in some if without_owner(self._held[name], known.get(name, set()))}
        return sorted(found)


def _line(each: SettlementLine, name: str) -> Line:
    return Line(
        file=name,
        line=each.line,
        partner=each.partner,
        reference=each.reference,
        transaction=each.transaction,
        amount=each.amount,
        currency=each.currency,
        claim=each.claim,
        bank=each.bank,
        paid_at=each.paid_at,
    )
