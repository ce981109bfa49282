"""What an operator is alarmed about, from figures alone.

Each kind has one name here, in the API, on the console, in the alert rules of the metrics and in the runbook. Invariant:
the same figures give the same alarms, whoever asks; a kind that is not in ``KINDS`` does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec

Severity = Literal["warning", "critical"]


class AlarmName(StrEnum):
    """Every kind of alarm."""

    OLDEST_UNSENT = "OldestUnsent"
    LAG_HIGH = "LagHigh"
    IN_DOUBT = "InDoubt"
    FAILED_DELIVERIES = "FailedDeliveries"
    BREAKER_OPEN = "BreakerOpen"
    DESTINATION_PAUSED = "DestinationPaused"
    DOSSIERS_AT_RISK = "DossiersAtRisk"
    CONTRACT_DRIFT = "ContractDrift"
    EVIDENCE_DELAY = "EvidenceDelay"
    CERTIFICATE_EXPIRY = "CertificateExpiry"
    DISK_SPACE = "DiskSpace"
    CLOCK_SKEW = "ClockSkew"
    WORKERS_GONE = "WorkersGone"
    JOB_FAILING = "JobFailing"


class AlarmKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind. ``unit``: of its value and its limits. ``warning``, ``critical``: the value from which it is one, None:
    never; of what shrinks (``falls``) the value at which or below. ``page``: where it is mended, with its subject."""

    name: AlarmName
    unit: Literal["seconds", "count", "days", "share"]
    warning: float | None
    critical: float | None
    page: str
    meaning: str
    falls: bool = False

    def severity(self, value: float) -> Severity | None:
        """How bad ``value`` is; None: it is fine."""
        for severity, limit in (("critical", self.critical), ("warning", self.warning)):
            if limit is not None and (value <= limit if self.falls else value >= limit):
                return "critical" if severity == "critical" else "warning"
        return None


