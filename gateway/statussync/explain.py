"""Why a dossier stands where it stands: what was said, what the rules make of it, what each partner shows.

For an official who is asked "why is this late?". Invariant: nothing here is stored; it is computed from what is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.classes import LATE_CLASSES, Flag, Verdict, names_of
from gateway.deadlines.classify import Classification
from gateway.deadlines.instants import MINUTE, from_micros, maybe_from_micros
from gateway.deadlines.judge import Moment
from gateway.deadlines.policy import Policy, WaitPolicy
from gateway.deadlines.portal_rule import portal_verdict
from gateway.deadlines.reception import Filing, judge_reception
from gateway.deadlines.standing import Cause
from gateway.deadlines.steps import step_standings
from gateway.domain.dossier import Channel
from gateway.domain.errors import NotFoundError
from gateway.domain.status import Status
from gateway.statussync import explain_views as views
from gateway.statussync import sentences
from gateway.statussync.check import check_of
from gateway.statussync.judgement import read_account
from gateway.statussync.outlook import Shown, shown
from gateway.statussync.periods import flags_in, judged_now
from gateway.statussync.risk import Reason, risk
from gateway.statussync.rules import Rules
from gateway.statussync.thresholds import Threshold
from gateway.storage import queries_standings
from gateway.storage.queries_standings import Connection, VersionRow
from gateway.storage.schema_status import STILL
from gateway.storage.standings import StandingRow
from gateway.storage.urgency import LaneGlance, lanes_of

_BY_NUMBER = {status.national: status for status in Status}
_ANSWERS = frozenset(
    status.national
    for status in (Status.RECEIVED, Status.REFUSED, Status.SUPPLEMENT_REQUESTED, Status.WITHDRAWN)
)
_WAITS = frozenset({Status.SUPPLEMENT_REQUESTED, Status.PAYMENT_REQUESTED, Status.STOPPED})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Explain dossier ``code`` as of ``now`` (microseconds), to whom of ``destinations`` it goes."""

    code: str
    now: int
    destinations: Collection[str]


def explain(connection: Connection, asked: Asked, rules: Rules) -> views.Explanation:
    """Everything about the deadline of one dossier. NotFoundError: nothing was ever said about its times."""
    said = queries_standings.versions(connection, asked.code)
    if not said:
        raise NotFoundError(
            f"nothing is known about the times of dossier {asked.code}; if it is stored, it came in before accounts "
            "were kept: run lienthong sync run reassess"
        )
    accounts = {version.version: _read(version) for version in said}
    row = queries_standings.open_standing(connection, asked.code)
    calendar = rules.calendar if row is None else rules.calendar_of(row.agency_code)
    account = next((each for each in reversed(accounts.values()) if each is not None), None)
    policy = None if account is None else rules.policy_of(account)
    periods = queries_standings.periods(connection, asked.code)
    pauses = _pauses(periods, policy)
    classified = None if row is None else judged_now(row, asked.now, rules)
    return views.Explanation(
        code=asked.code,
        as_of=from_micros(asked.now),
        rule_version=rules.version,
        calendar_version=calendar.version,
        judged_by_rules=None if row is None else row.rule_version,
        judged_by_calendar=None if row is None else row.calendar_version,
        claims=[_claim(version, accounts[version.version]) for version in said],
        periods=[_period(period) for period in periods],
        dues=None if row is None else _dues(row),
        changes=_changes(connection, asked.code),
        pauses=pauses,
        reception=_reception(periods, calendar, asked.now, rules),
        check=check_of(row, policy, pauses, calendar),
        classes=None if classified is None else _classes(classified[0]),
        lateness=None if classified is None else classified[1],
        indicator=None if account is None else _indicator(account, asked.now),
        rooms=[] if account is None else _rooms(account, calendar, asked.now, rules),
        flags=[] if row is None or classified is None else _flags(flags_in(row) | classified[0].flags),
        anomalies=_oddities(connection, asked.code),
        crossed=_crossed(connection, asked.code),
        destinations=_outlooks(connection, asked, rules, row, accounts),
    )


def _read(version: VersionRow) -> Account | None:
    try:
        return read_account(version)
    except (msgspec.DecodeError, ValueError):
        return None  # the claim says so


