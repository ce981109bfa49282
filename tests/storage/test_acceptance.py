"""Accepting versions: what replaces what, what is enqueued once, what a repeated request is answered."""

import asyncio
from itertools import permutations

import pytest

from gateway.domain.delivery import MOVES, SUPERSEDABLE, DeliveryState
from gateway.domain.errors import ConflictError
from gateway.storage.database import Database
from gateway.storage.intake import LanePlan, accept_dossiers
from tests.storage.builders import S, World, acceptance, event, idempotency, later, snapshot

FINAL = {state for state, targets in MOVES.items() if not targets}


# versions


async def test_first_version_creates_the_dossier_and_its_deliveries(world):
    receipt = await world.accept("H99-a", snapshot("v1"), event("1"))

    assert (receipt.result, receipt.enqueued, receipt.changed_events) == ("created", {"portal": 2}, [])
    assert world.queue("H99-a") == [("v1", "pending"), ("1", "pending")]
    assert world.lane_state("H99-a") == "ready"
    assert world.rows("SELECT code, version, status FROM dossier") == [("H99-a", 1, "received")]


async def test_same_version_with_the_same_content_changes_nothing(world):
    await world.accept("H99-a", snapshot("v1"), event("1"))
    before = world.rows("SELECT * FROM delivery")

    receipt = await world.accept("H99-a", snapshot("v1"), event("1"))

    assert (receipt.result, receipt.enqueued) == ("unchanged", {})
    assert world.rows("SELECT * FROM delivery") == before


async def test_same_version_with_other_content_is_refused(world):
    await world.accept("H99-a", snapshot("v1"))

    with pytest.raises(ConflictError, match="higher version"):
        await world.accept("H99-a", snapshot("v1", "other"), text="other")

    assert world.queue("H99-a") == [("v1", "pending")]


async def test_older_version_is_refused(world):
    await world.accept("H99-a", snapshot("v3"), version=3)

    with pytest.raises(ConflictError, match="stored is 3"):
        await world.accept("H99-a", snapshot("v2"), version=2)

    assert world.queue("H99-a") == [("v3", "pending")]


@pytest.mark.parametrize("expected", [0, 2])
async def test_update_that_expects_another_version_is_refused(world, expected):
    await world.accept("H99-a", snapshot("v1"))

    with pytest.raises(ConflictError, match="If-Match"):
        await world.accept("H99-a", snapshot("v2"), version=2, expected_version=expected)

    assert world.queue("H99-a") == [("v1", "pending")]
    receipt = await world.accept("H99-a", snapshot("v2"), version=2, expected_version=1)
    assert receipt.result == "updated"


async def test_refused_version_spares_its_neighbours(world):
    await world.accept("H99-a", snapshot("v2"), version=2)

    results = await asyncio.gather(
        world.accept("H99-a", snapshot("v1"), version=1),
        world.accept("H99-b", snapshot("v1")),
        return_exceptions=True,
    )

    assert isinstance(results[0], ConflictError)
    assert results[1].result == "created"


async def test_many_versions_at_once_end_with_the_newest(world):
    codes = [f"H99-{number}" for number in range(8)]
    await asyncio.gather(
        *(
            world.accept(
                code, snapshot(f"v{version}"), *(event(str(step)) for step in range(version)), version=version
            )
            for version in range(1, 8)
            for code in codes
        ),
        return_exceptions=True,
    )

    assert world.rows("SELECT DISTINCT version FROM dossier") == [(7,)]
    for code in codes:
        keys = [key for key, _ in world.queue(code)]
        assert keys.count("v7") == 1
        assert sorted(key for key in keys if key != "v7") == [str(step) for step in range(7)]


async def test_dossier_created_at_the_same_moment_by_many_is_created_once(postgresql_url):
    """Writers of their own do not see each other's uncommitted row; the unique key decides, nobody gets an error."""
    databases = [Database(postgresql_url, writers=1) for _ in range(4)]
    worlds = [World(database) for database in databases]
    try:
        for round_ in range(15):
            results = await asyncio.gather(
                *(world.accept(f"H99-{round_}", snapshot("v1"), event("1")) for world in worlds)
            )
            assert sorted(result.result for result in results) == ["created"] + ["unchanged"] * 3
        assert worlds[0].rows("SELECT count(*) FROM delivery") == [(30,)]
    finally:
        for database in databases:
            database.close()


