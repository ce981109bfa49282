"""The command line without a running gateway: help, exit codes, errors, migrate, import, encode, adapters, clients."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.sandbox import Authority
from gateway.signing import wsse
from gateway.signing.expectation import Expectation
from gateway.signing.findings import Verified
from gateway.signing.keys import certificates_in
from tests.e2e.cli import EXAMPLES, ROOT, configuration, environment, lienthong, some_dossiers

COMMANDS = (
    *("demo", "serve", "work", "migrate", "sandbox", "import", "status", "alarms", "encode", "doctor"),
    *("deliveries", "destinations", "payments", "sync", "reconcile", "deadline", "report", "log", "evidence"),
    *("lanes", "retries", "backup", "restore"),
    *("adapters", "accounts", "clients", "webhooks", "approvals"),
)
GROUPS = {
    "accounts": (*("list", "add", "roles", "password", "unlock", "disable", "enable", "sessions", "revoke"),),
    "deliveries": ("list", "show", "retry", "skip", "resolve", "hold", "release", "ask"),
    "lanes": ("list", "show"),
    "retries": ("causes", "start", "list", "show", "pause", "resume", "stop"),
    "destinations": ("pause", "resume", "show", "test", "refresh", "backlog", "answers", "certificates"),
    "payments": (
        *("list", "show", "create", "ask", "receipt", "fetch-receipt", "orphans", "waiting"),
        *("cancel", "refund", "propose", "approve", "decline"),
    ),
    "sync": ("list", "run", "history", "show", "stop", "schedule"),
    "reconcile": ("list", "show", "run", "apply", "tolerate", "payments", "ledger", "resolve"),
    "deadline": ("compute", "classify", "calendar"),
    "report": (
        "06a",
        "766",
        "overdue",
        "near-due",
        "paused-late",
        "withdrawn-after-due",
        "no-due",
        "disputed",
        "refused",
        "data-error",
    ),
    "log": ("list", "show", "verify", "actions"),
    "evidence": ("export", "verify", "keys"),
    "adapters": ("list", "show", "check"),
    "clients": ("add", "list", "rotate", "disable"),
    "webhooks": ("list", "test", "enable"),
    "approvals": ("list", "show", "approve", "decline"),
}


@pytest.fixture
def config(tmp_path):
    return configuration(tmp_path)


@pytest.fixture
def filled(tmp_path, config):
    """A configuration whose database holds some dossiers; the portal is away."""
    (tmp_path / "some.jsonl").write_bytes(some_dossiers(12))
    assert lienthong("import", tmp_path / "some.jsonl", "-c", config).code == 0
    return config


def test_help_lists_every_command():
    shown = lienthong("--help")
    listed = re.findall(r"^│ ([a-z]+) ", shown.out, re.MULTILINE)
    assert shown.code == 0
    assert set(listed) == set(COMMANDS)


@pytest.mark.parametrize(
    "command", [(name,) for name in COMMANDS] + [(g, c) for g, cs in GROUPS.items() for c in cs]
)
def test_every_command_explains_itself_with_an_example(command):
    shown = CliRunner().invoke(app, [*command, "--help"], prog_name="lienthong", env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    if command[0] not in GROUPS or len(command) == 2:
        assert f"lienthong {' '.join(command)}" in shown.output


def test_help_loads_nothing_that_takes_time():
    code = (
        "import sys, gateway.cli.main\n"
        "heavy = {'sqlalchemy', 'httpx', 'aiohttp', 'alembic', 'starlette', 'uvicorn', 'rich', 'lxml', 'psycopg'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"


def test_it_runs_as_a_module_and_says_its_version():
    assert re.fullmatch(r"lienthong \d+\.\d+\.\d+\S*\n", lienthong("--version").out)


# Exit codes: 0 done, 1 the answer is no, 2 usage or configuration, 3 our fault.


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("migrate",), 0, ""),
        (("status",), 2, "lienthong migrate"),
        (("nonsense",), 2, "nonsense"),
        (("deliveries", "list", "--state", "lost"), 2, "pending"),
        (("sandbox", "no_such_adapter"), 2, "national_portal"),
        (("import", "no-such-file.jsonl"), 2, "no-such-file.jsonl"),
        (("import", "README.md", "--url", "http://127.0.0.1:1"), 2, "--key-file"),
        (("import", "README.md", "--rejects", "no-such-folder/rejects.jsonl"), 2, "cannot write"),
        (
            ("import", "pyproject.toml", "--url", "http://127.0.0.1:1", "--key", "x"),
            3,
            "is it running there?",
        ),
        (("adapters", "check", "no_such_adapter"), 1, "no adapter"),
        (("adapters", "show", "no_such_adapter"), 2, "no_such_adapter"),
        (("encode", "national_portal", "dossier", "no-such-dossier"), 2, "lienthong migrate"),
    ],
)
def test_exit_code_says_how_it_ended(config, arguments, code, says):
    ran = lienthong(*arguments, LIENTHONG_CONFIG=str(config))
    assert ran.code == code, ran.err
    assert says in ran.err


def test_missing_configuration_file_is_a_usage_error(tmp_path):
    ran = lienthong("status", "-c", tmp_path / "nowhere.toml")
    assert ran.code == 2
    assert "there is no file" in ran.err


def test_wrong_key_in_the_configuration_is_named(tmp_path):
    path = tmp_path / "lienthong.toml"
    path.write_text("[api]\nprot = 1\n")
    ran = lienthong("status", "-c", path)
    assert ran.code == 2
    assert "prot" in ran.err


def test_database_that_does_not_answer_is_our_fault(tmp_path):
    config = configuration(tmp_path, database="postgresql://nobody@127.0.0.1:1/none")
    ran = lienthong("status", "-c", config)
    assert ran.code == 3
    assert "127.0.0.1" in ran.err


def test_traceback_is_shown_only_when_asked_for(config):
    ran = lienthong("status", "-c", config, LIENTHONG_DEBUG="1")
    assert ran.code != 0
    assert "Traceback" in ran.err


def test_reader_that_goes_away_is_no_error(filled):
    script = f'"{sys.executable}" -m gateway.cli log list --limit 500 --json -c "{filled}" | head -c 10'
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr


# migrate


def test_migrate_dry_run_lists_what_is_pending_and_changes_nothing(config):
    first = lienthong("migrate", "--dry-run", "--json", "-c", config).json
    assert first["pending"][0]["revision"] == "0001"
    assert first["at"] is None
    assert lienthong("migrate", "--json", "-c", config).json["at"] == first["pending"][-1]["revision"]
    assert lienthong("migrate", "--dry-run", "--json", "-c", config).json["pending"] == []


# import


def test_import_takes_good_lines_and_tells_everything_about_bad_ones(tmp_path, config):
    lines = some_dossiers(10).splitlines()
    wrong = json.loads(lines[4])
    wrong["code"], wrong["received_at"], wrong["due_at"] = (
        "H99.14-260105-9999",
        "2026-01-06T08:00:00+07:00",
        "2026-01-05T08:00:00+07:00",
    )
    lines[4] = json.dumps(wrong).encode()
    lines[7] = b'{"code": "H99.14-260105-9998", "surprise": 1}'
    file, rejects = tmp_path / "mixed.jsonl", tmp_path / "rejects.jsonl"
    file.write_bytes(b"\n".join([*lines, b"", b"not json"]) + b"\n")

    ran = lienthong("import", file, "-c", config, "--rejects", rejects)

    assert ran.code == 1
    assert "line 5: /due_at: got 2026-01-05T08:00:00+07:00, expected received_at" in ran.err
    assert "line 8: /surprise: got 1, expected no such field; remove the field" in ran.err
    assert "line 12: (whole line)" in ran.err
    assert rejects.read_bytes().splitlines() == [lines[4], lines[7], b"not json"]
    assert re.search(r"created +5", ran.out)
    assert re.search(r"updated +3", ran.out)
    assert re.search(r"refused +3", ran.out)


def test_import_again_changes_nothing(tmp_path, filled):
    ran = lienthong("import", tmp_path / "some.jsonl", "-c", filled, "--json")
    assert ran.code == 0
    assert ran.json["lines"] == ran.json["unchanged"] + ran.json["older"] == 12
    assert ran.json["older"] > 0  # versions that a later line of the same file has overtaken


def test_import_reads_standard_input_in_order(config):
    ran = lienthong("import", "-", "-c", config, "--json", stdin=some_dossiers(30))
    assert ran.code == 0
    assert ran.json["lines"] == 30
    assert ran.json["refused"] == 0


def test_dry_run_examines_and_stores_nothing(tmp_path, config):
    ran = lienthong("import", "-", "--dry-run", "-c", config, "--json", stdin=some_dossiers(5) + b"{}\n")
    assert ran.code == 1
    assert (ran.json["good"], ran.json["refused"]) == (5, 1)
    assert ran.json["refused_lines"][0]["line"] == 6
    assert not (tmp_path / "lienthong.db").exists()


def test_hostile_lines_are_refused_one_by_one_and_good_ones_taken(config):
    """Every line of the hostile file that can be judged without the portal's lists and without history."""
    expected = json.loads((EXAMPLES / "hostile.expected.json").read_text(encoding="utf-8"))
    ran = lienthong("import", EXAMPLES / "hostile.jsonl", "-c", config, "--json")
    refused = {line["line"] for line in ran.json["refused_lines"]}
    judged = {
        int(number): row["expect"]
        for number, row in expected.items()
        if row.get("stage") not in {"catalogue", "version"}
    }
    overtaken = [
        number
        for number, row in expected.items()
        if row.get("stage") == "version" and int(number) not in refused
    ]
    assert ran.code == 1
    assert ran.json["older"] == len(overtaken) > 0
    assert {number for number, verdict in judged.items() if verdict == "refused"} <= refused
    assert not {number for number, verdict in judged.items() if verdict == "good"} & refused


