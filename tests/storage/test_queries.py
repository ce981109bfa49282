"""The questions of readers, on both engines: filters, order, pages, and that no large table is read whole."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.domain.status import Status
from gateway.storage.instants import to_micros
from gateway.storage.operators import operate
from gateway.storage.orders import Hold, Skip
from gateway.storage.queries import (
    DossierFilter,
    dossier_key,
    dossiers,
    lane_memory,
    standings,
    stored_dossier,
    version_of,
)
from gateway.storage.queries_deliveries import DeliveryFilter, deliveries, delivery_detail
from gateway.storage.queries_messages import MessageFilter, messages, stored_message
from gateway.storage.queries_status import (
    answers,
    backlogs,
    destination_rows,
    lane_counts,
    last_success,
    totals,
)
from gateway.storage.queries_timeline import timeline, timeline_key
from tests.log_reading import clear_body
from tests.storage.province import NOW, Province, planned

S = DeliveryState


@pytest.fixture
def province(database):
    return Province(database)


async def ask(province, question, *args, **kwargs):
    return await province.database.read(lambda connection: question(connection, *args, **kwargs))


async def codes(province, **wanted):
    found = await ask(province, dossiers, DossierFilter(**wanted), None, 100)
    return [item.code for item in found]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["H99-1", "H99-2", "H99-3"]),
        ({"status": Status.FINISHED}, ["H99-2"]),
        ({"agency": "H99.20"}, ["H99-2", "H99-3"]),
        ({"procedure": "2.009"}, ["H99-3"]),
        ({"source": "one-door", "channel": "online"}, ["H99-3"]),
        ({"due_from": NOW + timedelta(days=5)}, ["H99-2"]),
        ({"due_before": NOW + timedelta(days=5)}, ["H99-1"]),
        ({"updated_from": NOW + timedelta(seconds=2)}, ["H99-3"]),
        ({"updated_before": NOW + timedelta(seconds=2)}, ["H99-1", "H99-2"]),
        ({"order": "due_at"}, ["H99-1", "H99-2"]),
        ({"order": "updated_at"}, ["H99-1", "H99-2", "H99-3"]),
    ],
)
async def test_dossiers_are_found_by_each_filter(province, wanted, found):
    await province.accept("H99-1")
    province.later()
    late = to_micros(NOW + timedelta(days=9))
    await province.accept("H99-2", status="finished", agency_code="H99.20", due_at=late)
    province.later()
    await province.accept(
        "H99-3", agency_code="H99.20", procedure_code="2.009", channel="online", due_at=None
    )

    assert await codes(province, **wanted) == found


@pytest.mark.parametrize("order", ["code", "updated_at", "due_at"])
async def test_pages_of_dossiers_join_without_gap_or_repetition(province, order):
    for number in (3, 1, 5, 2, 4):
        await province.accept(f"H99-{number}")  # all updated and due at the same instant
    wanted, after, seen = DossierFilter(order=order), None, []

    while page := await ask(province, dossiers, wanted, after, 2):
        seen += [item.code for item in page]
        after = dossier_key(order, page[-1])

    assert seen == [f"H99-{number}" for number in (1, 2, 3, 4, 5)]


async def test_one_dossier_comes_with_its_lanes(province):
    await province.arrange("H99-1", S.DELIVERED, planned("v1", snapshot=True), "a", "b")
    await province.database.apply(
        operate,
        Hold(actor="desk", reason="wrong applicant", now=province.now, destination="stub", dossier="H99-1"),
    )

    found = await ask(province, stored_dossier, "H99-1")

    assert (found.code, found.version) == ("H99-1", 1)
    [lane] = found.lanes
    assert (lane.destination, lane.state, lane.partner_code) == ("stub", LaneState.HELD, "H99-1")
    assert (lane.held_by, lane.held_reason) == ("desk", "wrong applicant")
    assert lane.open == {S.PENDING: 2}
    assert await ask(province, version_of, "H99-1") == 1


async def test_what_is_not_there_is_none(province):
    assert await ask(province, stored_dossier, "H99-404") is None
    assert await ask(province, version_of, "H99-404") is None
    assert await ask(province, lane_memory, "stub", "H99-404") is None
    assert await ask(province, delivery_detail, 404) is None
    assert await ask(province, stored_message, 404) is None
    assert await ask(province, timeline, "H99-404", None, 10) == []


async def test_lane_memory_has_the_partner_code(province):
    await province.accept("H99-1", "a")

    assert (await ask(province, lane_memory, "stub", "H99-1")).memory == {"partner_code": "H99-1"}


async def test_standings_list_what_was_not_superseded_in_order(province):
    await province.accept("H99-1", planned("v1", operation="card", snapshot=True), "a")
    await province.accept("H99-1", planned("v2", operation="card", snapshot=True), "a", "b", version=2)

    found = await ask(province, standings, "H99-1")

    assert [(item.operation, item.key, item.state) for item in found] == [
        ("card", "v2", S.PENDING),
        ("note", "a", S.PENDING),
        ("note", "b", S.PENDING),
    ]


async def delivered_and_stuck(province):
    """One dossier for each of some states, and one at another destination."""
    found = {}
    for number, state in enumerate((S.DELIVERED, S.REJECTED, S.PARKED, S.IN_DOUBT, S.WAITING, S.IN_FLIGHT)):
        found[state] = await province.arrange(f"H99-{number}", state)
        province.later()
    await province.accept("H99-7", "a", destination="other")
    return found


async def delivery_ids(province, **wanted):
    found = await ask(
        province,
        deliveries,
        DeliveryFilter(**wanted),
        before=None,
        limit=100,
        destinations=["stub", "other"],
    )
    return [int(item.id) for item in found]


@pytest.mark.parametrize("state", [S.DELIVERED, S.REJECTED, S.PARKED, S.IN_DOUBT, S.WAITING, S.IN_FLIGHT])
@pytest.mark.parametrize("narrowed", [{}, {"destination": "stub"}, {"destination": "other"}])
async def test_deliveries_are_found_by_state_and_destination(province, state, narrowed):
    targets = await delivered_and_stuck(province)

    found = await delivery_ids(province, state=state, **narrowed)

    assert found == ([] if narrowed.get("destination") == "other" else [targets[state]])


async def test_deliveries_are_listed_newest_first(province):
    targets = await delivered_and_stuck(province)

    found = await delivery_ids(province)

    assert found == sorted(found, reverse=True)
    assert len(found) == len(targets) + 1
    assert await delivery_ids(province, destination="other") == found[:1]


async def test_code_alone_means_what_is_not_final(province):
    targets = await delivered_and_stuck(province)

    found = set(await delivery_ids(province, code="tested"))

    assert found == {targets[state] for state in (S.REJECTED, S.PARKED, S.IN_DOUBT, S.WAITING)}


async def test_deliveries_of_a_dossier_by_operation_and_superseded_ones_on_demand(province):
    await province.accept("H99-1", planned("v1", operation="card", snapshot=True), "a")
    await province.accept("H99-1", planned("v2", operation="card", snapshot=True), version=2)

    assert len(await delivery_ids(province, dossier="H99-1")) == 2
    assert len(await delivery_ids(province, dossier="H99-1", operation="card")) == 1
    assert len(await delivery_ids(province, dossier="H99-1", state=S.SUPERSEDED)) == 1
    assert len(await delivery_ids(province, state=S.SUPERSEDED)) == 1


@pytest.mark.parametrize("wanted", [{}, {"state": S.PENDING}, {"dossier": "H99-1"}, {"destination": "stub"}])
async def test_pages_of_deliveries_join(province, wanted):
    await province.accept("H99-1", "a", "b", "c", "d", "e")
    before, seen = None, []

    while page := await ask(
        province, deliveries, DeliveryFilter(**wanted), before=before, limit=2, destinations=["stub"]
    ):
        seen += [item.key for item in page]
        before = int(page[-1].id)

    assert seen == ["e", "d", "c", "b", "a"]


async def test_one_delivery_comes_with_its_attempts_and_their_log_entries(province):
    target = await province.arrange("H99-1", S.WAITING, "a", "b")
    province.later()
    [claimed] = await province.claim()
    await province.send(claimed)

    found = await ask(province, delivery_detail, target)

    assert found.delivery.state is S.IN_FLIGHT
    first, second = found.attempts
    assert (first.outcome, first.code, len(first.messages)) == ("deferred", "tested", 2)
    assert (second.ended_at, second.outcome, len(second.messages)) == (None, None, 1)
    assert first.deliveries == second.deliveries == [str(target)]


async def test_attempts_of_other_deliveries_are_not_shown(province):
    await province.arrange("H99-1", S.DELIVERED, "a", "b")
    [claimed] = await province.claim()
    other = claimed.queue[0].delivery.id

    assert (await ask(province, delivery_detail, other)).attempts == []


async def message_kinds(province, **wanted):
    found = await ask(province, messages, MessageFilter(**wanted), None, 100)
    return sorted((item.channel, item.kind) for item in found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"dossier": "H99-1"}, [("api", "request"), ("stub", "no_answer"), ("stub", "request")]),
        ({"channel": "api"}, [("api", "request")] * 2),
        ({"direction": "in"}, [("api", "request")] * 2),
        ({"outcome": "rejected"}, [("stub", "no_answer")]),
        ({"outcome": "accepted"}, []),
        ({"since": 5}, [("api", "request")]),
        ({"before": 5, "channel": "api"}, [("api", "request")]),
        ({"since": -9 * 86400, "before": 0}, []),
    ],
)
async def test_log_entries_are_found_by_each_filter(province, wanted, found):
    start = province.now = datetime.now(UTC)  # identifiers, which follow the wall clock, bound a span of time
    await province.arrange("H99-1", S.REJECTED)
    province.later(10)
    await province.accept("H99-2")

    assert (
        await message_kinds(
            province,
            **{
                name: start + timedelta(seconds=value) if isinstance(value, int) else value
                for name, value in wanted.items()
            },
        )
        == found
    )


async def test_one_log_entry_comes_with_its_headers_and_body(province):
    await province.accept("H99-1")
    [entry] = await ask(province, messages, MessageFilter(), None, 10)

    found = await ask(province, stored_message, int(entry.id))

    assert (found.view, found.headers, found.stored.encoding) == (entry, [], "clear")
    assert clear_body(found.stored.body, entry.body_size) == b'{"code":"H99-1","version":1}'
    assert entry.sequence is None


async def test_entry_without_a_body_has_an_empty_one(province):
    await province.arrange("H99-1", S.IN_FLIGHT)
    [entry] = await ask(province, messages, MessageFilter(channel="stub"), None, 10)

    found = await ask(province, stored_message, int(entry.id))

    assert (found.stored.encoding, clear_body(found.stored.body, 0)) == ("clear", b"")


async def history(province):
    await province.accept("H99-1", planned("v1", operation="card", snapshot=True), "a")
    province.later()
    await province.accept("H99-1", planned("v2", operation="card", snapshot=True), "a", version=2)
    province.later()
    [claimed] = await province.claim()
    start = await province.send(claimed)
    province.later()
    await province.settle(claimed, start, S.REJECTED)
    province.later()
    target = start.deliveries[0]
    order = Skip(actor="desk", reason="sent by hand", now=province.now, delivery=target)
    await province.database.apply(operate, order)


async def test_timeline_tells_everything_in_order_of_time(province):
    await history(province)
    await province.accept("H99-2", "x")

    found = await ask(province, timeline, "H99-1", None, 100)

    assert [type(item).__struct_config__.tag for item in found] == [
        *("version", "delivery", "delivery"),
        *("version", "delivery"),
        *("attempt", "message"),
        "message",
        *("action", "event"),
    ]
    assert found == sorted(found, key=timeline_key)
    assert (found[-2].action, found[-2].actor, found[-2].destination) == ("skip", "desk", "stub")
    assert found[-1].event == "delivery.skipped"


@pytest.mark.parametrize("size", [1, 3])
async def test_pages_of_a_timeline_join(province, size):
    await history(province)
    whole = await ask(province, timeline, "H99-1", None, 100)
    after, seen = None, []

    while page := await ask(province, timeline, "H99-1", after, size):
        seen += page
        after = timeline_key(page[-1])

    assert seen == whole


async def test_backlog_counts_what_is_open(province):
    await delivered_and_stuck(province)

    found = await ask(province, backlogs)

    assert found["stub"].deliveries == {
        S.REJECTED: 1,
        S.PARKED: 1,
        S.IN_DOUBT: 1,
        S.WAITING: 1,
        S.IN_FLIGHT: 1,
    }
    assert found["stub"].oldest_at == NOW + timedelta(seconds=1)
    assert found["other"].deliveries == {S.PENDING: 1}


async def test_lanes_are_counted_by_state(province):
    await delivered_and_stuck(province)

    found = await ask(province, lane_counts)

    assert found == {
        "stub": {LaneState.WAITING: 1, LaneState.LEASED: 1, LaneState.BLOCKED: 3},
        "other": {LaneState.READY: 1},
    }


async def test_destination_that_never_worked_is_as_good_as_new(province):
    found = await ask(province, destination_rows, ["stub", "other"])

    assert set(found) == {"stub", "other"}
    assert found["stub"].last_success_at is None
    assert found["stub"].failures == 0


async def test_last_success_is_the_latest_acceptance(province):
    await province.arrange("H99-1", S.DELIVERED)
    accepted_at = province.now
    province.later()
    await province.arrange("H99-2", S.REJECTED)

    assert await ask(province, last_success, "stub") == accepted_at


async def test_totals_count_dossiers_by_status_and_those_past_their_promise(province):
    await province.accept("H99-1")
    await province.accept("H99-2", due_at=to_micros(NOW - timedelta(days=1)))
    await province.accept("H99-3", status="returned", due_at=to_micros(NOW - timedelta(days=1)))

    found = await ask(province, totals, NOW)

    assert found.dossiers == {"received": 2, "returned": 1}
    assert found.overdue == 1
    assert (found.messages, found.events, found.workers) == (0, 0, [])
    assert await ask(province, answers)


_LARGE = ("delivery", "message", "attempt", "event", "message_body")


@pytest.mark.parametrize(
    "question",
    [
        backlogs,
        lane_counts,
        partial(totals, now=NOW),
        partial(last_success, name="stub"),
        partial(standings, code="H99-1"),
        partial(stored_dossier, code="H99-1"),
        partial(delivery_detail, delivery_id=1),
        partial(timeline, code="H99-1", after=(1, 1), limit=5),
        partial(messages, wanted=MessageFilter(outcome="rejected"), before=5, limit=5),
        partial(messages, wanted=MessageFilter(channel="stub"), before=5, limit=5),
        partial(messages, wanted=MessageFilter(dossier="H99-1"), before=5, limit=5),
        partial(messages, wanted=MessageFilter(since=NOW, before=NOW), before=None, limit=5),
        *(
            partial(deliveries, wanted=wanted, before=5, limit=5, destinations=["stub"])
            for wanted in (
                DeliveryFilter(state=S.PENDING),
                DeliveryFilter(state=S.REJECTED),
                DeliveryFilter(state=S.SKIPPED, destination="stub"),
                DeliveryFilter(state=S.SUPERSEDED),
                DeliveryFilter(code="timeout"),
                DeliveryFilter(dossier="H99-1"),
                DeliveryFilter(dossier="H99-1", state=S.SUPERSEDED),
            )
        ),
    ],
)
def test_no_large_table_is_read_from_end_to_end(sqlite_url, question):
    engine = sa.create_engine(sqlite_url, poolclass=sa.NullPool)
    plans = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def explain(connection, cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            plans.append([row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)])

    with engine.connect() as connection:
        question(connection)

    walked = [step for plan in plans for step in plan for table in _LARGE if step == f"SCAN {table}"]
    assert plans
    assert walked == []


@pytest.mark.parametrize("instant", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
async def test_the_ends_of_the_calendar_can_be_asked_for(province, instant):
    await province.accept("H99-1")

    after = await message_kinds(province, since=instant)
    before = await message_kinds(province, before=instant)

    assert len(after) + len(before) == 1