async def test_update_without_a_promise_goes_last(world):
    await world.accept("H99-a", event("1"), due_at=later(hours=1))
    await world.accept("H99-a", event("1"), version=2)
    await world.accept("H99-b", event("1"), due_at=later(hours=2))

    assert [lane.dossier for lane in await world.claim()] == ["H99-b", "H99-a"]


# supersession


async def arrange(world, state, *deliveries):
    """A lane of ``deliveries`` whose head is in ``state``."""
    await world.accept("H99-a", *deliveries)
    if state is S.PENDING:
        return
    lane = await world.claim_one()
    start = await world.start(lane)
    if state is S.IN_FLIGHT:
        return
    if state in {S.SUPERSEDED, S.SKIPPED}:
        await world.settle(start, S.PARKED, release=True)
        await world.database.write(
            lambda tx: tx._cursor.execute(
                f"UPDATE delivery SET state = '{state}', settled_at = 1 WHERE id = {start.deliveries[0]}"  # noqa: S608
            )
        )
    else:
        await world.settle(start, state, due_at=later(hours=1), release=True)


@pytest.mark.parametrize("state", list(DeliveryState))
async def test_newer_snapshot_replaces_an_older_one_exactly_while_it_is_unsent(world, state):
    await arrange(world, state, snapshot("v1"), event("1"))

    await world.accept("H99-a", snapshot("v2"), event("1"), version=2)

    if state in SUPERSEDABLE:
        assert world.queue("H99-a") == [("v2", "pending"), ("1", "pending")]
        assert world.rows("SELECT state FROM delivery WHERE key = 'v1'") == [("superseded",)]
    elif state is S.SUPERSEDED:
        assert world.queue("H99-a") == [("1", "pending"), ("v2", "pending")]
    else:
        assert world.queue("H99-a") == [("v1", state), ("1", "pending"), ("v2", "pending")]


@pytest.mark.parametrize("state", list(DeliveryState))
async def test_event_is_never_dropped_by_a_newer_version(world, state):
    await arrange(world, state, event("1"), event("2"))

    await world.accept("H99-a", snapshot("v2"), event("3"), version=2)

    kept = [] if state is S.SUPERSEDED else [("1", state)]
    assert world.queue("H99-a") == [*kept, ("2", "pending"), ("v2", "pending"), ("3", "pending")]


@pytest.mark.parametrize("state", list(DeliveryState))
async def test_corrected_event_replaces_the_unsent_one_in_its_place(world, state):
    await arrange(world, state, event("1", "wrong"), event("2"))

    receipt = await world.accept("H99-a", event("1", "right"), event("2"), version=2)

    if state in SUPERSEDABLE:
        assert world.queue("H99-a") == [("1", "pending"), ("2", "pending")]
        assert receipt.changed_events == []
    elif state is S.SUPERSEDED:
        assert world.queue("H99-a") == [("2", "pending"), ("1", "pending")]
    else:
        assert world.queue("H99-a") == [("1", state), ("2", "pending")]
        assert receipt.changed_events == ["step/1"]


async def test_new_snapshot_takes_the_place_of_the_oldest_unsent_one(world):
    await arrange(world, S.IN_FLIGHT, snapshot("v1"), event("1"))
    await world.accept("H99-a", snapshot("v2"), event("1"), event("2"), version=2)
    await world.accept("H99-a", snapshot("v3"), event("1"), event("2"), event("3"), version=3)

    assert world.queue("H99-a") == [
        ("v1", "in_flight"),
        ("1", "pending"),
        ("v3", "pending"),
        ("2", "pending"),
        ("3", "pending"),
    ]


async def test_snapshot_of_another_operation_is_left_alone(world):
    await world.accept("H99-a", snapshot("v1"))
    other = type(snapshot("s1"))(operation="status", key="s1", payload=b"{}", digest=b"d", snapshot=True)

    await world.accept("H99-a", other, version=2)

    assert world.queue("H99-a") == [("v1", "pending"), ("s1", "pending")]


