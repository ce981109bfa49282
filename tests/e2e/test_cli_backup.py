"""Backup, restore check and restore from the command line, on both engines, of a log with real keys and checkpoints."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli import ROOT, configuration, environment, lienthong, some_dossiers
from tests.e2e.test_docs import CHECKPOINT
from tests.storage.test_backup import PG_BIN

pytestmark = [pytest.mark.timeout(300)]


@pytest.fixture
def config(database_url, tmp_path):
    """Some dossiers with everything open, under a checkpoint."""
    path = configuration(tmp_path, database=database_url)
    text = path.read_text(encoding="utf-8")
    path.write_text(f'{text}\n[evidence]\nkeys = "{tmp_path / "keys"}"\n', encoding="utf-8")
    more(path, 6)
    return path


def more(config, count):
    feed = config.with_name("some.jsonl")
    feed.write_bytes(some_dossiers(count))
    assert lienthong("import", feed, "-c", config).code == 0
    env = environment(PYTHONPATH=str(ROOT))
    subprocess.run(
        [sys.executable, "-c", CHECKPOINT], cwd=config.parent, env=env, check=True, capture_output=True
    )


def backup(config, *options):
    return lienthong("backup", config.parent / "backups", "-c", config, "--pg-bin", PG_BIN, *options)


def check(config, *options):
    """Level and words of every finding, by subject."""
    folder = config.parent / "backups"
    ran = lienthong("doctor", "--restore-check", folder, "-c", config, "--pg-bin", PG_BIN, "--json", *options)
    return ran.code, {each["subject"]: (each["level"], each["found"]) for each in json.loads(ran.out)}


def test_where_the_keys_go_must_be_said(config):
    refused = backup(config)

    assert refused.code == 2
    assert "--keys-to" in refused.err
    assert not list((config.parent / "backups").glob("2*"))


def test_backup_that_holds_is_told_with_what_a_restore_would_lose(config):
    assert backup(config, "--keys-to", config.parent / "safe").code == 0
    note = config.parent / "first.note"
    assert lienthong("log", "checkpoint", "-o", note, "-c", config).code == 0
    more(config, 9)
    later = config.parent / "later.note"
    assert lienthong("log", "checkpoint", "-o", later, "-c", config).code == 0

    options = ("--keys", config.parent / "safe", "--checkpoint", note, "--checkpoint", later)
    code, found = check(config, *options)

    assert code == 0, found
    assert {subject: level for subject, (level, _) in found.items()} == {
        "backup": "ok",
        "restore": "ok",
        "counts": "ok",
        "message log": "ok",
        "contents": "ok",
        "loss": "warn",
        "sent twice": "ok",
    }
    assert "2 notes fit" in found["message log"][1]
    more_by = re.search(r"proves at least (\d+) entries more", found["loss"][1])[1]
    assert int(more_by) >= 3
    assert f"has {more_by} entries more" in found["loss"][1]
    assert "nothing blindly" in found["sent twice"][1]


def test_keys_of_another_log_are_found_out(config, tmp_path):
    assert backup(config, "--without-keys").code == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "master-1.key").write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
    (other / "master-1.key").chmod(0o600)

    code, found = check(config, "--keys", other)

    assert code == 1
    assert "lacks the master key" in found["keys"][1]
    assert found["contents"][0] == "fail"
    assert found["message log"][0] == "ok", "headers and tree prove without keys"


def test_wrong_byte_is_named_and_nothing_is_restored(config):
    assert backup(config, "--with-keys").code == 0
    (folder,) = (config.parent / "backups").glob("2*")
    path = next(path for path in folder.iterdir() if path.name.startswith("database"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    code, found = check(config)

    assert code == 1
    assert path.name in found["backup"][1]


def test_restore_is_looked_at_first_then_done_and_has_its_record(config, request):
    assert backup(config, "--with-keys", "--json").code == 0
    url = str(request.getfixturevalue("database_url"))
    if url.startswith("sqlite"):
        to = f"sqlite:///{config.parent / 'new' / 'gateway.db'}"
    else:
        to = str(request.getfixturevalue("empty_postgresql_url"))
    order = ("restore", config.parent / "backups", "--to", to, "-c", config, "--pg-bin", PG_BIN)

    looked = lienthong(*order, "--dry-run")
    unexplained = lienthong(*order)
    done = lienthong(*order, "--reason", "the disk broke", "--as", "lan", "--json")

    assert (looked.code, "asked about at its partner" in looked.out) == (0, True)
    assert unexplained.code == 2
    assert done.code == 0, done.err
    assert done.json["asked_first"] > 0
    elsewhere = config.with_name("restored.toml")
    elsewhere.write_text(config.read_text().replace(url, to))
    assert lienthong("log", "verify", "-c", elsewhere).code == 0
    told = lienthong("log", "list", "--channel", "operator", "--json", "-c", elsewhere).json["entries"]
    assert [each["operation"] for each in told] == ["database.restore"]
    again = lienthong(*order, "--dry-run")
    assert again.code == 1
    assert "refused" in again.out
    assert Path(config.parent / "backups").is_dir()
