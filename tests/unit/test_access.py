"""Access layers: what a call bears, what a token call asks, and what becomes of a refusal."""

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from xml.etree import ElementTree as ET

import msgspec
import pytest

from gateway import access as access_module
from gateway.access import (
    LAYER,
    Access,
    XRoadAccess,
    XRoadCall,
    entry,
    layers,
    secret_fields,
    secret_headers,
    soap_header,
    turned_away,
    worn_out,
)
from gateway.access.refusal import RENEWED
from gateway.access.settings import TokenCall
from gateway.access.stand_in import Doorkeeper
from gateway.domain.errors import CannotEncode, ConfigurationError
from gateway.domain.outcome import Accepted, remembered
from gateway.port import Context, Denied, Grant, SimulatedRequest, WireRequest, WireResponse
from gateway.settings import decode
from gateway.wire.authentication import Authenticator, Credentials, NoCredential
from gateway.wire.client import Answered, Exchange

NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
BASE = "https://adapter.h99.example"
URL = f"{BASE}/apiThuNghiem/1.0/goi"
TOKEN_URL = f"{BASE}/token"
CANARY = "canary-7f3a9-secret"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """As an adapter's settings hold it."""

    access: Access


CLIENT = {"instance": "VN", "member_class": "GOV", "member": "H99", "subsystem": "MOTCUA"}
SERVICE = {**CLIENT, "member": "G17", "subsystem": "CAPPHEP"}
ONE_OF_EACH: list[dict[str, Any]] = [
    {"kind": "none", "headers": {"SENDER_CODE": "H99"}, "body": {"authKey": {"env": "S"}}},
    {"kind": "oauth2_basic", "token_url": TOKEN_URL, "key": "k", "secret": {"env": "S"}},
    {"kind": "oauth2_form", "token_url": TOKEN_URL, "key": "k", "secret": {"env": "S"}},
    {"kind": "bearer_exchange", "token_url": TOKEN_URL, "token": {"env": "S"}},
    {
        "kind": "lgspaccesstoken",
        "token_url": TOKEN_URL,
        "access_key": {"env": "S"},
        "secret_key": {"env": "S"},
        "app_name": "mot-cua",
        "partner_code": "H99",
    },
    {"kind": "bearer", "token": {"env": "S"}, "secret_headers": {"X-Second": {"env": "S"}}},
    {"kind": "token_header", "token": {"env": "S"}},
    {"kind": "basic", "user": "mot-cua", "password": {"env": "S"}},
    {"kind": "basic_sha256", "user": "mot-cua", "password": {"env": "S"}},
    {
        "kind": "xroad",
        "client": CLIENT,
        "service": SERVICE,
        "api_key": {"env": "S"},
        "user": "mot-cua",
        "password": {"env": "S"},
    },
]


def made(document: dict[str, Any], secret: str = CANARY) -> Access:
    return decode({"access": document}, Holder, {"S": secret}).access


def kinds() -> list[Any]:
    return [pytest.param(document, id=document["kind"]) for document in ONE_OF_EACH]


def received(request: WireRequest, now: datetime = NOW) -> SimulatedRequest:
    path, _, query = request.url.removeprefix(BASE).partition("?")
    return SimulatedRequest(
        method=request.method, path=path, query=query, headers=request.headers, body=request.body, now=now
    )


def call(access: Access, context: Context) -> WireRequest:
    return WireRequest(method="POST", url=URL, headers=entry(access, URL, context).headers)


def context_of(access: Access, door: Doorkeeper) -> Context:
    """What the hub lends after it has asked for every layer."""
    credentials = {}
    for layer in layers(access):
        given = layer.read(answered(door, layer.request({})))
        assert isinstance(given, Grant)
        credentials[layer.name] = given.value
    return Context(now=NOW, credentials=credentials)


def answered(door: Doorkeeper, request: WireRequest) -> WireResponse:
    reply = door.token(received(request))
    return WireResponse(status=reply.status, headers=reply.headers, body=reply.body)


def test_every_kind_is_tried_here():
    assert {type(made(document)) for document in ONE_OF_EACH} == set(get_args(Access))


