"""Evidence as an official and an auditor use it: exported from the province's database, checked by one file alone."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.cli.evidence import names_of_reports
from gateway.evidence.exporting import Asked, Exporter, checked, keys_file
from gateway.evidence.stamping import Unstamped, stamp
from gateway.proof import lienthong_verify as verifier
from gateway.sandbox import serve_sandbox
from gateway.sandbox.timestamps import TimestampStandIn
from gateway.settings import Settings
from gateway.settings_evidence import EvidenceSettings
from gateway.signing.evidence import own_evidence_key
from gateway.signing.keyring import Authority
from gateway.statussync.explain import Asked as Explained
from gateway.statussync.explain import explain
from gateway.statussync.rules import load_rules
from gateway.storage.instants import to_micros
from tests.e2e.cli import configuration, lienthong, some_dossiers
from tests.on_time_world import PORTAL, at, code_of, running_province


@pytest.fixture
def exported(tmp_path):
    """A province with a checkpoint, and the command line's configuration."""
    config = configuration(tmp_path)
    (tmp_path / "some.jsonl").write_bytes(some_dossiers(3))
    assert lienthong("import", tmp_path / "some.jsonl", "-c", config).code == 0
    code = json.loads(lienthong("log", "list", "-c", config, "--json").out)["entries"][0]["dossier"]
    return config, code


