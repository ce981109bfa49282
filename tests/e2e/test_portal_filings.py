"""Online dossiers that the portal's stand-in delivers, taken in by the whole gateway with the real adapter."""

import json

import pytest

from adapters.national_portal.simulator_inbound import PushOrder, deliveries
from gateway.bootstrap import open_gateway
from gateway.messagelog.search import MessageLog
from gateway.messagelog.verification import verify
from gateway.port import CallbackRequest
from gateway.settings import Settings, decode
from gateway.storage import upkeep
from gateway.storage.queries_messages import MessageFilter

PORTAL = {
    "adapter_url": "https://adapter.h99.example/forward",
    "username": "h99_gateway",
    "password": {"env": "PORTAL_PASSWORD"},
    "madonvi": "H99",
    "province_code": "H99",
    "agency_name": "Ủy ban nhân dân tỉnh Mô phỏng",
}


@pytest.fixture
async def gateway(database_url, monkeypatch):
    monkeypatch.setenv("PORTAL_PASSWORD", "canary-of-the-portal")
    document = {
        "database": {"url": database_url},
        "destination": {"national_portal": {"settings": PORTAL}},
    }
    gateway = await open_gateway(decode(document, Settings), upgrade=False)
    yield gateway
    await gateway.close()


async def push(gateway, kind, **order):
    answers = []
    for call in deliveries(kind, PushOrder(**order)):
        request = CallbackRequest(method="POST", path=call.path, headers=call.headers, body=call.body)
        answer = await gateway.callbacks.receive("national_portal", request)
        answers.append(json.loads(answer.body)["error_code"])
    await gateway.database.write(upkeep.seal)
    return answers


@pytest.mark.parametrize("kind", ["push_online", "push_promotion", "push_amendment"])
async def test_filing_and_its_repetition_are_one_dossier_and_one_report(gateway, kind):
    answers = await push(gateway, kind, copies=3)

    told = await gateway.feed.read()
    assert answers == [0, 1, 1]
    assert told[0].kind == "dossier.stored"
    assert len(told) == 2
    assert {event.dossier for event in told} == {told[0].dossier}


async def test_many_filings_are_as_many_dossiers(gateway):
    assert await push(gateway, "push_online", count=25, copies=2) == [0, 1] * 25

    stored = await gateway.feed.read(limit=1000, kinds=("dossier.stored",))
    assert len({event.dossier for event in stored}) == 25


async def test_filing_can_be_followed_in_a_log_that_proves_itself(gateway):
    await push(gateway, "push_online")
    (stored,) = await gateway.feed.read(kinds=("dossier.stored",))
    log = MessageLog(gateway.database)

    page = await log.search(MessageFilter(dossier=stored.dossier))
    answer, call = [await log.fetch(entry.id) for entry in page.entries]

    assert json.loads(answer.body)["error_code"] == 0
    assert json.loads(call.body)["service"] == "NhanHoSoDVCQG"
    assert (answer.intact, call.intact) == (True, True)
    assert verify(gateway.database).faults == ()