@pytest.mark.parametrize("document", kinds())
def test_a_call_is_let_in_by_the_other_side(document):
    access = made(document)
    door = Doorkeeper(access, base=BASE)

    assert door.admits(received(call(access, context_of(access, door)))) is None


@pytest.mark.parametrize("document", [each for each in ONE_OF_EACH if each["kind"] != "none"])
def test_a_call_with_another_secret_is_kept_out(document):
    ours, theirs = made(document, "wrong-secret-of-ours"), made(document)
    door = Doorkeeper(theirs, base=BASE)
    [*asked] = layers(ours)
    if asked:
        denied = asked[0].read(answered(door, asked[0].request({})))
        assert isinstance(denied, Denied)
        assert denied.permanent

    refused = door.admits(received(call(ours, Context(now=NOW, credentials={LAYER: "guessed"}))))

    assert refused is not None
    assert refused.status == 401


@pytest.mark.parametrize("document", kinds())
def test_the_same_arguments_give_the_same_bytes(document):
    access = made(document)
    context = Context(now=NOW, credentials={LAYER: "t"})

    assert entry(access, URL, context) == entry(access, URL, context)
    assert [each.request({}) for each in layers(access)] == [each.request({}) for each in layers(access)]


@pytest.mark.parametrize("document", kinds())
def test_no_secret_is_shown(document):
    access = made(document)
    given = entry(access, URL, Context(now=NOW, credentials={LAYER: CANARY}))
    forms = [CANARY, base64.b64encode(CANARY.encode()).decode()]

    shown = [repr(access), repr(given), str(given), repr(layers(access)), repr(Holder(access=access))]
    for layer in layers(access):
        for status, body in ((401, CANARY), (400, CANARY), (200, CANARY), (200, json.dumps({"x": CANARY}))):
            shown.append(repr(layer.read(WireResponse(status=status, body=body.encode()))))

    assert not [text for text in shown for form in forms if form in text]


@pytest.mark.parametrize("document", kinds())
def test_every_header_with_a_secret_is_named_as_secret(document):
    access = made(document)
    given = entry(access, URL, Context(now=NOW, credentials={LAYER: CANARY}))
    known = set(secret_headers(access))

    for name, value in given.headers:
        decoded = value
        for part in value.split():
            try:
                decoded += base64.b64decode(part, validate=True).decode("utf-8", "replace")
            except ValueError:
                continue
        assert CANARY not in decoded or name.lower() in known, name
    assert set(given.body) <= set(secret_fields(access))


@pytest.mark.parametrize("name", ["bad name", "x\r\ny", ""])
def test_a_header_that_cannot_be_sent_stops_the_start(name):
    with pytest.raises(ConfigurationError, match="header"):
        made({"kind": "none", "headers": {name: "v"}})


def test_a_secret_with_a_line_break_stops_the_start_and_is_not_quoted():
    document = {"kind": "none", "secret_headers": {"ApiKey": {"env": "S"}}}

    with pytest.raises(ConfigurationError) as fault:
        made(document, f"{CANARY}\r\nX: y")

    assert CANARY not in str(fault.value)


def test_basic_puts_key_and_secret_on_the_token_call_as_the_contract_shows():
    [layer] = layers(made({**ONE_OF_EACH[1], "scope": "am_application_scope"}, "s"))

    request = layer.request({})

    # judicial_records §3, item 1
    assert request.method == "POST"
    assert request.url == TOKEN_URL
    assert ("authorization", "Basic " + base64.b64encode(b"k:s").decode()) in request.headers
    assert request.body == b"grant_type=client_credentials&scope=am_application_scope"


def test_one_platform_wants_no_body_on_the_token_call():
    access = made({**ONE_OF_EACH[1], "grant_in_body": False, "headers": {"service-code": "thu-nghiem"}})
    [layer] = layers(access)
    door = Doorkeeper(access, base=BASE)

    assert layer.request({}).body == b""
    assert isinstance(layer.read(answered(door, layer.request({}))), Grant)
    headers = entry(access, URL, Context(now=NOW, credentials={LAYER: "t"})).headers
    assert ("service-code", "thu-nghiem") in headers


