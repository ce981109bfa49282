"""What the portal is told, in which order, under which number; the elements of a processing step."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.national_portal.plan import CANDIDATES
from gateway.codec import canonical
from gateway.domain.dossier import Agency, Dossier, Portal, Step
from gateway.domain.errors import CannotEncode
from gateway.domain.status import Status
from mappings.national_portal import TABLES
from tests.unit import portal


def planned(record: Dossier, **changes: Any) -> list[tuple[str, str]]:
    return [(each.operation, each.key) for each in portal.adapter(**changes).plan(record)]


def step(identifier: str, day: int, hour: int, status: str = "processing") -> Step:
    return Step(id=identifier, at=portal.at(day, hour), status=status)


def test_the_dossier_goes_first_then_its_steps_in_order_of_time() -> None:
    shuffled = portal.returned(steps=portal.steps()[::-1])
    assert planned(shuffled) == [("dossier", "6"), *(("step", f"s{number}") for number in range(1, 6))]


def test_steps_of_one_instant_keep_the_order_of_the_record() -> None:
    record = portal.dossier(steps=[step("b", 16, 9), step("a", 16, 9), step("r", 15, 8, "received")])
    assert [key for operation, key in planned(record) if operation == "step"] == ["r", "b", "a"]


def test_who_has_made_a_version_is_no_news_to_the_portal() -> None:
    """A ministry's report makes a version whose source is the ministry."""
    own = portal.returned()
    told = msgspec.structs.replace(
        own, version=own.version + 1, source="construction", steps=portal.steps()[:2]
    )
    ended = msgspec.structs.replace(told, summary="khác")
    marks = [portal.adapter().plan(each)[0].fingerprint for each in (own, told, ended)]
    assert marks[0] == marks[1] != marks[2]


def test_a_snapshot_does_not_carry_the_steps_and_a_step_carries_only_itself() -> None:
    snapshot, first, *_ = portal.adapter().plan(portal.returned())
    assert msgspec.json.decode(snapshot.payload, type=Dossier) == portal.returned(steps=[])
    assert first.payload == canonical.encode({"step": portal.steps()[0]})


# record, keys of the steps that are added
COMPLETED: list[tuple[Dossier, list[str]]] = [
    (portal.dossier(steps=[]), ["auto:received"]),
    (portal.dossier(steps=[step("a", 16, 9)]), ["auto:received", "a"]),
    (portal.returned(steps=[]), ["auto:received", "auto:finished", "auto:returned"]),
    (portal.returned(steps=portal.steps()[:3]), ["s1", "s2", "s3", "auto:finished", "auto:returned"]),
    (portal.returned(), ["s1", "s2", "s3", "s4", "s5"]),
    (
        portal.dossier(status="withdrawn", finished_at=portal.at(18, 9), steps=[]),
        ["auto:received", "auto:withdrawn"],
    ),
    (
        portal.dossier(status="stopped", finished_at=portal.at(18, 9), steps=[]),
        ["auto:received", "auto:stopped"],
    ),
    (portal.dossier(status="stopped", steps=[]), ["auto:received"]),
    # recalled after it was finished: the end no longer holds
    (portal.dossier(status="processing", finished_at=portal.at(18, 9), steps=[]), ["auto:received"]),
    (
        portal.dossier(status="refused", received_at=None, refused_at=portal.at(16, 9), steps=[]),
        ["auto:refused"],
    ),
]


@pytest.mark.parametrize(("record", "keys"), COMPLETED)
def test_required_steps_are_added_from_the_records_own_instants(record: Dossier, keys: list[str]) -> None:
    assert [key for operation, key in planned(record) if operation == "step"] == keys


@pytest.mark.parametrize(("record", "keys"), COMPLETED)
def test_nothing_is_added_where_the_province_does_not_want_it(record: Dossier, keys: list[str]) -> None:
    own = [key for key in keys if not key.startswith("auto:")]
    assert [key for operation, key in planned(record, complete_steps=False) if operation == "step"] == own


def test_an_added_step_says_only_what_the_record_says() -> None:
    adapter = portal.adapter()
    batch = portal.deliveries(adapter, portal.returned(steps=[]), "step")
    items = msgspec.json.decode(adapter.encode(batch, portal.context()).body)["data"]
    told = [
        (each["TrangThai"], each["ThoiDiemXuLy"], each["NguoiXuLy"], each["NoiDungXuLy"]) for each in items
    ]
    assert told == [
        ("2", "20240115080500", "Chuyên viên", "Được tiếp nhận"),
        ("9", "20240123150000", "Chuyên viên", "Đã xử lý xong"),
        ("10", "20240124091500", "Chuyên viên", "Đã trả kết quả"),
    ]


