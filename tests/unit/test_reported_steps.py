"""Steps that a ministry reports arrive at the national portal as many as they are."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from adapters.national_portal.simulator_ledger import STEP_KEY
from gateway.codec import xml
from gateway.port.progress import ProgressReport
from gateway.progress.merging import Addition, merged
from mappings.construction import reading
from mappings.construction.calls import NAMESPACE
from tests.unit import portal

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def state(step: str, *, at: str = "2026-11-26T15:30:00+07:00", reason: str = "") -> str:
    why = f"<LyDo>{reason}</LyDo>" if reason else ""
    return (
        "<TrangThaiHoSo><MaHoSo>H99.99.99-261125-0001</MaHoSo><MaHoSoBXD>BXD-2026-0000001</MaHoSoBXD>"
        f"<TrangThaiXuLy>4</TrangThaiXuLy><TenTrangThaiXuLy>Đang xử lý</TenTrangThaiXuLy><BuocXuLy>{step}</BuocXuLy>"
        f"<ThoiDiem>{at}</ThoiDiem>{why}<NguoiXuLy>VÕ THỊ MẪU</NguoiXuLy><ChucDanh>Chuyên viên</ChucDanh></TrangThaiHoSo>"
    )


def reports(*states: str) -> list[ProgressReport]:
    told = f'<LayDanhSachThayDoiResponse xmlns="{NAMESPACE}">{"".join(states)}</LayDanhSachThayDoiResponse>'
    return [each.report for each in reading.states(xml.read(told.encode()))]


def steps_at_the_portal(*states: str) -> list[dict[str, str]]:
    record = portal.dossier(steps=[])
    for report in reports(*states):
        addition = Addition(
            destination="construction", report=report, status=report.status, files=(), now=NOW
        )
        record = merged(record, addition) or record
    adapter = portal.adapter(complete_steps=False)
    batch = portal.deliveries(adapter, record, "step")
    items: list[dict[str, str]] = msgspec.json.decode(adapter.encode(batch, portal.context()).body)["data"]
    return items


def test_parts_of_work_in_one_second_are_steps_of_their_own_at_the_portal() -> None:
    items = steps_at_the_portal(state("1"), state("2"), state("3"))

    # national_portal §2.9: steps that are equal in these are one to the portal
    assert len({tuple(item[name] for name in STEP_KEY) for item in items}) == 3
    assert [item["NoiDungXuLy"] for item in items] == [
        "Đang xử lý: Thẩm định hồ sơ",
        "Đang xử lý: Kiểm tra thực địa",
        "Đang xử lý: Lấy ý kiến cơ quan liên quan",
    ]


def test_what_was_done_is_not_told_as_the_title_of_the_official() -> None:
    [item] = steps_at_the_portal(state("4", reason="Chờ ký"))

    assert (item["ChucDanh"], item["NoiDungXuLy"]) == ("", "Đang xử lý: Trình ký: Chờ ký")


@pytest.mark.parametrize("step", reading.PROCESSING.values())
def test_every_part_of_work_has_words(step: str) -> None:
    [report] = reports(state(step))

    assert report.note in reading.STEPS.values()


def test_what_the_schema_tells_apart_by_less_than_a_second_alone_is_one_to_the_portal() -> None:
    items = steps_at_the_portal(
        state("1", at="2026-11-26T15:30:00.100+07:00"), state("1", at="2026-11-26T15:30:00.900+07:00")
    )

    assert len(items) == 2
    assert len({tuple(item[name] for name in STEP_KEY) for item in items}) == 1
