"""Both ledgers over a period, added up from what reconciliations found, with the days that nobody has looked at.

Invariant: a figure is the sum of the items behind it; a day without a look has no figures and is no agreement.

What each ledger counts, every payment (a transaction number of a partner) once:

* Ours: what settlements say came in, money once more that two persons recorded, and orphans that two persons gave back.
  What went back is not taken off: it came in. An orphan that waits is not ours yet.
* Theirs: what the platform answers, settlement files have and proved callbacks told, files first; what they gave back is
  not taken off, either. What nobody has said counts as nothing.

Each item stands on one day: an attempt on that on which it was made, strange money on that on which it was found first.
Adopted money moves: from its strange reference, which has 0 on both sides from then on, to the attempt that has it, where
both ledgers count it. It is the money of that attempt when two persons gave it to it, or when its number has paid the
attempt or was recorded for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from gateway.deadlines.instants import day_of_number
from gateway.domain.ledger import DayTotal, Ledger
from gateway.domain.reconciliation import Kind, no_totals
from gateway.storage.reconciliation_ledger import DayClass


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Which days (both inclusive), at which destination, and what stands beside the sums."""

    start: date
    end: date
    destination: str | None
    destinations: list[str]
    unread: int
    waiting: dict[str, int]


def ledger_of(period: Period, found: Sequence[DayClass]) -> Ledger:
    """The sums of ``found`` by day and by class."""
    length = (period.end - period.start).days + 1
    days = {day: DayTotal(day=day) for day in (period.start + timedelta(days=each) for each in range(length))}
    classes = no_totals()
    for part in found:
        day, kind = day_of_number(part.day), part.kind
        days[day], before = _with(days[day], part), classes[kind]
        classes[kind] = msgspec.structs.replace(
            before,
            items=before.items + part.items,
            open=before.open + part.open,
            ours=before.ours + part.ours,
            theirs=before.theirs + part.theirs,
            difference=before.difference + part.difference,
        )
    ours, theirs = sum(each.ours for each in days.values()), sum(each.theirs for each in days.values())
    return Ledger(
        **msgspec.structs.asdict(period),
        days=list(days.values()),
        classes=list(classes.values()),
        items=sum(each.items for each in days.values()),
        matched=sum(each.matched for each in days.values()),
        open=sum(each.open for each in days.values()),
        ours=ours,
        theirs=theirs,
        difference=ours - theirs,
        sound=ours - theirs == sum(each.difference for each in days.values()),
    )


def _with(day: DayTotal, part: DayClass) -> DayTotal:
    return msgspec.structs.replace(
        day,
        items=day.items + part.items,
        matched=day.matched + (part.items if part.kind is Kind.MATCHED else 0),
        open=day.open + part.open,
        ours=day.ours + part.ours,
        theirs=day.theirs + part.theirs,
        difference=day.difference + part.difference,
        looked_at=part.at if day.looked_at is None else max(day.looked_at, part.at),
    )
