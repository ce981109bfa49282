"""Cron expressions and time zones, well-meant and otherwise."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.jobs.timing import LONGEST_CRON, Timing, violations_of

VIETNAM = "Asia/Ho_Chi_Minh"
NOON = datetime(2026, 9, 28, 5, 0, tzinfo=UTC)  # a Monday, 12:00 in Viet Nam


def starts(cron, zone=VIETNAM, after=NOON, count=3):
    found = Timing(cron=cron, time_zone=zone).upcoming(after, count)
    return [start.astimezone(ZoneInfo(zone)).strftime("%a %m-%d %H:%M") for start in found]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", ["Mon 09-28 12:01", "Mon 09-28 12:02", "Mon 09-28 12:03"]),
        ("15 2 * * *", ["Tue 09-29 02:15", "Wed 09-30 02:15", "Thu 10-01 02:15"]),
        ("0 12 * * *", ["Tue 09-29 12:00", "Wed 09-30 12:00", "Thu 10-01 12:00"]),
        ("30 7 * * 1-5", ["Tue 09-29 07:30", "Wed 09-30 07:30", "Thu 10-01 07:30"]),
        ("0 17 L * *", ["Wed 09-30 17:00", "Sat 10-31 17:00", "Mon 11-30 17:00"]),
        ("0 8 * * MON#1", ["Mon 10-05 08:00", "Mon 11-02 08:00", "Mon 12-07 08:00"]),
        ("*/20 8,20 * * sat", ["Sat 10-03 08:00", "Sat 10-03 08:20", "Sat 10-03 08:40"]),
    ],
)
def test_starts_are_those_that_cron_would_make(cron, expected):
    assert violations_of(cron, VIETNAM) == []
    assert starts(cron) == expected


@pytest.mark.parametrize("offset", [0, 1, 59, 60, 61])
def test_start_lies_after_the_instant(offset):
    instant = NOON + timedelta(seconds=offset)
    start = Timing(cron="* * * * *", time_zone=VIETNAM).after(instant)
    assert start is not None
    assert timedelta(0) < start - instant <= timedelta(minutes=1)


def test_hour_that_comes_twice_gives_no_start_in_the_past():
    """Berlin, 25 October 2026: 02:00 to 03:00 comes twice; the library answers with the first 02:45."""
    berlin = ZoneInfo("Europe/Berlin")
    second_half = datetime(2026, 10, 25, 2, 40, tzinfo=berlin, fold=1)
    timing = Timing(cron="45 2 * * *", time_zone="Europe/Berlin")

    start = timing.after(second_half)

    assert start is not None
    assert start > second_half.astimezone(UTC)
    assert start.astimezone(berlin) == datetime(2026, 10, 26, 2, 45, tzinfo=berlin)


def test_hour_that_is_left_out_does_not_swallow_the_start():
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 3, 29, 1, 0, tzinfo=berlin)
    start = Timing(cron="30 2 * * *", time_zone="Europe/Berlin").after(before)
    assert start is not None
    assert start.astimezone(berlin) == datetime(2026, 3, 29, 3, 0, tzinfo=berlin)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        " ",
        "@daily",
        "* * * *",
        "* * * * * *",  # with seconds: no cron
        "0 * * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "-1 * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "1//2 * * * *",
        ", * * * *",
        "1, * * * *",
        "a * * * *",
        "* * * * MON#6",
        "* * * * MON#1/2",  # the library trips over these two
        "* * * * 5L/2",
        "* * * * L",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 */31 2 MON#5",  # well formed, and it never comes
        "² * * * *",
        "٣ * * * *",
        "* * * * ²L",
        "*\0 * * * *",
        "* * * * $(reboot)",
        "1," * LONGEST_CRON + "1 * * * *",
        "* " * 5000,
        "🕛 * * * *",
        "1.5 * * * *",
        "1e1 * * * *",
        "0x1 * * * *",
    ],
)
def test_expression_that_is_none_is_refused_with_its_place(cron):
    [found] = violations_of(cron, VIETNAM)
    assert found.pointer == "/cron"
    assert len(found.got) <= 80
    assert "minute, hour, day of the month" in found.expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "+07:00",
        "Hanoi",
        "Asia/Hanoi/Old/Quarter",
        "Asia",
        "../../etc/passwd",
        "/etc/localtime",
        "Asia/../UTC",
        "Asia/Ho_Chi_Minh\0",
        "Asia/Ho_Chi_Minh\n",
        " UTC",
        "right/UTC",
        "posix/UTC",
        "zone.tab",
        "A" * 5000,
        "Á/Hà_Nội",
    ],
)
def test_time_zone_that_is_none_is_refused_with_its_place(name):
    [found] = violations_of("* * * * *", name)
    assert found.pointer == "/time_zone"


@pytest.mark.parametrize("name", [VIETNAM, "UTC", "Etc/GMT-7", "America/Argentina/Buenos_Aires"])
def test_names_of_the_tz_database_are_taken(name):
    assert violations_of("0 0 * * *", name) == []
    assert Timing(cron="0 0 * * *", time_zone=name).after(NOON) is not None


def test_everything_that_is_wrong_is_told_at_once():
    assert [found.pointer for found in violations_of("61 * * * *", "Nowhere")] == ["/time_zone", "/cron"]


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="0123456789*/,-#LW MONSATJAN?", max_size=40), st.sampled_from([VIETNAM, "Europe/Berlin"])
)
def test_whatever_is_taken_can_be_computed_and_whatever_is_not_is_said(cron, zone):
    if violations_of(cron, zone):
        return
    found = Timing(cron=cron, time_zone=zone).upcoming(NOON, 3)
    assert found
    assert found == sorted(set(found))
    assert found[0] > NOON
