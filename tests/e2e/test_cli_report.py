"""``lienthong report`` as an official runs it: tables, files, refusals, exit codes; on both engines."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import openpyxl
import pytest

from gateway.storage.database import Database
from tests.e2e.cli import configuration, lienthong
from tests.standings_world import MINI_ROW, at, mini, standing, store

MARCH = ("--from", "2026-03-01", "--to", "2026-03-31")


def fill(url: str, rows) -> None:
    database = Database(url)
    asyncio.run(store(database, rows))
    database.close()


@pytest.fixture
def config(tmp_path, database_url):
    fill(database_url, mini(spread=True))
    return configuration(tmp_path, database=database_url)


@pytest.fixture
def sqlite_config(tmp_path, sqlite_url):
    fill(sqlite_url, mini(spread=True))
    return configuration(tmp_path, database=sqlite_url)


def report(config, *arguments, code: int = 0):
    ran = lienthong("report", *arguments, "-c", config)
    assert ran.code == code, ran.err
    return ran


def test_form_06a_has_the_row_of_the_domain_rules(config):
    found = report(config, "06a", *MARCH, "--by", "agency", "--json").json
    assert found["total"]["by_date"] == MINI_ROW
    assert found["total"]["by_instant"] == {**MINI_ROW, "c9": 2, "c10": 3}
    assert [row["code"] for row in found["rows"]] == ["H99.14", "H99.15", "H99.16"]


def test_table_is_for_officials_and_says_what_it_was_computed_from(config):
    out = report(config, "06a", "--period", "2026-03", "--by", "field").out
    total = next(line for line in out.splitlines() if "Tổng cộng" in line)
    assert " ".join(total.split()) == "Tổng cộng 12 5 4 3 7 2 3 (2) 2 (3) 5 3 2 0 1 0"
    for line in (
        "Kỳ báo cáo: từ 01/03/2026 đến 31/03/2026 (2026-03)",
        "Chốt số liệu: 31/03/2026 23:59:59 (+07:00)",
        "Cách tính: theo ngày (chính thức) và theo giờ, phút (cảnh báo)",
        "Phiên bản quy tắc: ",
        "Phiên bản lịch làm việc: ",
        "Thời điểm tính: ",
        "Kiểm tra số liệu: 10/10 đẳng thức đúng.",
    ):
        assert line in out


def test_figure_opens_to_its_dossiers_page_by_page(config):
    first = report(config, "06a", *MARCH, "--open", "3", "--limit", "8", "--json").json
    second = report(
        config, "06a", *MARCH, "--open", "3", "--limit", "8", "--after", first["next"], "--json"
    ).json
    assert [len(first["items"]), len(second["items"])] == [8, 4]
    assert second["next"] is None
    late = report(
        config, "06a", *MARCH, "--open", "10", "--rule", "instant", "--agency", "H99.16", "--json"
    ).json
    assert [item["code"] for item in late["items"]] == ["H99.14-26-0005"]


def test_files_are_for_spreadsheets(sqlite_config, tmp_path):
    for name in ("06a.csv", "06a.xlsx", "06a.json"):
        ran = report(sqlite_config, "06a", *MARCH, "--by", "agency", "--output", tmp_path / name)
        assert (ran.out, ran.err.strip()) == ("", str(tmp_path / name))
    content = (tmp_path / "06a.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert content.startswith(b"\xef\xbb\xbf")
    assert [row["(3) Tiếp nhận: tổng số"] for row in rows] == ["3", "5", "4", "12"]
    assert openpyxl.load_workbook(tmp_path / "06a.xlsx").sheetnames == ["06a"]
    assert json.loads((tmp_path / "06a.json").read_text("utf-8"))["total"]["by_date"] == MINI_ROW
    assert not list(tmp_path.glob("*.part"))


def test_csv_goes_down_a_pipe(sqlite_config):
    ran = report(sqlite_config, "06a", *MARCH, "--format", "csv")
    assert ran.out.startswith("\ufeff(1) STT,")
    assert ran.err == ""


def test_indicator_shows_ratios_with_their_fractions(sqlite_config):
    out = report(sqlite_config, "766", *MARCH).out
    assert "71,43 % (5/7)" in out
    assert "66,67 % (8/12)" in out
    assert "55,56 % (5/9)" in out
    assert "DƯỚI NGƯỠNG" in out


def test_settings_choose_threshold_and_formula(sqlite_config):
    ran = lienthong(
        *("report", "766", *MARCH, "--json", "-c", sqlite_config),
        LIENTHONG_REPORTS__ON_TIME_LEAST="0.5",
        LIENTHONG_REPORTS__PROGRESS="portal",
    )
    assert (ran.json["formula"], ran.json["least"], ran.json["total"]["below"]) == ("portal", 0.5, False)


def test_lists_are_as_of_the_cut_off(config):
    out = report(config, "overdue", "--as-of", "2026-03-31").out
    assert "DANH SÁCH HỒ SƠ ĐANG GIẢI QUYẾT QUÁ HẠN" in out
    assert "H99.14 – (không rõ): 1 hồ sơ" in out
    assert "11 ngày (7 ngày làm việc)" in out
    assert "Tổng số: 2 hồ sơ." in out
    earlier = report(config, "overdue", "--as-of", "2026-03-20T12:00:00+07:00", "--json").json
    assert earlier["items"] == []


def test_check_answers_no_when_an_identity_does_not_hold(sqlite_config, sqlite_url):
    assert report(sqlite_config, "06a", *MARCH, "--check").code == 0
    row = standing(901, "H99-pigeon", at("03-05 09:00"), received_at=at("03-05 09:00"), channel="pigeon")
    fill(sqlite_url, [row])
    ran = report(sqlite_config, "06a", *MARCH, "--check", code=1)
    assert "SAI: Cột 3 = 4 + 5 + 6: 13 và 12; chỉ có ở vế trái: H99-pigeon" in ran.out
    assert report(sqlite_config, "06a", *MARCH).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("06a", "--period", "march"), "2026-Q1"),
        (("06a", "--from", "2026-03-01"), "together"),
        (("06a", "--from", "1/3/2026", "--to", "2026-03-31"), "--from"),
        (("06a", "--by", "colour"), "agency"),
        (("06a", "--open", "14"), "withdrawn"),
        (("06a", "--open", "3", "--rule", "hour"), "instant"),
        (("06a", "--open", "3", "--after", "x"), "--after"),
        (("06a", "--format", "pdf"), "xlsx"),
        (("06a", "--format", "table", "-o", "x.txt"), "for the screen"),
        (("06a", "-o", "no-such-folder/06a.csv"), "cannot write"),
        (("06a", "--as-of", "2026-03-31T17:00:00"), "offset"),
        (("06a", "--as-of", "yesterday"), "--as-of"),
        (("overdue", "--as-of", "2999-01-01"), "has not begun"),
        (("near-due", "--rule", "week"), "--rule"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error_that_says_what_would_be(sqlite_config, arguments, says):
    ran = report(sqlite_config, *arguments, code=2)
    assert says in " ".join(ran.err.replace("│", " ").split())


def test_province_s_closing_day_is_the_default(sqlite_config):
    ran = lienthong(
        *("report", "06a", "--period", "2026-03", "--json", "-c", sqlite_config),
        LIENTHONG_REPORTS__CLOSING_DAY="14",
    )
    assert (ran.json["stamp"]["first"], ran.json["stamp"]["last"]) == ("2026-02-15", "2026-03-14")
