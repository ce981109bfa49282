"""Corrections of failed deliveries, on both engines: what is replaced, what is kept, what is refused."""

import asyncio
from datetime import timedelta
from functools import partial

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.domain.errors import ApprovalRequired, ConflictError, NotFoundError
from gateway.messagelog.acts import oversight
from gateway.oversight.approvals import ApprovalDesk, delivery_carriers
from gateway.storage.approvals import Word
from gateway.storage.delivery_edits import (
    Edit,
    EditDone,
    content_digest,
    edit_delivery,
    edits_of,
    stored_content,
)
from gateway.storage.drift_lanes import lane_outlines
from gateway.storage.operators import operate
from gateway.storage.orders import Retry
from gateway.storage.oversight import Dangerous
from gateway.storage.schema import delivery, event, operator_action
from gateway.storage.schema_edits import delivery_edit
from tests.storage.province import NOW, Province, planned

S = DeliveryState
NEW = msgspec.json.encode({"key": "a", "status": "received", "version": 1, "phone": "0900000001"})
CANARY = b"0900000001"


@pytest.fixture
def province(database):
    return Province(database)


def order(target, shown, *, content=NEW, actor="console/mai", pointers=("/phone",)):
    return Edit(
        actor=actor,
        reason="the number was wrong",
        now=NOW,
        delivery=target,
        shown=shown,
        content=content,
        pointers=pointers,
    )


async def content_of(province, target):
    return await province.database.read(partial(stored_content, delivery_id=target))


async def shown(province, target):
    return (await content_of(province, target)).digest


async def edit(province, target, digest=None, **fields):
    wanted = order(target, digest or await shown(province, target), **fields)
    return await province.database.write(partial(edit_delivery, order=wanted))


async def rows_of(province, table):
    question = sa.select(table).order_by(table.c.id)
    return await province.database.read(lambda connection: connection.execute(question).all())


@pytest.mark.parametrize("state", [S.REJECTED, S.PARKED])
async def test_a_correction_is_sent_at_its_place_under_its_key(province, state):
    target = await province.arrange("H99-1", state, "a", "b")
    before = await content_of(province, target)

    done = await edit(province, target)

    assert (done.before, done.after, done.lane_state) == (state, S.PENDING, LaneState.READY)
    [claimed] = await province.claim()
    assert [item.delivery.key for item in claimed.queue] == ["a", "b"]
    assert claimed.queue[0].delivery.payload == NEW
    assert claimed.queue[0].delivery.id == before.id
    [row] = [each for each in await rows_of(province, delivery) if each.id == target]
    assert row.edited_at is not None
    assert row.digest == planned("a").digest  # by which a newer version is compared


async def test_what_it_said_before_is_kept(province):
    target = await province.arrange("H99-1", S.REJECTED)
    before = await content_of(province, target)
    await edit(province, target)
    [kept] = await province.database.read(partial(edits_of, delivery_id=target, now=NOW))
    assert (kept.before, kept.after, kept.state) == (before.payload, NEW, "applied")
    assert (kept.actor, kept.reason, kept.pointers) == ("console/mai", "the number was wrong", ["/phone"])


async def test_history_and_event_name_the_fields_and_no_value(province):
    target = await province.arrange("H99-1", S.REJECTED)
    done = await edit(province, target)
    [told] = [row for row in await rows_of(province, event) if row.kind == "delivery.edited"]
    [action] = [row for row in await rows_of(province, operator_action) if row.action == "edit"]
    assert msgspec.json.decode(told.data)["pointers"] == ["/phone"]
    assert msgspec.json.decode(action.detail)["pointers"] == ["/phone"]
    assert str(action.id) == done.action
    assert (action.actor, action.reason) == ("console/mai", "the number was wrong")
    assert CANARY.decode() not in told.data + action.detail


@pytest.mark.parametrize("state", [S.IN_DOUBT, S.WAITING, S.DELIVERED])
async def test_what_has_not_failed_for_good_is_not_corrected(province, state):
    target = await province.arrange("H99-1", state)
    before = await content_of(province, target)
    with pytest.raises(ConflictError, match="only what was rejected or parked"):
        await edit(province, target)
    assert await content_of(province, target) == before
    assert await province.database.read(partial(edits_of, delivery_id=target, now=NOW)) == []


async def test_what_is_at_the_partner_is_not_corrected(province):
    target = await province.arrange("H99-1", S.REJECTED)
    digest = await shown(province, target)
    await province.database.apply(operate, Retry(actor="x", reason="again", now=NOW, delivery=target))
    [claimed] = await province.claim()
    await province.send(claimed)
    with pytest.raises(ConflictError, match="at this moment"):
        await edit(province, target, digest)
    assert (await content_of(province, target)).digest == digest


async def test_nobody_corrects_what_does_not_exist(province):
    with pytest.raises(NotFoundError):
        await edit(province, 404, "0" * 64)


