"""The words of the console: complete in both languages, all used, with the same placeholders; English phrases in Vietnamese."""

import ast
import itertools
import re
import string
from datetime import date
from pathlib import Path

import pytest

import gateway.console
from gateway.api.problem import KINDS
from gateway.codec.record import _ADVICE as ADVICE_BY_KEYWORD
from gateway.console.phrases import PHRASES, foreign, told
from gateway.console.words import LANGUAGES, catalogue, say
from gateway.deadlines.policy import shipped_policies

FOLDER = Path(gateway.console.__file__).parent
SOURCES = [*FOLDER.rglob("*.py"), *FOLDER.rglob("*.html")]
TEXT = "\n".join(each.read_text(encoding="utf-8") for each in sorted(SOURCES))
AREAS = {key.partition(".")[0] for key in catalogue()}
_QUOTED = re.compile(r"""["']([a-z_0-9]+)\.([\w.]*)["']""")
_COMPOSED = re.compile(r"""["']([a-z_0-9]+)\.([\w.]*)["'] ~""")
_FORMATTED = re.compile(r"""f["']([a-z_0-9]+)\.([\w.]*)\{""")
VIETNAMESE = re.compile(
    "[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.IGNORECASE
)


def whole():
    """Keys that stand in the sources as they are."""
    return {f"{area}.{rest}" for area, rest in _QUOTED.findall(TEXT) if area in AREAS}


def beginnings():
    """What composed keys begin with."""
    found = {*_COMPOSED.findall(TEXT), *_FORMATTED.findall(TEXT)}
    return tuple(f"{area}.{rest}" for area, rest in found if area in AREAS)


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_words_are_in_both_languages():
    lacking = {key for key, words in catalogue().items() if set(words) != set(LANGUAGES)}
    empty = {
        key
        for key, words in catalogue().items()
        if any(not each or each != each.strip() for each in words.values())
    }
    assert lacking | empty == set()


def test_placeholders_are_the_same_in_both_languages():
    differing = {
        key: words for key, words in catalogue().items() if fields(words["vi"]) != fields(words["en"])
    }
    assert differing == {}


def counted(text):
    """What follows each number in ``text``, up to where something else begins: (name, words)."""
    pieces = [*string.Formatter().parse(text)]
    for (_, name, spec, _), (following, *_) in itertools.pairwise([*pieces, ("", None, None, None)]):
        if name in NUMBERS and not spec:
            yield name, re.split(r"[^\w '-]", following)[0].split()


def test_every_placeholder_is_a_number_or_is_not():
    named = {name for words in catalogue().values() for name in fields(words["en"])}
    assert named == NUMBERS | NAMED
    assert set() == NUMBERS & NAMED


def test_english_words_of_a_number_have_their_singular():
    lacking = {
        key: (name, plural)
        for key, words in catalogue().items()
        if key not in NOT_OF_THE_NUMBER
        for name, following in counted(words["en"])
        if (plural := [each for each in following if PLURAL.fullmatch(each)])
    }
    assert lacking == {}


def test_forms_of_a_number_are_those_of_one_and_of_many():
    forms = {
        key: [spec for _, _, spec, _ in string.Formatter().parse(words["en"]) if spec]
        for key, words in catalogue().items()
    }
    halves = [spec.split("|") for each in forms.values() for spec in each]
    assert halves
    assert all(len(each) == 2 and each[0] != each[1] and all(each) for each in halves)
    assert {key for key, words in catalogue().items() if "|" in words["vi"]} == set()


