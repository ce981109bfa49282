"""Evidence over HTTP: exported for a reason that is logged first, checked before it is answered, given to who asked."""

import pytest

from gateway.evidence.desk import Limits
from gateway.proof import lienthong_verify as verifier
from gateway.storage.clients import Scope
from tests.api_world import open_world, violations

WHO = "Nguyễn Văn Thí Dụ"
READER = (Scope.MESSAGES_READ, Scope.DOSSIERS_READ, Scope.LOG_READ)


@pytest.fixture
async def world(database_url, tmp_path):
    async with open_world(database_url, keys=tmp_path / "keys") as opened:
        await opened.put()
        await opened.gateway.evidence.checkpointer.make()
        await opened.add_client("auditor", *READER, Scope.PERSONAL_READ)
        await opened.add_client("reader", *READER)
        yield opened


async def export(world, client="auditor", dossier="H99-1", reason="đơn khiếu nại số 12", **more):
    body = {"dossier": dossier, "reason": reason, **more}
    return await world.call("POST", "/v1/evidence/exports", client=client, json=body)


async def logged(world):
    found = await world.call("GET", "/v1/messages?channel=access")
    return [each["operation"] for each in found.json()["items"]]


async def test_export_is_checked_logged_and_verifies_with_the_pinned_keys_alone(world):
    made = await export(world)
    file = await world.call("GET", made.headers["location"], client="auditor")
    keys = await world.call("GET", "/v1/evidence/keys", client="auditor")

    assert made.status_code == 201, made.text
    assert made.json()["checked"]["verified"] is True
    assert {"CHECKPOINT", "INCLUSION", "SEAL"} <= {line["code"] for line in made.json()["checked"]["checks"]}
    report = verifier.verify_bundle(file.content, verifier.read_trust(keys.content))
    assert report.holds, report
    assert made.json()["bytes"] == len(file.content)
    assert file.headers["content-type"] == verifier.MIME_TYPE
    assert await logged(world) == ["export_evidence"]


async def test_file_is_for_whoever_exported_it(world):
    location = (await export(world)).headers["location"]

    assert (await world.call("GET", location, client="reader")).status_code == 404
    assert (await world.call("GET", "/v1/evidence/exports/none", client="auditor")).status_code == 404


async def test_personal_data_is_exported_only_to_who_may_read_it(world):
    refused = await export(world, "reader")
    masked = await export(world, "reader", redact=["personal"])
    file = await world.call("GET", masked.headers["location"], client="reader")

    assert refused.status_code == 403
    assert "personal:read" in refused.json()["detail"]
    assert masked.json()["redacted"] == ["personal"]
    assert WHO.encode() not in file.content
    assert await logged(world) == ["export_evidence"]  # what was refused was not read


@pytest.mark.parametrize("left_out", READER)
async def test_export_needs_every_scope_of_what_is_in_it(world, left_out):
    await world.add_client("part", *(scope for scope in READER if scope is not left_out), Scope.PERSONAL_READ)

    assert (await export(world, "part")).status_code == 403
    assert await logged(world) == []


async def test_export_without_a_reason_or_with_a_wrong_field_is_refused(world):
    short = await export(world, reason="")
    wrong = await export(world, redact=["../etc/passwd"])
    nowhere = await export(world, redact=["no_such_field"])

    assert (short.status_code, wrong.status_code, nowhere.status_code) == (422, 422, 409)
    assert "/redact/0" in violations(wrong)
    assert await logged(world) == []


async def test_dossier_that_nobody_knows_is_not_found(world):
    assert (await export(world, dossier="H99-2")).status_code == 404


async def test_newest_entry_waits_for_its_checkpoint_and_is_told_when_there_is_none(world):
    world.api.exports.limits = Limits(wait=0.0)
    await world.put(version=2)
    refused = await export(world)

    assert refused.status_code == 409
    assert "checkpoint" in refused.json()["detail"]
    await world.gateway.evidence.checkpointer.make()
    assert (await export(world)).status_code == 201


async def test_more_than_fits_is_refused_before_it_is_read(world):
    world.api.exports.limits = Limits(bytes=10)
    refused = await export(world)

    assert refused.status_code == 409
    assert "lienthong evidence export" in refused.json()["detail"]


async def test_checking_finds_a_changed_bundle(world):
    location = (await export(world)).headers["location"]
    good = (await world.call("GET", location, client="auditor")).content
    broken = good.replace(b"H99-1", b"H99-2")
    headers = {"content-type": verifier.MIME_TYPE}

    async def check(content):
        answer = await world.call(
            "POST", "/v1/evidence/verify", client="reader", content=content, headers=headers
        )
        return answer.json()

    assert (await check(good))["verified"] is True
    changed = await check(broken)
    assert changed["verified"] is False
    assert changed["failures"][0]["title_vi"]
    assert (await check(b"PK\x03\x04 nothing"))["verified"] is False


async def test_gateway_without_keys_says_so(postgresql_url):
    async with open_world(postgresql_url) as opened:
        opened.api.exports.limits = Limits(wait=0.0)
        await opened.put()
        answer = await export(opened, "all")

    assert answer.status_code == 503
    assert "evidence.keys" in answer.json()["detail"]
