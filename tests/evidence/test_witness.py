"""A witness on another machine, over a real socket: it cosigns what continues, and tells of every other history."""

import asyncio
import base64
import json
from functools import partial

import msgspec
import pytest
import sqlalchemy as sa

from gateway.api.server import listening
from gateway.bootstrap import open_gateway
from gateway.cli.proving.witness import _Log
from gateway.cli.remote import connected
from gateway.domain.errors import ConfigurationError
from gateway.evidence.growth import HistoryChanged
from gateway.evidence.witness import LogRefused, Witness
from gateway.messagelog.log_keys import witness_signer
from gateway.messagelog.proofs import root_of
from gateway.proof.lienthong_verify import (
    read_checkpoint,
    read_key,
    read_note,
    verify_consistency,
    verify_inclusion,
    verify_witnesses,
)
from gateway.proof.note import checkpoint_text, signature_line, signed
from gateway.settings_evidence import EvidenceSettings
from gateway.storage import checkpoints
from gateway.storage.clients import Scope
from gateway.storage.schema import message
from gateway.storage.schema_evidence import checkpoint, cosignature, log_tile
from tests.api_world import BOARD, Board, Partner, World, settings
from tests.e2e.cli import lienthong
from tests.evidence.world import LogWorld

NAME = "witness.h98.example"


class Watched:
    """A gateway with an API on a real port, a log, and a witness that has only the API."""

    def __init__(self, world, folder, address):
        self.gateway, self.address, self.folder, self.api = world.gateway, address, folder, world
        self.log = LogWorld(world.gateway.database, folder / "keys", origin=None)
        self.log.clock = world.gateway.hub.clock
        self.log.keys = world.gateway.evidence.keys
        self.signer = witness_signer(NAME, folder / "witness.key")

    async def grow(self, count):
        await self.log.log(count)
        return await self.gateway.evidence.checkpointer.make()

    def witness(self, state="state.json"):
        return Witness(self.signer, self.log.pinned(), self.folder / state, self.gateway.hub.clock)

    async def look(self, state="state.json"):
        async with connected(self.address, self.api.keys["witness"]) as remote:
            return await self.witness(state).look(_Log(remote))

    async def change(self, *statements):
        def run():
            with self.gateway.database._writer_engine.begin() as connection:
                for each in statements:
                    connection.execute(each)

        await asyncio.to_thread(run)

    async def command(self, *more, state="state.json"):
        """``lienthong log witness --once`` as a process."""
        (self.folder / "api.key").write_text(self.api.keys["witness"])
        files = ("--signing-key", self.folder / "witness.key", "--state", self.folder / state)
        where = ("--url", self.address, "--key-file", self.folder / "api.key")
        pinned = [part for key in self.log.pinned() for part in ("--log-key", key.text)]
        arguments = ("log", "witness", "--name", NAME, *where, *pinned, *files, "--once", *more)
        return await asyncio.to_thread(lienthong, *arguments)


@pytest.fixture
async def watched(database_url, tmp_path):
    signer = witness_signer(NAME, tmp_path / "witness.key")
    evidence = EvidenceSettings(keys=str(tmp_path / "keys"), witnesses=[signer.key.text])
    chosen = msgspec.structs.replace(settings(database_url), evidence=evidence)
    gateway = await open_gateway(chosen, transports={BOARD: Partner()}, extra={BOARD: Board()})
    world = World(gateway, Partner())
    await world.add_client("witness", Scope.LOG_READ, Scope.LOG_WITNESS)
    await world.add_client("reader", Scope.LOG_READ)
    await world.add_client("stranger", Scope.MESSAGES_READ)
    async with listening(gateway) as address:
        yield Watched(world, tmp_path, address)
    await world.close()


async def test_witness_cosigns_what_continues(watched):
    sizes = []
    for count in (3, 300, 1):
        await watched.grow(count)
        sizes.append((await watched.look()).size)

    assert sizes == [3, 303, 304]
    listed = (await watched.api.call("GET", "/v1/log/checkpoints", client="reader")).json()["items"]
    assert [each["witnesses"] for each in listed] == [[NAME]] * 3
    for each in listed:
        verify_witnesses(each["note"].encode(), [watched.signer.key], 1)


async def test_nothing_new_is_not_signed_again(watched):
    await watched.grow(3)

    assert [(await watched.look()).signed for _ in range(2)] == [True, False]


async def test_signature_that_was_not_taken_is_sent_again(watched):
    await watched.grow(3)
    async with connected(watched.address, watched.api.keys["reader"]) as remote:
        with pytest.raises(ConfigurationError):
            await watched.witness().look(_Log(remote))

    assert (await watched.look()).signed


async def rewrite(watched):
    """The log is changed with full rights: another entry, every tile and checkpoint made anew with the real key."""
    database, log = watched.gateway.database, watched.log
    await watched.change(
        sa.update(message).where(message.c.seq == 2).values(leaf=b"\7" * 32),
        sa.delete(log_tile),
        sa.delete(checkpoint),
        sa.delete(cosignature),
    )
    assert log.newest is None
    made = await watched.gateway.evidence.checkpointer.make()
    assert database.ask(partial(root_of, size=made.size)) == made.root


@pytest.mark.parametrize("more", [0, 10])
async def test_fork_is_refused_and_both_sides_are_kept(watched, more):
    await watched.grow(300)
    await watched.look()
    await watched.log.log(more)
    await rewrite(watched)

    with pytest.raises(LogRefused, match="HISTORY_FORKED" if not more else "CONSISTENCY_WRONG|earlier root"):
        await watched.look()
    [kept] = watched.folder.glob("state.json.refused-*")
    both = json.loads(kept.read_bytes())
    texts = [read_checkpoint(read_note(both[side].encode()).text) for side in ("seen", "shown")]
    assert texts[0].root != texts[1].root
    assert watched.log.ask(checkpoints.cosignatures, numbers=[1]) == {}


