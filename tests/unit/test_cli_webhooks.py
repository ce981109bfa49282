"""``lienthong webhooks``: what it shows, what it changes, and with which exit code."""

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.storage.tables import metadata

KEY = "mat-khau-trong-dia-chi"
WEBHOOK = metadata.tables["webhook"]
ROW = {
    "id": "wh_5c1f",
    "url": f"https://127.0.0.1:9/hooks?token={KEY}",
    "secret": "whsec_bm90IGEgc2VjcmV0IG9mIGFueWJvZHk=",
    "kinds": '["delivery.rejected"]',
    "position": 0,
    "created_at": 1_790_000_000_000_000,
    "failures": 7,
    "failing_since": 1_790_000_000_000_000,
    "last_failure": "the endpoint answered HTTP 503",
    "next_at": 0,
    "disabled_at": 1_790_500_000_000_000,
}


@pytest.fixture
def run(sqlite_url, tmp_path):
    config = tmp_path / "lienthong.toml"
    config.write_text(
        f'[database]\nurl = "{sqlite_url}"\n[evidence]\nkeys = "{tmp_path}/keys"\n', encoding="utf-8"
    )

    def invoke(*arguments):
        return CliRunner().invoke(
            app, ["webhooks", *arguments], env={"LIENTHONG_CONFIG": str(config), "COLUMNS": "200"}
        )

    return invoke


@pytest.fixture
def engine(sqlite_url):
    opened = sa.create_engine(sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture
def given_up(engine):
    with engine.begin() as connection:
        connection.execute(WEBHOOK.insert().values(**ROW))
    return ROW["id"]


def kept(engine, table="webhook"):
    with engine.connect() as connection:
        return connection.execute(metadata.tables[table].select()).mappings().all()


def test_list_of_none_is_empty_and_well(run):
    ran = run("list", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, [])


def test_endpoint_that_was_given_up_is_the_exit_code_and_its_key_is_not_printed(run, given_up):
    ran = run("list")
    assert ran.exit_code == 1
    assert given_up in ran.stdout
    assert "HTTP 503" in ran.stdout
    assert KEY not in ran.stdout
    assert json.loads(run("list", "--json").stdout)[0]["failures"] == 7


def test_enabled_endpoint_is_due_again_and_stands_in_the_history(run, given_up, engine):
    ran = run("enable", given_up, "--reason", "its certificate was renewed", "--as", "an")
    assert ran.exit_code == 0, ran.output
    [row] = kept(engine)
    assert (row["disabled_at"], row["failures"], row["next_at"]) == (None, 0, 0)
    [action] = kept(engine, "operator_action")
    assert (action["action"], action["target"], action["actor"]) == ("webhook.enable", given_up, "cli:an")
    assert action["reason"] == "its certificate was renewed"


def test_enabling_asks_for_a_reason(run, given_up, engine):
    assert run("enable", given_up, "--reason", "").exit_code != 0
    assert kept(engine)[0]["disabled_at"] is not None


def test_test_event_that_is_not_taken_is_the_exit_code(run, given_up, engine):
    ran = run("test", given_up, "--as", "an", "--json")
    assert ran.exit_code == 1
    tested = json.loads(ran.stdout)
    assert (tested["delivered"], tested["status"]) == (False, None)
    assert "webhooks.allow" in tested["reason"]
    [action] = kept(engine, "operator_action")
    assert (action["action"], action["target"], action["actor"]) == ("webhook.test", given_up, "cli:an")


def test_unknown_endpoint_is_told(run):
    ran = run("test", "wh_none")
    assert ran.exit_code != 0
    assert "wh_none" in str(ran.exception)
