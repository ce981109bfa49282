"""A whole gateway on the day on which one judicial record interface follows the other.

What was received before goes to the older one, what comes after to the newer one; both are asked, both answer, and the
dossiers end in step.
"""

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from adapters import judicial_records, judicial_records_g1
from gateway.bootstrap import adapter_settings, open_gateway
from gateway.delivery.intake import Submission
from gateway.domain.dossier import Dossier
from gateway.jobs.service import RunOrder
from gateway.port import SimulatedRequest
from gateway.settings import DestinationSettings, FileSettings, Settings
from tests.clocks import MovingClock, until

OLD, NEW = "judicial_records_g1", "judicial_records"
SAMPLE = msgspec.json.decode(
    Path("adapters/judicial_records/spec/samples.jsonl").read_bytes().splitlines()[0]
)
BEFORE = {**SAMPLE, "received_at": "2026-09-24T02:00:00Z"}
AFTER = {**SAMPLE, "code": "H99.14-261123-0009", "received_at": "2026-09-25T02:00:00Z"}
CHOSEN = {
    OLD: {
        "base_url": "https://lgsp.h99.example/apiLyLichTuPhap",
        "unit_id": "41",
        "region_id": 9999,
        "received_before": "2026-09-25",
    },
    NEW: {
        "province_code": "99",
        "province_name": "Tỉnh Mẫu",
        "received_since": "2026-09-25",
        "centre": {"base_url": "https://lltp.h99.example", "auth_key": {"env": "LLTP_AUTH_KEY"}},
    },
}


class Wire(httpx.AsyncBaseTransport):
    """A stand-in without a socket, on the gateway's clock."""

    def __init__(self, clock):
        self.clock, self.partner = clock, None

    async def handle_async_request(self, request):
        received = SimulatedRequest(
            method=request.method,
            path=request.url.path,
            query=request.url.query.decode(),
            headers=tuple(request.headers.items()),
            body=await request.aread(),
            now=self.clock.now,
        )
        answer = self.partner.handle(received)
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body)


@pytest.fixture
async def province(database_url, monkeypatch):
    monkeypatch.setenv("LLTP_AUTH_KEY", "khoa-mo-phong")
    clock = MovingClock()
    wires = {name: Wire(clock) for name in (OLD, NEW)}
    settings = Settings(
        destination={name: DestinationSettings(settings=chosen) for name, chosen in CHOSEN.items()},
        files=FileSettings(address="https://gateway.h99.example"),
    )
    settings = msgspec.structs.replace(
        settings, database=msgspec.structs.replace(settings.database, url=database_url)
    )
    gateway = await open_gateway(settings, clock=clock, transports=wires)
    for name, module in ((OLD, judicial_records_g1), (NEW, judicial_records)):
        wires[name].partner = module.simulate(adapter_settings(name, settings.destination[name]))
    working = asyncio.create_task(gateway.worker.run())
    yield gateway, clock, {name: wire.partner for name, wire in wires.items()}
    gateway.worker.stop()
    await working
    await gateway.close()


async def poll(gateway):
    started = await gateway.jobs.start(RunOrder(job="progress-poll", actor="test"))

    async def over():
        return (await gateway.jobs.run_view(int(started.id))).ended_at is not None

    await until(over)
    return await gateway.jobs.run_view(int(started.id))


async def stored(gateway):
    rows = await gateway.database.read(
        lambda connection: connection.exec_driver_sql("SELECT record FROM dossier").scalars().all()
    )
    found = [msgspec.json.decode(bytes(row), type=Dossier) for row in rows]
    return {dossier.code: dossier for dossier in found}


async def test_each_dossier_goes_to_the_interface_of_its_day_and_comes_back_finished(province):
    gateway, clock, partners = province
    for record in (BEFORE, AFTER):
        body = msgspec.json.encode(record)
        await gateway.intake.accept(Submission(body=body, client="one-door", code=record["code"]))

    async def delivered():
        question = sa.text("SELECT count(*) FROM delivery WHERE state = 'delivered'")
        return await gateway.database.read(lambda connection: connection.execute(question).scalar()) == 2

    await until(delivered)
    assert list(partners[OLD].record()["applications"]) == ["2611230001"]
    assert list(partners[NEW].record()["applications"]) == [AFTER["code"]]

    async def sealed():
        return await gateway.feed.watch.newest() >= 2

    await until(sealed)
    await poll(gateway)
    clock.move(seconds=7200)
    asked = await poll(gateway)

    assert asked.summary["effects"] == {"reported": 2}
    dossiers = await stored(gateway)
    assert {dossier.status for dossier in dossiers.values()} == {"finished"}
    assert dossiers[BEFORE["code"]].results == []  # the older interface hands out paper
    assert dossiers[AFTER["code"]].results[0].file is not None
    clock.move(seconds=7200)
    assert (await poll(gateway)).summary["effects"] == {}
