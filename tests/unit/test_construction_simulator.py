"""The ministry's stand-in as zeep meets it on a real socket: dossiers from their filing to their end, both versions."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from zeep.exceptions import Fault

from adapters.construction.simulator import ConstructionSimulator, SimulatorConfig
from adapters.construction.simulator_message import OPERATIONS
from gateway.domain.errors import NotFoundError, RecordError
from tests.ministry_world import (
    NOW,
    NUMBER,
    PLANNING_NUMBER,
    VIETNAM,
    Ministry,
    change,
    house,
    ministry,
    paper,
    question,
    work,
)

ASKED = "H99.99.99-261125-0006"


def outcome(answer: Any) -> str:
    """1, or the code of the refusal."""
    result = getattr(answer, "KetQua", answer)  # zeep unwraps an answer that has one part
    return result.TrangThai if result.TrangThai == "1" else result.MaLoi


async def state(world: Ministry, number: str = NUMBER) -> str:
    (row,) = (await world.ask("TraCuuTrangThai", MaHoSo=[number])).TrangThaiHoSo
    return row.TrangThaiXuLy


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_a_house_gets_its_permit_within_the_promise(version):
    async with ministry() as world:
        filed = await world.ask("NopHoSo", version=version, HoSo=house())
        assert (outcome(filed), filed.MaHoSoBXD) == ("1", "BXD-2026-0000001")
        assert outcome(await world.ask("LayKetQua", version=version, MaHoSo=NUMBER)) == "200"
        world.clock.days(7)

        permit = (await world.ask("LayKetQua", version=version, MaHoSo=NUMBER)).GiayPhep

        assert (permit.SoGiayPhep, permit.LoaiGiayPhep) == ("01/GPXD", "1")
        assert permit.MaSoThongTinCongTrinh == "XD-99-2026-0000001"
        assert permit.CapCho.Ten == "NGUYỄN VĂN MẪU"
        assert permit.CongTrinh[0].TongDienTichSan == Decimal("240.00")
        assert permit.NgayHetHieuLucKhoiCong == permit.NgayCap.replace(year=permit.NgayCap.year + 1)
        assert hashlib.sha256(permit.TepGiayPhep.NoiDung).hexdigest() == permit.TepGiayPhep.MaBamSHA256
        assert len(permit.TepGiayPhep.NoiDung) == permit.TepGiayPhep.KichThuoc
        assert world.case()["states"] == ["1", "2", "4", "4", "4", "4", "9"]


async def test_states_come_one_after_the_other_on_the_scripted_clock():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        seen = []
        for _ in range(15):
            (row,) = (await world.ask("TraCuuTrangThai", MaHoSo=[NUMBER])).TrangThaiHoSo
            seen.append((row.TrangThaiXuLy, row.BuocXuLy))
            world.clock.days(0.5)

        assert list(dict.fromkeys(seen)) == [
            ("1", None),
            ("2", None),
            ("4", "1"),
            ("4", "2"),
            ("4", "3"),
            ("4", "4"),
            ("9", None),
        ]


async def test_one_notice_is_answered_in_time_and_the_permit_follows():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house(owner=6, MaHoSo=ASKED))
        assert outcome(await world.ask("LayYeuCauBoSung", MaHoSo=ASKED)) == "204"
        world.clock.days(3)
        told = (await world.ask("LayYeuCauBoSung", MaHoSo=ASKED)).YeuCauBoSung

        assert await state(world, ASKED) == "5"
        assert told.HanBoSung - told.NgayYeuCau == timedelta(seconds=20)
        assert [each.MaGiayTo for each in told.GiayToCanBoSung] == ["CAM_KET"]
        answer = {"MaHoSo": ASKED, "MaYeuCauBoSung": told.MaYeuCauBoSung, "TepDinhKem": [paper("CAM_KET")]}
        assert outcome(await world.ask("NopBoSung", call="bo-sung-0001", **answer)) == "1"
        assert outcome(await world.ask("NopBoSung", call="bo-sung-0001", **answer)) == "1"  # the same call
        assert outcome(await world.ask("NopBoSung", **answer)) == "203"  # one notice, one answer
        world.clock.days(5)
        assert (await world.ask("LayKetQua", MaHoSo=ASKED)).GiayPhep is not None
        case = world.case(ASKED)
        assert case["states"].count("5") == 1
        assert [each["papers"] for each in case["supplements"]] == [["CAM_KET"]]


async def test_the_promise_waits_while_the_applicant_is_asked():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house(owner=6))
        world.clock.days(0.29 * 7)
        promised = world.case()["promised_at"]
        told = (await world.ask("LayYeuCauBoSung", MaHoSo=NUMBER)).YeuCauBoSung
        world.clock.days(1)
        await world.ask(
            "NopBoSung", MaHoSo=NUMBER, MaYeuCauBoSung=told.MaYeuCauBoSung, TepDinhKem=[paper("CAM_KET")]
        )
        (row,) = (await world.ask("TraCuuTrangThai", MaHoSo=[NUMBER])).TrangThaiHoSo

        assert row.NgayHenTra.isoformat() > promised
        assert row.NgayHenTra - house()["NgayHenTra"] == timedelta(seconds=10)


async def test_a_supplement_after_its_term_is_refused_and_so_is_the_dossier():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house(owner=6))
        world.clock.days(2.1)
        told = (await world.ask("LayYeuCauBoSung", MaHoSo=NUMBER)).YeuCauBoSung
        world.clock.days(2.1)
        late = await world.ask("NopBoSung", MaHoSo=NUMBER, MaYeuCauBoSung=told.MaYeuCauBoSung)
        assert outcome(late) == "203"
        world.clock.days(1)

        result = await world.ask("LayKetQua", MaHoSo=NUMBER)

        assert result.GiayPhep is None
        assert "trong thời hạn" in result.VanBanTuChoi.LyDo
        assert await state(world) == "9"  # a refusal after acceptance is a decision


@pytest.mark.parametrize(("owner", "papers"), [(7, ["CAM_KET"]), (6, ["KHAC"]), (6, [])])
async def test_a_supplement_that_is_still_wrong_is_refused_within_a_day(owner, papers):
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house(owner=owner))
        world.clock.days(3)
        told = (await world.ask("LayYeuCauBoSung", MaHoSo=NUMBER)).YeuCauBoSung
        brought = {"TepDinhKem": [paper(kind) for kind in papers]} if papers else {}
        sent = await world.ask("NopBoSung", MaHoSo=NUMBER, MaYeuCauBoSung=told.MaYeuCauBoSung, **brought)
        assert outcome(sent) == "1"
        world.clock.days(1)

        assert "chưa đáp ứng" in (await world.ask("LayKetQua", MaHoSo=NUMBER)).VanBanTuChoi.LyDo


async def test_a_supplement_to_another_notice_is_not_taken():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house(owner=6))
        assert outcome(await world.ask("NopBoSung", MaHoSo=NUMBER, MaYeuCauBoSung="BS-0001")) == "204"
        world.clock.days(3)
        assert outcome(await world.ask("NopBoSung", MaHoSo=NUMBER, MaYeuCauBoSung="BS-9999")) == "204"
        assert world.case()["supplements"] == []


async def test_the_last_digit_of_the_investor_decides():
    async with ministry() as world:
        for digit in range(10):
            await world.ask("NopHoSo", HoSo=house(owner=digit, MaHoSo=f"H99.99.99-261125-{digit:04d}"))
        world.clock.days(30)
        states = await world.ask(
            "TraCuuTrangThai", MaHoSo=[f"H99.99.99-261125-{digit:04d}" for digit in range(10)]
        )
        by_digit = {int(row.MaHoSo[-1]): row.TrangThaiXuLy for row in states.TrangThaiHoSo}
        kinds = {
            number[-1]: (case["decision"] or {}).get("element")
            for number, case in world.record()["dossiers"].items()
        }

        assert by_digit == {**dict.fromkeys(range(9), "9"), 9: "4"}
        assert kinds == {
            **{str(digit): "GiayPhep" for digit in range(6)},
            "6": "VanBanTuChoi",  # nobody has answered the notice
            "7": "VanBanTuChoi",
            "8": "VanBanTuChoi",
            "9": None,
        }


@pytest.mark.parametrize(
    ("script", "last", "code"), [("reception", "3", "203"), ("stop", "8", "203"), ("late", "4", "200")]
)
async def test_other_endings_by_order_of_an_operator(script, last, code):
    async with ministry() as world:
        world.order("script", code=NUMBER, outcome=script)
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(20)

        assert await state(world) == last
        assert outcome(await world.ask("LayKetQua", MaHoSo=NUMBER)) == code


async def test_a_fee_is_waited_for_and_then_the_dossier_goes_on():
    async with ministry() as world:
        world.order("script", code=NUMBER, outcome="fee")
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(10)
        assert await state(world) == "6"
        world.order("pay", code=NUMBER)
        world.clock.days(5)
        assert await state(world) == "9"


async def test_an_operator_finishes_a_dossier_at_once():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house(owner=6))
        assert world.order("finish", code=NUMBER)["state"] == "5"
        told = (await world.ask("LayYeuCauBoSung", MaHoSo=NUMBER)).YeuCauBoSung
        await world.ask(
            "NopBoSung", MaHoSo=NUMBER, MaYeuCauBoSung=told.MaYeuCauBoSung, TepDinhKem=[paper("CAM_KET")]
        )
        assert world.order("finish", code=NUMBER)["state"] == "9"


@pytest.mark.parametrize(
    ("body", "days"),
    [
        (house(), 7),
        (house(NoiDungDeNghi={"CongTrinh": [work(NhomCongTrinh="1")], "ThoiGianHoanThanhThang": 9}), 10),
        (
            house(
                NoiDungDeNghi={
                    "CongTrinh": [work(NhomCongTrinh="1", CapCongTrinh="II")],
                    "ThoiGianHoanThanhThang": 9,
                }
            ),
            15,
        ),
    ],
)
async def test_each_kind_of_work_has_its_time(body, days):
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=body)
        world.clock.days(0.85 * days)
        assert await state(world) == "4"
        world.clock.days(0.02 * days)
        assert await state(world) == "9"


async def test_the_same_call_has_the_same_answer_and_another_one_is_a_duplicate():
    async with ministry() as world:
        first = await world.ask("NopHoSo", call="goi-0000001", HoSo=house())
        world.clock.days(1)
        again = await world.ask("NopHoSo", call="goi-0000001", HoSo=house())
        other = await world.ask("NopHoSo", call="goi-0000002", HoSo=house())

        assert (again.MaHoSoBXD, again.KetQua.ThoiDiem) == (first.MaHoSoBXD, first.KetQua.ThoiDiem)
        assert outcome(other) == "202"
        assert world.record()["order"] == [NUMBER]
        assert [each["operation"] for each in world.case()["calls"]] == ["NopHoSo"] * 3


async def test_a_call_id_that_another_dossier_has_used_is_refused():
    async with ministry() as world:
        await world.ask("NopHoSo", call="goi-0000001", HoSo=house())
        with pytest.raises(Fault) as refused:
            await world.ask("NopHoSo", call="goi-0000001", HoSo=house(MaHoSo=ASKED))

        assert refused.value.detail[0].findtext("{*}TruongLoi/{*}DuongDan") == "ThongTinChung/MaYeuCau"
        assert world.record()["order"] == [NUMBER]


@pytest.mark.parametrize("days", [0, 1, 3])
async def test_a_dossier_without_a_decision_is_withdrawn_for_good(days):
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(days)
        assert outcome(await world.ask("RutHoSo", MaHoSo=NUMBER, LyDo="Không còn nhu cầu")) == "1"
        world.clock.days(20)
        assert await state(world) == "7"
        assert outcome(await world.ask("RutHoSo", MaHoSo=NUMBER, LyDo="Không còn nhu cầu")) == "203"
        assert world.case()["withdrawn"] == "Không còn nhu cầu"


async def test_a_decided_dossier_is_not_withdrawn():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(7)
        assert outcome(await world.ask("RutHoSo", MaHoSo=NUMBER, LyDo="x")) == "203"
        assert await state(world) == "9"


async def test_a_received_result_is_one_that_was_handed_over():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        assert outcome(await world.ask("XacNhanDaNhan", LoaiThongTin="3", MaHoSo=[NUMBER])) == "200"
        world.clock.days(7)
        for _ in range(2):  # §7: acknowledged twice
            assert outcome(await world.ask("XacNhanDaNhan", LoaiThongTin="3", MaHoSo=[NUMBER])) == "1"
        world.clock.days(1)

        assert await state(world) == "10"
        assert world.case()["acknowledged"] == {"3": 2}


# Changes of permits


async def test_a_permit_is_adjusted_extended_twice_and_copied():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(7)
        issued = (await world.ask("TraCuuGiayPhep", SoGiayPhep="01/GPXD")).GiayPhep[0]
        permit = {
            "SoGiayPhep": "01/GPXD",
            "NgayCap": issued.NgayCap,
            "CoQuanCap": issued.CoQuanCap,
            "MaSoThongTinCongTrinh": issued.MaSoThongTinCongTrinh,
        }
        orders = [
            ("5", {"NoiDungDieuChinh": "Thêm một tầng", "CongTrinh": [work(SoTang=4)]}),
            ("6", {"LanGiaHan": 1}),
            ("6", {"LanGiaHan": 2}),
            ("7", {"LyDo": "Rách"}),
        ]
        made = []
        for at, (kind, content) in enumerate(orders, start=2):
            number = f"H99.99.99-261125-{at:04d}"
            papers = [paper(each) for each in ("DON_DIEU_CHINH", "GPXD_DA_CAP", "BAN_VE_NHA_O", "CAM_KET")]
            record = {**change(kind, permit, number, **content), "TepDinhKem": papers}
            assert outcome(await world.ask("NopHoSo", HoSo=record)) == "1"
            world.clock.days(7)
            made.append((await world.ask("LayKetQua", MaHoSo=number)).GiayPhep)

        assert [each.LoaiGiayPhep for each in made] == ["3", "4", "4", "5"]
        assert {each.SoGiayPhep for each in made} == {"01/GPXD"}
        assert {each.MaSoThongTinCongTrinh for each in made} == {issued.MaSoThongTinCongTrinh}
        assert [each.CongTrinh[0].SoTang for each in made] == [4, 4, 4, 4]
        until = issued.NgayHetHieuLucKhoiCong
        years = [each.NgayHetHieuLucKhoiCong.year - until.year for each in made]
        assert years == [0, 1, 2, 2]  # §2: twelve months each


async def test_an_extension_out_of_turn_is_refused():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(7)
        permit = {"SoGiayPhep": "01/GPXD", "NgayCap": date(2026, 11, 25), "CoQuanCap": "UBND phường Mẫu"}
        await world.ask("NopHoSo", HoSo=change("6", permit, ASKED, LanGiaHan=2))
        world.clock.days(7)

        assert "gia hạn" in (await world.ask("LayKetQua", MaHoSo=ASKED)).VanBanTuChoi.LyDo


async def test_a_permit_of_another_register_can_be_copied():
    async with ministry() as world:
        permit = {"SoGiayPhep": "43/GPXD", "NgayCap": date(2024, 2, 29), "CoQuanCap": "UBND quận Mẫu"}
        await world.ask("NopHoSo", HoSo=change("7", permit, ASKED, LyDo="Mất"))
        world.clock.days(7)
        copy = (await world.ask("LayKetQua", MaHoSo=ASKED)).GiayPhep

        assert (copy.SoGiayPhep, copy.LoaiGiayPhep) == ("43/GPXD", "5")
        assert copy.NgayHetHieuLucKhoiCong == date(2025, 2, 28)


# Planning information


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_an_even_parcel_lies_in_a_plan_and_its_outline_is_measured(version):
    async with ministry() as world:
        asked = await world.ask("YeuCauThongTinQuyHoach", version=version, YeuCau=question())
        assert outcome(asked) == "1"
        assert (
            outcome(await world.ask("LayThongTinQuyHoach", version=version, MaHoSo=PLANNING_NUMBER)) == "200"
        )
        assert outcome(await world.ask("LayKetQua", version=version, MaHoSo=PLANNING_NUMBER)) == "201"
        world.clock.days(15)
        answer = await world.ask("LayThongTinQuyHoach", version=version, MaHoSo=PLANNING_NUMBER)
        told = answer.ThongTinQuyHoach

        assert told.TinhTrang == "1"
        assert told.ODat[0].DienTich == Decimal("60.25")  # a right-angled triangle, 10 m by 12.05 m
        assert told.ODat[0].SoTangToiDa == 5
        assert told.Duong[0].TenDuong == "đường Mẫu"
        assert told.HaTangKyThuat is None
        assert hashlib.sha256(told.TepVanBan.NoiDung).hexdigest() == told.TepVanBan.MaBamSHA256
        assert world.case(PLANNING_NUMBER)["boundary"] == {"corners": 3, "area": "60.25"}


@pytest.mark.parametrize(("parcel", "state_"), [("12", "1"), ("13", "2"), ("LK", "3")])
async def test_the_parcel_decides_what_is_planned(parcel, state_):
    async with ministry() as world:
        body = question(NoiDungYeuCau=["6"])
        body["ViTri"] = {**body["ViTri"], "ThuaDat": [{"ThuaDatSo": parcel, "DienTich": Decimal(100)}]}
        await world.ask("YeuCauThongTinQuyHoach", YeuCau=body)
        world.clock.days(15)
        told = (await world.ask("LayThongTinQuyHoach", MaHoSo=PLANNING_NUMBER)).ThongTinQuyHoach

        assert told.TinhTrang == state_
        assert bool(told.ODat) == bool(told.HaTangKyThuat) == bool(told.KienTrucCanhQuan) == (state_ == "1")


# Registers


async def test_permits_are_found_by_number_and_by_construction():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(7)
        by_number = await world.ask("TraCuuGiayPhep", SoGiayPhep="01/GPXD")
        by_work = await world.ask("TraCuuGiayPhep", MaSoThongTinCongTrinh="XD-99-2026-0000001")

        assert by_number.GiayPhep[0].SoGiayPhep == by_work.GiayPhep[0].SoGiayPhep == "01/GPXD"
        assert outcome(await world.ask("TraCuuGiayPhep", SoGiayPhep="99/GPXD")) == "201"


async def test_certificates_are_good_expired_revoked_or_unknown():
    async with ministry() as world:
        states = {}
        for digit in "1089":
            answer = await world.ask("TraCuuChungChiHanhNghe", MaSoChungChi=f"XXX 0000000{digit}")
            states[digit] = answer.ChungChi[0].TrangThai if outcome(answer) == "1" else outcome(answer)
        held = await world.ask("TraCuuChungChiHanhNghe", SoDinhDanh="000000000001")

        assert states == {"1": "1", "0": "201", "8": "2", "9": "3"}
        assert held.ChungChi[0].MaSoChungChi == "MAU-00000001"


@pytest.mark.parametrize(("kind", "size"), [("1", 3), ("2", 6), ("3", 5), ("4", 25), ("5", 3), ("6", 2)])
async def test_every_code_list_is_given_out(kind, size):
    async with ministry() as world:
        assert len((await world.ask("LayDanhMuc", LoaiDanhMuc=kind)).Muc) == size


# The feed


async def _pages(
    world: Ministry, cursor: str | None = None, most: int = 3
) -> tuple[list[tuple[str, str]], str]:
    rows, more = [], True
    while more:
        page = await world.ask("LayDanhSachThayDoi", ConTro=cursor, SoBanGhi=most)
        assert outcome(page) == "1"
        rows += [(row.MaHoSo, row.TrangThaiXuLy) for row in page.TrangThaiHoSo]
        cursor, more = page.ConTroTiepTheo, page.ConDuLieu
    return rows, cursor


async def test_the_feed_shows_every_change_once_and_in_order():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        await world.ask("YeuCauThongTinQuyHoach", YeuCau=question())
        first, cursor = await _pages(world)
        world.clock.days(20)
        second, cursor = await _pages(world, cursor)
        third, _ = await _pages(world, cursor)

        assert first == [(NUMBER, "1"), (PLANNING_NUMBER, "1")]
        assert [state_ for number, state_ in second if number == NUMBER] == ["2", "4", "4", "4", "4", "9"]
        assert [state_ for number, state_ in second if number == PLANNING_NUMBER] == ["2", "4", "9"]
        assert third == []


async def test_what_was_acknowledged_does_not_come_again_without_a_cursor():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        await world.ask("NopHoSo", HoSo=house(MaHoSo=ASKED))
        await world.ask("XacNhanDaNhan", LoaiThongTin="1", MaHoSo=[NUMBER])
        world.clock.days(0.5)

        rows, _ = await _pages(world)

        assert rows == [(ASKED, "1"), (NUMBER, "2"), (ASKED, "2")]


@pytest.mark.parametrize("cursor", ["MTo5OTk5", "khong-phai", "=", "MTotMQ=="])
async def test_a_cursor_that_is_not_known_is_refused(cursor):
    async with ministry() as world:
        assert outcome(await world.ask("LayDanhSachThayDoi", ConTro=cursor)) == "302"


async def test_a_cursor_expires_and_the_feed_begins_anew():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        _, cursor = await _pages(world)
        world.order("expire_cursors")

        assert outcome(await world.ask("LayDanhSachThayDoi", ConTro=cursor)) == "302"
        assert (await _pages(world))[0] == [(NUMBER, "1")]


async def test_states_of_many_dossiers_leave_out_what_is_not_known():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        rows = (await world.ask("TraCuuTrangThai", MaHoSo=[ASKED, NUMBER])).TrangThaiHoSo

        assert [row.MaHoSo for row in rows] == [NUMBER]
        assert outcome(await world.ask("TraCuuTrangThai", MaHoSo=[ASKED])) == "201"


# Beside the contract


async def test_the_record_tells_every_call_and_no_content_of_files():
    async with ministry() as world:
        secret = b"%PDF-1.4 " + b"x" * 500
        body = house(TepDinhKem=[*house()["TepDinhKem"], paper("KHAC", secret)])
        await world.ask("NopHoSo", call="goi-0000001", HoSo=body)
        record = world.record()

        (entry,) = record["calls"]["journal"]
        assert (entry["operation"], entry["id"], entry["dossiers"]) == ("NopHoSo", "goi-0000001", [NUMBER])
        assert record["calls"]["by_operation"] == {"NopHoSo": 1}
        assert world.case()["papers"][-1]["size"] == len(secret)
        assert "x" * 60 not in str(record)


def test_operators_are_told_what_they_can_do():
    stand_in = ConstructionSimulator()
    with pytest.raises(NotFoundError, match="expire_cursors"):
        stand_in.administer("explode", b"")
    for action, body in (
        ("script", b'{"code": "x", "outcome": "y"}'),
        ("finish", b'{"code": "x"}'),
        ("pay", b"[]"),
        ("pace", b'{"day_seconds": 0}'),
    ):
        with pytest.raises(RecordError):
            stand_in.administer(action, body)


async def test_a_reset_forgets_everything():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.sandbox.reset("ministry")
        assert outcome(await world.ask("NopHoSo", HoSo=house())) == "1"
        assert world.record()["calls"]["total"] == 1


async def test_another_pace_holds_for_what_is_planned_from_now_on():
    async with ministry(SimulatorConfig(day_seconds=3600)) as world:
        world.order("pace", day_seconds=1)
        await world.ask("NopHoSo", HoSo=house())
        world.clock.now = NOW + timedelta(seconds=7)
        assert await state(world) == "9"


def test_times_on_the_wire_are_those_of_vietnam():
    from adapters.construction.simulator_words import instant

    assert instant(NOW) == NOW.astimezone(VIETNAM).isoformat() == "2026-11-25T08:05:00+07:00"


def test_the_stand_in_works_at_every_operation_of_the_description():
    from adapters.construction.simulator import _WORK

    assert set(_WORK) == set(OPERATIONS)
    assert len(OPERATIONS) == 13


async def test_everything_is_finished_at_once_at_the_time_of_the_last_call():
    async with ministry() as world:
        for digit in (1, 6, 9):
            await world.ask("NopHoSo", HoSo=house(owner=digit, MaHoSo=f"H99.99.99-261125-{digit:04d}"))
        await world.ask("YeuCauThongTinQuyHoach", YeuCau=question())
        world.clock.days(0.01)
        await world.ask("LayDanhMuc", LoaiDanhMuc="1")
        done = world.order("finish_all")
        rows = (await world.ask("LayDanhSachThayDoi")).TrangThaiHoSo

        assert list(done.values()) == ["9", "5", "4", "9"]
        times = [row.ThoiDiem for row in rows]
        assert times == sorted(times)
        assert times[-1] == world.clock.now
        world.order("finish_all")
        assert world.case("H99.99.99-261125-0009")["decision"]["element"] == "GiayPhep"
