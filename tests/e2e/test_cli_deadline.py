"""``lienthong deadline`` as programs and operators use it: lines in, lines out, the calendar."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gateway.deadlines.calendar import read_calendar, shipped_calendar
from tests.e2e.cli import ROOT, environment, lienthong

AT = "2026-03-02T09:00:00+07:00"


def question(
    number: object, received: object, value: object, unit: object, **more: object
) -> dict[str, object]:
    return {"id": number, "received_at": received, "duration": {"value": value, "unit": unit}, **more}


def dossier(number: object, **changes: object) -> dict[str, object]:
    usual = {
        "id": number,
        "state": 9,
        "received_at": AT,
        "due_at": "2026-03-05T09:00:00+07:00",
        "finished_at": "2026-03-05T16:30:00+07:00",
        "waiting_since": None,
        "as_of": "2026-03-20T09:00:00+07:00",
    }
    return {**usual, **changes}


def lines(documents) -> bytes:
    encoded = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in documents)
    return b"\n".join(encoded) + b"\n"


def asked(command: str, documents, *arguments) -> tuple[int, list[dict]]:
    """Exit code and answers for ``documents`` on standard input."""
    ran = lienthong("deadline", command, "-", *arguments, stdin=lines(documents))
    return ran.code, [json.loads(line) for line in ran.out.splitlines()]


def test_dues_are_computed_line_by_line():
    code, found = asked(
        "compute",
        [
            question("A03", "2026-03-06T17:30:00+07:00", 1, "working_days"),
            question(2, "2026-01-31T09:00:00+07:00", 1, "calendar_months"),
            question("B02", "2026-03-05T09:00:00+07:00", 2, "calendar_days"),
            question("C09", "2026-03-02T07:00:00+07:00", 8, "working_hours"),
            question("D03", "2026-03-02T15:01:00+07:00", 1, "same_day"),
            {"id": "none", "received_at": "2026-03-02T07:59:00Z", "duration": {"unit": "same_day"}},
        ],
    )
    assert code == 0
    assert found == [
        {"id": "A03", "due_at": "2026-03-10T07:00:00+07:00", "legal_last_day": "2026-03-09"},
        {"id": 2, "due_at": "2026-03-02T07:00:00+07:00", "legal_last_day": "2026-03-02"},
        {"id": "B02", "due_at": "2026-03-09T09:00:00+07:00", "legal_last_day": "2026-03-09"},
        {"id": "C09", "due_at": "2026-03-02T17:00:00+07:00", "legal_last_day": "2026-03-02"},
        {"id": "D03", "due_at": "2026-03-03T17:00:00+07:00", "legal_last_day": "2026-03-03"},
        {"id": "none", "due_at": "2026-03-02T17:00:00+07:00", "legal_last_day": "2026-03-02"},
    ]


def test_windows_may_be_given_with_a_line_in_several_forms():  # C07
    forms = (
        ["07:30-11:30", "13:00-17:00"],
        [["07:30", "11:30"], ["13:00", "17:00"]],
        [{"start": "07:30", "end": "11:30"}, {"start": "13:00", "end": "17:00"}],
        "07:30-11:30, 13:00-17:00",
    )
    told = [question("C07", "2026-03-02T10:00:00+07:00", 8, "working_hours", windows=form) for form in forms]
    code, found = asked("compute", told)
    assert (code, [each["due_at"] for each in found]) == (0, ["2026-03-03T10:00:00+07:00"] * 4)


# line, pointer, something that is expected
REFUSED_QUESTIONS = (
    (question("a", "2026-03-06T16:00:00", 1, "working_days"), "/received_at", "offset"),
    (question("b", "20260306", 1, "working_days"), "/received_at", "offset"),
    (question("c", "2026-03-06", 1, "working_days"), "/received_at", "offset"),
    (question("d", None, 1, "working_days"), "/received_at", "offset"),
    (question("e", "2026-02-30T10:00:00+07:00", 1, "working_days"), "/received_at", "exists"),
    (question("f", "9999-12-31T10:00:00+07:00", 1, "working_days"), "/received_at", "year"),
    (
        question("g", "2031-03-06T16:00:00+07:00", 1, "working_days"),
        "/received_at",
        "2024-01-01 to 2027-12-31",
    ),
    (question("h", 1772766000, 1, "working_days"), "/received_at", "offset"),
    (question("i", AT, 1, "days"), "/duration/unit", "working_days"),
    (question("j", AT, 1, None), "/duration/unit", "working_days"),
    (question("k", AT, "3", "working_days"), "/duration/value", "number"),
    (question("l", AT, None, "working_days"), "/duration/value", "number"),
    (question("m", AT, 1.5, "working_days"), "/duration/value", "whole number"),
    (question("n", AT, -1, "calendar_days"), "/duration/value", "whole number"),
    (question("o", AT, True, "calendar_days"), "/duration/value", "number"),
    (question("p", AT, 10**30, "calendar_days"), "/duration/value", "whole number"),
    (question("q", AT, 1, "working_days", windows=["17:00-07:00"]), "/windows", "in order"),
    (question("r", AT, 1, "working_days", windows=7), "/windows", "windows like"),
    (question("s", AT, 1, "working_days", windows=[]), "/windows", "at least one"),
    ({"id": "t", "received_at": AT, "duration": 3}, "/duration", "object"),
    (question(None, AT, 1, "working_days"), "/id", "text"),
    (question([1], AT, 1, "working_days"), "/id", "text"),
)


def test_each_bad_line_has_its_error_and_the_rest_goes_on():
    good = question("good", AT, 1, "working_days")
    documents = [good, *(line for line, _, _ in REFUSED_QUESTIONS), b"{bad", b"[1]", b'"\xff"', good]
    code, found = asked("compute", documents)
    assert code == 1
    assert len(found) == len(documents)
    assert "due_at" in found[0]
    assert "due_at" in found[-1]
    for place, (line, pointer, expected) in enumerate(REFUSED_QUESTIONS, start=2):
        told = found[place - 1]
        assert (told["line"], told["error"]["pointer"]) == (place, pointer), line
        assert expected in told["error"]["expected"], line
        assert set(told["error"]) == {"pointer", "got", "expected"}
    assert [told["error"]["pointer"] for told in found[-4:-1]] == [""] * 3
    assert [told["id"] for told in found[-4:-1]] == [None] * 3


def test_lines_are_numbered_as_in_the_file_and_blank_ones_have_no_answer(tmp_path):
    file = tmp_path / "questions.jsonl"
    good = json.dumps(question(1, AT, 1, "working_days"))
    file.write_text(f"\ufeff{good}\n\n   \r\n{{}}\r\n{good}")
    ran = lienthong("deadline", "compute", file)
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, [told.get("line") for told in found]) == (1, [None, 4, None])
    assert "refused lines: 1" in ran.err


def test_endless_line_is_refused_and_the_next_one_answered():
    endless = json.dumps({"id": "x" * 2_000_000}).encode()
    code, found = asked("compute", [endless, question(1, AT, 1, "working_days")])
    assert code == 1
    assert "1048576 bytes" in found[0]["error"]["expected"]
    assert found[1]["id"] == 1


def test_dossiers_are_classified_line_by_line():
    code, found = asked(
        "classify",
        [
            dossier("G04"),
            dossier("G07", due_at=None, finished_at="2026-03-20T08:00:00+07:00"),
            dossier("G10", finished_at=None),
            dossier("G11", finished_at="2026-03-01T08:00:00+07:00"),
            dossier("H03", state=4, finished_at=None, as_of="2026-03-05T08:00:00+07:00"),
            dossier("E05", state=5, finished_at=None, waiting_since="2026-03-11T08:00:00+07:00"),
            dossier("H09", state=1, received_at=None, due_at=None, finished_at=None),
            dossier("T02", state=4, due_at="2026-03-20T00:00:00+07:00", finished_at=None),
            dossier("utc", due_at="2026-03-05T02:00:00Z"),
        ],
    )
    assert code == 0
    assert [(told["id"], told["by_date"], told["by_instant"], told["flags"]) for told in found] == [
        ("G04", "ON_TIME", "LATE", ["DATE_INSTANT_DIFFER"]),
        ("G07", "ON_TIME", "ON_TIME", ["NO_DUE"]),
        ("G10", "DATA_ERROR", "DATA_ERROR", ["NO_END_TIME"]),
        ("G11", "DATA_ERROR", "DATA_ERROR", ["END_BEFORE_RECEPTION"]),
        ("H03", "IN_TIME", "IN_TIME", ["DUE_TODAY", "NEAR_DUE"]),
        ("E05", "PAUSED_LATE", "PAUSED_LATE", []),
        ("H09", "NOT_COUNTED", "NOT_COUNTED", []),
        ("T02", "IN_TIME", "IN_TIME", ["DUE_TODAY", "NEAR_DUE", "MIDNIGHT_DUE"]),
        ("utc", "ON_TIME", "LATE", ["DATE_INSTANT_DIFFER"]),
    ]
    assert all(set(told) == {"id", "by_date", "by_instant", "flags"} for told in found)


# change, pointer
REFUSED_DOSSIERS = (
    ({"state": 0}, "/state"),
    ({"state": 11}, "/state"),
    ({"state": "9"}, "/state"),
    ({"state": True}, "/state"),
    ({"state": None}, "/state"),
    ({"as_of": None}, "/as_of"),
    ({"as_of": "now"}, "/as_of"),
    ({"due_at": "20260305"}, "/due_at"),
    ({"due_at": "2026-03-05"}, "/due_at"),
    ({"due_at": "2026-03-05T09:00:00"}, "/due_at"),
    ({"due_at": ""}, "/due_at"),
    ({"due_at": "null"}, "/due_at"),
    ({"due_at": "9999-12-31T23:59:59+07:00"}, "/due_at"),
    ({"finished_at": "2026-03-05 16:30:00+07:00"}, "/finished_at"),
    ({"received_at": 20260302090000}, "/received_at"),
    ({"waiting_since": {}}, "/waiting_since"),
)


def test_dossier_that_is_not_understood_is_refused_and_never_on_time():
    documents = [dossier(str(place), **changes) for place, (changes, _) in enumerate(REFUSED_DOSSIERS)]
    code, found = asked("classify", documents)
    assert code == 1
    assert [(told["id"], told["line"], told["error"]["pointer"]) for told in found] == [
        (str(place), place + 1, pointer) for place, (_, pointer) in enumerate(REFUSED_DOSSIERS)
    ]


def test_answer_comes_before_the_next_question():
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "deadline", "compute", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
    ) as process:
        for number in range(3):
            process.stdin.write(lines([question(number, AT, 1, "working_days")]))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
    assert process.returncode == 0


def test_file_that_is_not_there_is_a_usage_error():
    ran = lienthong("deadline", "compute", "no-such-file.jsonl")
    assert ran.code == 2
    assert "no-such-file.jsonl" in ran.err


# the calendar


FESTIVAL = {
    "on": "2026-03-04",
    "works": False,
    "name": "festival",
    "certainty": "confirmed",
    "source": "Decision 12/QĐ-UBND",
}


@pytest.fixture
def changed(tmp_path):
    """The shipped calendar with one more day off, as a file."""
    document = json.loads((ROOT / "gateway/deadlines/data/vn_calendar.json").read_bytes())
    document["days"].append(FESTIVAL)
    document["version"] = "vn-2026.2"
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    return path


def test_calendar_is_shown_with_sources():
    ran = lienthong("deadline", "calendar", "show", "--year", 2026, "--json")
    shown = ran.json
    assert (ran.code, shown["version"], shown["years"]) == (
        0,
        shipped_calendar().version,
        [{"year": 2026, "working_days": 249}],
    )
    assert all(day["source"] and day["certainty"] for day in shown["days"])
    assert "12729/VPCP-KGVX" in lienthong("deadline", "calendar", "show").out


def test_calendars_are_compared(changed):
    ran = lienthong("deadline", "calendar", "diff", changed, "--json")
    assert ran.code == 1
    assert [(day["on"], day["after"], day["source"]) for day in ran.json["days"]] == [
        ("2026-03-04", [], "Decision 12/QĐ-UBND")
    ]
    assert "festival" in lienthong("deadline", "calendar", "diff", changed).out
    same = lienthong("deadline", "calendar", "diff", "shipped")
    assert (same.code, "every day is the same" in same.out) == (0, True)


def test_calendar_is_imported_and_then_in_force(tmp_path, changed):
    target = tmp_path / "calendar.json"
    config = tmp_path / "lienthong.toml"
    config.write_text(f'[deadlines]\ncalendar = "{target}"\n')
    told = question(1, "2026-03-03T09:00:00+07:00", 1, "working_days")
    assert lienthong("deadline", "calendar", "import", changed, "-c", config, "--dry-run").code == 0
    assert not target.exists()
    assert lienthong("deadline", "calendar", "import", changed, "-c", config).code == 0
    assert read_calendar(target.read_bytes()).version == "vn-2026.2"
    _, (found,) = asked("compute", [told], "-c", config)
    assert found["due_at"] == "2026-03-05T09:00:00+07:00"
    _, (other,) = asked("compute", [told])
    assert other["due_at"] == "2026-03-04T09:00:00+07:00"
    _, (third,) = asked("compute", [told], "--calendar", changed)
    assert third == found


def test_office_has_its_own_calendar(tmp_path):
    config = tmp_path / "lienthong.toml"
    days = tmp_path / "ward.json"
    days.write_text(json.dumps({"name": "ward 7", "days": [FESTIVAL]}))
    config.write_text(f'[deadlines.offices."000.00.07.H99"]\ndays = "{days}"\nwindows = ["08:00-12:00"]\n')
    told = question(1, "2026-03-03T09:00:00+07:00", 4, "working_hours")
    _, (found,) = asked("compute", [told], "-c", config, "--office", "000.00.07.H99")
    assert found["due_at"] == "2026-03-05T09:00:00+07:00"
    ran = lienthong("deadline", "compute", "-", "-c", config, "--office", "H1", stdin=lines([told]))
    assert ran.code == 2
    assert "000.00.07.H99" in ran.err


def test_calendar_that_must_not_be_imported_is_refused(tmp_path, changed):
    target = tmp_path / "calendar.json"
    document = json.loads(changed.read_text())
    refused = {
        "same version": ({"version": shipped_calendar().version}, 1, "version of its own"),
        "fewer days": ({"last_day": "2026-12-31", "days": [FESTIVAL]}, 1, "--lose-days"),
        "no version": ({"version": ""}, 1, "needs a version"),
        "unknown field": ({"holydays": []}, 1, "holydays"),
    }
    for name, (change, code, says) in refused.items():
        changed.write_text(json.dumps({**document, **change}))
        ran = lienthong("deadline", "calendar", "import", changed, "--to", target)
        assert (ran.code, target.exists()) == (code, False), name
        assert says in ran.err, name
    changed.write_text(json.dumps({**document, "last_day": "2026-12-31", "days": [FESTIVAL]}))
    assert lienthong("deadline", "calendar", "import", changed, "--to", target, "--lose-days").code == 0
    assert target.exists()


def test_import_needs_a_place():
    ran = lienthong("deadline", "calendar", "import", "gateway/deadlines/data/vn_calendar.json")
    assert ran.code == 2
    assert "deadlines.calendar" in ran.err


def test_checks_that_a_calendar_would_change_are_listed(tmp_path, changed):
    file = tmp_path / "questions.jsonl"
    over = question("over it", "2026-03-03T09:00:00+07:00", 1, "working_days")
    before = question("before it", "2026-02-25T09:00:00+07:00", 1, "working_days")
    file.write_bytes(lines([over, before]))
    ran = lienthong("deadline", "calendar", "check", changed, file, "--json")
    assert (ran.code, [each["id"] for each in ran.json["changed"]]) == (0, ["over it"])
    assert (
        "1 checks change; no declared due date does"
        in lienthong("deadline", "calendar", "check", changed, file).out
    )
    file.write_bytes(lines([over, {}]))
    ran = lienthong("deadline", "calendar", "check", changed, file)
    assert ran.code == 1
    assert "line 2" in ran.err


def test_settings_decide_what_is_near(tmp_path):
    config = tmp_path / "lienthong.toml"
    config.write_text("[deadlines]\nnear_due_hours = 16\n")
    told = dossier("H01", state=4, finished_at=None, as_of="2026-03-03T09:00:00+07:00")
    assert asked("classify", [told])[1][0]["flags"] == []
    assert asked("classify", [told], "-c", config)[1][0]["flags"] == ["NEAR_DUE"]