def test_form_puts_key_and_secret_among_the_fields():
    [layer] = layers(made(ONE_OF_EACH[2], "s&1"))

    request = layer.request({})

    assert request.body == b"client_id=k&client_secret=s%261&grant_type=client_credentials"
    assert not [name for name, _ in request.headers if name == "authorization"]


@pytest.mark.parametrize("carriage", ["base64", "base64url", "json"])
def test_the_five_parameters_travel_on_both_calls(carriage):
    access = made({**ONE_OF_EACH[4], "carriage": carriage, "app_name": "một-cửa-ê-🏛"}, "s?>1")
    [layer] = layers(access)
    token_call = dict(layer.request({}).headers)["lgspaccesstoken"]
    given = dict(entry(access, URL, Context(now=NOW, credentials={LAYER: "t"})).headers)
    readers = {
        "base64": base64.b64decode,
        "base64url": lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)),
        "json": str.encode,
    }

    # judicial_records §3, item 3: the five names, spelt like that
    assert json.loads(readers[carriage](token_call)) == {
        "AccessKey": "s?>1",
        "SecretKey": "s?>1",
        "AppName": "một-cửa-ê-🏛",
        "PartnerCode": "H99",
        "PartnerCodeCus": "",
    }
    assert token_call.isascii()
    assert given == {"authorization": "Bearer t", "lgspaccesstoken": token_call}


def test_hashed_password_is_the_documented_digest():
    given = dict(entry(made(ONE_OF_EACH[8], "bi-mat"), URL, Context(now=NOW)).headers)
    timestamp = given["Timestamp"]
    user, _, hashed = base64.b64decode(given["authorization"].removeprefix("Basic ")).decode().partition(":")

    assert timestamp == "1790557200000"
    assert user == "mot-cua"
    assert hashed == hashlib.sha256(f"{URL}mot-cua{timestamp}bi-mat".encode()).hexdigest()


def test_a_hash_of_yesterday_is_kept_out():
    access = made(ONE_OF_EACH[8])
    stale = call(access, Context(now=NOW - timedelta(days=1)))

    assert Doorkeeper(access, base=BASE).admits(received(stale)) is not None


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (3600, 3590.0),
        ("3600", 3590.0),
        (None, 890.0),
        (-5, 890.0),
        (True, 890.0),
        ("soon", 890.0),
        (1e300, 890.0),
        (4, 1.0),
    ],
)
def test_lifetime_is_read_leniently_and_shortened_by_the_skew(told, seconds):
    [layer] = layers(made({**ONE_OF_EACH[1], "lifetime": 900, "skew": 10}))
    body = json.dumps({"access_token": "t", "expires_in": told}).encode()

    given = layer.read(WireResponse(status=200, body=body))

    assert given == Grant(value="t", lifetime=seconds)


@pytest.mark.parametrize(
    ("status", "body", "code", "permanent"),
    [
        (401, b"", "token_refused", True),
        (403, b"", "token_refused", True),
        (400, b'{"error":"invalid_client"}', "token_refused", True),
        (400, b'{"error":"invalid_request"}', "token_refused", False),
        (400, b'{"error":["invalid_client"]}', "token_refused", False),
        (503, b"", "token_unavailable", False),
        (302, b"", "token_unavailable", False),
        (200, b"<html>", "token_unreadable", False),
        (200, b"[]", "token_missing", False),
        (200, b'{"access_token":""}', "token_missing", False),
        (200, b'{"access_token":"a\\r\\nb"}', "token_missing", False),
        (200, b'{"access_token":7}', "token_missing", False),
    ],
)
def test_an_answer_without_a_clear_token_gives_none(status, body, code, permanent):
    [layer] = layers(made(ONE_OF_EACH[1]))

    given = layer.read(WireResponse(status=status, body=body))

    assert isinstance(given, Denied)
    assert (given.code, given.permanent) == (code, permanent)


def test_a_refused_token_is_renewed_and_the_call_repeated_once():
    access = made(ONE_OF_EACH[1])
    refused = WireResponse(status=401)
    first = turned_away(access, refused, Context(now=NOW))
    assert first is not None
    second = turned_away(access, refused, Context(now=NOW + timedelta(seconds=2), memory=first.learned))
    assert second is not None
    later = turned_away(access, refused, Context(now=NOW + timedelta(hours=2), memory=second.learned))
    assert later is not None

    assert (first.retry_after, first.renew) == (0.0, (LAYER,))
    assert (second.retry_after, second.renew) == (None, (LAYER,))
    assert later.retry_after == 0.0


