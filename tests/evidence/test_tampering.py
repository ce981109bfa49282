"""Every change that somebody with all rights over the database can make is found, named, and its first entry with it."""

import msgspec
import pytest

from gateway.messagelog.faults import EXPLAINED, Kind
from gateway.messagelog.verified import State
from gateway.proof.lienthong_verify import Trust
from gateway.storage.checkpoints import newest_checkpoint
from gateway.storage.contents import Contents
from tests.evidence.tampering import NOW, SignedLog, signer_of

SIZES = (100, 290, 530, 600)
"""Two full tiles, and a right edge of 88 entries."""


@pytest.fixture
async def log(database, tmp_path):
    return await SignedLog(database, tmp_path / "keys").grow(*SIZES)


def test_every_kind_is_explained():
    assert set(EXPLAINED) == set(Kind)
    assert all(each.meaning and each.advice for each in EXPLAINED.values())


async def test_sound_log_holds(log):
    report = log.report(elsewhere=log.copies())

    assert (report.faults, report.first, report.holds) == ((), None, True)
    assert (report.checked, report.proven, report.last) == (600, 600, 600)
    assert (report.checkpoints, report.stamps, report.cosignatures, report.elsewhere) == (4, 4, 4, 4)
    assert report.pinned


async def test_empty_log_holds(database, tmp_path):
    report = SignedLog(database, tmp_path / "keys").report(trust=Trust())

    assert (report.holds, report.checked, report.proven) == (True, 0, 0)


@pytest.mark.parametrize("seq", [1, 257, 540, 600])
class TestOneEntry:
    """Entries at the borders of tiles and checkpoints, and where no tile is full yet."""

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("operation", "other"),
            ("at", 1),
            ("dossier_code", None),
            ("channel", "x"),
            ("code", "x"),
            ("form", 1),
        ],
    )
    async def test_edited_header(self, log, seq, column, value):
        await log.do(f"UPDATE message SET {column} = ? WHERE seq = ?", value, seq)  # noqa: S608

        assert log.found() == [(seq, "header")]

    async def test_edited_header_with_its_leaf_hash(self, log, seq):
        await log.do("UPDATE message SET operation = 'other' WHERE seq = ?", seq)
        await log.fit_leaf(seq)

        (first, kind), *rest = log.found()
        if seq <= 512:
            assert (first, kind, rest) == (seq, "header", [])
        else:  # nothing but the root of its checkpoint knows better
            assert (first, kind, rest) == (531, "rewritten", [])

    @pytest.mark.parametrize(
        ("column", "value"), [("url", "https://x.example"), ("headers", "[]"), ("method", None)]
    )
    async def test_edited_address_or_headers(self, log, seq, column, value):
        await log.do(f"UPDATE message SET {column} = ? WHERE seq = ?", value, seq)  # noqa: S608

        assert log.found() == [(seq, "body")]

    async def test_edited_body(self, log, seq):
        await log.do(
            "UPDATE message_body SET body = ? WHERE message_id = (SELECT id FROM message WHERE seq = ?)",
            b"x" * 90,
            seq,
        )

        assert log.found() == [(seq, "body")]

    async def test_body_of_another_entry(self, log, seq):
        other = log.fetch(seq + 7 if seq < 500 else seq - 7)
        await log.do(
            "UPDATE message_body SET body = ? WHERE message_id = (SELECT id FROM message WHERE seq = ?)",
            other.stored.body,
            seq,
        )

        assert log.found() == [(seq, "body")]

    async def test_body_that_is_gone(self, log, seq):
        await log.do(
            "DELETE FROM message_body WHERE message_id = (SELECT id FROM message WHERE seq = ?)", seq
        )

        assert log.found() == [(seq, "body")]

    async def test_deleted(self, log, seq):
        await log.delete(seq)

        assert log.found() == [(seq, "truncated" if seq == 600 else "deleted")]

    async def test_deleted_and_the_gap_closed(self, log, seq):
        await log.delete(seq)
        await log.renumber(seq + 1, -1)

        # at the right edge nothing keeps its leaf hash: one entry is missing since the last checkpoint that holds
        assert log.found() == [(seq, "deleted") if seq <= 512 else (600, "truncated")]

    async def test_inserted(self, log, seq):
        await log.insert_at(seq)

        assert log.found() == [(seq, "inserted")]

    async def test_changed_leaf_hash(self, log, seq):
        await log.do("UPDATE message SET leaf = ? WHERE seq = ?", bytes(32), seq)

        assert log.found() == [(seq, "leaf")]


@pytest.mark.parametrize(("one", "other"), [(1, 2), (255, 258), (100, 101), (3, 500), (550, 551), (540, 590)])
async def test_reordered(log, one, other):
    await log.swap(one, other)

    found = log.report().faults
    assert (found[0].seq, {each.kind for each in found}) == (one, {Kind.REORDERED})


