"""``lienthong log`` about its proof, as a user runs it: files that verify elsewhere, exit codes, status and doctor."""

import base64
import json
from datetime import UTC, datetime

import pytest

from gateway.proof.lienthong_verify import (
    read_checkpoint,
    read_key,
    read_note,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
    verify_note,
)
from gateway.settings_evidence import EvidenceSettings
from gateway.storage.checkpoints import Trouble, note_trouble
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from tests.e2e.cli import lienthong
from tests.evidence.world import LogWorld

CONFIGURATION = """
[database]
url = "{url}"
[evidence]
origin = "log.h99.example"
[approvals]
required = []
"""


@pytest.fixture
def place(sqlite_url, tmp_path):
    (tmp_path / "lienthong.toml").write_text(CONFIGURATION.format(url=sqlite_url))
    return tmp_path


async def logged(url, count):
    database = Database(url)
    try:
        return await LogWorld(database, ".").log(count)
    finally:
        database.close()


def run(place, *arguments):
    return lienthong("log", *arguments, "--config", place / "lienthong.toml")


async def test_checkpoints_and_proofs_verify_with_the_printed_key_alone(place, sqlite_url):
    ids = await logged(sqlite_url, 300)
    first = run(place, "checkpoint", "-o", place / "one.note")
    ids += await logged(sqlite_url, 44)
    second = run(place, "checkpoint", "-o", place / "two.note")
    pinned = read_key(run(place, "key").out.strip())
    proof = run(place, "proof", ids[17], "-o", place / "proof.json")
    consistent = run(place, "consistency", 300, 344)

    assert (first.code, second.code, proof.code) == (0, 0, 0), (first.err, second.err, proof.err)
    one, two = (verify_checkpoint((place / name).read_bytes(), [pinned]) for name in ("one.note", "two.note"))
    assert (one.origin, one.size, two.size, two.previous) == ("log.h99.example", 300, 344, one.digest)
    path = [base64.b64decode(each) for each in consistent.json["proof"]]
    verify_consistency(300, 344, path, one.root, two.root)
    told = json.loads((place / "proof.json").read_bytes())
    path = [base64.b64decode(each) for each in told["proof"]]
    verify_inclusion(base64.b64decode(told["leaf"]), 17, told["size"], path, two.root)
    assert verify_checkpoint(told["checkpoint"].encode(), [pinned]) == two


async def test_list_shows_the_newest_first(place, sqlite_url):
    for count in (2, 3):
        await logged(sqlite_url, count)
        run(place, "checkpoint")
    listed = run(place, "checkpoints", "--json").json
    shown = run(place, "checkpoints")

    assert [each["size"] for each in listed] == [5, 2]
    assert listed[0]["note"] in run(place, "checkpoint").out
    assert listed[0]["root"] in shown.out


async def test_what_is_not_there_is_no(place, sqlite_url):
    await logged(sqlite_url, 2)
    run(place, "checkpoint")

    assert run(place, "proof", 12345).code == 1
    assert run(place, "consistency", 1, 99).code == 1
    assert run(place, "consistency", 2, 1).code == 1


async def test_rotation_is_recorded_with_its_reason(place, sqlite_url):
    await logged(sqlite_url, 2)
    run(place, "checkpoint")
    old = read_key(run(place, "key").out.strip())
    rotated = run(place, "rotate-key", "--reason", "the machine was replaced", "--as", "an")
    keys = run(place, "key", "--json").json

    assert rotated.code == 0, rotated.err
    assert keys[1]["key"] == rotated.out.strip()
    note = read_note(keys[1]["handover"].encode())
    assert [signed.key for signed in verify_note(note, [old])] == [old]
    actions = lienthong(
        "log", "list", "--channel", "operator", "--json", "--config", place / "lienthong.toml"
    )
    assert [each["operation"] for each in actions.json["entries"]] == ["rotate"]
    made = run(place, "checkpoint", "--json").json["checkpoint"]
    assert read_checkpoint(read_note(made["note"].encode()).text).size == made["size"]
    verify_checkpoint(made["note"].encode(), [read_key(keys[1]["key"])])


async def test_status_and_doctor_say_that_traffic_is_stopped_and_why(place, sqlite_url):
    await logged(sqlite_url, 2)
    run(place, "checkpoint")
    good = lienthong("doctor", "--offline", "--json", "--config", place / "lienthong.toml").json
    since = to_micros(datetime.now(UTC)) - int(2e6 * EvidenceSettings().grace)
    database = Database(sqlite_url)
    await database.write(lambda tx: note_trouble(tx, Trouble(since=since, reason="the authority is away")))
    database.close()

    status = lienthong("status", "--config", place / "lienthong.toml")
    told = lienthong("status", "--json", "--config", place / "lienthong.toml").json["evidence"]
    doctor = lienthong("doctor", "--offline", "--json", "--config", place / "lienthong.toml")

    assert [each["level"] for each in good if each["subject"] == "evidence"] == ["ok"]
    assert "TRAFFIC IS STOPPED" in status.out
    assert (told["stopped"], told["reason"]) == (True, "the authority is away")
    [finding] = [each for each in doctor.json if each["subject"] == "evidence"]
    assert (doctor.code, finding["level"], "the authority is away" in finding["found"]) == (1, "fail", True)
