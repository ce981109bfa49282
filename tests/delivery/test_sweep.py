"""The sweep: what dossiers cross as time passes is told once; who is at risk is told before the promise is over."""

import asyncio
from datetime import timedelta

import pytest

from gateway.deadlines.account import ReappointmentAccount, SupplementAccount
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from gateway.statussync.thresholds import Threshold
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from tests.delivery.standing_world import START, Province, codes, finished, moment, said
from tests.storage.builders import S, event, snapshot

CODE = "H99-a"


@pytest.fixture
def province(database):
    return Province(database)


async def told(province, *moments):
    """What is told at each of ``moments``: its kinds, sorted."""
    found = []
    for text in moments:
        province.at(text)
        before = len(province.kinds())
        await province.sweep()
        found.append(sorted(kind.removeprefix("dossier.") for kind in province.kinds()[before:]))
    return found


async def test_dossier_crosses_each_threshold_once(province):
    """Due on Thursday 09:00; eight working hours before that is Wednesday 09:00 (H01-H05)."""
    await province.hear(said(CODE))

    assert await told(
        province,
        "03-04 08:59",
        "03-04 09:00",
        "03-04 16:00",
        "03-05 00:00",
        "03-05 08:00",
        "03-05 16:30",
        "03-06 00:00",
        "03-09 08:00",
    ) == [[], ["near_due"], [], ["due_today"], [], [], ["overdue"], []]


async def test_event_says_which_dossier_and_which_limit(province):
    await province.hear(said(CODE))
    province.at("03-04 10:00")

    summary = await province.sweep()

    [(kind, data)] = province.events(CODE)
    assert kind == "dossier.near_due"
    assert data == {
        "version": 1,
        "status": "processing",
        "agency": "H99.14",
        "procedure": "1.000001",
        "due_at": "2026-03-05T09:00:00+07:00",
    }
    assert summary["told"] == {"near_due": 1}
    assert summary["pending"] == {"in_time": 1, "near_due": 1, "due_today": 0, "overdue": 0}


async def test_after_a_pause_of_the_gateway_only_what_is_true_is_told(province):
    await province.hear(said(CODE))

    assert await told(province, "03-09 08:00") == [["overdue"]]


async def test_dossier_that_comes_in_overdue_is_told_at_once(province):
    province.at("03-20 08:00")
    await province.hear(said(CODE))

    assert await told(province, "03-20 08:01") == [["overdue"]]


async def test_promise_for_a_whole_day_is_near_until_its_evening(province):
    """R25: 00:00 means that day."""
    await province.hear(said(CODE, due_at=moment("03-05 00:00")))

    assert await told(province, "03-05 07:59", "03-05 17:00", "03-06 00:00") == [
        ["due_today", "near_due"],
        [],
        ["overdue"],
    ]


async def test_moved_promise_has_thresholds_of_its_own(province):
    await province.hear(said(CODE))
    await told(province, "03-04 10:00")
    paper = ReappointmentAccount(
        old_due_at=moment("03-05 09:00"),
        new_due_at=moment("03-10 09:00"),
        issued_at=moment("03-04 10:00"),
        document_number="12/PXL",
    )
    await province.hear(said(CODE, 2, due_at=moment("03-10 09:00"), reappointments=(paper,)))

    assert await told(province, "03-05 10:00", "03-09 10:00", "03-11 00:00") == [
        [],
        ["near_due"],
        ["overdue"],
    ]


async def test_paused_dossier_crosses_nothing_until_it_goes_on(province):
    """R24: no warning while it waits for the applicant."""
    asked = SupplementAccount(id=1, requested_at=moment("03-03 10:00"))
    await province.hear(said(CODE))
    province.at("03-03 10:00")
    await province.hear(said(CODE, 2, Status.SUPPLEMENT_REQUESTED, supplements=(asked,)))

    assert await told(province, "03-04 10:00", "03-05 10:00", "03-09 10:00") == [[], [], []]

    answered = SupplementAccount(
        id=1,
        requested_at=moment("03-03 10:00"),
        received_at=moment("03-09 10:00"),
        old_due_at=moment("03-05 09:00"),
        new_due_at=moment("03-12 10:00"),
    )
    await province.hear(said(CODE, 2 + 1, due_at=moment("03-12 10:00"), supplements=(answered,)))
    assert await told(province, "03-11 10:00", "03-13 00:00") == [["near_due"], ["overdue"]]


async def test_finished_dossier_crosses_nothing(province):
    await province.hear(said(CODE))
    province.at("03-03 10:00")
    await province.hear(finished(CODE, 2, moment("03-03 09:30")))

    assert await told(province, "03-04 10:00", "03-05 10:00", "03-09 10:00") == [[], [], []]