async def test_reordered_across_a_checkpoint_where_no_tile_is_full(log):
    await log.swap(530, 531)

    first = log.report().first
    assert (first.seq, first.kind in {Kind.REORDERED, Kind.INSERTED}) == (530, True)


@pytest.mark.parametrize("last", [599, 512, 400, 1])
async def test_truncated(log, last):
    await log.do("DELETE FROM message WHERE seq > ?", last)

    assert log.found() == [(last + 1, "truncated")]


@pytest.mark.parametrize("last", [512, 529, 100])
async def test_truncated_with_its_proof_is_found_by_a_copy_of_a_checkpoint(log, last):
    copies = log.copies()
    await log.do("DELETE FROM message WHERE seq > ?", last)
    await log.do("DELETE FROM checkpoint WHERE size > ?", last)
    await log.do("DELETE FROM cosignature WHERE checkpoint NOT IN (SELECT number FROM checkpoint)")
    await log.do("DELETE FROM log_tile WHERE (idx + 1) * 256 > ?", last)

    assert log.found() == []
    assert log.found(elsewhere=copies[-1:]) == [(last + 1, "truncated")]


async def test_clock_moved_back_is_found_where_it_was(database, tmp_path):
    log = await SignedLog(database, tmp_path / "keys").grow(40)
    log.clock -= log.clock - NOW.replace(hour=1)
    await log.fill(30, at=log.clock)
    log.clock = NOW.replace(hour=4)
    await log.checkpoint()

    assert log.found() == [(41, "clock")]
    assert log.found(tolerance=3 * 3600.0) == []


async def test_checkpoint_that_is_older_than_the_one_before(log):
    early = log._row(log.database.ask(newest_checkpoint), log.edge, NOW)
    await log.insert_row("checkpoint", {name: getattr(early, name) for name in early.__struct_fields__[:7]})

    assert log.found() == [(601, "clock")]


async def test_replaced_key(log):
    stranger = signer_of(5)
    await log.do("UPDATE log_key SET key = ?", stranger.key.text)
    await log.make_proof_anew(stranger)

    assert log.report(trust=Trust()).holds  # whoever has pinned nothing believes the first key
    assert (1, "key") in log.found()
    assert (1, "key") in log.found(trust=Trust(), state=_state_before(log))


def _state_before(log):
    return State(number=4, note="", keys=[signer_of(1).key.text], latest=0, tiles=[])


async def test_key_that_nobody_has_handed_over_to(log):
    stranger = signer_of(5)
    row = {"number": 2, "origin": stranger.key.name, "key": stranger.key.text, "made_at": 1}
    await log.insert_row("log_key", {**row, "handover": "x"})
    log.signer, log.key = stranger, 2
    await log.grow(650)

    assert log.report().first.kind is Kind.KEY
    assert log.report().first.seq in {1, 601}


async def test_key_that_was_handed_over_to_is_trusted(log):
    await log.rotate()
    await log.grow(650, 800)

    report = log.report()
    assert (report.faults, report.proven) == ((), 800)


async def test_rewritten_by_somebody_with_the_signing_key_is_a_fork_for_whoever_has_a_copy(log):
    copies, state = log.copies(), log.report().state
    await log.do("UPDATE message SET operation = 'other' WHERE seq = 300")
    await log.fit_leaf(300)
    await log.make_proof_anew(log.signer)

    assert log.found() == []
    assert log.found(elsewhere=copies[:1]) == []
    assert (
        log.found(elsewhere=copies[1:]) == [(101, "forked")]
        or log.found(elsewhere=copies[1:])[0][1] == "forked"
    )
    found = log.report(state=state)
    assert found.note.startswith("the state does not fit")
    assert found.first.kind is Kind.FORKED


@pytest.mark.parametrize("index", [0, 1])
async def test_changed_tile(log, index):
    [(hashes,)] = log.rows("SELECT hashes FROM log_tile WHERE level = 0 AND idx = :index", index=index)
    changed = bytearray(hashes)
    changed[32 * 5] ^= 1
    await log.do("UPDATE log_tile SET hashes = ? WHERE level = 0 AND idx = ?", bytes(changed), index)

    assert log.found() == [(256 * index + 6, "tile")]


async def test_missing_tile(log):
    await log.do("DELETE FROM log_tile WHERE level = 0 AND idx = 1")

    assert log.found() == [(257, "tile")]


