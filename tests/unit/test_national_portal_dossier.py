"""Every element of the dossier message: where its value comes from, when it is empty, what is refused."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.dossier import (
    Applicant,
    ApplicantKind,
    Channel,
    Document,
    Dossier,
    Fee,
    FeeKind,
    FileReference,
    Identity,
    IdentityKind,
    Paper,
    PaymentMethod,
    Portal,
    Procedure,
    Reappointment,
    Result,
    ReturnMethod,
    Reuse,
    Supplement,
)
from gateway.domain.errors import CannotEncode
from gateway.mapping.formats import parse_date14
from mappings.national_portal import TABLES
from tests.unit import portal

PROCEDURE = {"code": "TN-01", "national_code": "1.009901", "name": "Thủ tục", "field_code": "G99-TN01"}
PAID = {
    "id": "f",
    "name": "Phí",
    "kind": FeeKind.FEE,
    "amount": 5,
    "code": "LP1",
    "paid_at": portal.at(15, 9),
}
ROUND = {"id": 7, "requested_at": portal.at(17, 9), "requested_by": "Mẫu", "reason": "Bổ sung"}
NFD = unicodedata.normalize("NFD", "Nguyễn Thị Phương")


def applicant(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": ApplicantKind.CITIZEN, "name": "Thử"}
    return {"applicant": Applicant(**{**plain, **changes})}


def procedure(**changes: Any) -> dict[str, Any]:
    return {"procedure": Procedure(**{**PROCEDURE, "field_name": "Thử nghiệm", **changes})}


# element, change of the example dossier, what is written
WRITTEN: list[tuple[str, dict[str, Any], object]] = [
    ("MaHoSo", {}, portal.CODE),
    ("MaTTHC", procedure(), "1.009901"),
    ("MaTTHC", procedure(code="2.009902.H99", national_code=None), "2.009902.H99"),
    ("TenTTHC", procedure(name="Cấp  giấy\nphép"), "Cấp giấy phép"),
    ("MaLinhVuc", procedure(), "G99-TN01"),
    ("TenLinhVuc", procedure(), "Thử nghiệm"),
    ("SoBienNhan", {"receipt_number": "BN-7"}, "BN-7"),
    ("SoBienNhan", {"receipt_number": None}, None),
    ("KenhThucHien", {"channel": Channel.POST}, "3"),
    ("NoiNopHoSo", {"origin": Portal.PROVINCE}, "2"),
    ("ChuHoSo", applicant(name=NFD), unicodedata.normalize("NFC", NFD)),
    ("ChuHoSo", applicant(name="Thử 👩‍👩‍👧‍👦 𠮷"), "Thử 👩‍👩‍👧‍👦 𠮷"),
    ("ChuHoSo", applicant(name='Công ty "A\\B" & <C>'), 'Công ty "A\\B" & <C>'),
    ("LoaiDoiTuong", applicant(kind=ApplicantKind.ORGANISATION), "4"),
    ("MaDoiTuong", applicant(account_id="tech-1"), "tech-1"),
    ("MaDoiTuong", applicant(), ""),
    ("DinhDanhCHS", applicant(), []),
    (
        "DinhDanhCHS",
        applicant(
            identities=[
                Identity(kind=IdentityKind.TAX_CODE, number="0109999999"),
                Identity(kind=IdentityKind.OLD_ID_CARD, number="099000002"),
            ]
        ),
        [{"LoaiDinhDanh": "2", "SoDinhDanh": "099000002"}],
    ),
    ("ThongTinKhac", {"other_information": "Dòng một\r\nDòng hai"}, "Dòng một\nDòng hai"),
    ("Email", applicant(), ""),
    ("Fax", applicant(phone="0900000001"), ""),
    ("SoDienThoai", applicant(phone="0900000001"), "0900000001"),
    ("TrichYeuHoSo", {"summary": "Tóm tắt"}, "Tóm tắt"),
    ("TrichYeuHoSo", {"summary": "  "}, "Cấp giấy xác nhận thử nghiệm"),
    ("TrichYeuHoSo", {"summary": "ấ" * 1001}, "ấ" * 996 + "..."),
    ("TrichYeuHoSo", {"summary": "ấ" * 1000}, "ấ" * 1000),
    ("NgayNopHoSo", {"submitted_at": portal.at(14, 21, 30)}, "20240114213000"),
    ("NgayNopHoSo", {"submitted_at": None, "channel": Channel.COUNTER}, "20240115080500"),
    ("NgayTiepNhan", {"received_at": datetime(2024, 1, 14, 17, 0, tzinfo=UTC)}, "20240115000000"),
    ("NgayTiepNhan", {"received_at": None, "status": "registered"}, ""),
    ("NgayTiepNhan", {"received_at": None, "status": "refused"}, ""),
    ("NgayTiepNhan", {"received_at": None, "status": "withdrawn"}, ""),
    ("NgayHenTra", {"due_at": None}, ""),
    ("TrangThaiHoSo", {"status": "stopped"}, "8"),
    ("NgayTra", {"returned_at": portal.at(24, 9)}, "20240124090000"),
    ("ThongTinTra", {"return_note": None}, ""),
    ("HinhThuc", {"return_method": ReturnMethod.ELECTRONIC}, "0"),
    ("HinhThuc", {"return_method": ReturnMethod.POST}, "1"),
    ("NgayKetThucXuLy", {"finished_at": portal.at(23, 15)}, "20240123150000"),
    ("NgayTuChoi", {"refused_at": portal.at(16, 9)}, "20240116090000"),
    ("DonViXuLy", {}, "Sở Thử nghiệm"),
    ("GhiChu", {"note": "Ghi\x07 chú\u200b"}, "Ghi chú\u200b"),
    ("TaiKhoanDuocXacThucVoiVNeID", applicant(account_verified=False), "0"),
    ("DuocThanhToanTrucTuyen", {"fees": []}, "0"),
    ("DuocThanhToanTrucTuyen", {"fees": [Fee(**{**PAID, "paid_at": None})]}, "0"),
    ("DuocThanhToanTrucTuyen", {"fees": [Fee(**{**PAID, "amount": 0})]}, "0"),
    ("DuocThanhToanTrucTuyen", {"fees": [Fee(**PAID)]}, "3"),
    ("DuocThanhToanTrucTuyen", {"fees": [Fee(**PAID, method=PaymentMethod.PROVINCE_GATEWAY)]}, "2"),
    (
        "DuocThanhToanTrucTuyen",
        {"fees": [Fee(**PAID), Fee(**{**PAID, "id": "g"}, method=PaymentMethod.PORTAL)]},
        "1",
    ),
    ("HoSoCoThanhPhanSoHoa", {"documents": []}, "0"),
    ("HoSoCoThanhPhanSoHoa", {"documents": [portal.document("1", "1", deleted=True)]}, "0"),
    ("HoSoCoThanhPhanSoHoa", {"documents": [portal.document("1", "1")]}, "1"),
    ("DSKetNoiCSDL", {"databases": ["1", "7"]}, [{"MaCSDL": "1"}, {"MaCSDL": "7"}]),
    ("TaiLieuNop", {"documents": [Document(id="1", name="Giấy")]}, []),
    ("DanhSachTepDinhKemKhac", {"papers": [Paper(name="Ảnh", quantity=2, kind=3)]}, None),
    (
        "DanhSachTepDinhKemKhac",
        {"documents": [Document(id="1", name="Giấy tờ gốc")]},
        [{"TenGiayTo": "Giấy tờ gốc", "SoLuong": 1, "LoaiGiayTo": 1}],
    ),
    ("DanhSachLePhi", {"fees": [Fee(**{**PAID, "paid_at": None})]}, []),
    ("DanhSachHoSoBoSung", {"supplements": []}, []),
    ("DanhSachGiayToKetQua", {"results": [Result(id="1", name="Bản giấy")]}, []),
]
PAPERS = [{"TenGiayTo": "Ảnh", "SoLuong": 2, "LoaiGiayTo": 3}]


@pytest.mark.parametrize(("element", "changes", "expected"), WRITTEN, ids=lambda value: str(value)[:40])
def test_element_is_written(element: str, changes: dict[str, Any], expected: object) -> None:
    item = portal.item(portal.adapter(send_unreceived="all"), portal.dossier(**changes))
    if expected is None and element == "DanhSachTepDinhKemKhac":
        expected = PAPERS
    assert item.get(element) == expected


def test_every_element_of_the_table_has_a_case() -> None:
    assert {element for element, _, _ in WRITTEN} == TABLES["DongBoHoSoMC"].names()


# element, change that cannot be encoded, pointer of the violation, its code
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("NgayTiepNhan", {"received_at": None, "status": "processing"}, "/received_at", "missing"),
    ("NgayNopHoSo", {"submitted_at": None}, "/submitted_at", "missing"),
    ("TrangThaiHoSo", {"status": "interoperating"}, "/status", "unmapped_code"),
    ("DSKetNoiCSDL", {"databases": ["1", "weather"]}, "/databases/1", "unmapped_code"),
    (
        "DinhDanhCHS",
        applicant(identities=[Identity(kind=IdentityKind.PERSONAL_ID, number="12345")]),
        "/applicant/identities/0/number",
        "identity_digits",
    ),
    (
        "TaiLieuNop",
        {"documents": [portal.document("1", "1"), portal.document("2", "2", reuse=Reuse.RESULT)]},
        "/documents/1/replaced_result_code",
        "missing",
    ),
    (
        "DanhSachHoSoBoSung",
        {"supplements": [Supplement(**ROUND, new_due_at=portal.at(24, 8))]},
        "/supplements/0/old_due_at",
        "missing",
    ),
]


@pytest.mark.parametrize(
    ("element", "changes", "pointer", "code"), REFUSED, ids=lambda value: str(value)[:40]
)
def test_element_is_refused_with_its_pointer(
    element: str, changes: dict[str, Any], pointer: str, code: str
) -> None:
    adapter, record = portal.adapter(send_unreceived="all"), portal.dossier(**changes)
    with pytest.raises(CannotEncode) as refused:
        portal.item(adapter, record)
    found = [(violation.pointer, violation.code) for violation in refused.value.violations]
    assert found == [(pointer, code)]
    assert record.code in str(refused.value)
    assert [(each.pointer, each.code) for each in adapter.check(record, {})] == found


def test_number_longer_than_the_portal_takes_is_refused() -> None:
    with pytest.raises(CannotEncode) as refused:
        portal.item(portal.adapter(), portal.dossier(), memory={"partner_code": "H99" + "1" * 48})
    assert [(each.pointer, each.code) for each in refused.value.violations] == [("/code", "too_long")]


def test_everything_wrong_is_reported_at_once() -> None:
    record = portal.dossier(status="?", databases=["x"], submitted_at=None, received_at=None)
    found = {violation.pointer for violation in portal.adapter().check(record, {})}
    assert found == set()  # not received: the portal is not told, so it refuses nothing
    record = msgspec.structs.replace(record, received_at=portal.at(15, 8))
    found = {violation.pointer for violation in portal.adapter().check(record, {})}
    assert found == {"/status", "/databases/0", "/submitted_at"}


def test_first_profile_has_the_27_elements_of_qcvn_only() -> None:
    item = portal.item(portal.adapter(profile="2019"), portal.dossier())
    assert len(item) == 27
    assert "DinhDanhCHS" not in item
    assert set(item["TaiLieuNop"][0]) == {
        "TepDinhKemId",
        "TenTepDinhKem",
        "IsDeleted",
        "MaThanhPhanHoSo",
        "DuongDanTaiTepTin",
    }


def test_all_strings_mode_leaves_no_number_and_no_boolean() -> None:
    item = portal.item(portal.adapter(all_strings=True), portal.returned())
    assert item["DanhSachTepDinhKemKhac"] == [{"TenGiayTo": "Ảnh 3x4", "SoLuong": "2", "LoaiGiayTo": "1"}]
    assert item["DanhSachHoSoBoSung"][0]["HoSoBoSungId"] == "501"
    assert item["DanhSachHoSoBoSung"][0]["TrangThaiBoSung"] == "True"
    leaves = msgspec.json.encode(item).decode()
    assert not any(word in leaves for word in (":true", ":false", ":null"))


def test_removed_file_is_told_as_removed() -> None:
    gone = Document(id="9", name="Cũ", deleted=True)
    (row,) = portal.item(portal.adapter(), portal.dossier(documents=[gone]))["TaiLieuNop"]
    assert (row["IsDeleted"], row["DuongDanTaiTepTin"]) == ("True", "")


def test_stored_address_is_sent_as_published_address() -> None:
    adapter = portal.adapter(
        store_base_url="http://kho.h99.invalid/tep/",
        download_base_url="https://tai.h99.example/downloadfile/",
    )
    files = [
        Document(id="1", name="a", file=FileReference(url="http://kho.h99.invalid/tep/0b8f")),
        Document(id="2", name="b", file=FileReference(url="https://other.example/x")),
    ]
    rows = portal.item(adapter, portal.dossier(documents=files))["TaiLieuNop"]
    assert [row["DuongDanTaiTepTin"] for row in rows] == [
        "https://tai.h99.example/downloadfile/0b8f",
        "https://other.example/x",
    ]


def test_nameless_file_is_called_by_its_own_name() -> None:
    nameless = Document(id="1", name=" ", file=FileReference(url="https://a.example/dir/to-khai.pdf"))
    assert (
        portal.item(portal.adapter(), portal.dossier(documents=[nameless]))["TaiLieuNop"][0]["TenTepDinhKem"]
        == "to-khai.pdf"
    )


def test_fee_without_code_takes_the_procedures_only_one_else_the_default() -> None:
    fee = Fee(**{**PAID, "code": None})
    detail = {"CACHTHUCTHUCHIEN": [{"THOIGIAN": [{"PHILEPHI": [{"MAPHILEPHI": "LP.G99.000001"}]}]}]}
    known = {"procedure": {"1.009901": {"MATTHC": "1.009901", **detail}}}
    record = portal.dossier(fees=[fee], **procedure())
    assert (
        portal.item(portal.adapter(), record, catalogues=known)["DanhSachLePhi"][0]["MaPhiLePhi"]
        == "LP.G99.000001"
    )
    assert portal.item(portal.adapter(), record)["DanhSachLePhi"][0]["MaPhiLePhi"] == "1"


def test_unpaid_fees_are_listed_where_the_portal_wants_them() -> None:
    record = portal.dossier(fees=[Fee(**{**PAID, "paid_at": None})])
    assert len(portal.item(portal.adapter(unpaid_fees=True), record)["DanhSachLePhi"]) == 1


def test_open_supplement_round_names_the_appointment_that_still_holds() -> None:
    (row,) = portal.item(portal.adapter(), portal.dossier(supplements=[Supplement(**ROUND)]))[
        "DanhSachHoSoBoSung"
    ]
    assert (row["NgayHenTraTruoc"], row["NgayTiepNhanBoSung"], row["TrangThaiBoSung"]) == (
        "20240122080500",
        "",
        False,
    )


def test_supplement_round_without_any_appointment_has_none() -> None:
    record = portal.dossier(due_at=None, supplements=[Supplement(**ROUND)])
    assert portal.item(portal.adapter(), record)["DanhSachHoSoBoSung"][0]["NgayHenTraTruoc"] == ""


REAPPOINTMENT = Reappointment(
    old_due_at=portal.at(22, 8, 5),
    new_due_at=portal.at(26, 8, 5),
    issued_at=portal.at(20, 9),
    reason="Chờ ý kiến phối hợp.",
    document_number="12/TXL",
    signer="Lê Văn Giả",
)


def test_reappointment_is_told_in_the_note_and_is_no_supplement_round() -> None:
    item = portal.item(portal.adapter(), portal.dossier(note="Ghi chú", reappointments=[REAPPOINTMENT]))
    assert item["GhiChu"] == (
        "Ghi chú\nHẹn lại theo văn bản 12/TXL ngày 20/01/2024, Lê Văn Giả ký: "
        "từ 08:05 22/01/2024 đến 08:05 26/01/2024. Lý do: Chờ ý kiến phối hợp."
    )
    assert item["DanhSachHoSoBoSung"] == []


def test_reappointment_can_travel_as_supplement_row_or_not_at_all() -> None:
    record = portal.dossier(
        reappointments=[REAPPOINTMENT], supplements=[Supplement(**{**ROUND, "id": 900_000})]
    )
    rows = portal.item(portal.adapter(reappointment_as="supplement"), record)["DanhSachHoSoBoSung"]
    assert [row["HoSoBoSungId"] for row in rows] == [900_000, 900_001]
    assert (rows[1]["NgayHenTraTruoc"], rows[1]["NgayHenTraMoi"]) == ("20240122080500", "20240126080500")
    silent = portal.item(portal.adapter(reappointment_as="omit"), record)
    assert (silent["GhiChu"], len(silent["DanhSachHoSoBoSung"])) == ("", 1)


def test_configured_elements_must_be_filled() -> None:
    adapter = portal.adapter(mandatory_fields=("Email", "NgayHenTra"))
    found = adapter.check(portal.dossier(due_at=None, **applicant()), {})
    assert {(each.pointer, each.code) for each in found} == {
        ("/applicant/email", "missing"),
        ("/due_at", "missing"),
    }


def test_identity_kinds_get_codes_once_the_operator_names_them() -> None:
    company = applicant(identities=[Identity(kind=IdentityKind.TAX_CODE, number="0109999999")])
    item = portal.item(portal.adapter(identity_codes={"tax_code": "4"}), portal.dossier(**company))
    assert item["DinhDanhCHS"] == [{"LoaiDinhDanh": "4", "SoDinhDanh": "0109999999"}]


def test_dossier_without_sendable_identity_is_refused_only_where_the_portal_insists() -> None:
    nobody = portal.dossier(**applicant())
    assert not portal.adapter().check(nobody, {})
    (found,) = portal.adapter(require_identity=True).check(nobody, {})
    assert (found.pointer, found.code) == ("/applicant/identities", "no_identity")
    assert not portal.adapter(require_identity=True, profile="2019").check(nobody, {})


def test_finished_dossier_without_result_is_refused_only_where_the_portal_insists() -> None:
    bare = portal.returned(results=[])
    assert not portal.adapter().check(bare, {})
    (found,) = portal.adapter(require_result=True).check(bare, {})
    assert (found.pointer, found.code) == ("/results", "no_result")
    assert not portal.adapter(require_result=True).check(portal.returned(), {})


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=()), max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_becomes_valid_utf8_json_in_nfc(text: str) -> None:
    record: Dossier = portal.dossier(note=text, **applicant(name=text or "x"))
    body = (
        portal.adapter().encode(portal.deliveries(portal.adapter(), record, "dossier"), portal.context()).body
    )
    item = msgspec.json.decode(body)["data"][0]
    for element in ("GhiChu", "ChuHoSo"):
        assert unicodedata.is_normalized("NFC", item[element])
        assert not any(letter < " " and letter not in "\n\t" for letter in item[element])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=40, max_size=120))
@settings(max_examples=200, deadline=None)
def test_a_shortened_name_keeps_whole_letters(text: str) -> None:
    record = portal.returned(steps=[msgspec.structs.replace(portal.steps()[0], actor=text + "x" * 60)])
    name = portal.item(portal.adapter(), record, "step")["NguoiXuLy"]
    assert len(name) <= 50
    assert name.endswith("...")
    assert not unicodedata.combining(name[0])


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(9998, 12, 30)))  # noqa: DTZ001
@settings(max_examples=200, deadline=None)
def test_a_date_comes_back_as_the_same_second(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC, microsecond=0)
    written = portal.item(portal.adapter(), portal.dossier(due_at=instant))["NgayHenTra"]
    assert parse_date14(written) == instant