def _claim(version: VersionRow, account: Account | None) -> views.Claim:
    about = views.Claim(
        version=version.version,
        heard_at=from_micros(version.at),
        message=_entry(version.message_id),
        judged=version.assessed,
        readable=account is not None,
    )
    if account is None:
        return about
    return msgspec.structs.replace(
        about,
        status=account.status,
        submitted_at=account.submitted_at,
        received_at=account.received_at,
        due_at=account.due_at,
        finished_at=account.finished_at,
    )


def _period(row: StandingRow) -> views.Period:
    return views.Period(
        since=from_micros(row.effective_from),
        until=None if row.effective_to == STILL else from_micros(row.effective_to),
        status=_BY_NUMBER[row.status],
        due_at=maybe_from_micros(row.due_at),
        by_date=Verdict(row.by_date),
        unit=row.unit,
        officer=row.officer,
    )


def _dues(row: StandingRow) -> views.Dues:
    return views.Dues(
        original=maybe_from_micros(row.due_original_at),
        holds=maybe_from_micros(row.due_at),
        declared=maybe_from_micros(row.due_declared_at),
    )


def _changes(connection: Connection, code: str) -> list[views.Change]:
    return [
        views.Change(
            version=row.version,
            recorded_at=from_micros(row.recorded_at),
            message=_entry(row.message_id),
            cause=Cause(row.cause),
            sentence=sentences.OF_CAUSE[Cause(row.cause)],
            applied=row.applied,
            old_due_at=maybe_from_micros(row.old_due_at),
            new_due_at=maybe_from_micros(row.new_due_at),
            document_number=row.document_number,
            signer=row.signer,
            issued_at=maybe_from_micros(row.issued_at),
            flags=_flags(map(Flag, msgspec.json.decode(row.flags, type=list[str]))),
        )
        for row in queries_standings.due_changes(connection, code)
    ]


def _pauses(periods: Sequence[StandingRow], policy: Policy | None) -> list[views.Pause]:
    """Waits as stretches of time: a promise that moved in between does not part one."""
    found: list[views.Pause] = []
    for row in periods:
        status = _BY_NUMBER[row.status]
        if status not in _WAITS or row.ended_at is not None:
            continue
        since, until = (
            from_micros(row.effective_from),
            None if row.effective_to == STILL else from_micros(row.effective_to),
        )
        if found and found[-1].until == since and found[-1].status is status:
            found[-1] = msgspec.structs.replace(found[-1], until=until)
        else:
            found.append(views.Pause(since=since, until=until, status=status, effect=_effect(status, policy)))
    return found


def _effect(status: Status, policy: Policy | None) -> WaitPolicy | None:
    if policy is None:
        return None
    return {
        Status.SUPPLEMENT_REQUESTED: policy.supplement,
        Status.PAYMENT_REQUESTED: policy.payment,
    }.get(status)


def _reception(
    periods: Sequence[StandingRow], calendar: Calendar, now: int, rules: Rules
) -> views.Reception | None:
    """R1: the clock of an online filing, stopped by the first state that answers it; None where there is none."""
    filed = next((row.submitted_at for row in periods if row.submitted_at is not None), None)
    if filed is None or periods[-1].channel != Channel.ONLINE:
        return None
    stopped = next((row.effective_from for row in periods if row.status in _ANSWERS), None)
    filing = Filing(submitted_at=from_micros(filed), stopped_at=maybe_from_micros(stopped))
    minutes = rules.limits.reception // MINUTE
    try:
        found = judge_reception(filing, calendar, from_micros(now), limit_minutes=minutes)
    except (CalendarGap, ValueError):
        return None  # the calendar does not reach so far; nothing is guessed
    return views.Reception(
        limit_at=found.limit_at,
        answered_at=filing.stopped_at,
        by_date=found.by_date,
        by_instant=found.by_instant,
        sentence=sentences.OF_RECEPTION[found.by_instant],
    )


def _classes(found: Classification) -> views.Classes:
    return views.Classes(
        by_date=found.by_date,
        by_instant=found.by_instant,
        original_by_date=found.original_by_date,
        original_by_instant=found.original_by_instant,
        sentence=sentences.OF_CLASS[found.by_date],
    )