def test_line_beyond_the_limit_is_refused_without_being_held(config):
    long = b'{"code": "' + b"x" * 5_000_000 + b'"}\n'
    ran = lienthong("import", "-", "-c", config, "--json", stdin=some_dossiers(1) + long + some_dossiers(2))
    assert ran.code == 1
    assert ran.json["refused"] == 1
    assert ran.json["refused_lines"][0]["violations"][0]["code"] == "too_long"
    assert ran.json["lines"] == 4


# encode


def test_encode_prints_the_same_request_every_time_and_no_secret(config):
    file = EXAMPLES / "dossiers.jsonl"
    first, again = (lienthong("encode", "national_portal", "step", file, "-c", config) for _ in range(2))
    assert first.code == 0
    assert first.out == again.out
    head, _, body = first.out.partition("\n\n")
    assert head.startswith("POST http://127.0.0.1:1/XrdAdapter/RestService/forward/mapi/g?dstcode=")
    assert json.loads(body)["session"] == "[redacted]"
    assert "mat-khau-mo-phong" not in first.out


def test_encode_raw_is_the_body_and_nothing_else(config):
    file = EXAMPLES / "dossiers.jsonl"
    raw = lienthong("encode", "national_portal", "step", file, "--raw", "-c", config)
    told = lienthong("encode", "national_portal", "step", file, "--json", "-c", config)
    assert raw.out.rstrip("\n") == told.json[0]["body"]
    assert told.json[0]["body_size"] == len(told.json[0]["body"].encode())