async def test_a_correction_that_changes_nothing_is_refused(province):
    target = await province.arrange("H99-1", S.REJECTED)
    same = (await content_of(province, target)).payload
    with pytest.raises(ConflictError, match="nothing was changed"):
        await edit(province, target, content=same, pointers=())


async def test_of_two_editors_at_once_one_is_told_to_look_again(province):
    target = await province.arrange("H99-1", S.REJECTED)
    digest = await shown(province, target)
    other = msgspec.json.encode({"key": "a", "status": "received", "version": 1, "phone": "2"})
    results = await asyncio.gather(
        edit(province, target, digest),
        edit(province, target, digest, content=other, actor="console/binh"),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in results) == ["ConflictError", "EditDone"]
    [kept] = await province.database.read(partial(edits_of, delivery_id=target, now=NOW))
    assert (await content_of(province, target)).payload == kept.after


async def test_an_edit_after_another_one_failed_again_needs_a_new_look(province):
    target = await province.arrange("H99-1", S.REJECTED)
    digest = await shown(province, target)
    await edit(province, target, digest)
    [claimed] = await province.claim()
    start = await province.send(claimed)
    await province.settle(claimed, start, S.REJECTED)
    with pytest.raises(ConflictError, match="something else than what you have seen"):
        await edit(province, target, digest)


async def test_edit_and_retry_at_once_leave_one_of_them(province):
    target = await province.arrange("H99-1", S.REJECTED)
    digest = await shown(province, target)
    retry = Retry(actor="console/binh", reason="again", now=NOW, delivery=target)
    edited, retried = await asyncio.gather(
        edit(province, target, digest), province.database.apply(operate, retry), return_exceptions=True
    )
    assert isinstance(edited, ConflictError) != isinstance(retried, ConflictError)
    found = (await content_of(province, target)).payload
    assert (found == NEW) == isinstance(edited, EditDone)


async def test_an_attempt_that_begins_sends_either_content_whole(province):
    target = await province.arrange("H99-1", S.REJECTED)
    done, claims = await asyncio.gather(edit(province, target), province.claim(), return_exceptions=True)
    assert isinstance(done, EditDone)
    claims = claims or await province.claim()
    assert [each.queue[0].delivery.payload for each in claims if each.queue] in ([NEW], [])
    assert (await content_of(province, target)).payload == NEW


async def test_the_same_old_version_does_not_take_a_correction_back(province):
    card = planned("v1", snapshot=True)
    await province.accept("H99-1", card)
    [claimed] = await province.claim()
    await province.settle(claimed, await province.send(claimed), S.REJECTED)
    target = claimed.queue[0].delivery.id
    await edit(province, target)
    [claimed] = await province.claim()
    await province.settle(claimed, await province.send(claimed), S.DELIVERED)

    again = msgspec.structs.replace(card, key="v2")
    receipt = await province.accept("H99-1", again, version=2)

    assert receipt.enqueued == {"stub": 0}


async def test_a_newer_version_replaces_a_correction_that_has_not_left(province):
    await province.accept("H99-1", planned("v1", snapshot=True))
    [claimed] = await province.claim()
    await province.settle(claimed, await province.send(claimed), S.REJECTED)
    target = claimed.queue[0].delivery.id
    await edit(province, target)

    receipt = await province.accept("H99-1", planned("v2", snapshot=True, version=2), version=2)

    assert receipt.enqueued == {"stub": 1}
    assert (await content_of(province, target)).state is S.SUPERSEDED
    with pytest.raises(ConflictError, match="only what was rejected or parked"):
        await edit(province, target)


async def test_a_correction_is_another_lane_to_a_comparison(province):
    target = await province.arrange("H99-1", S.REJECTED)
    read = partial(lane_outlines, destination="stub", codes=["H99-1"])
    before = await province.database.read(read)
    await edit(province, target)
    [claimed] = await province.claim()
    await province.settle(claimed, await province.send(claimed), S.REJECTED)
    after = await province.database.read(read)
    assert before["H99-1"].told != after["H99-1"].told


@pytest.fixture
def two_people(province):
    province.database.oversight = oversight([Dangerous.EDIT], 86_400.0)
    return province


async def ask(province, target, **fields):
    with pytest.raises(ApprovalRequired) as waits:
        await edit(province, target, **fields)
    return int(waits.value.approval)


def desk_of(province, woken):
    carriers = delivery_carriers(province.database, lambda: NOW, woken.append)
    return ApprovalDesk(province.database, lambda: NOW, None, carriers)


def word(approval, actor="console/binh", verdict="approved", now=NOW):
    return Word(actor=actor, reason="seen the paper", now=now, approval=approval, verdict=verdict)


async def states(province, target, now=NOW):
    """What became of each correction, the newest first: (as it is read, as its row says)."""
    kept = await province.database.read(partial(edits_of, delivery_id=target, now=now))
    rows = {str(row.id): row.state for row in await rows_of(province, delivery_edit)}
    return [(each.state, rows[each.id]) for each in kept]


