"""The names of what a dossier can be against its promise: classes and flags of the domain rules (§3.2, §3.5).

Values are the names of the domain document; they stand in the database, in reports and in answers to programs.
Invariant: a name, once stored, keeps its meaning; a new meaning is a new name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Verdict(StrEnum):
    """Where a dossier stands (§3.2, column "official class")."""

    EARLY = "EARLY"
    ON_TIME = "ON_TIME"
    LATE = "LATE"
    IN_TIME = "IN_TIME"
    OVERDUE = "OVERDUE"
    PAUSED = "PAUSED"
    PAUSED_LATE = "PAUSED_LATE"
    NOT_COUNTED = "NOT_COUNTED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    DATA_ERROR = "DATA_ERROR"


LATE_CLASSES = frozenset({Verdict.LATE, Verdict.OVERDUE, Verdict.PAUSED_LATE})


class Flag(StrEnum):
    """What a reader must know beside the class; also the kinds of anomaly."""

    # of the judgement itself
    NO_DUE = "NO_DUE"  # R20
    DUE_TODAY = "DUE_TODAY"  # R18
    NEAR_DUE = "NEAR_DUE"  # R24
    DATE_INSTANT_DIFFER = "DATE_INSTANT_DIFFER"  # rule 4: late by one grain, not by the other
    MIDNIGHT_DUE = "MIDNIGHT_DUE"  # R25
    WITHDRAWN_AFTER_DUE = "WITHDRAWN_AFTER_DUE"  # R21
    NO_WAIT_START = (
        "NO_WAIT_START"  # it waits past its due, and nobody said since when: it may be PAUSED_LATE
    )
    CALENDAR_GAP = "CALENDAR_GAP"  # the calendar does not reach far enough for NEAR_DUE or working time
    # of impossible data (R26)
    NO_END_TIME = "NO_END_TIME"
    END_BEFORE_RECEPTION = "END_BEFORE_RECEPTION"
    DUE_BEFORE_RECEPTION = "DUE_BEFORE_RECEPTION"
    RECEPTION_IN_FUTURE = "RECEPTION_IN_FUTURE"
    END_IN_FUTURE = "END_IN_FUTURE"
    WAIT_IN_FUTURE = "WAIT_IN_FUTURE"
    WAIT_BEFORE_RECEPTION = "WAIT_BEFORE_RECEPTION"
    # of the history
    SYNC_LATE = "SYNC_LATE"  # R27: on time, but told after the due
    BEFORE_START = "BEFORE_START"  # as SYNC_LATE, but all of it lies before there was anybody to tell
    REAPPOINTED = "REAPPOINTED"  # R15: the promise was moved by a valid re-appointment
    REAPPOINTMENT_TWICE = "REAPPOINTMENT_TWICE"  # R15, F03
    REAPPOINTMENT_TOO_LATE = "REAPPOINTMENT_TOO_LATE"  # R15, F02
    REAPPOINTMENT_NOT_LATER = "REAPPOINTMENT_NOT_LATER"  # R15: the new promise is no later than the old one
    NO_DOCUMENT = "NO_DOCUMENT"  # R15: a re-appointment without the number of its paper
    ISSUED_ON_NON_WORKING_DAY = "ISSUED_ON_NON_WORKING_DAY"  # F05
    SILENT_DUE_CHANGE = "SILENT_DUE_CHANGE"  # F04
    ASKED_AFTER_DUE = "ASKED_AFTER_DUE"  # rule 11: a wait that began after the promise was over moves nothing
    OLD_DUE_DIFFERS = "OLD_DUE_DIFFERS"  # the paper names another old promise than the one that held
    DUE_TOO_LATE = "DUE_TOO_LATE"  # R5
    DUE_AFTER_LEGAL_DAY = "DUE_AFTER_LEGAL_DAY"  # R5: between LEGAL and SYS, a note only
    END_TIME_REWRITTEN = "END_TIME_REWRITTEN"  # F06
    END_EQUALS_DUE = "END_EQUALS_DUE"  # §4.4(1): an overdue dossier is said to have ended at the very due
    END_BACKDATED = "END_BACKDATED"  # §6.2: the end lies on a day before one on which it was still in work
    END_DIFFERS_FROM_STEP = (
        "END_DIFFERS_FROM_STEP"  # §6.2: the end lies on another day than the step that ends
    )
    RECEPTION_REWRITTEN = "RECEPTION_REWRITTEN"  # §4.4: the first value of each time field is kept
    SUBMISSION_REWRITTEN = "SUBMISSION_REWRITTEN"
    SUBMIT_EQUALS_RECEIVE = "SUBMIT_EQUALS_RECEIVE"  # §4.4(4)
    BULK_EDIT = "BULK_EDIT"  # §4.4: rewritten together with many others of one source
    SUPPLEMENT_TWICE = "SUPPLEMENT_TWICE"  # R12, E07
    SUPPLEMENT_NOTICE_LATE = "SUPPLEMENT_NOTICE_LATE"  # R12, E03
    STATE_JUMP = "STATE_JUMP"  # §4.3: a move that cannot be
    STATE_NEEDS_REASON = "STATE_NEEDS_REASON"  # §4.3: a move that needs a reason or a paper
    RECALLED = "RECALLED"  # §4.3: taken up again after its end


_ALL = tuple(Flag)
OF_HISTORY = frozenset(_ALL[_ALL.index(Flag.SYNC_LATE) :])
"""Flags that stay with a dossier once they are true; the others are of one judgement."""

BIT: Mapping[Flag, int] = {flag: 1 << place for place, flag in enumerate(Flag)}
"""Each flag as a bit, for bulk work."""

_COLUMN: Mapping[Verdict, int | None] = {
    Verdict.EARLY: 8,
    Verdict.ON_TIME: 9,
    Verdict.LATE: 10,
    Verdict.IN_TIME: 12,
    Verdict.OVERDUE: 13,
    Verdict.PAUSED: 12,
    Verdict.PAUSED_LATE: 12,
    Verdict.NOT_COUNTED: None,
    Verdict.REFUSED: None,
    Verdict.WITHDRAWN: 9,
    Verdict.DATA_ERROR: None,
}


def form_column(verdict: Verdict, *, strict: bool = False) -> int | None:
    """The column of form 06a for an official class (§3.2); None: in none of 8 to 13.

    ``strict``: row 11's switch; what waits but was late before it waited counts as overdue.
    """
    if strict and verdict is Verdict.PAUSED_LATE:
        return _COLUMN[Verdict.OVERDUE]
    return _COLUMN[verdict]


def flags_of(mask: int) -> frozenset[Flag]:
    """The flags whose bits are set."""
    return frozenset(flag for flag, bit in BIT.items() if mask & bit) if mask else frozenset()


def names_of(flags: Iterable[Flag]) -> list[str]:
    """The names of ``flags``, always in the same order."""
    chosen = set(flags)
    return [str(flag) for flag in Flag if flag in chosen]
