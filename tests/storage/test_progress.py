"""Partners that are asked: when, what an answer does, and what is left of it when a process dies. On both engines."""

import asyncio
import base64
import hashlib
import itertools
import signal
import subprocess
import sys
import textwrap

import httpx
import pytest

from gateway.domain.errors import NotFoundError
from gateway.domain.status import Status
from gateway.port.progress import Progress, ProgressReport, ReportedFile
from gateway.storage.urgency import SHIFT
from tests.progress_world import ADDRESS, MINISTRY, START, Round, World

CODE = "H99.14-260928-0001"
PDF = b"%PDF-1.7 ket qua"
SHA = hashlib.sha256(PDF).hexdigest()
RESULT = {
    "name": "Phiếu kết quả",
    "media_type": "application/pdf",
    "content": base64.b64encode(PDF).decode(),
    "code": "KQ 01",
}


@pytest.fixture
def world(database):
    return World(database)


async def test_a_delivered_dossier_is_asked_about_after_the_first_pause(world):
    await world.version(CODE)
    await world.delivered(CODE)
    first = await world.round()
    world.clock.move(seconds=599)
    early = await world.round()
    world.clock.move(seconds=1)
    due = await world.round()

    assert (first["due"], early["due"], due["due"]) == (0, 0, 1)
    assert [each["dossier"] for each in world.office.asked] == [CODE]


async def test_pauses_grow_while_there_is_no_news_and_begin_anew_with_a_report(world):
    await world.filed(CODE)
    pauses = []
    for _ in range(5):
        await world.due(CODE)
        await world.round()
        pauses.append(world.row(CODE)["pause"])
    world.says(CODE, {"key": "k1", "status": "processing"})
    await world.due(CODE)
    await world.round()

    assert pauses == [1200, 2400, 4800, 7200, 7200]
    assert world.row(CODE)["pause"] == 600


async def test_a_report_makes_a_version_and_the_portals_copy_follows(world):
    await world.filed(CODE)
    world.says(
        CODE,
        {
            "key": "k1",
            "kind": "ministry.finished",
            "status": "finished",
            "at": "2026-09-28T01:05:00Z",
            "title": "Có kết quả",
            "actor": "Nguyễn Văn Thử",
            "files": [RESULT],
        },
        done=True,
    )
    await world.due(CODE)
    done = await world.round()

    dossier = world.dossier(CODE)
    assert done["effects"] == {"reported": 1}
    assert (dossier.version, dossier.source, dossier.status) == (2, MINISTRY, "finished")
    assert dossier.finished_at is not None
    assert dossier.finished_at.isoformat() == "2026-09-28T01:05:00+00:00"
    [step] = dossier.steps
    assert (step.id, step.status, step.note) == ("reported:ministry:k1", "finished", "Có kết quả")
    [result] = dossier.results
    assert result.code == "KQ01"
    assert result.file is not None
    assert (result.file.url, result.file.sha256, result.file.size) == (
        f"{ADDRESS}/v1/files/{SHA}",
        SHA,
        len(PDF),
    )
    assert world.rows("SELECT body, origin FROM file") == [(PDF, "reported")]
    assert world.rows(
        "SELECT key FROM delivery WHERE destination = 'portal' AND dossier_code = :code"
        " AND state = 'pending'",
        code=CODE,
    ) == [("2",)]
    assert [kind for kind, _ in world.events()] == ["dossier.stored", "ministry.finished"]
    assert world.events("ministry.finished")[0][1]["files"][0]["sha256"] == SHA
    assert world.row(CODE)["next_at"] is None


async def test_no_bytes_of_a_result_are_in_an_event(world):
    await world.filed(CODE)
    world.says(CODE, {"key": "k1", "status": "finished", "files": [RESULT]})
    await world.due(CODE)
    await world.round()

    assert not [
        data for _, data in world.events() if RESULT["content"] in str(data) or "content" in str(data)
    ]


