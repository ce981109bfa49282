"""Erasing, rotating, encrypting, archiving from the command line: what is printed, and how it ends."""

import subprocess
import sys

import pytest

from tests.e2e.cli import ROOT, configuration, lienthong

pytestmark = [pytest.mark.timeout(300)]
CANARY = "Canary-Nguyen-Van-A"
CODE = "H99.14-260928-0007"


@pytest.fixture
def config(tmp_path):
    path = configuration(tmp_path)
    assert lienthong("migrate", "-c", path).code == 0
    return path


FILL = """
import asyncio, sys
from gateway.settings import database_url, keys_folder, load
from gateway.storage.database import Database
from tests.storage.evidence_world import EvidenceWorld

async def fill(settings, code, name, count):
    database = Database(database_url(settings.database))
    world = EvidenceWorld(database, keys_folder(settings))
    await world.add_dossier(code, name=name)
    await world.fill(count, dossier=code)
    await world.checkpoint()
    database.close()

asyncio.run(fill(load(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
"""


def prepared(config, count=600):
    """A log with ``count`` entries of one dossier under a checkpoint, in the configured database."""
    given = [str(config), CODE, CANARY, str(count)]
    subprocess.run([sys.executable, "-c", FILL, *given], cwd=ROOT, check=True)


def log(config, *arguments):
    return lienthong("log", *arguments, "-c", config)


def test_old_entries_are_archived_checked_searched_and_restored(config, tmp_path):
    prepared(config)
    folder = str(tmp_path / "archives")
    due = log(config, "archive", "--before", "2027-01-01", "-o", folder, "--dry-run")
    made = log(config, "archive", "--period", "2026-09", "-o", folder, "--prune", "--json")

    assert (due.code, "1 archives would be written" in due.out) == (0, True)
    assert (made.code, made.json["pruned"]) == (0, 512)
    listed = log(config, "archives", "--verify", "--json")
    assert (listed.code, listed.json["checks"][0]["entries"]) == (0, 600)
    assert log(config, "verify").code == 0
    found = log(config, "search-archive", "--dossier", CODE, "--json")
    assert (found.code, len(found.out.splitlines())) == (0, 600)
    assert log(config, "search-archive", "--dossier", "H99-none").code == 1
    name = made.json["archives"][0]["name"]
    assert log(config, "restore", f"{folder}/{name}", "--json").json == {"restored": 512}


def test_changed_archive_is_named_and_answers_no(config, tmp_path):
    prepared(config, 50)
    folder = tmp_path / "archives"
    assert log(config, "archive", "--before", "2027-01-01", "-o", str(folder)).code == 0
    [path] = folder.iterdir()
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)

    found = log(config, "archives", "--verify")
    assert (found.code, "ARCHIVE_DIGEST" in found.out) == (1, True)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--before", "yesterday"),
        ("--period", "2026-13"),
        (),
        ("--before", "2026-01-01", "--period", "2026-01"),
    ],
)
def test_unreadable_period_is_usage(config, wrong):
    assert log(config, "archive", *wrong, "-o", "x").code == 2


def test_erasing_waits_for_a_second_person_and_then_takes_everything(config):
    prepared(config, 5)
    reason = ("--reason", "request of the citizen")
    plan = log(config, "erase", CODE, "--dry-run", "--json")
    asked = log(config, "erase", CODE, *reason, "--as", "lan")

    assert (plan.code, plan.json["obstacles"]) == (0, [])
    assert (asked.code, "second person" in asked.err) == (1, True)
    approval = lienthong("approvals", "list", "--json", "-c", config)
    assert CODE in approval.out
    assert log(config, "erase", CODE, "--as", "lan").code == 2  # without a reason
    assert log(config, "erase", "H99-none", *reason).code == 1


def test_master_key_is_rotated_by_two_people_only(config):
    prepared(config, 5)
    plan = log(config, "rotate-master", "--dry-run", "--json")
    asked = log(config, "rotate-master", "--reason", "yearly", "--as", "lan")

    assert (plan.json["next_number"], plan.json["finishes"]) == (2, False)
    assert (asked.code, "second person" in asked.err) == (1, True)


def test_contents_in_clear_are_counted_and_encrypted(config):
    prepared(config, 5)
    assert log(config, "encrypt", "--dry-run", "--json").json == {"clear": 0}
    assert log(config, "encrypt", "--json").json == {"encrypted": 0, "unreadable": []}