@pytest.mark.parametrize("remembered", ["nonsense", "2026-09-28T01:00:00", ""])
def test_a_memory_that_is_not_ours_does_no_harm(remembered):
    context = Context(now=NOW, memory={RENEWED: remembered})

    outcome = turned_away(made(ONE_OF_EACH[1]), WireResponse(status=401), context)

    assert outcome is not None
    assert outcome.retry_after == 0.0


def test_static_credentials_that_are_refused_wait():
    outcome = turned_away(made(ONE_OF_EACH[5]), WireResponse(status=401), Context(now=NOW))

    assert outcome is not None
    assert (outcome.code, outcome.renew, outcome.retry_after) == ("access_refused", (), None)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "access_forbidden"), (429, "quota_exceeded"), (200, None), (500, None)]
)
def test_what_the_platform_in_front_says(status, code):
    answer = WireResponse(status=status, headers=(("retry-after", "7"),))

    outcome = turned_away(made(ONE_OF_EACH[1]), answer, Context(now=NOW))

    assert (None if outcome is None else outcome.code) == code
    assert outcome is None or status != 429 or outcome.retry_after == 7.0


@pytest.mark.parametrize("document", kinds())
def test_only_a_token_can_be_worn_out(document):
    access = made(document)

    assert worn_out(access, WireResponse(status=200)) == ()
    assert worn_out(access, WireResponse(status=401)) == ((LAYER,) if isinstance(access, TokenCall) else ())


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def authenticated(access: Access, door: Doorkeeper, clock: Clock) -> Authenticator:
    async def exchange(name: str, request: WireRequest) -> Exchange:
        await asyncio.sleep(0)  # as long as others need to come and ask, too
        return Answered(response=answered(door, request))

    return Authenticator(layers(access), exchange, clock=clock)


@pytest.mark.parametrize("document", [each for each in ONE_OF_EACH if "token_url" in each])
async def test_many_waiting_calls_ask_once_and_the_token_is_kept_until_shortly_before_its_end(document):
    access = made(document)
    door, clock = Doorkeeper(access, base=BASE, lifetime=3600), Clock()
    authenticator = authenticated(access, door, clock)

    first = await asyncio.gather(*(authenticator.obtain() for _ in range(50)))
    clock.now = 3600 - 31
    kept = await authenticator.obtain()
    asked_so_far = door.issued
    clock.now = 3600 - 29
    renewed = await asyncio.gather(*(authenticator.obtain() for _ in range(50)))

    assert {each.values[LAYER] for each in (*first, kept)} == {first[0].values[LAYER]}
    assert asked_so_far == 1
    assert door.issued == 2
    assert {each.values[LAYER] for each in renewed} != {first[0].values[LAYER]}


async def test_a_token_that_many_calls_find_refused_is_renewed_once():
    access = made(ONE_OF_EACH[1])
    door = Doorkeeper(access, base=BASE)
    authenticator = authenticated(access, door, Clock())
    used = await authenticator.obtain()
    assert isinstance(used, Credentials)
    door.expire()

    for _ in range(20):
        authenticator.spoil(worn_out(access, WireResponse(status=401)), used)
    again = await asyncio.gather(*(authenticator.obtain() for _ in range(20)))

    assert door.issued == 2
    context = Context(now=NOW, credentials=again[0].values)
    assert door.admits(received(call(access, context))) is None


async def test_two_partners_behind_one_platform_share_no_token():
    one, other = made(ONE_OF_EACH[1]), made({**ONE_OF_EACH[1], "key": "k2"})
    doors = Doorkeeper(one, base=BASE), Doorkeeper(other, base=BASE)
    clock = Clock()

    mine = await authenticated(one, doors[0], clock).obtain()
    theirs = await authenticated(other, doors[1], clock).obtain()
    assert isinstance(mine, Credentials)
    assert isinstance(theirs, Credentials)

    assert (doors[0].issued, doors[1].issued) == (1, 1)


