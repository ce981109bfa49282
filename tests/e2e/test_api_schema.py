"""The description against the behaviour: whatever fits the document, or nearly fits it, is answered as it says."""

import contextlib
import hashlib
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
from tests.storage.payment_rows import T0, Book

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


@schemathesis.serializer("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
def as_bytes(ctx, value):
    """A file."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


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
            "account": "tran.thi.mau",
            "session": "1",
            "drift": difference(file),
            **money_asked_for(url),
            "job": "tidy",
            "approval": "1",
            "size": "1",
            "run": session.post(f"{address}/v1/jobs/tidy/runs", json={}).json()["id"],
        }
        known["entry"] = known["message"]
        known["export"] = "0" * 32
        night = {"id": known["client"], "scopes": ["dossiers:read"]}
        session.post(f"{address}/v1/clients", json=night).raise_for_status()
        person = {"name": known["account"], "roles": ["submitter"]}
        session.post(f"{address}/v1/accounts", json=person).raise_for_status()
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


def money_asked_for(url):
    """A payment on record, with a refund and a decision that wait; nobody here could be asked for money."""
    book = Book(url)
    request = book.request(1, destination="board", dossier_code="H99-1", state="paid")
    attempt = book.attempt(101, request, destination="board", state="paid", transaction_no="PP100")
    book.settled(request, attempt)
    ends = {"request_id": request, "attempt_id": attempt, "amount": 9, "reason": "x", "document": "1"}
    asked = {"requested_by": "somebody/else", "requested_at": T0}
    book.put("refund", {"id": 61, **ends, **asked})
    kept = {
        "destination": "board",
        "dossier_code": "H99-1",
        "transaction_no": "PP9",
        "bank": "",
        "claimed_at": "",
    }
    book.put("payment_decision", {"id": 71, "kind": "excess", "state": "requested", **kept, **ends, **asked})
    body = b"%PDF-1.7"
    book.put("receipt_file", {"sha256": b"1" * 32, "size": len(body), "body": body, "at": T0})
    book.put("receipt", {"attempt_id": attempt, "state": "kept", "tries": 1, "sha256": b"1" * 32})
    there = {
        "destination": "board",
        "partner": "DEMOH99",
        "reference": "PG9",
        "theirs": "{}",
        "difference": -9,
    }
    item = {"id": 81, "run_id": 1, "day": 20_000, "kind": "orphan", "repair": "adopt_orphan", "state": "open"}
    book.put("reconciliation", {**item, **there, "theirs_amount": 9, "at": T0})
    foreign = {"partner": "DEMOH99", "reference": "PG9", "transaction_no": "PP9", "currency": "VND"}
    from_where = {"destination": "board", "source": "callback", "evidence": b"{}", "amount": 9, "at": T0}
    book.put("payment_orphan", {"id": 91, **foreign, **from_where})
    digest = hashlib.sha256(body).digest()
    kept = {"size": len(body), "media_type": "application/pdf", "origin": "fetched", "body": body, "at": T0}
    book.put("file", {"sha256": digest, **kept})
    book.close()
    return {
        "payment": str(request),
        "refund": "61",
        "decision": "71",
        "item": "81",
        "orphan": "91",
        "sha256": digest.hex(),
    }


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