async def test_superseding_the_head_makes_a_waiting_lane_ready(world):
    await arrange(world, S.WAITING, snapshot("v1"))
    assert world.lane_state("H99-a") == "waiting"

    await world.accept("H99-a", snapshot("v2"), version=2)

    assert world.lane_state("H99-a") == "ready"


@pytest.mark.parametrize("state", [S.REJECTED, S.PARKED])
async def test_corrected_version_frees_a_blocked_lane(world, state):
    await arrange(world, state, snapshot("v1"))
    assert world.lane_state("H99-a") == "blocked"

    await world.accept("H99-a", snapshot("v2"), version=2)

    assert world.lane_state("H99-a") == "ready"
    assert [lane.queue[0].delivery.key for lane in await world.claim()] == ["v2"]


async def test_leased_lane_stays_with_its_owner_when_a_version_arrives(world):
    await arrange(world, S.IN_FLIGHT, snapshot("v1"))

    await world.accept("H99-a", snapshot("v2"), version=2)

    assert world.lane_state("H99-a") == "leased"
    assert await world.claim(worker=2) == []


async def test_held_lane_stays_held_when_a_version_arrives(world):
    await world.accept("H99-a", snapshot("v1"))
    await world.database.write(
        lambda tx: tx._cursor.execute("UPDATE lane SET held_by = 'clerk', state = 'held'")
    )

    await world.accept("H99-a", snapshot("v2"), version=2)

    assert world.lane_state("H99-a") == "held"


@pytest.mark.parametrize("order", list(permutations(["v2", "v3", "1", "2"])))
async def test_one_plan_may_hold_several_snapshots_and_events_in_any_order(sqlite_url, order):
    database = Database(sqlite_url)
    world = World(database)
    try:
        await world.accept("H99-a", snapshot("v1"), event("0"))
        planned = [snapshot(key) if key.startswith("v") else event(key) for key in order]
        await world.accept("H99-a", *planned, version=2)

        keys = [key for key, _ in world.queue("H99-a")]
        assert len(keys) == len(set(keys))
        assert set(keys) >= {"0", "1", "2"}
        assert "v1" not in keys
    finally:
        database.close()


# several destinations, partners' numbers


async def test_every_destination_has_a_lane_of_its_own(world):
    item = acceptance("H99-a", event("1"))
    both = type(item)(
        dossier=item.dossier,
        lanes=(*item.lanes, LanePlan(destination="ministry", partner_codes=(), deliveries=(event("1"),))),
        now=item.now,
    )

    receipt = await world.database.apply(accept_dossiers, both)

    assert receipt.enqueued == {"portal": 1, "ministry": 1}
    assert len(world.rows("SELECT id FROM lane")) == 2


async def test_first_free_partner_code_is_taken(world):
    await world.accept("H99-a", event("1"), partner_codes=("H99-x", "H99-x-1"))
    await world.accept("H99-b", event("1"), partner_codes=("H99-x", "H99-x-1"))

    assert world.rows("SELECT partner_code FROM lane ORDER BY dossier_code") == [("H99-x",), ("H99-x-1",)]


async def test_dossier_without_a_free_partner_code_is_refused_alone(world):
    await world.accept("H99-a", event("1"), partner_codes=("H99-x",))

    results = await asyncio.gather(
        world.accept("H99-b", event("1"), partner_codes=("H99-x",)),
        world.accept("H99-c", event("1"), partner_codes=("H99-y",)),
        return_exceptions=True,
    )

    assert isinstance(results[0], ConflictError)
    assert results[1].result == "created"
    assert world.rows("SELECT code FROM dossier ORDER BY code") == [("H99-a",), ("H99-c",)]


async def test_partner_code_wanted_by_many_at_once_goes_to_one(postgresql_url):
    databases = [Database(postgresql_url, writers=1) for _ in range(3)]
    try:
        for round_ in range(10):
            codes = (f"H99-{round_}", f"H99-{round_}-1", f"H99-{round_}-2")
            await asyncio.gather(
                *(
                    World(database).accept(f"H99-{round_}{name}", event("1"), partner_codes=codes)
                    for database, name in zip(databases, "abc", strict=True)
                )
            )
        found = World(databases[0]).rows("SELECT partner_code FROM lane")
        assert len({code for (code,) in found}) == 30
    finally:
        for database in databases:
            database.close()


