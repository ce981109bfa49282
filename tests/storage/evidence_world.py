"""A message log with a tree, checkpoints and keys, worked by hand, and dossiers to be archived or erased."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain.dossier import Agency, Applicant, ApplicantKind, Channel, Dossier, Procedure
from gateway.domain.status import Status
from gateway.messagelog.entry import About, Scope, companion_entry, request_entry, response_entry
from gateway.messagelog.keys import open_contents
from gateway.messagelog.search import MessageLog
from gateway.messagelog.verification import Verification
from gateway.port import WireRequest, WireResponse
from gateway.proof.lienthong_verify import read_checkpoint, read_note
from gateway.proof.merkle import Edge
from gateway.proof.note import Signer, checkpoint_text, signed
from gateway.storage import upkeep
from gateway.storage.checkpoints import (
    CheckpointRow,
    LogKeyRow,
    add_checkpoint,
    add_key,
    add_tiles,
    leaves,
    newest_checkpoint,
)
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.rows import insert_messages

NOW = datetime(2026, 9, 28, 3, 0, tzinfo=UTC)
ORIGIN = "log.h99.example/test"
PEOPLE = Scope(channel="portal", personal_fields=("full_name", "identity"))


class EvidenceWorld:
    """One database with keys in ``folder``."""

    def __init__(self, database, folder):
        self.database, self.folder = database, folder
        open_contents(database, folder)
        self.reading = MessageLog(database)
        self.signer = Signer.of_log(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
        self.edge = Edge()

    def about(self, dossier=None, *, at=NOW, **rest):
        return About(id=self.database.identifiers.next(), at=at, operation="note", dossier=dossier, **rest)

    def request(self, dossier, body=b"{}", *, url="https://portal.example/x", at=NOW, shared=False):
        wire = WireRequest(method="POST", url=url, headers=(("content-type", "application/json"),), body=body)
        row = request_entry(PEOPLE, self.about(dossier, at=at), wire)
        return msgspec.structs.replace(row, shared=shared)

    def companion(self, dossier, first, *, at=NOW):
        return companion_entry(self.about(dossier, at=at), first)

    def answer(self, dossier, request, body=b"ok", *, at=NOW):
        about = self.about(dossier, at=at, request_id=request.id)
        return response_entry(PEOPLE, about, WireResponse(status=200, body=body))

    async def write(self, *rows):
        await self.database.write(lambda transaction: insert_messages(transaction, rows))
        return [str(row.id) for row in rows]

    async def seal(self):
        while (await self.database.write(upkeep.seal)).messages:
            pass

    async def checkpoint(self):
        """Everything that is there so far, sealed, in tiles, under a checkpoint of that moment; its row."""
        await self.seal()
        [(newest,)] = self.rows("SELECT max(at) FROM message")
        at = from_micros(newest)
        found = self.database.ask(lambda connection: leaves(connection, self.edge.size, 100_000))
        self.edge.extend(each.hash for each in found)
        tiles = [(tile.level, tile.index, tile.hashes) for tile in self.edge.take()]
        before = self.database.ask(newest_checkpoint)
        if before is None:
            key = LogKeyRow(number=1, origin=ORIGIN, key=self.signer.key.text, made_at=to_micros(at))
            assert await self.database.write(lambda transaction: add_key(transaction, key))
        text = checkpoint_text(
            ORIGIN,
            self.edge.size,
            self.edge.root(),
            at=at,
            previous=None if before is None else read_checkpoint(read_note(before.note.encode()).text),
        )
        row = CheckpointRow(
            number=1 if before is None else before.number + 1,
            size=self.edge.size,
            root=self.edge.root(),
            at=to_micros(at),
            note=signed(text, self.signer).decode(),
            digest=hashlib.sha256(text.encode()).digest(),
            key=1,
        )
        await self.database.write(lambda transaction: add_tiles(transaction, tiles))
        assert await self.database.write(lambda transaction: add_checkpoint(transaction, row))
        return row

    async def fill(self, count, *, at=NOW, dossier="H99-{}", step=timedelta(seconds=1)):
        rows = []
        for number in range(count):
            body = b'{"full_name": "Canary %d", "n": %d}' % (number, number)
            rows.append(self.request(dossier.format(number % 7), body, at=at + number * step))
        return await self.write(*rows)

    def verified(self):
        """The report of a verification of everything."""
        verification = Verification(self.database)
        for _ in verification.steps():
            pass
        return verification.report

    def rows(self, statement, **parameters):
        return self.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    async def execute(self, statement, parameters=()):
        await self.database.write(lambda transaction: transaction._cursor.execute(statement, parameters))

    def everything(self):
        """Table to all that its rows hold, as bytes."""
        found = {}
        tables = sa.inspect(self.database._reader_engine).get_table_names()
        for table in tables:
            rows = self.rows(f'SELECT * FROM "{table}"')  # noqa: S608 - a name that the database gave
            found[table] = b"\x00".join(
                bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
                for row in rows
                for value in row
            )
        return found

    def record(self, code, *, name, status=Status.RETURNED, **rest):
        return Dossier(
            code=code,
            version=3,
            procedure=Procedure(code="1.000001"),
            agency=Agency(code="H99.14", name="Sở Thử nghiệm"),
            channel=Channel.COUNTER,
            applicant=Applicant(kind=ApplicantKind.CITIZEN, name=name),
            summary=f"Đơn của {name}",
            status=status,
            **rest,
        )

    async def add_dossier(self, code, *, name, status=Status.RETURNED, **rest):
        record = msgspec.json.encode(self.record(code, name=name, status=status, **rest), order="sorted")
        columns = {
            "code": code,
            "source": "one-door",
            "version": 3,
            "status": status.value,
            "procedure_code": "1.000001",
            "agency_code": "H99.14",
            "channel": "counter",
            "digest": hashlib.sha256(record).digest(),
            "record": record,
            "created_at": to_micros(NOW),
            "updated_at": to_micros(NOW),
        }
        await self.insert("dossier", **columns)

    async def insert(self, table, **columns):
        mark = "?" if self.database.dialect == "sqlite" else "%s"
        names, marks = ", ".join(columns), ", ".join(mark for _ in columns)
        await self.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - our own names
            tuple(columns.values()),
        )
