"""Checkpoints on both engines: chained, signed, never two roots of one size, and on time."""

import asyncio

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.errors import ConfigurationError, ConflictError
from gateway.evidence.growth import AT_ONCE, Growth, HistoryChanged
from gateway.messagelog.entry import Scope
from gateway.messagelog.log_keys import LogKeys
from gateway.messagelog.proofs import root_of
from gateway.proof.lienthong_verify import ED25519, read_checkpoint, read_note, verify_note
from gateway.proof.merkle import Tree
from gateway.storage import checkpoints
from gateway.storage.checkpoints import CHANNEL, CheckpointRow, add_checkpoint, log_keys
from gateway.storage.database import Database
from gateway.storage.orders import Instruction
from gateway.storage.schema import message
from gateway.storage.schema_evidence import log_tile
from tests.evidence.world import FAST, START, LogWorld, require_chain, running, text_of, until


@pytest.fixture
def world(database, tmp_path):
    return LogWorld(database, tmp_path / "keys")


def leaves_of(database):
    question = sa.select(message.c.leaf).where(message.c.seq.is_not(None)).order_by(message.c.seq)
    return [bytes(leaf) for leaf in database.ask(lambda c: c.execute(question).scalars().all())]


async def change(database, statement):
    engine = database._writer_engine
    await asyncio.to_thread(_run, engine, statement)


def _run(engine, statement):
    with engine.begin() as connection:
        connection.execute(statement)


async def test_checkpoint_covers_everything_and_is_signed_by_the_log(world):
    await world.log(700)

    made = await world.checkpointer().make()

    [found] = require_chain([made], world.pinned())
    assert (found.origin, found.size, found.at) == ("log.h99.example", 700, START)
    assert found.root == Tree(leaves_of(world.database)).root()


async def test_tiles_are_kept_and_give_the_same_root(world):
    await world.log(256 * 3 + 17)
    made = await world.checkpointer().make()

    assert world.ask(root_of, size=made.size) == made.root
    tiles = world.database.ask(lambda c: c.execute(sa.select(log_tile.c.level, log_tile.c.idx)).all())
    assert sorted(map(tuple, tiles)) == [(0, 0), (0, 1), (0, 2)]


async def test_a_log_of_many_tiles_goes_on_where_it_stood(world):
    sizes = [255, 1, 1, 255, AT_ONCE + 3, 0, 513]
    for count in sizes:
        await world.log(count)
        await world.checkpointer().make()

    found = require_chain(world.all(), world.pinned())
    leaves = leaves_of(world.database)
    assert [each.root for each in found] == [Tree(leaves[: each.size]).root() for each in found]
    assert [each.size for each in found] == [255, 256, 257, 512, 512 + AT_ONCE + 3, 1028 + AT_ONCE]


async def test_nothing_new_makes_no_checkpoint_by_hand(world):
    await world.log(3)
    first = await world.checkpointer().make()

    assert (await world.checkpointer().make()).number == first.number == 1


async def test_worker_makes_checkpoints_as_entries_come(world):
    async with running(world.checkpointer().run):
        await until(lambda: world.newest)  # of the empty log
        await world.log(5)
        await until(lambda: world.newest.size == 5)
        await world.log(300)
        await until(lambda: world.newest.size == 305)

    require_chain(world.all(), world.pinned())


async def test_entries_of_proving_alone_make_none_before_the_period_is_over(world):
    await world.log(2)
    settings = msgspec.structs.replace(FAST, at_least_every=1.0)
    async with running(world.checkpointer(settings=settings).run):
        await until(lambda: world.newest and world.newest.size == 2)
        await world.log(2, Scope(channel=CHANNEL))
        await asyncio.sleep(0.5)
        assert world.newest.size == 2
        await until(lambda: world.newest.size == 4)


async def test_a_period_without_entries_has_a_checkpoint_of_its_own(world):
    settings = msgspec.structs.replace(FAST, at_least_every=0.2)
    await world.log(2)
    async with running(world.checkpointer(settings=settings).run):
        await until(lambda: world.newest and world.newest.number >= 3)

    found = require_chain(world.all(), world.pinned())
    assert {each.size for each in found} == {2}


async def test_clock_that_was_set_back_is_not_told(world):
    await world.log(1)
    await world.checkpointer().make()
    world.clock.forward(-7200)
    await world.log(1)
    await world.checkpointer().make()

    assert [each.at for each in require_chain(world.all(), world.pinned())] == [START, START]


async def test_a_root_is_never_signed_twice_differently(world):
    await world.log(4)
    made = await world.checkpointer().make()
    signer = (await world.keys.newest())[1]

    def forged(**changed):
        fields = {
            "number": 2,
            "size": 4,
            "root": b"\1" * 32,
            "at": made.at,
            "note": "n",
            "digest": b"d",
            "key": 1,
        }
        return CheckpointRow(**fields | changed)

    for row in (
        forged(),  # another root of the same size
        forged(size=3),
        forged(number=1, size=5),
        forged(number=3, size=5),
        forged(size=5, key=2),
    ):
        assert not await world.database.write(lambda tx, row=row: add_checkpoint(tx, row)), row
    assert signer.key.kind == ED25519
    assert world.newest == made


