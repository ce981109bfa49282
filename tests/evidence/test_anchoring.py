"""Time stamps of checkpoints over real sockets: kept when they prove, a reason otherwise; openssl agrees."""

import asyncio
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import sqlalchemy as sa
from cryptography import x509

from gateway.evidence.anchoring import Anchor, Stamped, authority_of
from gateway.proof.lienthong_verify import verify_anchor
from gateway.sandbox import FaultPlan, FaultRule, serve_sandbox
from gateway.sandbox.timestamps import NAME, TimestampStandIn
from gateway.settings_evidence import EvidenceSettings, TimestampSettings
from gateway.signing.authority import new_authority
from gateway.signing.keyring import Authority
from gateway.storage import checkpoints
from gateway.storage.checkpoints import CHANNEL
from gateway.storage.schema import message
from tests.evidence.world import FAST, LogWorld, require_chain, running, text_of, until

STAMPED = msgspec.structs.replace(FAST, timestamps=TimestampSettings(url="http://tsa.example/", roots=["-"]))


class Stamps:
    """An authority in a sandbox, and a log that is stamped by it."""

    def __init__(self, database, folder, sandbox, stand_in, settings=STAMPED):
        self.world = LogWorld(database, folder, settings=settings)
        self.world.clock = lambda: datetime.now(UTC)
        self.world.keys._clock = self.world.clock
        self.sandbox, self.stand_in = sandbox, stand_in
        self.roots = tuple(x509.load_pem_x509_certificates(stand_in.root))
        authority = Authority(name="evidence", url=sandbox.url(NAME), roots=self.roots)
        self.anchor = Anchor(database, self.world.clock, authority)

    @property
    def checkpointer(self):
        return self.world.checkpointer(anchor=self.anchor)

    @property
    def trouble(self):
        return self.world.ask(checkpoints.state, anchored=True).trouble


@pytest.fixture
async def stamps(database, tmp_path):
    stand_in = TimestampStandIn(datetime.now(UTC))
    async with serve_sandbox({NAME: stand_in}) as sandbox:
        made = Stamps(database, tmp_path / "keys", sandbox, stand_in)
        yield made
        await made.anchor.close()


async def test_every_checkpoint_is_stamped_and_the_stamp_proves(stamps):
    world = stamps.world
    await world.log(3)
    async with running(stamps.checkpointer.run):
        await until(lambda: world.newest and world.newest.size >= 3 and world.newest.token)
    row = world.newest

    stamp = verify_anchor(text_of(row), row.token, stamps.roots)
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(minutes=1)
    require_chain(world.all(), world.pinned())


async def test_openssl_verifies_the_stamp(stamps, tmp_path):
    world = stamps.world
    await world.log(1)
    async with running(stamps.checkpointer.run):
        row = await until(lambda: world.newest if world.newest and world.newest.token else None)
    (tmp_path / "token").write_bytes(row.token)
    (tmp_path / "text").write_bytes(text_of(row).text.encode())
    (tmp_path / "root.pem").write_bytes(stamps.stand_in.root)

    command = [
        "openssl",
        "ts",
        "-verify",
        "-data",
        "text",
        "-in",
        "token",
        "-token_in",
        "-CAfile",
        "root.pem",
    ]
    assert shutil.which("openssl")
    said = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


async def test_both_directions_are_logged_and_do_not_feed_the_log_for_ever(stamps):
    world = stamps.world
    await world.log(1)
    async with running(stamps.checkpointer.run):
        await until(lambda: world.newest and world.newest.token)
        before = len(world.all())
        await asyncio.sleep(0.5)
        assert len(world.all()) == before

    question = sa.select(message.c.kind, message.c.operation).where(message.c.channel == CHANNEL)
    rows = world.database.ask(lambda c: c.execute(question.order_by(message.c.id)).all())
    assert [tuple(row) for row in rows[:2]] == [("request", "timestamp"), ("response", "timestamp")]
    assert len(rows) <= 2 * before


