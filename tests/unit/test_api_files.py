"""Files over HTTP: by their digest, to whom they come from, and to others for a reason."""

import hashlib
import json

import pytest

from gateway.storage.clients import Scope
from gateway.storage.files import KeptFile, keep_files
from tests.api_world import open_world, violations

BODY = b"<script>alert(1)</script>"
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        kept = KeptFile(content=BODY, media_type="text/html", origin="reported", at=1)
        await opened.gateway.database.apply(keep_files, kept)
        yield opened


async def test_file_is_given_as_bytes_to_be_saved(world):
    found = await world.call("GET", f"/v1/files/{SHA}")

    assert found.status_code == 200
    assert found.content == BODY
    assert found.headers["content-type"] == "application/octet-stream"
    assert found.headers["content-disposition"].startswith("attachment")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["etag"] == f'"{SHA}"'


@pytest.mark.parametrize("digest", ["0" * 64, SHA.upper(), SHA[:-1], "..%2f..%2fetc", "x"])
async def test_what_is_not_kept_or_no_digest_is_not_found(world, digest):
    found = await world.call("GET", f"/v1/files/{digest}")

    assert found.status_code == 404


async def test_whoever_does_not_hand_dossiers_over_reads_for_a_reason_that_is_logged_first(world):
    await world.add_client("auditor", Scope.DOSSIERS_READ, Scope.PERSONAL_READ)
    await world.add_client("reader", Scope.DOSSIERS_READ)

    silent = await world.call("GET", f"/v1/files/{SHA}", client="auditor")
    short = await world.call("GET", f"/v1/files/{SHA}?reason=x", client="auditor")
    unfit = await world.call("GET", f"/v1/files/{SHA}?reason=đơn+số+12", client="reader")
    absent = await world.call("GET", f"/v1/files/{'0' * 64}?reason=đơn+số+12", client="auditor")

    assert (silent.status_code, violations(silent)) == (422, {"/query/reason": "required"})
    assert (short.status_code, unfit.status_code, absent.status_code) == (422, 403, 404)
    assert "personal:read" in unfit.headers["www-authenticate"]
    assert await logged(world) == []

    named = {"X-Operator": "le.thi.kiem"}
    found = await world.call("GET", f"/v1/files/{SHA}?reason=đơn+số+12", client="auditor", headers=named)

    assert (found.status_code, found.content) == (200, BODY)
    [note] = await logged(world)
    assert note["actor"] == "auditor/le.thi.kiem"
    assert (note["reason"], note["detail"]) == ("đơn số 12", {"sha256": SHA})


async def test_one_door_system_reads_what_it_was_sent_without_a_reason(world):
    await world.add_client("one-door", Scope.DOSSIERS_READ, Scope.DOSSIERS_WRITE)

    assert (await world.call("GET", f"/v1/files/{SHA}", client="one-door")).status_code == 200
    assert await logged(world) == []


async def logged(world):
    """Who has read what, and why."""
    items = (await world.call("GET", "/v1/messages?channel=access")).json()["items"]
    assert {each["operation"] for each in items} <= {"read_file"}
    path = "/v1/messages/{}?personal=true&reason=who+was+it"
    return [
        json.loads((await world.call("GET", path.format(each["id"]))).json()["body_text"]) for each in items
    ]


async def test_nobody_reads_a_file_without_a_key(world):
    found = await world.call("GET", f"/v1/files/{SHA}", client=None)

    assert found.status_code == 401
