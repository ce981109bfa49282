"""Sets of options that commands share: declared once, they are the options of every command that names the set."""

import typer
from typer.testing import CliRunner

from gateway.cli.main import app as lienthong
from gateway.cli.options import Changing, Way, spread

ALL = ("--reason", "--as", "--config", "--url", "--key", "--key-file", "--json")


def command(function):
    app = typer.Typer()
    app.command()(spread(function))
    return app


def test_command_gets_the_options_of_a_set_as_one_value():
    given = []

    def act(what: str, *, by: Changing, loud: bool = False) -> None:
        given.append((what, by, loud))

    arguments = [
        "it",
        "--reason",
        "because",
        "--as",
        "Mai",
        "--url",
        "http://127.0.0.1:1",
        "--json",
        "--loud",
    ]
    ran = CliRunner().invoke(command(act), arguments, env={"LIENTHONG_API_KEY": "lt_x"})

    assert ran.exit_code == 0, ran.output
    [(what, by, loud)] = given
    assert (what, loud) == ("it", True)
    assert by == Changing(reason="because", actor="Mai", url="http://127.0.0.1:1", key="lt_x", as_json=True)
    assert by.way == Way(url="http://127.0.0.1:1", key="lt_x")


def test_what_a_set_requires_is_required_of_the_command():
    def act(*, by: Changing) -> None:
        raise AssertionError(by)

    ran = CliRunner().invoke(command(act), [])

    assert ran.exit_code == 2
    assert "--reason" in ran.output


def test_set_without_requirements_has_its_defaults():
    given = []

    def act(*, way: Way) -> None:
        given.append(way)

    assert (
        CliRunner().invoke(command(act), [], env={"LIENTHONG_API_KEY": "", "LIENTHONG_CONFIG": ""}).exit_code
        == 0
    )
    assert given == [Way()]


def test_every_command_that_changes_deliveries_takes_the_same_options():
    runner = CliRunner()
    commands = [("deliveries", name) for name in ("retry", "skip", "resolve", "hold", "release")]
    for names in (*commands, ("destinations", "pause"), ("destinations", "resume")):
        shown = runner.invoke(lienthong, [*names, "--help"], env={"COLUMNS": "200"}).output
        assert [option for option in ALL if option not in shown] == [], names
