"""Reports as files and in words: CSV, workbooks, Vietnamese numbers; nothing in them runs in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import get_args

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.report import COLUMNS
from gateway.deadlines.classes import Flag
from gateway.domain.status import Status
from gateway.reports import words
from gateway.reports.dossiers import KINDS, Wish, list_dossiers
from gateway.reports.files import csv_of, workbook_of
from gateway.reports.form_06a import compute_06a
from gateway.reports.periods import Wanted, period_of
from gateway.reports.progress import compute_766
from gateway.reports.sheet import Heading, Section, Sheet, harmless
from gateway.reports.sheets import narrow_06a, narrow_766, narrow_list, sheet_06a, sheet_766, sheet_of_list
from gateway.reports.terms import Asked
from gateway.settings import ReportSettings
from gateway.storage.database import Database
from gateway.storage.queries_reports import Page
from gateway.storage.report_rules import Column
from tests.standings_world import MINI_ROW, NOW, Terms, at, mini, standing, store

EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://evil.invalid")')


@pytest.fixture
def database(sqlite_url):
    """One engine is enough: files are made from figures."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def asked(**rest) -> Asked:
    return Asked(period=period_of(Wanted(name="2026-03"), now=NOW), **rest)


def form(database, **rest):
    return database.ask(lambda connection: compute_06a(connection, asked(**rest), Terms(), NOW))


def listed(database, wish: Wish):
    return database.ask(lambda connection: list_dossiers(connection, asked(), Terms(), wish, NOW))


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def page(content: bytes) -> list[list[object]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


async def test_csv_has_a_byte_order_mark_headings_first_and_the_row_of_the_domain_rules(database):
    await store(database, mini(spread=True))
    content = csv_of(sheet_06a(form(database, by="agency")))
    rows = table(content)
    assert content.startswith(b"\xef\xbb\xbf(1) STT,")
    assert len(rows) == 4
    total = rows[-1]
    columns = [name for name in total if name.split(" ")[0] in {f"({n})" for n in range(3, 14)}]
    assert [int(total[name]) for name in columns[:11]] == list(MINI_ROW.values())
    assert [int(total[f"({n}) theo giờ"]) for n in (8, 9, 10, 12, 13)] == [2, 2, 3, 3, 2]


async def test_every_row_of_a_csv_file_says_what_it_was_computed_from(database):
    await store(database, mini(spread=True))
    for row in table(csv_of(sheet_06a(form(database, by="agency")))):
        assert row["Kỳ báo cáo"] == "từ 01/03/2026 đến 31/03/2026 (2026-03)"
        assert row["Chốt số liệu"] == "31/03/2026 23:59:59 (+07:00)"
        assert row["Phiên bản quy tắc"] == "test-rules"
        assert row["Phiên bản lịch làm việc"] == Terms().calendar.version
        assert "theo ngày" in row["Cách tính"]
        assert row["Thời điểm tính"] == "20/04/2026 09:00:00 (+07:00)"
        assert row["Phạm vi"]


async def test_workbook_is_ready_to_print(database):
    await store(database, mini(spread=True))
    content = workbook_of([sheet_06a(form(database, by="field"))], made_at=NOW)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    rows = page(content)
    assert sheet.title == "06a"
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.print_title_rows is not None
    assert rows[0][0] == words.TITLE_06A
    assert any(row[0] == "Chốt số liệu: 31/03/2026 23:59:59 (+07:00)" for row in rows)
    [total] = [row for row in rows if row[1] == words.TOTAL]
    assert list(total[3:14]) == list(MINI_ROW.values())


async def test_list_is_by_agency_and_room_with_its_numbers(database):
    received = at("03-02 09:00")
    rows = [
        standing(place, f"H99-{place}", received, received_at=received, due_at=at("03-09 09:00"), **fields)
        for place, fields in enumerate(
            (
                {"unit": "Phòng Hộ tịch", "officer": "Lê Thị Mẫu"},
                {"unit": "Phòng Hộ tịch", "officer": "Trần Văn Ví"},
                {"agency_code": "H99.15"},
            )
        )
    ]
    await store(database, rows)
    found = listed(database, Wish(kind="overdue", page=Page(order="desk")))
    sheet = sheet_of_list(found)
    assert [section.title for section in sheet.sections] == [
        "H99.14 – Phòng Hộ tịch: 2 hồ sơ",
        "H99.15 – (không rõ): 1 hồ sơ",
    ]
    assert [row[0] for row in sheet.rows] == [1, 2, 3]
    printed = page(workbook_of([sheet], made_at=NOW))
    assert printed[0][0] == "Danh sách hồ sơ đang giải quyết quá hạn"
    assert any(row[0] == "H99.14 – Phòng Hộ tịch: 2 hồ sơ" for row in printed)
    assert narrow_list(found).rows[0][8] == "22 ngày (16 ngày làm việc)"


async def test_instants_are_times_of_viet_nam_in_files(database):
    received = at("03-02 09:00")
    await store(database, [standing(1, "H99-1", received, received_at=received, due_at=at("03-09 16:30"))])
    sheet = sheet_of_list(listed(database, Wish(kind="overdue")))
    [row] = table(csv_of(sheet))
    assert row["Hẹn trả"] == "2026-03-09 16:30:00"
    [line] = [row for row in page(workbook_of([sheet], made_at=NOW)) if row[1] == "H99-1"]
    assert datetime(2026, 3, 9, 16, 30) in line  # noqa: DTZ001 - a workbook knows no offsets


# Whatever a record contains, nothing of it runs.


@pytest.mark.parametrize("text", EVIL)
async def test_no_cell_of_a_file_is_a_formula(database, text):
    received = at("03-02 09:00")
    fields = {"unit": text, "officer": text, "agency_code": text, "field_code": text, "procedure_code": text}
    await store(
        database, [standing(1, text, received, received_at=received, due_at=at("03-09 09:00"), **fields)]
    )
    sheets = [
        sheet_of_list(listed(database, Wish(kind="overdue"))),
        *(sheet_06a(form(database, by=by)) for by in ("agency", "field", "procedure")),
    ]
    for sheet in sheets:
        for row in csv.reader(io.StringIO(csv_of(sheet).decode("utf-8-sig"), newline="")):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]
        book = openpyxl.load_workbook(io.BytesIO(workbook_of([sheet], made_at=NOW)))
        for line in book.worksheets[0].iter_rows():
            for cell in line:
                assert cell.data_type != "f"
                assert not str(cell.value or "").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert any(text in row for sheet in sheets for row in sheet.rows)


