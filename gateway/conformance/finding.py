"""What the kit says: a check, what it found, and what was waived on purpose.

Invariant: a finding disappears only through a waiver that carries a reason and a date, and a waiver that hides
nothing is itself a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from gateway.conformance.subject import Subject

STALE = "stale-waiver"


class Flaw(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that a check holds against an adapter: ``where`` (an operation, a field, a case) and ``what``."""

    where: str
    what: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A flaw with the check that found it and the adapter that has it."""

    adapter: str
    check: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.adapter}: {self.check}: {self.where}: {self.what}"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of conformance. ``run`` yields a flaw for every breach and never raises on purpose."""

    code: str
    meaning: str
    cure: str
    run: Callable[[Subject], Iterator[Flaw]]


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A breach that is accepted for a while. ``subject`` is matched against ``Flaw.where`` (``*`` is a wildcard).

    ``not_in``: variants that the breach cannot occur in.
    """

    check: str
    subject: str
    reason: Annotated[str, msgspec.Meta(min_length=10)]
    until: date
    not_in: tuple[str, ...] = ()

    def covers(self, finding: Finding) -> bool:
        """Whether this waiver speaks of ``finding``; the date is not considered."""
        return finding.check == self.check and fnmatchcase(finding.where, self.subject)


def settle(
    adapter: str, findings: Iterable[Finding], waivers: Iterable[Waiver], today: date
) -> list[Finding]:
    """What is left of ``findings`` after the waivers, plus a finding for every waiver that is stale."""
    left, waivers = list(findings), list(waivers)
    stale: list[Finding] = []
    for waiver in waivers:
        covered = [finding for finding in left if waiver.covers(finding)]
        if covered and today <= waiver.until:
            left = [finding for finding in left if finding not in covered]
            continue
        what = (
            f"expired on {waiver.until}; cure the flaw or agree on a new date"
            if covered
            else "the check passes without it; remove the waiver"
        )
        stale.append(
            Finding(adapter=adapter, check=STALE, where=f"{waiver.check}: {waiver.subject}", what=what)
        )
    return [*left, *stale]