async def test_the_same_report_has_one_effect_however_often_it_is_read(world):
    await world.filed(CODE)
    for _ in range(4):
        world.says(CODE, {"key": "k1", "status": "processing", "files": [RESULT]})
        await world.due(CODE)
        await world.round()

    assert world.dossier(CODE).version == 2
    assert [kind for kind, _ in world.events()] == ["dossier.stored", "ministry.progress"]
    assert world.row(CODE)["pause"] == 4800


async def test_a_report_that_would_go_backwards_is_told_and_ignored_and_its_file_is_kept(world):
    await world.filed(CODE, status="returned")
    world.says(CODE, {"key": "late", "status": "processing", "files": [RESULT]})
    await world.due(CODE)
    await world.round()

    [(kind, data)] = world.events()
    assert kind == "report.ignored"
    assert data["report"]["files"][0]["sha256"] == SHA
    assert (world.dossier(CODE).version, world.dossier(CODE).status) == (1, "returned")
    assert world.rows("SELECT handling FROM progress_report") == [("ignored",)]
    assert world.rows("SELECT body FROM file") == [(PDF,)]


async def test_one_answer_with_several_reports_takes_effect_in_their_order(world):
    await world.filed(CODE)
    world.says(
        CODE,
        {"key": "k1", "status": "processing", "at": "2026-09-28T01:01:00Z"},
        {
            "key": "k2",
            "status": "supplement_requested",
            "supplement": {
                "reason": "Thiếu bản sao giấy tờ",
                "requested_at": "2026-09-28T01:02:00Z",
                "requested_by": "Trung tâm Thử nghiệm",
            },
        },
    )
    await world.due(CODE)
    await world.round()

    dossier = world.dossier(CODE)
    assert [step.status for step in dossier.steps] == ["processing", "supplement_requested"]
    [supplement] = dossier.supplements
    assert (supplement.id, supplement.reason) == (1, "Thiếu bản sao giấy tờ")
    assert dossier.status == Status.SUPPLEMENT_REQUESTED
    assert dossier.version == 3


async def test_an_answer_is_durable_before_the_next_question_leaves(world):
    await world.filed(CODE)
    world.says(CODE, {"key": "k1", "status": "processing"}, again=True, learned={"ask": "result"})
    world.says(CODE, {"key": "k2", "status": "finished"}, again=True, learned={"ask": "acknowledge"})
    world.says(CODE, done=True, learned={"ask": ""})
    seen = []
    world.office.before = lambda: seen.append(len(world.rows("SELECT 1 FROM progress_report")))
    await world.due(CODE)
    await world.round()

    assert [each["memory"].get("ask") for each in world.office.asked] == [None, "result", "acknowledge"]
    assert seen == [0, 1, 2]
    assert "ask" not in world.memory(CODE)
    assert world.row(CODE)["next_at"] is None


async def test_an_adapter_that_always_asks_again_is_stopped_and_goes_on_next_time(world):
    await world.filed(CODE)
    for _ in range(20):
        world.says(CODE, again=True)
    await world.due(CODE)
    await world.round()

    assert len(world.office.asked) == 8
    assert (await world.round())["due"] == 1


async def test_what_is_learnt_reaches_the_lane_only_while_nobody_is_at_work_on_it(world):
    await world.filed(CODE)
    await world.database.write(
        lambda tx: tx._cursor.execute(
            "UPDATE lane SET state = 'leased', lease_owner = 7, memory = '{\"mine\": \"1\"}'"
            " WHERE destination = 'ministry'"
        )
    )
    world.says(CODE, learned={"notice": "BS-01"})
    await world.due(CODE)
    await world.round()
    during = world.memory(CODE)
    world.says(CODE)
    await world.due(CODE)
    await world.round()
    asked_with = world.office.asked[-1]["memory"]["notice"]
    await world.database.write(
        lambda tx: tx._cursor.execute(
            "UPDATE lane SET state = 'idle', lease_owner = NULL WHERE destination = 'ministry'"
        )
    )
    await world.round()

    assert during == {"mine": "1"}
    assert asked_with == "BS-01"
    assert world.memory(CODE) == {"mine": "1", "notice": "BS-01"}
    assert (world.row(CODE)["learned"], bool(world.row(CODE)["unmerged"])) == ("{}", False)


