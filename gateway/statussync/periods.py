"""Periods as rows, rows as periods, and how they follow each other.

Pure. Invariant: a row gives back the period that it was written from, as far as the rules look at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from gateway.deadlines.classes import OF_HISTORY, Flag, Verdict, names_of
from gateway.deadlines.classify import Classification, Facts
from gateway.deadlines.history import judged
from gateway.deadlines.instants import day_number_of, from_micros, maybe_from_micros, maybe_micros, to_micros
from gateway.deadlines.lateness import Lateness
from gateway.deadlines.standing import Standing
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from gateway.statussync.rules import Rules
from gateway.statussync.thresholds import look
from gateway.storage.schema_status import STILL
from gateway.storage.standings import Refreshed, StandingRow

_BY_NUMBER = {status.national: status for status in Status}


def followed(rows: Sequence[StandingRow], later: Sequence[StandingRow]) -> list[StandingRow]:
    """``rows`` up to where ``later`` begins, then ``later``: the periods that are left when later news is heard."""
    if not later:
        return list(rows)
    since = later[0].effective_from
    kept = [
        msgspec.structs.replace(row, effective_to=min(row.effective_to, since))
        for row in rows
        if row.effective_from < since
    ]
    return [*kept, *later]


def period_of(standing: Standing, *, code: str, identifier: int, rules: Rules) -> StandingRow:
    """A period as a row. ``look_at`` is left open."""
    received, due, ended = (
        maybe_micros(instant) for instant in (standing.received_at, standing.due_at, standing.ended_at)
    )
    found, late = standing.classification, standing.lateness
    return StandingRow(
        id=identifier,
        dossier_code=code,
        version=standing.version,
        effective_from=to_micros(standing.effective_from),
        effective_to=STILL if standing.effective_to is None else to_micros(standing.effective_to),
        recorded_at=to_micros(standing.recorded_at),
        status=standing.status.national,
        channel=standing.channel.value,
        agency_code=standing.agency_code,
        field_code=standing.field_code,
        procedure_code=standing.procedure_code,
        unit=standing.unit,
        officer=standing.officer,
        submitted_at=maybe_micros(standing.submitted_at),
        received_at=received,
        received_day=_day(received),
        due_at=due,
        due_day=_day(due),
        due_original_at=maybe_micros(standing.due_original_at),
        due_declared_at=maybe_micros(standing.due_declared_at),
        ended_at=ended,
        ended_day=_day(ended),
        waiting_since=maybe_micros(standing.waiting_since),
        by_date=found.by_date.value,
        by_instant=found.by_instant.value,
        original_by_date=found.original_by_date.value,
        original_by_instant=found.original_by_instant.value,
        late_calendar_days=late.calendar_days,
        late_working_days=late.working_days,
        late_working_minutes=late.working_minutes,
        flags=written_flags(standing.flags | found.flags),
        rule_version=rules.version,
        calendar_version=standing.calendar_version,
    )


def standing_of(row: StandingRow) -> Standing:
    """A row as the period that it was written from."""
    flags = flags_in(row)
    return Standing(
        version=row.version,
        effective_from=from_micros(row.effective_from),
        effective_to=None if row.effective_to == STILL else from_micros(row.effective_to),
        recorded_at=from_micros(row.recorded_at),
        status=_BY_NUMBER[row.status],
        channel=Channel(row.channel),
        agency_code=row.agency_code,
        procedure_code=row.procedure_code,
        field_code=row.field_code,
        unit=row.unit,
        officer=row.officer,
        submitted_at=maybe_from_micros(row.submitted_at),
        received_at=maybe_from_micros(row.received_at),
        due_at=maybe_from_micros(row.due_at),
        due_original_at=maybe_from_micros(row.due_original_at),
        due_declared_at=maybe_from_micros(row.due_declared_at),
        ended_at=maybe_from_micros(row.ended_at),
        waiting_since=maybe_from_micros(row.waiting_since),
        classification=Classification(
            by_date=Verdict(row.by_date),
            by_instant=Verdict(row.by_instant),
            original_by_date=Verdict(row.original_by_date),
            original_by_instant=Verdict(row.original_by_instant),
            flags=flags,
        ),
        lateness=Lateness(
            calendar_days=row.late_calendar_days,
            working_days=row.late_working_days,
            working_minutes=row.late_working_minutes,
        ),
        flags=flags,
        rule_version=row.rule_version,
        calendar_version=row.calendar_version,
    )


def facts_of(row: StandingRow, now: int) -> Facts:
    """What the class of the open period ``row`` follows from, as of ``now``."""
    return Facts(
        status=_BY_NUMBER[row.status],
        as_of=from_micros(now),
        received_at=maybe_from_micros(row.received_at),
        due_at=maybe_from_micros(row.due_at),
        due_original_at=maybe_from_micros(row.due_original_at),
        finished_at=maybe_from_micros(row.ended_at),
        waiting_since=maybe_from_micros(row.waiting_since),
    )


def judged_now(row: StandingRow, now: int, rules: Rules) -> tuple[Classification, Lateness]:
    """The class of the open period ``row`` as of ``now``, and how late it is."""
    return judged(facts_of(row, now), rules.calendar_of(row.agency_code), rules.options)


def refreshed(row: StandingRow, now: int, rules: Rules) -> Refreshed:
    """The open period ``row`` judged by ``rules`` as of ``now``; what its history has shown stays."""
    found, late = judged_now(row, now, rules)
    kept = flags_in(row) & OF_HISTORY
    again = msgspec.structs.replace(row, by_date=found.by_date.value, by_instant=found.by_instant.value)
    return Refreshed(
        id=row.id,
        by_date=again.by_date,
        by_instant=again.by_instant,
        original_by_date=found.original_by_date.value,
        original_by_instant=found.original_by_instant.value,
        late_calendar_days=late.calendar_days,
        late_working_days=late.working_days,
        late_working_minutes=late.working_minutes,
        flags=written_flags(kept | found.flags),
        rule_version=rules.version,
        calendar_version=rules.calendar_of(row.agency_code).version,
        look_at=look_at(again, now, rules),
    )


def look_at(row: StandingRow, now: int, rules: Rules) -> int | None:
    """When the sweep is to look at the open period ``row``: at once if a threshold is crossed already."""
    seen = look(row, now, rules.calendar_of(row.agency_code), rules.limits)
    return now if seen.crossed else seen.next_at


def flags_in(row: StandingRow) -> frozenset[Flag]:
    """The flags of a row."""
    return frozenset(map(Flag, msgspec.json.decode(row.flags, type=list[str])))


@lru_cache(4096)
def written_flags(flags: frozenset[Flag]) -> str:
    """Flags as a row has them."""
    return msgspec.json.encode(names_of(flags)).decode()


def _day(micros: int | None) -> int | None:
    return None if micros is None else day_number_of(micros)