def test_no_state_is_ever_rewritten() -> None:
    record = portal.dossier(
        steps=[Step(id=status, at=portal.at(15, 9), status=status) for status in Status], status="returned"
    )
    adapter = portal.adapter()
    batch = portal.deliveries(adapter, record, "step")
    items = msgspec.json.decode(adapter.encode(batch, portal.context()).body)["data"]
    assert [each["TrangThai"] for each in items] == [str(status.national) for status in Status]


@pytest.mark.parametrize(
    ("choice", "told"), [("none", set()), ("refused", {"refused"}), ("all", {"registered", "refused"})]
)
def test_dossiers_that_were_not_received_are_told_as_the_setting_says(choice: str, told: set[str]) -> None:
    adapter = portal.adapter(send_unreceived=choice)
    for status in ("registered", "refused"):
        record = portal.dossier(status=status, received_at=None)
        assert adapter.wants(record) is (status in told)
        assert bool(adapter.plan(record)) is (status in told)


def test_a_dossier_filed_at_the_portal_goes_back_as_a_status_report() -> None:
    assert planned(portal.returned(origin=Portal.NATIONAL)) == [("status", "6")]


def test_a_dossier_filed_at_the_portal_and_not_yet_taken_is_no_news_to_it() -> None:
    adapter, record = (
        portal.adapter(),
        portal.dossier(origin=Portal.NATIONAL, status="registered", received_at=None),
    )
    assert not adapter.wants(record)
    assert not adapter.plan(record)


def test_a_dossier_filed_at_the_portal_is_also_synchronised_where_the_province_wants_it() -> None:
    operations = {
        operation for operation, _ in planned(portal.returned(origin=Portal.NATIONAL), sync_portal_born=True)
    }
    assert operations == {"dossier", "step", "status"}
    item = portal.item(portal.adapter(sync_portal_born=True), portal.returned(origin=Portal.NATIONAL))
    assert item["NoiNopHoSo"] == "1"


# element, step, what is written
STEP_ELEMENTS: list[tuple[str, dict[str, Any], str]] = [
    ("MaHoSo", {}, portal.CODE),
    ("NguoiXuLy", {"actor": "Trần Thị Mẫu"}, "Trần Thị Mẫu"),
    ("NguoiXuLy", {"actor": None}, "Chuyên viên"),
    ("NguoiXuLy", {"actor": "  "}, "Chuyên viên"),
    ("NguoiXuLy", {"actor": "ấ" * 50}, "ấ" * 50),
    ("NguoiXuLy", {"actor": "ấ" * 51}, "ấ" * 46 + "..."),
    ("NguoiXuLy", {"actor": "x" * 45 + "👩‍👩‍👧‍👦" + "y" * 10}, "x" * 45 + "..."),
    ("ChucDanh", {"title": "Lãnh đạo"}, "Lãnh đạo"),
    ("ThoiDiemXuLy", {}, "20240116090000"),
    ("PhongBanXuLy", {"unit": "Phòng A"}, "Phòng A"),
    ("NoiDungXuLy", {"note": "Ghi\nchú"}, "Ghi\nchú"),
    ("NoiDungXuLy", {"note": None}, "Đang xử lý"),
    ("TrangThai", {}, "4"),
    ("NgayBatDau", {"started_at": portal.at(15, 9)}, "20240115090000"),
    ("NgayBatDau", {}, ""),
    ("NgayKetThucTheoQuyDinh", {"due_at": portal.at(18, 9)}, "20240118090000"),
]


@pytest.mark.parametrize(("element", "changes", "expected"), STEP_ELEMENTS)
def test_element_of_a_step_is_written(element: str, changes: dict[str, Any], expected: str) -> None:
    record = portal.dossier(steps=[msgspec.structs.replace(step("a", 16, 9), **changes)])
    adapter = portal.adapter()
    batch = [each for each in portal.deliveries(adapter, record, "step") if each.key == "a"]
    assert msgspec.json.decode(adapter.encode(batch, portal.context()).body)["data"][0][element] == expected


def test_every_element_of_the_step_table_has_a_case() -> None:
    assert {element for element, _, _ in STEP_ELEMENTS} == TABLES["CapNhatTienDoHoSoMC"].names()