async def test_wrong_key_is_not_insisted_on():
    door, clock = Doorkeeper(made(ONE_OF_EACH[1]), base=BASE), Clock()
    authenticator = authenticated(made(ONE_OF_EACH[1], "wrong-secret"), door, clock)

    refused = [await authenticator.obtain() for _ in range(10)]

    assert all(isinstance(each, NoCredential) and each.permanent for each in refused)
    assert door.refused == 1


def test_a_token_ends_by_the_clock_of_the_other_side():
    access = made(ONE_OF_EACH[1])
    door = Doorkeeper(access, base=BASE, lifetime=60)
    request = call(access, context_of(access, door))

    assert door.admits(received(request, NOW + timedelta(seconds=59))) is None
    assert door.admits(received(request, NOW + timedelta(seconds=60))) is not None


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"grant_type=password", b"a" * 5000])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_token_endpoint_answers_whatever_comes(method, body):
    for document in ONE_OF_EACH:
        request = SimulatedRequest(
            method=method,
            path="/token",
            query="",
            headers=(("authorization", "Basic %%%"),),
            body=body,
            now=NOW,
        )
        assert Doorkeeper(made(document)).token(request).status >= 400


SOAP_HEADER = "{http://x-road.eu/xsd/xroad.xsd}"
IDENTIFIERS = "{http://x-road.eu/xsd/identifiers}"


def xroad(**more: Any) -> XRoadAccess:
    access = made({**ONE_OF_EACH[9], **more})
    assert isinstance(access, XRoadAccess)
    return access


def test_soap_header_has_the_elements_of_the_contract_in_their_order():
    call_ = XRoadCall(id="3f0c2b5e-7a51-4a0e-9a10-000000000004", service_code="TraCuuTrangThai")

    block = soap_header(xroad(user_id="VN000000000002", service_version="v1"), call_)

    root = ET.fromstring(b"<h>" + block + b"</h>")  # noqa: S314 - our own bytes
    assert [child.tag.removeprefix(SOAP_HEADER) for child in root] == [
        "client",
        "service",
        "userId",
        "id",
        "protocolVersion",
    ]
    client, service = root[0], root[1]
    assert client.get(f"{IDENTIFIERS}objectType") == "SUBSYSTEM"
    assert [(each.tag.removeprefix(IDENTIFIERS), each.text) for each in service] == [
        ("xRoadInstance", "VN"),
        ("memberClass", "GOV"),
        ("memberCode", "G17"),
        ("subsystemCode", "CAPPHEP"),
        ("serviceCode", "TraCuuTrangThai"),
        ("serviceVersion", "v1"),
    ]
    assert root[4].text == "4.0"


def test_soap_header_escapes_and_refuses_what_xml_cannot_hold():
    root = ET.fromstring(  # noqa: S314 - our own bytes
        b"<h>" + soap_header(xroad(), XRoadCall(id="1", service_code="a<b>&c", issue="]]>")) + b"</h>"
    )
    assert root[1][4].text == "a<b>&c"

    with pytest.raises(CannotEncode, match="XML"):
        soap_header(xroad(), XRoadCall(id="\x01", service_code="a"))
    with pytest.raises(CannotEncode, match="service"):
        soap_header(xroad(service=None), XRoadCall(id="1", service_code="a"))


def test_xroad_client_header_is_the_path_of_the_subsystem():
    assert dict(entry(xroad(), URL, Context(now=NOW)).headers)["X-Road-Client"] == "VN/GOV/H99/MOTCUA"


def test_what_the_package_exports_is_there():
    assert [name for name in access_module.__all__ if not hasattr(access_module, name)] == []


def test_a_token_that_is_refused_again_after_an_acceptance_is_renewed_at_once():
    access, refused = made(ONE_OF_EACH[1]), WireResponse(status=401)
    memory: dict[str, str] = {"partner_code": "7"}
    for after in (0, 2):
        context = Context(now=NOW + timedelta(seconds=after), memory=memory)
        outcome = turned_away(access, refused, context)
        assert outcome is not None
        assert outcome.retry_after == 0.0
        memory = remembered(memory, [outcome])
        assert set(memory) == {"partner_code", RENEWED}
        memory = remembered(memory, [Accepted()])
        assert memory == {"partner_code": "7"}