@pytest.mark.parametrize("kind", ["edited", "deleted", "tile"])
async def test_changed_history_is_never_signed(world, kind):
    await world.log(600)
    await world.checkpointer().make()
    statements = {
        "edited": sa.update(message).where(message.c.seq == 590).values(leaf=b"\7" * 32),
        "deleted": sa.delete(message).where(message.c.seq == 600),
        "tile": sa.update(log_tile).where(log_tile.c.idx == 1).values(hashes=b"\7" * 8192),
    }
    await change(world.database, statements[kind])
    await world.log(1)

    with pytest.raises(HistoryChanged):
        await Growth.resume(world.database)
    async with running(world.checkpointer().run):
        trouble = await until(lambda: world.ask(checkpoints.state, anchored=False).trouble)
    assert "has signed" in trouble.reason
    assert world.newest.number == 1


async def test_missing_entry_among_the_new_ones_is_never_signed(world):
    await world.log(5)
    await world.checkpointer().make()
    await world.log(5)
    await change(world.database, sa.delete(message).where(message.c.seq == 7))

    with pytest.raises(HistoryChanged, match=r"no\. 7"):
        await world.checkpointer().make()


async def test_history_that_is_restored_is_signed_again(world):
    await world.log(9)
    await world.checkpointer().make()
    leaf = leaves_of(world.database)[4]
    await change(world.database, sa.update(message).where(message.c.seq == 5).values(leaf=b"\7" * 32))
    async with running(world.checkpointer().run):
        await until(lambda: world.ask(checkpoints.state, anchored=False).trouble)
        await change(world.database, sa.update(message).where(message.c.seq == 5).values(leaf=leaf))
        await until(lambda: world.ask(checkpoints.state, anchored=False).trouble is None)


async def test_two_processes_on_postgresql_make_one_chain(postgresql_url, tmp_path):
    worlds = [LogWorld(Database(postgresql_url), tmp_path / "keys") for _ in range(2)]
    try:
        await worlds[0].keys.open()
        async with running(*(each.checkpointer(owner=-n).run for n, each in enumerate(worlds, start=1))):
            for _ in range(10):
                await worlds[0].log(40)
                await asyncio.sleep(0.1)
            await until(lambda: worlds[1].newest.size == 400)
        require_chain(worlds[0].all(), worlds[0].pinned())
    finally:
        for each in worlds:
            each.database.close()


async def test_the_slower_of_two_gives_way(world):
    await world.log(3)
    slow, fast = await Growth.resume(world.database), world.checkpointer()
    await slow.grow()
    await fast.make()

    assert not await world.checkpointer()._sign(slow)
    assert world.newest.number == 1


async def test_first_start_makes_a_key_that_others_cannot_read(world):
    signer = await world.keys.open()

    path = world.folder / "log-1.key"
    assert path.stat().st_mode & 0o777 == 0o600
    [row] = world.ask(log_keys)
    assert (row.key, row.origin, row.handover) == (signer.key.text, "log.h99.example", None)


async def test_log_without_a_given_name_is_named_by_its_key(database, tmp_path):
    world = LogWorld(database, tmp_path / "keys", origin=None)
    signer = await world.keys.open()

    assert signer.key.name.startswith("lienthong/")
    assert (await LogKeys(database, world.folder, world.clock).open()).key == signer.key


@pytest.mark.parametrize("fault", ["lost", "other", "readable", "renamed"])
async def test_key_that_is_not_the_log_s_is_refused_by_name(world, fault):
    await world.keys.open()
    path, origin = world.folder / "log-1.key", "log.h99.example"
    match fault:
        case "lost":
            path.unlink()
        case "other":
            path.unlink()
            await LogWorld(world.database, world.folder).keys._begin()
        case "readable":
            path.chmod(0o644)
        case "renamed":
            origin = "log.h98.example"

    words = {"lost": "lacks", "other": "another key", "readable": "chmod 600", "renamed": "keeps its name"}
    with pytest.raises(ConfigurationError, match=words[fault]):
        await LogKeys(world.database, world.folder, world.clock, origin=origin).open()


async def test_rotation_is_handed_over_by_the_key_before(world):
    await world.log(2)
    await world.checkpointer().make()
    order = Instruction(actor="cli:an", reason="the machine was replaced", now=START)

    row = await world.keys.rotate(2, order)
    await world.log(2)
    await world.checkpointer().make()

    old, new = world.pinned()
    note = read_note(row.handover.encode())
    assert new.text in note.text
    assert [signed.key for signed in verify_note(note, [old])] == [old]
    require_chain(world.all(), [old, new])
    require_chain(world.all()[:1], [old])
    assert [signed.key for signed in verify_note(read_note(world.newest.note.encode()), [old, new])] == [new]
    with pytest.raises(ConflictError):
        await _raced(world, order)


async def _raced(world, order):
    """Another process rotates between reading the keys and writing the new one."""
    slow = LogKeys(world.database, world.folder, world.clock)
    before = await slow.newest()

    async def stale():
        return before

    await world.keys.rotate(4, order)
    slow.newest = stale
    await slow.rotate(4, order)


async def test_a_running_worker_signs_with_the_new_key(world):
    async with running(world.checkpointer().run):
        await until(lambda: world.newest)
        await world.keys.rotate(0, Instruction(actor="cli:an", reason="yearly", now=START))
        await world.log(1)
        await until(lambda: world.newest.size == 1)
    assert world.newest.key == 2
    assert read_checkpoint(text_of(world.newest).text).size == 1
