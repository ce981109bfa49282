"""The grammar of mapping tables on its own: fields, formats, codes, responses, totality."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest

from gateway.domain.errors import ConfigurationError, GatewayError
from gateway.mapping import (
    Answer,
    CodeRow,
    CodeTable,
    Element,
    Field,
    Mark,
    ResponseTable,
    Row,
    Scope,
    Shape,
    Table,
    Unfit,
    Variant,
    Waiver,
    elements,
    fold,
    forgotten,
    local_date,
    unknown,
)
from gateway.mapping import formats as fmt


class Part(NamedTuple):
    name: str | None
    amount: object = None


class Whole(NamedTuple):
    name: str | None = None
    inner: Part | None = None
    parts: tuple[Part, ...] = ()
    kind: str | None = None
    at: datetime | None = None
    yes: bool = False


INNER = Table(
    name="inner",
    fields=(
        Field(name="Ten", source="name", required=True, max_length=5),
        Field(name="Tien", source="amount", format=fmt.digits),
    ),
)
KINDS = CodeTable(
    "Loai",
    [
        CodeRow(code="old", wire="1", valid_to=date(2024, 1, 31)),
        CodeRow(code="old", wire="2", valid_from=date(2024, 2, 1)),
        CodeRow(code="plain", wire="9", label="Thường"),
    ],
)


def encode(
    record: object, *fields: Field, on: date | None = None, **variant: Any
) -> tuple[dict[str, Any], list[Any]]:
    scope = Scope(on)
    encoder = Table(name="t", fields=fields).compile(Variant(codes={"Loai": KINDS}, **variant))
    return encoder.encode(record, scope), [(each.pointer, each.code) for each in scope.problems]


def test_a_dotted_path_follows_and_a_null_on_the_way_is_empty() -> None:
    field = Field(name="X", source="inner.name")
    assert encode(Whole(inner=Part("a")), field) == ({"X": "a"}, [])
    assert encode(Whole(), field) == ({"X": ""}, [])


def test_a_missing_value_is_reported_at_its_place_and_the_rest_is_filled() -> None:
    filled, problems = encode(
        Whole(kind="plain"),
        Field(name="A", source="name", required=True),
        Field(name="B", source="inner.name", required=True),
        Field(name="C", source="kind"),
    )
    assert filled == {"C": "plain"}
    assert problems == [("/name", "missing"), ("/inner/name", "missing")]


def test_blank_is_as_good_as_missing() -> None:
    assert encode(Whole(name=" \t "), Field(name="A", source="name", required=True))[1] == [
        ("/name", "missing")
    ]
    assert encode(Whole(name=" \t "), Field(name="A", source="name"))[0] == {"A": ""}


def test_required_under_a_condition() -> None:
    field = Field(name="A", source="name", required_when=lambda record, _: record.yes)
    assert encode(Whole(yes=True), field)[1] == [("/name", "missing")]
    assert encode(Whole(), field) == ({"A": ""}, [])


def test_variants_decide_which_elements_there_are() -> None:
    fields = (Field(name="A", source="name"), Field(name="B", source="name", variants=frozenset({"new"})))
    assert set(encode(Whole(), *fields)[0]) == {"A"}
    assert set(encode(Whole(), *fields, names=frozenset({"new"}))[0]) == {"A", "B"}


def test_a_partner_may_demand_more_than_the_table() -> None:
    assert encode(Whole(), Field(name="A", source="name"), mandatory=frozenset({"A"}))[1] == [
        ("/name", "missing")
    ]
    rows = Field(name="R", source="parts", rows=INNER)
    assert encode(Whole(), rows, mandatory=frozenset({"R"}))[1] == [("/parts", "missing")]


def test_empty_elements_can_be_left_out() -> None:
    fields = (
        Field(name="A", source="name", omit_empty=True),
        Field(name="R", source="parts", rows=INNER, omit_empty=True),
        Field(name="P", source="inner", part=INNER, omit_empty=True),
    )
    assert encode(Whole(), *fields) == ({}, [])


def test_rows_carry_their_index_and_computed_rows_their_own_pointer() -> None:
    record = Whole(parts=(Part("a", 5), Part(None)))
    plain = Field(name="R", source="parts", rows=INNER)
    assert encode(record, plain) == (
        {"R": [{"Ten": "a", "Tien": "5"}, {"Tien": ""}]},
        [("/parts/1/name", "missing")],
    )
    computed = Field(name="R", source=lambda whole, _: [("/elsewhere/7", whole.parts[1])], rows=INNER)
    assert encode(record, computed)[1] == [("/elsewhere/7/name", "missing")]


def test_an_object_inside() -> None:
    field = Field(name="P", source="inner", part=INNER)
    assert encode(Whole(inner=Part("a", 1)), field) == ({"P": {"Ten": "a", "Tien": "1"}}, [])
    assert encode(Whole(inner=Part("toolong")), field)[1] == [("/inner/name", "too_long")]
    assert encode(Whole(), field) == ({"P": ""}, [])


def test_length_is_counted_in_characters_after_normalising() -> None:
    decomposed = "ấ" * 5
    for text in (decomposed, "e\u0302\u0301" * 5):
        assert encode(Whole(name=text), Field(name="A", source="name", max_length=5))[1] == []
    assert encode(Whole(name="x" * 6), Field(name="A", source="name", max_length=5))[1] == [
        ("/name", "too_long")
    ]
    cut = encode(Whole(name="x" * 60), Field(name="A", source="name", max_length=50, shorten=True))[0]["A"]
    assert cut == "x" * 46 + "..."


def test_codes_are_written_as_they_hold_on_the_day() -> None:
    field = Field(name="K", source="kind", code="Loai")
    assert encode(Whole(kind="old"), field, on=date(2024, 1, 31))[0] == {"K": "1"}
    assert encode(Whole(kind="old"), field, on=date(2024, 2, 1))[0] == {"K": "2"}
    assert encode(Whole(kind="old"), field)[0] == {"K": "2"}
    assert encode(Whole(kind="new"), field)[1] == [("/kind", "unmapped_code")]
    assert encode(Whole(), field) == ({"K": ""}, [])


def test_all_strings_leave_no_other_type() -> None:
    fields = (
        Field(name="Y", source="yes", format=fmt.truth),
        Field(name="N", source="inner.amount", format=fmt.whole),
    )
    record = Whole(yes=True, inner=Part("a", 3))
    assert encode(record, *fields)[0] == {"Y": True, "N": 3}
    assert encode(record, *fields, strings=True)[0] == {"Y": "True", "N": "3"}


def test_an_instant_without_an_offset_is_refused() -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001 - on purpose
    for form in (fmt.date14, fmt.day_first, fmt.day_first_time, fmt.zulu, fmt.local_as_zulu):
        assert encode(Whole(at=naive), Field(name="D", source="at", format=form))[1] == [
            ("/at", "not_an_instant")
        ]


INSTANT = datetime(2024, 1, 14, 17, 5, 9, 123_456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        (fmt.date14, INSTANT, "20240115000509"),
        (fmt.date14, INSTANT.astimezone(timezone(timedelta(hours=-8))), "20240115000509"),
        (fmt.date14, datetime(999, 1, 1, tzinfo=UTC), "09990101070000"),
        (fmt.day_first, INSTANT, "15/01/2024"),
        (fmt.day_first_time, INSTANT, "15/01/2024 00:05:09"),
        (fmt.zulu, INSTANT, "2024-01-14T17:05:09.123Z"),
        (fmt.local_as_zulu, INSTANT, "2024-01-15T00:05:09.123Z"),
        (fmt.flag, True, "1"),
        (fmt.flag, False, "0"),
        (fmt.capitalised, True, "True"),
        (fmt.capitalised, False, "False"),
        (fmt.truth, 1, True),
        (fmt.whole, 7, 7),
        (fmt.digits, 12_000_000, "12000000"),
        (fmt.whole_or_null, "0042", 42),
        (fmt.whole_or_null, "x42", None),
        (fmt.whole_or_null, "9" * 16, None),
        (fmt.as_string, None, ""),
        (fmt.as_string, True, "True"),
        (fmt.text, "a\r\nb\rc\x85d", "a\nb\nc\nd"),
        (fmt.text, "a\x00b\x1b\ufffe\U0001ffff", "ab"),
        (fmt.text, "a\ud800", "a\ufffd"),
        (fmt.text, "e\u0302\u0301", "ế"),
        (fmt.line, "  a \n b\u00a0c ", "a b c"),
    ],
)
def test_formats(form: Any, value: object, written: object) -> None:
    assert form(value) == written


@pytest.mark.parametrize("value", [True, 1.5, "7", None])
def test_only_whole_numbers_are_whole_numbers(value: object) -> None:
    with pytest.raises(Unfit):
        fmt.whole(value)


def test_a_date_at_the_end_of_time_is_refused_not_raised() -> None:
    assert encode(
        Whole(at=datetime.max.replace(tzinfo=UTC)), Field(name="D", source="at", format=fmt.date14)
    )[1] == [("/at", "date_out_of_range")]


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("20240115000509", INSTANT.replace(microsecond=0)),
        ("20240115", datetime(2024, 1, 14, 17, tzinfo=UTC)),
        ("20240230000000", None),
        ("2024011500050", None),
        ("00000101000000", None),
        ("00010101000000", None),
        ("２０２４０１１５", None),
        ("", None),
    ],
)
def test_dates_are_read_strictly(written: str, instant: datetime | None) -> None:
    assert fmt.parse_date14(written) == instant


def test_a_day_is_a_day_in_vietnam() -> None:
    assert local_date(datetime(2024, 1, 14, 17, tzinfo=UTC)) == date(2024, 1, 15)


@pytest.mark.parametrize(
    ("value", "limit", "cut"),
    [
        ("abcdefgh", 8, "abcdefgh"),
        ("abcdefghi", 8, "abcd..."),
        ("abcd e\u0301xyzw", 8, "abcd..."),
        ("abce\u0328\u0301xyzw", 8, "abc..."),
        ("abc👩‍👩‍👧xyz", 9, "abc..."),
        ("ab👍🏽xyzwvu", 7, "ab..."),
        ("abc", 2, "..."),
    ],
)
def test_a_cut_goes_between_letters(value: str, limit: int, cut: str) -> None:
    assert fmt.shortened(value, limit) == cut


# Code tables


def test_overlapping_rows_are_refused_and_gaps_are_gaps() -> None:
    with pytest.raises(ConfigurationError, match="two rows of 'a'"):
        CodeTable(
            "X", [CodeRow(code="a", wire="1"), CodeRow(code="a", wire="2", valid_from=date(2024, 1, 1))]
        )
    gap = CodeTable(
        "X",
        [
            CodeRow(code="a", wire="1", valid_to=date(2024, 1, 1)),
            CodeRow(code="a", wire="2", valid_from=date(2024, 2, 1)),
        ],
    )
    assert gap.wire("a", date(2024, 1, 15)) is None


def test_nearest_codes_are_told_for_advice() -> None:
    assert KINDS.nearest("plian") == ["plain"]
    assert KINDS.nearest("zzz") == ["old", "plain"]
    assert KINDS.of_wire("9") == "plain"
    assert KINDS.of_wire("7") is None


# Response tables

WORDS = {"done": ("0",), "yes": ("Thành công",), "no": ("không thành công",)}
ROWS = (
    Row(name="gone", verdict="late", why="x", statuses=((429, 429), (500, 599)), retry_after=True),
    Row(name="bad", verdict="bad", why="x", statuses=((0, 199), (201, 999))),
    Row(name="unread", verdict="bad", why="x", shapes=frozenset({Shape.EMPTY, Shape.MARKUP})),
    Row(name="silent", verdict="ok", why="x", codes="done", silent=True),
    Row(name="yes", verdict="ok", why="x", codes="done", phrases=("yes",), without=("no",)),
    Row(name="call", verdict="odd", why="x", calls=frozenset({"create"}), other_codes="done"),
    Row(name="rest", verdict="unknown", why="x"),
)


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"status": 429, "retry_after": 5.0}, "gone"),
        ({"status": 429}, "bad"),
        ({"status": 5000}, "rest"),
        ({"shape": Shape.EMPTY}, "unread"),
        ({"code": "0"}, "silent"),
        ({"code": "0", "message": "CẬP NHẬT THÀNH CÔNG"}, "yes"),
        ({"code": "0", "message": "không thành công"}, "rest"),
        ({"code": "1", "call": "create"}, "call"),
        ({"code": "0", "call": "create", "message": "?"}, "rest"),
        ({"code": "1", "call": "update"}, "rest"),
    ],
)
def test_the_first_row_that_matches_wins(changes: dict[str, Any], row: str) -> None:
    classifier = ResponseTable(name="t", rows=ROWS).bind(WORDS)
    plain: dict[str, Any] = {"status": 200, "shape": Shape.ENVELOPE}
    for _ in range(2):  # the second time from memory
        assert classifier.classify(Answer(**{**plain, **changes})).name == row


def test_a_table_that_is_not_total_or_names_unknown_words_is_refused() -> None:
    for rows in (ROWS[:-1], (ROWS[-1], *ROWS), ()):
        with pytest.raises(ConfigurationError, match="last row"):
            ResponseTable(name="t", rows=rows).bind(WORDS)
    with pytest.raises(ConfigurationError, match="'done'"):
        ResponseTable(name="t", rows=ROWS).bind({})


def test_words_are_compared_without_case_in_nfc() -> None:
    assert fold("THÀNH CÔNG") == fold("thành công") == "thành công"


# Totality

LISTED = elements("c §1", mandatory="A B", optional="C")


def test_elements_are_listed_with_their_marks() -> None:
    assert LISTED[0] == Element(name="A", mark=Mark.MANDATORY, clause="c §1")
    assert [each.mark for each in LISTED] == ["M", "M", "O"]


def test_forgotten_and_unknown_elements_are_told() -> None:
    table = Table(name="t", fields=(Field(name="A", source="name"), Field(name="X", source="name")))
    waiver = Waiver(reason="not needed here", on=date(2024, 1, 1))
    assert forgotten(LISTED, table, {"B": waiver}) == ["C"]
    assert unknown(LISTED, table, {"B": waiver, "A": waiver, "Z": waiver}) == ["A", "X", "Z"]
    assert table.field("A").name == "A"
    with pytest.raises(KeyError):
        table.field("Q")


def test_unfit_is_one_of_ours() -> None:
    assert issubclass(Unfit, GatewayError)