async def test_a_partner_that_is_away_costs_a_few_questions_and_is_asked_again(world):
    codes = [f"H99.14-260928-{number:04}" for number in range(1, 31)]
    for code in codes:
        await world.version(code)
        await world.delivered(code)
    await world.round()
    world.clock.move(seconds=600)
    await world.destinations[MINISTRY].authenticator.obtain()
    world.office.away = True
    lost = await world.round(concurrency="1")
    world.office.away = False
    world.clock.move(seconds=700)
    back = await world.round()

    assert lost["away"] == [MINISTRY]
    assert lost["effects"] == {"no_answer": 8}
    assert back["effects"] == {"nothing_new": 30}
    assert world.rows("SELECT COUNT(*) FROM progress WHERE failures <> 0") == [(0,)]


async def test_an_answer_that_cannot_be_read_is_remembered_and_asked_for_again(world):
    await world.filed(CODE)
    world.office.answers[CODE].append("<html>")
    await world.due(CODE)
    await world.round()
    row = world.row(CODE)
    world.says(CODE, {"key": "k1", "status": "processing"})
    await world.due(CODE)
    await world.round()

    assert row["failure"] == "unreadable: HTTP 200"
    assert row["failures"] == 1
    assert world.dossier(CODE).version == 2
    assert (world.row(CODE)["failure"], world.row(CODE)["failures"]) == (None, 0)


async def test_an_expired_token_is_renewed_once_and_the_question_repeated_once(world):
    await world.filed(CODE)
    world.office.answers[CODE].append(httpx.Response(401))
    world.says(CODE, {"key": "k1", "status": "processing"})
    await world.due(CODE)
    await world.round()

    assert world.dossier(CODE).version == 2
    assert [each["token"] for each in world.office.asked] == ["token-1", "token-2"]


async def test_a_token_that_is_refused_twice_waits(world):
    await world.filed(CODE)
    for _ in range(5):
        world.office.answers[CODE].append(httpx.Response(401))
    await world.due(CODE)
    done = await world.round()

    assert done["effects"] == {"unreadable": 1}
    assert len(world.office.asked) == 2


async def test_a_busy_partner_is_given_the_time_that_it_asks_for(world):
    await world.filed(CODE)
    world.office.answers[CODE].append(httpx.Response(503, headers={"retry-after": "3000"}))
    await world.due(CODE)
    asked_at = world.row(CODE)["next_at"]
    await world.round()

    assert world.row(CODE)["next_at"] == asked_at + 3000


async def test_no_token_is_in_the_log_or_in_a_failure(world):
    await world.filed(CODE)
    await world.due(CODE)
    await world.round()

    bodies = world.rows("SELECT body FROM message_body")
    assert bodies
    assert not [body for (body,) in bodies if b"token-1" in bytes(body)]


async def test_a_defect_of_the_adapter_spoils_one_question(world):
    await world.filed(CODE)
    world.ministry.broken = lambda: 1 / 0
    await world.due(CODE)
    spoilt = await world.round()
    world.ministry.broken = None
    world.says(CODE, {"key": "k1", "status": "processing"})
    await world.due(CODE)
    await world.round()

    assert spoilt["effects"] == {"unreadable": 1}
    assert world.dossier(CODE).version == 2


