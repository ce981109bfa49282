"""Which centre a dossier belongs to: issuers change on a day, and their work in hand may or may not move with them.

judicial_records §1, §12 U1: the law has moved certificates from one authority to another, and sources disagree when.
Invariant: what one centre has taken is never brought to another, nor asked about there, unless the other one takes over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import msgspec

from adapters.judicial_records.outcomes import rounds
from adapters.judicial_records.settings import Centre, Settings
from gateway.mapping import local_date

TAKEN_BY = "taken_by"
"""Name in a lane's memory: whose application it is, where there have been several issuers."""
_FIRST = "first"


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. ``mark``: how a lane remembers it. ``since``: None for the first."""

    mark: str
    name: str
    centre: Centre
    since: date | None = None
    takes_over: bool = False


class Issuers:
    """All of them in order; none where nothing is submitted."""

    def __init__(self, settings: Settings) -> None:
        first = (
            []
            if settings.centre is None
            else [Issuer(mark=_FIRST, name=settings.issuer, centre=settings.centre)]
        )
        later = [
            Issuer(
                mark=each.since.isoformat(),
                name=each.issuer,
                centre=each.centre,
                since=each.since,
                takes_over=each.takes_over,
            )
            for each in settings.successors
        ]
        self._all = [*first, *later]

    def of_application(
        self, received_at: datetime | None, memory: Mapping[str, str], now: datetime
    ) -> Issuer | None:
        """Where an application goes: to who has it already, else to who issued on the day of its reception."""
        if rounds(memory) or received_at is None:
            return self.of_dossier(memory, now)
        day = local_date(received_at)
        at = max((at for at, each in enumerate(self._all) if _issues(each, day)), default=None)
        return None if at is None else self._now(at, now)

    def of_dossier(self, memory: Mapping[str, str], now: datetime) -> Issuer | None:
        """Who is asked about a dossier; what was taken before there were several belongs to the first."""
        if not self._all:
            return None
        mark = memory.get(TAKEN_BY, _FIRST)
        return self._now(next((at for at, each in enumerate(self._all) if each.mark == mark), 0), now)

    def learned(self, issuer: Issuer | None) -> Mapping[str, str]:
        """What a lane is to remember once ``issuer`` has taken an application."""
        return {TAKEN_BY: issuer.mark} if issuer is not None and len(self._all) > 1 else {}

    def _now(self, at: int, now: datetime) -> Issuer:
        """Who has the work of the issuer ``at`` by now."""
        today = local_date(now)
        heirs = (later for later in self._all[at + 1 :] if later.takes_over and _issues(later, today))
        return max(heirs, key=lambda heir: heir.since or date.min, default=self._all[at])


def _issues(issuer: Issuer, day: date) -> bool:
    return issuer.since is None or issuer.since <= day