@pytest.mark.parametrize("fault", ["http_503", "refused", "lost_reply", "html_200", "truncated_body"])
async def test_authority_in_trouble_is_named_and_evidence_goes_on_when_it_is_back(stamps, fault, monkeypatch):
    monkeypatch.setattr("gateway.evidence.checkpointer.FIRST_RETRY", 0.1)
    world = stamps.world
    stamps.sandbox.use_plan(NAME, FaultPlan(rules=(FaultRule(fault=fault, every_nth=1),)))
    await world.log(1)
    async with running(stamps.checkpointer.run):
        trouble = await until(lambda: stamps.trouble)
        assert world.newest.token is None
        stamps.sandbox.use_plan(NAME, FaultPlan())
        await until(lambda: world.newest.token and stamps.trouble is None)
    assert "authority" in trouble.reason


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ("other_root", "TIMESTAMP_UNTRUSTED"),
        ("other_data", "TIMESTAMP_OF_OTHER_DATA"),
        ("the_past", "TIMESTAMP_BEFORE_CHECKPOINT"),
        ("the_future", "ahead of ours"),
    ],
)
async def test_lying_authority_is_refused_with_its_reason(stamps, lie, words):
    world, stand_in = stamps.world, stamps.stand_in
    await world.log(1)
    made = await world.checkpointer().make()
    honest = stand_in._authority

    class Liar:
        def answer(self, question, now):
            shift = {"the_past": timedelta(days=-1), "the_future": timedelta(hours=2)}
            if lie == "other_data":
                question = bytes(byte ^ (40 <= place < 50) for place, byte in enumerate(question))
            return honest.answer(question, now + shift.get(lie, timedelta()))

    stand_in._authority = new_authority(datetime.now(UTC))[0] if lie == "other_root" else Liar()
    found = await stamps.anchor.stamp(made)

    assert isinstance(found, str)
    assert words in found
    stand_in._authority = honest
    assert isinstance(await stamps.anchor.stamp(made), Stamped)


async def test_slow_authority_holds_no_checkpoint_up(stamps):
    world = stamps.world
    stamps.sandbox.use_plan(NAME, FaultPlan(rules=(FaultRule(fault="slow", every_nth=1, seconds=2.0),)))
    async with running(stamps.checkpointer.run):
        for size in (1, 2, 3):
            await world.log(1)
            await until(lambda size=size: world.newest and world.newest.size >= size)
    assert [row.token is not None for row in world.all()].count(True) <= 1 < len(world.all())


async def test_a_stamp_covers_the_checkpoints_before_it(stamps):
    """They are chained, so those that were made while the authority was away need none of their own."""
    world = stamps.world
    for _ in range(3):
        await world.log(1)
        await world.checkpointer().make()
    async with running(stamps.checkpointer.run):
        await until(lambda: world.newest.token)
        await until(lambda: world.ask(checkpoints.state, anchored=True).owed is None)
    assert [row.token is not None for row in world.all()][:2] == [False, False]


async def test_stamps_are_as_rare_as_the_settings_say(stamps):
    rare = TimestampSettings(url="http://tsa.example/", roots=["-"], every=1800.0)
    settings = EvidenceSettings(every=0.05, grace=4000.0, timestamps=rare)
    world = stamps.world
    async with running(world.checkpointer(anchor=stamps.anchor, settings=settings).run):
        for size in range(1, 5):
            await world.log(1)
            await until(lambda size=size: world.newest and world.newest.size >= size)
    assert [row.token is not None for row in world.all()].count(True) == 1


def test_settings_name_an_authority_with_its_roots(tmp_path):
    (tmp_path / "roots.pem").write_bytes(TimestampStandIn(datetime.now(UTC)).root)
    found = authority_of(
        TimestampSettings(url="http://tsa.h99.example/", roots=[str(tmp_path / "roots.pem")])
    )

    assert (found.url, len(found.roots)) == ("http://tsa.h99.example/", 1)
