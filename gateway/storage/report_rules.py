"""Where a standing falls in form 06a as of a cut-off, as one SQL expression, and the standings to look at.

The expression is the decision table of domain_rules §3.2 on the columns of ``standing``, as ``gateway.deadlines.judge``
has it; what was not so yet at the cut-off counts as it stood then (§5.1). Instants are compared only where days do not
decide, so that a year is counted from an index alone. Invariant: a standing has exactly one code, so no dossier is
counted in two columns.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from gateway.deadlines.instants import DAY, OFFSET, SECOND, day_number_of, start_of_day
from gateway.deadlines.judge import StopReading
from gateway.storage.schema_status import STILL

Rule: TypeAlias = Literal["date", "instant"]
"""How to compare: by calendar date, the official figure, or by instant (domain_rules, rule 4)."""
# fmt: off
Column: TypeAlias = Literal[
    "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13",
    "withdrawn", "waiting", "paused_late", "no_due", "disputed", "refused", "data_error", "unplaced",
]
# fmt: on
"""What can be opened: the columns of the form, and what is told beside them."""

# a code is WITHOUT_DUE + reception * 10,000 + class by date * 100 + class by instant
WITHOUT_DUE = 1_000_000
NEITHER, ONLINE, OTHER, CARRIED_OVER = 3, 4, 5, 6
DATA_ERROR, REFUSED, WITHDRAWN, EARLY, ON_TIME, LATE = 1, 3, 7, 8, 9, 10
WAITING, IN_TIME, OVERDUE, PAUSED_LATE = 11, 12, 13, 14
RESOLVED = (WITHDRAWN, EARLY, ON_TIME, LATE)
PENDING = (WAITING, IN_TIME, OVERDUE, PAUSED_LATE)
NO_ROW = DATA_ERROR * 101
REFUSED_ROW = REFUSED * 101


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the form. ``strict``: who was late when the wait began counts in 13, not in 12 (domain_rules
    §3.2, row 11)."""

    column: Column
    rule: Rule = "date"
    strict: bool = False


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """Which standings: those in force at ``cutoff`` (microseconds), of a period that began on day ``start``.

    ``agency``, ``field``, ``procedure``: only these. ``stopped``: how state 8 is read.
    """

    start: int
    cutoff: int
    agency: str | None = None
    field: str | None = None
    procedure: str | None = None
    stopped: StopReading = StopReading.BY_TIME

    def parameters(self, prefix: str = "") -> dict[str, Any]:
        """What ``standings`` binds. Promises hold to the second, so they are compared with the cut-off's second."""
        given = {
            "start": self.start,
            "start_at": start_of_day(self.start),
            "cutoff": self.cutoff,
            "second": self.cutoff - self.cutoff % SECOND,
            "last": day_number_of(self.cutoff),
            "agency": self.agency,
            "field": self.field,
            "procedure": self.procedure,
        }
        return {f"{prefix}{name}": value for name, value in given.items() if value is not None}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How to look at standings. ``prefix``: of the parameters, where a question has two extents. ``pending_only``:
    leave out what had ended. ``also``: one more condition."""

    prefix: str = ""
    pending_only: bool = False
    coded: bool = True
    also: str = ""


EVERYTHING = Look()


def standings(extent: Extent, columns: str, look: Look = EVERYTHING) -> str:
    """The question for ``columns`` and, where the look is ``coded``, ``code`` of every standing that can have one.

    An end counts from when it came, not from when a step told of it: a dossier that was finished in the afternoon of the
    last day, and whose step is of the next morning, had ended at the cut-off.
    """
    p, only = look.prefix, _only(extent, look.prefix)
    force = f"effective_to > :{p}cutoff AND effective_from <= :{p}cutoff{only}"
    first = f":{p}last" if look.pending_only else f":{p}start"
    runs, ends = _running_code(extent.stopped, p), _ended_code(p)
    arms = [
        (runs, f"{_RUNS} AND {force} AND {_goes_on(p)}"),
        (ends, f"{_ENDS} AND ended_day >= {first} AND {force}"),
    ]
    if not look.pending_only:
        arms.append((ends, f"{_told_later(p)}{only}"))
        # impossible ones stay in sight until they are mended
        arms.append((ends, f"{_ENDS} AND ended_day IS NULL AND {force}"))
        arms.append((ends, f"by_date = 'DATA_ERROR' AND {_ENDS} AND ended_day < {first} AND {force}"))
    also = f" AND {look.also}" if look.also else ""
    return " UNION ALL ".join(
        f"SELECT {columns}{f', {code} AS code' if look.coded else ''} FROM standing WHERE {arm}{also}"  # noqa: S608 - constants
        for code, arm in arms
    )


def _goes_on(p: str) -> str:
    """It had not ended at the cut-off, whatever told so afterwards."""
    return f"""(effective_to = {STILL} OR status IN (1, 3) OR NOT EXISTS (SELECT 1 FROM standing AS later
        WHERE later.dossier_code = standing.dossier_code AND later.effective_from = standing.effective_to
        AND later.status IN (7, 9, 10) AND later.ended_at >= standing.effective_from AND later.ended_at <= :{p}cutoff))"""  # noqa: S608 - constants


def _told_later(p: str) -> str:
    """It had ended at the cut-off, and was told so afterwards."""
    return f"""{_ENDS} AND ended_day >= :{p}start AND ended_day <= :{p}last AND effective_from > :{p}cutoff
        AND ended_at <= :{p}cutoff AND EXISTS (SELECT 1 FROM standing AS earlier
        WHERE earlier.dossier_code = standing.dossier_code AND earlier.effective_to = standing.effective_from
        AND earlier.status IN (2, 4, 5, 6, 8) AND earlier.effective_from <= standing.ended_at
        AND earlier.effective_from <= :{p}cutoff)"""  # noqa: S608 - constants


# in the words of the partial indexes, so that both engines see that they may use them
_RUNS = "status NOT IN (7, 9, 10)"
_ENDS = "status IN (7, 9, 10)"


def _only(extent: Extent, prefix: str) -> str:
    chosen = {
        "agency_code": ("agency", extent.agency),
        "field_code": ("field", extent.field),
        "procedure_code": ("procedure", extent.procedure),
    }
    return "".join(
        f" AND {column} = :{prefix}{name}" for column, (name, value) in chosen.items() if value is not None
    )


def _running_code(stopped: StopReading, p: str) -> str:
    """Of a standing in 1 to 6 or 8."""
    return f"""CASE
        WHEN {_impossible(p)} OR {_STOP_WITHOUT_END[stopped]} OR {_impossible_wait(stopped, p)} THEN {NO_ROW}
        WHEN status = 1 THEN 0
        WHEN status = 3 THEN CASE WHEN effective_from >= :{p}start_at THEN {REFUSED_ROW} ELSE 0 END
        WHEN received_day IS NULL THEN CASE WHEN status IN (5, 6) THEN 0 ELSE {NO_ROW} END
        WHEN {_not_yet("received", p)} THEN 0
        WHEN {_STOPPED_FOR_GOOD[stopped]} AND NOT ({_not_yet("ended", p)})
        THEN CASE WHEN ended_day < :{p}start THEN 0 ELSE {_reception(p)} + {_RESOLVED_CODE} END
        WHEN status IN (5, 6, 8) THEN {_reception(p)} + {_WAITING_CODE}
        ELSE {_reception(p)} + {_pending_code(p)} END"""


def _ended_code(p: str) -> str:
    """Of a standing in 7, 9 or 10; one that ends after the cut-off is pending as of it (§5.1)."""
    return f"""CASE
        WHEN {_impossible(p)} OR ended_day IS NULL AND status IN (9, 10) THEN {NO_ROW}
        WHEN received_day IS NULL THEN CASE WHEN status = 7 THEN 0 ELSE {NO_ROW} END
        WHEN {_not_yet("received", p)} THEN 0
        WHEN {_not_yet("ended", p)} THEN {_reception(p)} + {_pending_code(p)}
        WHEN {END_DAY} < :{p}start THEN 0
        ELSE {_reception(p)} + {_RESOLVED_CODE} END"""


PROMISE = f"CASE WHEN (due_at + {OFFSET}) % {DAY} = 0 THEN due_at + {DAY - SECOND} ELSE due_at END"
"""R25: a promise at 00:00 means that day."""
END_DAY = f"COALESCE(ended_day, (effective_from + {OFFSET}) / {DAY})"
"""The day on which it ended; of a withdrawal without a time of its own, the day it took effect."""

# §3.2, row 12: a stop with a time is an end, a stop without one is a wait
_STOPPED_FOR_GOOD = {
    StopReading.BY_TIME: "status = 8 AND ended_day IS NOT NULL",
    StopReading.WAITS: "1 = 0",
    StopReading.ENDS: "status = 8",
}
_STOP_WITHOUT_END = {
    StopReading.BY_TIME: "1 = 0",
    StopReading.WAITS: "1 = 0",
    StopReading.ENDS: "status = 8 AND ended_day IS NULL",
}
_WAITS = {
    StopReading.BY_TIME: "(status IN (5, 6) OR status = 8 AND ended_day IS NULL)",
    StopReading.WAITS: "status IN (5, 6, 8)",
    StopReading.ENDS: "status IN (5, 6)",
}


def _not_yet(what: Literal["received", "ended"], p: str) -> str:
    return f"{what}_day >= :{p}last AND {what}_at > :{p}cutoff"


def _impossible(p: str) -> str:
    """Rows 1 and 5 (R26). What lies beyond the cut-off is impossible only if it was told before it happened."""
    return f"""ended_day < received_day OR ended_day = received_day AND ended_at < received_at
        OR due_day < received_day OR due_day = received_day AND {PROMISE} < received_at
        OR {_not_yet("received", p)} AND received_at > recorded_at
        OR {_not_yet("ended", p)} AND ended_at > recorded_at"""


def _impossible_wait(stopped: StopReading, p: str) -> str:
    return f"""{_WAITS[stopped]} AND (waiting_since < received_at
        OR waiting_since > :{p}cutoff AND waiting_since > recorded_at)"""


def _reception(p: str) -> str:
    """Columns 4 to 6, and whether there is a promise (R20)."""
    return f"""CASE WHEN received_day < :{p}start THEN {CARRIED_OVER}0000
        WHEN channel = 'online' THEN {ONLINE}0000 WHEN channel IN ('counter', 'post') THEN {OTHER}0000
        ELSE {NEITHER}0000 END + CASE WHEN due_day IS NULL THEN {WITHOUT_DUE} ELSE 0 END"""


# rows 4 and 6 to 9 (R17, R20, R21)
_RESOLVED_CODE = f"""CASE WHEN status = 7 THEN {WITHDRAWN * 101} WHEN due_day IS NULL THEN {ON_TIME * 101}
    WHEN ended_day < due_day THEN {EARLY * 101} WHEN ended_day > due_day THEN {LATE * 101}
    WHEN ended_at < {PROMISE} THEN {ON_TIME * 100 + EARLY} WHEN ended_at > {PROMISE} THEN {ON_TIME * 100 + LATE}
    ELSE {ON_TIME * 101} END"""
# rows 10 and 11 (R19)
_WAITING_CODE = f"""CASE WHEN (waiting_since + {OFFSET}) / {DAY} > due_day THEN {PAUSED_LATE * 101}
    WHEN waiting_since > {PROMISE} THEN {WAITING * 100 + PAUSED_LATE} ELSE {WAITING * 101} END"""


def _pending_code(p: str) -> str:
    """Rows 13 to 15 (R18)."""
    return f"""CASE WHEN due_day < :{p}last THEN {OVERDUE * 101} WHEN due_day > :{p}last THEN {IN_TIME * 101}
        WHEN {PROMISE} < :{p}second THEN {IN_TIME * 100 + OVERDUE} ELSE {IN_TIME * 101} END"""


def classes_of(column: Column, *, strict: bool = False) -> tuple[int, ...]:
    """The classes that are counted in a column of the resolved or the pending, or told beside them."""
    paused = (PAUSED_LATE,)
    table: dict[Column, tuple[int, ...]] = {
        "7": RESOLVED,
        "8": (EARLY,),
        "9": (ON_TIME, WITHDRAWN),
        "10": (LATE,),
        "11": PENDING,
        "12": (WAITING, IN_TIME, *(() if strict else paused)),
        "13": (OVERDUE, *(paused if strict else ())),
        "withdrawn": (WITHDRAWN,),
        "waiting": (WAITING, PAUSED_LATE),
        "paused_late": paused,
        "refused": (REFUSED,),
        "data_error": (DATA_ERROR,),
    }
    return table.get(column, ())


_RECEPTION = f"code % {WITHOUT_DUE} / 10000"
_BY_DATE = "code % 10000 / 100"
_BY_INSTANT = "code % 100"
# a dossier that breaks 3 = 4 + 5 + 6 or 3 = 7 + 11
_UNPLACED = f"""({_RECEPTION} = {NEITHER}
    OR ({_RECEPTION} > 0) <> ({_BY_DATE} BETWEEN {min(RESOLVED)} AND {max(PENDING)}))"""
_RECEPTIONS: dict[Column, str] = {
    "3": f"{_RECEPTION} > 0",
    "4": f"{_RECEPTION} = {ONLINE}",
    "5": f"{_RECEPTION} = {OTHER}",
    "6": f"{_RECEPTION} = {CARRIED_OVER}",
    "no_due": f"code >= {WITHOUT_DUE}",
    "unplaced": _UNPLACED,
}


def reception_of(code: int) -> int:
    """Column 4, 5 or 6 of a code; NEITHER where the channel is unknown, 0 where it is not counted."""
    return code % WITHOUT_DUE // 10000


def class_of(code: int, rule: Rule) -> int:
    """The class of a code by date or by instant; 0 where it has none."""
    return code % 10000 // 100 if rule == "date" else code % 100


def counted_in(figure: Figure) -> str:
    """The condition on ``code`` for being counted in ``figure``."""
    if figure.column in _RECEPTIONS:
        return _RECEPTIONS[figure.column]
    if figure.column == "disputed":  # who is late by date is late by instant, too
        return f"{_BY_INSTANT} IN ({_listed(_LATE)}) AND {_BY_DATE} NOT IN ({_listed(_LATE)})"
    grain = _BY_DATE if figure.rule == "date" else _BY_INSTANT
    return f"{grain} IN ({_listed(classes_of(figure.column, strict=figure.strict))})"


_LATE = (LATE, OVERDUE, PAUSED_LATE)


def _listed(classes: tuple[int, ...]) -> str:
    return ", ".join(map(str, classes))
