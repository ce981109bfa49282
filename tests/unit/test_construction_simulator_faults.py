"""Faults that the ministry's stand-in can be asked for: what has happened, what is answered, and that it goes on."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from adapters.construction.simulator import ConstructionSimulator, SimulatorConfig
from adapters.construction.simulator_faults import FAULTS
from adapters.construction.simulator_message import OPERATIONS
from adapters.construction.simulator_spoilt import BYTES, TREES
from gateway.codec import Unreadable, soap
from gateway.codec.soap import Version
from gateway.codec.xml import Element
from gateway.codec.xsd import Schema
from gateway.port import SimulatedRequest
from tests.ministry_world import NAME, NOW, NUMBER, SPACE, Q, house, ministry, paper, question
from tests.unit.test_construction_simulator_refusals import SPEC, code, common, told, wrapped

READS = ("LayDanhMuc", "TraCuuTrangThai", "LayDanhSachThayDoi", "LayKetQua")
SILENT = {
    "clock_skew",
    "repeated_changes",
    "strange_headers",
    "another_dossier",
    "another_call",
    "file_changed",
    "file_by_address",
}
"""What a reader of the schema and of SOAP cannot see: it is wrong only to who knows what was asked."""
WITH_HEADERS = {"header_order"}
"""Fits only where there are header blocks to turn round: tests/unit/test_construction_simulator_refusals.py."""
WITHOUT_PROOF = {"changed_after_signing"}


def _withdrawal() -> bytes:
    reason = f"<MaHoSo>{NUMBER}</MaHoSo><LyDo>Không còn nhu cầu</LyDo>"
    return wrapped(f'<RutHoSo xmlns="{SPACE}">{common(call="rut-0000001")}{reason}</RutHoSo>')


def _question(operation: str) -> bytes:
    inside = {"LayDanhMuc": "<LoaiDanhMuc>2</LoaiDanhMuc>", "LayDanhSachThayDoi": ""}
    content = inside.get(operation, f"<MaHoSo>{NUMBER}</MaHoSo>")
    return wrapped(f'<{operation} xmlns="{SPACE}">{common()}{content}</{operation}>')


def _service(fault: str) -> str:
    """An operation that the fault strikes, one that only reads where there is one."""
    services = FAULTS[fault].services
    return next((each for each in READS if each in services), min(services))


def _schema() -> Schema:
    return Schema((SPEC / "CapPhepXayDung.xsd").read_bytes(), name="CapPhepXayDung.xsd")


async def _struck(fault: str, version: str = "1.1"):
    """A finished dossier, then one question that ``fault`` strikes, then the same once more."""
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(7)
        operation = _service(fault)
        body = _question(operation)
        if version == "1.2":
            body = body.replace(
                b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"
            )
        world.inject(fault, operation)
        answer = await world.post(body, version=version)
        injected = world.sandbox.injected(NAME)["counts"]
        again = await world.post(body, version=version)
        return answer, injected, code(again)


FILED_ONLY = {name for name, row in FAULTS.items() if not row.services & set(READS)}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("fault", sorted(set(FAULTS) - FILED_ONLY - WITH_HEADERS))
async def test_a_fault_strikes_once_and_the_next_answer_is_whole(fault, version):
    answer, injected, again = await _struck(fault, version)

    assert injected == {fault: 1}
    assert again == "ok"
    assert answer.status_code in {200, 400, 403, 429, 500, 503}


@pytest.mark.parametrize("fault", sorted((set(TREES) | set(BYTES)) - SILENT - WITHOUT_PROOF))
async def test_a_spoilt_answer_is_recognised_by_who_reads_strictly(fault):
    answer, _, _ = await _struck(fault)
    kind = (("content-type", answer.headers.get("content-type", "")),)
    found: object
    try:
        content = soap.read(answer.content, kind, Version.SOAP_11).content
        found = _schema().findings(content) if isinstance(content, Element) else "a fault"
        if fault in {"contradiction", "wrong_operation"}:  # valid, and not the answer to this
            found = content.findtext(f"{Q}KetQua/{Q}MaLoi") or content.tag.endswith("RutHoSoResponse")
    except Unreadable as refused:
        found = refused.code
    assert found


@pytest.mark.parametrize(
    "fault",
    sorted(name for name, row in FAULTS.items() if "RutHoSo" in row.services and name not in WITH_HEADERS),
)
async def test_a_call_has_worked_or_has_not_as_the_row_says(fault):
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.inject(fault, "RutHoSo")
        await world.post(_withdrawal())
        fitted = world.sandbox.injected(NAME)["counts"] == {fault: 1}

        assert fitted
        assert world.case()["state"] == ("7" if FAULTS[fault].effect else "1")
        assert (
            code(await world.post(_withdrawal())) == "ok"
        )  # the same call again: the same answer, or its first
        assert world.case()["states"] == ["1", "7"]


@pytest.mark.parametrize("fault", sorted(FILED_ONLY))
async def test_faults_of_files_keep_nothing(fault):
    async with ministry() as world:
        world.inject(fault, "NopHoSo")
        with pytest.raises(Exception, match=r"CHECKSUM|TOO_LARGE"):
            await world.ask("NopHoSo", HoSo=house())
        assert world.record()["order"] == []
        assert (await world.ask("NopHoSo", HoSo=house())).KetQua.TrangThai == "1"


async def test_a_cursor_can_expire_at_any_time():
    async with ministry() as world:
        world.inject("cursor_expired", "LayDanhSachThayDoi")
        assert (await world.ask("LayDanhSachThayDoi", ConTro="MTow")).KetQua.MaLoi == "302"


async def test_a_fault_with_status_200_is_a_fault_all_the_same():
    answer, _, _ = await _struck("soap_fault_200")
    assert answer.status_code == 200
    assert code(answer) == "503"
    assert told(answer).find(".//{*}Fault") is not None


async def test_clocks_can_differ_by_ten_minutes():
    answer, _, _ = await _struck("clock_skew")
    assert told(answer).findtext(f".//{Q}KetQua/{Q}ThoiDiem") == "2026-11-25T08:16:10+07:00"


async def test_files_can_differ_from_their_digest():
    answer, _, _ = await _struck("file_changed")
    assert told(answer).findtext(f".//{Q}TepGiayPhep/{Q}NoiDung") == "VEVQLUtIQUM="


async def test_an_answer_can_come_in_mime_parts():
    answer, _, _ = await _struck("mtom")
    assert answer.headers["content-type"].startswith('multipart/related; type="application/xop+xml"')
    assert re.search(rb"\r\n\r\n<\?xml", answer.content)


async def test_a_fault_that_does_not_fit_changes_nothing():
    async with ministry() as world:
        world.inject("cursor_expired")
        assert (await world.ask("NopHoSo", HoSo=house())).KetQua.TrangThai == "1"
        assert world.sandbox.injected(NAME)["counts"] == {}
        world.inject("unknown_state", "TraCuuTrangThai")
        body = _question("TraCuuTrangThai").replace(NUMBER.encode(), b"x")
        assert code(await world.post(body)) == "500"  # refused anyway
        assert world.sandbox.injected(NAME)["counts"] == {}


def test_a_stand_in_has_no_fault_that_nobody_has_heard_of():
    request = SimulatedRequest(method="POST", path="/", query="", headers=(), body=b"", now=NOW)
    simulator = ConstructionSimulator()
    assert simulator.twist("no_such_fault", request) is None
    assert all(simulator.twist(fault, request) is None for fault in simulator.faults)
    assert simulator.record()["calls"]["total"] == 0


def test_every_spoiler_and_every_row_belong_together():
    spoilers = {*TREES, *BYTES}
    assert not set(TREES) & set(BYTES)
    assert {name for name, row in FAULTS.items() if row.instead is None} == {*spoilers, *WITH_HEADERS}
    assert all(row.services <= set(OPERATIONS) for row in FAULTS.values())


async def test_a_lost_reply_leaves_a_call_that_can_be_repeated():
    """The sandbox's own faults below the application."""
    async with ministry() as world:
        world.inject("lost_reply", "NopHoSo")
        with pytest.raises(Exception, match=r"reset|aborted|closed"):
            await world.ask("NopHoSo", call="goi-0000001", HoSo=house())
        assert world.record()["order"] == [NUMBER]
        assert (await world.ask("NopHoSo", call="goi-0000001", HoSo=house())).KetQua.TrangThai == "1"
        assert world.record()["order"] == [NUMBER]


async def test_what_leaves_is_valid_whatever_was_asked():
    """Every answer of a long life is judged once more, by lxml alone."""
    judge = etree.XMLSchema(etree.parse(SPEC / "CapPhepXayDung.xsd"))
    async with ministry(SimulatorConfig(day_seconds=1)) as world:
        for digit in range(10):
            record = house(owner=digit, MaHoSo=f"H99.99.99-261125-{digit:04d}")
            await world.ask("NopHoSo", HoSo=record)
        await world.ask(
            "YeuCauThongTinQuyHoach", YeuCau=question(NoiDungYeuCau=["6"], TepDinhKem=[paper("DAT")])
        )
        for _ in range(10):
            world.clock.days(0.15)
            for operation in ("LayDanhSachThayDoi", "TraCuuTrangThai", "LayKetQua", "LayYeuCauBoSung"):
                for digit in range(10):
                    body = _question(operation).replace(
                        NUMBER.encode(), f"H99.99.99-261125-{digit:04d}".encode()
                    )
                    content = told(await world.post(body))[1][0]
                    assert judge.validate(content), judge.error_log
        assert "invalid_answer" not in world.record()["calls"]["outcomes"]