async def test_dossier_without_a_promise_crosses_nothing(province):
    await province.hear(said(CODE, due_at=None))

    assert await told(province, "03-04 10:00", "03-30 10:00") == [[], []]


async def test_impossible_data_crosses_nothing(province):
    """R26: due before it was received."""
    await province.hear(said(CODE, due_at=START - timedelta(days=2)))

    assert province.standing(CODE).by_date == "DATA_ERROR"
    assert await told(province, "03-09 10:00") == [[]]


@pytest.mark.parametrize(
    ("submitted", "in_time", "late"),
    [("03-02 10:00", "03-03 10:00", "03-03 10:01"), ("03-06 20:00", "03-09 17:00", "03-10 07:00")],
    ids=["R01", "R04"],
)
async def test_online_filing_that_nobody_accepts_is_told(province, submitted, in_time, late):
    """R1: eight working hours after the filing."""
    province.at(submitted)
    await province.hear(
        said(
            CODE,
            status=Status.REGISTERED,
            channel=Channel.ONLINE,
            submitted_at=moment(submitted),
            received_at=None,
            due_at=None,
        )
    )

    assert await told(province, in_time, late, late) == [[], ["reception_late"], []]


async def test_filing_at_the_counter_has_no_reception_clock(province):
    await province.hear(
        said(CODE, status=Status.REGISTERED, submitted_at=START, received_at=None, due_at=None)
    )

    assert await told(province, "03-20 10:00") == [[]]


async def test_many_dossiers_are_told_in_portions_with_progress(province):
    for code in codes(30):
        await province.say(said(code))
    await province.assess()
    province.at("03-05 10:00")

    summary = await province.sweep()

    assert (summary["looked_at"], summary["told"]) == (30, {"due_today": 30})
    assert (await province.sweep())["looked_at"] == 0


async def test_dry_run_counts_what_is_new_and_changes_nothing(province):
    for code in codes(3):
        await province.hear(said(code))
    province.at("03-05 08:00")

    for _ in range(2):
        summary = await province.sweep(dry_run=True)
        assert summary["told"] == {"near_due": 3, "due_today": 3}
    assert province.kinds() == []

    await province.sweep()
    assert (await province.sweep(dry_run=True))["told"] == {}


async def test_two_processes_tell_each_crossing_once(postgresql_url):
    databases = [Database(postgresql_url) for _ in range(2)]
    provinces = [Province(database) for database in databases]
    try:
        for code in codes(40):
            await provinces[0].say(said(code))
        await provinces[0].assess()
        for province in provinces:
            province.at("03-09 10:00")

        await asyncio.gather(*(province.sweep() for province in provinces))

        assert provinces[0].kinds() == ["dossier.overdue"] * 40
    finally:
        for database in databases:
            database.close()


# at risk of being shown late


async def end_in_time(province, *, at="03-04 16:00"):
    """Worked on, told to the portal; then finished a day early, and the portal does not answer."""
    await province.hear(said(CODE), snapshot("1"))
    await province.world.send(await province.world.claim_one(), acknowledged=("processing", 1))
    province.at(at)
    return await province.hear(finished(CODE, 2, moment(at)), snapshot("2"), event("end"))


async def test_end_that_is_not_acknowledged_alarms_before_the_promise_is_over(province):
    standing = await end_in_time(province)

    assert standing.by_date == "EARLY"
    assert await told(province, "03-04 16:02", "03-04 16:05", "03-05 09:01") == [[], ["at_risk"], []]
    [(kind, data)] = [each for each in province.events(CODE) if each[0] == "dossier.at_risk"]
    assert kind == "dossier.at_risk"
    assert data["destinations"] == [
        {
            "destination": "portal",
            "reason": "end_not_acknowledged",
            "acknowledged_status": "processing",
            "acknowledged_version": 1,
        }
    ]


async def test_end_long_before_the_promise_alarms_when_it_comes_near(province):
    await end_in_time(province, at="03-02 16:00")

    assert await told(province, "03-03 16:00", "03-04 09:00") == [[], ["at_risk"]]


async def test_end_just_before_the_promise_alarms_before_it_is_over(province):
    await end_in_time(province, at="03-05 08:58")

    assert await told(province, "03-05 08:58") == [["at_risk"]]


