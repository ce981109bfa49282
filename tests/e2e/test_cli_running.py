"""The command line beside a running gateway and a portal over real HTTP: looking, searching, operating, verifying."""

from __future__ import annotations

import json
import shutil
import sqlite3
from types import SimpleNamespace

import httpx
import pytest

from tests.e2e.cli import EXAMPLES, configuration, lienthong, running, sandbox, served, some_dossiers, until

# one gateway and one portal for all of them
pytestmark = [pytest.mark.xdist_group("cli_running"), pytest.mark.timeout(300)]
LINES = 60
WHY = ("--reason", "the applicant asks", "--personal")


def two_live_and_nothing_waits(seen):
    (portal, *_) = seen["destinations"]
    return len(seen["totals"]["workers"]) == 2 and portal["last_success_at"] and not portal["backlog"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A gateway at work: some dossiers delivered, one refused by the portal for ever."""
    folder = tmp_path_factory.mktemp("world")
    config = configuration(folder)
    key_file = folder / "operator.key"
    key_file.write_text(lienthong("clients", "add", "ops", "--scope", "all", "-c", config).out)
    with sandbox(config) as portal:
        configuration(folder, portal=portal["stands"]["national_portal"])
        with served(config) as url:
            (folder / "some.jsonl").write_bytes(some_dossiers(LINES))
            imported = lienthong(
                "import", folder / "some.jsonl", "--url", url, "--key-file", key_file, "--json", "-c", config
            )
            yield SimpleNamespace(
                folder=folder,
                config=config,
                url=url,
                key_file=key_file,
                portal=portal,
                imported=imported,
                api=("--url", url, "--key-file", key_file),
            )


def status(world):
    return lienthong("status", "--json", "-c", world.config).json


def backlog(world):
    return status(world)["destinations"][0]["backlog"]


@pytest.fixture(scope="module")
def delivered(world):
    until(lambda: not backlog(world))
    return world


def first_code():
    return json.loads(some_dossiers(1))["code"]


def test_import_through_the_api_answers_for_every_line(world):
    assert world.imported.code == 0, world.imported.err
    assert world.imported.json["lines"] == LINES
    assert world.imported.json["created"] + world.imported.json["updated"] == LINES


def test_import_through_the_api_again_changes_nothing(world):
    ran = lienthong("import", world.folder / "some.jsonl", *world.api, "--json", "-c", world.config)
    assert ran.code == 0, ran.err
    assert ran.json["unchanged"] + ran.json["older"] == LINES


def test_import_through_the_api_tells_what_is_wrong_with_a_line(world):
    ran = lienthong("import", "-", *world.api, "-c", world.config, stdin=b'\n{"code": "x", "surprise": 1}\n')
    assert ran.code == 1
    assert "line 2: /surprise: got 1, expected no such field; remove the field" in ran.err


def test_wrong_key_is_a_matter_of_configuration(world):
    ran = lienthong("import", "-", "--url", world.url, "--key", "lt_wrong", "-c", world.config, stdin=b"{}\n")
    assert ran.code == 2


def test_status_shows_a_destination_and_a_dossiers_story(delivered):
    seen = status(delivered)["destinations"][0]
    assert (seen["name"], seen["breaker"], seen["backlog"]) == ("national_portal", "closed", {})
    assert seen["last_success_at"]
    story = lienthong("status", first_code(), "--json", "-c", delivered.config).json
    assert story["lanes"][0]["acknowledged_version"] == story["version"]
    assert {entry["kind"] for entry in story["story"]} >= {
        "version",
        "delivery",
        "attempt",
        "message",
        "event",
    }
    assert first_code() in lienthong("status", first_code(), "-c", delivered.config).out
    assert "national_portal" in lienthong("status", "-c", delivered.config).out


def test_looking_at_everything_takes_no_lock(delivered):
    for command in (
        ("status",),
        ("deliveries", "list"),
        ("log", "list"),
        ("log", "verify"),
        ("clients", "list"),
    ):
        assert lienthong(*command, "--json", "-c", delivered.config).code == 0


def test_deliveries_can_be_found_and_shown(delivered):
    arguments = ("deliveries", "list", "--dossier", first_code(), "--operation", "step", "--json")
    listed = lienthong(*arguments, "-c", delivered.config).json
    assert listed
    assert {each["state"] for each in listed} == {"delivered"}
    shown = lienthong("deliveries", "show", listed[0]["id"], "--json", "-c", delivered.config).json
    assert shown["delivery"]["id"] == listed[0]["id"]
    assert [each["outcome"] for each in shown["attempts"]] == ["accepted"]
    assert lienthong("deliveries", "show", "1", "-c", delivered.config).code == 1


def test_log_gives_the_exact_bytes_without_secrets(delivered):
    page = lienthong(
        "log", "list", "--dossier", first_code(), "--direction", "out", "--json", "-c", delivered.config
    )
    requests = [
        each for each in page.json["entries"] if each["kind"] == "request" and each["operation"] == "step"
    ]
    raw = lienthong("log", "show", requests[0]["id"], "--raw", *WHY, *delivered.api).out
    assert len(raw.encode()) == requests[0]["body_size"]
    assert json.loads(raw)["session"] == "[redacted]"
    whole = lienthong("log", "show", requests[0]["id"], "--json", *WHY, *delivered.api).json
    assert whole["intact"]
    assert whole["body"] == raw
    assert lienthong("log", "show", "nonsense", "-c", delivered.config).code == 1


def test_encode_shows_what_was_sent(delivered):
    page = lienthong(
        "log", "list", "--dossier", first_code(), "--outcome", "accepted", "--json", "-c", delivered.config
    )
    answered = {each["request"] for each in page.json["entries"] if each["operation"] == "dossier"}
    sent = lienthong("log", "show", max(answered), "--raw", *WHY, *delivered.api).out
    shown = lienthong("encode", "national_portal", "dossier", first_code(), "--json", "-c", delivered.config)
    would = json.loads(shown.json[0]["body"])
    assert would["data"] == json.loads(sent)["data"]


def test_operators_orders_go_through_the_running_gateway(delivered):
    code, config = first_code(), delivered.config
    refused = lienthong("deliveries", "hold", "national_portal", code, "--reason", "kiểm tra", "-c", config)
    assert refused.code == 2
    assert "--url" in refused.err
    held = lienthong("deliveries", "hold", "national_portal", code, "--reason", "kiểm tra", *delivered.api)
    assert held.code == 0, held.err
    assert "held" in held.out
    lane = lienthong("status", code, "--json", "-c", config).json["lanes"][0]
    assert lane["held_reason"] == "kiểm tra"
    again = lienthong("deliveries", "hold", "national_portal", code, "--reason", "kiểm tra", *delivered.api)
    assert again.code == 1
    released = lienthong(
        "deliveries", "release", "national_portal", code, "--reason", "xong rồi", *delivered.api
    )
    assert released.code == 0
    actions = [
        each
        for each in lienthong("status", code, "--json", "-c", config).json["story"]
        if each["kind"] == "action"
    ]
    assert [each["reason"] for each in actions] == ["kiểm tra", "xong rồi"]


def test_a_pause_is_seen_and_ended(delivered):
    paused = lienthong("destinations", "pause", "national_portal", "--reason", "bảo trì", *delivered.api)
    assert paused.code == 0, paused.err
    assert status(delivered)["destinations"][0]["paused_reason"] == "bảo trì"
    findings = lienthong("doctor", "--offline", "--json", "-c", delivered.config).json
    assert [each["level"] for each in findings if each["subject"] == "national_portal: pause"] == ["warn"]
    assert (
        lienthong("destinations", "resume", "national_portal", "--reason", "xong rồi", *delivered.api).code
        == 0
    )
    assert status(delivered)["destinations"][0]["paused_by"] is None


def test_retry_says_first_what_it_would_take(delivered):
    about = ("--destination", "national_portal", "--state", "parked", "--reason", "thử lại")
    ran = lienthong("deliveries", "retry", *about, "--dry-run", "--json", *delivered.api)
    assert ran.code == 0, ran.err
    assert (ran.json["dry_run"], ran.json["deliveries"]) == (True, [])
    both = lienthong("deliveries", "retry", "1", *about, *delivered.api)
    assert both.code == 2
    missing = lienthong("deliveries", "retry", "1", "--reason", "thử lại", *delivered.api)
    assert missing.code == 1


def test_an_order_needs_a_reason(delivered):
    assert lienthong("deliveries", "skip", "1", *delivered.api).code == 2
    assert lienthong("deliveries", "skip", "1", "--reason", "x", *delivered.api).code == 2


def test_doctor_is_content_beside_a_running_gateway(delivered):
    ran = lienthong("doctor", "--json", "-c", delivered.config)
    levels = {each["subject"]: each["level"] for each in ran.json}
    assert ran.code == 0, ran.out
    assert levels["database"] == "ok"
    assert levels[f"national_portal: {delivered.portal['stands']['national_portal']}"] == "ok"


def test_a_changed_entry_is_found_by_verify(tmp_path, delivered):
    copy = tmp_path / "lienthong.db"
    with sqlite3.connect(delivered.folder / "lienthong.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    shutil.copytree(delivered.folder / "lienthong-keys", tmp_path / "lienthong-keys")
    config = configuration(tmp_path)
    intact = lienthong("log", "verify", "--json", "-c", config)
    assert intact.code == 0
    *_, last = map(json.loads, intact.out.splitlines())
    assert last["report"]["checked"] > LINES
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE message SET url = 'https://elsewhere.invalid' WHERE seq = 7")
    changed = lienthong("log", "verify", "--json", "-c", config)
    assert changed.code == 1
    told = list(map(json.loads, changed.out.splitlines()))
    assert [(each["fault"]["seq"], each["fault"]["kind"]) for each in told if "fault" in each] == [
        (7, "body")
    ]
    assert told[-1]["report"]["first"]["seq"] == 7
    shown = lienthong("log", "verify", "-c", config)
    assert (shown.code, "the first wrong entry is no. 7 (body)" in shown.out) == (1, True)


def test_orders_on_the_database_when_no_gateway_runs(tmp_path, delivered):
    """A dossier that the portal refuses: seen, skipped with a reason, and the lane is free again."""
    config = configuration(tmp_path)
    line = json.loads(some_dossiers(1))
    (tmp_path / "one.json").write_text(json.dumps(line))
    assert lienthong("import", tmp_path / "one.json", "-c", config).code == 0
    head = lienthong("deliveries", "list", "--dossier", line["code"], "--json", "-c", config).json[-1]
    skipping = ("deliveries", "skip", head["id"], "--reason", "gửi giấy", "--as", "mai", "-c", config)
    assert lienthong(*skipping).code == 1  # a second person has to approve it
    [waits] = lienthong("approvals", "list", "--json", "-c", config).json
    why = ("--reason", "đã thấy biên nhận", "-c", config)
    assert lienthong("approvals", "approve", waits["id"], "--as", "Mai", *why).code == 1
    done = lienthong("approvals", "approve", waits["id"], "--as", "binh", "--json", *why)
    assert (done.code, done.json["done"]) == (0, True), done.err
    assert lienthong("approvals", "list", "--json", "-c", config).json == []
    shown = lienthong("approvals", "show", waits["id"], "--json", "-c", config).json
    assert (shown["state"], shown["decided_by"]) == ("carried_out", "cli:binh")
    assert lienthong("deliveries", "skip", head["id"], "--reason", "gửi giấy", "-c", config).code == 1
    story = lienthong("status", line["code"], "--json", "-c", config).json["story"]
    actors = [each["actor"] for each in story if each["kind"] == "action"]
    assert actors == ["cli:mai", "cli:binh", "cli:mai"]
    resolved = lienthong(
        "deliveries", "resolve", head["id"], "delivered", "--reason", "thấy rồi", "-c", config
    )
    assert resolved.code == 1  # it was never in doubt


def test_sandbox_takes_the_account_of_the_configuration(delivered):
    """The world's gateway logged in with the password of its configuration, so something was delivered at all."""
    assert status(delivered)["totals"]["messages"] > LINES
    assert (EXAMPLES / "sandbox-password.txt").read_text().strip()


def test_on_postgresql_workers_and_commands_share_the_database(tmp_path, postgresql_server):
    """Importing, two workers at once, looking and ordering: nothing needs to be stopped for anything."""
    database = postgresql_server.create()
    config = configuration(tmp_path, database=database)
    assert lienthong("migrate", "-c", config).code == 0
    with sandbox(config) as portal:
        configuration(tmp_path, portal=portal["stands"]["national_portal"], database=database)
        with running("work", "--no-upgrade", "-c", config), running("work", "--no-upgrade", "-c", config):
            ran = lienthong("import", "-", "--json", "-c", config, stdin=some_dossiers(20))
            assert ran.code == 0, ran.err
            until(lambda: two_live_and_nothing_waits(lienthong("status", "--json", "-c", config).json))
            about = ("national_portal", first_code(), "--reason", "kiểm tra", "-c", config)
            assert lienthong("deliveries", "hold", *about).code == 0
            assert lienthong("deliveries", "release", *about).code == 0
    assert lienthong("log", "verify", "-c", config).code == 0
    assert lienthong("doctor", "--offline", "-c", config).code == 0
    postgresql_server.drop(database)


def test_evidence_is_exported_while_the_gateway_runs(delivered):
    """On SQLite nobody else may write what has to be logged, so the gateway makes the bundle."""
    file, keys = delivered.folder / "one.asice", delivered.folder / "pinned.json"
    why = ("--reason", "the applicant asks")
    beside = lienthong("evidence", "export", first_code(), "-o", file, *why, "-c", delivered.config)
    assert beside.code == 2
    assert "--url URL --key-file FILE" in beside.err

    made = lienthong(
        "evidence", "export", first_code(), "-o", file, *why, "--as", "mai", *delivered.api, "--json"
    )
    assert made.code == 0, made.err
    assert made.json["bytes"] == file.stat().st_size
    assert file.stat().st_mode & 0o077 == 0
    assert lienthong("evidence", "keys", "-o", keys, "-c", delivered.config).code == 0
    assert lienthong("evidence", "verify", file, "--keys", keys).code == 0


def test_erasure_is_planned_through_the_running_gateway(delivered):
    plan = lienthong("log", "erase", first_code(), "--dry-run", "--json", *delivered.api)
    here = lienthong("log", "erase", first_code(), "--dry-run", "--json", "-c", delivered.config)
    refused = lienthong("log", "erase", "H99-404", "--reason", "vì thế", *delivered.api)

    assert (plan.code, plan.json["obstacles"]) == (here.code, here.json["obstacles"])
    assert refused.code == 1


def test_clients_are_managed_while_the_gateway_runs(world):
    """On SQLite nobody else may write, so the command line goes through the API."""
    why = ("--reason", "its key was seen in a mail", "--json", *world.api)
    beside = lienthong("clients", "add", "night", "--scope", "dossiers:read", "-c", world.config)
    assert beside.code == 2
    assert "--url URL --key-file FILE" in beside.err

    made = lienthong(
        "clients", "add", "night", "--scope", "dossiers:read", "--rate", "7", "--json", *world.api
    )
    first = made.json["secret"]
    assert made.json["client"] == "night"
    listed = lienthong("clients", "list", "--json", *world.api).json
    assert [each["rate"] for each in listed if each["id"] == "night"] == [7]
    assert first not in json.dumps(listed)

    def reads(secret):
        return httpx.get(f"{world.url}/v1/dossiers", headers={"X-API-Key": secret}).status_code

    assert reads(first) == 200
    second = lienthong("clients", "rotate", "night", *why).json["secret"]
    assert (reads(first), reads(second)) == (401, 200)
    assert lienthong("clients", "disable", "night", *why).json == {
        "client": "night",
        "changed": True,
        "disabled": True,
    }
    assert reads(second) == 401
    assert lienthong("clients", "disable", "nobody/else", *why).code == 1


def test_sandbox_names_addresses_that_answer(tmp_path):
    arguments = (
        "sandbox",
        "national_portal",
        "--port",
        "0",
        "--faults",
        "calm",
        "-c",
        configuration(tmp_path),
    )
    with running(*arguments) as process:
        told = [process.stdout.readline().decode() for _ in range(4)]
        addresses = {words[-2]: words[-1] for words in map(str.split, told[:3])}

        assert set(addresses) == {"national_portal", "record", "faults"}
        assert httpx.get(addresses["record"]).json()["writes"] == 0
        assert "counts" in httpx.get(addresses["faults"]).json()
        assert told[3].startswith("Stop")
