"""Jobs from the command line: on a database that nobody holds, beside a running gateway, and through its API."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.e2e.cli import (
    PATIENCE_SECONDS,
    ROOT,
    configuration,
    environment,
    lienthong,
    running,
    served,
    until,
)

pytestmark = [pytest.mark.timeout(300)]


@pytest.fixture(params=["sqlite", "postgresql"])
def config(request, tmp_path):
    """A migrated database and a portal that nobody answers at, on each engine."""
    database = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else ""
    path = configuration(tmp_path, database=database)
    assert lienthong("migrate", "-c", path).code == 0
    return path


@contextlib.contextmanager
def silent_portal():
    """A portal that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def sync(config, *arguments, **options):
    return lienthong("sync", *arguments, "-c", config, **options)


def history(config, *arguments):
    return sync(config, "history", "--json", *arguments).json


def test_jobs_are_listed_run_and_remembered(config):
    listed = sync(config, "list", "--json").json
    shown = sync(config, "list")
    ran = sync(config, "run", "tidy", "--as", "mai")
    again = sync(config, "run", "tidy", "--json", "--as", "mai")
    runs = history(config)

    assert {"catalogues", "tidy"} <= {job["name"] for job in listed}
    assert "catalogues" in shown.out
    assert (ran.code, again.code) == (0, 0), ran.err
    assert "of tidy: done" in ran.out
    assert again.json["state"] == "done"
    assert [(run["job"], run["actor"], run["trigger"]) for run in runs] == [
        ("tidy", "cli:mai", "operator")
    ] * 2
    assert runs[0]["id"] == again.json["id"]
    assert sync(config, "show", runs[0]["id"], "--json").json == runs[0]
    assert runs[0]["id"] in sync(config, "history", "tidy", "--state", "done").out
    assert history(config, "--state", "failed") == []
    assert "summary" not in sync(config, "show", runs[0]["id"]).out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "nothing"), 2, "there is no job 'nothing'; there are: catalogues"),
        (("run", "catalogues", "--param", "destnation=x"), 2, "/parameters/destnation"),
        (("run", "catalogues", "--param", "destination=two words"), 2, "/parameters/destination"),
        (("run", "catalogues", "--param", "destination"), 2, "expected NAME=VALUE"),
        (("run", "catalogues", "--param", "a=1", "--param", "a=2"), 2, "given twice"),
        (("run", "tidy", "--dry-run"), 2, "/dry_run"),
        (("history", "nothing"), 2, "there is no job"),
        (("history", "--state", "over"), 2, "expected one of queued"),
        (("schedule", "nothing"), 2, "there is no job"),
        (("schedule", "--disable", "--reason", "because"), 2, "name the job"),
        (("schedule", "tidy", "--cron", "61 * * * *", "--reason", "because"), 2, "/cron: got 61"),
        (("schedule", "tidy", "--time-zone", "Hanoi", "--reason", "because"), 2, "/time_zone: got Hanoi"),
        (("schedule", "tidy", "--missed", "twice", "--reason", "because"), 2, "expected once or skip"),
        (("schedule", "tidy", "--disable"), 2, "--reason"),
        (("schedule", "tidy", "--dry-run", "--reason", "because"), 2, "say what would change"),
        (("schedule", "tidy", "--reset", "--disable", "--reason", "because"), 2, "give it alone"),
        (("show", "4711"), 1, "there is no run 4711"),
        (("show", "0"), 2, "Invalid value for 'RUN'"),
        (("stop", "4711", "--reason", "because"), 1, "there is no run 4711"),
        (("stop", "4711", "--reason", " "), 2, "--reason"),
    ],
)
def test_wrong_questions_end_with_usage(world, arguments, code, told):
    ran = sync(world, *arguments)
    assert (ran.code, told in " ".join(ran.err.split())) == (code, True), ran.err


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A migrated SQLite database for what changes nothing."""
    path = configuration(tmp_path_factory.mktemp("sync"))
    assert lienthong("migrate", "-c", path).code == 0
    yield path
    assert history(path) == []


def test_schedule_is_changed_step_by_step_and_taken_back(config):
    shipped = sync(config, "schedule", "tidy", "--json").json["schedule"]
    looked = sync(
        config, "schedule", "tidy", "--cron", "1 1 * * *", "--dry-run", "--json", "--reason", "because"
    )
    assert looked.json["schedule"]["cron"] == "1 1 * * *"
    assert sync(config, "schedule", "tidy", "--json").json["schedule"]["override"] is None
    reason = ("--reason", "the portal is slow", "--json")
    first = sync(config, "schedule", "tidy", "--cron", "5 3 * * *", *reason).json["schedule"]
    second = sync(config, "schedule", "tidy", "--disable", *reason).json["schedule"]
    shown = sync(config, "schedule", "tidy").out
    back = sync(config, "schedule", "tidy", "--reset", *reason).json["schedule"]

    assert first["override"] == {"cron": "5 3 * * *", "time_zone": None, "missed": None, "enabled": None}
    assert all("20:05:00" in start for start in first["upcoming"])  # 03:05 in Viet Nam
    assert (second["cron"], second["enabled"], second["upcoming"]) == ("5 3 * * *", False, [])
    assert "set by cli:" in shown
    assert back["source"] == "shipped" == shipped["source"]
    assert back["cron"] == shipped["cron"]
    assert "tidy" in sync(config, "schedule").out


def test_job_in_the_configuration_has_its_own_schedule(tmp_path):
    path = configuration(tmp_path)
    lienthong("migrate", "-c", path)
    with path.open("a", encoding="utf-8") as file:
        file.write('\n[jobs.catalogues]\ncron = "15 2 * * 1-5"\nmissed = "skip"\n')
    found = sync(path, "schedule", "catalogues", "--json").json["schedule"]
    assert (found["cron"], found["missed"], found["source"]) == ("15 2 * * 1-5", "skip", "configuration")

    with path.open("a", encoding="utf-8") as file:
        file.write('\n[jobs.tidy]\ncron = "every day"\n')
    refused = sync(path, "list")
    assert refused.code == 2
    assert "jobs.tidy.cron: got 'every day'" in refused.err


@pytest.fixture
def gateway(config):
    """A running gateway; the options that lead to its API."""
    key_file = config.with_name("operator.key")
    key_file.write_text(lienthong("clients", "add", "ops", "--scope", "all", "-c", config).out)
    with served(config) as url:
        yield ("--url", url, "--key-file", key_file)


def test_running_gateway_does_what_is_ordered_through_its_api(config, gateway):
    ordered = sync(config, "run", "tidy", *gateway, "--json")
    until(lambda: sync(config, "show", ordered.json["id"], *gateway, "--json").json["state"] == "done")
    waited = sync(config, "run", "tidy", *gateway, "--wait")
    beside = history(config, "tidy")
    through = history(config, "tidy", *gateway)

    assert ordered.code == 0
    assert ordered.json["state"] in {"queued", "running"}  # a worker may have taken it before the answer left
    assert waited.code == 0, waited.err
    assert "of tidy: done" in waited.out
    assert [run["id"] for run in beside] == [run["id"] for run in through]
    assert {run["actor"] for run in through if run["trigger"] == "operator"} == {"ops"}
    listed = sync(config, "list", *gateway, "--json").json
    assert [job["name"] for job in listed] == [job["name"] for job in sync(config, "list", "--json").json]
    changed = sync(config, "schedule", "tidy", "--disable", "--reason", "not now", *gateway, "--json").json
    assert (changed["schedule"]["enabled"], changed["schedule"]["changed_by"]) == (False, "ops")
    assert sync(config, "run", "nothing", *gateway).code == 2
    assert sync(config, "run", "tidy", "--dry-run", *gateway).code == 2
    assert sync(config, "stop", ordered.json["id"], "--reason", "too late", *gateway).code == 1


def test_database_of_a_running_gateway_is_not_opened_beside_it_on_sqlite(tmp_path):
    path = configuration(tmp_path)
    lienthong("migrate", "-c", path)
    with served(path):
        for arguments in (("run", "tidy"), ("schedule", "tidy", "--disable", "--reason", "not now")):
            refused = sync(path, *arguments)
            assert refused.code == 2
            assert "--url" in refused.err
        assert sync(path, "list").code == 0


@contextlib.contextmanager
def hanging_run(config, *arguments):
    """A run in a process of its own that waits for a portal which does not answer; the process and the run."""
    with running("sync", "run", "catalogues", *arguments, "-c", config, expect=None) as process:
        yield process, until(lambda: history(config, "--state", "running"))[0]


def hang(config, portal):
    """Let the portal of the configuration be one that does not answer."""
    text = config.read_text(encoding="utf-8")
    changed = text.replace("http://127.0.0.1:1/", f"{portal}/").replace("_timeout = 10.0", "_timeout = 600.0")
    config.write_text(changed.replace("timeout_s = 10.0", "timeout_s = 600.0"), encoding="utf-8")
    return text


def test_run_that_is_interrupted_ends_soon_with_3_and_is_recorded(config):
    with silent_portal() as portal:
        usual = hang(config, portal)
        with hanging_run(config) as (process, run):
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
            took = time.monotonic() - began
    config.write_text(usual, encoding="utf-8")

    assert process.returncode == 3, err
    assert b"interrupted" in out
    assert b"Traceback" not in out + err
    assert took < 20
    [found] = history(config)
    assert (found["id"], found["state"]) == (run["id"], "interrupted")
    after = sync(config, "run", "catalogues", "--json")
    assert after.code == 0, after.err
    assert len(history(config)) == 2  # nobody else has gone on with it


def test_run_of_a_killed_process_stands_in_nobodys_way(config):
    with silent_portal() as portal:
        usual = hang(config, portal)
        with hanging_run(config) as (process, run):
            process.kill()
            process.wait()
    config.write_text(usual, encoding="utf-8")

    after = sync(config, "run", "catalogues", "--json")

    assert after.code == 0, after.err
    assert after.json["state"] == "done"
    assert sync(config, "show", run["id"], "--json").json["failure"] == "the process that ran it disappeared"


def test_second_run_beside_a_living_one_is_refused(postgresql_url, tmp_path):
    """Only PostgreSQL lets a second process in."""
    config = configuration(tmp_path, database=postgresql_url)
    lienthong("migrate", "-c", config)
    with silent_portal() as portal:
        hang(config, portal)
        with hanging_run(config) as (process, run):
            refused = sync(config, "run", "catalogues")
            other = sync(config, "run", "tidy")
            stopped = sync(config, "stop", run["id"], "--reason", "it hangs")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_SECONDS)

    assert refused.code == 1
    assert f"is being run already: run {run['id']}" in refused.err
    assert other.code == 0, other.err
    assert "will end at its next report" in stopped.out
    assert process.returncode == 3


def test_progress_is_shown_at_a_terminal_and_nowhere_else(config):
    """The bar goes to standard error; with --json and in cron nothing does."""
    assert sync(config, "run", "tidy").err == ""
    with silent_portal() as portal:
        hang(config, portal)
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "gateway.cli", "sync", "run", "catalogues", "-c", str(config)]
        with subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            cwd=ROOT,
            env={**environment(PYTHONPATH=str(ROOT)), "TERM": "xterm"},
        ) as process:
            os.close(theirs)
            seen, limit = b"", time.monotonic() + PATIENCE_SECONDS
            while b"catalogues" not in seen and time.monotonic() < limit:
                if select.select([ours], [], [], 1)[0]:
                    seen += os.read(ours, 4096)
            process.kill()
        os.close(ours)
    assert b"catalogues" in seen


def test_answers_are_json_for_programs(config):
    for arguments in (("list",), ("history",), ("schedule",), ("schedule", "tidy")):
        ran = sync(config, *arguments, "--json")
        assert ran.code == 0
        json.loads(ran.out)