async def test_acknowledged_end_is_no_risk_and_its_lane_goes_back_to_its_place(province):
    await end_in_time(province)
    assert province.count("lane", "promise_at < 0") == 1
    place = to_micros(moment("03-05 09:00"))
    await province.world.send(await province.world.claim_one(), acknowledged=("finished", 2))
    await province.world.send(await province.world.claim_one())

    assert await told(province, "03-04 16:05", "03-05 09:01") == [[], []]
    assert province.world.rows("SELECT promise_at FROM lane") == [(place,)]


async def test_end_without_its_step_is_a_risk(province):
    """Status 9 and the step that ends it belong together; half of it is not acknowledged."""
    await end_in_time(province)
    await province.world.send(await province.world.claim_one(), acknowledged=("finished", 2))

    assert await told(province, "03-04 16:05") == [["at_risk"]]
    assert province.count("lane", "promise_at < 0") == 1


async def test_news_after_the_acknowledged_end_is_no_risk(province):
    await end_in_time(province)
    for acknowledged in (("finished", 2), None):
        await province.world.send(await province.world.claim_one(), acknowledged=acknowledged)
    province.at("03-04 16:30")
    returned = finished(CODE, 3, moment("03-04 16:00"))

    await province.hear(returned, snapshot("3"), event("end"), event("handed over"))

    assert await told(province, "03-04 16:40", "03-05 09:01") == [[], []]
    assert province.count("lane", "promise_at < 0") == 0


async def test_end_that_an_operator_skipped_stays_a_risk(province):
    await end_in_time(province)
    for _ in range(2):
        await province.world.send(await province.world.claim_one())  # nothing of it is acknowledged

    assert await told(province, "03-04 16:05") == [["at_risk"]]
    assert province.count("lane", "promise_at < 0") == 1


async def test_dossier_that_is_late_itself_is_no_risk_and_goes_first_all_the_same(province):
    await end_in_time(province, at="03-06 10:00")

    assert await told(province, "03-06 10:05", "03-09 10:00") == [[], []]
    assert province.count("lane", "promise_at < 0") == 1


async def test_wait_that_the_portal_does_not_know_is_a_risk(province):
    await province.hear(said(CODE), snapshot("1"))
    await province.world.send(await province.world.claim_one(), acknowledged=("processing", 1))
    province.at("03-04 16:00")
    asked = SupplementAccount(id=1, requested_at=moment("03-04 16:00"))
    await province.hear(said(CODE, 2, Status.SUPPLEMENT_REQUESTED, supplements=(asked,)), snapshot("2"))

    assert await told(province, "03-04 16:05") == [["at_risk"]]
    assert province.events(CODE)[-1][1]["destinations"][0]["reason"] == "wait_not_acknowledged"

    lane = await province.world.claim_one()
    await province.world.send(lane, acknowledged=("supplement_requested", 2))
    await province.sweep()
    assert province.count("lane", "promise_at < 0") == 0


async def test_moved_promise_that_the_portal_does_not_know_is_a_risk(province):
    await province.hear(said(CODE), snapshot("1"))
    await province.world.send(await province.world.claim_one(), acknowledged=("processing", 1))
    province.at("03-03 10:00")
    paper = ReappointmentAccount(
        old_due_at=moment("03-05 09:00"),
        new_due_at=moment("03-10 09:00"),
        issued_at=moment("03-03 10:00"),
        document_number="12/PXL",
    )
    moved = said(CODE, 2, due_at=moment("03-10 09:00"), reappointments=(paper,))
    await province.hear(moved, snapshot("2"))

    assert await told(province, "03-03 10:04", "03-03 10:05") == [[], ["at_risk"]]

    await province.world.send(await province.world.claim_one(), acknowledged=("processing", 2))
    await province.sweep()
    assert province.count("lane", "promise_at < 0") == 0


async def test_stopped_lane_of_a_dossier_near_its_promise_is_a_risk(province):
    await province.hear(said(CODE), snapshot("1"))
    await province.world.send(await province.world.claim_one(), S.REJECTED)

    assert await told(province, "03-03 10:00", "03-04 09:00", "03-04 09:01") == [
        [],
        ["at_risk", "near_due"],
        [],
    ]


async def test_lane_of_a_destination_that_is_off_is_nobodys_risk(province):
    await end_in_time(province)
    without = Province(province.database, destinations=())

    assert await told(without, "03-04 16:05") == [[]]


async def test_every_threshold_is_a_kind_of_crossing_in_the_schema(province):
    """The schema's own list and ours are one."""
    definition = str(
        province.world.rows(
            "SELECT sql FROM sqlite_master WHERE name = 'crossing'"
            if province.database.dialect == "sqlite"
            else "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_crossing_kind'"
        )
    )

    assert all(f"'{threshold.value}'" in definition for threshold in Threshold)
