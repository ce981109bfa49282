"""``lienthong log verify --url``: a running gateway verifies its own log, asked over a real socket."""

import contextlib
import sqlite3

import pytest

from tests.e2e.cli import configuration, lienthong, served, some_dossiers

LINES = 5


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A configuration with some entries in its log, and a key."""
    folder = tmp_path_factory.mktemp("verify")
    config = configuration(folder)
    key = folder / "auditor.key"
    made = lienthong("clients", "add", "auditor", "--scope", "all", "-c", config)
    key.write_text(made.out, encoding="utf-8")
    (folder / "some.jsonl").write_bytes(some_dossiers(LINES))
    assert lienthong("import", folder / "some.jsonl", "-c", config).code == 0
    return config, key


def flip_a_byte(config, seq):
    """One bit of what stands in entry ``seq`` is another one; what is written elsewhere of it stays."""
    with contextlib.closing(sqlite3.connect(config.parent / "lienthong.db")) as database, database:
        (number,) = database.execute("SELECT id FROM message WHERE seq = ?", (seq,)).fetchone()
        (body,) = database.execute("SELECT body FROM message_body WHERE message_id = ?", (number,)).fetchone()
        changed = bytes([*body[:-1], body[-1] ^ 1])
        database.execute("UPDATE message_body SET body = ? WHERE message_id = ?", (changed, number))


def test_a_log_is_good_until_one_byte_of_it_is_another(place):
    config, key = place
    with served(config) as url:
        order = ("log", "verify", "--url", url, "--key-file", key, "--as", "kiem", "-c", config)
        good = lienthong(*order)
        listed = lienthong(*order, "--all", "--json")

    assert good.code == 0, good.err
    assert "nothing wrong was found" in good.out
    assert (listed.code, listed.json["state"], listed.json["answer"]) == (0, "done", "yes")
    assert listed.json["actor"] == "auditor/kiem"
    assert listed.json["summary"]["checked"] > LINES

    flip_a_byte(config, 3)
    with served(config) as url:
        order = ("log", "verify", "--url", url, "--key-file", key, "-c", config)
        since = lienthong(*order)  # only what came since: what was verified once is not looked at again
        bad = lienthong(*order, "--all")
        listed = lienthong(*order, "--all", "--json")

    assert since.code == 0, since.out
    assert bad.code == 1, bad.out
    assert "the first wrong entry is no. 3 (body)" in bad.out
    assert "edited content" in bad.out
    assert "restore the entry from an archive or a backup" in " ".join(bad.out.split())
    assert (listed.code, listed.json["state"], listed.json["answer"]) == (1, "done", "no")
    assert [each["seq"] for each in listed.json["summary"]["faults"]] == [3]


def test_who_may_not_read_the_log_has_nothing_verified(place):
    config, key = place
    other = key.with_name("other.key")
    made = lienthong("clients", "add", "other", "--scope", "dossiers:read", "-c", config)
    other.write_text(made.out, encoding="utf-8")
    with served(config) as url:
        ran = lienthong("log", "verify", "--url", url, "--key-file", other, "-c", config)

    assert ran.code == 2
    assert "lacks scope log:read" in ran.err
