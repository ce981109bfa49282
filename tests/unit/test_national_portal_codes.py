"""Every row of every code table of national_portal §10, and what follows for a province's own tables."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.domain.dossier import (
    ApplicantKind,
    Channel,
    FeeKind,
    IdentityKind,
    PaymentMethod,
    Portal,
    ReturnMethod,
    Reuse,
)
from gateway.domain.errors import ConfigurationError
from gateway.domain.status import Status
from mappings.national_portal import code_tables
from tests.unit import portal

NATIONAL = {status: str(status.national) for status in Status}
EXPECTED: dict[str, dict[str, str]] = {
    "TrangThaiHoSo": NATIONAL,
    "TrangThaiXuLy": {**NATIONAL, Status.REFUSED: "11"},
    "KenhThucHien": {"counter": "1", "online": "2", "post": "3"},
    "LoaiDoiTuong": {"citizen": "1", "enterprise": "2", "agency": "3", "organisation": "4"},
    "HinhThuc": {"counter": "0", "post": "1", "electronic": "0"},
    "HinhThucThu": {"counter": "1", "portal": "2", "province_gateway": "2"},
    "LoaiPhiLePhi": {"charge": "1", "fee": "2"},
    "DuocTaiSuDung": {"none": "0", "component": "1", "result": "2"},
    "LoaiDinhDanh": {"personal_id": "1", "old_id_card": "2"},
    "DuocThanhToanTrucTuyen": {"none": "0", "portal": "1", "province_gateway": "2", "counter": "3"},
    "NoiNopHoSo": {"national": "1", "province": "2"},
    "MaCSDL": {"population": "1", "1": "1", "7": "7"},
    "ApplicantsType": {"citizen": "1", "enterprise": "2", "organisation": "3", "agency": "4"},
    "ReturnedType": {"counter": "0", "post": "1", "electronic": "0"},
}
# Tables that must have a row for every value of the record; identity kinds are open on purpose (U12).
COMPLETE: dict[str, type[StrEnum]] = {
    "TrangThaiHoSo": Status,
    "TrangThaiXuLy": Status,
    "KenhThucHien": Channel,
    "LoaiDoiTuong": ApplicantKind,
    "HinhThuc": ReturnMethod,
    "HinhThucThu": PaymentMethod,
    "LoaiPhiLePhi": FeeKind,
    "DuocTaiSuDung": Reuse,
    "NoiNopHoSo": Portal,
    "ApplicantsType": ApplicantKind,
    "ReturnedType": ReturnMethod,
}


def test_tables_are_those_of_the_contract() -> None:
    assert {
        name: {row.code: row.wire for row in table.rows} for name, table in code_tables().items()
    } == EXPECTED


@pytest.mark.parametrize(("name", "values"), COMPLETE.items())
def test_table_has_a_row_for_every_value_of_the_record(name: str, values: type[StrEnum]) -> None:
    assert set(code_tables()[name].codes()) == set(values)


def test_identity_kinds_without_a_known_code_stay_without() -> None:
    assert set(IdentityKind) - set(code_tables()["LoaiDinhDanh"].codes()) == {"passport", "tax_code"}


def test_no_status_outside_the_contract_is_ever_sent() -> None:
    assert {row.wire for row in code_tables()["TrangThaiHoSo"].rows} == {
        str(number) for number in range(1, 11)
    }


def test_every_status_has_a_name_for_officials() -> None:
    assert all(row.label for row in code_tables()["TrangThaiHoSo"].rows)


def test_a_province_replaces_one_table_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "HinhThuc.csv").write_text(
        "code,wire\ncounter,0\npost,1\nelectronic,2\n", encoding="utf-8-sig"
    )
    tables = code_tables(tmp_path)
    assert tables["HinhThuc"].wire("electronic") == "2"
    assert tables["KenhThucHien"].wire("post") == "3"


def test_a_code_that_changes_is_sent_as_it_holds_on_the_day(tmp_path: Path) -> None:
    (tmp_path / "HinhThuc.csv").write_text(
        "code,wire,label,valid_from,valid_to\ncounter,0,,,2024-01-24\ncounter,9,,2024-01-25,\n",
        encoding="utf-8",
    )
    adapter = portal.adapter(tables_dir=str(tmp_path))
    assert portal.item(adapter, portal.dossier())["HinhThuc"] == "9"
    before = portal.NOW.replace(day=24, hour=16)  # 23:00 of the 24th in Vietnam
    assert portal.item(adapter, portal.dossier(), now=before)["HinhThuc"] == "0"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("code,wire\ncounter\n", "number of cells"),
        ("code,wire\ncounter,0,1\n", "number of cells"),
        ("wire\n0\n", "columns code and wire"),
        ("code,wire,valid_from\ncounter,0,24/01/2024\n", "is not a day"),
        ("code,wire,valid_from,valid_to\ncounter,0,2024-02-01,2024-01-01\n", "before valid_from"),
        ("code,wire\ncounter,0\ncounter,1\n", "hold on the same day"),
        ('code,wire\n"counter,0\n', "HinhThuc.csv"),
    ],
)
def test_a_wrong_table_stops_the_start(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "HinhThuc.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=complaint):
        portal.adapter(tables_dir=str(tmp_path))


def test_a_table_that_nobody_asks_for_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "HinhTuc.csv").write_text("code,wire\ncounter,0\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no such table HinhTuc"):
        portal.adapter(tables_dir=str(tmp_path))


def test_without_a_day_the_newest_row_holds(tmp_path: Path) -> None:
    (tmp_path / "HinhThuc.csv").write_text(
        "code,wire,valid_to\ncounter,0,2024-01-24\npost,1,2024-01-24\n", encoding="utf-8"
    )
    table = code_tables(tmp_path)["HinhThuc"]
    assert table.wire("counter") == "0"
    assert table.wire("counter", date(2024, 2, 1)) is None
