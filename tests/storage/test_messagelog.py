"""Searching the message log and checking it against itself, on real databases."""

from datetime import UTC, datetime, timedelta

import pytest
import zstandard

from gateway.domain.errors import NotFoundError
from gateway.messagelog import verification
from gateway.messagelog.content import head_of, pack
from gateway.messagelog.entry import About, Scope, no_answer_entry, request_entry, response_entry
from gateway.messagelog.search import MessageLog
from gateway.messagelog.verification import Verification, verify
from gateway.port import WireRequest, WireResponse
from gateway.proof.commitment import committed
from gateway.storage import upkeep
from gateway.storage.queries_messages import MessageFilter
from gateway.storage.rows import insert_messages

# identifiers carry the real time, so the entries of this test do, too
NOW = datetime.now(UTC).replace(microsecond=0)
LONG = b'{"text": "' + "Đề nghị cấp giấy ".encode() * 200 + b'"}'


class Log:
    """Writes entries like the gateway does."""

    def __init__(self, database):
        self.database = database
        self.reading = MessageLog(database)

    def about(self, **more):
        parts = {"id": self.database.identifiers.next(), "at": NOW, "operation": "note", **more}
        return About(**parts)

    async def request(self, body=b"x", channel="portal", **about):
        request = WireRequest(
            method="POST", url="https://portal.example/x", headers=(("a", "1"), ("a", "2")), body=body
        )
        return await self._write(request_entry(Scope(channel=channel), self.about(**about), request))

    async def response(self, body=b"y", channel="portal", status=200, **about):
        response = WireResponse(status=status, body=body)
        return await self._write(response_entry(Scope(channel=channel), self.about(**about), response))

    async def silence(self, **about):
        return await self._write(no_answer_entry(Scope(channel="portal"), self.about(**about), "timeout"))

    async def _write(self, row):
        await self.database.write(lambda tx: insert_messages(tx, [row]))
        return str(row.id)

    async def found(self, **wanted):
        return [entry.id for entry in (await self.reading.search(MessageFilter(**wanted))).entries]

    async def seal(self):
        await self.database.write(upkeep.seal)

    async def execute(self, statement):
        await self.database.write(lambda tx: tx._cursor.execute(statement))

    async def change(self, **columns):
        """Forge entry number 3, as somebody with access to the database could."""
        for name, value in columns.items():
            await self.database.write(
                lambda tx, name=name, value=value: tx._cursor.execute(
                    *_forged(f"UPDATE message SET {name} = ? WHERE seq = 3", value, tx.dialect)  # noqa: S608
                )
            )

    async def change_body(self, body, encoding="identity"):
        await self.database.write(
            lambda tx: tx._cursor.execute(
                *_forged(
                    f"UPDATE message_body SET encoding = '{encoding}', body = ? WHERE message_id = "  # noqa: S608
                    "(SELECT id FROM message WHERE seq = 3)",
                    body,
                    tx.dialect,
                )
            )
        )

    def faults(self):
        return [(fault.seq, fault.kind.value) for fault in verify(self.database).faults]


def _forged(statement, value, dialect):
    return statement.replace("?", "%s") if dialect == "postgresql" else statement, (value,)


@pytest.fixture
def log(database):
    return Log(database)


async def test_entries_are_found_by_what_they_are_about(log):
    one = await log.request(dossier="H99-1")
    two = await log.response(dossier="H99-1", request_id=int(one), outcome="accepted", code="ok")
    three = await log.request(channel="api", direction="in", dossier="H99-2")
    four = await log.silence(dossier="H99-2", outcome="in_doubt")

    assert await log.found() == [four, three, two, one]
    assert await log.found(dossier="H99-1") == [two, one]
    assert await log.found(channel="api") == [three]
    assert await log.found(outcome="accepted") == [two]
    assert await log.found(outcome="in_doubt") == [four]
    assert await log.found(direction="in") == [three]
    assert await log.found(dossier="H99-2", channel="portal") == [four]
    assert await log.found(dossier="H99-9") == []


