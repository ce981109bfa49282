"""Retention: contents about no dossier go when their period is over; entries, proofs and dossiers stay."""

from datetime import timedelta

import msgspec
import pytest

from gateway.messagelog.content import Missing
from gateway.messagelog.entry import About, Scope, request_entry
from gateway.messagelog.retention import Dropping, Periods, RetentionClass, class_of, drop_expired
from gateway.messagelog.verification import verify
from gateway.port import WireRequest
from gateway.storage.upkeep_contents import LogLine
from tests.storage.evidence_world import NOW, EvidenceWorld

PERIODS = Periods(debug=timedelta(days=30), health=timedelta(days=10))


@pytest.fixture
def world(database, tmp_path):
    return EvidenceWorld(database, tmp_path / "keys")


def line(channel="portal", operation="login", *, about=False):
    return LogLine(
        seq=1, id=1, at=0, channel=channel, operation=operation, kind="request", about=about, held=True
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (line(), RetentionClass.HEALTH),
        (line(operation="catalogues"), RetentionClass.HEALTH),
        (line(operation="callback"), RetentionClass.DEBUG),
        (line(channel="webhook:7", operation="event"), RetentionClass.DEBUG),
        (line(channel="operator", operation="login"), RetentionClass.EVIDENCE),
        (line(channel="evidence", operation="timestamp"), RetentionClass.EVIDENCE),
        (line(operation="something new"), RetentionClass.EVIDENCE),
    ],
)
def test_table_decides(found, expected):
    assert class_of(found) is expected
    assert class_of(msgspec.structs.replace(found, about=True)) is RetentionClass.EVIDENCE


def entry(world, operation, *, at=NOW):
    about = About(id=world.database.identifiers.next(), at=at, operation=operation)
    wire = WireRequest(method="POST", url="https://portal.example/?token=x", headers=(), body=b"body")
    return request_entry(Scope(channel="portal"), about, wire)


def order(world, days, reports=None, **rest):
    async def report(done, mark):
        if reports is not None:
            reports.append((done, mark))

    return Dropping(
        database=world.database,
        periods=PERIODS,
        now=NOW + timedelta(days=days),
        rate=1e9,
        report=report,
        **rest,
    )


async def held(world):
    names = {}
    for entry_id, operation in world.rows("SELECT id, operation FROM message"):
        names[operation] = (await world.reading.fetch(str(entry_id))).missing is None
    return names


async def sample(world):
    callback = entry(world, "callback.of.dossier")
    rows = [entry(world, name) for name in ("login", "callback", "timestamp.else")]
    await world.write(*rows, callback, world.answer("H99-1", callback))
    await world.seal()


async def test_each_class_goes_when_its_own_period_is_over(world):
    await sample(world)

    assert await drop_expired(order(world, 5), None) == {"debug": 0, "health": 0}
    assert await drop_expired(order(world, 11), None) == {"debug": 0, "health": 1}
    assert await drop_expired(order(world, 31), None) == {"debug": 1, "health": 0}
    found = await held(world)
    assert {name for name, there in found.items() if not there} == {"login", "callback"}
    report = verify(world.database)
    assert (report.faults, report.absent) == ((), 2)
    assert world.rows("SELECT DISTINCT url FROM message WHERE operation = 'login'") == [(None,)]


async def test_call_that_turned_out_to_be_about_a_dossier_stays(world):
    callback = entry(world, "callback")
    await world.write(callback, world.answer("H99-1", callback))
    await world.seal()

    assert await drop_expired(order(world, 400), None) == {"debug": 0, "health": 0}
    assert (await world.reading.fetch(str(callback.id))).missing is None


async def test_dry_run_counts_and_changes_nothing(world):
    await sample(world)
    before = world.everything()

    assert await drop_expired(order(world, 400, dry_run=True), None) == {"debug": 1, "health": 1}
    assert world.everything() == before


async def test_next_run_goes_on_from_the_watermark(world):
    await sample(world)
    reports = []
    await drop_expired(order(world, 400, reports), None)
    await world.write(entry(world, "login", at=NOW + timedelta(days=1)))
    await world.seal()
    _, mark = reports[-1]

    again = []
    assert await drop_expired(order(world, 400, again), mark) == {"debug": 0, "health": 1}
    assert again[-1][0] == 2  # one entry, looked at for each class


async def test_dropped_content_is_absent_not_damaged(world):
    [entry_id] = await world.write(entry(world, "login"))
    await world.seal()
    await drop_expired(order(world, 400), None)

    found = await world.reading.fetch(entry_id)
    assert (found.missing, found.view.operation) == (Missing.ABSENT, "login")
