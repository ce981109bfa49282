"""``lienthong accounts`` on a database of its own, as somebody at a terminal runs it."""

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from gateway.cli.exits import guarded
from gateway.cli.main import app
from gateway.storage.migrate import upgrade


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'x.db'}"
    upgrade(url)
    (tmp_path / "lienthong.toml").write_text(f'[database]\nurl = "{url}"\n', encoding="utf-8")

    def command(*words, given=""):
        found = {}

        def inner():
            found["result"] = CliRunner().invoke(
                app, ["accounts", *words], input=given, catch_exceptions=False
            )

        code = guarded(inner)
        result = found.get("result")
        return (code or result.exit_code if result else code), result.stdout if result else ""

    return command


def test_first_administrator_is_made_with_a_password_shown_once(run, tmp_path):
    code, shown = run("add", "quan.tri", "--role", "administrator", "--generate")
    password = shown.strip()
    assert (code, len(password)) == (0, 23)
    [listed] = json.loads(run("list", "--json")[1])
    assert (listed["name"], listed["roles"], listed["must_change"]) == ("quan.tri", ["administrator"], True)
    assert password.encode() not in (tmp_path / "x.db").read_bytes()


def test_password_comes_on_standard_input_and_has_to_be_fit(run):
    assert run("add", "an", "--role", "operator", given="mot cau dai de nho\n")[0] == 0
    assert run("add", "binh", "--role", "operator", given="ngan\n")[0] == 2
    assert [each["name"] for each in json.loads(run("list", "--json")[1])] == ["an"]


def test_password_is_no_option(run):
    assert run("add", "an", "--role", "operator", "--password", "x")[0] == 2


def test_account_is_changed_and_every_change_is_written_down(run, tmp_path):
    run("add", "an", "--role", "operator", "--generate")
    for words in (
        ("roles", "an", "--role", "auditor", "--reason", "thay việc"),
        ("disable", "an", "--reason", "nghỉ phép"),
        ("enable", "an", "--reason", "trở lại"),
        ("unlock", "an", "--reason", "chính chủ"),
        ("password", "an", "--generate", "--reason", "quên"),
        ("revoke", "an", "--reason", "mất máy"),
    ):
        assert run(*words)[0] == 0, words
    assert run("disable", "an", "--reason", "x")[0] == 2
    assert run("disable", "ai.do", "--reason", "không có")[0] == 1
    with sqlite3.connect(tmp_path / "x.db") as database:
        rows = database.execute(
            "SELECT action, reason, message_id FROM operator_action ORDER BY id"
        ).fetchall()
    assert [row[0].partition(".")[2] for row in rows] == [
        *("create", "roles", "disable", "enable", "unlock", "password", "revoke")
    ]
    assert all(row[2] for row in rows)
    assert rows[1][1] == "thay việc"


def test_sessions_of_an_account_are_listed(run):
    run("add", "an", "--role", "operator", "--generate")
    assert run("sessions", "an", "--json") == (0, "[]\n")
    assert run("sessions", "ai.do", "--json")[0] == 1


def test_unknown_role_is_refused_with_those_that_there_are(run):
    assert run("add", "an", "--role", "emperor", "--generate")[0] == 2
