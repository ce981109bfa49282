"""How runs end for a shell, and how they read."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from gateway.cli.sync.bar import pace_of
from gateway.cli.sync.command import Change, _code_of, _parameters
from gateway.cli.sync.tables import told
from gateway.storage.queries_jobs import RunView

BEGAN = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)


def run(state="done", **fields):
    ended = None if state in {"queued", "running"} else BEGAN + timedelta(seconds=75)
    values = {
        "id": "4711",
        "job": "drift",
        "state": state,
        "trigger": "operator",
        "actor": "cli:mai",
        "dry_run": False,
        "parameters": {},
        "started_at": BEGAN,
        "ended_at": ended,
        "done": 0,
        "total": None,
        "rate": None,
        "seconds_left": None,
        "watermark": None,
        "answer": "yes" if state == "done" else None,
        "summary": {},
        "failure": None,
        "stop_by": None,
        "host": None,
        "pid": None,
    }
    return RunView(**{**values, **fields})


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (run(), 0),
        (run(answer="no"), 1),
        (run("failed", failure="the portal is closed"), 3),
        (run("interrupted", failure="stopped by cli:mai"), 3),
        (run("running"), 3),
        (run("queued"), 3),
    ],
    ids=["done", "no", "failed", "interrupted", "running", "queued"],
)
def test_shell_is_told_by_the_exit_code(view, code):
    assert _code_of(view) == code


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (run("queued"), "waits for a worker"),
        (run("running"), "0"),
        (run("running", done=1500), "1,500"),
        (
            run("running", done=1500, total=100_000, rate=20.0, seconds_left=4925.0),
            "1,500 of 100,000, 20.0/s, 1 h 22 min left",
        ),
        (run(done=3, total=3, rate=0.04), "3 of 3, 0.0/s"),
    ],
)
def test_pace_is_told_in_words(view, words):
    assert pace_of(view) == words


def test_person_who_waited_reads_what_was_found():
    assert told(run(answer="no", done=12, total=12, rate=0.2, summary={"drift": 3, "answer": "no"})) == [
        "run 4711 of drift: done, the answer is no, after 1 min 15 s: 12 of 12, 0.2/s",
        "  drift: 3",
        "  answer: no",
    ]
    assert told(run("failed", failure="the portal is closed", dry_run=True)) == [
        "run 4711 of drift (dry run): failed: the portal is closed, after 1 min 15 s"
    ]
    assert told(run("queued")) == ["run 4711 of drift: queued"]


def test_parameters_are_split_at_the_first_sign():
    assert _parameters(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("given", [["a"], ["=1"], [""], ["a=1", "a=2"]])
def test_parameters_that_are_none_are_a_matter_of_usage(given):
    with pytest.raises(typer.BadParameter):
        _parameters(given)


def test_change_of_a_schedule_has_only_what_was_given():
    assert Change().fields == {}
    assert Change(cron="* * * * *", enabled=False).fields == {"cron": "* * * * *", "enabled": False}
    assert Change(reset=True).require_sense("tidy") is True
    assert Change().require_sense(None) is False
