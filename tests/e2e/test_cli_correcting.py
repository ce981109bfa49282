"""Correcting a failed delivery from the command line, and over the end of the process."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.e2e.cli import configuration, lienthong, some_dossiers

WHY = ("--reason", "the applicant has corrected it")


def rows(folder, sql):
    with closing(sqlite3.connect(f"file:{folder / 'lienthong.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def stuck(tmp_path):
    """A database with rejected dossiers, and no process."""
    config = configuration(tmp_path)
    assert lienthong("migrate", "-c", config).code == 0
    records = tmp_path / "records.jsonl"
    records.write_bytes(some_dossiers(3))
    assert lienthong("import", records, "-c", config).code == 0
    with closing(sqlite3.connect(tmp_path / "lienthong.db")) as connection:
        connection.execute(
            "UPDATE delivery SET state = 'rejected', code = 'refused', attempts = 1 "
            "WHERE operation = (SELECT operation FROM delivery ORDER BY length(payload) DESC LIMIT 1)"
        )
        connection.execute("UPDATE lane SET state = 'blocked' WHERE state = 'ready'")
        connection.commit()
    [(delivery,), *_] = rows(tmp_path, "SELECT id FROM delivery WHERE state = 'rejected' ORDER BY id")
    return tmp_path, config, str(delivery)


def test_a_delivery_is_looked_at_corrected_by_two_and_stays_so(stuck):
    folder, config, delivery = stuck
    looked = lienthong("deliveries", "edit", delivery, *WHY, "--json", "-c", config)
    assert looked.code == 0, looked.err
    fields = {each["pointer"]: each for each in looked.json["fields"]}
    assert fields["/code"]["locked"] == "identifies"
    change = ("--set", "/summary=Đề nghị đã sửa")

    dry = lienthong("deliveries", "edit", delivery, *change, "--dry-run", *WHY, "-c", config)
    assert (dry.code, "nothing was changed" in dry.out) == (0, True), dry.err
    assert rows(folder, "SELECT COUNT(*) FROM delivery_edit") == [(0,)]

    asked = lienthong("deliveries", "edit", delivery, *change, *WHY, "--as", "mai", "-c", config)
    assert (asked.code, "needs a second person" in asked.err) == (1, True)
    [(approval,)] = rows(folder, "SELECT id FROM approval")
    seen = lienthong("approvals", "show", str(approval), "--json", "-c", config).json
    [change] = seen["changes"]
    assert (change["pointer"], change["after"]) == ("/summary", "Đề nghị đã sửa")
    assert [each["id"] for each in seen["deliveries"]] == [delivery]
    told = lienthong("approvals", "show", str(approval), "-c", config)
    assert (told.code, "/summary" in told.out, "Đề nghị đã sửa" in told.out) == (0, True, True), told.err
    why_not = lienthong("approvals", "show", str(approval), "--personal", "-c", config)
    assert (why_not.code, "--reason" in why_not.err) == (2, True)
    approved = lienthong("approvals", "approve", str(approval), *WHY, "--as", "binh", "-c", config)
    assert approved.code == 0, approved.err

    [(state, payload)] = rows(folder, "SELECT state, payload FROM delivery WHERE edited_at IS NOT NULL")
    assert (state, json.loads(payload)["summary"]) == ("pending", "Đề nghị đã sửa")
    shown = lienthong("deliveries", "show", delivery, "--json", "-c", config).json
    assert shown["delivery"]["edited_at"] is not None


def test_a_file_of_corrections_is_read_and_faults_are_told(stuck):
    folder, config, delivery = stuck
    file = folder / "edit.json"
    file.write_text(json.dumps({"/summary": "Sửa", "/note": None}))
    dry = lienthong("deliveries", "edit", delivery, "--file", file, "--dry-run", *WHY, "--json", "-c", config)
    assert dry.code == 0, dry.err
    assert "/summary" in {each["pointer"] for each in dry.json["changes"]}
    file.write_text("[1]")
    broken = lienthong("deliveries", "edit", delivery, "--file", file, *WHY, "-c", config)
    assert broken.code == 2
    locked = lienthong(
        "deliveries", "edit", delivery, "--set", "/code=H99-2", "--dry-run", *WHY, "-c", config
    )
    assert (locked.code, "/code" in locked.err) == (1, True)
    assert lienthong("deliveries", "edit", delivery, "--set", "summary", *WHY, "-c", config).code == 2
