"""Archives: the same bytes for the same rows, whole or not there, verified before anything goes, and still a proof."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import ConflictError
from gateway.messagelog import archiving, erasure
from gateway.messagelog.archive_check import Expected, check_archive
from gateway.messagelog.archive_file import ArchiveDamaged, ArchiveFile, write_archive
from gateway.messagelog.archiving import Archiving, archive, due_archives, prune
from gateway.messagelog.content import Missing
from gateway.messagelog.erasure import Erase
from gateway.messagelog.proofs import consistency_proof, root_of
from gateway.messagelog.restoring import archived_proof, restore
from gateway.messagelog.searching import ArchiveSearch, search_archives
from gateway.storage import archives as rows
from tests.storage.evidence_world import NOW, EvidenceWorld

CANARY = b"Canary-Nguyen-Van-A"
LATER = NOW + timedelta(days=100)


@pytest.fixture
def world(database, tmp_path):
    return EvidenceWorld(database, tmp_path / "keys")


@pytest.fixture
def order(world, tmp_path):
    return Archiving(
        database=world.database, folder=tmp_path / "archives", clock=lambda: LATER, tell=archiving.quiet
    )


def limited(order, most):
    return Archiving(
        database=order.database, folder=order.folder, clock=order.clock, tell=order.tell, most=most
    )


async def filled(world, count=600):
    await world.fill(count)
    return await world.checkpoint()


def known(world):
    return world.database.ask(rows.archives)


async def test_archive_holds_every_entry_and_proves(world, order):
    checkpoint = await filled(world)

    [made] = await archive(order, LATER)

    path = order.folder / made.name
    check = check_archive(path, Expected(digest=made.digest.hex(), previous=""), world.database)
    assert (check.first, check.last, check.entries, check.contents) == (1, 600, 600, 600)
    assert (made.size, made.root) == (checkpoint.size, checkpoint.root)
    assert hashlib.sha256(path.read_bytes()).digest() == made.digest
    assert b"Canary" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


async def test_same_rows_give_the_same_bytes(world, order, tmp_path):
    await filled(world)
    [made] = await archive(order, LATER)
    first = (order.folder / made.name).read_bytes()
    await world.execute("DELETE FROM archive")

    again = Archiving(
        database=order.database, folder=tmp_path / "elsewhere", clock=order.clock, tell=order.tell
    )
    [second] = await archive(again, LATER)

    assert (again.folder / second.name).read_bytes() == first


async def test_archives_are_chained_by_month_and_by_size(world, order):
    await world.fill(10, at=NOW)
    await world.fill(10, at=NOW + timedelta(days=31))
    await world.checkpoint()

    made = await archive(limited(order, 8), LATER)

    assert [(row.first_seq, row.last_seq) for row in made] == [(1, 8), (9, 10), (11, 18), (19, 20)]
    headers = []
    for row in made:
        with ArchiveFile(order.folder / row.name) as file:
            headers.append(file.header.previous)
    assert headers == ["", *(row.digest.hex() for row in made[:-1])]
    assert due_archives(world.database, LATER) == []


async def test_only_what_is_old_enough_and_under_a_checkpoint_is_due(world):
    await filled(world, 10)
    await world.fill(5, at=NOW + timedelta(seconds=10))
    await world.seal()

    [due] = due_archives(world.database, NOW + timedelta(seconds=4))
    assert (due.span.first, due.span.last) == (1, 4)
    [due] = due_archives(world.database, LATER)
    assert due.span.last == 10


async def test_pruned_database_still_proves(world, order):
    first = await filled(world, 600)
    await world.fill(300, at=NOW + timedelta(days=1))
    second = await world.checkpoint()
    await archive(order, NOW + timedelta(hours=20))

    gone = await prune(order)

    assert gone == 600
    assert world.rows("SELECT min(seq), count(*) FROM message") == [(601, 300)]
    assert world.rows("SELECT count(*) FROM message_body") == [(300,)]
    assert world.database.ask(rows.pruned_ranges) == [(1, 600)]
    assert world.database.ask(lambda connection: root_of(connection, second.size)) == second.root
    proof = world.database.ask(lambda connection: consistency_proof(connection, first.size, second.size))
    assert proof.first == 600
    found = world.database.ask(lambda connection: archived_proof(connection, 17))
    assert (found.index, found.size) == (16, second.size)
    report = world.verified()
    assert (report.archived, report.checked, report.faults) == (600, 300, ())


async def test_what_no_tile_keeps_stays(world, order):
    await filled(world, 600)
    await archive(order, LATER)

    assert await prune(order) == 512
    assert world.rows("SELECT min(seq) FROM message") == [(513,)]
    await world.fill(300)
    await world.checkpoint()
    assert await prune(order) == 88


async def test_newest_entry_always_stays(world, order):
    await filled(world, 512)
    await archive(order, LATER)

    assert await prune(order) == 511
    await world.fill(1)
    await world.seal()
    assert world.rows("SELECT max(seq) FROM message") == [(513,)]


async def test_nothing_is_pruned_of_an_archive_that_was_changed(world, order):
    await filled(world)
    [made] = await archive(order, LATER)
    path = order.folder / made.name
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)

    with pytest.raises(ArchiveDamaged, match="ARCHIVE_DIGEST"):
        await prune(order)
    assert world.rows("SELECT count(*) FROM message") == [(600,)]


async def test_nothing_is_pruned_where_the_row_is_not_what_the_tree_keeps(world, order):
    await filled(world)
    await archive(order, LATER)
    await world.execute("UPDATE message SET leaf = (SELECT leaf FROM message WHERE seq = 1) WHERE seq = 300")

    assert await prune(order) == 256


@pytest.mark.parametrize("killed_in", ["write_archive", "check_archive"])
async def test_interrupted_run_is_gone_on_with(world, order, monkeypatch, killed_in):
    """As after a kill: what was on disk and in the tables at that moment is all that the next run has."""
    await filled(world)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(archiving, killed_in, killed)
        with pytest.raises(KeyboardInterrupt):
            await archive(order, LATER)
    assert world.rows("SELECT count(*) FROM message") == [(600,)]
    assert await prune(order) == 0

    [made] = await archive(order, LATER)
    assert (made.number, made.last_seq, made.verified_at is not None) == (1, 600, True)
    assert await prune(order) == 512


async def test_file_that_was_lost_before_it_was_verified_is_written_again(world, order, monkeypatch):
    await filled(world)
    with monkeypatch.context() as patch:
        patch.setattr(archiving, "check_archive", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await archive(order, LATER)
    for path in order.folder.iterdir():
        path.write_bytes(b"half")

    [made] = await archive(order, LATER)
    assert made.verified_at is not None


async def test_pruning_goes_on_where_it_stopped(world, order):
    await filled(world)
    await archive(order, LATER)

    assert [await prune(order, most=100) for _ in range(7)] == [100, 100, 100, 100, 100, 12, 0]
    assert world.database.ask(rows.pruned_ranges) == [(1, 512)]


async def test_restored_entries_are_what_they_were(world, order):
    entries = await world.fill(600)
    await world.checkpoint()
    before = world.rows("SELECT * FROM message ORDER BY seq")
    bodies = world.rows("SELECT message_id, encoding, body, key_id FROM message_body ORDER BY message_id")
    [made] = await archive(order, LATER)
    await prune(order)

    count = await restore(world.database, order.folder / made.name, LATER)

    assert count == 512
    assert world.rows("SELECT * FROM message ORDER BY seq") == before
    assert (
        world.rows("SELECT message_id, encoding, body, key_id FROM message_body ORDER BY message_id")
        == bodies
    )
    assert (await world.reading.fetch(entries[3])).intact
    assert world.database.ask(rows.pruned_ranges) == []
    assert await prune(order) == 0
    assert await prune(order, restored=True) == 512


async def test_restoring_part_by_part_never_says_more_than_is_there(world, order):
    await filled(world, 1200)
    [made] = await archive(order, LATER)
    await prune(order)

    await restore(world.database, order.folder / made.name, LATER, most_blocks=1)
    [(low,)] = world.rows("SELECT min(seq) FROM message")
    assert world.database.ask(rows.pruned_ranges) == [(1, low - 1)]
    assert await restore(world.database, order.folder / made.name, LATER) == low - 1
    assert world.rows("SELECT count(*) FROM message") == [(1200,)]


async def test_erased_dossier_is_gone_from_archives_too(world, order):
    await world.add_dossier("H99-1", name="x")
    await world.add_dossier("H99-2", name="y")
    callback = world.request(None, CANARY, url="/in/portal?identity=" + CANARY.decode())
    shared = world.request("H99-1", CANARY, shared=True)
    await world.write(
        world.request("H99-1", CANARY, url="https://portal.example/?identity=" + CANARY.decode()),
        callback,
        world.answer("H99-1", callback),
        shared,
        world.companion("H99-2", shared),
        world.request("H99-2", b"theirs"),
    )
    await world.fill(600, dossier="H98-{}")
    await world.checkpoint()
    [made] = await archive(order, LATER)
    await prune(order)
    path = order.folder / made.name
    assert check_archive(path, Expected(), world.database).unopened == 0

    plan = await erasure.plan(world.database, "H99-1", LATER)
    assert [(each.others, each.whole) for each in plan.shared] == [(["H99-2"], True)]
    await erasure.erase(
        world.database, Erase(actor="cli:lan", reason="asked for", now=LATER, dossier="H99-1")
    )

    assert check_archive(path, Expected(digest=made.digest.hex()), world.database).unopened == 4
    await restore(world.database, path, LATER)
    everything = b"".join(world.everything().values())
    assert CANARY not in everything
    assert (await world.reading.fetch(str(callback.id))).missing is Missing.ERASED


async def test_search_finds_a_dossier_s_entries_in_every_archive(world, order):
    callback = world.request(None, b"about it", at=NOW)
    await world.write(callback, world.answer("H99-3", callback, at=NOW))
    await world.fill(700)
    await world.checkpoint()
    await archive(limited(order, 300), LATER)
    await prune(order)

    wanted = ArchiveSearch(dossier="H99-3", contents=True)
    found = list(search_archives(world.database, known(world), wanted))

    assert [each.seq for each in found] == sorted(each.seq for each in found)
    assert len(found) == 102
    assert found[0].entry == str(callback.id)
    assert found[0].body == "about it"
    assert '"full_name": "Canary 3"' in found[2].body
    assert found[2].url == "https://portal.example/x"


async def test_contents_in_clear_are_archived_only_when_that_is_said(world, order):
    world.database.contents = None
    await filled(world, 10)

    with pytest.raises(ConflictError, match="not encrypted"):
        await archive(order, LATER)
    assert list(order.folder.glob("*")) == []
    clear = Archiving(
        database=order.database, folder=order.folder, clock=order.clock, tell=order.tell, in_clear=True
    )
    [made] = await archive(clear, LATER)
    assert check_archive(order.folder / made.name, Expected(), world.database).contents == 10


class Tampered:
    """An archive that somebody who may write everything has changed, with its digest."""

    def __init__(self, path: Path):
        with ArchiveFile(path) as file:
            self.header = file.header
            self.entries = [entry for _, block in file.blocks() for entry in block]
        self.path = path

    def written(self, header=None, entries=None):
        write_archive(self.path, header or self.header, [entries if entries is not None else self.entries])


def changed(entry, **values):
    import msgspec

    return msgspec.structs.replace(entry, **values)


def edited_header(t):
    t.written(entries=[changed(each, outcome="accepted") if each.seq == 7 else each for each in t.entries])


def edited_leaf_too(t):
    from gateway.messagelog.entry import leaf_of

    new = changed(t.entries[6], outcome="accepted")
    t.written(entries=[*t.entries[:6], changed(new, leaf=leaf_of(new)), *t.entries[7:]])


def edited_body(t):
    body = bytearray(t.entries[6].body)
    body[-1] ^= 1
    t.written(entries=[*t.entries[:6], changed(t.entries[6], body=bytes(body)), *t.entries[7:]])


def moved_body(t):
    t.written(entries=[*t.entries[:6], changed(t.entries[6], body=t.entries[13].body), *t.entries[7:]])


def edited_head(t):
    head = bytearray(t.entries[6].head)
    head[-1] ^= 1
    t.written(entries=[*t.entries[:6], changed(t.entries[6], head=bytes(head)), *t.entries[7:]])


def deleted(t):
    t.written(entries=[*t.entries[:6], *t.entries[7:]])


def inserted(t):
    t.written(entries=[*t.entries[:7], t.entries[6], *t.entries[7:]])


def reordered(t):
    t.written(entries=[*t.entries[:6], t.entries[7], t.entries[6], *t.entries[8:]])


def truncated(t):
    t.written(entries=t.entries[:-3])


def clock_moved(t):
    t.written(entries=[changed(each, at=each.at - 1) if each.seq == 7 else each for each in t.entries])


def other_tree(t):
    t.written(header=changed(t.header, size=t.header.size + 1))


def other_root(t):
    t.written(header=changed(t.header, root="00" * 32))


def other_key(t):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gateway.proof.lienthong_verify import read_note
    from gateway.proof.note import Signer, signed
    from tests.storage.evidence_world import ORIGIN

    stranger = Signer.of_log(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    text = read_note(t.header.note.encode()).text
    t.written(header=changed(t.header, note=signed(text, stranger).decode()))


def node_beside(t):
    t.written(header=changed(t.header, right=["00" * 32, *t.header.right[1:]]))


def cut_in_the_middle(t):
    t.path.write_bytes(t.path.read_bytes()[:-40])


def no_archive(t):
    t.path.write_bytes(b"{}\n")


def gone(t):
    t.path.unlink()


TAMPERING = {
    edited_header: ("ARCHIVE_LEAF", 7),
    edited_leaf_too: ("ARCHIVE_ROOT", None),
    edited_body: ("ARCHIVE_CONTENT", 7),
    moved_body: ("ARCHIVE_CONTENT", 7),
    edited_head: ("ARCHIVE_CONTENT", 7),
    deleted: ("ARCHIVE_ORDER", 7),
    inserted: ("ARCHIVE_ORDER", 8),
    reordered: ("ARCHIVE_ORDER", 7),
    truncated: ("ARCHIVE_TRUNCATED", 38),
    clock_moved: ("ARCHIVE_LEAF", 7),
    other_tree: ("ARCHIVE_CHECKPOINT", None),
    other_root: ("ARCHIVE_CHECKPOINT", None),
    other_key: ("ARCHIVE_CHECKPOINT", None),
    node_beside: ("ARCHIVE_ROOT", None),
    cut_in_the_middle: ("ARCHIVE_TRUNCATED", None),
    no_archive: ("ARCHIVE_UNREADABLE", None),
    gone: ("ARCHIVE_MISSING", None),
}


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
async def test_tampering_is_named_even_where_the_digest_was_changed_with_it(world, order, tamper):
    await filled(world, 50)
    [made, _] = await archive(limited(order, 40), LATER)
    path = order.folder / made.name

    tamper(Tampered(path))

    with pytest.raises(ArchiveDamaged) as found:
        check_archive(path, Expected(previous=""), world.database)
    assert (found.value.code, found.value.seq) == TAMPERING[tamper]
    if path.exists():
        with pytest.raises(ArchiveDamaged, match=r"ARCHIVE_(DIGEST|UNREADABLE)"):
            check_archive(path, Expected(digest=made.digest.hex()), world.database)


async def test_archive_of_another_chain_is_refused(world, order):
    await filled(world, 20)
    [first, second] = await archive(limited(order, 10), LATER)

    with pytest.raises(ArchiveDamaged, match="ARCHIVE_CHAIN"):
        check_archive(order.folder / second.name, Expected(previous="ab" * 32), world.database)
    assert check_archive(
        order.folder / second.name, Expected(previous=first.digest.hex()), world.database
    ).entries


async def test_every_flipped_byte_is_noticed(world, order):
    await filled(world, 30)
    [made] = await archive(order, LATER)
    path = order.folder / made.name
    data = path.read_bytes()

    for place in range(0, len(data), max(1, len(data) // 150)):
        flipped = bytearray(data)
        flipped[place] ^= 0x20
        path.write_bytes(flipped)
        with pytest.raises(ArchiveDamaged):
            await asyncio.to_thread(
                check_archive, path, Expected(digest=made.digest.hex(), previous=""), world.database
            )