@pytest.mark.parametrize(
    ("key", "values", "said"),
    [
        ("failures.summary", {"count": "1", "groups": "1"}, "1 delivery is stuck, of 1 cause."),
        ("failures.summary", {"count": "1.000", "groups": "2"}, "1.000 deliveries are stuck, of 2 causes."),
        ("failures.summary", {"count": 0, "groups": 0}, "0 deliveries are stuck, of 0 causes."),
        ("jobs.cron_every_minutes", {"number": 1}, "Every minute"),
        ("jobs.cron_every_minutes", {"number": "15"}, "Every 15 minutes"),
        ("payments.questions", {"count": 1}, "asked once"),
        ("payments.questions", {"count": 3}, "asked 3 times"),
    ],
)
def test_english_words_go_by_their_number(key, values, said):
    assert say("en", key, **values) == said


def test_values_with_braces_and_bars_are_said_as_they_are():
    assert say("en", "accounts.revoked", count=1, name="{count:a|b}") == "1 session of {count:a|b} ended."


def test_vietnamese_words_are_spelt_in_one_way():
    older = re.compile(r"\b(?:kh|h|x|th|t|ho|m)o[áàảãạ]\b|\bhuỷ\b|\buỷ\b|\bthuỷ\b", re.IGNORECASE)
    assert {key for key, words in catalogue().items() if older.search(words["vi"])} == set()


def test_no_english_words_have_vietnamese_letters():
    mixed = {key for key, words in catalogue().items() if VIETNAMESE.search(words["en"])}
    assert mixed <= OFFICIAL


def test_every_key_is_used():
    used, composed = whole(), beginnings()
    phrases = {each.key for each in PHRASES}
    unused = {key for key in catalogue() if key not in used | phrases and not key.startswith(composed)}
    assert unused == set()


def test_every_key_that_is_named_is_there():
    named = set(re.findall(r"""\bt\(\s*["']([a-z_]+\.[\w.]+)["']\s*[,)]""", TEXT))
    assert named - set(catalogue()) == set()


def test_every_refusal_says_what_to_do():
    missing = {code for code in KINDS if f"problem.{code}" not in catalogue()}
    assert missing | {code for code in KINDS if f"problem.do_{code}" not in catalogue()} == set()


@pytest.mark.parametrize(
    ("english", "vietnamese"),
    [
        ("until 2026-12-23T00:20:54+00:00", "đến hết 23/12/2026"),
        ("until 2026-12-22T18:20:54+00:00", "đến hết 23/12/2026"),
        ("the dossier is not over: it is processing", "hồ sơ chưa kết thúc (đang ở trạng thái "),
        ("no connection: ConnectionRefusedError: [Errno 111] Connection refused", "không kết nối được"),
        ("no connection: [Errno 101] Network is unreachable", "không kết nối được ([Errno 101] Network"),
        ("no answer within the read timeout", "đối tác không trả lời kịp"),
        ("sent, effect unknown; the partner has no question for it", "đã gửi, chưa rõ kết quả"),
        ("KeyError while interpreting", "lỗi của bộ kết nối (KeyError)"),
        ("the portal has an older state of the dossier", "Cổng đang giữ trạng thái cũ hơn"),
        ("HTTP 503", "mã HTTP 503"),
        (
            "delivery 7 is delivered; only what was rejected or parked can be corrected",
            "Bản tin 7 không ở tình trạng sửa được",
        ),
        ("approval 12 is declined already, by console/binh", "Yêu cầu số 12 đã có kết quả: không đồng ý."),
    ],
)
def test_what_the_gateway_says_in_english_is_said_in_vietnamese(english, vietnamese):
    assert told("vi", english).startswith(vietnamese)
    assert told("en", english) == english


def test_sources_of_the_shipped_rules_are_said_in_vietnamese():
    source = shipped_policies().policy_for("1.000001", date(2026, 3, 2)).source
    assert told("vi", source).startswith("Nghị định 61/2018/NĐ-CP, Điều 19 khoản 4: tính lại thời hạn từ đầu")


def test_what_nobody_has_translated_is_marked_as_english():
    assert foreign("vi", "something quite new")
    assert told("vi", "something quite new") == "something quite new"
    assert not foreign("en", "something quite new")
    assert not foreign("vi", "đã xong")


