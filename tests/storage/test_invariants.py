"""What the schema itself refuses, whatever the code above it does."""

import sqlite3

import pytest
import sqlalchemy as sa
from psycopg import errors as pg

from gateway.domain.delivery import MOVES, DeliveryState, LaneState
from gateway.storage.sql import Statement
from gateway.storage.tables import metadata
from tests.storage.builders import S, event, snapshot

REFUSED = (sqlite3.IntegrityError, pg.IntegrityError)
FINAL = {state for state, targets in MOVES.items() if not targets}


async def run(world, text, **parameters):
    return await world.database.write(lambda tx: tx.run(Statement(text), parameters))


COPY_DELIVERY = """
    INSERT INTO delivery (id, lane_id, destination, dossier_code, operation, key, position, state, settled_at,
        digest, created_at, payload)
    SELECT :id, lane_id, destination, dossier_code, operation, :key, :position, :state, CAST(:settled AS BIGINT),
        digest, created_at, payload
    FROM delivery WHERE key = '1' AND state = 'pending'
"""
COPY_ATTEMPT = """
    INSERT INTO attempt (id, lane_id, destination, dossier_code, operation, kind, deliveries, worker, started_at,
        ended_at)
    SELECT :id, lane_id, destination, dossier_code, operation, :kind, deliveries, worker, started_at,
        CAST(:ended AS BIGINT)
    FROM attempt
"""


def copy(**changes):
    return {"id": 1, "key": "other", "position": 99, "state": "pending", "settled": None, **changes}


async def test_second_open_attempt_of_a_lane_is_refused(world):
    await world.accept("H99-a", event("1"))
    start = await world.start(await world.claim_one())

    with pytest.raises(REFUSED, match="attempt"):
        await run(world, COPY_ATTEMPT, id=1, kind="query", ended=None)

    await run(world, COPY_ATTEMPT, id=2, kind="query", ended=5)
    await world.settle(start, S.DELIVERED, release=True)


async def test_attempt_is_a_send_or_a_question(world):
    await world.accept("H99-a", event("1"))
    await world.start(await world.claim_one())

    with pytest.raises(REFUSED, match="ck_attempt_kind"):
        await run(world, COPY_ATTEMPT, id=1, kind="guess", ended=5)


async def test_key_is_used_once_in_a_lane(world):
    await world.accept("H99-a", event("1"))

    with pytest.raises(REFUSED):
        await run(world, COPY_DELIVERY, **copy(key="1"))
    with pytest.raises(REFUSED):
        await run(world, COPY_DELIVERY, **copy(key="1", state="delivered", settled=5))

    assert await run(world, COPY_DELIVERY, **copy(key="1", state="superseded", settled=5)) == 1
    assert await run(world, COPY_DELIVERY, **copy(id=2, key="1", state="superseded", settled=5)) == 1


async def test_position_is_used_once_by_what_is_open(world):
    await world.accept("H99-a", event("1"))

    with pytest.raises(REFUSED):
        await run(world, COPY_DELIVERY, **copy(position=1))

    assert await run(world, COPY_DELIVERY, **copy(position=1, state="delivered", settled=5)) == 1


@pytest.mark.parametrize("state", list(DeliveryState))
async def test_exactly_the_final_states_are_settled(world, state):
    await world.accept("H99-a", event("1"))
    right, wrong = (5, None) if state in FINAL else (None, 5)

    with pytest.raises(REFUSED, match="ck_delivery_final_is_settled"):
        await run(world, COPY_DELIVERY, **copy(state=state, settled=wrong))

    assert await run(world, COPY_DELIVERY, **copy(state=state, settled=right)) == 1


async def test_unknown_states_are_refused(world):
    await world.accept("H99-a", event("1"))

    with pytest.raises(REFUSED, match="ck_delivery_state"):
        await run(world, COPY_DELIVERY, **copy(state="sent"))
    with pytest.raises(REFUSED, match="ck_lane_state"):
        await run(world, "UPDATE lane SET state = 'busy'")


@pytest.mark.parametrize("state", list(LaneState))
async def test_exactly_the_leased_lane_has_an_owner(world, state):
    await world.accept("H99-a", event("1"))
    right, wrong = ("7", "NULL") if state is LaneState.LEASED else ("NULL", "7")

    with pytest.raises(REFUSED, match="ck_lane_leased_has_owner"):
        await run(world, f"UPDATE lane SET state = '{state}', lease_owner = {wrong}")  # noqa: S608

    assert await run(world, f"UPDATE lane SET state = '{state}', lease_owner = {right}") == 1  # noqa: S608


async def test_dossier_has_one_lane_to_a_destination(world):
    await world.accept("H99-a", event("1"))

    with pytest.raises(REFUSED):
        await run(
            world,
            "INSERT INTO lane (id, destination, dossier_code, promise_at) VALUES (1, 'portal', 'H99-a', 0)",
        )


async def test_partner_code_belongs_to_one_dossier_of_a_destination(world):
    await world.accept("H99-a", event("1"), partner_codes=("P-1",))
    insert = (
        "INSERT INTO lane (id, destination, dossier_code, promise_at, partner_code) "
        "VALUES (:id, :destination, 'H99-b', 0, 'P-1')"
    )

    with pytest.raises(REFUSED):
        await run(world, insert, id=1, destination="portal")

    assert await run(world, insert, id=1, destination="ministry") == 1


async def test_delivery_needs_its_lane(world):
    await world.accept("H99-a", event("1"))

    with pytest.raises(REFUSED):
        await run(
            world,
            COPY_DELIVERY.replace(
                "lane_id, destination, dossier_code, operation, :key",
                "12345, destination, dossier_code, operation, :key",
            ),
            **copy(),
        )


async def test_sequence_numbers_are_used_once(world):
    for number in (1, 2):
        await run(
            world,
            "INSERT INTO event (id, at, kind, data) VALUES (:id, 0, 'note', '{}')",
            id=number,
        )
    await run(world, "UPDATE event SET position = 7 WHERE id = 1")

    with pytest.raises(REFUSED):
        await run(world, "UPDATE event SET position = 7 WHERE id = 2")


async def test_every_table_of_the_schema_is_there(world):
    inspector = world.database.ask(lambda connection: set(sa.inspect(connection).get_table_names()))

    assert set(metadata.tables) <= inspector


async def test_open_deliveries_of_a_lane_always_have_positions_of_their_own(world):
    for version in range(1, 6):
        await world.accept(
            "H99-a", snapshot(f"v{version}"), *(event(str(step)) for step in range(version)), version=version
        )
        if version == 2:
            await world.send(await world.claim_one())

    positions = [
        row[0]
        for row in world.rows("SELECT position FROM delivery WHERE settled_at IS NULL ORDER BY position")
    ]
    assert positions == sorted(set(positions))
