"""What the demo says: complete in both languages, honest about what went wrong."""

from __future__ import annotations

import io
import re
from pathlib import Path
from string import Formatter

import msgspec
import pytest
from rich.console import Console

from gateway.cli.comparison import Difference, Verdict
from gateway.cli.demo.handled import Handled
from gateway.cli.demo.kinds import ENDINGS, KINDS, Doubts, settled_doubts, troubles
from gateway.cli.demo.ministry import MINISTRIES
from gateway.cli.demo.paying import Paid
from gateway.cli.demo.reading import Done, Figures
from gateway.cli.demo.stage import Result
from gateway.cli.demo.summary import Summary
from gateway.cli.demo.words import TEXTS, Language, figure, say
from gateway.cli.importing.verdict import Tally
from gateway.cli.importing.verdict import Verdict as LineVerdict
from gateway.cli.sandbox import Faults
from gateway.deadlines.classify import Verdict as Class
from gateway.storage.tallies import AttemptCount, DoubtCount


def verdict(**changes) -> Verdict:
    usual = {"compared": 560, "in_step": 560, "absent": 0, "steps": 4915, "differences": []}
    counts = dict.fromkeys(("missing", "out_of_order", "duplicated", "different"), 0)
    return Verdict(**{**usual, **counts, **changes})


def result(*, left: int = 0, refused: int = 0, judged: Verdict | None = None) -> Result:
    imported = Tally()
    for number in range(refused):
        imported.add(LineVerdict(line=number, result="refused"))
    return Result(
        figures=Figures(
            dossiers=Done(done=700, all=700, replaced=170),
            steps=Done(done=4915 - left, all=4915, replaced=0),
            troubles={"no_connection": 5, "other": 1},
            dossier_doubts=Doubts(found=3, resent=4),
            step_doubts=Doubts(found=5, open=1),
            calls=1800,
            breaker_open=False,
            advancing=0,
        ),
        imported=imported,
        verdict=judged or verdict(),
        classes={str(each): 1 for each in Class},
        disputed=2,
        injected={"lost_reply": 4},
        seconds=17.0,
    )


def money(**changes) -> Paid:
    counts = {"asked": 60, "paid": 58, "by_callback": 45, "by_question": 12, "by_people": 1, "repeated": 15}
    wrong = dict.fromkeys(("settled_twice", "unpaid_shown_paid", "paid_shown_unpaid"), 0)
    sums = {"amount_theirs": 72_895_000, "amount_ours": 72_895_000, "refused": 24, "receipts": 55}
    return Paid(**{**counts, **sums, **wrong, **changes})


def shown(told: Result, language: Language) -> str:
    stream = io.StringIO()
    Summary(Console(file=stream, width=120, color_system=None), language).print(told, Path("kept"))
    return stream.getvalue()


def test_every_text_has_both_languages_with_the_same_places():
    for name, (vietnamese, english) in TEXTS.items():
        assert vietnamese.strip(), name
        assert english.strip(), name
        places = [{part[1] for part in Formatter().parse(text) if part[1]} for text in (vietnamese, english)]
        assert places[0] == places[1], name


@pytest.mark.parametrize("language", list(Language))
def test_everything_that_can_be_counted_has_a_text(language):
    names = [f"kind.{kind}" for kind in (*KINDS, "other")]
    names += [f"class.{each.lower()}" for each in Class]
    names += [f"faults.{each}" for each in Faults]
    names += [f"doubt.{name}" for name in ENDINGS]
    names += [f"ministry.{name}" for name in MINISTRIES]
    for name in names:
        assert say(language, name)


def test_directors_summary_decides_in_one_line():
    assert re.search(r"missing 0 +out of order 0 +duplicated 0 +different 0", shown(result(), Language.EN))
    vietnamese = shown(result(), Language.VI)
    assert re.search(r"Thiếu \(missing\) 0 +Sai thứ tự \(out of order\) 0", vietnamese)
    assert "KHỚP HOÀN TOÀN" in vietnamese


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (result(left=1), "not delivered"),
        (result(refused=2), "Lines refused at import"),
        (result(judged=verdict(missing=1)), "missing 1"),
        (result(judged=verdict(out_of_order=1)), "out of order 1"),
        (result(judged=verdict(duplicated=1)), "duplicated 1"),
        (result(judged=verdict(different=1)), "different 1"),
        (result(judged=verdict(compared=0, in_step=0)), "NOT IN STEP"),
    ],
)
def test_nothing_that_went_wrong_passes_as_success(told, says):
    assert not told.holds
    text = shown(told, Language.EN)
    assert says in text
    assert "NOT IN STEP" in text


