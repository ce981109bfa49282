"""The assessor: every version judged once and in order, whatever breaks, whoever else is at it."""

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta

import msgspec
import pytest

from gateway.deadlines.account import ReappointmentAccount, StepAccount
from gateway.domain.errors import StorageUnavailable
from gateway.domain.status import Status
from gateway.statussync.judgement import ASSESSMENT_FAILED
from gateway.storage import standings, upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.schema_status import STILL
from tests.delivery.conftest import Flaky
from tests.delivery.standing_world import START, Interposed, Province, codes, finished, moment, said
from tests.storage.builders import event, snapshot

CODE = "H99-a"


@pytest.fixture
def province(database):
    return Province(database)


async def test_first_version_opens_a_period(province):
    standing = await province.hear(said(CODE))

    assert (standing.status, standing.by_date, standing.by_instant) == (4, "IN_TIME", "IN_TIME")
    assert standing.due_at == standing.due_original_at == to_micros(moment("03-05 09:00"))
    assert (standing.effective_from, standing.effective_to) == (to_micros(START), STILL)
    assert province.waiting() == 0


async def test_steps_are_periods_of_their_own_times(province):
    steps = (
        StepAccount(at=moment("03-02 09:00"), status=Status.RECEIVED),
        StepAccount(at=moment("03-02 14:00"), status=Status.PROCESSING),
        StepAccount(at=moment("03-04 16:00"), status=Status.FINISHED),
    )
    province.at("03-05 08:00")

    await province.hear(finished(CODE, 1, moment("03-04 16:00"), steps=steps))

    assert province.periods(CODE) == [(2, "IN_TIME"), (4, "IN_TIME"), (9, "EARLY")]


async def test_late_news_changes_the_past_that_it_speaks_of(province):
    await province.hear(said(CODE, status=Status.RECEIVED))
    province.at("03-04 10:00")
    await province.hear(
        said(CODE, 2, steps=(StepAccount(at=moment("03-03 14:00"), status=Status.PROCESSING),))
    )
    assert province.periods(CODE) == [(2, "IN_TIME"), (4, "IN_TIME")]

    province.at("03-04 11:00")
    told_late = (
        StepAccount(at=moment("03-02 15:00"), status=Status.SUPPLEMENT_REQUESTED),
        StepAccount(at=moment("03-03 08:00"), status=Status.RECEIVED),
        StepAccount(at=moment("03-03 14:00"), status=Status.PROCESSING),
    )
    await province.hear(said(CODE, 3, steps=told_late))

    assert province.periods(CODE) == [(2, "IN_TIME"), (5, "PAUSED"), (2, "IN_TIME"), (4, "IN_TIME")]


async def test_many_versions_at_once_are_judged_in_their_order(province):
    for code in codes(30):
        for version in range(1, 6):
            await province.say(said(code, version, due_at=START + timedelta(days=2 + version)))

    assert await province.assess() == 150

    for code in codes(30):
        standing = province.standing(code)
        assert standing.version == 5
        # F04: the first promise holds, whatever is declared without a paper
        assert standing.due_at == to_micros(START + timedelta(days=3))
        assert standing.due_declared_at == to_micros(START + timedelta(days=7))
        assert "SILENT_DUE_CHANGE" in standing.flags
    assert province.count("due_change", "NOT applied") == 30 * 4


async def test_order_holds_when_only_some_versions_fit_in_a_portion(province):
    for version in range(1, 8):
        await province.say(said(CODE, version, due_at=START + timedelta(days=version)))

    while await province.assessor.run_once(most=1):
        pass

    assert province.standing(CODE).due_at == to_micros(START + timedelta(days=1))
    assert province.standing(CODE).version == 7


async def test_version_that_says_nothing_new_tells_nothing_new(province):
    await province.hear(said(CODE, 1))
    await province.hear(said(CODE, 2, due_at=moment("03-09 09:00")))
    before = province.kinds()

    await province.hear(said(CODE, 3, due_at=moment("03-09 09:00")))

    assert province.kinds() == before == ["dossier.due_changed", "dossier.anomaly"]
    assert (province.count("due_change"), province.count("anomaly")) == (2, 1)


async def test_lawful_change_of_the_promise_is_told_with_its_paper(province):
    await province.hear(said(CODE))
    paper = ReappointmentAccount(
        old_due_at=moment("03-05 09:00"),
        new_due_at=moment("03-10 09:00"),
        issued_at=moment("03-03 10:00"),
        document_number="12/PXL",
        signer="Nguyễn Văn Mẫu",
    )
    province.at("03-03 10:05")

    standing = await province.hear(said(CODE, 2, due_at=moment("03-10 09:00"), reappointments=(paper,)))

    assert standing.due_at == to_micros(moment("03-10 09:00"))
    assert standing.due_original_at == to_micros(moment("03-05 09:00"))
    [(kind, data)] = province.events()
    assert kind == "dossier.due_changed"
    assert (data["cause"], data["applied"], data["document_number"]) == ("reappointment", True, "12/PXL")
    assert "Mẫu" not in msgspec.json.encode(data).decode()