@pytest.mark.parametrize(
    "report",
    [
        {"key": "", "status": "processing"},
        {"key": "k1", "kind": "Not A Kind"},
        {"key": "k1", "data": ["a list"]},
        {"key": "k1", "at": "2026-09-28T01:00:00", "status": "processing"},
    ],
)
async def test_a_report_that_cannot_be_is_a_defect_and_has_no_effect(world, report):
    await world.filed(CODE)
    world.says(CODE, report)
    await world.due(CODE)
    await world.round()

    assert world.dossier(CODE).version == 1
    assert world.events() == []
    assert world.row(CODE)["failure"].startswith("adapter_defect")


async def test_what_no_column_can_hold_is_stored_without_it(world):
    await world.filed(CODE)
    world.says(
        CODE, {"key": "k\x00" + "y" * 300, "status": "processing", "note": "x" * 5000, "title": "a\x00b"}
    )
    await world.due(CODE)
    await world.round()

    [step] = world.dossier(CODE).steps
    assert step.note == "a�b: " + "x" * 3995
    assert len(step.id) <= 100


async def test_names_and_codes_of_files_are_stored_without_what_cannot_be(world):
    await world.filed(CODE)
    world.ministry.broken = lambda: Progress(
        reports=(
            ProgressReport(
                key="k\ud800",
                kind="ministry.progress",
                note="a\ud800b",
                status=Status.FINISHED,
                files=(
                    ReportedFile(
                        name="tên\ud800\x00", media_type="x\x00", content=PDF, code=" A\x01\u200b 1 "
                    ),
                ),
            ),
        )
    )
    await world.due(CODE)
    done = await world.round()

    [result] = world.dossier(CODE).results
    assert done["effects"] == {"reported": 1}
    assert (result.name, result.code) == ("tên?�", "A1")
    assert world.events("ministry.progress")[0][1]["files"][0]["name"] == "tên?�"


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Progress(reports=[None]),
        lambda: Progress(reports=7),
        lambda: Progress(learned={"a": "\ud800"}),
        lambda: Progress(reports=(ProgressReport(key="k", kind="m.p", status="no such"),)),
        lambda: "no progress",
    ],
)
async def test_what_an_adapter_says_wrongly_costs_its_dossier_one_question_and_nobody_else(world, answer):
    other = "H99.14-260928-0002"
    for code in (CODE, other):
        await world.filed(code)
    good = world.ministry.interpret_progress
    world.ministry.interpret_progress = lambda code, *rest: answer() if code == CODE else good(code, *rest)
    world.says(other, {"key": "k1", "status": "processing"})
    await world.due(other)
    done = await world.round()

    assert done["effects"] == {"reported": 1, "unreadable": 1}
    assert world.dossier(other).version == 2
    assert world.dossier(CODE).version == 1


async def test_a_promise_is_warned_of_once_even_when_nobody_answers(world):
    await world.filed(CODE, due_at="2026-09-28T05:00:00Z")
    world.office.away = True
    world.clock.now = START.replace(hour=3, minute=59)
    early = await world.round()
    world.clock.now = START.replace(hour=4)
    near = await world.round()
    again = await world.round()

    assert (early["warned"], near["warned"], again["warned"]) == (0, 1, 0)
    [(_, data)] = world.events("progress.promise_near")
    assert data["promised_at"] == "2026-09-28T05:00:00Z"
    assert data["overdue"] is False


async def test_an_urgent_lane_is_warned_of_by_its_promise_and_asked_about_as_before(world):
    """What is urgent has a lane whose promise lies before all others; nobody was promised that instant."""
    await world.filed(CODE, due_at="2026-09-28T05:00:00Z")
    await world.database.write(
        lambda tx: tx._cursor.execute(f"UPDATE lane SET promise_at = promise_at - {SHIFT}")  # noqa: S608
    )
    world.clock.now = START.replace(hour=3, minute=59)
    early = await world.round()
    world.clock.now = START.replace(hour=4)
    near = await world.round()

    assert (early["warned"], near["warned"]) == (0, 1)
    [(_, data)] = world.events("progress.promise_near")
    assert (data["promised_at"], data["overdue"]) == ("2026-09-28T05:00:00Z", False)