# idempotency keys


async def test_repeated_request_gets_the_first_answer(world):
    first = await world.accept("H99-a", event("1"), idempotency=idempotency("k1"))

    again = await world.accept("H99-a", event("1"), idempotency=idempotency("k1"))

    assert not first.replayed
    assert again.replayed
    assert (again.result, again.enqueued) == (first.result, first.enqueued)


async def test_repeated_request_is_answered_even_after_a_newer_version(world):
    await world.accept("H99-a", event("1"), idempotency=idempotency("k1"))
    await world.accept("H99-a", event("1"), version=2)

    again = await world.accept("H99-a", event("1"), idempotency=idempotency("k1"))

    assert (again.replayed, again.result, again.version) == (True, "created", 1)


async def test_key_used_for_another_request_is_refused(world):
    await world.accept("H99-a", event("1"), idempotency=idempotency("k1", b"one"))

    with pytest.raises(ConflictError, match="Idempotency-Key"):
        await world.accept("H99-b", event("1"), idempotency=idempotency("k1", b"two"))

    assert world.rows("SELECT code FROM dossier") == [("H99-a",)]


async def test_keys_of_different_clients_do_not_meet(world):
    await world.accept("H99-a", event("1"), idempotency=idempotency("k1", client="one"))

    receipt = await world.accept("H99-b", event("1"), idempotency=idempotency("k1", b"other", client="two"))

    assert receipt.result == "created"


async def test_refused_request_leaves_its_key_free(world):
    await world.accept("H99-a", event("1"), version=2)
    with pytest.raises(ConflictError):
        await world.accept("H99-a", event("1"), version=1, idempotency=idempotency("k1"))

    receipt = await world.accept("H99-a", event("1"), version=3, idempotency=idempotency("k1"))

    assert (receipt.result, receipt.replayed) == ("updated", False)


async def test_same_request_many_times_at_once_is_done_once(world):
    results = await asyncio.gather(
        *(world.accept("H99-a", event("1"), idempotency=idempotency("k1")) for _ in range(20))
    )

    assert [result.result for result in results] == ["created"] * 20
    assert sum(not result.replayed for result in results) == 1
    assert world.rows("SELECT count(*) FROM delivery") == [(1,)]


def test_everything_that_may_be_superseded_is_open_and_not_at_the_partner():
    assert not SUPERSEDABLE & (FINAL | {S.IN_FLIGHT, S.IN_DOUBT})
    assert all(S.SUPERSEDED in MOVES[state] for state in SUPERSEDABLE)
    assert all(S.SUPERSEDED not in MOVES[state] for state in set(DeliveryState) - SUPERSEDABLE)


# several at once


class Watching:
    """A transaction that notes what is looked for in which order."""

    def __init__(self, transaction, *names):
        self._transaction = transaction
        self._names = names
        self.seen = []

    def __getattr__(self, name):
        return getattr(self._transaction, name)

    def one(self, statement, parameters):
        if "FOR UPDATE" in statement.postgresql:
            self.seen += [parameters[name] for name in self._names if name in parameters]
        return self._transaction.one(statement, parameters)


async def test_dossiers_are_locked_in_the_order_of_their_codes_and_answered_in_that_of_arrival(world):
    """Two processes that take the same dossiers in another order would wait for each other (PostgreSQL)."""
    items = [acceptance(code, snapshot("v1")) for code in ("H99-c", "H99-a", "H99-b")]
    items.append(acceptance("H99-a", snapshot("v2"), version=2))
    seen = []

    def accept(transaction):
        watching = Watching(transaction, "code")
        receipts = accept_dossiers(watching, items)
        seen.extend(dict.fromkeys(watching.seen))
        return receipts

    receipts = await world.database.write(accept)

    assert seen == ["H99-a", "H99-b", "H99-c"]
    assert [(item.code, item.version) for item in receipts] == [
        ("H99-c", 1),
        ("H99-a", 1),
        ("H99-b", 1),
        ("H99-a", 2),
    ]
