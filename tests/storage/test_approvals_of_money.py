"""Refunds and decisions about payments in the one list of what needs a second person; on both engines."""

import pytest

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.oversight.approvals import ApprovalDesk
from gateway.storage.approvals import Word
from gateway.storage.queries_approvals import ApprovalFilter
from tests.storage.payment_till import NOW
from tests.storage.test_payment_desk import LAN, MINH, Counter


@pytest.fixture
def counter(database):
    return Counter(database)


@pytest.fixture
def till(counter):
    return counter.till


@pytest.fixture
def desk(database, counter):
    return ApprovalDesk(database, lambda: NOW, counter.desk, {})


def word(found, actor=MINH, **changed):
    said = {"verdict": "approved", "digest": None, **changed}
    return Word(actor=actor, reason="đã đối chiếu", now=NOW, approval=int(found.id), **said)


async def test_refund_is_listed_and_approved_where_everything_is(till, counter, desk):
    await counter.refund(await till.paid(), 100_000)
    [waiting] = await desk.search(ApprovalFilter(now=NOW, state="requested"))
    assert (waiting.action, waiting.requested_by, waiting.expires_at) == ("payment.refund", LAN, None)
    assert waiting.parameters["amount"] == 100_000
    assert await desk.search(ApprovalFilter(now=NOW, not_by=LAN)) == []

    with pytest.raises(ConflictError):
        await desk.say(word(waiting, LAN))
    with pytest.raises(ConflictError):
        await desk.say(word(waiting, digest="0" * 64))
    done = await desk.say(word(waiting, digest=waiting.digest))

    assert (done.done, done.approval.state, done.approval.decided_by) == (True, "carried_out", MINH)
    assert await desk.search(ApprovalFilter(now=NOW, state="requested")) == []


async def test_decision_is_listed_and_declined_where_everything_is(till, counter, desk):
    opened = await till.quarantined()
    await counter.propose(opened, "accept")
    [waiting] = await desk.search(ApprovalFilter(now=NOW, action="payment.accept"))

    done = await desk.say(word(waiting, verdict="declined"))

    assert (done.done, done.approval.state) == (False, "declined")
    assert [each.id for each in await desk.search(ApprovalFilter(now=NOW, state="declined"))] == [waiting.id]


async def test_list_has_pages_across_everything(till, counter, desk):
    opened = await till.paid()
    for number in range(3):
        await counter.refund(opened, 1_000, document=f"UNC-{number}")
    await counter.propose(await till.quarantined("H99.15-2"), "accept")

    seen, before = [], None
    while page := await desk.search(ApprovalFilter(now=NOW, before=before, limit=1)):
        seen += [each.action for each in page]
        before = int(page[-1].id)

    assert seen == ["payment.accept", *["payment.refund"] * 3]


async def test_what_is_not_there_is_not_found(desk):
    with pytest.raises(NotFoundError):
        await desk.find(7)
