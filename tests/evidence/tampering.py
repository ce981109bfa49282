"""A signed log of several tiles on each engine, and somebody with every right over its database."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.messagelog.chain import Elsewhere
from gateway.messagelog.entry import leaf_of
from gateway.messagelog.verification import Verification, Wanted
from gateway.port import WireResponse
from gateway.proof.lienthong_verify import Trust, read_checkpoint, read_note
from gateway.proof.merkle import Edge
from gateway.proof.note import Signer, checkpoint_text, signature_line, signed
from gateway.signing.authority import new_authority
from gateway.signing.timestamp import question, token_of
from gateway.storage import checkpoints
from gateway.storage.checkpoints import CheckpointRow, Cosignature, LogKeyRow, add_key
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.log import in_sequence
from tests.storage.evidence_world import NOW, ORIGIN, EvidenceWorld

AT_ONCE = timedelta(0)


def signer_of(number, name=ORIGIN):
    return Signer.of_log(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


class SignedLog(EvidenceWorld):
    """A log with checkpoints by several keys, stamped and cosigned. ``sizes``: entries that each checkpoint covers."""

    def __init__(self, database, folder):
        super().__init__(database, folder)
        self.signer, self.key = signer_of(1), 1
        self.clock = NOW
        self.authority, root = new_authority(NOW)
        self.roots = tuple(x509.load_pem_x509_certificates(root))
        witness = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
        self.witness = Signer.of_witness("witness.example/w", witness)
        self.pinned = Trust(logs=(self.signer.key,), authorities=self.roots)

    async def grow(self, *sizes):
        """Checkpoints that cover so many entries each."""
        for size in sizes:
            await self.fill(size - self.edge.size, at=self.clock, step=AT_ONCE)
            self.clock += timedelta(seconds=10)
            await self.checkpoint()
        return self

    async def rotate(self):
        before, after = self.signer, signer_of(self.key + 1)
        at = self.clock.isoformat().replace("+00:00", "Z")
        text = (
            f"{ORIGIN}\nlog key {self.key + 1}\n{after.key.text}\nfrom {self.edge.size} entries\ntime {at}\n"
        )
        row = LogKeyRow(
            number=self.key + 1,
            origin=ORIGIN,
            key=after.key.text,
            made_at=to_micros(self.clock),
            handover=signed(text, before, after).decode(),
        )
        assert await self.database.write(lambda transaction: add_key(transaction, row))
        self.signer, self.key = after, self.key + 1

    async def checkpoint(self):
        at = self.clock
        row = await self._signed_checkpoint(at)
        checkpoint = read_checkpoint(read_note(row.note.encode()).text)
        asked = question("http://tsa.example/", checkpoint.text.encode())
        answer = self.authority.answer(asked.body, at)
        headers = (("content-type", "application/timestamp-reply"),)
        token = token_of(WireResponse(status=200, headers=headers, body=answer))
        line = signature_line(checkpoint.text, self.witness, at=at)
        witness = self.witness.key.text
        given = Cosignature(checkpoint=row.number, witness=witness, at=to_micros(at), line=line)
        await self.database.write(lambda tx: checkpoints.anchor(tx, row.number, token, to_micros(at)))
        await self.database.write(lambda tx: checkpoints.add_cosignature(tx, given))
        return row

    async def _signed_checkpoint(self, at):
        await self.seal()
        found = self.database.ask(lambda connection: checkpoints.leaves(connection, self.edge.size, 100_000))
        self.edge.extend(each.hash for each in found)
        tiles = [(tile.level, tile.index, tile.hashes) for tile in self.edge.take()]
        before = self.database.ask(checkpoints.newest_checkpoint)
        if before is None:
            key = LogKeyRow(number=1, origin=ORIGIN, key=self.signer.key.text, made_at=to_micros(at))
            assert await self.database.write(lambda transaction: add_key(transaction, key))
        row = self._row(before, self.edge, at)
        await self.database.write(lambda transaction: checkpoints.add_tiles(transaction, tiles))
        assert await self.database.write(lambda transaction: checkpoints.add_checkpoint(transaction, row))
        return row

    def _row(self, before, edge, at):
        previous = None if before is None else read_checkpoint(read_note(before.note.encode()).text)
        text = checkpoint_text(ORIGIN, edge.size, edge.root(), at=at, previous=previous)
        return CheckpointRow(
            number=1 if before is None else before.number + 1,
            size=edge.size,
            root=edge.root(),
            at=to_micros(at),
            note=signed(text, self.signer).decode(),
            digest=hashlib.sha256(text.encode()).digest(),
            key=self.key,
        )

    def report(self, **wanted):
        run = Verification(self.database, Wanted(**{"trust": self.pinned, **wanted}))
        for _ in run.steps():
            continue
        return run.report

    def found(self, **wanted):
        return [(each.seq, each.kind.value) for each in self.report(**wanted).faults]

    def copies(self):
        """The checkpoints as somebody else keeps them."""
        rows = self.database.ask(lambda connection: checkpoints.checkpoints_after(connection, 0, 1000))
        return tuple(Elsewhere(f"copy {row.number}", row.note.encode()) for row in rows)

    # what somebody does who has every right over the database

    def mark(self, statement):
        return statement.replace("?", "%s") if self.database.dialect == "postgresql" else statement

    async def do(self, statement, *parameters):
        await self.execute(self.mark(statement), parameters)

    async def insert_row(self, table, row):
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        await self.do(f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())  # noqa: S608

    def fetch(self, seq):
        return self.database.ask(lambda connection: in_sequence(connection, seq, 1))[0]

    async def fit_leaf(self, seq):
        """Make the leaf hash of an entry fit its header."""
        await self.do("UPDATE message SET leaf = ? WHERE seq = ?", leaf_of(self.fetch(seq)), seq)

    async def renumber(self, first, by):
        """Move every entry from ``first`` on by ``by`` numbers."""
        await self.do("UPDATE message SET seq = -seq WHERE seq >= ?", first)
        await self.do("UPDATE message SET seq = ? - seq WHERE seq < 0", by)

    async def delete(self, seq):
        await self.do(
            "DELETE FROM message_body WHERE message_id = (SELECT id FROM message WHERE seq = ?)", seq
        )
        await self.do("DELETE FROM message WHERE seq = ?", seq)

    async def insert_at(self, seq):
        """An entry that nobody logged, with everything that an entry has, between two others."""
        await self.renumber(seq, 1)
        [entry] = await self.write(self.request("H99-0", b'{"forged": true}'))
        await self.do("UPDATE message SET seq = ? WHERE id = ?", seq, int(entry))

    async def swap(self, one, other):
        await self.do("UPDATE message SET seq = -seq WHERE seq IN (?, ?)", one, other)
        await self.do("UPDATE message SET seq = ? WHERE seq = ?", other, -one)
        await self.do("UPDATE message SET seq = ? WHERE seq = ?", one, -other)

    async def make_proof_anew(self, signer):
        """New tiles and checkpoints of the same sizes and instants over whatever lies there, by ``signer``."""
        rows = self.database.ask(lambda connection: checkpoints.checkpoints_after(connection, 0, 1000))
        for table in ("log_tile", "checkpoint", "cosignature"):
            await self.do(f"DELETE FROM {table}")  # noqa: S608
        self.signer, edge, before = signer, Edge(), None
        for old in rows:
            after = edge.size
            found = self.database.ask(
                lambda connection, size=old.size - after, after=after: checkpoints.leaves(
                    connection, after, size
                )
            )
            edge.extend(each.hash for each in found)
            before = self._row(before, edge, from_micros(old.at))
            await self.database.write(
                lambda tx, row=before: tx.run(
                    checkpoints._CHECKPOINT, {n: getattr(row, n) for n in row.__struct_fields__}
                )
            )
        tiles = [(tile.level, tile.index, tile.hashes) for tile in edge.take()]
        await self.database.write(lambda transaction: checkpoints.add_tiles(transaction, tiles))