def test_encode_takes_a_stored_dossier(filled):
    code = json.loads(some_dossiers(1))["code"]
    ran = lienthong("encode", "national_portal", "dossier", code, "-c", filled)
    if (
        ran.code == 1
    ):  # without the portal's lists a name of the procedure may be missing; that is said, not sent
        assert code in ran.err
    else:
        assert code in ran.out


def test_encode_names_the_operations_there_are(config):
    ran = lienthong("encode", "national_portal", "dance", EXAMPLES / "dossiers.jsonl", "-c", config)
    assert ran.code == 1
    assert "dossier, step, status" in ran.err


def test_encode_takes_a_payment_order(config, tmp_path):
    line = (ROOT / "adapters" / "payment_platform" / "spec" / "orders.jsonl").read_text().splitlines()[0]
    file = tmp_path / "order.json"
    file.write_text(json.dumps(json.loads(line)["payload"]))
    ran = lienthong("encode", "payment_platform", "init", file, "--json", "-c", config)
    assert ran.code == 0, ran.err
    message = json.loads(ran.json[0]["body"])
    # payment_platform, vector V01
    assert message["MaXacThuc"] == "f27b1ece9032b61be71eb8551d56fcffc552061717ece937e16d55aef485948f"
    assert "S3cret-DEMO-2026" not in ran.out
    assert "[redacted]" in str(ran.json[0]["headers"])


def test_encode_refuses_a_payment_order_with_everything_wrong_in_it(config, tmp_path):
    file = tmp_path / "order.json"
    file.write_text('{"reference": "PG1", "amount": 1.5}')
    ran = lienthong("encode", "payment_platform", "init", file, "-c", config)
    assert ran.code == 1
    assert "payment order" in ran.err


SAMPLES = ROOT / "adapters" / "judicial_records" / "spec" / "samples.jsonl"