async def test_call_from_a_partner_is_found_by_the_dossier_of_its_answer(log):
    call = await log.request(direction="in")
    answer = await log.response(direction="in", dossier="G22-1", request_id=int(call))

    assert await log.found(dossier="G22-1") == [answer, call]


async def test_entries_are_found_by_time(log):
    early = await log.request(at=NOW - timedelta(hours=2))
    late = await log.request(at=NOW)

    assert await log.found(since=NOW) == [late]
    assert await log.found(before=NOW) == [early]
    assert await log.found(since=NOW - timedelta(hours=2), before=NOW) == [early]
    assert await log.found(since=NOW + timedelta(seconds=1)) == []


async def test_pages_follow_each_other_without_gap_or_overlap(log):
    written = [await log.request(dossier="H99-1") for _ in range(23)]

    seen, before = [], None
    while True:
        page = await log.reading.search(MessageFilter(dossier="H99-1"), before=before, limit=5)
        seen += [entry.id for entry in page.entries]
        before = page.next
        if before is None:
            break

    assert seen == written[::-1]


async def test_entries_written_meanwhile_do_not_disturb_older_pages(log):
    for _ in range(6):
        await log.request()
    first = await log.reading.search(MessageFilter(), limit=3)
    expected = await log.reading.search(MessageFilter(), before=first.next, limit=3)
    await log.request()

    assert await log.reading.search(MessageFilter(), before=first.next, limit=3) == expected


@pytest.mark.parametrize("body", [b"", b"short", LONG, b"\x00\xff" * 300])
async def test_entry_is_read_with_the_bytes_that_were_logged(log, body):
    entry = await log.reading.fetch(await log.request(body=body))

    assert (entry.body, entry.intact) == (body, True)
    assert entry.headers == [("a", "1"), ("a", "2")]
    assert entry.view.form == 2


async def test_body_that_is_no_longer_kept_is_said_to_be_gone(log):
    written = await log.request(body=LONG)
    await log.execute("DELETE FROM message_body")

    entry = await log.reading.fetch(written)

    assert (entry.body, entry.intact) == (None, False)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"other", "identity"), (b"no zstd", "zstd"), (zstandard.compress(b"other"), "zstd"), (b"x", "rot13")],
)
async def test_changed_body_is_shown_and_said_to_be_changed(log, body, encoding):
    written = [await log.request(body=LONG) for _ in range(3)][-1]
    await log.seal()
    await log.change_body(body, encoding)

    entry = await log.reading.fetch(written)

    assert not entry.intact
    assert entry.body == body


@pytest.mark.parametrize("entry", ["1", "x", "", "-1", "9" * 30, "9223372036854775808", "１"])
async def test_unknown_entry_is_not_found(log, entry):
    with pytest.raises(NotFoundError):
        await log.reading.fetch(entry)


async def test_sound_log_has_no_faults(log):
    await log.request(body=b"")
    await log.request(body=LONG, dossier="H99-1", attempt=5)
    await log.response(body=LONG, outcome="accepted", code="ok", request_id=2)
    await log.silence()
    await log.seal()

    report = verify(log.database)

    assert (report.last, report.checked, report.erased, report.faults) == (4, 4, 0, ())


async def test_empty_log_is_sound(log):
    report = verify(log.database)

    assert (report.checked, report.faults) == (0, ())


async def test_progress_is_told_step_by_step(log, monkeypatch):
    monkeypatch.setattr(verification, "STEP", 300)
    for _ in range(700):
        await log.request()
    await log.seal()

    steps = [(step.seq, step.checked, step.last) for step in Verification(log.database).steps()]

    assert [last for _, _, last in steps] == [700] * len(steps)
    assert [seq for seq, _, _ in steps] == sorted({seq for seq, _, _ in steps} | {700})
    assert steps[-1][:2] == (700, 700)


