"""Permits, certificates, code lists and the feed as the ministry answers them."""

from __future__ import annotations

import pytest

from gateway.codec import xml
from gateway.domain.status import Status
from mappings.construction import lookups
from mappings.construction.calls import NAMESPACE
from mappings.construction.reading import REPEATED
from tests.unit.construction_world import SPEC, schema

RESULT = (
    "<KetQua><MaYeuCau>3f0c2b5e-7a51</MaYeuCau><TrangThai>1</TrangThai><MoTa>Được</MoTa>"
    "<ThoiDiem>2026-11-26T16:00:00+07:00</ThoiDiem></KetQua>"
)
XS = "{http://www.w3.org/2001/XMLSchema}"


def _answer(operation: str, inside: str) -> xml.Element:
    written = f'<{operation}Response xmlns="{NAMESPACE}">{RESULT}{inside}</{operation}Response>'
    element = xml.read(written.encode())
    assert schema().findings(element) == ()
    return element


def test_a_permit_is_found_by_its_number() -> None:
    sample = (SPEC / "samples" / "s2.xml").read_text(encoding="utf-8")
    permit = sample[sample.index("<GiayPhep>") : sample.index("</LayKetQuaResponse>")]
    found = lookups.permits(_answer("TraCuuGiayPhep", permit))
    assert list(found) == ["01/GPXD"]
    assert found["01/GPXD"]["site"]["parcels"][0]["area"] == "120.50"
    assert "000000000001" not in str(found)


def test_a_certificate_tells_its_fields_and_its_state_and_no_number_of_the_holder() -> None:
    certificate = (
        "<ChungChi><MaSoChungChi>XXX-00000001</MaSoChungChi><HoVaTen>TRẦN THỊ MẪU</HoVaTen>"
        "<NgaySinh>1980-01-01</NgaySinh><SoDinhDanh>000000000002</SoDinhDanh>"
        "<LinhVuc><Ten>Thiết kế kết cấu</Ten><Hang>II</Hang><NgayHetHan>2028-01-01</NgayHetHan></LinhVuc>"
        "<NgayCap>2023-01-01</NgayCap><CoQuanCap>Sở Mẫu</CoQuanCap><TrangThai>3</TrangThai></ChungChi>"
    )
    found = lookups.certificates(_answer("TraCuuChungChiHanhNghe", certificate))["XXX-00000001"]
    assert (found["state"], found["fields"]) == (
        "revoked",
        [{"name": "Thiết kế kết cấu", "grade": "II", "until": "2028-01-01"}],
    )
    assert "000000000002" not in str(found)
    assert "1980" not in str(found)


def test_a_code_list_is_read_by_code() -> None:
    items = "<Muc><Ma>99</Ma><Ten>tỉnh Mẫu</Ten></Muc><Muc><Ma>00001</Ma><Ten>phường Mẫu</Ten><MaCha>99</MaCha></Muc>"
    assert lookups.items(_answer("LayDanhMuc", items)) == {
        "99": {"code": "99", "name": "tỉnh Mẫu"},
        "00001": {"code": "00001", "name": "phường Mẫu", "parent": "99"},
    }


def test_every_code_list_of_the_schema_has_a_name() -> None:
    root = xml.read((SPEC / "CapPhepXayDung.xsd").read_bytes())
    found = root.findall(f"{XS}element[@name='LayDanhMuc']//{XS}enumeration")
    assert sorted(lookups.CATALOGUES.values()) == sorted(str(each.get("value")) for each in found)


STATE = (
    "<TrangThaiHoSo><MaHoSo>H99.99.99-261125-0001</MaHoSo><TrangThaiXuLy>9</TrangThaiXuLy>"
    "<TenTrangThaiXuLy>Đã xử lý xong</TenTrangThaiXuLy><ThoiDiem>2026-12-01T09:00:00+07:00</ThoiDiem></TrangThaiHoSo>"
)


@pytest.mark.parametrize(
    ("inside", "cursor", "more"),
    [
        ("<ConTroTiepTheo>b</ConTroTiepTheo><ConDuLieu>true</ConDuLieu>", "b", True),
        ("<ConTroTiepTheo>b</ConTroTiepTheo><ConDuLieu>1</ConDuLieu>", "b", True),
        ("<ConTroTiepTheo>b</ConTroTiepTheo><ConDuLieu>false</ConDuLieu>", "b", False),
        ("<ConDuLieu>true</ConDuLieu>", "a", False),
        ("<ConTroTiepTheo>a</ConTroTiepTheo><ConDuLieu>true</ConDuLieu>", "a", False),
    ],
)
def test_the_feed_goes_on_only_from_a_new_cursor(inside: str, cursor: str, more: bool) -> None:
    page = lookups.feed(_answer("LayDanhSachThayDoi", STATE + inside), "a")
    assert (page.cursor, page.more) == (cursor, more)
    (change,) = page.changes
    assert (change.dossier, change.reports[0].status, change.ask) == (
        "H99.99.99-261125-0001",
        Status.FINISHED,
        True,
    )


@pytest.mark.parametrize(("name", "left_out"), [("ChungChiHanhNgheType", {"NgaySinh", "SoDinhDanh"})])
def test_rows_follow_the_schema(name: str, left_out: set[str]) -> None:
    root = xml.read((SPEC / "CapPhepXayDung.xsd").read_bytes())
    parts = root.findall(f"{XS}complexType[@name='{name}']/{XS}sequence/{XS}element")
    named = [str(each.get("name")) for each in parts]
    assert [row.name for row in lookups.CERTIFICATE] == [each for each in named if each not in left_out]
    assert {str(each.get("name")) for each in parts if each.get("maxOccurs")} <= REPEATED
