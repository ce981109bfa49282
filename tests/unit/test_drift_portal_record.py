"""The portal's record, read and expected (national_portal §4.3, U15): the same function for both sides, any bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from adapters.national_portal.plan import plan
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Portal
from gateway.domain.errors import CannotEncode
from gateway.domain.status import Status
from gateway.port import (
    CannotRead,
    Context,
    Expected,
    NoRecord,
    PartnerRecord,
    ShowsRecords,
    WireResponse,
    record_reader,
)
from gateway.statussync.compare import NOTHING_UNDERWAY, compare
from tests.unit import portal

CONTEXT = Context(now=portal.NOW, credentials={"session": "s"}, memory={})
ECHO = portal.adapter(lookup_detail="echo")


def deliveries(dossier: Any = None, **settings: Any) -> list[Delivery]:
    planned = plan(dossier or portal.returned(), portal.settings(**settings))
    return [
        Delivery(
            id=100 + place,
            lane=1,
            destination="portal",
            dossier=portal.CODE,
            operation=each.operation,
            key=each.key,
            position=place,
            payload=each.payload,
        )
        for place, each in enumerate(planned, start=1)
    ]


def expected(told: list[Delivery] | None = None, adapter: Any = ECHO) -> Expected:
    found = adapter.expected_record(told if told is not None else deliveries(), CONTEXT)
    assert found is not None
    return found


def kept(**changes: Any) -> dict[str, Any]:
    """What the stand-in would echo of everything delivered."""
    told = deliveries()
    item = ECHO._item(told[0], CONTEXT)
    steps = [ECHO._item(each, CONTEXT) for each in told[1:]]
    return {**item, "TienDo": steps, **changes}


def read(document: Any, adapter: Any = ECHO, status: int = 200) -> Any:
    return adapter.interpret_record(portal.CODE, _response(document, status), CONTEXT)


def _response(document: Any, status: int) -> WireResponse:
    return WireResponse(status=status, headers=portal.JSON, body=msgspec.json.encode(document))


def answered(*rows: Any, **more: Any) -> dict[str, Any]:
    return {"error_code": 0, "message": "", "result": list(rows), **more}


def test_portal_fulfils_the_optional_protocol():
    assert isinstance(ECHO, ShowsRecords)
    assert record_reader(ECHO) is ECHO
    assert record_reader(portal.adapter(dialect="lgsp_document")) is None


def test_question_is_the_look_up_under_the_portals_number():
    context = msgspec.structs.replace(CONTEXT, memory={"partner_code": "H99-240115-48213"})
    body = msgspec.json.decode(ECHO.encode_record(portal.CODE, context).body)
    assert (body["service"], body["mahoso"]) == ("TraCuuHoSo", "H99-240115-48213")


def test_record_says_what_the_portal_shows():
    found = read(answered(kept()))
    assert isinstance(found, PartnerRecord)
    assert found.status is Status.RETURNED
    assert (found.received_at, found.due_at) == (portal.at(15, 8, 5), portal.at(24, 8, 5))
    assert found.finished_at == portal.at(23, 15)
    assert [each.status for each in found.steps] == [
        Status.RECEIVED,
        Status.SUPPLEMENT_REQUESTED,
        Status.PROCESSING,
        Status.FINISHED,
        Status.RETURNED,
    ]
    assert found.fields["/applicant/name"] == "Nguyễn Văn Thử"
    assert found.learned == {"exists": "yes"}


def test_what_was_delivered_is_what_is_expected():
    assert compare(expected(), read(answered(kept())), NOTHING_UNDERWAY).differences == ()


def test_expected_order_is_the_dossier_and_then_its_steps_by_time():
    told = deliveries()
    found = expected([told[0], *reversed(told[1:])])
    assert found.snapshots == (101,)
    assert found.order == (101, 102, 103, 104, 105, 106)
    assert found.whole
    assert found.ends == (Status.FINISHED, Status.RETURNED)


def test_newest_snapshot_counts_and_the_last_delivery_of_a_step():
    told = deliveries()
    older = deliveries(portal.dossier())[0]
    again = msgspec.structs.replace(told[2], id=900, key="repair:1:s2", position=50)
    found = expected([msgspec.structs.replace(older, id=1, position=0), *told, again])
    assert found.snapshots == (101,)
    assert sorted(found.steps.values()) == [102, 104, 105, 106, 900]
    assert found.order[2] == 900  # told late, but it stands where it belongs


def test_steps_alone_expect_their_keys_and_nothing_else():
    found = expected(deliveries()[1:2])
    assert list(found.steps.values()) == [102]
    assert not found.whole
    assert ECHO.expected_record([], CONTEXT) is None


def test_report_expects_its_status_alone():
    filed = portal.returned(origin=Portal.NATIONAL, status=Status.REFUSED, refused_at=portal.at(16, 9))
    told = deliveries(filed)
    assert [each.operation for each in told] == ["status"]
    found = expected(told)
    assert (found.record.status, found.whole, found.record.steps) == (Status.REFUSED, False, None)


def test_dossier_that_goes_on_has_no_end_to_show():
    assert expected(deliveries(portal.dossier())).ends == ()


def test_key_of_a_step_names_nobody():
    keys = list(expected().steps)
    assert keys[0].startswith("20240115080500 2 ")
    assert not any("Mẫu" in key for key in keys)
    assert len(set(keys)) == 5


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"SoDienThoai": "0900000002"}, False),
        ({"GhiChu": None}, True),
        ({"TaiKhoanDuocXacThucVoiVNeID": 1}, True),
        ({"DSKetNoiCSDL": []}, False),
        ({"TrichYeuHoSo": " Đề nghị  cấp giấy xác nhận "}, True),
        ({"MaiSauMoiCo": "x"}, True),
    ],
)
def test_values_that_the_contract_calls_alike_are_alike(changes, same):
    differences = compare(expected(), read(answered(kept(**changes))), NOTHING_UNDERWAY).differences
    assert (differences == ()) is same


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"GhiChu": None}, True),
        ({"TaiLieuNop": list(reversed(kept()["TaiLieuNop"]))}, True),
        ({"ChuHoSo": "Khác"}, False),
        ({"TaiKhoanDuocXacThucVoiVNeID": True}, False),  # Python calls it 1, the contract does not
    ],
)
def test_fields_are_equal_as_they_stand_or_as_they_read(changes, same):
    ours, theirs = expected().record.fields, read(answered(kept(**changes))).fields
    assert (ours == theirs) is (dict(ours) == dict(theirs)) is same
    assert (dict(ours) == theirs) is same
    assert (ours != theirs) is not same


def test_merged_documents_are_compared_one_by_one():
    more = [*kept()["TaiLieuNop"], {"TepDinhKemId": "9", "TenTepDinhKem": "của bản trước.pdf"}]
    assert compare(expected(), read(answered(kept(TaiLieuNop=more))), NOTHING_UNDERWAY).differences == ()
    fewer = compare(expected(), read(answered(kept(TaiLieuNop=more[1:]))), NOTHING_UNDERWAY)
    assert [each.field for each in fewer.differences] == ["/documents/700001"]


def test_removed_document_must_not_be_there_any_more():
    gone = portal.returned()
    documents = [msgspec.structs.replace(gone.documents[0], deleted=True), gone.documents[1]]
    told = deliveries(msgspec.structs.replace(gone, documents=documents))
    there = kept(HoSoCoThanhPhanSoHoa=ECHO._item(told[0], CONTEXT)["HoSoCoThanhPhanSoHoa"])
    found = compare(expected(told), read(answered(there)), NOTHING_UNDERWAY)
    assert [each.field for each in found.differences] == ["/documents/700001"]
    without = {**there, "TaiLieuNop": there["TaiLieuNop"][1:]}
    assert compare(expected(told), read(answered(without)), NOTHING_UNDERWAY).differences == ()


def test_first_profile_compares_what_it_sends():
    first = portal.adapter(lookup_detail="echo", profile="2019")
    assert "/channel" not in expected(adapter=first).record.fields
    assert "/channel" in expected().record.fields


def test_what_cannot_be_encoded_any_more_is_said():
    broken = msgspec.structs.replace(deliveries()[0], payload=b"{")
    with pytest.raises(CannotEncode):
        ECHO.expected_record([broken], CONTEXT)


# Answers


def test_empty_result_is_surely_nothing():
    assert read(answered()) == NoRecord(learned={"exists": "no"})


def test_own_words_for_nothing_are_nothing():
    assert isinstance(read({"error_code": "-1", "message": "Hồ sơ không tồn tại"}), NoRecord)


def test_presence_is_all_that_some_portals_show():
    presence = portal.adapter(lookup_detail="presence")
    assert read(answered({"x": 1}), presence) == PartnerRecord(detail=False, learned={"exists": "yes"})
    assert isinstance(read(answered(), presence), NoRecord)


def test_expired_session_is_renewed():
    answer = read({"error_code": -1, "message": "Phiên làm việc (session) đã hết hạn"})
    assert isinstance(answer, CannotRead)
    assert answer.renew == ("session",)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (answered(kept()), 500),
        (answered(), 404),
        ({"result": []}, 200),
        ({"error_code": 0, "message": ""}, 200),
        ({"error_code": 0, "message": "", "result": {}}, 200),
        (answered(1), 200),
        (answered({"MaHoSo": "H99.14-240115-0008"}), 200),
        ({"error_code": "-1", "message": "Dịch vụ không tồn tại", "result": []}, 200),
        ({"error_code": 0, "message": "chưa thành công", "result": []}, 200),
    ],
)
def test_anything_else_says_nothing(document, status):
    assert isinstance(read(document, status=status), CannotRead)


@pytest.mark.parametrize("progress", [None, {}, ""])
def test_record_without_a_list_of_steps_shows_none_of_them(progress):
    found = read(answered(kept(TienDo=progress)))
    assert found.steps is None
    assert compare(expected(), found, NOTHING_UNDERWAY).differences == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"TienDo": [None, 1, "x", [], {}]},
        {"TienDo": [{"ThoiDiemXuLy": [], "TrangThai": {"a": 1}, "NguoiXuLy": 7, "NoiDungXuLy": None}]},
        {"TaiLieuNop": [None, {"TepDinhKemId": {"a": []}}, {}]},
        {"DanhSachHoSoBoSung": [{"DanhSachGiayToBoSung": [1, {"x": 1}]}]},
        {"NgayHenTra": 20240122080500, "NgayTiepNhan": 2.5e300},
        {"TrangThaiHoSo": ["9"], "NgayKetThucXuLy": "hôm qua"},
    ],
)
def test_strange_values_in_a_record_are_read_as_they_are(changes):
    found = read(answered({**kept(), **changes}))
    assert isinstance(found, PartnerRecord)
    assert all(isinstance(value, str) for value in found.fields.values())
    assert compare(expected(), found, NOTHING_UNDERWAY).differences