def codes_of_findings():
    """Every code that reading, correcting and encoding a dossier may find fault with, from the sources themselves."""
    root = FOLDER.parent.parent
    folders = [root / "adapters", root / "mappings", root / "gateway" / "mapping"]
    files = [each for folder in folders for each in folder.rglob("*.py")]
    files += [
        root / "gateway" / each for each in ("codec/record.py", "delivery/editable.py", "delivery/editing.py")
    ]
    for file in files:
        if not re.search("simulator|stand_in|sandbox", str(file)):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call):
                    yield from _code_in(call)


def _code_in(call):
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    place = {"Unfit": 0, "_violation": 1}.get(name)
    given = [each.value for each in call.keywords if name == "Violation" and each.arg == "code"]
    given += [] if place is None else call.args[place : place + 1]
    yield from (each.value for each in given if isinstance(each, ast.Constant))


def test_every_finding_of_a_correction_is_said_in_vietnamese():
    rules = (FOLDER.parent.parent / "mappings" / "construction" / "rules.py").read_text(encoding="utf-8")
    of_a_rule = set(re.findall(r'"(R\d+)"', rules))  # the construction ministry's own numbers
    codes = {*codes_of_findings(), *ADVICE_BY_KEYWORD, *of_a_rule}
    assert len(codes) > 50
    assert of_a_rule == {f"R{number}" for number in range(1, 13)}
    assert {code for code in codes if f"findings.{code}" not in catalogue()} == set()


SUMMARIES = """
    delivery/catalogues jobs/log_verification jobs/retention jobs/tidying payments/receipts payments/reconcile
    payments/sweep progress/feed progress/poll reports/job statussync/drift statussync/reassess statussync/sweep
"""


def keys_of_summaries():
    """What the jobs write down of their runs, from the sources themselves."""
    for name in SUMMARIES.split():
        source = (FOLDER.parent / f"{name}.py").read_text(encoding="utf-8")
        for made in ast.walk(ast.parse(source)):
            returns = made.returns if isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef) else None
            if returns is not None and ast.unparse(returns) in {"Summary", "dict[str, Any]"}:
                found = [each.keys for each in ast.walk(made) if isinstance(each, ast.Dict)]
                yield from (key.value for key in itertools.chain(*found) if isinstance(key, ast.Constant))


def test_every_figure_of_a_run_has_its_words():
    keys = set(keys_of_summaries())
    assert len(keys) > 40
    assert {key for key in keys if f"jobs.key_{key}" not in catalogue()} == set()


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda each: each.key)
def test_every_phrase_has_words_for_what_it_finds(phrase):
    assert fields(catalogue()[phrase.key]["vi"]) <= set(phrase.sentence.groupindex)


OFFICIAL = {"layout.language", "reconciliation.file_columns"}
"""Keys whose English words are Vietnamese, which the templates mark as such."""

_NUMBERS = """
    begun checked count days delivered denominator done dossiers entries failed failures goal groups hours kept lanes
    least line looked minute minutes most ms now number numerator ours pace percent place proven pruned rate run sent
    share shortest shown size status total under_way upto working working_days
"""
NUMBERS = set(_NUMBERS.split())
"""Placeholders that numbers stand in for, in some of the words at least."""
_NAMED = """
    action amount asked at by calendar catalogue clock code connect cron cutoff day destination document dossier failure
    field file first form here instant job key last left length longest months name names of operation parameters partner
    read reference repeat right rules said scope since state target text time times title transaction trouble until version
    who why worst
"""
NAMED = set(_NAMED.split())
PLURAL = re.compile(r"(?!(?:is|was|has|its|this|less|ms)$)[a-z]+s|are|were|have|take|wait|fail|stop")
NOT_OF_THE_NUMBER = {"phrases.parameters", "phrases.to_oneself"}
"""A part of so many ("1 of the query parameters"), and a number that is a name ("Approval 1 gives")."""
