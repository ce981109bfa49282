"""A whole gateway between the one-door system, the ministry of construction and the portal, over real sockets.

The ministry is its stand-in on the clock of the test; attachments are fetched from a store; the portal's copy follows.
"""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from adapters import construction, national_portal
from gateway.bootstrap import open_gateway
from gateway.cli.demo.store import stored
from gateway.delivery.intake import Submission
from gateway.domain.dossier import Dossier
from gateway.domain.errors import ConflictError
from gateway.jobs.service import RunOrder
from gateway.sandbox import FaultPlan, FaultRule, serve_sandbox
from gateway.settings import (
    BreakerSettings,
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    FileSettings,
    RetrySettings,
    Settings,
)
from gateway.storage.files import read_file
from tests.clocks import MovingClock, until
from tests.unit import portal

MINISTRY, PORTAL = "construction", "national_portal"
HOME = Path("adapters/construction/spec")
SAMPLES = [msgspec.json.decode(line) for line in (HOME / "samples.jsonl").read_bytes().splitlines()]
START = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
OWN = construction.Settings(url="https://lgsp.h99.example/moc/1.0", unit="H99.99.99")
NAMES = {
    "code": "TN-01",
    "national_code": "1.009901.000.00.00.H99",  # one that the portal's stand-in lists
    "name": "Cấp giấy xác nhận thử nghiệm",
    "field_code": "G99-TN01",
    "field_name": "Thử nghiệm",
}
AGENCY = {"code": "H99.14", "name": "Sở Thử nghiệm"}
OWNER = {"identities": [{"kind": "personal_id", "number": "000000000001"}]}
NEW_PAPER = b"%PDF-1.4\n% Ban cam ket da ky (mau)\n%%EOF\n"


class Clock(MovingClock):
    """Begins before the samples' promises."""

    def __init__(self):
        super().__init__(START)

    def days(self, count):
        self.now += timedelta(seconds=10 * count)  # so long is a working day at the stand-in


class Province:
    """The gateway, its partners, and a one-door system that hands dossiers over."""

    def __init__(self, gateway, sandbox, store, clock):
        self.gateway, self.sandbox, self.store, self.clock = gateway, sandbox, store, clock

    @property
    def ministry(self):
        return self.sandbox.record(MINISTRY)

    def calls(self, operation):
        return self.ministry["calls"]["by_operation"].get(operation, 0)

    def inject(self, fault, service):
        rule = FaultRule(fault=fault, service=service, first_n=1)
        self.sandbox.use_plan(MINISTRY, FaultPlan(rules=(rule,)))

    def record(self, sample, **changes):
        """A sample whose attachments lie in the store."""
        declaration = dict(SAMPLES[sample]["declaration"])
        contents = {sha(path.read_bytes()): path.read_bytes() for path in HOME.glob("files/*")}
        declaration["attachments"] = [
            {**each, "file": msgspec.to_builtins(self.store.put(contents[each["file"]["sha256"]]))}
            for each in declaration["attachments"]
        ]
        procedure = {**SAMPLES[sample]["procedure"], **NAMES}
        applicant = {**SAMPLES[sample]["applicant"], **OWNER}
        own = {"procedure": procedure, "declaration": declaration, "applicant": applicant, "agency": AGENCY}
        return {**SAMPLES[sample], **own, **changes}

    async def accept(self, record):
        body = msgspec.json.encode(record)
        await self.gateway.intake.accept(Submission(body=body, client="one-door", code=record["code"]))

    async def dossier(self, code):
        question = sa.text("SELECT record FROM dossier WHERE code = :code")
        row = await self.gateway.database.read(
            lambda connection: connection.execute(question, {"code": code}).scalar_one()
        )
        return msgspec.json.decode(bytes(row), type=Dossier)

    async def deliveries(self, destination):
        question = sa.text(
            "SELECT operation, state, code FROM delivery WHERE destination = :name ORDER BY id"
        )
        rows = await self.gateway.database.read(
            lambda connection: connection.execute(question, {"name": destination}).all()
        )
        return [tuple(row) for row in rows]

    async def quiet(self):
        """Until everything that there is to send has arrived and is sealed in the feed."""

        async def sent():
            self.clock.now += timedelta(milliseconds=20)
            rows = [*await self.deliveries(MINISTRY), *await self.deliveries(PORTAL)]
            return rows and all(state in {"delivered", "superseded"} for _, state, _ in rows)

        try:
            await until(sent)
        except TimeoutError as fault:
            rows = [*await self.deliveries(MINISTRY), *await self.deliveries(PORTAL)]
            raise AssertionError(f"not delivered: {rows}") from fault
        newest = await self.gateway.feed.watch.newest()

        async def sealed():
            return await self.gateway.feed.watch.newest() >= newest

        await until(sealed)
        await asyncio.sleep(0)

    async def run(self, job):
        started = None

        async def begun():  # the scheduler starts it every minute, too
            nonlocal started
            try:
                started = await self.gateway.jobs.start(RunOrder(job=job, actor="test"))
            except ConflictError:
                return False
            return True

        await until(begun)

        async def over():
            return (await self.gateway.jobs.run_view(int(started.id))).ended_at is not None

        await until(over)
        return (await self.gateway.jobs.run_view(int(started.id))).summary

    async def follow(self, code, status):
        """Ask, as the job does every minute, until the dossier has ``status``."""
        for _ in range(20):
            self.clock.now += timedelta(seconds=1)
            await self.run("progress-poll")
            if (await self.dossier(code)).status == status:
                return
        raise AssertionError(f"{code} is {(await self.dossier(code)).status}, expected {status}")


