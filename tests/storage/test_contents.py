"""Encrypted contents: a key per dossier, wrapped by a master key outside; what a destroyed key takes, and nothing more."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.errors import ConfigurationError
from gateway.messagelog.content import Missing
from gateway.messagelog.entry import About, Scope, companion_entry, request_entry
from gateway.messagelog.keys import add_master, open_contents, open_vault
from gateway.messagelog.search import MessageLog
from gateway.messagelog.vault import DataKey, Vault, fingerprint
from gateway.messagelog.verification import verify
from gateway.port import WireRequest
from gateway.storage import upkeep
from gateway.storage.contents import Contents, masters_in_use
from gateway.storage.database import Database
from gateway.storage.identity import Identifiers
from gateway.storage.rows import insert_messages

NOW = datetime(2026, 9, 28, 3, 0, tzinfo=UTC)
CANARY = b"canary-0123456789"


class EncryptedLog:
    def __init__(self, database, folder):
        self.database, self.folder = database, folder
        open_contents(database, folder)
        self.reading = MessageLog(database)

    def entry(self, dossier="H99-1", channel="portal", body=CANARY):
        about = About(id=self.database.identifiers.next(), at=NOW, operation="note", dossier=dossier)
        request = WireRequest(method="POST", url="https://portal.example/x", headers=(), body=body)
        return request_entry(Scope(channel=channel), about, request)

    async def write(self, *rows):
        await self.database.write(lambda tx: insert_messages(tx, rows))
        return [str(row.id) for row in rows]

    def rows(self, statement):
        return self.database.ask(
            lambda connection: [tuple(r) for r in connection.execute(sa.text(statement))]
        )

    async def execute(self, statement):
        await self.database.write(lambda tx: tx._cursor.execute(statement))

    async def destroy(self, scope):
        await self.execute(f"UPDATE content_key SET wrapped = NULL, destroyed_at = 1 WHERE scope = '{scope}'")  # noqa: S608


@pytest.fixture
def log(database, tmp_path):
    return EncryptedLog(database, tmp_path / "keys")


async def test_contents_are_encrypted_and_read_again(log):
    [entry] = await log.write(log.entry())

    [(encoding, kept)] = log.rows("SELECT encoding, body FROM message_body")
    found = await log.reading.fetch(entry)

    assert (encoding, CANARY in bytes(kept)) == ("encrypted", False)
    assert (found.body, found.intact, found.missing) == (CANARY, True, None)


async def test_dossiers_channels_and_shared_calls_have_keys_of_their_own(log):
    first = log.entry(dossier="H99-1")
    shared = log.entry(dossier="H99-1", body=b"several")
    shared = msgspec.structs.replace(shared, shared=True)
    other = companion_entry(
        About(id=log.database.identifiers.next(), at=NOW, operation="note", dossier="H99-2"), shared
    )
    await log.write(first, log.entry(dossier="H99-1"), log.entry(dossier=None), shared, other)

    scopes = [scope for (scope,) in log.rows("SELECT scope FROM content_key ORDER BY scope")]
    assert scopes == [f"call:{shared.id}", "channel:portal:2026-09", "dossier:H99-1"]
    assert (await log.reading.fetch(str(other.id))).body == b"several"


async def test_destroyed_key_takes_its_contents_and_the_proof_stays(log):
    [gone] = await log.write(log.entry(dossier="H99-1"))
    [kept] = await log.write(log.entry(dossier="H99-2"))
    await log.database.write(upkeep.seal)
    await log.destroy("dossier:H99-1")
    log.database.contents = Contents(log.database.contents.keys)

    found = await log.reading.fetch(gone)
    assert (found.body, found.missing) == (None, Missing.ERASED)
    assert (await log.reading.fetch(kept)).body == CANARY
    report = verify(log.database)
    assert (report.checked, report.erased, report.faults) == (2, 1, ())


async def test_destroyed_key_encrypts_nothing_any_more_though_it_is_still_in_memory(log):
    await log.write(log.entry())
    await log.destroy("dossier:H99-1")
    [later] = await log.write(log.entry(body=b"later"))

    assert (await log.reading.fetch(later)).body == b"later"
    assert log.rows("SELECT count(*) FROM content_key WHERE scope = 'dossier:H99-1'") == [(2,)]


async def test_two_processes_agree_on_the_key_of_a_dossier(postgresql_url, tmp_path):
    databases = [Database(postgresql_url, identifiers=Identifiers(number)) for number in (1, 2)]
    logs = [EncryptedLog(each, tmp_path / "keys") for each in databases]

    written = await asyncio.gather(
        *(each.write(each.entry(dossier=f"H99-{number}")) for number in range(20) for each in logs)
    )

    assert logs[0].rows("SELECT count(*) FROM content_key") == [(20,)]
    for [entry] in written:
        assert (await logs[0].reading.fetch(entry)).body == CANARY
    for each in databases:
        each.close()


async def test_content_moved_to_another_entry_is_noticed(log):
    [first] = await log.write(log.entry(body=b"one"))
    [second] = await log.write(log.entry(body=b"two"))
    await log.execute(
        f"UPDATE message_body SET body = (SELECT body FROM message_body WHERE message_id = {first}) "  # noqa: S608
        f"WHERE message_id = {second}"
    )

    found = await log.reading.fetch(second)
    assert (found.intact, found.missing) == (False, Missing.DAMAGED)


async def test_lost_master_key_is_noticed_before_another_is_made(log):
    await log.write(log.entry())
    [master] = log.database.ask(masters_in_use)
    (log.folder / "master-1.key").unlink()

    with pytest.raises(ConfigurationError, match=master):
        open_vault(log.folder, log.database.ask(masters_in_use))
    assert list(log.folder.iterdir()) == []


async def test_newer_master_key_wraps_what_is_new_and_the_older_still_opens(log):
    [before] = await log.write(log.entry(dossier="H99-1"))
    add_master(log.folder, 2)
    open_contents(log.database, log.folder)
    [after] = await log.write(log.entry(dossier="H99-2"))

    assert len(log.database.ask(masters_in_use)) == 2
    for entry in (before, after):
        assert (await log.reading.fetch(entry)).body == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_master_key_that_others_can_read_is_refused(tmp_path, mode):
    add_master(tmp_path, 1)
    (tmp_path / "master-1.key").chmod(mode)

    with pytest.raises(ConfigurationError, match="can be read by others"):
        open_vault(tmp_path, ())


@pytest.mark.parametrize("content", [b"", b"not base64!", b"AAAA"])
def test_master_key_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "master-1.key"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="master-1"):
        open_vault(tmp_path, ())


def test_wrapped_key_opens_with_its_master_alone():
    one, two = bytes(32), bytes(range(32))
    vault = Vault({fingerprint(one): one, fingerprint(two): two}, fingerprint(one))
    key, wrapped = vault.make()
    sealed = key.encrypt(7, b"x")

    assert vault.unwrap(wrapped, fingerprint(one)).decrypt(7, sealed) == b"x"
    with pytest.raises(ValueError, match="does not open"):
        vault.unwrap(wrapped, fingerprint(two))
    with pytest.raises(ValueError, match="not what was encrypted"):
        key.decrypt(8, sealed)
    assert DataKey(bytes(32)).encrypt(1, b"x") != DataKey(bytes(32)).encrypt(1, b"x")
    newer = Vault({fingerprint(one): one, fingerprint(two): two}, fingerprint(two))
    rewrapped = newer.rewrap(wrapped, fingerprint(one))
    assert newer.unwrap(rewrapped, fingerprint(two)).decrypt(7, sealed) == b"x"