async def test_entry_that_is_not_sealed_yet_is_not_judged(log):
    await log.request()
    await log.seal()
    await log.request()

    assert verify(log.database).last == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"at": 1},
        {"dossier_code": "H99-9"},
        {"dossier_code": None},
        {"channel": "elsewhere"},
        {"operation": "other"},
        {"status": 201},
        {"outcome": "rejected"},
        {"code": None},
        {"request_id": 77},
        {"attempt_id": None},
        {"leaf": b"\x00" * 32},
        {"direction": "in"},
        {"form": 3},
    ],
)
async def test_changed_header_is_found(log, forged):
    for _ in range(4):
        await log.response(dossier="H99-1", attempt=5, request_id=2, outcome="accepted", code="ok")
    await log.seal()
    sound = log.faults()
    await log.change(**forged)

    assert sound == []
    assert log.faults() == [(3, "header")]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"other", "identity"),
        (b"", "identity"),
        (b"no zstd", "zstd"),
        (zstandard.compress(LONG + b" "), "zstd"),
        (zstandard.compress(LONG[::-1]), "zstd"),
        (zstandard.compress(LONG)[:-3], "zstd"),
        (zstandard.compress(bytes(500_000_000)), "zstd"),
        (LONG, "rot13"),
    ],
)
async def test_changed_body_is_found(log, body, encoding):
    for _ in range(4):
        await log.request(body=LONG)
    await log.seal()
    await log.change_body(body, encoding)

    assert log.faults() == [(3, "body")]


@pytest.mark.parametrize(
    "forged", [{"url": "https://portal.example/y"}, {"headers": '[["a","1"]]'}, {"method": "PUT"}]
)
async def test_changed_address_or_headers_do_not_give_the_commitment(log, forged):
    for _ in range(4):
        await log.request(body=LONG)
    await log.seal()
    await log.change(**forged)

    assert log.faults() == [(3, "body")]


async def test_changed_body_with_its_commitment_changed_is_found_by_the_leaf(log):
    for _ in range(4):
        await log.request(body=b"12345")
    await log.seal()
    seed = bytes(32)
    content = head_of("POST", "https://portal.example/x", '[["a","1"],["a","2"]]') + b"54321"
    await log.change_body(pack(seed, (), b"54321"), "clear")
    await log.change(body_digest=committed(content, (), seed))

    assert log.faults() == [(3, "header")]


async def test_removed_body_is_found(log):
    for _ in range(4):
        await log.request(body=LONG)
    await log.seal()
    await log.execute("DELETE FROM message_body WHERE message_id = (SELECT id FROM message WHERE seq = 2)")

    assert log.faults() == [(2, "body")]


async def test_emptied_entry_is_found(log):
    for _ in range(4):
        await log.request(body=b"12345")
    await log.seal()
    await log.execute("DELETE FROM message_body WHERE message_id = (SELECT id FROM message WHERE seq = 3)")
    await log.change(body_size=0)

    assert log.faults() == [(3, "header")]


@pytest.mark.parametrize(("removed", "first", "last"), [("3", 3, 3), ("3, 4, 5", 3, 5), ("1", 1, 1)])
async def test_removed_entries_are_found(log, removed, first, last):
    for _ in range(8):
        await log.request()
    await log.seal()
    await log.execute(f"DELETE FROM message WHERE seq IN ({removed})")  # noqa: S608

    [fault] = verify(log.database).faults
    assert (fault.seq, fault.upto, fault.kind) == (first, last, "deleted")


async def test_entries_after_a_gap_are_still_judged(log):
    for _ in range(9):
        await log.request()
    await log.seal()
    await log.execute("DELETE FROM message WHERE seq IN (1, 2, 6)")
    await log.change(operation="other")

    assert log.faults() == [(1, "deleted"), (3, "header"), (6, "deleted")]


async def test_renumbered_entries_are_found(log):
    for _ in range(6):
        await log.request()
    await log.seal()
    await log.execute("UPDATE message SET seq = 9000000000000 WHERE seq = 2")

    assert log.faults() == [(2, "deleted"), (7, "deleted")]