async def test_the_partners_own_promise_goes_before_the_due_time_and_a_new_one_is_warned_of_again(world):
    await world.filed(CODE, due_at="2026-09-28T23:00:00Z")
    world.says(CODE, {"key": "k1", "status": "processing", "promised_at": "2026-09-28T02:00:00Z"})
    await world.due(CODE)
    first = await world.round()
    world.says(CODE, {"key": "k2", "promised_at": "2026-09-28T10:00:00Z"})
    await world.due(CODE)
    await world.round()
    world.clock.now = START.replace(hour=9, minute=1)
    second = await world.round()

    assert (first["warned"], second["warned"]) == (1, 1)
    assert world.dossier(CODE).due_at is not None
    assert world.dossier(CODE).due_at.isoformat() == "2026-09-28T23:00:00+00:00"


async def test_near_its_promise_a_dossier_is_watched_closely(world):
    await world.filed(CODE, due_at="2026-09-28T05:00:00Z")
    asked = []
    while world.clock() < START.replace(hour=6):
        await world.due(CODE)
        await world.round()
        asked.append(world.row(CODE)["asked_at"])
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    close = [pause for pause, at in zip(pauses, asked[1:], strict=True) if 3 * 3600 + 900 < at < 5 * 3600]

    assert close
    assert max(close) <= 900
    assert any(at == 3 * 3600 for at in asked)


async def test_nothing_more_is_asked_when_it_is_done_until_something_is_delivered_again(world):
    await world.filed(CODE)
    world.says(CODE, done=True)
    await world.due(CODE)
    await world.round()
    world.clock.move(days=3)
    silent = await world.round()
    await world.delivered(CODE)
    await world.round()
    world.clock.move(seconds=600)
    again = await world.round()

    assert (silent["due"], again["due"]) == (0, 1)


async def test_a_dry_run_changes_nothing(world):
    await world.filed(CODE)
    await world.due(CODE)
    before = world.row(CODE)

    assert dict(await world.polls.run(Round(dry_run=True))) == {"due": 1}
    assert world.row(CODE) == before
    assert world.office.asked == []


async def test_a_destination_that_is_not_followed_is_not_found(world):
    with pytest.raises(NotFoundError):
        await world.round(destination="portal")
    with pytest.raises(NotFoundError):
        await world.feed(destination="portal")


async def test_a_version_of_the_one_door_system_that_comes_in_between_is_not_lost(world):
    await world.filed(CODE)
    world.says(CODE, {"key": "k1", "status": "processing"})
    await world.due(CODE)
    await asyncio.gather(world.round(), world.version(CODE, 2, "received", note="của một cửa"))

    dossier = world.dossier(CODE)
    assert dossier.version in {2, 3}
    assert dossier.note == "của một cửa" or dossier.source == MINISTRY
    assert [step.id for step in dossier.steps] == ["reported:ministry:k1"] or dossier.version == 2


async def test_two_rounds_at_once_give_one_effect(world):
    await world.filed(CODE)
    for _ in range(2):
        world.says(CODE, {"key": "k1", "status": "processing", "files": [RESULT]})
    await world.due(CODE)
    await asyncio.gather(world.round(), world.make_polls().run(Round()))

    assert world.dossier(CODE).version == 2
    assert [kind for kind, _ in world.events()] == ["dossier.stored", "ministry.progress"]


async def test_a_feed_is_read_to_its_end_and_acknowledged_after_it_is_durable(world):
    other = "H99.14-260928-0002"
    for code in (CODE, other):
        await world.filed(code)
    world.office.pages.append(
        {
            "changes": [
                {"dossier": CODE, "reports": [{"key": "f1", "status": "processing"}], "ask": False},
                {"dossier": "somebody-elses"},
            ],
            "cursor": "c1",
            "more": True,
        }
    )
    world.office.pages.append({"changes": [{"dossier": other}], "cursor": "c2"})
    done = await world.feed()
    due = await world.round()

    assert done == {"due": 1, "pages": 2, "changes": 3, "failures": {}}
    assert world.office.acknowledged == ["c1", "c2"]
    assert world.dossier(CODE).version == 2
    assert due["due"] == 1
    assert world.office.asked[-1]["dossier"] == other
    assert world.rows("SELECT cursor FROM progress_feed") == [("c2",)]


