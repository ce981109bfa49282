"""Canaries: secrets and invented persons, put in wherever something comes in, come out nowhere that they must not.

The message log and the masked views of the API are where contents belong; the program log, metrics, traces, problem
documents and page sources are not.
"""

import asyncio
import json
import re
from contextlib import asynccontextmanager

import httpx
import msgspec

from gateway.accounts.passwords import Passwords
from gateway.api.app import application
from gateway.bootstrap import open_gateway
from gateway.console.app import faces
from gateway.console.table import PAGES
from gateway.port import Secret
from gateway.settings import TracingSettings, WebhookSettings
from gateway.storage.account_orders import AddAccount, manage_account
from gateway.storage.accounts import NewAccount
from gateway.storage.scopes import Role
from gateway.telemetry import configure_logging
from tests.api_world import BOARD, Board, Partner, World, record, settings
from tests.collector import collecting
from tests.console_door_world import QUICK, Browser
from tests.console_world import ConsoleClient

SECRETS = {
    "collector": "canary-secret-of-the-collector",
    "webhook_key": "Y2FuYXJ5LXdlYmhvb2sta2V5LTAxMjM0NTY3ODlhYmM=",
    "bearer": "canary-wrong-bearer-key",
    "header": "canary-api-key-in-a-header",
    "cookie": "canary-cookie-of-a-browser",
    "basic": "Y2FuYXJ5OmJhc2lj",
    "query_key": "canary-token-in-a-query",
    "password": "canary mat khau sai 1",
    "password_as_name": "canary-mat-khau-trong-o-ten",
    "partner_session": "session-of-the-board",
    "partner_password": "open-sesame",
}
PERSONS = {
    "name": "Hoàng Thị Canary",
    "plain_name": "hoang thi chim yen",
    "identity": "099000000019",
    "phone": "0900000019",
    "mail": "chim.yen@example.invalid",
    "street": "19 phố Chim Yến",
    "partner_words": "cong dan hoang van bach yen khong ton tai",
    "callback_person": "Lý Bạch Yến",
    "url_person": "Đinh Chim Hoàng Yến",
    "exception_person": "vo thi hoang anh",
    "form_person": "Trương Yến Phụng",
}
NAMED = {"name": PERSONS["name"], "identifier": PERSONS["identity"]}


class Careless(Board):
    """An adapter that quotes what it is given in its faults."""

    def read_callback(self, request, context):
        if b"defect" in request.body:
            raise KeyError(request.body.decode())
        return super().read_callback(request, context)

    def interpret(self, deliveries, response, context):
        if b"odd" in response.body:
            raise ValueError(response.body.decode())
        return super().interpret(deliveries, response, context)

    def plan(self, dossier):
        if dossier.summary == "cannot be planned":
            raise RuntimeError(PERSONS["exception_person"])
        return super().plan(dossier)


class Chatty(Partner):
    """A partner that says whom it does not know."""

    body = b""

    async def handle_async_request(self, request):
        await request.aread()
        self.requests.append(request)
        return httpx.Response(self.status, content=self.body, headers={"x-reason": "canary"})


@asynccontextmanager
async def careless(tmp_path, endpoint):
    wanted = msgspec.structs.replace(
        settings(f"sqlite:///{tmp_path}/gateway.db"),
        tracing=TracingSettings(endpoint=endpoint, headers={"authorization": Secret(SECRETS["collector"])}),
        webhooks=WebhookSettings(keys=[Secret(SECRETS["webhook_key"])]),
    )
    partner = Chatty()
    gateway = await open_gateway(wanted, transports={BOARD: partner}, extra={BOARD: Careless()})
    world = World(gateway, partner)
    await world.add_client("all")
    working = asyncio.create_task(gateway.worker.run())
    try:
        await gateway.worker.registered()
        yield world
    finally:
        gateway.worker.stop()
        await working
        await world.close()


