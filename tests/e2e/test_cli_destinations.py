"""Alarms and destinations on the command line: the same figures as on the console, by the same functions."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cli import configuration, lienthong, some_dossiers

PORTAL = "national_portal"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A configuration whose database holds some dossiers; the portal is away, and nobody works."""
    folder = tmp_path_factory.mktemp("destinations")
    file = configuration(folder)
    (folder / "some.jsonl").write_bytes(some_dossiers(3))
    assert lienthong("import", folder / "some.jsonl", "-c", file).code == 0
    return file


def test_alarms_are_the_answer_no(config):
    ran = lienthong("alarms", "-c", config, "--json")
    assert ran.code == 1
    names = {each["name"]: each for each in json.loads(ran.out)["items"]}
    assert names["WorkersGone"]["severity"] == "critical"
    assert "WorkersGone" in lienthong("alarms", "-c", config).out


def test_destination_is_shown_with_its_limits(config):
    told = json.loads(lienthong("destinations", "show", PORTAL, "-c", config, "--json").out)
    assert told["destination"]["name"] == PORTAL
    assert told["desk"]["capacity"]["concurrency"] >= 1
    assert "breaker" in lienthong("destinations", "show", PORTAL, "-c", config).out


def test_dry_run_of_a_pause_says_what_it_stops_and_stops_nothing(config):
    reason = ("--reason", "announced work")
    ran = lienthong("destinations", "pause", PORTAL, *reason, "--dry-run", "-c", config)
    assert ran.code == 0
    assert "3 lanes would stop" in ran.out
    told = json.loads(lienthong("destinations", "show", PORTAL, "-c", config, "--json").out)
    assert told["destination"]["paused_by"] is None


def test_test_of_a_partner_that_is_away_is_the_answer_no(config):
    ran = lienthong("destinations", "test", PORTAL, "--reason", "is it there", "-c", config, "--json")
    assert ran.code == 1
    trial = json.loads(ran.out)
    assert (trial["good"], trial["destination"]) == (False, PORTAL)
    assert trial["code"]


def test_refresh_that_fails_says_why(config):
    catalogue = json.loads(lienthong("destinations", "show", PORTAL, "-c", config, "--json").out)
    whole = catalogue["destination"]["catalogues"][0]
    ran = lienthong("destinations", "refresh", PORTAL, whole, "--reason", "is it there", "-c", config)
    assert ran.code == 1
    assert "not fetched" in ran.out or "parameters" in ran.out + ran.err


@pytest.mark.parametrize("command", [("backlog",), ("answers", PORTAL), ("certificates",)])
def test_what_only_reads_answers_as_a_table_and_as_json(config, command):
    assert lienthong("destinations", *command, "-c", config).code == 0
    assert json.loads(lienthong("destinations", *command, "-c", config, "--json").out)


@pytest.mark.parametrize(
    "command", [("show", "nobody"), ("answers", "nobody"), ("backlog", "--destination", "nobody")]
)
def test_destination_that_there_is_not_is_the_answer_no(config, command):
    ran = lienthong("destinations", *command, "-c", config)
    assert ran.code == 1
    assert "there is no destination nobody" in ran.err