@given(st.text(max_size=20))
def test_harmless_text_is_the_text_or_the_text_behind_an_apostrophe(text):
    assert harmless(text) in {text, f"'{text}"}
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_workbook_holds_what_would_be_a_formula_or_an_address_as_text():
    sheet = Sheet(
        name="x",
        title="=1+1",
        provenance=(("=2", "=3"),),
        headings=(Heading("=4"), Heading("=5", "number")),
        sections=[Section([("https://evil.invalid/", "=6")], title="=7")],
        total=("=8", 9),
        notes=["=10"],
    )
    content = workbook_of([sheet], made_at=datetime(2026, 1, 1, tzinfo=UTC))
    cells = [str(cell) for row in page(content) for cell in row if cell is not None]
    assert not [cell for cell in cells if cell.startswith("=")]
    assert openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].max_row > 5
    assert not any(
        cell.hyperlink
        for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows()
        for cell in row
    )


# Words and numbers.


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (999, "999"), (4915, "4.915"), (1_647_971, "1.647.971"), (-4915, "-4.915")],
)
def test_numbers_are_written_as_in_viet_nam(value, written):
    assert words.number(value) == written


def test_percentages_and_decimals_are_written_as_in_viet_nam():
    assert (words.percent(98.5), words.percent(None), words.decimal(1234.5)) == ("98,50 %", "–", "1.234,50")


def test_every_state_column_and_list_has_its_words():
    assert set(words.STATUSES) == set(Status)
    assert set(words.COLUMNS) == set(get_args(Column)) == set(COLUMNS)
    assert set(words.LISTS) == set(KINDS)


def test_every_flag_of_a_judgement_has_its_words():
    """Those of anomalies stand in no list; a name that is new here has to be sorted."""
    judged = {Flag(name) for name in words.REMARKS if name in set(Flag)}
    others = set(Flag) - judged
    assert {Flag.NO_DUE, Flag.END_IN_FUTURE, Flag.WAIT_BEFORE_RECEPTION} <= judged
    assert not {flag for flag in others if flag.endswith(("_IN_FUTURE", "_BEFORE_RECEPTION"))}


async def test_screen_shows_the_figure_by_instant_in_brackets_where_it_differs(database):
    await store(database, mini())
    total = narrow_06a(form(database)).total
    assert total is not None
    assert total[:12] == ("Tổng cộng", "12", "5", "4", "3", "7", "2", "3 (2)", "2 (3)", "5", "3", "2")


async def test_broken_identity_is_told_in_words_with_its_dossiers(database):
    row = standing(901, "H99-pigeon", at("03-05 09:00"), received_at=at("03-05 09:00"), channel="pigeon")
    await store(database, [*mini(), row])
    notes = sheet_06a(form(database)).notes
    assert notes == [
        "Kiểm tra số liệu: 9/10 đẳng thức đúng.",
        "SAI: Cột 3 = 4 + 5 + 6: 13 và 12; chỉ có ở vế trái: H99-pigeon",
    ]


async def test_sheets_have_as_many_cells_as_headings(database):
    await store(database, mini(spread=True))
    settings = ReportSettings()
    report = database.ask(
        lambda connection: compute_766(connection, asked(by="agency"), Terms(), settings, NOW)
    )
    lists = listed(database, Wish())
    whole = form(database, by="agency")
    for sheet in (
        sheet_06a(whole),
        narrow_06a(whole),
        sheet_766(report),
        narrow_766(report),
        sheet_of_list(lists),
        narrow_list(lists),
    ):
        assert {len(row) for row in sheet.rows} == {len(sheet.headings)}
        assert len(csv_of(sheet).splitlines()) == len(sheet.rows) + 1
        assert workbook_of([sheet], made_at=NOW).startswith(b"PK")


async def test_period_that_still_runs_is_told(database):
    running = Asked(period=period_of(Wanted(), now=NOW))
    found = database.ask(lambda connection: compute_06a(connection, running, Terms(), NOW))
    lines = dict(words.provenance(found.stamp))
    assert lines["Chốt số liệu"] == "20/04/2026 09:00:00 (+07:00) (kỳ chưa kết thúc)"
    strict = msgspec.structs.replace(found.stamp, strict_waiting=True)
    assert dict(words.provenance(strict))["Hồ sơ tạm dừng khi đã quá hạn"] == "tính vào cột 13"
