"""What a pass has seen so far, as numbers and a few examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from gateway.domain.job import Summary
from gateway.statussync.drift_look import Look, Remembered, Seen, Silent

SHOWN = 20


class Tally(msgspec.Struct):
    """Counts of one run. ``remembered``: those of ``in_step`` of which nothing has changed since they were compared in
    full. ``expected``: dossiers that it is about, as far as anybody can tell."""

    looked: int = 0
    in_step: int = 0
    remembered: int = 0
    differing: int = 0
    expected: int = 0
    opened: int = 0
    gone: int = 0
    found: Counter[str] = msgspec.field(default_factory=Counter)
    silent: Counter[str] = msgspec.field(default_factory=Counter)
    examples: list[Mapping[str, str | None]] = msgspec.field(default_factory=list)
    unread: list[Mapping[str, str]] = msgspec.field(default_factory=list)
    unable: list[str] = msgspec.field(default_factory=list)

    def add(self, destination: str, look: Look) -> None:
        """Count one look."""
        self.looked += 1
        match look:
            case Silent():
                self.silent[look.why] += 1
                if look.reason and len(self.unread) < SHOWN:
                    self.unread.append({"dossier": look.dossier, "reason": look.reason[:300]})
            case Remembered():
                self.in_step += 1
                self.remembered += 1
            case Seen():
                self._add_seen(destination, look)

    def _add_seen(self, destination: str, look: Seen) -> None:
        differences = look.comparison.differences
        self.differing += bool(differences)
        self.in_step += not differences
        for each in differences:
            self.found[each.kind] += 1
            if len(self.examples) < SHOWN:
                self.examples.append(
                    {
                        "destination": destination,
                        "dossier": look.dossier,
                        "kind": each.kind,
                        "field": each.field,
                        "ours": each.ours,
                        "theirs": each.theirs,
                    }
                )

    def summary(self, standing: Mapping[str, Mapping[str, int]], *, dry_run: bool) -> Summary:
        """The record of the run. ``standing``: what is on record now, by state and kind. Its ``answer`` is no while a
        difference is open, or when a dry run has found one."""
        differs = bool(standing.get("open")) or bool(dry_run and self.found)
        return {
            "answer": "no" if differs else "yes",
            "looked": self.looked,
            "in_step": self.in_step,
            "remembered": self.remembered,
            "differing": self.differing,
            "found": dict(self.found),
            "opened": self.opened,
            "gone": self.gone,
            "said_nothing": dict(self.silent),
            "unread": self.unread,
            "examples": self.examples,
            "cannot_be_asked": self.unable,
            "standing": {state: dict(kinds) for state, kinds in standing.items()},
        }
