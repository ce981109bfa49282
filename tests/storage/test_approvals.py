"""A second person for what cannot be taken back, on both engines: asked once, decided once, used once."""

import asyncio
import json
from datetime import timedelta
from typing import get_args

import msgspec
import pytest
import sqlalchemy as sa

from gateway import settings
from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import ApprovalRequired, ConflictError, NotFoundError
from gateway.messagelog.acts import oversight
from gateway.storage.approvals import Approval, Permit, Wanted, Word, approved, decide
from gateway.storage.operators import operate
from gateway.storage.orders import Resolve, Retry, Skip
from gateway.storage.oversight import Dangerous
from gateway.storage.schema import delivery, message, operator_action
from gateway.storage.schema_access import approval
from tests.storage.province import NOW, Province

LIFETIME = 3600.0
WANTED = Wanted(
    actor="cli:an",
    reason="luật 91/2025, điều 14",
    now=NOW,
    action=Dangerous.ERASE,
    target="dossier:H99-1",
    parameters={"dossier": "H99-1", "entries": 40},
)


@pytest.fixture
def overseen(database):
    database.oversight = oversight(list(Dangerous), LIFETIME)
    return database


async def seek(database, **changed):
    return await database.write(lambda tx: approved(tx, msgspec.structs.replace(WANTED, **changed)))


async def asked(database, **changed):
    with pytest.raises(ApprovalRequired) as refusal:
        await seek(database, **changed)
    return int(refusal.value.approval)


def word(number, actor="cli:binh", **changed):
    said = Word(actor=actor, reason="đã đối chiếu", now=NOW, approval=number, verdict="approved")
    return msgspec.structs.replace(said, **changed)


async def say(database, *words):
    return await asyncio.gather(
        *(database.write(lambda tx, each=each: decide(tx, each)) for each in words), return_exceptions=True
    )


async def rows(database, table):
    return await database.read(
        lambda connection: connection.execute(sa.select(table).order_by(table.c.id)).all()
    )


async def test_nothing_happens_before_a_second_person_has_approved(overseen):
    number = await asked(overseen)
    assert await asked(overseen) == number  # asking again asks for nothing new

    [done] = await say(overseen, word(number))
    permit = await seek(overseen)

    assert (done.state, done.decided_by) == ("approved", "cli:binh")
    assert permit == Permit(approval=str(number), requested_by="cli:an", approved_by="cli:binh")
    [row] = await rows(overseen, approval)
    assert (row.state, row.carried_out_by) == ("carried_out", "cli:an")


async def test_an_approval_is_good_for_one_time(overseen):
    first = await asked(overseen)
    await say(overseen, word(first))
    await seek(overseen)

    assert await asked(overseen) != first


@pytest.mark.parametrize(
    "changed",
    [
        {"parameters": {"dossier": "H99-1", "entries": 41}},
        {"target": "dossier:H99-2"},
        {"action": Dangerous.DESTROY_KEYS},
    ],
)
async def test_an_approval_is_good_for_nothing_else(overseen, changed):
    number = await asked(overseen)
    await say(overseen, word(number))

    assert await asked(overseen, **changed) != number


async def test_the_order_of_parameters_means_nothing(overseen):
    number = await asked(overseen)

    assert await asked(overseen, parameters={"entries": 40, "dossier": "H99-1"}) == number


@pytest.mark.parametrize("actor", ["cli:an", "cli:AN", "cli:Ân", "one-door/an", "portal/A.n"])
async def test_nobody_approves_what_the_same_person_asked_for(overseen, actor):
    number = await asked(overseen)

    [refusal] = await say(overseen, word(number, actor))

    assert isinstance(refusal, ConflictError)
    assert (await rows(overseen, approval))[0].state == "requested"
    [done] = await say(overseen, word(number))
    assert done.state == "approved"


async def test_a_client_without_a_name_is_no_second_person_to_itself(overseen):
    number = await asked(overseen, actor="one-door")

    [refusal] = await say(overseen, word(number, "one-door/binh"))

    assert "could be the same person" in str(refusal)


async def test_of_two_who_decide_at_once_one_is_told(overseen):
    number = await asked(overseen)

    answers = await say(overseen, word(number, "cli:binh"), word(number, "cli:chi", verdict="declined"))

    assert {type(each) for each in answers} == {Approval, ConflictError}
    [row] = await rows(overseen, approval)
    [won] = [each for each in answers if isinstance(each, Approval)]
    assert (row.state, row.decided_by) == (won.state, won.decided_by)
    written = [each.action for each in await rows(overseen, operator_action)]
    assert len(written) == 2