async def test_a_page_that_is_listed_again_has_no_second_effect(world):
    await world.filed(CODE)
    page = {
        "changes": [{"dossier": CODE, "reports": [{"key": "f1", "status": "processing"}]}],
        "cursor": "c1",
    }
    for _ in range(3):
        world.office.pages.append(page)
        await world.feed()
        world.clock.move(seconds=300)

    assert world.dossier(CODE).version == 2
    assert len(world.events("ministry.progress")) == 1


async def test_a_feed_is_left_alone_until_its_interval_is_over(world):
    first = await world.feed()
    second = await world.feed()
    world.clock.move(seconds=300)
    third = await world.feed()

    assert (first["due"], second["due"], third["due"]) == (1, 0, 1)


async def test_a_feed_that_cannot_be_read_keeps_its_place(world):
    await world.filed(CODE)
    world.office.pages.append({"changes": [{"dossier": CODE}], "cursor": "c1"})
    await world.feed()
    world.clock.move(seconds=300)
    world.office.away = True
    failed = await world.feed()
    world.office.away = False
    world.clock.move(seconds=300)
    await world.feed()

    assert list(failed["failures"]) == [MINISTRY]
    assert world.office.asked[-1]["cursor"] == "c1"
    assert world.rows("SELECT failures FROM progress_feed") == [(0,)]


async def test_a_partner_without_acknowledgements_is_not_sent_any(world):
    world.ministry.acknowledges = False
    await world.filed(CODE)
    world.office.pages.append({"changes": [{"dossier": CODE}], "cursor": "c1"})
    await world.feed()

    assert world.office.acknowledged == []
    assert world.rows("SELECT cursor FROM progress_feed") == [("c1",)]


KILLED = textwrap.dedent(
    """
    import asyncio, os, signal, sys
    from tests.progress_world import World, Round
    from gateway.storage.database import Database

    url, statement = sys.argv[1], sys.argv[2]

    async def main():
        database = Database(url)
        world = World(database)
        world.clock.move(days=1)
        for _ in range(3):
            world.says("H99.14-260928-0001", {"key": "k1", "status": "processing"}, learned={"x": "1"}, again=True)
            world.says("H99.14-260928-0001", {"key": "k2", "status": "finished"}, done=True)
        from gateway.storage import progress
        before = getattr(progress, statement)
        def dying(*given, **named):
            result = before(*given, **named)
            if dying.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            dying.left -= 1
            return result
        dying.left = int(sys.argv[3])
        setattr(progress, statement, dying)
        await world.polls.run(Round())

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("statement", ["_tell", "hear"])
@pytest.mark.parametrize("after", [0, 1])
async def test_a_process_that_is_killed_in_a_commit_asks_again_and_repeats_nothing(
    database_url, statement, after
):
    from gateway.storage.database import Database

    database = Database(database_url)
    world = World(database)
    await world.filed(CODE)
    database.close()

    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, database_url, statement, str(after)],
        check=False,
        timeout=60,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]

    database = Database(database_url)
    world = World(database)
    world.clock.move(days=1)
    world.says(CODE, {"key": "k1", "status": "processing"}, learned={"x": "1"}, again=True)
    world.says(CODE, {"key": "k2", "status": "finished"}, done=True)
    await world.round()
    try:
        assert [step.id for step in world.dossier(CODE).steps] == [
            "reported:ministry:k1",
            "reported:ministry:k2",
        ]
        assert world.dossier(CODE).version == 3
        assert len(world.events("ministry.progress")) == 2
        assert world.memory(CODE).get("x") == "1"
    finally:
        database.close()