def test_doubts_are_told_by_kind_and_by_how_they_ended():
    text = shown(result(), Language.EN)
    assert re.search(r"it had it → not sent again +3 +5", text)
    assert re.search(r"did not have it → sent again +4 +0", text)
    assert re.search(r"Still open +0 +1", text)
    assert "newer state took its place" not in text


def test_differences_are_told_one_by_one():
    one = Difference(kind="different", dossier="H99-1", what="status", expected="9", got="4")
    assert "H99-1 status: 9 ≠ 4" in shown(result(judged=verdict(different=1, differences=[one])), Language.EN)


def test_success_needs_both_sides_and_everything_delivered():
    assert result().holds


def test_unknown_trouble_is_counted_as_other_and_questions_are_no_retries():
    def attempt(kind, outcome, code):
        return AttemptCount(operation="step", kind=kind, outcome=outcome, code=code, count=2)

    found = troubles(
        [
            attempt("send", "accepted", "accepted"),
            attempt("send", "in_doubt", "timeout"),
            attempt("send", "deferred", "never_heard_of"),
            attempt("query", "deferred", "absent"),
        ]
    )
    assert found == {"no_answer": 2, "other": 2}


def test_every_doubt_has_an_ending():
    def doubt(state, code):
        return DoubtCount(operation="step", state=state, code=code, count=1)

    rows = [doubt("delivered", "found_at_partner"), doubt("delivered", "accepted")]
    rows += [doubt("superseded", "superseded"), doubt("in_doubt", "timeout"), doubt("rejected", "x")]
    assert settled_doubts(rows) == Doubts(found=1, resent=1, replaced=1, open=2)


@pytest.mark.parametrize(("language", "steps"), [(Language.VI, "4.915"), (Language.EN, "4,915")])
def test_figures_are_written_as_the_language_does(language, steps):
    told = shown(result(), language)
    other = steps.translate(str.maketrans(".,", ",."))

    assert told.count(steps) == 2  # the table, and the title of the comparison
    assert other not in told
    assert figure(language, 1_234_567) == ("1.234.567" if language is Language.VI else "1,234,567")
    assert say(language, "catalogues", count=1044, entries=5).count(figure(language, 1044)) == 1


@pytest.mark.parametrize("language", list(Language))
def test_equal_ledgers_are_told_in_the_words_of_a_director(language):
    told = shown(msgspec.structs.replace(result(), payments=money()), language)
    assert say(language, "money.holds") in told
    assert figure(language, 72_895_000) in told
    assert msgspec.structs.replace(result(), payments=money()).holds


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_ours": 1},
        {"settled_twice": 1},
        {"unpaid_shown_paid": 1},
        {"paid_shown_unpaid": 1},
        {"paid": 0},
    ],
)
def test_a_difference_of_the_ledgers_fails_the_demo(wrong):
    told = msgspec.structs.replace(result(), payments=money(**wrong))
    assert not told.holds
    assert say(Language.VI, "money.fails") in shown(told, Language.VI)


def handled(**changes) -> Handled:
    counts = {"asked": 12, "supplemented": 3, "results": 12, "attached": 15, "sent_files": 15}
    counts |= {"result_files": 12, "portal": 12, "lost": 0, "twice": 0, "out_of_order": 0}
    return Handled(name="judicial_records", **{**counts, **changes})


@pytest.mark.parametrize("language", list(Language))
def test_what_the_ministries_have_is_told_in_one_table(language):
    told = msgspec.structs.replace(result(), ministries=(handled(asked=12),))
    text = shown(told, language)
    assert told.holds
    assert say(language, "ministries.hold") in text
    assert re.search(rf"{re.escape(say(language, 'came_back'))} +12 ", text)
    assert re.search(r"\(lost\) 0|lost 0", text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"results": 11},
        {"supplemented": 0},
        {"sent_files": 14},
        {"result_files": 11},
        {"portal": 11},
        {"lost": 1},
        {"twice": 1},
        {"out_of_order": 1},
        {"asked": 0, "results": 0, "result_files": 0, "portal": 0},
    ],
)
def test_one_request_that_went_wrong_at_a_ministry_fails_the_demo(wrong):
    told = msgspec.structs.replace(result(), ministries=(handled(), handled(**wrong)))
    assert not told.holds
    assert say(Language.VI, "ministries.fail") in shown(told, Language.VI)