async def test_log_that_shrank_is_refused(watched):
    await watched.grow(5)
    await watched.grow(5)
    await watched.look()
    await watched.change(sa.delete(checkpoint).where(checkpoint.c.number == 2))

    with pytest.raises(LogRefused, match="HISTORY_SHRUNK"):
        await watched.look()


async def test_checkpoint_of_another_key_is_refused(watched):
    await watched.grow(5)
    forger = witness_signer(NAME, watched.folder / "forger.key").private
    signer = type(watched.signer).of_log(watched.log.pinned()[0].name, forger)
    text = checkpoint_text(signer.key.name, 5, b"\1" * 32, at=watched.gateway.hub.clock())
    await watched.change(sa.update(checkpoint).values(note=signed(text, signer).decode()))

    with pytest.raises(LogRefused, match="NOTE_UNSIGNED"):
        await watched.look()


async def test_command_watches_and_tells_of_a_fork(watched):
    public = await asyncio.to_thread(
        lienthong, "log", "witness", "--name", NAME, "--signing-key", watched.folder / "witness.key"
    )
    assert read_key(public.out.strip()) == watched.signer.key
    await watched.grow(4)
    first = await watched.command()
    await watched.grow(4)
    second = await watched.command("--json")
    await rewrite(watched)
    third = await watched.command()

    assert (first.code, second.code, third.code) == (0, 0, 1), (first, second, third)
    assert "0 -> 4 entries, consistent; cosigned" in first.out
    assert (second.json["before"], second.json["size"], second.json["signed"]) == (4, 8, True)
    assert "HISTORY_FORKED" in third.err


async def test_command_wants_to_know_whom_it_watches(watched):
    ran = await asyncio.to_thread(
        lienthong, "log", "witness", "--name", NAME, "--url", watched.address, "--key", "x", "--once",
        "--signing-key", watched.folder / "witness.key",
    )  # fmt: skip
    assert (ran.code, "--log-key" in ran.err) == (2, True)


async def test_only_listed_witnesses_are_taken(watched):
    made = await watched.grow(2)
    text = read_note(made.note.encode()).text
    stranger = witness_signer("stranger.example", watched.folder / "stranger.key")
    now = watched.gateway.hub.clock()
    good = signature_line(text, watched.signer, at=now)
    wrong = signature_line(text.replace("\n2\n", "\n3\n"), watched.signer, at=now)
    path = "/v1/log/checkpoints/2/cosignatures"

    async def post(line, *, client="witness", path=path):
        return (await watched.api.call("POST", path, client=client, json={"line": line})).status_code

    assert await post(signature_line(text, stranger, at=now)) == 403
    assert await post(wrong) == 409
    assert await post("nonsense") == 409
    assert await post(good, path="/v1/log/checkpoints/7/cosignatures") == 404
    assert await post(good, client="reader") == 403
    assert [await post(good), await post(good)] == [200, 200]
    assert len(watched.log.ask(checkpoints.cosignatures, numbers=[made.number])[made.number]) == 1


async def test_proofs_of_the_api_prove(watched):
    ids = await watched.log.log(500)
    made = await watched.gateway.evidence.checkpointer.make()
    await watched.grow(100)

    for place, entry in [(0, ids[0]), (255, ids[255]), (256, ids[256]), (499, ids[499])]:
        for query, size in (("", 600), (f"?size={made.size}", 500)):
            found = (await watched.api.call("GET", f"/v1/log/proofs/{entry}{query}", client="reader")).json()
            root = read_checkpoint(read_note(found["checkpoint"].encode()).text)
            proof = [base64.b64decode(each) for each in found["proof"]]
            assert (found["index"], found["size"], root.size) == (place, size, size)
            verify_inclusion(base64.b64decode(found["leaf"]), place, size, proof, root.root)
    answer = await watched.api.call("GET", "/v1/log/consistency?first=500&second=600", client="reader")
    told = answer.json()
    roots = [read_checkpoint(read_note(each.encode()).text).root for each in told["checkpoints"]]
    verify_consistency(500, 600, [base64.b64decode(each) for each in told["proof"]], *roots)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/log/checkpoints/77", 404),
        ("/v1/log/checkpoints/x", 404),
        ("/v1/log/proofs/1", 404),
        ("/v1/log/consistency?first=3&second=2", 409),
        ("/v1/log/consistency?first=1&second=9", 404),
        ("/v1/log/consistency?first=1", 422),
        ("/v1/log/checkpoints?cursor=x", 422),
    ],
)
async def test_what_is_not_there_is_told(watched, path, status):
    await watched.grow(3)
    assert (await watched.api.call("GET", path, client="reader")).status_code == status
    assert (await watched.api.call("GET", path, client="stranger")).status_code in {403, 404, 422}


async def test_entry_without_a_checkpoint_is_a_conflict(watched):
    await watched.grow(1)
    [entry] = await watched.log.log(1)
    answer = await watched.api.call("GET", f"/v1/log/proofs/{entry}", client="reader")
    assert (answer.status_code, "ask again" in answer.json()["detail"]) == (409, True)


async def test_damaged_tile_gives_no_proof(watched):
    ids = await watched.log.log(600)
    await watched.gateway.evidence.checkpointer.make()
    await watched.change(sa.update(log_tile).where(log_tile.c.idx == 0).values(hashes=b"\7" * 8192))
    answer = await watched.api.call("GET", f"/v1/log/proofs/{ids[300]}", client="reader")
    assert (answer.status_code, "cannot be proven" in answer.json()["detail"]) == (409, True)
    with pytest.raises(HistoryChanged):
        await watched.grow(1)