def sha(content):
    return hashlib.sha256(content).hexdigest()


def settings(database_url, sandbox, store):
    ministry = {
        "url": f"{sandbox.url(MINISTRY)}/moc/1.0",
        "unit": "H99.99.99",
        "soap_version": "1.2",
        "polling": {"first_s": 1.0, "longest_s": 2.0, "near_s": 1.0},
    }
    office = {
        "adapter_url": f"{sandbox.url(PORTAL)}/XrdAdapter/RestService/forward",
        "username": "h99_gateway",
        "password": portal.settings().password,
        "madonvi": "H99",
        "province_code": "H99",
        "agency_name": "Ủy ban nhân dân tỉnh Mô phỏng",
    }
    return Settings(
        database=DatabaseSettings(url=database_url),
        delivery=DeliverySettings(
            retry=RetrySettings(first=0.01, longest=0.1, ask_after=0.01, jitter=0.0),
            breaker=BreakerSettings(failures=6, first_pause=0.05, longest_pause=0.1),
        ),
        files=FileSettings(
            address="https://gateway.h99.example",
            hosts=[store.host],
            plain_http_hosts=[store.host],
            inside=[store.host],
        ),
        destination={
            MINISTRY: DestinationSettings(settings=ministry),
            PORTAL: DestinationSettings(settings=office),
        },
    )


@pytest.fixture
async def province(database_url):
    clock = Clock()
    partners = {
        MINISTRY: construction.simulate(msgspec.structs.replace(OWN, url="http://bxd.example/moc/1.0")),
        PORTAL: national_portal.simulate(portal.settings(adapter_url="http://portal.example/forward")),
    }
    async with stored() as store, serve_sandbox(partners, clock=clock) as sandbox:
        gateway = await open_gateway(settings(database_url, sandbox, store), clock=clock)
        working = asyncio.create_task(gateway.worker.run())
        yield Province(gateway, sandbox, store, clock)
        gateway.worker.stop()
        await working
        await gateway.close()


async def test_application_is_checked_supplemented_and_decided_and_the_portal_follows(province):
    record = province.record(11)  # the investor's number asks for one supplement
    code = record["code"]
    await province.accept(record)
    await province.quiet()
    assert province.ministry["dossiers"][code]["state"] == "1"

    province.clock.days(3)
    await province.follow(code, "supplement_requested")
    asked = await province.dossier(code)
    assert (asked.status, asked.source) == ("supplement_requested", MINISTRY)
    assert [each.requested_by for each in asked.supplements] == ["Bộ Xây dựng"]

    brought = msgspec.to_builtins(province.store.put(NEW_PAPER))
    answer = {
        **msgspec.to_builtins(asked.supplements[0]),
        "received_at": province.clock().isoformat(),
        "received_note": "Nộp bản cam kết đã ký",
        "documents": [{"id": "bs-1", "name": "Bản cam kết", "component_code": "CAM_KET", "file": brought}],
    }
    later = {
        **msgspec.to_builtins(asked),
        "version": asked.version + 1,
        "source": "one-door",
        "status": "processing",
        "supplements": [answer],
    }
    await province.accept(later)
    await province.quiet()
    held = province.ministry["dossiers"][code]
    assert [each["papers"] for each in held["supplements"]] == [["CAM_KET"]]

    province.clock.days(5)
    await province.follow(code, "finished")
    await province.quiet()
    ended = await province.dossier(code)
    assert ended.status == "finished"
    (result,) = ended.results
    assert result.file is not None
    kept = await province.gateway.database.read(
        lambda connection: read_file(connection, bytes.fromhex(result.file.sha256))
    )
    assert kept is not None
    assert result.code == "01/GPXD"
    taken = province.ministry["dossiers"][code]["acknowledged"]
    assert (taken["2"], taken["3"]) == (1, 1)
    copy = province.sandbox.record(PORTAL)["dossiers"][code]
    assert result.file.url in msgspec.json.encode(copy).decode()
    assert province.calls("NopHoSo") == province.calls("NopBoSung") == 1


async def test_filing_whose_answer_is_lost_is_asked_about_and_never_sent_twice(province):
    province.inject("lost_reply", "NopHoSo")
    record = province.record(0)
    await province.accept(record)
    await province.quiet()

    assert ("submit", "delivered", "found_at_partner") in await province.deliveries(MINISTRY)
    assert province.calls("NopHoSo") == 1
    assert province.calls("TraCuuTrangThai") == 1


async def test_filing_that_never_arrived_is_asked_about_and_sent_again(province):
    province.inject("reset_before", "NopHoSo")
    record = province.record(0)
    await province.accept(record)
    await province.quiet()

    assert ("submit", "delivered", "accepted") in await province.deliveries(MINISTRY)
    assert list(province.ministry["dossiers"]) == [record["code"]]
    assert province.calls("NopHoSo") == 1


async def test_feed_is_read_and_what_it_names_is_asked_about_at_once(province):
    record = province.record(0)
    await province.accept(record)
    await province.quiet()
    await province.run("progress-poll")
    province.clock.days(7)

    summary = await province.run("progress-feed")

    assert summary["failures"] == {}
    await province.follow(record["code"], "finished")
    assert province.ministry["dossiers"][record["code"]]["acknowledged"]["1"] >= 1