def test_a_step_in_an_unknown_state_is_refused_with_its_place() -> None:
    adapter = portal.adapter()
    record = portal.dossier(steps=[step("a", 16, 9), step("b", 17, 9, "posting")])
    assert [(each.pointer, each.code) for each in adapter.check(record, {})] == [
        ("/steps/1/status", "unmapped_code")
    ]
    batch = portal.deliveries(adapter, record, "step")
    with pytest.raises(CannotEncode, match="/step/status"):
        adapter.encode(batch, portal.context())


def test_own_number_is_kept_when_it_names_the_province() -> None:
    for code in (portal.CODE, "000.00.14.H99-240115-0007"):
        assert portal.adapter().partner_codes(portal.dossier(code=code)) == (code,)


def test_foreign_number_gets_numbers_of_the_unit_and_the_day_of_reception() -> None:
    numbers = portal.adapter().partner_codes(portal.dossier(code="HS.2024.000777"))
    assert len(set(numbers)) == len(numbers) == CANDIDATES
    assert all(number.startswith("H99.14-240115-") for number in numbers)
    assert all(10_000 <= int(number.rpartition("-")[2]) <= 99_998 for number in numbers)
    assert numbers == portal.adapter().partner_codes(portal.dossier(code="HS.2024.000777", version=9))


def test_foreign_number_of_a_foreign_unit_is_numbered_for_the_province() -> None:
    record = portal.dossier(
        code="HS.1", agency=Agency(code="X1", name="Đơn vị"), received_at=None, status="refused"
    )
    assert portal.adapter().partner_codes(record)[0].startswith("H99-240114-")


def test_a_dossier_filed_at_the_portal_keeps_the_portals_number() -> None:
    record = portal.dossier(code="G99.01-240201-0003", origin=Portal.NATIONAL)
    assert portal.adapter().partner_codes(record) == ("G99.01-240201-0003",)


def test_number_given_by_the_hub_is_used_everywhere() -> None:
    adapter, record = portal.adapter(), portal.dossier(code="HS.1")
    memory = {"partner_code": "H99.14-240115-48213"}
    for operation in ("dossier", "step"):
        assert portal.item(adapter, record, operation, memory=memory)["MaHoSo"] == "H99.14-240115-48213"
    assert portal.item(adapter, record, memory={})["MaHoSo"] == "HS.1"


@given(st.text("ABCHS0123456789.", min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_candidates_are_always_distinct_and_stable(code: str) -> None:
    record = portal.dossier(code=code)
    numbers = portal.adapter().partner_codes(record)
    assert len(set(numbers)) == len(numbers)
    assert numbers == portal.adapter().partner_codes(record)


# record, since when it is in its state
SINCE: list[tuple[Dossier, Any]] = [
    (portal.dossier(), portal.at(15, 8, 5)),
    (portal.returned(), portal.at(24, 9, 15)),
    (portal.returned(status="finished", returned_at=None), portal.at(23, 15)),
    (portal.dossier(status="withdrawn", finished_at=portal.at(18, 9), steps=[]), portal.at(18, 9)),
    (portal.dossier(status="processing", steps=[step("a", 16, 9), step("b", 17, 9)]), portal.at(17, 9)),
    (portal.dossier(status="processing", steps=[]), None),
    (portal.dossier(status="returned", finished_at=portal.at(18, 9), steps=[]), None),
    # complete again: the state that came back is told by its newest step
    (portal.dossier(status="received", steps=[step("r", 19, 10, "received")]), portal.at(19, 10)),
    (portal.dossier(status="no state of ours", steps=[]), None),
]


@pytest.mark.parametrize(("record", "since"), SINCE)
def test_a_snapshot_tells_since_when_the_dossier_is_in_its_state(record: Dossier, since: Any) -> None:
    snapshot = portal.adapter().plan(record)[0]
    assert (snapshot.operation, snapshot.happened_at) == ("dossier", since)


def test_a_status_report_tells_since_when_too() -> None:
    (report,) = portal.adapter().plan(portal.returned(origin=Portal.NATIONAL))
    assert report.happened_at == portal.at(24, 9, 15)


def test_the_time_of_the_state_is_no_part_of_what_the_portal_sees() -> None:
    first, second = (
        portal.adapter().plan(
            portal.dossier(status="processing", steps=[step("r", 15, 8, "received"), step("a", day, 9)])
        )[0]
        for day in (16, 17)
    )
    assert first.happened_at != second.happened_at
    assert first.fingerprint == second.fingerprint