async def test_with_four_eyes_nothing_changes_before_the_second_person(two_people):
    province, woken = two_people, []
    target = await province.arrange("H99-1", S.REJECTED)
    before = await content_of(province, target)
    approval = await ask(province, target)
    assert await content_of(province, target) == before
    desk = desk_of(province, woken)
    about = await desk.find(approval)
    assert about.parameters["edit"] == content_digest(NEW)
    assert CANARY.decode() not in str(about.parameters)

    decided = await desk.say(word(approval))

    assert (decided.done, decided.trouble, woken) == (True, None, ["stub"])
    assert (await content_of(province, target)).payload == NEW
    [kept] = await province.database.read(partial(edits_of, delivery_id=target, now=NOW))
    assert (kept.state, kept.actor) == ("applied", "console/mai")
    [action] = [row for row in await rows_of(province, operator_action) if row.action == "edit"]
    assert msgspec.json.decode(action.detail)["approved_by"] == "console/binh"


async def test_nobody_approves_an_own_correction(two_people):
    target = await two_people.arrange("H99-1", S.REJECTED)
    approval = await ask(two_people, target)
    with pytest.raises(ConflictError):
        await desk_of(two_people, []).say(word(approval, actor="console/mai"))
    assert (await content_of(two_people, target)).state is S.REJECTED


async def test_an_approval_of_one_correction_allows_no_other(two_people):
    target = await two_people.arrange("H99-1", S.REJECTED)
    first = await ask(two_people, target)
    other = msgspec.json.encode({"key": "a", "phone": "2"})
    second = await ask(two_people, target, content=other)
    assert first != second
    await desk_of(two_people, []).say(word(second))
    assert (await content_of(two_people, target)).payload == other
    after = await desk_of(two_people, []).say(word(first))
    assert (after.done, after.trouble is None) == (False, False)
    assert (await content_of(two_people, target)).payload == other


async def test_a_declined_correction_ends_and_another_is_made(two_people):
    target = await two_people.arrange("H99-1", S.REJECTED)
    before = (await content_of(two_people, target)).payload
    first = await ask(two_people, target)
    other = await ask(two_people, target, content=msgspec.json.encode({"key": "a", "phone": "2"}))
    assert await states(two_people, target) == [("proposed", "proposed")] * 2

    declined = await desk_of(two_people, []).say(word(first, verdict="declined"))

    assert declined.approval.state == "declined"
    assert await states(two_people, target) == [("proposed", "proposed"), ("declined", "declined")]
    assert (await content_of(two_people, target)).payload == before
    again = await ask(two_people, target)
    assert again not in {first, other}
    assert (await desk_of(two_people, []).say(word(again))).done
    assert (await content_of(two_people, target)).payload == NEW
    assert [read for read, _ in await states(two_people, target)] == ["applied", "proposed", "declined"]


async def test_declining_what_was_asked_for_before_leaves_what_was_asked_for_since(two_people):
    """The very same correction, asked for again after the delivery was sent and refused once more."""
    target = await two_people.arrange("H99-1", S.REJECTED)
    first = await ask(two_people, target)
    retry = Retry(actor="console/binh", reason="again", now=NOW, delivery=target)
    await two_people.database.apply(operate, retry)
    [claimed] = await two_people.claim()
    await two_people.settle(claimed, await two_people.send(claimed), S.REJECTED)
    again = msgspec.structs.replace(
        order(target, await shown(two_people, target)), now=NOW + timedelta(hours=1)
    )
    with pytest.raises(ApprovalRequired) as waits:
        await two_people.database.write(partial(edit_delivery, order=again))
    assert int(waits.value.approval) != first

    await desk_of(two_people, []).say(word(first, verdict="declined"))

    assert await states(two_people, target) == [("proposed", "proposed")]
    await desk_of(two_people, []).say(word(int(waits.value.approval), verdict="declined"))
    assert await states(two_people, target) == [("declined", "declined")]


async def test_a_correction_that_nobody_decides_about_expires_with_its_approval(two_people):
    target = await two_people.arrange("H99-1", S.REJECTED)
    first = await ask(two_people, target)
    late = NOW + timedelta(days=1)
    assert await states(two_people, target, late - timedelta(seconds=1)) == [("proposed", "proposed")]
    assert await states(two_people, target, late) == [("expired", "proposed")]
    with pytest.raises(ConflictError, match="has expired"):
        await desk_of(two_people, []).say(word(first, now=late))
    assert await states(two_people, target, late) == [("expired", "expired")]
    digest = await shown(two_people, target)
    wanted = msgspec.structs.replace(order(target, digest), now=late)
    with pytest.raises(ApprovalRequired):
        await two_people.database.write(partial(edit_delivery, order=wanted))
    assert await states(two_people, target, late) == [("proposed", "proposed"), ("expired", "expired")]


async def test_a_correction_asked_for_twice_waits_once(two_people):
    target = await two_people.arrange("H99-1", S.REJECTED)
    assert await ask(two_people, target) == await ask(two_people, target)
    assert await states(two_people, target) == [("proposed", "proposed")]