_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
KINDS: Mapping[AlarmName, AlarmKind] = {
    kind.name: kind
    for kind in (
        AlarmKind(
            name=AlarmName.OLDEST_UNSENT,
            unit="seconds",
            warning=_HOUR,
            critical=_DAY,
            page="/console/destinations/{subject}",
            meaning="something has waited for a destination for too long",
        ),
        AlarmKind(
            name=AlarmName.LAG_HIGH,
            unit="share",
            warning=0.90,
            critical=0.50,
            falls=True,
            page="/console/lag",
            meaning="of what a destination acknowledged today, too little was known there within the target",
        ),
        AlarmKind(
            name=AlarmName.IN_DOUBT,
            unit="seconds",
            warning=15 * _MINUTE,
            critical=4 * _HOUR,
            page="/console/doubts",
            meaning="there have been deliveries in doubt all this time: sent, and nobody knows what became of them",
        ),
        AlarmKind(
            name=AlarmName.FAILED_DELIVERIES,
            unit="seconds",
            warning=0.0,
            critical=_DAY,
            page="/console/failures",
            meaning="deliveries were rejected or parked and wait for a person",
        ),
        AlarmKind(
            name=AlarmName.BREAKER_OPEN,
            unit="seconds",
            warning=2 * _MINUTE,
            critical=30 * _MINUTE,
            page="/console/destinations/{subject}",
            meaning="a destination does not answer; one probe at a time is sent",
        ),
        AlarmKind(
            name=AlarmName.DESTINATION_PAUSED,
            unit="count",
            warning=1,
            critical=None,
            page="/console/destinations/{subject}",
            meaning="somebody has paused a destination; nothing leaves for it until it is resumed",
        ),
        AlarmKind(
            name=AlarmName.DOSSIERS_AT_RISK,
            unit="count",
            warning=1,
            critical=None,
            page="/console/at-risk",
            meaning="dossiers that are in time here may be shown late at a destination that does not know it",
        ),
        AlarmKind(
            name=AlarmName.CONTRACT_DRIFT,
            unit="count",
            warning=1,
            critical=100,
            page="/console/destinations/{subject}",
            meaning="answers of the last 24 hours do not match the pinned contract",
        ),
        AlarmKind(
            name=AlarmName.EVIDENCE_DELAY,
            unit="seconds",
            warning=1.0,
            critical=None,  # when traffic stops, which settings say
            page="/console/log",
            meaning="no evidence could be produced; beyond the grace period traffic with partners stops",
        ),
        AlarmKind(
            name=AlarmName.CERTIFICATE_EXPIRY,
            unit="days",
            warning=30,
            critical=7,
            falls=True,
            page="/console/destinations",
            meaning="a certificate expires soon, or has expired",
        ),
        AlarmKind(
            name=AlarmName.DISK_SPACE,
            unit="share",
            warning=0.15,
            critical=0.05,
            falls=True,
            page="/console/jobs",
            meaning="a disk that the gateway writes to is nearly full",
        ),
        AlarmKind(
            name=AlarmName.CLOCK_SKEW,
            unit="seconds",
            warning=2.0,
            critical=60.0,
            page="/console",
            meaning="this machine's clock differs from the database's, or is behind the message log",
        ),
        AlarmKind(
            name=AlarmName.WORKERS_GONE,
            unit="seconds",
            warning=None,
            critical=30.0,
            page="/console",
            meaning="no worker has been there for so long: nothing is sent and no job is run",
        ),
        AlarmKind(
            name=AlarmName.JOB_FAILING,
            unit="seconds",
            warning=0.0,
            critical=6 * _HOUR,
            page="/console/jobs/{subject}",
            meaning="a job has failed since, and has not ended well again",
        ),
    )
}
LAG_LEAST = 20
"""Fewer acknowledgements than this in a day say nothing about the lag."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One active alarm. ``subject``: the destination, job, key or folder; empty: the whole gateway. ``since`` null:
    nobody knows. ``value`` in ``unit``; ``detail``: more about it, in English and without secrets."""

    name: AlarmName
    severity: Severity
    subject: str
    since: datetime | None
    value: float
    unit: str
    meaning: str
    detail: str
    page: str


class DestinationFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say of one destination. ``in_doubt_since``, ``failed_since``: since when there have always been
    some; None: there are none. ``lag_kept`` of ``lag_count`` acknowledgements of today kept to the target."""

    name: str
    oldest_at: datetime | None = None
    in_doubt: int = 0
    in_doubt_since: datetime | None = None
    failed: int = 0
    failed_since: datetime | None = None
    lost_since: datetime | None = None
    last_failure: str = ""
    paused_by: str | None = None
    paused_reason: str = ""
    at_risk: int = 0
    lag_kept: int = 0
    lag_count: int = 0
    off_contract: int = 0
    off_contract_since: datetime | None = None


class EvidenceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How long no evidence could be produced, in seconds, why, and whether traffic is stopped."""

    delay: float = 0.0
    reason: str = ""
    stopped: bool = False


class CertificateFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Until when something is good. ``name``: of the key or the setting."""

    name: str
    until: datetime


class DiskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that is written to, with the share of its disk that is free."""

    folder: str
    free: float


class JobFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A job that fails, and since when."""

    name: str
    failing_since: datetime


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that alarms come from, as it is ``now``. ``skew``: seconds between this clock and the one it should agree
    with. ``worker_seen_at``: when a worker was last there; None: there never was one."""

    now: datetime
    destinations: Sequence[DestinationFigures] = ()
    evidence: EvidenceFigures = EvidenceFigures()
    certificates: Sequence[CertificateFigures] = ()
    disks: Sequence[DiskFigures] = ()
    jobs: Sequence[JobFigures] = ()
    skew: float = 0.0
    worker_seen_at: datetime | None = None