def checkpointed(tmp_path, config):
    """A checkpoint of what is there, as a running gateway makes one."""
    script = (
        "import asyncio, sys\n"
        "from gateway.bootstrap import open_gateway\n"
        "from gateway.settings import load\n"
        "from gateway.storage import upkeep\n"
        "async def main():\n"
        "    gateway = await open_gateway(load(sys.argv[1]))\n"
        "    await gateway.database.write(upkeep.seal)\n"
        "    await gateway.evidence.checkpointer.make()\n"
        "    await gateway.close()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(config)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr


def environment():
    from tests.e2e.cli import ROOT
    from tests.e2e.cli import environment as plain

    return plain(PYTHONPATH=str(ROOT))


def test_exported_verified_and_verified_alone(exported, tmp_path):
    config, code = exported
    bundle, keys = tmp_path / "evidence.asice", tmp_path / "pinned.json"
    order = ("evidence", "export", code, "-o", bundle, "-c", config)
    assert lienthong(*order).code == 2  # without a reason
    refused = lienthong(*order, "--reason", "complaint 12")
    assert refused.code == 1
    assert "in no checkpoint yet" in refused.err
    assert not bundle.exists()
    checkpointed(tmp_path, config)
    done = lienthong(*order, "--reason", "complaint 12", "--as", "lan")
    assert done.code == 0, done.err
    assert "checks hold" in done.out
    assert bundle.stat().st_mode & 0o077 == 0
    assert lienthong("evidence", "keys", "-o", keys, "-c", config).code == 0
    verified = lienthong("evidence", "verify", bundle, "--keys", keys)
    assert verified.code == 0, verified.out
    assert "HOLDS" in verified.out
    assert lienthong("evidence", "verify", bundle, "--keys", keys, "--json").json["holds"]
    assert alone(tmp_path, bundle, keys) == (0, verified.out)
    noted = lienthong("log", "list", "-c", config, "--json").json["entries"][0]
    assert (noted["operation"], noted["dossier"]) == ("export_evidence", None)
    assert lienthong(*order, "--redact", "body").code == 0  # no content, no reason; and nothing to wait for
    assert lienthong("log", "list", "-c", config, "--json").json["entries"][0]["id"] == noted["id"]
    assert lienthong(*order, "--reason", "again").code == 0
    changed = bytearray(bundle.read_bytes())
    changed[changed.index(code.encode(), 5000)] ^= 1
    bundle.write_bytes(bytes(changed))
    again = lienthong("evidence", "verify", bundle, "--keys", keys)
    assert again.code == 1
    assert "CONTAINER_DAMAGED" in again.out
    assert alone(tmp_path, bundle, keys) == (1, again.out)


def alone(tmp_path, bundle, keys):
    """The verifier as a file of its own, in a Python that finds nothing of the gateway: code and output."""
    folder = tmp_path / "auditor"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(verifier.__file__, folder)
    hide = (
        "import runpy, sys\n"
        "sys.path[:] = [each for each in sys.path if each]\n"
        "class Hidden:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] in {'gateway', 'adapters', 'mappings', 'lxml', 'msgspec', 'sqlalchemy'}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", hide, "lienthong_verify.py", str(bundle), "--keys", str(keys)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_file_that_is_none_is_usage_and_needs_no_configuration(tmp_path):
    (tmp_path / "keys").write_bytes(b"{}")
    (tmp_path / "x").write_bytes(b"x")
    missing = lienthong("evidence", "verify", tmp_path / "none", "--keys", tmp_path / "keys")
    assert missing.code == 2
    (tmp_path / "keys").write_text('{"logs": []}')
    refused = lienthong(
        "evidence", "verify", tmp_path / "x", "--keys", tmp_path / "keys", LIENTHONG_CONFIG="/none"
    )
    assert refused.code == 1
    assert "CONTAINER_MALFORMED" in refused.out


def test_a_configured_key_signs(exported, tmp_path):
    config, code = exported
    key = own_evidence_key(tmp_path / "issued", at(28, 8))
    pem = tmp_path / "issued" / "evidence-1.pem"
    written = Path(config)
    section = f'\n[[signing.keys.seal]]\nkind = "pem"\ncertificate = "{pem}"\nkey = "{pem}"\n'
    written.write_text(written.read_text() + section)
    checkpointed(tmp_path, config)
    bundle = tmp_path / "evidence.asice"
    done = lienthong(
        *("evidence", "export", code, "-o", bundle, "-c", config, "--json", "--reason", "audit"),
        LIENTHONG_EVIDENCE__SIGNING_KEY="seal",
    )
    assert done.code == 0, done.err
    with zipfile.ZipFile(bundle) as archive:
        certificate = verifier.x509.load_pem_x509_certificate(archive.read("certificates/evidence.pem"))
    assert certificate == key.certificate


async def told_of(province, folder, number):
    """bundle.json and the report of a dossier, exported from the running province."""
    database = province.gateway.database
    key = own_evidence_key(folder, province.clock() - timedelta(days=1))
    await province.until(lambda: covered(province, number))
    now = province.clock()
    asked = Explained(code=code_of(number), now=to_micros(now), destinations={PORTAL})
    rules = load_rules(Settings().deadlines)

    def explained(connection):
        return msgspec.to_builtins(explain(connection, asked, rules))

    exporter = Exporter(database=database, key=key, explain=explained, names=names_of_reports())
    sealed = exporter.export(Asked(dossier=code_of(number), as_of=now), now)
    checked(sealed.container(), keys_file(database, EvidenceSettings(), [key], []))
    return (
        json.loads(sealed.files["bundle.json"]),
        sealed.files["report.html"].decode(),
        sealed.files["report.pdf"],
    )


async def covered(province, number):
    sql = "SELECT 1 FROM message WHERE dossier_code = '{}' AND (seq IS NULL OR seq > (SELECT COALESCE(MAX(size), 0) FROM checkpoint))"
    if not province.rows(sql.format(code_of(number))):
        return True
    await asyncio.sleep(0.1)
    return False


async def test_the_report_tells_the_story_and_says_why(database_url, tmp_path):
    async with running_province(database_url, tmp_path / "keys") as province:
        await province.receive(1, at(29, 17))
        await province.receive(2, at(28, 16))
        await province.settled()
        province.clock.go(at(28, 15))
        await province.finish(1)
        province.clock.go(at(29, 9))
        await province.finish(2)
        await province.settled()
        await province.assessed()
        await province.followed()
        early, page, pdf = await told_of(province, tmp_path, 1)
        late, late_page, _ = await told_of(province, tmp_path, 2)
    assert early["deadlines"]["classes"]["by_date"] == "EARLY"
    assert "Đã giải quyết xong trước hạn." in page
    assert "cột 8: Đã giải quyết trước hạn" in page
    assert "cột 10: Đã giải quyết quá hạn" in late_page
    assert late["deadlines"]["lateness"]["calendar_days"] == 1
    assert "Trễ 1 ngày theo lịch" in late_page
    kinds = [step["kind"] for step in early["story"]]
    assert {"version", "message", "delivery", "attempt", "event"} <= set(kinds)
    assert [step["at"] for step in early["story"]] == sorted(step["at"] for step in early["story"])
    versions = [step for step in early["story"] if step["kind"] == "version"]
    assert all(step["entries"] for step in versions)
    assert early["deadlines"]["rule_version"] in page
    assert early["deadlines"]["calendar_version"] in page
    assert pdf.startswith(b"%PDF-1.")
    assert "28/09/2026 15:00:00 (mục" in page


async def test_a_signature_is_stamped_over_the_wire_or_says_why_not():
    stand_in = TimestampStandIn(datetime.now(UTC))
    roots = tuple(verifier.x509.load_pem_x509_certificates(stand_in.root))
    async with serve_sandbox({"timestamps": stand_in}) as sandbox:
        authority = Authority(name="evidence", url=sandbox.url("timestamps"), roots=roots)
        token = await stamp(authority, b"a signature")
        assert verifier.verify_timestamp(token, b"a signature", roots).authority
        strange = Authority(name="evidence", url=authority.url, roots=())
        with pytest.raises(Unstamped, match="TIMESTAMP_UNTRUSTED"):
            await stamp(strange, b"a signature")
    with pytest.raises(Unstamped, match="time-stamping authority"):
        await stamp(authority, b"a signature")
