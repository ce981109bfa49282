"""One partner's reports count in the order of their own time, however they reach us. On both engines."""

import asyncio
import base64
import random
from datetime import datetime, timedelta

import pytest

from gateway.domain.status import Status, judge_move
from tests.progress_world import MINISTRY, START, Round, World

CODE = "H99.14-260928-0001"
LEAVES = {
    Status.FINISHED: {Status.RETURNED}
}  # a partner that takes an end back is ruled on by domain_rules §4.3


@pytest.fixture
def world(database):
    return World(database)


def at(seconds):
    return (START + timedelta(seconds=seconds)).isoformat()


def word(key, status, seconds, **more):
    return {"key": key, "status": status, "at": at(seconds), "data": {"said": key}, **more}


async def asked(world, code, *reports, **more):
    """The answer to the next question."""
    world.says(code, *reports, **more)
    await world.due(code)
    await world.round()


async def listed(world, code, *reports, ask=False):
    """The next page of the list of changes."""
    world.office.pages.append(
        {
            "changes": [{"dossier": code, "reports": list(reports), "ask": ask}],
            "cursor": f"c{len(world.office.acknowledged) + 1}",
        }
    )
    world.clock.move(seconds=300)
    await world.feed()


REQUEST = word(
    "notice:1",
    "supplement_requested",
    20,
    supplement={"reason": "Thiếu bản cam kết", "requested_at": at(20), "requested_by": "Bộ"},
)


async def test_list_that_still_shows_the_work_before_a_request_takes_no_request_back(world):
    await world.filed(CODE)
    await asked(world, CODE, REQUEST)
    await listed(world, CODE, word("status:4", "processing", 10))

    dossier = world.dossier(CODE)
    assert dossier.status == Status.SUPPLEMENT_REQUESTED
    assert [each.reason for each in dossier.supplements] == ["Thiếu bản cam kết"]
    [(_, remark)] = world.events("report.ignored")
    assert (remark["reason"], remark["report"]) == ("late", {"said": "status:4"})


async def test_at_one_instant_a_request_comes_after_the_work(world):
    other = "H99.14-260928-0002"
    work, request = word("status:4", "processing", 20), REQUEST
    for code, reports in ((CODE, (work, request)), (other, (request, work))):
        await world.filed(code)
        for report in reports:
            await listed(world, code, report)

    assert {world.dossier(code).status for code in (CODE, other)} == {Status.SUPPLEMENT_REQUESTED}


async def test_work_that_goes_on_after_a_request_is_taken(world):
    await world.filed(CODE)
    await asked(world, CODE, REQUEST)
    await listed(world, CODE, word("status:4", "processing", 30))

    assert world.dossier(CODE).status == Status.PROCESSING


async def test_request_that_was_answered_is_not_open_again_under_another_name(world):
    await world.filed(CODE)
    await asked(world, CODE, REQUEST)
    dossier = world.dossier(CODE)
    await world.version(CODE, dossier.version + 1, "processing")
    await listed(world, CODE, word("status:5", "supplement_requested", 20))

    assert world.dossier(CODE).status == Status.PROCESSING


async def test_request_that_is_new_is_taken_whatever_the_province_has_said_meanwhile(world):
    await world.filed(CODE)
    await asked(world, CODE, word("status:4", "processing", 10))
    await world.version(CODE, 3, "processing", note="của một cửa")
    await listed(world, CODE, REQUEST)

    assert world.dossier(CODE).status == Status.SUPPLEMENT_REQUESTED


async def test_what_cannot_follow_yet_has_its_effect_once_what_was_missing_has_come(world):
    await world.filed(CODE)
    await asked(world, CODE, REQUEST)
    paper = {
        "name": "Giấy phép",
        "media_type": "application/pdf",
        "content": base64.b64encode(b"%PDF").decode(),
    }
    await listed(world, CODE, word("status:10", "returned", 40, files=[paper], title="Đã trả"))
    before = world.dossier(CODE).status
    await listed(world, CODE, word("status:4", "processing", 30))

    dossier = world.dossier(CODE)
    assert (before, dossier.status) == (Status.SUPPLEMENT_REQUESTED, Status.RETURNED)
    assert [step.status for step in dossier.steps[-2:]] == ["processing", "returned"]
    assert dossier.returned_at == datetime.fromisoformat(at(40))
    assert len(dossier.results) == 1
    assert world.rows("SELECT COUNT(*) FROM progress_report WHERE parked IS NOT NULL") == [(0,)]


async def test_result_that_comes_late_is_a_result_all_the_same(world):
    await world.filed(CODE, status="processing")
    paper = {
        "name": "Giấy phép",
        "media_type": "application/pdf",
        "content": base64.b64encode(b"%PDF").decode(),
    }
    await listed(world, CODE, word("status:10", "returned", 40))
    await asked(world, CODE, word("permit", "finished", 30, files=[paper]))

    dossier = world.dossier(CODE)
    assert (dossier.status, [each.name for each in dossier.results]) == (Status.RETURNED, ["Giấy phép"])
    assert [step.status for step in dossier.steps] == ["returned"]


async def test_end_is_not_lost_when_work_was_told_after_it(world):
    """In order, work after an end is no news; so it is none either when it comes first."""
    other = "H99.14-260928-0002"
    end, work = word("permit", "finished", 10), word("status:4", "processing", 20)
    for code, reports in ((CODE, (end, work)), (other, (work, end))):
        await world.filed(code)
        for report in reports:
            await listed(world, code, report)

    assert {world.dossier(code).status for code in (CODE, other)} == {Status.FINISHED}


