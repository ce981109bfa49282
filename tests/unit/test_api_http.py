"""HTTP itself: methods, types, sizes, correlation, problems, the log line, the description."""

import json
import re

import jsonschema_rs
import msgspec
import pytest
import structlog

from gateway.api import problem
from gateway.api.app import documents
from gateway.api.openapi import problems_of
from gateway.api.perimeter import MOST_HEADERS, Perimeter
from gateway.api.problem import KINDS, Problem, Refused, refusal_of
from gateway.api.table import ROUTES
from gateway.domain import errors
from gateway.domain.errors import (
    ConfigurationError,
    GatewayError,
    LeaseLost,
    RecordError,
    StorageUnavailable,
)
from gateway.storage.clients import Scope
from tests.api_world import open_world, record

JSON = {"content-type": "application/json"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/dossiers", "GET, HEAD"),
        ("DELETE", "/v1/dossiers/H99-1", "GET, HEAD, PUT"),
        ("PATCH", "/v1/dossiers/H99-1", "GET, HEAD, PUT"),
        ("TRACE", "/v1/status", "GET, HEAD"),
        ("OPTIONS", "/v1/events", "GET, HEAD"),
        ("GET", "/v1/dossiers:import", "POST"),
    ],
)
async def test_other_methods_are_refused_with_those_that_are_taken(world, method, path, allowed):
    answer = await world.call(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_head_is_get_without_the_body(world):
    await world.put()

    answer = await world.call("HEAD", "/v1/dossiers/H99-1")

    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1", "/v1/", "/v2/dossiers", "/v1/dossiers/", "/v1/dossiers/a/b/c", "//v1/dossiers"),
        *("/v1/dossiers%2FH99-1", "/v1/%2e%2e/metrics", "/v1/dossiers/..%2f..%2fmetrics"),
        *("/v1/status%00", "/openapi.json/", "/etc/passwd"),
    ],
)
async def test_what_is_not_in_the_table_is_not_found(world, path):
    answer = await world.call("GET", path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        (JSON, 202),
        ({"content-type": "application/json; charset=utf-8"}, 202),
        ({"content-type": 'Application/JSON; charset="UTF-8"'}, 202),
        ({"content-type": "application/json; charset=latin-1"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "content-encoding": "gzip"}, 415),
        ({**JSON, "content-encoding": "identity"}, 202),
    ],
)
async def test_body_must_be_of_a_type_that_is_taken(world, headers, status):
    body = msgspec.json.encode(record())

    answer = await world.call("PUT", "/v1/dossiers/H99-1", content=body, headers=headers)

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*;q=0.5, text/html", 200),
        ("text/html", 406),
        ("application/xml, text/*", 406),
        ("application/json;q=0", 406),
        ("", 406),
        ("garbage", 406),
    ],
)
async def test_client_must_accept_what_is_offered(world, accept, status):
    assert (await world.call("GET", "/v1/status", headers={"accept": accept})).status_code == status


async def pieces(size, piece=64 * 1024):
    for start in range(0, size, piece):
        yield b" " * min(piece, size - start)


@pytest.mark.parametrize("announced", [True, False])
async def test_body_beyond_the_limit_is_refused_while_it_arrives(sqlite_url, announced):
    async with open_world(sqlite_url, max_body_bytes=100_000) as world:
        size = 10 * 1024 * 1024
        body = b" " * size if announced else pieces(size)

        answer = await world.call("PUT", "/v1/dossiers/H99-1", content=body, headers=JSON)

        assert answer.status_code == 413
        assert "100000 bytes" in answer.json()["detail"]
        assert answer.headers["connection"] == "close"
        assert (await world.put()).status_code == 202


