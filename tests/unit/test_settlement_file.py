"""Settlement files as banks and platforms make them, and as they must not be."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from gateway.codec import Unreadable
from gateway.payments.settlement_columns import BY_HEADING, COLUMNS, letters
from gateway.payments.settlement_file import BadLine, SettlementLine, digest_of, read

HEADINGS = ["Mã tham chiếu", "Mã giao dịch", "Số tiền", "Thời gian thanh toán", "Trạng thái", "Mã đối tác"]


def csv_file(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "doisoat.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def book(folder: Path, *rows: list[object], headings: list[str] | None = None) -> Path:
    path = folder / "doisoat.xlsx"
    made = openpyxl.Workbook()
    for row in ([HEADINGS if headings is None else headings], rows):
        for each in row:
            made.active.append(each)
    made.save(path)
    return path


def lines_of(path: Path) -> list[SettlementLine]:
    return [each for each in read(path) if isinstance(each, SettlementLine)]


def bad_of(path: Path) -> list[BadLine]:
    return [each for each in read(path) if isinstance(each, BadLine)]


def test_csv_with_a_mark_titles_semicolons_and_a_total_is_read(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "NGÂN HÀNG MẪU;;;",
        "Sao kê ngày 28/09/2026;;;",
        "",
        "STT;Mã tham chiếu;Mã giao dịch;SỐ TIỀN;Thời gian thanh toán;Ghi chú",
        "1;PG1;PP1;250000;28/09/2026 14:32:12;Nguyễn Văn Mẫu",
        "2;PG2;PP2;999999999999999;20260928150250;",
        "Tổng cộng;;;1000000000249999;;",
        encoding="utf-8-sig",
    )
    assert list(read(path)) == [
        SettlementLine(
            line=5, reference="PG1", transaction="PP1", amount=250_000, paid_at="28/09/2026 14:32:12"
        ),
        SettlementLine(
            line=6, reference="PG2", transaction="PP2", amount=999_999_999_999_999, paid_at="20260928150250"
        ),
    ]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.field)
def test_every_heading_is_known_in_every_spelling(column: object) -> None:
    for heading in column.headings:  # type: ignore[attr-defined]
        for spelt in (heading, heading.upper(), heading.title().replace(" ", ""), f" {heading}: "):
            assert BY_HEADING[letters(spelt)] is column


def test_headings_are_known_by_the_names_of_the_platform(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "MaThamChieu,MaGiaoDich,SoTien,MaTienTe", "PG1,PP1,1,vnd")
    (line,) = lines_of(path)
    assert (line.reference, line.amount, line.currency) == ("PG1", 1, "VND")


@pytest.mark.parametrize(
    "amount",
    [
        "250.000",
        "250,000",
        "2.5e5",
        "250000.0",
        "-1",
        "0",
        "=250000",
        "+250000",
        "250 000",
        "",
        "٢٥٠",
        "1" * 16,
    ],
)
def test_an_amount_that_is_not_plain_dong_is_refused_and_the_rest_goes_on(
    tmp_path: Path, amount: str
) -> None:
    path = csv_file(tmp_path, "reference,transaction,amount", f'PG1,PP1,"{amount}"', "PG2,PP2,7")
    first, second = read(path)
    assert isinstance(first, BadLine)
    assert (first.line, first.column) == (2, "amount")
    assert "đồng" in first.expected
    assert first.got == "nothing" or amount[:10] in first.got
    assert second == SettlementLine(line=3, reference="PG2", transaction="PP2", amount=7)


def test_bad_lines_say_line_column_got_and_expected(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "reference,transaction,amount,state",
        ",PP1,7,paid",
        "PG2,,7,paid",
        "PG3,PP3,7,maybe",
        "=HYPERLINK(1),PP4,7,paid",
        'PG5,"PP5,7,paid',
        "PG6,PP6,7,Thành công",
        "PG7,,7,Thất bại",
        "PG8,PP8,7,Hoàn trả",
    )
    assert [(each.line, each.column, each.got) for each in bad_of(path)] == [
        (2, "reference", "nothing"),
        (3, "transaction", "nothing"),
        (4, "state", "maybe"),
        (5, "reference", "=HYPERLINK(1)"),
        (6, "*", "quotation marks that do not fit: unexpected end of data"),
    ]
    assert all(each.expected for each in bad_of(path))
    assert [(each.reference, each.claim) for each in lines_of(path)] == [
        ("PG6", "paid"),
        ("PG7", "failed"),
        ("PG8", "refunded"),
    ]


def test_bytes_that_are_no_utf8_and_lines_without_end_spoil_themselves_only(tmp_path: Path) -> None:
    path = tmp_path / "torn.csv"
    path.write_bytes(b"reference,transaction,amount\nPG\xff1,PP1,7\n" + b"x" * 200_000 + b"\nPG3,PP3,7\n")
    assert [each.line for each in bad_of(path)] == [2, 3]
    assert [(each.line, each.reference) for each in lines_of(path)] == [(4, "PG3")]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("reference,transaction", "missing_column"),
        ("reference,transaction,amount,Số tiền", "column_twice"),
        ("a,b,c", "no_headings"),
        ("", "no_headings"),
    ],
)
def test_a_file_whose_columns_cannot_be_told_apart_is_refused(tmp_path: Path, first: str, told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        list(read(csv_file(tmp_path, first, "PG1,PP1,7,7")))


def test_a_workbook_is_read_and_numbers_are_only_taken_where_nothing_is_lost(tmp_path: Path) -> None:
    path = book(
        tmp_path,
        ["PG1", "PP1", 250_000, "20260928143212", "1", "DEMOH99"],
        ["PG2", 26092800012345, 250_000, "", "1", ""],
        ["PG3", "PP3", "250000", "", "1", ""],
        ["PG4", "PP4", 250_000.5, "", "1", ""],
        ["PG5", "PP5", "=100000+150000", "", "1", ""],
        ["PG6", "PP6", 3_500_000_000, 20260928143212, "Thành công", None],
        ["Tổng cộng", None, "=SUM(C2:C7)", None, None, None],
    )
    assert lines_of(path) == [
        SettlementLine(
            line=2,
            reference="PG1",
            transaction="PP1",
            amount=250_000,
            paid_at="20260928143212",
            partner="DEMOH99",
        ),
        SettlementLine(
            line=7, reference="PG6", transaction="PP6", amount=3_500_000_000, paid_at="20260928143212"
        ),
    ]
    assert [(each.line, each.column) for each in bad_of(path)] == [
        (3, "Mã giao dịch"),
        (4, "Số tiền"),
        (5, "Số tiền"),
        (6, "Số tiền"),
    ]
    assert "formula" in bad_of(path)[3].expected


def test_a_workbook_with_entities_or_without_sheets_is_refused(tmp_path: Path) -> None:
    good = book(tmp_path, ["PG1", "PP1", 1, "", "1", ""])
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bomb, "w") as target:
        for part in source.namelist():
            body = source.read(part)
            if part.startswith("xl/worksheets/"):
                body = b'<!DOCTYPE a [<!ENTITY x "PG1">]>' + body
            target.writestr(part, body)
    with pytest.raises(Unreadable, match=r"document_type|not_a_workbook"):
        list(read(bomb))
    empty = tmp_path / "empty.xlsx"
    with zipfile.ZipFile(empty, "w") as target:
        target.writestr("a", b"b")
    with pytest.raises(Unreadable, match="not_a_workbook"):
        list(read(empty))


def test_a_workbook_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = book(tmp_path, *([f"PG{number}", "PP", 1, "", "1", ""] for number in range(500)))
    monkeypatch.setattr("gateway.codec.workbook.MOST_UNPACKED_BYTES", 2000)
    with pytest.raises(Unreadable, match="too_large"):
        list(read(path))


@pytest.mark.parametrize(
    "body",
    [
        b"<sheetData><row>" + b"<c/>" * 5_000_000 + b"</row></sheetData>",
        b"<x/>" * 5_000_000 + b"<sheetData/>",
    ],
    ids=["in one row", "before all rows"],
)
def test_a_small_workbook_that_would_fill_the_memory_is_refused(tmp_path: Path, body: bytes) -> None:
    good = book(tmp_path, ["PG1", "PP1", 1, "", "1", ""])
    bomb = tmp_path / "bomb.xlsx"
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            sheet = part.startswith("xl/worksheets/")
            target.writestr(
                part,
                b'<worksheet xmlns="' + space + b'">' + body + b"</worksheet>"
                if sheet
                else source.read(part),
            )
    assert bomb.stat().st_size < 100_000
    with pytest.raises(Unreadable, match="too_large"):
        list(read(bomb))


def test_huge_files_are_read_in_flat_memory(tmp_path: Path) -> None:
    number = 60_000
    as_csv = csv_file(
        tmp_path,
        "reference,transaction,amount",
        *(f"PG{each:020},PP{each:020},250000" for each in range(number)),
    )
    as_book = tmp_path / "huge.xlsx"
    with xlsxwriter.Workbook(as_book, {"constant_memory": True}) as made:
        page = made.add_worksheet()
        page.write_row(0, 0, ["reference", "transaction", "amount"])
        for each in range(20_000):
            page.write_row(each + 1, 0, [f"PG{each}", f"PP{each}", 250_000])
    for path, expected in ((as_csv, number), (as_book, 20_000)):
        tracemalloc.start()
        count = sum(isinstance(each, SettlementLine) for each in read(path))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == expected
        assert peak < 4_000_000


def test_the_same_bytes_have_the_same_digest(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x" * 3_000_000)
    other.write_bytes(b"x" * 3_000_000)
    assert digest_of(one) == digest_of(other)
    other.write_bytes(b"x" * 2_999_999)
    assert digest_of(one) != digest_of(other)
