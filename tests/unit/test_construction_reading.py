"""What the ministry tells becomes reports: states, the notice, permits, refusals, planning; files only when proven."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.codec import Unreadable, xml
from gateway.domain.status import Status
from gateway.mapping.tree import Row
from mappings.construction import reading
from mappings.construction.calls import NAMESPACE
from tests.unit.construction_world import CONTENT, SPEC, schema

XS = "{http://www.w3.org/2001/XMLSchema}"


def _sample(name: str, *changes: tuple[str, str]) -> xml.Element:
    text = (SPEC / "samples" / f"{name}.xml").read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    element = xml.read(text.encode())
    assert schema().findings(element) == ()
    return element


def _data(report: Any) -> Any:
    return msgspec.json.decode(report.data)


def test_a_state_becomes_a_report_with_its_key() -> None:
    (seen,) = reading.states(_sample("s5"))
    assert (seen.dossier, seen.partner_code) == ("H99.99.99-261125-0001", "BXD-2026-0000001")
    assert seen.report.status is Status.SUPPLEMENT_REQUESTED
    assert seen.report.at == datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    assert seen.report.note == "Thiếu bản cam kết"
    assert seen.report.key == "status:5:appraisal:2026-11-26T08:30:00+00:00"


def test_another_time_is_another_report_and_the_promise_is_told() -> None:
    promised = "<NgayHenTra>2026-12-04T17:00:00+07:00</NgayHenTra><LyDo>"
    (seen,) = reading.states(_sample("s5", ("T15:30:00", "T15:31:00"), ("<LyDo>", promised)))
    assert seen.report.key.endswith("08:31:00+00:00")
    assert seen.report.promised_at == datetime(2026, 12, 4, 10, tzinfo=UTC)


def test_the_notice_becomes_a_supplement_with_its_end_and_its_papers() -> None:
    report = reading.notice(_sample("s4"))
    assert report is not None
    assert (report.key, report.kind) == ("supplement:BS-0001", "supplement.requested")
    assert report.supplement is not None
    assert report.supplement.until == datetime(2026, 11, 30, 10, tzinfo=UTC)
    assert _data(report)["papers"] == [{"kind": "commitment", "title": "Bản cam kết", "reason": "Chưa nộp"}]


def test_a_permit_becomes_a_result_with_proven_bytes_and_names_no_owner() -> None:
    report = reading.result(_sample("s2"))
    assert report is not None
    assert (report.key, report.kind, report.status) == ("permit.issued:01/GPXD", "permit.issued", None)
    (file,) = report.files
    assert (file.content, file.purpose, file.code, file.name) == (CONTENT, "result", "01/GPXD", "gpxd.pdf")
    assert report.at == datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert (_data(report)["kind"], _data(report)["start_until"]) == ("permit", "2027-12-01")
    assert _data(report)["works"][0]["group"] == "house"
    assert b"000000000001" not in report.data
    assert "NGUYỄN".encode() not in report.data


def _refusal() -> xml.Element:
    text = (SPEC / "samples" / "s2.xml").read_text(encoding="utf-8")
    file = text[text.index("<TepGiayPhep>") : text.index("</GiayPhep>")].replace("TepGiayPhep", "TepVanBan")
    words = (
        "<VanBanTuChoi><SoVanBan>03/TB</SoVanBan><NgayVanBan>2026-12-01</NgayVanBan><NguoiKy>PHẠM VĂN MẪU</NguoiKy>"
        f"<LyDo>Không phù hợp quy hoạch</LyDo>{file}</VanBanTuChoi>"
    )
    element = xml.read((text[: text.index("<GiayPhep>")] + words + "</LayKetQuaResponse>").encode())
    assert schema().findings(element) == ()
    return element


def test_a_refusal_is_a_result_too() -> None:
    report = reading.result(_refusal())
    assert report is not None
    assert (report.kind, report.note) == ("permit.refused", "Không phù hợp quy hoạch")
    assert [(file.purpose, file.code) for file in report.files] == [("result", "03/TB")]


def test_planning_information_keeps_every_number_as_it_came() -> None:
    report = reading.planning(_sample("s3"))
    assert report is not None
    data = _data(report)
    assert (data["state"], report.key) == ("planned", "planning.answered:02/SXD-QH")
    assert data["lots"][0]["most_floor_ratio"] == "4.0"
    assert (data["schemes"][0]["kind"], data["roads"][0]["width"]) == ("zoning", "15")


@pytest.mark.parametrize("read", [reading.notice, reading.result, reading.planning])
def test_an_answer_without_content_has_no_report(read: Any) -> None:
    assert read(xml.read(f'<X xmlns="{NAMESPACE}"/>'.encode())) is None


DIGEST = hashlib.sha256(CONTENT).hexdigest()
WRITTEN = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("<KichThuoc>11", "<KichThuoc>12"), "file_size"),
        ((DIGEST, "0" * 64), "file_digest"),
        ((f"<NoiDung>{WRITTEN}</NoiDung>", "<NoiDung/>"), "file_size"),
        (
            (f"<NoiDung>{WRITTEN}</NoiDung>", "<DuongDan>https://moc.example/1.pdf</DuongDan>"),
            "file_by_address",
        ),
        (("<NgayCap>2026-12-01", "<NgayCap>-2026-12-01"), "not_a_day"),
    ],
)
def test_what_is_not_what_it_says_is_not_handed_on(change: tuple[str, str], code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        reading.result(_sample("s2", change))
    assert refused.value.code == code


def test_a_time_without_an_offset_is_that_of_vietnam_and_an_impossible_one_is_refused() -> None:
    (seen,) = reading.states(_sample("s5", ("T15:30:00+07:00", "T15:30:00")))
    assert seen.report.at == datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    with pytest.raises(Unreadable):
        reading.states(_sample("s5", ("2026-11-26T15:30", "12026-11-26T15:30")))


TYPES: dict[str, tuple[tuple[Row, ...], set[str]]] = {
    "TrangThaiHoSoType": (reading.STATE, {"MaHoSo"}),
    "YeuCauBoSungType": (reading.NOTICE, {"TepVanBan"}),
    # who gets the permit and who has designed are persons; the files become files
    "GiayPhepType": (reading.PERMIT, {"CapCho", "HoSoThietKe", "TepGiayPhep", "TepBanVe"}),
    "ThongTinQuyHoachType": (reading.PLANNING, {"TepVanBan"}),
}


@pytest.mark.parametrize("name", TYPES)
def test_rows_follow_the_schema(name: str) -> None:
    rows, left_out = TYPES[name]
    declared = xml.read((SPEC / "CapPhepXayDung.xsd").read_bytes()).find(f"{XS}complexType[@name='{name}']")
    assert declared is not None
    _follow(rows, declared, left_out)


def _follow(rows: tuple[Row, ...], declared: xml.Element, left_out: set[str]) -> None:
    sequence = declared.find(f"{XS}sequence")
    assert sequence is not None
    parts = {str(each.get("name")): each for each in sequence}
    assert [row.name for row in rows] == [name for name in parts if name not in left_out]
    for row in rows:
        inner = parts[row.name].find(f"{XS}complexType")
        if inner is not None:
            _follow(row.rows, inner, set())
        assert (parts[row.name].get("maxOccurs") == "unbounded") == (row.name in reading.REPEATED)