def test_encode_knows_the_contracts_own_names_and_standard_input(config):
    by_file = lienthong("encode", "judicial_records", "submit", SAMPLES, "-c", config)
    piped = SAMPLES.read_bytes().splitlines()[0]
    by_name = lienthong("encode", "judicial_records", "nhanHoSoDangKyLLTP", "-", "-c", config, stdin=piped)
    assert by_file.code == by_name.code == 0
    assert by_file.out == by_name.out
    assert json.loads(by_name.out.partition("\n\n")[2])["authKey"] == "[redacted]"


def test_encode_takes_files_from_a_folder_and_names_those_that_are_missing(config, tmp_path):
    body = b"%PDF-1.4 anh"
    digest = hashlib.sha256(body).hexdigest()
    file = {"url": f"https://kho.h99.example/{digest}", "sha256": digest, "size": len(body)}
    record = json.loads(SAMPLES.read_text().splitlines()[0])
    record["documents"] = [{"id": "d1", "name": "Căn cước.pdf", "file": file}]
    arguments = ("encode", "judicial_records", "submit", "-", "-c", config)
    told = json.dumps(record).encode()
    lost = lienthong(*arguments, stdin=told)
    (tmp_path / "attachments").mkdir()
    (tmp_path / "attachments" / "anh.pdf").write_bytes(body)
    found = lienthong(*arguments, "--files", tmp_path / "attachments", "--raw", stdin=told)
    assert (lost.code, digest in lost.err, "--files" in lost.err) == (1, True, True)
    assert found.code == 0, found.err
    (shown,) = json.loads(found.out)["toKhai"]["fileHoSo"]
    assert shown == {"tenLoaiFile": "Căn cước.pdf", "tenFile": "DinhKem.pdf", "noiDungFile": "[redacted]"}


PERMITS = ROOT / "adapters" / "construction" / "spec"
SIGNED = """
[destination.construction.settings]
url = "https://bxd.h99.example/bxd/CapPhepXayDung"
unit = "H99.99.99"

[destination.construction.settings.signing]
profile = "wsse_x509"
key = "h99"
"""


def encode_permit(folder, settings, *more):
    (folder / "permits.toml").write_text(settings)
    piped = (PERMITS / "samples.jsonl").read_bytes().splitlines()[0]
    arguments = ("encode", "construction", "NopHoSo", "-", "--files", PERMITS / "files", "--raw", *more)
    return lienthong(*arguments, "-c", folder / "permits.toml", stdin=piped)


def test_encode_prints_a_signed_envelope_that_verifies(tmp_path):
    now = datetime.now(UTC)
    holder = Authority(now).signer("H99")
    (tmp_path / "h99.crt").write_bytes(holder.certificate)
    (tmp_path / "h99.key").write_bytes(holder.key)
    key = f'[[signing.keys.h99]]\nkind = "pem"\ncertificate = "{tmp_path}/h99.crt"\nkey = "{tmp_path}/h99.key"\n'
    ran = encode_permit(tmp_path, SIGNED + key)
    assert ran.code == 0, ran.err
    trusted = tuple(certificates_in(tmp_path / "h99.crt"))
    found = wsse.verify(ran.out.encode().rstrip(b"\n"), Expectation(trusted=trusted, now=datetime.now(UTC)))
    assert isinstance(found, Verified), found
    assert b"NopHoSo" in found.content
    assert b"H99.99.99-261125-0001" in found.content


def test_encode_without_the_key_says_so_and_shows_nothing_but_on_request(tmp_path):
    refused = encode_permit(tmp_path, SIGNED)
    shown = encode_permit(tmp_path, SIGNED, "--unsigned")
    assert (refused.code, refused.out) == (2, "")
    assert "'h99'" in refused.err
    assert "--unsigned" in refused.err
    assert shown.code == 0, shown.err
    assert "NopHoSo" in shown.out
    assert "Signature" not in shown.out


# adapters, clients


def test_adapters_declare_themselves(config):
    listed = lienthong("adapters", "list", "--json").json
    shown = lienthong("adapters", "show", "national_portal", "--json").json
    assert "national_portal" in listed
    assert {each["name"] for each in shown["manifest"]["operations"]} >= {"dossier", "step"}
    assert [each["name"] for each in shown["settings"] if not each["meaning"]] == []