async def test_rewritten_end_is_an_anomaly_and_the_first_value_is_judged(province):
    province.at("03-06 08:00")
    await province.hear(finished(CODE, 1, moment("03-06 07:10")))
    assert province.standing(CODE).by_date == "LATE"

    standing = await province.hear(finished(CODE, 2, moment("03-05 09:00")))

    assert (standing.by_date, standing.ended_at) == ("LATE", to_micros(moment("03-06 07:10")))
    assert province.anomalies(CODE) == ["END_TIME_REWRITTEN"]


# what breaks


async def spoil(province, code, version):
    """The stored account of a version becomes something that no program can read."""

    def write(transaction):
        statement = standings.Statement(
            "UPDATE dossier_version SET account = :account WHERE dossier_code = :code AND version = :version"
        )
        transaction.run(statement, {"account": b"{", "code": code, "version": version})

    await province.database.write(write)


async def test_defect_in_one_dossier_costs_the_others_nothing(province):
    for code in codes(10):
        await province.say(said(code))
    await spoil(province, "H99-004", 1)

    assert await province.assess() == 10

    assert province.waiting() == 0
    assert province.count("standing") == 9
    assert province.anomalies("H99-004") == [ASSESSMENT_FAILED]
    assert province.events("H99-004") == [
        ("dossier.anomaly", {"version": 1, "kind": ASSESSMENT_FAILED, "field": ""})
    ]


async def test_version_after_a_defective_one_is_judged(province):
    await province.hear(said(CODE, 1))
    await province.say(said(CODE, 2))
    await spoil(province, CODE, 2)
    await province.say(said(CODE, 3, due_at=moment("03-09 09:00")))

    await province.assess()

    assert province.standing(CODE).version == 3
    assert sorted(province.anomalies(CODE)) == [ASSESSMENT_FAILED, "SILENT_DUE_CHANGE"]


async def test_account_that_the_open_period_rests_on_may_be_lost(province):
    await province.hear(said(CODE, 1))
    await spoil(province, CODE, 1)
    await province.say(said(CODE, 2))

    await province.assess()

    assert province.waiting() == 0
    assert ASSESSMENT_FAILED in province.anomalies(CODE)
    assert province.standing(CODE).version == 1


async def test_rows_that_the_database_refuses_are_written_down_as_a_failure(province, database):
    async def meddle(item):
        if item.code != "H99-003" or not item.standings:
            return item
        broken = msgspec.structs.replace(item.standings[0], status=99)
        return msgspec.structs.replace(item, standings=(broken,))

    for code in codes(6):
        await province.say(said(code))

    assert await Province(Interposed(database, meddle)).assess() == 6

    assert province.count("standing") == 5
    assert province.anomalies("H99-003") == [ASSESSMENT_FAILED]


@pytest.mark.parametrize("committed", [False, True], ids=["lost", "committed"])
async def test_database_that_goes_away_in_the_middle_loses_and_doubles_nothing(province, database, committed):
    for code in codes(5):
        await province.say(said(code, due_at=moment("03-05 09:00")))
        await province.say(said(code, 2, due_at=moment("03-09 09:00")))
    flaky = Flaky(database, "record_assessments", failures=2, committed=committed)
    shaken = Province(flaky)

    with pytest.raises(StorageUnavailable):
        await shaken.assessor.run_once()
    await shaken.assess()

    assert province.waiting() == 0
    assert province.count("standing") == 5
    assert province.count("due_change") == 10
    assert province.kinds().count("dossier.due_changed") == 5


async def test_outage_is_one_fault_however_many_dossiers_it_meets(province, database):
    """What nobody asked about is written to the error output, a traceback each."""
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    for code in codes(5):
        await province.say(said(code))

    async def away(item):
        raise StorageUnavailable(f"away for {item.code}")

    with contextlib.suppress(StorageUnavailable):  # nothing else keeps what was raised
        await Province(Interposed(database, away)).assessor.run_once()
    gc.collect()

    assert told == []
    assert await province.assess() == 5


async def test_version_that_comes_in_meanwhile_is_judged_after(province, database):
    later = [said(CODE, 2, due_at=moment("03-09 09:00"))]

    async def meddle(item):
        while later:
            await province.say(later.pop())
        return item

    await province.say(said(CODE, 1))

    assert await Province(Interposed(database, meddle)).assess() == 2

    assert province.standing(CODE).version == 2
    assert province.standing(CODE).due_at == to_micros(moment("03-05 09:00"))