async def test_instant_beyond_all_clocks_makes_nothing_late_that_follows_the_next_day(world):
    await world.filed(CODE)
    await listed(world, CODE, {"key": "k1", "status": "processing", "at": "2962-09-28T01:00:00Z"})
    world.clock.move(days=2)
    now = world.clock().isoformat()
    await listed(world, CODE, {"key": "k2", "status": "supplement_requested", "at": now})

    assert world.dossier(CODE).status == Status.SUPPLEMENT_REQUESTED


async def test_report_without_an_instant_comes_after_all_that_was_said(world):
    await world.filed(CODE)
    await asked(world, CODE, word("k1", "supplement_requested", 7200))
    await asked(world, CODE, {"key": "k2", "status": "processing"})

    assert world.dossier(CODE).status == Status.PROCESSING


def course(chance, beginning):
    """States that a partner may go through one after the other, each with its second."""
    states, seconds, now = [], 10, beginning
    for _ in range(chance.randint(1, 7)):
        following = [
            each
            for each in Status
            if each in LEAVES.get(now, set(Status))
            and judge_move(now, each) in {"allowed", "flagged"}
            and (judge_move(now, each) == "allowed" or each.national > now.national)
        ]
        if not following:
            break
        each = chance.choice(following)
        seconds += chance.choice([0, 1, 30]) if each.national > now.national else chance.choice([1, 30])
        states.append((each, seconds))
        now = each
    return states


def reports_of(code, states):
    paper = {
        "name": "Kết quả",
        "media_type": "application/pdf",
        "content": base64.b64encode(b"%PDF").decode(),
    }
    return [
        word(
            f"{place}:{status}",
            status,
            seconds,
            **({"files": [paper]} if status is Status.FINISHED else {}),
        )
        for place, (status, seconds) in enumerate(states)
    ]


def seen(world, code):
    """What is left of all that was told: state, results, the partner's own state, and what the one-door has heard of."""
    dossier = world.dossier(code)
    [(theirs,)] = world.rows(
        "SELECT acknowledged_status FROM lane WHERE dossier_code = :code AND destination = 'ministry'",
        code=code,
    )
    told = [
        (kind, data.get("report", data)["said"])
        for kind, data, about in (
            (kind, data, about)
            for (kind, data), about in zip(
                world.events(),
                [
                    row[0]
                    for row in world.rows(
                        "SELECT dossier_code FROM event WHERE kind <> 'delivery.delivered' ORDER BY id"
                    )
                ],
                strict=True,
            )
        )
        if about == code and kind in {"ministry.progress", "report.ignored"}
    ]
    taken = [key for kind, key in told if kind == "ministry.progress"]
    assert len(taken) == len(set(taken))
    assert len(dossier.steps) == len({step.id for step in dossier.steps})
    return dossier.status, {each.name for each in dossier.results}, theirs, {key for _, key in told}


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_delay_and_repetition_comes_to_what_the_partner_s_own_order_comes_to(world, seed):
    chance = random.Random(seed)
    pairs = []
    for number in range(12):
        beginning = chance.choice([Status.REGISTERED, Status.RECEIVED, Status.PROCESSING])
        inorder, mixed = (f"H99.14-260928-{2 * number + twin:04}" for twin in (1, 2))
        states = course(chance, beginning)
        for code in (inorder, mixed):
            await world.version(code, status=beginning)
            await world.delivered(code)
        told = reports_of(mixed, states)
        shuffled = [*told, *chance.choices(told, k=chance.randint(0, 3))] if told else []
        chance.shuffle(shuffled)
        pairs.append((inorder, mixed, states, reports_of(inorder, states), shuffled))
    await world.round()
    page = 0
    while any(straight or shuffled for *_, straight, shuffled in pairs):
        changes = []
        for inorder, mixed, _, straight, shuffled in pairs:
            for code, waiting in ((inorder, straight), (mixed, shuffled)):
                some = [waiting.pop(0) for _ in range(min(len(waiting), chance.randint(0, 2)))]
                if some and chance.random() < 0.5:
                    world.says(code, *some)
                elif some:
                    changes.append({"dossier": code, "reports": some, "ask": chance.random() < 0.5})
        chance.shuffle(changes)
        page += 1
        if changes:
            world.office.pages.append({"changes": changes, "cursor": f"c{page}"})
        world.clock.move(days=1)
        await asyncio.gather(world.feed(), world.make_polls().run(Round()))

    for inorder, mixed, states, _, _ in pairs:
        assert seen(world, mixed) == seen(world, inorder), [status.value for status, _ in states]
        assert not states or world.dossier(inorder).status == states[-1][0]


async def test_both_ways_at_once_leave_the_newest_word(world):
    await world.filed(CODE)
    for number in range(8):
        world.office.pages.append(
            {
                "changes": [
                    {
                        "dossier": CODE,
                        "reports": [word(f"work:{number}", "processing", 10 * number)],
                        "ask": False,
                    }
                ],
                "cursor": f"c{number + 1}",
            }
        )
        world.says(CODE, word(f"request:{number}", "supplement_requested", 10 * number + 5))
        world.clock.move(days=1)
        await asyncio.gather(world.feed(), world.make_polls().run(Round()))
        assert world.dossier(CODE).status == Status.SUPPLEMENT_REQUESTED

    assert world.rows("SELECT COUNT(*) FROM progress_report WHERE destination = :name", name=MINISTRY) == [
        (16,)
    ]