def test_client_key_is_shown_once_and_never_stored(tmp_path, config):
    key = lienthong("clients", "add", "one-door", "--scope", "dossiers:write", "-c", config).out.strip()
    assert key.startswith("lt_")
    assert key.encode() not in (tmp_path / "lienthong.db").read_bytes()
    assert lienthong("clients", "add", "one-door", "--scope", "all", "-c", config).code == 1
    assert lienthong("clients", "add", "x", "--scope", "everything", "-c", config).code == 2
    why = ("--reason", "its key was seen in a mail")
    assert lienthong("clients", "rotate", "one-door", "-c", config).code == 2
    other = lienthong("clients", "rotate", "one-door", *why, "-c", config, "--json").json["secret"]
    assert other != key
    assert lienthong("clients", "disable", "one-door", *why, "-c", config).code == 0
    assert lienthong("clients", "disable", "nobody", *why, "-c", config).code == 1
    listed = lienthong("clients", "list", "--json", "-c", config).json
    assert [each["id"] for each in listed] == ["one-door"]
    assert listed[0]["disabled_at"]


# doctor


def test_doctor_says_what_stands_in_the_way_and_what_to_do(tmp_path, config):
    findings = {each["subject"]: each for each in lienthong("doctor", "-c", config, "--json").json}
    away = findings["national_portal: http://127.0.0.1:1"]
    assert away["level"] == "fail"
    assert away["cure"]
    assert findings["database"]["level"] == "warn"
    assert lienthong("doctor", "-c", config).code == 1
    assert lienthong("doctor", "-c", config, "--offline").code == 0


def test_doctor_sees_a_secret_that_others_can_read(tmp_path):
    secret = tmp_path / "password.txt"
    secret.write_text("bi-mat")
    secret.chmod(0o644)
    config = configuration(tmp_path)
    config.write_text(config.read_text().replace('{ env = "PORTAL_PASSWORD" }', f'{{ file = "{secret}" }}'))
    findings = lienthong("doctor", "-c", config, "--offline", "--json").json
    seen = [each for each in findings if each["subject"].startswith("secret ")]
    assert [(each["level"], each["cure"]) for each in seen] == [("warn", f"chmod 600 {secret}")]
    secret.chmod(stat.S_IRUSR | stat.S_IWUSR)
    findings = lienthong("doctor", "-c", config, "--offline", "--json").json
    assert [each["level"] for each in findings if each["subject"].startswith("secret ")] == ["ok"]


def test_doctor_reports_a_configuration_that_cannot_be_read(tmp_path):
    path = tmp_path / "lienthong.toml"
    path.write_text("[database\n")
    ran = lienthong("doctor", "-c", path, "--json")
    assert ran.code == 1
    assert [each["level"] for each in ran.json] == ["fail"]


def test_doctor_wants_the_schema(config, tmp_path):
    sqlite3.connect(tmp_path / "lienthong.db").close()
    os.truncate(tmp_path / "lienthong.db", 0)
    findings = {
        each["subject"]: each for each in lienthong("doctor", "-c", config, "--offline", "--json").json
    }
    assert findings["schema"]["level"] == "fail"
    assert findings["schema"]["cure"] == "lienthong migrate"


def test_example_configuration_has_every_key_and_only_defaults(monkeypatch):
    """lienthong.example.toml cannot fall behind the settings, nor lie about a default."""
    from msgspec import Struct
    from msgspec.structs import fields

    from adapters.national_portal.settings import Settings as PortalSettings
    from gateway.bootstrap import adapter_settings
    from gateway.settings import DestinationSettings, Settings, load

    text = (ROOT / "lienthong.example.toml").read_text(encoding="utf-8")
    monkeypatch.setenv("PORTAL_PASSWORD", "x")
    settings = load(ROOT / "lienthong.example.toml")
    portal = adapter_settings("national_portal", settings.destination["national_portal"])
    given = ("adapter_url", "username", "password", "madonvi", "province_code", "agency_name")
    usual = PortalSettings(**{name: getattr(portal, name) for name in given})
    assert portal == usual
    assert {
        name: getattr(settings, name) for name in Settings.__struct_fields__ if name != "destination"
    } == {name: getattr(Settings(), name) for name in Settings.__struct_fields__ if name != "destination"}

    def names(kind):
        for field in fields(kind):
            yield field.name
            for part in (field.type, *getattr(field.type, "__args__", ())):
                if isinstance(part, type) and issubclass(part, Struct):
                    yield from names(part)

    wanted = {*names(Settings), *names(DestinationSettings), *names(PortalSettings)}
    missing = [
        name
        for name in sorted(wanted)
        if not re.search(rf"^(# )?{name} = |[.\[]{name}[.\]]", text, re.MULTILINE)
    ]
    assert not missing