async def test_tile_too_many(log):
    await log.insert_row("log_tile", {"level": 0, "idx": 77, "hashes": bytes(8192)})

    assert [kind for _, kind in log.found()] == ["tile"]


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE checkpoint SET root = '01' WHERE number = 2", 101),
        ("UPDATE checkpoint SET at = at + 1 WHERE number = 3", 291),
        ("UPDATE checkpoint SET note = replace(note, 'time 2026', 'time 2025') WHERE number = 1", 1),
        ("DELETE FROM checkpoint WHERE number = 2", 101),
        ("UPDATE checkpoint SET anchored_at = 5 WHERE number = 4", 531),
        ("UPDATE cosignature SET at = at + 1 WHERE checkpoint = 2", 101),
        ("UPDATE cosignature SET checkpoint = 99 WHERE checkpoint = 2", 601),
    ],
)
async def test_changed_checkpoint(log, statement, seq):
    if log.database.dialect == "postgresql":
        statement = statement.replace("'01'", "'\\x01'")
    await log.do(statement.replace("%", "%%"))

    found = log.found()
    assert found[0] == (seq, "checkpoint")
    assert {kind for _, kind in found} == {"checkpoint"}


async def test_erased_contents_are_counted_and_their_headers_verified(log):
    await log.do("UPDATE content_key SET wrapped = NULL, destroyed_at = 1 WHERE scope = 'dossier:H99-3'")
    log.database.contents = Contents(log.database.contents.keys)

    report = log.report()
    assert (report.faults, report.erased > 80, report.proven) == ((), True, 600)
    await log.do("UPDATE message SET status = 1 WHERE dossier_code = 'H99-3' AND seq > 400 AND seq < 410")
    assert {kind for _, kind in log.found()} == {"header"}


async def test_without_the_master_key_contents_are_counted_as_locked(log):
    log.database.contents = None

    report = log.report()
    assert (report.faults, report.locked, report.proven) == ((), 600, 600)


async def test_later_run_goes_on_from_the_state_of_the_first(log):
    first = log.report()
    state = msgspec.json.decode(msgspec.json.encode(first.state), type=State)
    await log.grow(700, 900)

    later = log.report(state=state, trust=Trust(), elsewhere=log.copies())
    assert (later.begun, later.checked, later.proven, later.faults) == (600, 300, 900, ())
    assert (later.elsewhere, later.pinned) == (6, True)
    again = log.report(state=later.state)
    assert (again.checked, again.proven, again.faults) == (0, 900, ())


async def test_state_that_does_not_fit_means_that_everything_is_verified(log):
    state = log.report().state
    damaged = msgspec.structs.replace(state, tiles=state.tiles[1:])

    report = log.report(state=damaged)
    assert (report.begun, report.checked, report.faults) == (0, 600, ())
    assert "does not fit" in report.note


async def test_state_tells_what_was_done_where_no_tile_is_full(log):
    state = log.report().state
    await log.delete(550)
    await log.renumber(551, -1)

    assert log.found(state=state)[0] == (550, "deleted")


async def test_entries_beyond_the_newest_checkpoint_are_counted_as_not_proven_yet(log):
    await log.fill(20, at=log.clock)
    await log.seal()

    report = log.report()
    assert (report.faults, report.last, report.proven) == ((), 620, 600)


async def prune(log, last):
    """What is left when the entries up to ``last`` are in an archive alone."""
    row = {"number": 1, "name": "a", "folder": "/", "digest": b"x", "first_seq": 1, "last_seq": last}
    row |= {
        "first_at": 1,
        "last_at": 1,
        "size": last,
        "root": b"x",
        "checkpoint": 2,
        "bytes": 1,
        "made_at": 1,
    }
    await log.insert_row("archive", {**row, "verified_at": 1, "pruned_to": last})
    await log.do("DELETE FROM message_body WHERE message_id IN (SELECT id FROM message WHERE seq <= ?)", last)
    await log.do("DELETE FROM message WHERE seq <= ?", last)


@pytest.mark.parametrize("last", [1, 100, 256, 400, 512])
async def test_pruned_entries_are_counted_by_the_tree_and_the_rest_is_verified(log, last):
    await prune(log, last)

    report = log.report(elsewhere=log.copies())
    assert (report.faults, report.archived, report.checked) == ((), last, 600 - last)
    assert (report.proven, report.elsewhere) == (600, 4)
    await log.delete(last + 2)
    assert log.found() == [(last + 2, "deleted")]


async def test_tile_under_pruned_entries_is_held_against_the_checkpoints(log):
    await prune(log, 256)
    [(hashes,)] = log.rows("SELECT hashes FROM log_tile WHERE level = 0 AND idx = 0")
    await log.do(
        "UPDATE log_tile SET hashes = ? WHERE level = 0 AND idx = 0", bytes([hashes[0] ^ 1]) + hashes[1:]
    )

    assert log.report().first.kind in {Kind.REWRITTEN, Kind.TILE}
    assert log.report().first.seq == 1
