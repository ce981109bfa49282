"""A whole gateway with a ministry that must be asked: delivered, asked about, a result in the dossier, the portal told."""

import asyncio
import base64
import hashlib

import msgspec
import pytest
import sqlalchemy as sa

from gateway.bootstrap import open_gateway
from gateway.delivery.intake import Submission
from gateway.domain.dossier import Dossier
from gateway.jobs.service import RunOrder
from gateway.settings import DestinationSettings, FileSettings, Settings
from gateway.storage.files import read_file
from tests.clocks import MovingClock, until
from tests.progress_world import MINISTRY, PORTAL, START, Ministry, Office
from tests.unit.inbound_world import _RECORD

CODE = "H99.14-260928-0001"
PDF = b"%PDF-1.7 giay phep"
SHA = hashlib.sha256(PDF).hexdigest()


class Portal(Ministry):
    """Is told, and not asked."""

    progress_schedule = None
    feed_interval = None


@pytest.fixture
async def province(database_url):
    clock, office, portal = MovingClock(), Office(), Office()
    settings = Settings(
        destination={MINISTRY: DestinationSettings(), PORTAL: DestinationSettings()},
        files=FileSettings(address="https://gateway.h99.example"),
    )
    settings = msgspec.structs.replace(
        settings, database=msgspec.structs.replace(settings.database, url=database_url)
    )
    gateway = await open_gateway(
        settings,
        clock=clock,
        extra={MINISTRY: Ministry(), PORTAL: Portal()},
        transports={MINISTRY: office, PORTAL: portal},
    )
    working = asyncio.create_task(gateway.worker.run())
    yield gateway, clock, office
    gateway.worker.stop()
    await working
    await gateway.close()


async def run(gateway, job):
    started = await gateway.jobs.start(RunOrder(job=job, actor="test"))

    async def over():
        return (await gateway.jobs.run_view(int(started.id))).ended_at is not None

    await until(over)
    return await gateway.jobs.run_view(int(started.id))


async def test_result_of_a_ministry_reaches_the_dossier_and_the_portal(province):
    gateway, clock, office = province
    record = {
        **_RECORD,
        "code": CODE,
        "version": 1,
        "status": "received",
        "received_at": "2026-09-28T00:30:00Z",
    }
    await gateway.intake.accept(Submission(body=msgspec.json.encode(record), client="one-door", code=CODE))

    async def delivered(version=1):
        question = sa.text("SELECT destination FROM delivery WHERE state = 'delivered' AND key = :key")
        found = await gateway.database.read(
            lambda connection: connection.execute(question, {"key": str(version)}).all()
        )
        return {row[0] for row in found} >= ({MINISTRY, PORTAL} if version == 1 else {PORTAL})

    await until(delivered)

    async def sealed():
        return await gateway.feed.watch.newest() >= 2

    await until(sealed)
    await run(gateway, "progress-poll")
    clock.move(seconds=700)
    report = {
        "key": "kq",
        "status": "finished",
        "files": [
            {
                "name": "Giấy phép",
                "media_type": "application/pdf",
                "content": base64.b64encode(PDF).decode(),
            }
        ],
    }
    office.answers[CODE].append({"reports": [report], "done": True})
    done = await run(gateway, "progress-poll")
    await until(lambda: delivered(2))

    assert done.summary["effects"] == {"reported": 1}
    stored = await gateway.database.read(
        lambda connection: connection.exec_driver_sql("SELECT record FROM dossier").scalar_one()
    )
    dossier = msgspec.json.decode(bytes(stored), type=Dossier)
    assert (dossier.version, dossier.source, dossier.status) == (2, MINISTRY, "finished")
    assert dossier.results[0].file is not None
    assert dossier.results[0].file.url == f"https://gateway.h99.example/v1/files/{SHA}"
    kept = await gateway.database.read(lambda connection: read_file(connection, bytes.fromhex(SHA)))
    assert kept is not None
    assert kept.body == PDF
    assert clock.now > START


async def test_jobs_are_there_and_feeds_are_read(province):
    gateway, _, _ = province

    poll = await gateway.jobs.view("progress-poll")
    feed = await run(gateway, "progress-feed")

    assert poll.title_vi == "Hỏi các hệ thống về tiến độ xử lý hồ sơ"
    assert feed.summary["due"] in {0, 1}
    assert feed.summary["failures"] == {}