async def test_head_without_bounds_is_refused(world):
    many = {f"x-{number}": "1" for number in range(MOST_HEADERS)}

    assert (await world.call("GET", "/v1/status", headers=many)).status_code == 431
    assert (await world.call("GET", "/v1/status", headers={"x-long": "x" * 40_000})).status_code == 431
    assert (await world.call("GET", f"/v1/status?{'x' * 40_000}")).status_code == 431


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("one-door.4711", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("two words", False),
        ("a;b", False),
        ("", False),
    ],
)
async def test_every_answer_names_its_request(world, sent, kept):
    for path in ("/v1/dossiers/H99-404", "/livez", "/nowhere"):
        answer = await world.call("GET", path, headers={"x-correlation-id": sent})

        given = answer.headers["x-correlation-id"]
        assert (given == sent) is kept
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given)
        if answer.status_code == 404:
            assert answer.json()["instance"] == f"urn:lienthong:request:{given}"


async def test_answers_are_kept_out_of_caches_and_sniffers(world):
    answer = await world.call("GET", "/v1/dossiers")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_one_line_tells_of_a_request_without_personal_data(world):
    with structlog.testing.capture_logs() as told:
        await world.put(summary="Trích lục khai sinh")

    [line] = [entry for entry in told if entry["event"] == "request_answered"]
    assert (line["method"], line["route"], line["status"]) == ("PUT", "/v1/dossiers/{code}", 202)
    assert (line["client"], line["dossier"], line["problem"]) == ("all", "H99-1", None)
    assert line["milliseconds"] >= 0
    assert "Thí Dụ" not in str(told)
    assert world.keys["all"] not in str(told)


async def test_defect_is_answered_without_its_insides_and_logged_with_its_name(world):
    async def broken(*_):
        raise ValueError("secret of the inside")

    world.gateway.database.read = broken
    with structlog.testing.capture_logs() as told:
        answer = await world.call("GET", "/v1/dossiers")

    assert answer.status_code == 500
    assert answer.json()["instance"].endswith(answer.headers["x-correlation-id"])
    assert "secret" not in answer.text
    assert any(entry["event"] == "request_failed" for entry in told)


async def test_lost_database_is_a_503_with_a_time_to_come_back(world):
    async def lost(*_):
        raise StorageUnavailable("database postgresql://gateway@db.example/main: gone")

    real, world.gateway.database.apply = world.gateway.database.apply, lost
    answer = await world.call("PUT", "/v1/dossiers/H99-1", json=record())

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "db.example" not in answer.text
    world.gateway.database.apply = real
    assert (await world.put()).status_code == 202


async def test_readiness_follows_the_database_and_the_end(world):
    assert (await world.call("GET", "/readyz", client=None)).json() == {
        "status": "ready",
        "traffic": "open",
        "reason": "",
    }

    async def lost(*_):
        raise StorageUnavailable("gone")

    real, world.gateway.database.read = world.gateway.database.read, lost
    assert (await world.call("GET", "/readyz", client=None)).status_code == 503
    assert (await world.call("GET", "/livez", client=None)).status_code == 200
    world.gateway.database.read = real
    assert (await world.call("GET", "/readyz", client=None)).status_code == 200
    world.api.stopping.set()
    assert (await world.call("GET", "/readyz", client=None)).status_code == 503


async def test_client_that_goes_away_ends_its_request_quietly(world):
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/v1/dossiers/H99-1",
        "raw_path": b"/v1/dossiers/H99-1",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {world.keys['all']}".encode())],
        "client": ("127.0.0.1", 1),
    }
    with structlog.testing.capture_logs() as told:
        await world.app(scope, receive, send)

    assert sent == []
    assert told[-1]["status"] == 499


async def test_answer_that_breaks_off_is_not_made_to_look_whole(world):
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("in the middle")

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    sent = []

    async def send(message):
        sent.append(message)

    with pytest.raises(ConnectionAbortedError):
        await Perimeter(half)(scope, None, send)
    assert [message["type"] for message in sent] == ["http.response.start"]


def leaves(kind):
    below = kind.__subclasses__()
    return [leaf for each in below for leaf in leaves(each)] if below else [kind]


def test_every_fault_of_ours_has_an_answer():
    faults = {kind for kind in leaves(GatewayError) if kind.__module__ == errors.__name__}
    inner = {ConfigurationError, LeaseLost}  # never the client's business
    for kind in faults:
        code = refusal_of(kind("x")).kind.code
        assert (code == "internal") == (kind in inner), kind


