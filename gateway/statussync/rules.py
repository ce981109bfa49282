"""The rules of time that this gateway works by: calendar, offices, policies, limits; read once, from the settings.

Invariant: a file that is not wholly understood stops the start with its name, never later; a rule that changes is
another ``Rules``, with other versions beside every result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.deadlines import RULE_VERSION
from gateway.deadlines.account import Account
from gateway.deadlines.bulk_edit import BulkLimits
from gateway.deadlines.calendar import Calendar, read_calendar, shipped_calendar
from gateway.deadlines.instants import HOUR, SECOND, day_of
from gateway.deadlines.judge import Options, StopReading
from gateway.deadlines.policy import Policy, PolicyTable, read_policies, shipped_policies
from gateway.deadlines.special_days import LocalDays, read_local_days
from gateway.deadlines.windows import Windows, check_windows, parse_window
from gateway.domain.errors import ConfigurationError
from gateway.settings import DeadlineSettings, OfficeSettings
from gateway.statussync.thresholds import Limits

_T = TypeVar("_T")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a judgement about time rests on. ``strict_waiting``: for form 06a (domain_rules §3.2, row 11).

    ``version``: the release's rules, with a digest of what the province has set otherwise.
    """

    calendar: Calendar
    offices: Mapping[str, Calendar]
    policies: PolicyTable
    options: Options
    limits: Limits
    bulk: BulkLimits = BulkLimits()
    strict_waiting: bool = False
    version: str

    def calendar_of(self, agency: str) -> Calendar:
        """The calendar by which an agency works."""
        return self.offices.get(agency, self.calendar)

    def policy_of(self, account: Account) -> Policy:
        """The procedure's own rules on the day of reception; before it, on the day of the filing."""
        at = account.received_at or account.submitted_at
        if at is None:
            at = min((step.at for step in account.steps), default=None)
        return self.policies.policy_for(
            account.procedure_code, self.calendar.last_day if at is None else day_of(at)
        )


def load_rules(settings: DeadlineSettings) -> Rules:
    """The rules of a configuration. ConfigurationError names the key, the file and what is wrong."""
    calendar = _read("calendar", settings.calendar, read_calendar, shipped_calendar)
    policies = _read("policies", settings.policies, _policies, shipped_policies)
    options = Options(
        near_due_minutes=round(settings.near_due_hours * 60), stopped=StopReading(settings.stopped)
    )
    own = b"" if settings.policies is None else Path(settings.policies).read_bytes()
    if options != Options():
        own += msgspec.json.encode(options)
    return Rules(
        calendar=calendar,
        offices={code: _office(code, office, calendar) for code, office in settings.offices.items()},
        policies=policies,
        options=options,
        limits=Limits(
            near=round(settings.near_due_hours * HOUR),
            reception=round(settings.reception_hours * HOUR),
            grace=round(settings.grace * SECOND),
        ),
        bulk=BulkLimits(
            dossiers=settings.bulk_edit_dossiers, within=round(settings.bulk_edit_seconds * SECOND)
        ),
        strict_waiting=settings.strict_waiting,
        version=f"{RULE_VERSION}+{_digest(own)}" if own else RULE_VERSION,
    )


def _policies(document: bytes) -> PolicyTable:
    return read_policies(document.decode("utf-8-sig"))  # a spreadsheet's CSV begins with a byte order mark


def _office(code: str, office: OfficeSettings, calendar: Calendar) -> Calendar:
    key = f"offices.{code}"
    windows = _checked(f"{key}.windows", lambda: _windows(office.windows))
    local = _read(f"{key}.days", office.days, read_local_days, lambda: LocalDays(name=code))
    if windows:
        local = msgspec.structs.replace(local, windows=windows)
    # the version of the office's calendar changes with what is in it
    name = f"{code}.{_digest(msgspec.json.encode(local))}"
    return _checked(key, lambda: calendar.with_local(msgspec.structs.replace(local, name=name)))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def _windows(texts: list[str]) -> Windows:
    return check_windows(tuple(parse_window(text) for text in texts)) if texts else ()


def _read(key: str, name: str | None, read: Callable[[bytes], _T], shipped: Callable[[], _T]) -> _T:
    if name is None:
        return shipped()
    try:
        document = Path(name).read_bytes()
    except OSError as fault:
        raise ConfigurationError(f"deadlines.{key}: cannot read {name}: {fault}") from fault
    return _checked(f"{key} ({name})", lambda: read(document))


def _checked(key: str, work: Callable[[], _T]) -> _T:
    try:
        return work()
    except ValueError as fault:  # UnicodeDecodeError among them
        raise ConfigurationError(f"deadlines.{key}: {fault}") from fault
