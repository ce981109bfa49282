"""Retry runs by command line, and over the end of the process that carries them out."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.e2e.cli import configuration, lienthong, running, sandbox, some_dossiers, until

LINES = 70
WHY = ("--reason", "the portal knows the agency again")
CAUSE = ("--destination", "national_portal", "--state", "rejected", "--code", "configuration_text")


def rows(folder, sql):
    with closing(sqlite3.connect(f"file:{folder / 'lienthong.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def stuck(tmp_path):
    """A database in which the first delivery of every dossier was rejected, and no process."""
    config = configuration(tmp_path)
    assert lienthong("migrate", "-c", config).code == 0
    records = tmp_path / "records.jsonl"
    records.write_bytes(some_dossiers(LINES))
    assert lienthong("import", records, "-c", config).code == 0
    with closing(sqlite3.connect(tmp_path / "lienthong.db")) as connection:
        connection.execute(
            "UPDATE delivery SET state = 'rejected', code = 'configuration_text', actor = 'operator', "
            "reason = 'Mã đơn vị không hợp lệ', attempts = 1 WHERE settled_at IS NULL AND position = (SELECT "
            "MIN(position) FROM delivery AS d WHERE d.lane_id = delivery.lane_id AND d.settled_at IS NULL)"
        )
        connection.execute("UPDATE lane SET state = 'blocked' WHERE state = 'ready'")
        connection.commit()
    [(count,)] = rows(tmp_path, "SELECT COUNT(*) FROM delivery WHERE state = 'rejected'")
    assert count > 30
    return tmp_path, config, count


def test_runs_are_begun_seen_and_stopped_from_the_command_line(stuck):
    _, config, count = stuck
    [cause] = lienthong("retries", "causes", "--json", "-c", config).json["items"]
    assert (cause["group"]["count"], cause["cause"]["who"]) == (count, "operator")
    assert "mã đơn vị" in cause["cause"]["meaning"]["vi"]

    looked = lienthong("retries", "start", *CAUSE, "--dry-run", *WHY, "-c", config)
    assert looked.code == 0, looked.err
    assert f"{count} deliveries of {count} dossiers would be sent again" in looked.out
    assert lienthong("retries", "list", "--json", "-c", config).json["items"] == []

    begun = lienthong(
        "retries", "start", *CAUSE, "--per-minute", "60", *WHY, "--as", "mai", "--json", "-c", config
    )
    run = begun.json["items"][0]["plan"]["run"]
    again = lienthong("retries", "start", *CAUSE, *WHY, "-c", config)
    assert (again.code, f"{count} wait in another run" in again.err) == (1, True)
    paused = lienthong("retries", "pause", run, *WHY, "--json", "-c", config).json
    assert (paused["state"], paused["actor"]) == ("paused", "cli:mai")
    resumed = lienthong("retries", "resume", run, "--per-minute", "30", *WHY, "--json", "-c", config).json
    assert (resumed["state"], resumed["per_minute"]) == ("running", 30)
    assert lienthong("retries", "stop", run, *WHY, "-c", config).code == 0
    shown = lienthong("retries", "show", run, "--json", "-c", config).json
    assert (shown["state"], shown["dropped"]) == ("stopped", count)
    assert lienthong("retries", "start", *WHY, "-c", config).code == 2
    assert lienthong("retries", "show", "5", "-c", config).code == 1


def test_lanes_are_listed_and_shown(stuck):
    _, config, _ = stuck
    [first, *_] = lienthong("lanes", "list", "--limit", "3", "--json", "-c", config).json["items"]
    assert (first["lane"]["state"], first["cause"]["who"]) == ("blocked", "operator")
    shown = lienthong(
        "lanes", "show", "national_portal", first["lane"]["dossier"], "--json", "-c", config
    ).json
    assert shown["queue"][0]["id"] == first["lane"]["head"]["id"]
    asked = lienthong("deliveries", "ask", shown["queue"][0]["id"], *WHY, "-c", config)
    assert (asked.code, "not in doubt" in asked.err) == (1, True)


def test_killed_process_loses_nothing_of_a_run_and_repeats_nothing(stuck, tmp_path_factory):
    folder, plain, count = stuck
    with sandbox(plain) as portal:
        config = configuration(
            tmp_path_factory.mktemp("at_work"),
            portal=portal["stands"]["national_portal"],
            database=f"sqlite:///{folder / 'lienthong.db'}",
        )
        begun = lienthong("retries", "start", *CAUSE, "--per-minute", "300", *WHY, "--json", "-c", config)
        run = begun.json["items"][0]["plan"]["run"]
        waiting = "SELECT COUNT(*) FROM retry_item WHERE state = 'waiting'"
        for left in (count - 8, count - 18):
            with running("serve", "--config", config, expect=None) as process:
                until(lambda left=left: rows(folder, waiting)[0][0] <= left)
                process.kill()
                process.wait()
            assert rows(folder, waiting)[0][0] > 0
        with running("serve", "--config", config):
            until(lambda: rows(folder, "SELECT state FROM retry_run") == [("done",)])
            until(lambda: rows(folder, "SELECT COUNT(*) FROM delivery WHERE settled_at IS NULL") == [(0,)])

    told = rows(folder, "SELECT data FROM event WHERE kind = 'delivery.retried'")
    numbers = [json.loads(data)["delivery"] for (data,) in told]
    assert len(numbers) == len(set(numbers)) == count
    shown = lienthong("retries", "show", run, "--json", "-c", plain).json
    assert (shown["sent"], shown["delivered"], shown["waiting"], shown["left"]) == (count, count, 0, 0)