def alarms(figures: Figures) -> list[Alarm]:
    """The active alarms: critical ones first, then by kind and subject."""
    found = [
        *_everywhere(figures),
        *(alarm for each in figures.destinations for alarm in _of(each, figures.now)),
    ]
    order = {name: place for place, name in enumerate(KINDS)}
    return sorted(found, key=lambda each: (each.severity != "critical", order[each.name], each.subject))


def _of(each: DestinationFigures, now: datetime) -> Iterator[Alarm]:
    name = each.name
    yield from _lasting(AlarmName.OLDEST_UNSENT, name, each.oldest_at, now)
    yield from _lasting(AlarmName.IN_DOUBT, name, each.in_doubt_since, now, f"{each.in_doubt} in doubt")
    yield from _lasting(AlarmName.FAILED_DELIVERIES, name, each.failed_since, now, f"{each.failed} failed")
    yield from _lasting(AlarmName.BREAKER_OPEN, name, each.lost_since, now, each.last_failure)
    if each.paused_by is not None:
        yield from _raised(
            AlarmName.DESTINATION_PAUSED, name, 1, detail=f"{each.paused_by}: {each.paused_reason}"
        )
    if each.lag_count >= LAG_LEAST:
        told = f"{each.lag_kept} of {each.lag_count}"
        yield from _raised(AlarmName.LAG_HIGH, name, each.lag_kept / each.lag_count, detail=told)
    yield from _raised(AlarmName.DOSSIERS_AT_RISK, name, each.at_risk)
    yield from _raised(AlarmName.CONTRACT_DRIFT, name, each.off_contract, since=each.off_contract_since)


def _everywhere(figures: Figures) -> Iterator[Alarm]:
    now, evidence = figures.now, figures.evidence
    since = now - timedelta(seconds=evidence.delay)
    for alarm in _raised(AlarmName.EVIDENCE_DELAY, "", evidence.delay, since=since, detail=evidence.reason):
        severity: Severity = "critical" if evidence.stopped else "warning"
        yield msgspec.structs.replace(alarm, severity=severity)
    for certificate in figures.certificates:
        days = (certificate.until - now).total_seconds() / _DAY
        told = f"until {certificate.until.isoformat()}"
        yield from _raised(AlarmName.CERTIFICATE_EXPIRY, certificate.name, days, detail=told)
    for disk in figures.disks:
        yield from _raised(AlarmName.DISK_SPACE, disk.folder, disk.free)
    for job in figures.jobs:
        yield from _lasting(AlarmName.JOB_FAILING, job.name, job.failing_since, now)
    yield from _raised(AlarmName.CLOCK_SKEW, "", figures.skew)
    if figures.worker_seen_at is None:
        yield _alarm(KINDS[AlarmName.WORKERS_GONE], "critical", "", 0.0)
    else:
        yield from _lasting(AlarmName.WORKERS_GONE, "", figures.worker_seen_at, now)


def _lasting(
    name: AlarmName, subject: str, since: datetime | None, now: datetime, detail: str = ""
) -> Iterator[Alarm]:
    """An alarm about something that has been so since ``since``."""
    if since is not None:
        seconds = max(0.0, (now - since).total_seconds())
        yield from _raised(name, subject, seconds, since=since, detail=detail)


def _raised(
    name: AlarmName, subject: str, value: float, *, since: datetime | None = None, detail: str = ""
) -> Iterator[Alarm]:
    severity = KINDS[name].severity(value)
    if severity is not None:
        yield _alarm(KINDS[name], severity, subject, value, since=since, detail=detail)


def _alarm(  # noqa: PLR0913 - the columns of an alarm
    kind: AlarmKind,
    severity: Severity,
    subject: str,
    value: float,
    *,
    since: datetime | None = None,
    detail: str = "",
) -> Alarm:
    return Alarm(
        name=kind.name,
        severity=severity,
        subject=subject,
        since=since,
        value=round(value, 3),
        unit=kind.unit,
        meaning=kind.meaning,
        detail=detail,
        page=kind.page.format(subject=subject),
    )
