"""The LGSP twin over real HTTP: a province's dossiers reach a platform's document service, whatever breaks on the way."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import msgspec
import pytest

from adapters.national_portal import Settings as PortalSettings
from adapters.national_portal import simulate
from adapters.national_portal.plan import steps_of
from gateway.bootstrap import open_gateway
from gateway.delivery.intake import Submission
from gateway.domain.dossier import Dossier
from gateway.domain.errors import RecordError
from gateway.sandbox import FaultPlan, FaultRule, serve_sandbox
from gateway.settings import Settings, decode
from gateway.storage.operators import operate
from gateway.storage.orders import Resolve
from gateway.storage.queries_deliveries import DeliveryFilter, deliveries
from gateway.storage.queries_status import backlogs
from mappings.sources import Translation

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "dossiers.jsonl"
LINES = 80
TWIN = "twin"
QUICK = {
    "poll": 0.02,
    "retry": {"first": 0.1, "longest": 1.0, "ask_after": 0.1},
    "breaker": {"first_pause": 0.1, "longest_pause": 0.5},
}


def portal(url: str) -> dict[str, object]:
    return {
        "adapter_url": url,
        "madonvi": "H99",
        "province_code": "H99",
        "agency_name": "Ủy ban nhân dân tỉnh Mô phỏng",
        "dialect": "lgsp_document",
        "check_agencies": False,
        "lgsp": {"token_url": f"{url}/token", "key": "h99_lgsp", "secret": {"env": "LGSP_SECRET"}},
    }


@asynccontextmanager
async def province(database_url: str, monkeypatch: pytest.MonkeyPatch, *rules: FaultRule):
    """A gateway at work, and the platform that it sends to."""
    monkeypatch.setenv("LGSP_SECRET", "bi-mat-lgsp")
    conventions = decode(portal("http://127.0.0.1:1"), PortalSettings)
    plan = FaultPlan(seed=7, rules=rules)
    async with serve_sandbox({TWIN: simulate(conventions)}, plan=plan) as sandbox:
        document = {
            "database": {"url": database_url},
            "delivery": QUICK,
            "approvals": {"required": []},
            "destination": {
                TWIN: {"adapter": "national_portal", "concurrency": 8, "settings": portal(sandbox.url(TWIN))}
            },
        }
        gateway = await open_gateway(decode(document, Settings), upgrade=False)
        working = asyncio.create_task(gateway.worker.run())
        try:
            yield gateway, sandbox
        finally:
            gateway.worker.stop()
            await working
            await gateway.close()


async def hand_over(gateway) -> list[Dossier]:
    """Some of the examples, as the one-door systems would send them; what was taken, newest versions only."""
    newest: dict[str, Dossier] = {}
    translation = Translation.load()
    for line in EXAMPLES.read_bytes().splitlines()[:LINES]:
        sent = msgspec.json.decode(line, type=Dossier)
        if sent.received_at is None or sent.procedure.name is None:
            continue
        try:
            await gateway.intake.accept(Submission(body=line, client="one-door"))
        except RecordError as refused:
            raise AssertionError(refused.violations) from refused
        dossier = translation.translate(sent, gateway.hub.clock().date())
        assert isinstance(dossier, Dossier)
        newest[dossier.code] = dossier
    assert len(newest) > 20
    return list(newest.values())


async def settled(gateway, *, but: int = 0, seconds: float = 60.0) -> None:
    """Wait until nothing but ``but`` deliveries is left."""

    async def left() -> int:
        found = await gateway.database.read(backlogs)
        return sum(found[TWIN].deliveries.values()) if TWIN in found else 0

    async with asyncio.timeout(seconds):
        while await left() > but:  # noqa: ASYNC110 - what is awaited happens in a database
            await asyncio.sleep(0.05)


def judge(record, told: list[Dossier], gateway) -> None:
    """The platform has every dossier's newest state, and every step once and in order."""
    adapter = gateway.destinations[TWIN].adapter
    kept = record["dossiers"]
    for dossier in told:
        theirs = kept[adapter.partner_codes(dossier)[0]]
        finished = dossier.status in {"finished", "returned"}
        assert theirs["fields"]["IsSuccess"] == finished, dossier.code
        assert theirs["fields"]["IsReturned"] == (dossier.status == "returned")
        steps = [step for _, step in steps_of(dossier, complete=True)]
        expected = [step.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z") for step in steps]
        assert [step["DateCreated"] for step in theirs["steps"]] == expected, dossier.code
    assert len(kept) == len(told)
    assert record["rejected"] == record["duplicates"] == record["out_of_order"] == []


async def test_dossiers_and_their_steps_reach_the_platform_in_order_and_once(sqlite_url, monkeypatch):
    async with province(sqlite_url, monkeypatch) as (gateway, sandbox):
        told = await hand_over(gateway)
        await settled(gateway)
        record = sandbox.record(TWIN)

    judge(record, told, gateway)
    assert record["tokens"] >= 1


async def test_faults_that_surely_left_nothing_behind_cost_time_only(sqlite_url, monkeypatch):
    """The token runs out, the platform is busy, connections are refused: all of it is retried in order."""
    rules = (
        FaultRule(fault="session_expired", every_nth=37, service="*Document*"),
        FaultRule(fault="http_429", every_nth=61, service="*Document*", retry_after=0),
        FaultRule(fault="maintenance", every_nth=23, service="*Document*"),
    )
    async with province(sqlite_url, monkeypatch, *rules) as (gateway, sandbox):
        told = await hand_over(gateway)
        await settled(gateway)
        record, injected = sandbox.record(TWIN), sandbox.injected(TWIN)["counts"]

    assert {"session_expired", "http_429", "maintenance"} <= set(injected)
    judge(record, told, gateway)
    assert record["tokens"] > 1


async def test_lost_answer_waits_for_an_operator_and_nothing_is_sent_twice(sqlite_url, monkeypatch):
    """§9: the twin cannot be asked, so a person looks at the platform and says what became of it."""
    rule = FaultRule(fault="lost_reply", first_n=1, service="UpdateDocumentTraces")
    async with province(sqlite_url, monkeypatch, rule) as (gateway, sandbox):
        told = await hand_over(gateway)
        wanted = DeliveryFilter(destination=TWIN, state="in_doubt")

        async def doubted():
            return await gateway.database.read(
                lambda connection: deliveries(connection, wanted, before=None, limit=9, destinations=[TWIN])
            )

        async with asyncio.timeout(60):
            while not (found := await doubted()):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.05)
        [lost] = found
        assert (lost.operation, lost.actor, lost.due_at) == ("step", "operator", None)
        order = Resolve(
            delivery=int(lost.id),
            verdict="delivered",
            actor="Mai",
            reason="seen on the platform",
            now=gateway.hub.clock(),
        )
        await gateway.database.apply(operate, order)
        gateway.worker.wake(TWIN)
        await settled(gateway)
        record = sandbox.record(TWIN)

    judge(record, told, gateway)


async def test_record_without_the_names_that_the_twin_wants_is_refused_at_the_door(sqlite_url, monkeypatch):
    """The portal's catalogue could fill them in; the twin has none to ask."""
    async with province(sqlite_url, monkeypatch) as (gateway, _):
        line = next(
            line
            for line in EXAMPLES.read_bytes().splitlines()
            if (sent := msgspec.json.decode(line, type=Dossier)).received_at and sent.procedure.name is None
        )
        with pytest.raises(RecordError) as refused:
            await gateway.intake.accept(Submission(body=line, client="one-door"))

    assert [found.pointer for found in refused.value.violations] == ["/procedure/name"]
