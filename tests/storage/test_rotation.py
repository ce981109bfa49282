"""A new master key wraps every data key again; contents in clear are encrypted without a leaf changing."""

import hashlib

import msgspec
import pytest

from gateway.domain.errors import ApprovalRequired, ConfigurationError
from gateway.messagelog import rotation
from gateway.messagelog.acts import oversight
from gateway.messagelog.entry import leaf_of
from gateway.messagelog.keys import add_master, open_contents
from gateway.messagelog.rotation import encrypt_clear, rotate, rotation_plan
from gateway.messagelog.verification import Wanted, verify
from gateway.storage.database import Database
from gateway.storage.identity import Identifiers
from gateway.storage.orders import Instruction
from gateway.storage.upkeep_contents import count_keys
from tests.storage.evidence_world import NOW, EvidenceWorld

ORDER = Instruction(actor="cli:lan", reason="once a year", now=NOW)


@pytest.fixture
def world(database, tmp_path):
    return EvidenceWorld(database, tmp_path / "keys")


async def silent(*_):
    return None


async def test_every_key_is_wrapped_by_the_new_master_and_opens_the_same(world):
    entries = await world.fill(20)
    plan = rotation_plan(world.database, world.folder)

    done = await rotate(world.database, world.folder, ORDER, silent)

    assert (plan.keys, plan.finishes, done.rewrapped, done.made) == (7, False, 7, True)
    assert world.database.ask(count_keys) == {done.master: 7}
    (world.folder / "master-1.key").unlink()
    open_contents(world.database, world.folder)
    assert (await world.reading.fetch(entries[0])).intact
    assert world.rows("SELECT action FROM operator_action") == [("rotate_master",)]


async def test_interrupted_rotation_is_finished_without_a_further_master(world, monkeypatch):
    await world.fill(20)
    monkeypatch.setattr(rotation, "AT_ONCE", 3)

    async def killed(done, _total):
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotate(world.database, world.folder, ORDER, killed)
    assert sorted(world.database.ask(count_keys).values()) == [3, 4]
    assert rotation_plan(world.database, world.folder).finishes

    done = await rotate(world.database, world.folder, ORDER, silent)
    assert (done.rewrapped, done.made) == (4, False)
    assert sorted(path.name for path in world.folder.iterdir()) == ["master-1.key", "master-2.key"]


async def test_rotation_needs_a_second_person_before_a_key_is_made(world):
    await world.fill(3)
    world.database.oversight = oversight(["keys.rotate"], 3600)

    with pytest.raises(ApprovalRequired):
        await rotate(world.database, world.folder, ORDER, silent)
    assert [path.name for path in world.folder.iterdir()] == ["master-1.key"]


async def test_process_that_began_before_the_rotation_goes_on(postgresql_url, tmp_path):
    first = EvidenceWorld(Database(postgresql_url, identifiers=Identifiers(1)), tmp_path / "keys")
    second = EvidenceWorld(Database(postgresql_url, identifiers=Identifiers(2)), tmp_path / "keys")
    entries = await first.fill(7)

    await rotate(first.database, first.folder, ORDER, silent)

    assert (await second.reading.fetch(entries[0])).intact
    [later] = await second.write(second.request("H99-6", b"later"))
    assert (await first.reading.fetch(later)).body == b"later"
    for each in (first, second):
        each.database.close()


async def test_contents_in_clear_are_encrypted_and_their_leaves_stay(world):
    keys, world.database.contents = world.database.contents, None
    entries = await world.fill(450)
    shared = world.request("H99-1", b'{"full_name": "Canary x"}', shared=True)
    other = world.companion("H99-2", shared)
    await world.write(shared, other)
    await world.seal()
    leaves = world.rows("SELECT id, leaf FROM message ORDER BY id")
    world.database.contents = keys

    done = await encrypt_clear(world.database, silent)

    assert (done.encrypted, done.unreadable) == (451, [])
    assert world.rows("SELECT DISTINCT encoding FROM message_body") == [("encrypted",)]
    assert world.rows("SELECT id, leaf FROM message ORDER BY id") == leaves
    assert (f"call:{shared.id}",) in world.rows("SELECT scope FROM content_key")
    for entry in (entries[0], str(other.id)):
        assert (await world.reading.fetch(entry)).intact
    assert verify(world.database, Wanted(tolerance=3600.0)).faults == ()
    assert (await encrypt_clear(world.database, silent)).encrypted == 0


async def test_entry_of_form_1_is_encrypted_and_still_gives_its_digest(world):
    body = b"a body of form 1"
    row = world.request("H99-1", body)
    row = msgspec.structs.replace(row, form=1, body_digest=hashlib.sha256(body).digest())
    row = msgspec.structs.replace(row, leaf=leaf_of(row))
    keys, world.database.contents = world.database.contents, None
    await world.write(row)
    mark = "?" if world.database.dialect == "sqlite" else "%s"
    await world.execute(f"UPDATE message_body SET encoding = 'identity', body = {mark}", (body,))  # noqa: S608
    world.database.contents = keys

    assert (await encrypt_clear(world.database, silent)).encrypted == 1

    found = await world.reading.fetch(str(row.id))
    assert (found.body, found.intact) == (body, True)


async def test_encrypting_needs_keys(world):
    world.database.contents = None
    with pytest.raises(ConfigurationError):
        await encrypt_clear(world.database, silent)


async def test_a_master_key_that_is_missing_stops_the_rotation_before_anything(world):
    await world.fill(3)
    add_master(world.folder, 2)
    (world.folder / "master-1.key").unlink()

    with pytest.raises(ConfigurationError, match="lacks the master key"):
        await rotate(world.database, world.folder, ORDER, silent)
