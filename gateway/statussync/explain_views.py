"""What an explanation of a dossier's deadline consists of. Data only; sentences are Vietnamese, for officials.

Invariant: three columns, never one: what was declared, what the rules compute, what a partner has acknowledged.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from gateway.deadlines.classes import Verdict
from gateway.deadlines.duration import DurationUnit
from gateway.deadlines.lateness import Lateness
from gateway.deadlines.policy import WaitPolicy
from gateway.deadlines.portal_rule import PortalVerdict
from gateway.deadlines.reception import ReceptionVerdict
from gateway.deadlines.standing import Cause
from gateway.domain.status import Status
from gateway.statussync.risk import Reason


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A name of the domain rules and its sentence."""

    name: str
    sentence: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One version, as the one-door system said it. ``message``: its entry in the message log.

    ``judged`` False: it is still to be judged. ``readable`` False: the stored account cannot be read.
    """

    version: int
    heard_at: datetime
    message: str | None
    judged: bool
    readable: bool = True
    status: Status | None = None
    submitted_at: datetime | None = None
    received_at: datetime | None = None
    due_at: datetime | None = None
    finished_at: datetime | None = None


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Where the dossier stood from when to when, by the time at which things happened. ``until`` null: still."""

    since: datetime
    until: datetime | None
    status: Status
    due_at: datetime | None
    by_date: Verdict
    unit: str | None
    officer: str | None


class Dues(msgspec.Struct, frozen=True, kw_only=True):
    """``original``: the first promise; ``holds``: moved only by a lawful cause; ``declared``: as last said."""

    original: datetime | None
    holds: datetime | None
    declared: datetime | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that moved, or was to move. ``applied``: it became the promise that holds."""

    version: int
    recorded_at: datetime
    message: str | None
    cause: Cause
    sentence: str
    applied: bool
    old_due_at: datetime | None
    new_due_at: datetime | None
    document_number: str | None
    signer: str | None
    issued_at: datetime | None
    flags: list[Named]


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A wait for the applicant. ``effect``: what it does to the promise once it is over."""

    since: datetime
    until: datetime | None
    status: Status
    effect: WaitPolicy | None


class Reception(msgspec.Struct, frozen=True, kw_only=True):
    """The reception clock of an online filing. ``answered_at`` null: it still runs."""

    limit_at: datetime
    answered_at: datetime | None
    by_date: ReceptionVerdict
    by_instant: ReceptionVerdict
    sentence: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """The due time as the rules compute it, to check the promise and never to replace it.

    ``basis``: the procedure's own duration, or, when nobody has set one, the first promise with its waits.
    ``legal_last_day``: the last lawful day.
    """

    basis: Literal["duration", "first_promise", "none"]
    due_at: datetime | None = None
    legal_last_day: date | None = None
    duration: float | None = None
    unit: DurationUnit | None = None
    source: str = ""
    note: str = ""


class Classes(msgspec.Struct, frozen=True, kw_only=True):
    """The four answers; the official one is ``by_date``."""

    by_date: Verdict
    by_instant: Verdict
    original_by_date: Verdict
    original_by_instant: Verdict
    sentence: str


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """What the national portal's own indicator counts the dossier as, as of now (national_portal §11.2); never our class."""

    verdict: PortalVerdict
    sentence: str


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A step with a deadline of its own, in a room or at an agency that was consulted (R28); never the dossier's class.

    ``until`` null: it is still being worked on.
    """

    since: datetime
    until: datetime | None
    due_at: datetime
    unit: str | None
    officer: str | None
    by_date: Verdict
    by_instant: Verdict
    lateness: Lateness


class Oddity(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not fit, with the first and the later value."""

    kind: str
    sentence: str
    field: str
    first_value: str | None
    later_value: str | None
    version: int
    recorded_at: datetime
    message: str | None


class Crossed(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that was told."""

    threshold: str
    sentence: str
    due_at: datetime
    told_at: datetime


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination has acknowledged, and what it therefore shows.

    ``complete`` False: something of the acknowledged version is still to be told. ``shows_*`` null: it knows nothing,
    or nobody knows what. ``differs``: it shows the dossier late and it is not, or the other way round.
    """

    destination: str
    lane: str
    acknowledged_status: Status | None
    acknowledged_version: int | None
    acknowledged_at: datetime | None
    complete: bool
    shows_due_at: datetime | None
    shows_by_date: Verdict | None
    shows_by_instant: Verdict | None
    differs: bool
    risk: Reason | None
    sentence: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the deadline of one dossier as of ``as_of``.

    ``judged_by_*``: the rules and the calendar behind what is stored; ``rule_version`` and ``calendar_version``: those
    behind the classes here. ``indicator`` null: no version can be read. ``classes`` null: no version was judged yet. ``reception`` null: handed in at a counter.
    """

    code: str
    as_of: datetime
    rule_version: str
    calendar_version: str
    judged_by_rules: str | None
    judged_by_calendar: str | None
    claims: list[Claim]
    periods: list[Period]
    dues: Dues | None
    changes: list[Change]
    pauses: list[Pause]
    reception: Reception | None
    check: Check
    classes: Classes | None
    lateness: Lateness | None
    indicator: Indicator | None
    rooms: list[Room]
    flags: list[Named]
    anomalies: list[Oddity]
    crossed: list[Crossed]
    destinations: list[Outlook]
