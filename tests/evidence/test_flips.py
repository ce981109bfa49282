"""One changed byte anywhere in the log's tables, in a column that the proof covers, is found. FLIPS=1000 for a long run."""

import os
import random
import sqlite3

import psycopg
import pytest
import sqlalchemy as sa

from gateway.proof.lienthong_verify import read_checkpoint, read_note, verify_anchor
from gateway.storage.contents import Contents
from gateway.storage.database import Database
from gateway.storage.tables import metadata
from tests.evidence.tampering import SignedLog

FLIPS = int(os.environ.get("FLIPS", "100"))
COVERED = {
    "message": (
        *("id", "seq", "at", "direction", "kind", "channel", "operation", "dossier_code", "attempt_id"),
        *("request_id", "method", "url", "status", "headers", "body_digest", "body_size", "outcome", "code"),
        *("leaf", "form"),
    ),
    "message_body": ("message_id", "encoding", "body", "key_id"),
    "content_key": ("id", "wrapped", "master"),
    "log_tile": ("level", "idx", "hashes"),
    "checkpoint": ("number", "size", "root", "at", "note", "digest", "key", "token", "anchored_at"),
    "cosignature": ("checkpoint", "witness", "at", "line"),
    "log_key": ("number", "origin", "key", "made_at", "handover"),
}
NOT_COVERED = {"content_key": {"scope", "created_at", "destroyed_at"}}
KEYS = {
    "message": "id",
    "message_body": "message_id",
    "content_key": "id",
    "log_tile": "idx",
    "checkpoint": "number",
    "cosignature": "checkpoint",
    "log_key": "number",
}


class Flipper:
    """Changes one random byte, and changes it back."""

    def __init__(self, log, seed):
        self.log, self.random = log, random.Random(seed)
        self.places = [(table, column) for table, columns in COVERED.items() for column in columns]
        self.keys = {}
        for table, name in KEYS.items():
            self.keys[table] = [key for (key,) in log.rows(f"SELECT {name} FROM {table}")]  # noqa: S608

    async def flip(self):
        """Table, column, row, and the values before and after."""
        while True:
            table, column = self.random.choice(self.places)
            key = self.random.choice(self.keys[table])
            [(before,)] = self.log.rows(f"SELECT {column} FROM {table} WHERE {KEYS[table]} = :key", key=key)  # noqa: S608
            if before is None or (table, column, key) == ("log_key", "made_at", 1):
                continue
            after = self.changed(before)
            if after is None:
                continue
            try:
                await self.put(table, column, key, after)
            except (sa.exc.DBAPIError, psycopg.Error, sqlite3.Error):
                continue  # the schema itself does not let it be
            return table, column, key, before, after

    async def undo(self, table, column, key, before, after):
        await self.put(table, column, after if column == KEYS[table] else key, before)

    async def put(self, table, column, key, value):
        await self.log.do(f"UPDATE {table} SET {column} = ? WHERE {KEYS[table]} = ?", value, key)  # noqa: S608

    def changed(self, value):
        if isinstance(value, int):
            data = bytearray(value.to_bytes(8, signed=True))
        else:
            data = bytearray(value.encode() if isinstance(value, str) else bytes(value))
        if not data:
            return None
        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        if isinstance(value, int):
            return int.from_bytes(data, signed=True)
        if isinstance(value, str):
            text = data.decode("utf-8", "replace")
            return None if "\ufffd" in text or "\x00" in text or text == value else text
        return bytes(data)


def says_the_same(log, place):
    """Whether the byte is one of those in a token's envelope that nobody signs and that mean nothing (RFC 5652 §5.1: its
    version, the list of digests): the stamp is of the same text, instant and authority."""
    table, column, key, before, after = place
    if (table, column) != ("checkpoint", "token"):
        return False
    [(note,)] = log.rows("SELECT note FROM checkpoint WHERE number = :key", key=key)
    checkpoint = read_checkpoint(read_note(note.encode()).text)
    return verify_anchor(checkpoint, bytes(before), log.roots) == verify_anchor(checkpoint, after, log.roots)


@pytest.mark.timeout(1800)
async def test_every_flipped_byte_is_found(database, tmp_path):
    log = SignedLog(database, tmp_path / "keys")
    await log.grow(60)
    first = log.request("H99-0", b'{"full_name": "Canary"}', shared=True)
    await log.write(first, log.companion("H99-1", first), log.answer("H99-0", first))
    await log.grow(290)
    await log.rotate()
    await log.grow(330)
    assert log.report().faults == ()
    flipper, missed = Flipper(log, seed=20261122), []

    for _ in range(FLIPS):
        place = await flipper.flip()
        database.contents = Contents(database.contents.keys)
        if log.report().holds and not says_the_same(log, place):
            missed.append(place)
        await flipper.undo(*place)

    assert missed == []
    database.contents = Contents(database.contents.keys)
    assert log.report().faults == ()


@pytest.mark.parametrize("column", ["operation", "dossier_code", "channel", "url", "headers", "leaf"])
async def test_what_sqlite_takes_and_is_no_text_or_of_another_type_is_found(sqlite_url, tmp_path, column):
    database = Database(sqlite_url)
    log = await SignedLog(database, tmp_path / "keys").grow(300)

    for value in ("CAST(x'FFFE80' AS TEXT)", "x'FFFE'", "3.5", "7"):
        [(before,)] = log.rows(f"SELECT quote({column}) FROM message WHERE seq = 120")  # noqa: S608
        await log.do(f"UPDATE message SET {column} = {value} WHERE seq = 120")  # noqa: S608
        first = log.report().first
        assert (first.seq, first.kind in {"header", "body", "leaf"}) == (120, True), value
        await log.do(f"UPDATE message SET {column} = {before} WHERE seq = 120")  # noqa: S608
    assert log.report().holds
    database.close()


def test_every_column_is_covered_or_said_not_to_be():
    for table, columns in COVERED.items():
        there = {column.name for column in metadata.tables[table].columns}
        assert there == set(columns) | NOT_COVERED.get(table, set())