def test_every_problem_kind_is_what_its_status_says():
    for code, kind in KINDS.items():
        document = Refused(code, "why").document("abc")
        assert document.status == kind.status
        assert document.type == f"urn:lienthong:problem:{code}"
        assert msgspec.json.decode(msgspec.json.encode(document), type=Problem) == document
    assert len({kind.status for kind in KINDS.values()}) == len(KINDS)


def test_record_without_violations_is_invalid():
    assert refusal_of(RecordError("wrong")).kind.code == "invalid"
    assert problem.internal().kind.status == 500


DOCUMENT = json.loads(documents().openapi)


def test_document_names_every_documented_row_once():
    named = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert named == {(row.method, row.path) for row in ROUTES if row.documented}
    names = [row.name for row in ROUTES]
    assert len(names) == len(set(names))


def test_document_is_openapi_that_a_validator_takes():
    from schemathesis import openapi

    schema = openapi.from_dict(DOCUMENT)
    schema.validate()
    assert sum(1 for _ in schema.get_all_operations()) == sum(row.documented for row in ROUTES)


def test_every_reference_in_the_document_leads_somewhere():
    text = json.dumps(DOCUMENT)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        node = DOCUMENT
        for part in reference.split("/"):
            node = node[part]
        assert node


def test_every_schema_of_the_document_is_json_schema():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert schema.get("description") or "enum" in schema, name


def test_rows_say_which_scope_they_need():
    for row in ROUTES:
        if not row.documented:
            continue
        operation = DOCUMENT["paths"][row.path][row.method.lower()]
        wanted = [{"oauth2": [row.scope]}] if row.scope else []
        assert [item for item in operation["security"] if "oauth2" in item and row.scope] == wanted
        assert {str(KINDS[code].status) for code in problems_of(row)} <= set(operation["responses"])
    flows = DOCUMENT["components"]["securitySchemes"]["oauth2"]["flows"]
    assert set(flows["clientCredentials"]["scopes"]) == {scope.value for scope in Scope}


def test_example_of_the_document_is_accepted_by_the_schema():
    content = DOCUMENT["paths"]["/v1/dossiers/{code}"]["put"]["requestBody"]["content"]
    example = content["application/json"]["example"]
    schema = {"$ref": "#/components/schemas/Dossier", "components": DOCUMENT["components"]}
    jsonschema_rs.validate(schema, example)


async def test_example_of_the_document_is_accepted_by_the_gateway(world):
    content = DOCUMENT["paths"]["/v1/dossiers/{code}"]["put"]["requestBody"]["content"]
    example = content["application/json"]["example"]

    answer = await world.call("PUT", f"/v1/dossiers/{example['code']}", json=example)

    assert answer.status_code == 202, answer.text


async def test_page_needs_nothing_from_elsewhere(world):
    answer = await world.call("GET", "/docs", client=None)

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert not re.search(r'(?:src|href)=["\']?(?:https?:)?//', answer.text)
    for row in ROUTES:
        assert not row.documented or f"<code>{row.path}</code>" in answer.text


async def test_document_is_served_as_it_is(world):
    served = (await world.call("GET", "/openapi.json", client=None)).text

    assert json.loads(served.replace("http://gateway.example/", "http://gateway.invalid/")) == DOCUMENT


@pytest.mark.parametrize("host", ['x"y', "a b", "evil.example/path", ""])
async def test_odd_host_does_not_get_into_the_document(world, host):
    answer = await world.call("GET", "/openapi.json", client=None, headers={"host": host})

    assert answer.json() == DOCUMENT


@pytest.mark.parametrize("header", [b"authorization", b"x-api-key", b"host", b"content-type"])
async def test_header_that_decides_stands_once(header):
    async def application(scope, receive, send):
        raise AssertionError("the request went through")

    answers = []

    async def send(message):
        answers.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/dossiers",
        "raw_path": b"/v1/dossiers",
        "query_string": b"",
        "headers": [(header, b"one"), (b"accept", b"*/*"), (header, b"another")],
    }
    await Perimeter(application)(scope, None, send)

    assert answers[0]["status"] == 400
    assert header.decode() in json.loads(answers[1]["body"])["detail"]
