"""What an operator is alarmed about, from figures alone."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.alarm import (
    KINDS,
    AlarmName,
    CertificateFigures,
    DestinationFigures,
    DiskFigures,
    EvidenceFigures,
    Figures,
    JobFigures,
    alarms,
)

NOW = datetime(2026, 9, 28, 8, 0, tzinfo=UTC)


def ago(**length):
    return NOW - timedelta(**length)


def about(**fields):
    return alarms(figures(destinations=[DestinationFigures(name="portal", **fields)]))


def figures(**fields):
    return Figures(now=NOW, **{"worker_seen_at": NOW, **fields})


def told(found):
    return [(each.name, each.severity) for each in found]


def test_every_name_has_its_kind_and_a_page_of_the_console():
    assert set(KINDS) == set(AlarmName)
    for kind in KINDS.values():
        assert kind.page.startswith("/console")
        assert kind.meaning
        assert kind.warning is not None or kind.critical is not None


def test_gateway_at_rest_has_no_alarm():
    assert alarms(figures(destinations=[DestinationFigures(name="portal", oldest_at=ago(minutes=5))])) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"oldest_at": ago(minutes=59)}, []),
        ({"oldest_at": ago(hours=1)}, [("OldestUnsent", "warning")]),
        ({"oldest_at": ago(days=2)}, [("OldestUnsent", "critical")]),
        ({"in_doubt": 3, "in_doubt_since": ago(minutes=14)}, []),
        ({"in_doubt": 3, "in_doubt_since": ago(minutes=15)}, [("InDoubt", "warning")]),
        ({"in_doubt": 3, "in_doubt_since": ago(hours=4)}, [("InDoubt", "critical")]),
        ({"failed": 1, "failed_since": NOW}, [("FailedDeliveries", "warning")]),
        ({"failed": 1, "failed_since": ago(days=1)}, [("FailedDeliveries", "critical")]),
        ({"lost_since": ago(seconds=60)}, []),
        ({"lost_since": ago(minutes=2)}, [("BreakerOpen", "warning")]),
        ({"lost_since": ago(hours=1)}, [("BreakerOpen", "critical")]),
        ({"paused_by": "console/an"}, [("DestinationPaused", "warning")]),
        ({"at_risk": 1}, [("DossiersAtRisk", "warning")]),
        ({"lag_kept": 0, "lag_count": 19}, []),
        ({"lag_kept": 91, "lag_count": 100}, []),
        ({"lag_kept": 90, "lag_count": 100}, [("LagHigh", "warning")]),
        ({"lag_kept": 1, "lag_count": 100}, [("LagHigh", "critical")]),
        ({"off_contract": 1}, [("ContractDrift", "warning")]),
        ({"off_contract": 100}, [("ContractDrift", "critical")]),
    ],
)
def test_destination_is_judged_by_its_limits(fields, expected):
    assert told(about(**fields)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"evidence": EvidenceFigures(delay=5, reason="no key")}, [("EvidenceDelay", "warning")]),
        ({"evidence": EvidenceFigures(delay=5, stopped=True)}, [("EvidenceDelay", "critical")]),
        ({"certificates": [CertificateFigures(name="seal", until=NOW + timedelta(days=31))]}, []),
        (
            {"certificates": [CertificateFigures(name="seal", until=NOW + timedelta(days=30))]},
            [("CertificateExpiry", "warning")],
        ),
        (
            {"certificates": [CertificateFigures(name="seal", until=ago(days=1))]},
            [("CertificateExpiry", "critical")],
        ),
        ({"disks": [DiskFigures(folder="/srv", free=0.5)]}, []),
        ({"disks": [DiskFigures(folder="/srv", free=0.1)]}, [("DiskSpace", "warning")]),
        ({"disks": [DiskFigures(folder="/srv", free=0.01)]}, [("DiskSpace", "critical")]),
        ({"skew": 1.9}, []),
        ({"skew": 2.0}, [("ClockSkew", "warning")]),
        ({"skew": 61.0}, [("ClockSkew", "critical")]),
        ({"worker_seen_at": ago(seconds=29)}, []),
        ({"worker_seen_at": ago(seconds=30)}, [("WorkersGone", "critical")]),
        ({"worker_seen_at": None}, [("WorkersGone", "critical")]),
        ({"jobs": [JobFigures(name="tidy", failing_since=NOW)]}, [("JobFailing", "warning")]),
        ({"jobs": [JobFigures(name="tidy", failing_since=ago(hours=6))]}, [("JobFailing", "critical")]),
    ],
)
def test_whole_gateway_is_judged_by_its_limits(fields, expected):
    assert told(alarms(figures(**fields))) == expected


def test_alarm_says_since_when_and_where_it_is_mended():
    (alarm,) = about(lost_since=ago(minutes=40), last_failure="timeout: no answer")
    assert (alarm.since, alarm.value, alarm.unit) == (ago(minutes=40), 2400.0, "seconds")
    assert alarm.page == "/console/destinations/portal"
    assert alarm.detail == "timeout: no answer"


def test_critical_alarms_come_first():
    found = alarms(
        figures(
            destinations=[
                DestinationFigures(name="portal", oldest_at=ago(hours=2)),
                DestinationFigures(name="board", lost_since=ago(hours=2)),
            ]
        )
    )
    assert [(each.name, each.subject) for each in found] == [
        ("BreakerOpen", "board"),
        ("OldestUnsent", "portal"),
    ]