async def test_two_judgements_of_one_version_are_written_once(province, database):
    """Both have read the same; the later one finds the version done with, and leaves it."""
    await province.say(said(CODE))
    rival = Province(database)

    done = await asyncio.gather(province.assessor.run_once(), rival.assessor.run_once())

    assert sorted(done) == [0, 1]
    assert province.count("standing") == 1


# several processes


async def test_two_processes_judge_every_version_once_and_in_order(postgresql_url):
    databases = [Database(postgresql_url) for _ in range(3)]
    provinces = [Province(database) for database in databases]
    try:
        feeder, *judges = provinces

        async def feed():
            for version in range(1, 6):
                for code in codes(25):
                    await feeder.say(said(code, version, due_at=START + timedelta(days=2 + version)))

        async def work(province):
            idle = 0
            while idle < 40:
                idle = 0 if await province.assessor.run_once(most=7) else idle + 1
                await asyncio.sleep(0.005)

        await asyncio.gather(feed(), *map(work, judges))

        assert feeder.waiting() == 0
        for code in codes(25):
            assert feeder.periods(code)[-1] == (4, "IN_TIME")
            assert feeder.standing(code).version == 5
            assert feeder.standing(code).due_at == to_micros(START + timedelta(days=3))
            assert feeder.kinds(code).count("dossier.due_changed") == 4
        assert feeder.count("standing", f"effective_to = {STILL}") == 25
    finally:
        for database in databases:
            database.close()


async def test_longest_standing_worker_does_the_work_and_another_helps_when_it_is_stuck(province):
    first = await province.database.write(lambda tx: upkeep.register_worker(tx, 1))
    second = await province.database.write(lambda tx: upkeep.register_worker(tx, 2))
    leader, other = Province(province.database, worker=first), Province(province.database, worker=second)
    assert not await leader.assessor._is_mine()  # nothing to do

    await province.say(said(CODE))
    assert await leader.assessor._is_mine()
    assert not await other.assessor._is_mine()

    other.now += timedelta(minutes=1)
    assert await other.assessor._is_mine()


async def until(expected):
    async with asyncio.timeout(20):
        while not expected():  # noqa: ASYNC110 - another task's work is watched from outside
            await asyncio.sleep(0.01)


async def test_task_judges_what_comes_in_until_it_is_stopped(province):
    stopping = asyncio.Event()
    task = asyncio.create_task(province.assessor.run(stopping))
    for code in codes(3):
        await province.say(said(code))
        province.assessor.wake()
        await until(lambda: not province.waiting())
    stopping.set()
    province.assessor.wake()
    await asyncio.wait_for(task, 20)

    assert province.count("standing") == 3


JUDGING = """
    import asyncio, sys
    from datetime import timedelta
    from gateway.storage.database import Database
    from tests.delivery.standing_world import START, Interposed, Province, codes, said

    async def main(url):
        province = Province(Database(url))
        for version in range(1, 5):
            for code in codes(60):
                await province.say(said(code, version, due_at=START + timedelta(days=2 + version)))
        print("said", flush=True)
        while done := await province.assessor.run_once(most=5):
            print(done, flush=True)
        print("done", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("lines", [1, 3, 9])
def test_killed_process_loses_nothing(database_url, lines):
    command = [sys.executable, "-c", textwrap.dedent(JUDGING), database_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    database = Database(database_url)
    try:
        province = Province(database)
        half_done = province.waiting()
        asyncio.run(province.assess())
        assert province.waiting() == 0
        assert half_done > 0
        assert province.count("standing") == 60
        for code in codes(60):
            assert province.standing(code).due_at == to_micros(START + timedelta(days=3))
            assert province.kinds(code).count("dossier.due_changed") == 3
    finally:
        database.close()


# what goes first


async def test_finished_dossier_goes_before_all_others(province):
    await province.hear(said("H99-near", due_at=moment("03-03 09:00")), snapshot("1"))
    await province.hear(said("H99-far", due_at=moment("06-01 09:00")), snapshot("1"))
    province.at("03-03 10:00")

    await province.hear(
        finished("H99-far", 2, moment("03-03 09:30"), due_at=moment("06-01 09:00")),
        snapshot("2"),
        event("end"),
    )

    claimed = await province.world.claim()
    assert [lane.dossier for lane in claimed] == ["H99-far", "H99-near"]


async def test_new_version_of_a_finished_dossier_stays_first(province):
    """The intake gives a lane the place of its promise again; the end is still not acknowledged."""
    province.at("03-03 10:00")
    await province.hear(finished(CODE, 1, moment("03-03 09:30")), snapshot("1"))
    await province.say(finished(CODE, 2, moment("03-03 09:30")), snapshot("2"))
    assert province.count("lane", "promise_at < 0") == 0

    await province.assess()

    assert province.count("lane", "promise_at < 0") == 1