async def send_everything(world):
    """Every door, with a canary; the bodies of all answers that are problems."""
    told = []

    async def call(method, path, **options):
        answer = await world.call(method, path, **options)
        if answer.status_code >= 400:
            told.append(answer.text)
        return answer

    personal = record(
        "H99-1",
        applicant={
            "kind": "citizen",
            "name": PERSONS["name"],
            "phone": PERSONS["phone"],
            "email": PERSONS["mail"],
        },
    )
    assert (await call("PUT", "/v1/dossiers/H99-1", json=personal)).status_code == 202
    await call("PUT", "/v1/dossiers/H99-2", json=record("H99-2", summary="breaks the adapter"))
    await call("PUT", "/v1/dossiers/H99-3", json=record("H99-3", summary="cannot be planned"))
    await call("PUT", "/v1/dossiers/H99-4", content=json.dumps({"applicant": NAMED})[:-1].encode())
    await call("PUT", "/v1/dossiers/H99-5", json=record("H99-5", status=7))
    await call("GET", f"/v1/dossiers/{PERSONS['url_person']}")
    await call("GET", f"/v1/dossiers/{PERSONS['identity']}")
    await call("GET", f"/v1/dossiers?token={SECRETS['query_key']}")
    await call("GET", f"/{PERSONS['url_person']}?token={SECRETS['query_key']}", client=None)
    await call(PERSONS["plain_name"].replace(" ", "-").upper(), "/v1/dossiers")
    stranger = {
        "authorization": f"Bearer {SECRETS['bearer']}",
        "cookie": f"session={SECRETS['cookie']}",
        "x-correlation-id": PERSONS["plain_name"],
        "traceparent": PERSONS["identity"],
    }
    await call("GET", "/v1/dossiers/H99-1", client=None, headers=stranger)
    await call("GET", "/v1/status", client=None, headers={"x-api-key": SECRETS["header"]})
    await call("GET", "/v1/status", client=None, headers={"authorization": f"Basic {SECRETS['basic']}"})
    for body in (f"defect {PERSONS['callback_person']}", PERSONS["callback_person"], "knock"):
        await call(
            "POST",
            f"/in/board/{PERSONS['url_person']}?name={PERSONS['callback_person']}",
            client=None,
            content=body.encode(),
            headers={"x-person": PERSONS["plain_name"]},
        )
    return told


async def deliver_badly(world):
    """Answers of a partner: refusals with a person's name, and one that breaks the adapter."""
    for code, status, body in (
        ("H99-11", 500, PERSONS["partner_words"]),
        ("H99-12", 400, PERSONS["name"]),
        ("H99-13", 200, f"odd {PERSONS['name']} {PERSONS['plain_name']}"),
    ):
        before = len(world.partner.requests)
        world.partner.status, world.partner.body = status, body.encode()
        await world.call("PUT", f"/v1/dossiers/{code}", json=record(code))
        async with asyncio.timeout(30):
            while len(world.partner.requests) == before:  # noqa: ASYNC110 - a stub has no event
                await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)


async def knock_at_the_console(world):
    """Wrong passwords, and pages that everybody with a role sees; what their sources are."""
    hashing = Passwords(QUICK)
    new = NewAccount(
        name="chi.mau",
        display_name="Chị Mẫu",
        roles=frozenset({Role.OPERATOR}),
        password_hash=hashing.hash_now("mot mat khau dung va dai"),
    )
    order = AddAccount(actor="test", reason="", now=world.gateway.hub.clock(), new=new)
    await world.gateway.database.write(lambda tx: manage_account(tx, order))
    browser = Browser(application(world.api, faces(world.api, hashing)))
    pages = [(await browser.sign_in("chi.mau", SECRETS["password"])).text]
    await browser.sign_in(SECRETS["password_as_name"], SECRETS["password"])  # shown to whoever has typed it
    for role in ("operator", "auditor"):
        seen = ConsoleClient(world.api, role)
        plain = [page.path for page in PAGES if "{" not in page.path]
        pages += [(await seen.get(path)).text for path in plain]
        await seen.http.aclose()
    await browser.http.aclose()
    return pages


def found_in(text, canaries):
    """Which of ``canaries`` stand in ``text``, as they are or escaped."""
    forms = {
        name: {value, json.dumps(value)[1:-1], re.sub(r"\s", "%20", value), value.replace("'", "&#39;")}
        for name, value in canaries.items()
    }
    return sorted(name for name, values in forms.items() if any(value in text for value in values))


async def test_no_canary_comes_out_where_it_must_not(tmp_path, capfd):
    configure_logging("debug", "json")
    with collecting() as collector:
        async with careless(tmp_path, collector.endpoint) as world:
            problems = await send_everything(world)
            await deliver_badly(world)
            pages = await knock_at_the_console(world)
            keys = {f"key of {name}": key for name, key in world.keys.items()}
            metrics = (await world.call("GET", "/metrics", client=None)).text
    canaries = SECRETS | PERSONS | keys
    told = capfd.readouterr()

    assert len(problems) > 10
    for event in ("adapter_failed", "callback_failed", "request_failed", "request_answered"):
        assert event in told.err, "the canaries have been where it hurts"
    assert 'lienthong_sign_ins_total{method="password"' in metrics
    assert len(collector.spans) > 10
    assert found_in(told.err + told.out, canaries) == []
    assert found_in(metrics, canaries) == []
    assert found_in("".join(str(span) for span in collector.spans), canaries) == []
    # a client that is known reads the number back that it has asked for, and nothing else
    own = re.compile(f"there is no (dossier|code) '?({PERSONS['identity']}|{PERSONS['url_person']})")
    others = [text for text in problems if not own.search(text)]
    assert len(problems) - len(others) == 2
    assert {name: text for text in others for name in found_in(text, canaries)} == {}
    assert found_in("".join(pages), canaries) == []


def test_canaries_would_be_found():
    assert found_in(json.dumps(PERSONS), PERSONS) == sorted(PERSONS)
    assert found_in("&lt;" + SECRETS["bearer"], SECRETS) == ["bearer"]