async def test_the_same_word_again_does_nothing(overseen):
    number = await asked(overseen)

    first, again = await say(overseen, word(number), word(number))

    assert first.state == again.state == "approved"
    assert len(await rows(overseen, operator_action)) == 2


async def test_of_two_who_carry_it_out_at_once_one_may(overseen):
    number = await asked(overseen)
    await say(overseen, word(number))

    answers = await asyncio.gather(
        *(seek(overseen, actor=actor) for actor in ("cli:an", "cli:chi")), return_exceptions=True
    )

    assert {type(each) for each in answers} == {Permit, ApprovalRequired}


async def test_of_two_who_ask_at_once_both_wait_for_the_same(overseen):
    answers = await asyncio.gather(
        *(seek(overseen, actor=actor) for actor in ("cli:an", "cli:chi")), return_exceptions=True
    )

    assert len({each.approval for each in answers}) == 1


async def test_what_was_declined_may_be_asked_for_again(overseen):
    first = await asked(overseen)
    [done] = await say(overseen, word(first, verdict="declined"))

    assert done.state == "declined"
    assert await asked(overseen) != first


async def test_a_request_and_an_approval_expire(overseen):
    later = NOW + timedelta(seconds=LIFETIME)
    first = await asked(overseen)
    [refusal] = await say(overseen, word(first, now=later))
    assert "has expired" in str(refusal)

    second = await asked(overseen, now=later)
    await say(overseen, word(second, now=later))
    third = await asked(overseen, now=later + timedelta(seconds=LIFETIME))

    assert [row.state for row in await rows(overseen, approval)] == ["expired", "expired", "requested"]
    assert len({first, second, third}) == 3


async def test_whoever_has_seen_something_else_is_refused(overseen):
    number = await asked(overseen)

    [refusal] = await say(overseen, word(number, digest="0" * 64))
    [done] = await say(overseen, word(number, digest=WANTED.digest))

    assert "something else than what you have seen" in str(refusal)
    assert done.state == "approved"


async def test_an_approval_that_is_not_there_is_not_found(overseen):
    [refusal] = await say(overseen, word(1))

    assert isinstance(refusal, NotFoundError)


async def test_every_step_is_an_entry_of_the_message_log(overseen):
    number = await asked(overseen)
    await say(overseen, word(number))

    actions = await rows(overseen, operator_action)
    entries = await rows(overseen, message)
    assert [each.action for each in actions] == ["approval.request", "approval.approve"]
    assert [each.message_id for each in actions] == [each.id for each in entries]
    assert {(each.channel, each.direction, each.kind) for each in entries} == {("operator", "in", "request")}
    assert [each.operation for each in entries] == ["approval.request", "approval.approve"]


def test_settings_name_exactly_what_can_be_asked_for():
    assert set(get_args(settings.Dangerous)) == set(Dangerous)
    assert settings.ApprovalSettings().required == [each.value for each in Dangerous]


async def test_without_a_setting_one_person_is_enough(database):
    database.oversight = oversight([], LIFETIME)

    assert await seek(database) == Permit()
    assert await rows(database, approval) == []


@pytest.fixture
def province(overseen):
    return Province(overseen)


@pytest.mark.parametrize(
    ("state", "kind", "fields", "after"),
    [
        (DeliveryState.PARKED, Skip, {}, "skipped"),
        (DeliveryState.IN_DOUBT, Resolve, {"verdict": "rejected"}, "rejected"),
    ],
)
async def test_a_delivery_is_moved_for_good_by_two(province, state, kind, fields, after):
    target = await province.arrange("H99-1", state)
    order = kind(actor="cli:an", reason="sent on paper", now=NOW, delivery=target, **fields)
    with pytest.raises(ApprovalRequired) as refusal:
        await province.database.apply(operate, order)
    [row] = await rows(province.database, delivery)
    assert row.state == state

    await say(province.database, word(int(refusal.value.approval)))
    done = await province.database.apply(operate, order)

    assert done.after == after
    [*_, action] = await rows(province.database, operator_action)
    detail = json.loads(action.detail)
    assert (detail["requested_by"], detail["approved_by"]) == ("cli:an", "cli:binh")


async def test_a_delivery_that_was_moved_since_needs_another_word(province):
    target = await province.arrange("H99-1", DeliveryState.PARKED)
    order = Skip(actor="cli:an", reason="sent on paper", now=NOW, delivery=target)
    with pytest.raises(ApprovalRequired) as first:
        await province.database.apply(operate, order)
    await say(province.database, word(int(first.value.approval)))
    await province.database.apply(
        operate, Retry(actor="cli:chi", reason="it is up", now=NOW, delivery=target)
    )

    with pytest.raises(ApprovalRequired) as second:
        await province.database.apply(operate, order)

    assert second.value.approval != first.value.approval