def _indicator(account: Account, now: int) -> views.Indicator:
    verdict = portal_verdict(account, from_micros(now))
    return views.Indicator(verdict=verdict, sentence=sentences.OF_INDICATOR[verdict])


def _rooms(account: Account, calendar: Calendar, now: int, rules: Rules) -> list[views.Room]:
    return [
        views.Room(
            since=each.since,
            until=each.ended_at,
            due_at=each.due_at,
            unit=each.unit,
            officer=each.officer,
            by_date=each.classification.by_date,
            by_instant=each.classification.by_instant,
            lateness=each.lateness,
        )
        for each in step_standings(account, calendar, from_micros(now), rules.options)
    ]


def _flags(flags: Iterable[Flag]) -> list[views.Named]:
    return [views.Named(name=name, sentence=sentences.OF_FLAG[Flag(name)]) for name in names_of(flags)]


def _oddities(connection: Connection, code: str) -> list[views.Oddity]:
    return [
        views.Oddity(
            kind=row.kind,
            sentence=sentences.of_anomaly(row.kind),
            field=row.field,
            first_value=row.first_value,
            later_value=row.later_value,
            version=row.version,
            recorded_at=from_micros(row.recorded_at),
            message=_entry(row.message_id),
        )
        for row in queries_standings.anomalies(connection, code)
    ]


def _crossed(connection: Connection, code: str) -> list[views.Crossed]:
    return [
        views.Crossed(
            threshold=row.kind,
            sentence=sentences.OF_THRESHOLD[Threshold(row.kind)],
            due_at=from_micros(row.due_at),
            told_at=from_micros(row.at),
        )
        for row in queries_standings.crossings(connection, code)
    ]


def _outlooks(
    connection: Connection,
    asked: Asked,
    rules: Rules,
    row: StandingRow | None,
    accounts: Mapping[int, Account | None],
) -> list[views.Outlook]:
    lanes = lanes_of(connection, [asked.code]).get(asked.code, [])
    return [
        _outlook(lane, asked, rules, row, accounts)
        for lane in lanes
        if lane.destination in asked.destinations
    ]


def _outlook(
    lane: LaneGlance,
    asked: Asked,
    rules: Rules,
    row: StandingRow | None,
    accounts: Mapping[int, Account | None],
) -> views.Outlook:
    agency = "" if row is None else row.agency_code
    calendar = rules.calendar_of(agency)
    status = None if lane.acknowledged_status is None else Status(lane.acknowledged_status)
    known = None if lane.acknowledged_version is None else accounts.get(lane.acknowledged_version)
    seen = None
    if status is not None and known is not None:
        seen = shown(known, status, as_of=from_micros(asked.now), calendar=calendar, options=rules.options)
    reason = None
    if row is not None:
        horizon = Moment(asked.now, calendar, rules.options).near_until
        reason = risk(row, lane, now=asked.now, horizon=horizon)
    ours = None if row is None else judged_now(row, asked.now, rules)[0].by_date
    return views.Outlook(
        destination=lane.destination,
        lane=lane.state,
        acknowledged_status=status,
        acknowledged_version=lane.acknowledged_version,
        acknowledged_at=maybe_from_micros(lane.acknowledged_at),
        complete=not lane.behind,
        shows_due_at=None if seen is None else seen.due_at,
        shows_by_date=None if seen is None else seen.by_date,
        shows_by_instant=None if seen is None else seen.by_instant,
        differs=seen is not None and ours is not None and seen.late != (ours in LATE_CLASSES),
        risk=reason,
        sentence=_told(seen, reason),
    )


def _told(seen: Shown | None, reason: Reason | None) -> str:
    shows = (
        "Chưa rõ bên nhận đang hiển thị gì, vì họ chưa xác nhận phiên bản nào."
        if seen is None
        else f"Bên nhận đang hiển thị: {sentences.OF_CLASS[seen.by_date]}"
    )
    return shows if reason is None else f"{shows} {sentences.OF_RISK[reason]}"


def _entry(message: int | None) -> str | None:
    return None if message is None else str(message)
