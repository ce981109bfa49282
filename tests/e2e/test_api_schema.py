"""The description against the behaviour: whatever fits the document, or nearly fits it, is answered as it says."""

import contextlib
import json
import sqlite3

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.api.app import documents
from gateway.api.bulk import NDJSON
from gateway.api.table import ROUTES
from tests.api_world import lines, record
from tests.e2e.api_process import process

EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(json.loads(documents().openapi))
OPERATIONS = [item.ok() for item in SCHEMA.get_all_operations()]


@schemathesis.serializer(NDJSON, "application/ndjson", "application/jsonl", "application/json-lines")
def as_lines(ctx, value):
    """Text as it is; everything else as one line."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A gateway that has something to show; nobody sends anything from it."""
    file = tmp_path_factory.mktemp("schema") / "lienthong.db"
    url = f"sqlite:///{file}"
    with process(url, work=False, long_poll=0.05) as running, requests.Session() as session:
        session.headers.update(running.headers)
        address = running.address
        records = [record(f"H99-{number}") for number in range(5)]
        session.post(f"{address}/v1/dossiers:import", data=lines(*records)).raise_for_status()
        known = {
            "code": "H99-1",
            "dossier": "H99-2",
            "destination": "board",
            "catalogue": "streets",
            "delivery": session.get(f"{address}/v1/deliveries").json()["items"][0]["id"],
            "message": session.get(f"{address}/v1/messages").json()["items"][0]["id"],
            "webhook": session.post(
                f"{address}/v1/webhooks", json={"url": "https://motcua.h99.example/hooks"}
            ).json()["endpoint"]["id"],
            "client": "night",
            "drift": difference(file),
            "job": "tidy",
            "run": session.post(f"{address}/v1/jobs/tidy/runs", json={}).json()["id"],
        }
        night = {"id": known["client"], "scopes": ["dossiers:read"]}
        session.post(f"{address}/v1/clients", json=night).raise_for_status()
        yield session, address, known
        assert session.get(f"{address}/readyz").status_code == 200
        running.terminate()
        assert running.wait()[0] == 0
        assert "request_failed" not in running.told()


def difference(file):
    """A difference on record; nobody here could be asked for one."""
    repair = json.dumps({"deliveries": [{"delivery": "1", "operation": "step", "key": "s1"}]})
    row = (7, 1, "board", "H99-1", "STEPS_MISSING", "k", "received", None, repair, "open", 1, 1)
    with contextlib.closing(sqlite3.connect(file, timeout=30)) as database, database:
        database.execute(
            "INSERT INTO drift (id, run_id, destination, dossier_code, kind, field, ours, theirs, repair, state, "
            "found_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    return "7"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fits", "nearly"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda item: f"{item.method.upper()} {item.path}")
def test_answers_are_those_of_the_document(server, operation, mode):
    session, address, known = server

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def answered_as_described(case, real):
        if real and case.path_parameters:
            case.path_parameters = {name: known[name] for name in case.path_parameters}
        response = case.call(base_url=address, session=session, timeout=20)
        case.validate_response(response, checks=CHECKS)

    answered_as_described()


def test_every_documented_row_is_tried():
    assert {(item.method.upper(), item.path) for item in OPERATIONS} == {
        (row.method, row.path) for row in ROUTES if row.documented
    }
