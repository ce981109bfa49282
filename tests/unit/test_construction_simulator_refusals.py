"""What the ministry's stand-in refuses, and how: rules, codes, faults of both versions, hostile requests, callers."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import zeep
from lxml import etree
from zeep.exceptions import Fault
from zeep.transports import Transport

import adapters.construction.simulator as stand_in
from adapters.construction.simulator import ConstructionSimulator, SimulatorConfig
from adapters.construction.simulator_files import MIB, FileLimits
from adapters.construction.simulator_words import CODES
from gateway.access import OAuth2Basic, XRoadAccess
from gateway.access.settings import XRoadMember
from gateway.codec.soap import FaultSide
from gateway.port import Secret, SimulatedRequest
from tests.ministry_world import (
    NOW,
    NUMBER,
    SPACE,
    Ministry,
    Q,
    change,
    encoded,
    house,
    ministry,
    paper,
    question,
    session,
    work,
)

SPEC = Path(stand_in.__file__).with_name("spec")
ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
PERMIT = {"SoGiayPhep": "43/GPXD", "NgayCap": "2026-01-05", "CoQuanCap": "UBND phường Mẫu"}


def wrapped(content: str, version: str = "1.1", header: str = "") -> bytes:
    space = ENVELOPES[version]
    return (
        f'<s:Envelope xmlns:s="{space}"><s:Header>{header}</s:Header><s:Body>{content}</s:Body></s:Envelope>'
    ).encode()


def common(call: str = "goi-0000001", unit: str = "H99.99.99") -> str:
    sent = "<ThoiDiemGui>2026-11-25T08:05:00+07:00</ThoiDiemGui>"
    return f"<ThongTinChung><MaYeuCau>{call}</MaYeuCau><MaDonVi>{unit}</MaDonVi>{sent}</ThongTinChung>"


def states(number: str = NUMBER, **changes: str) -> str:
    return f'<TraCuuTrangThai xmlns="{SPACE}">{common(**changes)}<MaHoSo>{number}</MaHoSo></TraCuuTrangThai>'


def told(answer: httpx.Response) -> etree._Element:
    return etree.fromstring(answer.content)


def code(answer: httpx.Response) -> str:
    """MaLoi wherever it stands; ok for TrangThai 1."""
    root = told(answer)
    found = root.findtext(f".//{Q}MaLoi")
    return found or ("ok" if root.findtext(f".//{Q}TrangThai") == "1" else "?")


def places(fault: Fault) -> list[str]:
    return [each.text for each in fault.detail[0].iter(f"{Q}DuongDan")]


def detailed(fault: Fault) -> str:
    return fault.detail[0].findtext(f"{Q}MaLoi")


# Rules


def _without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _with_work(**changes: Any) -> dict[str, Any]:
    made = work(**changes)
    content = {name: value for name, value in made.items() if value is not None}
    return house(NoiDungDeNghi={"PhamViCap": "1", "CongTrinh": [content], "ThoiGianHoanThanhThang": 10})


def _investor(**changes: Any) -> dict[str, Any]:
    return house(ChuDauTu={**house()["ChuDauTu"], **changes})


def _submitter(**changes: Any) -> dict[str, Any]:
    return house(NguoiNop={**house()["NguoiNop"], **changes})


def _request(**content: Any) -> dict[str, Any]:
    return house(NoiDungDeNghi=content)


RULES = {
    "R1 person": (_investor(SoDinhDanh=None), ["HoSo/ChuDauTu/SoDinhDanh"]),
    "R1 organisation": (
        _investor(LoaiChuDauTu="2"),
        ["HoSo/ChuDauTu/MaSoDoanhNghiep", "HoSo/ChuDauTu/NguoiDaiDien"],
    ),
    "R2 organisation": (
        _submitter(LoaiDoiTuong="2"),
        ["HoSo/NguoiNop/TenToChuc", "HoSo/NguoiNop/MaSoDoanhNghiep"],
    ),
    "R2 authorised": (_submitter(LaNguoiDuocUyQuyen=True), ["HoSo/TepDinhKem"]),
    "R3 no works": (_request(ThoiGianHoanThanhThang=9), ["HoSo/NoiDungDeNghi/CongTrinh"]),
    "R3 no months": (_request(CongTrinh=[work()]), ["HoSo/NoiDungDeNghi/ThoiGianHoanThanhThang"]),
    "R3 repair": (
        {**house(papers=("DON", "DAT", "BAN_VE_HIEN_TRANG", "ANH_HIEN_TRANG", "CAM_KET")), "LoaiThuTuc": "2"},
        ["HoSo/NoiDungDeNghi/NoiDungSuaChua"],
    ),
    "R3 relocation": (
        {
            **house(papers=("DON", "DAT", "KHAO_SAT_HIEN_TRANG", "PHUONG_AN_DI_DOI", "CAM_KET")),
            "LoaiThuTuc": "3",
        },
        ["HoSo/NoiDungDeNghi/DiaDiemDiDoiDen"],
    ),
    "R4 adjustment": (change("5", PERMIT, NUMBER), ["HoSo/NoiDungDeNghi/NoiDungDieuChinh"]),
    "R4 extension": (change("6", PERMIT, NUMBER), ["HoSo/NoiDungDeNghi/LanGiaHan"]),
    "R4 copy": (change("7", PERMIT, NUMBER), ["HoSo/NoiDungDeNghi/LyDo"]),
    "R5 house": (
        _with_work(CotXayDung=None, SoTang=None),
        ["HoSo/NoiDungDeNghi/CongTrinh/CotXayDung", "HoSo/NoiDungDeNghi/CongTrinh/SoTang"],
    ),
    "R5 grade": (_with_work(CapCongTrinh="II"), ["HoSo/NoiDungDeNghi/CongTrinh/CapCongTrinh"]),
    "R6 non-linear": (
        _with_work(NhomCongTrinh="1", LoaiCongTrinh=None),
        ["HoSo/NoiDungDeNghi/CongTrinh/LoaiCongTrinh"],
    ),
    "R6 linear": (_with_work(NhomCongTrinh="2"), ["HoSo/NoiDungDeNghi/CongTrinh/TongChieuDai"]),
    "R6 monument": (
        _with_work(NhomCongTrinh="4", ChieuCao=None),
        ["HoSo/NoiDungDeNghi/CongTrinh/ChieuCao"],
    ),
    "R7 stage": (
        _request(PhamViCap="2", CongTrinh=[work()], ThoiGianHoanThanhThang=9),
        ["HoSo/NoiDungDeNghi/CongTrinh[1]/GiaiDoan"],
    ),
    "R7 project": (
        _request(PhamViCap="3", CongTrinh=[work()], ThoiGianHoanThanhThang=9),
        ["HoSo/NoiDungDeNghi/DuAn"],
    ),
    "R8 nobody": (_without(house(), "LapThietKe"), ["HoSo/LapThietKe"]),
    "R8 owner": (house(LapThietKe={"Loai": "3", "Ten": "NGUYỄN VĂN MẪU"}), ["HoSo/LapThietKe/Loai"]),
    "R9 papers": (house(papers=("DON",)), ["HoSo/TepDinhKem"] * 3),
    "R10 media type": (
        house(
            TepDinhKem=[paper(each) for each in ("DON", "DAT", "BAN_VE_NHA_O")]
            + [paper("CAM_KET", LoaiTep="text/html")]
        ),
        ["HoSo/TepDinhKem[4]/LoaiTep"],
    ),
    "R10 size": (
        house(
            TepDinhKem=[paper(each) for each in ("DON", "DAT", "BAN_VE_NHA_O")]
            + [paper("CAM_KET", KichThuoc=12)]
        ),
        ["HoSo/TepDinhKem[4]/KichThuoc"],
    ),
    "R12 number": (_investor(SoDinhDanh="12345678901"), ["HoSo/ChuDauTu/SoDinhDanh"]),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_a_rule_that_the_schema_cannot_say_names_the_places(name, version):
    record, expected = RULES[name]
    async with ministry() as world:
        with pytest.raises(Fault) as refused:
            await world.ask("NopHoSo", version=version, HoSo=record)

        assert detailed(refused.value) == "500"
        assert places(refused.value) == expected
        assert world.record()["order"] == []


@pytest.mark.parametrize(
    "record",
    [
        house(LapThietKe={"Loai": "3", "Ten": "MẪU"}, NoiDungDeNghi=_with_work(SoTang=2)["NoiDungDeNghi"]),
        _investor(SoDinhDanh="B1234567"),  # R12: a passport
        _with_work(TongDienTichSan=Decimal(10)),  # R11: a doubt, no refusal
        house(LapThietKe={"Loai": "1", "Ten": "MẪU", "MaSoChungChi": "khác thường"}),
        change("7", PERMIT, NUMBER, LyDo="Mất"),
    ],
)
async def test_what_the_rules_allow_is_taken(record):
    async with ministry() as world:
        answer = await world.ask("NopHoSo", HoSo=record)
        assert answer.KetQua.TrangThai == "1"


async def test_doubts_are_kept_and_nothing_is_refused_for_them():
    async with ministry() as world:
        record = _with_work(TongDienTichSan=Decimal(10))
        await world.ask(
            "NopHoSo", HoSo={**record, "LapThietKe": {"Loai": "1", "Ten": "MẪU", "MaSoChungChi": "abc"}}
        )
        doubts = world.case()["doubts"]
        assert doubts == ["NoiDungDeNghi/CongTrinh[1]/TongDienTichSan", "MaSoChungChi"]


async def test_the_example_with_one_paper_is_refused_by_rule_nine():
    """§C: the first example is valid and must be refused for its papers."""
    sample = (SPEC / "samples" / "s1.xml").read_text(encoding="utf-8").partition("?>")[2]
    async with ministry() as world:
        answer = await world.post(
            wrapped(sample or (SPEC / "samples" / "s1.xml").read_text(encoding="utf-8"))
        )

        assert (answer.status_code, code(answer)) == (500, "500")
        missing = [each.text for each in told(answer).iter(f"{Q}MoTa")]
        assert [words for words in missing if "CAM_KET" in words]
        assert len([words for words in missing if "Thiếu giấy tờ" in words]) == 3


async def test_a_supplement_is_judged_like_a_filing():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house(owner=6))
        world.clock.days(3)
        notice = (await world.ask("LayYeuCauBoSung", MaHoSo=NUMBER)).YeuCauBoSung.MaYeuCauBoSung
        answer = {"MaHoSo": NUMBER, "MaYeuCauBoSung": notice}
        with pytest.raises(Fault) as refused:
            await world.ask("NopBoSung", **answer, NoiDungDeNghi={"CongTrinh": [work(SoTang=None)]})
        assert "NoiDungDeNghi/CongTrinh/SoTang" in places(refused.value)
        with pytest.raises(Fault) as refused:
            await world.ask("NopBoSung", **answer, TepDinhKem=[paper("CAM_KET", MaBamSHA256="0" * 64)])
        assert detailed(refused.value) == "301"
        fixed = await world.ask("NopBoSung", **answer, TepDinhKem=[paper("CAM_KET")])
        assert fixed.TrangThai == "1"


# Codes


def _elsewhere() -> dict[str, Any]:
    record = house()
    return {**record, "DiaDiem": {**record["DiaDiem"], "DiaChi": {"MaXa": "00001", "MaTinh": "98"}}}


def _first_paper(made: dict[str, Any]) -> dict[str, Any]:
    record = house()
    return {**record, "TepDinhKem": [made, *record["TepDinhKem"][1:]]}


POSTED = {"106": states(unit="H98"), "201": states(), "500": states(number="x")}
INJECTED = {"101": "address_refused", "503": "soap_fault"}
FILED = {
    "108": _elsewhere(),
    "301": _first_paper(paper("DON", MaBamSHA256="0" * 64)),
    "303": _first_paper(paper("DON", b"x" * 2000)),
}
ASKED = {
    "200": ("LayKetQua", {"MaHoSo": NUMBER}),
    "202": ("NopHoSo", {"HoSo": house()}),
    "203": ("RutHoSo", {"MaHoSo": NUMBER, "LyDo": "x"}),
    "204": ("LayYeuCauBoSung", {"MaHoSo": NUMBER}),
    "302": ("LayDanhSachThayDoi", {"ConTro": "x"}),
}


async def _coded(world: Ministry, name: str) -> str:
    """Bring the ministry to say a code."""
    if name in INJECTED:
        world.inject(INJECTED[name])
    if name in {**INJECTED, **POSTED}:
        return code(await world.post(wrapped(POSTED.get(name, states()))))
    if name in ASKED:
        await world.ask("NopHoSo", HoSo=house())
        world.clock.days(7 if name == "203" else 0)
    operation, body = ASKED.get(name, ("NopHoSo", {"HoSo": FILED.get(name)}))
    try:
        answer = await world.ask(operation, **body)
    except Fault as fault:
        return detailed(fault)
    return getattr(answer, "KetQua", answer).MaLoi


ELSEWHERE = {"100", "401"}  # X-Road below; tests/unit/test_construction_simulator_signed.py


@pytest.mark.parametrize("name", sorted(set(CODES) - ELSEWHERE))
async def test_every_code_of_the_contract_is_said(name):
    async with ministry(SimulatorConfig(files=FileLimits(each=1000))) as world:
        assert await _coded(world, name) == name


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize(
    ("fault", "side"), [("soap_fault", FaultSide.RECEIVER), ("address_refused", FaultSide.SENDER)]
)
async def test_faults_have_the_form_of_their_version(version, fault, side):
    async with ministry() as world:
        world.inject(fault)
        answer = await world.post(wrapped(states(), version), version=version)
        root, space = told(answer), f"{{{ENVELOPES[version]}}}"

        if version == "1.1":
            assert answer.status_code == 500
            written = root.findtext(f".//{space}Fault/faultcode")
            detail = root.find(f".//{space}Fault/detail/{Q}LoiDichVu")
            assert written == ("soapenv:Server" if side is FaultSide.RECEIVER else "soapenv:Client")
        else:
            assert answer.status_code == (500 if side is FaultSide.RECEIVER else 400)
            written = root.findtext(f".//{space}Fault/{space}Code/{space}Value")
            detail = root.find(f".//{space}Fault/{space}Detail/{Q}LoiDichVu")
            assert written == ("soapenv:Receiver" if side is FaultSide.RECEIVER else "soapenv:Sender")
        assert detail.findtext(f"{Q}MaYeuCau") == "goi-0000001"


@pytest.mark.parametrize(
    ("configured", "version", "status"), [(200, "1.1", 200), (500, "1.2", 500), (0, "1.2", 400)]
)
async def test_faults_can_come_with_another_status(configured, version, status):
    async with ministry(SimulatorConfig(fault_status=configured)) as world:
        answer = await world.post(wrapped(states(number="x"), version), version=version)
        assert (answer.status_code, code(answer)) == (status, "500")


async def test_the_schema_names_every_place_below_the_operation():
    async with ministry() as world:
        broken = house()
        body = f"""<NopHoSo xmlns="{SPACE}">{common()}<HoSo><MaHoSo>x</MaHoSo></HoSo></NopHoSo>"""
        answer = await world.post(wrapped(body))
        found = [each.text for each in told(answer).iter(f"{Q}DuongDan")]

        assert broken["MaHoSo"] == NUMBER
        assert "HoSo/MaHoSo" in found
        assert "HoSo" in found  # what is missing there


# Hostile requests


def _bomb() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    return f"<!DOCTYPE s [{entities}]>".encode() + wrapped(states(number="&l9;"))


HOSTILE: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "nothing": (b"", {}, 500, "500"),
    "bytes": (b"\x00\xff\xfe" * 50, {}, 500, "500"),
    "json": (b'{"MaHoSo": 1}', {}, 500, "500"),
    "half": (wrapped(states())[:-30], {}, 500, "500"),
    "bomb": (_bomb(), {}, 500, "500"),
    "external entity": (
        b'<!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + wrapped(states(number="&e;")),
        {},
        500,
        "500",
    ),
    "parameter entity": (
        b'<!DOCTYPE s [<!ENTITY % e SYSTEM "http://127.0.0.1:1/x">%e;]>' + wrapped(states()),
        {},
        500,
        "500",
    ),
    "deep": (wrapped("<a>" * 5000 + "</a>" * 5000), {}, 500, "500"),
    "broad": (
        wrapped(f'<TraCuuTrangThai xmlns="{SPACE}">' + "<a/>" * 250_000 + "</TraCuuTrangThai>"),
        {},
        500,
        "500",
    ),
    "utf-16": (wrapped(states()).decode().encode("utf-16"), {}, 500, "500"),
    "says latin-1": (b'<?xml version="1.0" encoding="iso-8859-1"?>' + wrapped(states()), {}, 500, "500"),
    "gzip": (gzip.compress(wrapped(states())), {"content_encoding": "gzip"}, 500, "500"),
    "another operation": (wrapped(f'<XoaTatCa xmlns="{SPACE}">{common()}</XoaTatCa>'), {}, 500, "500"),
    "another namespace": (wrapped(states().replace("1.0", "2.0", 1)), {}, 500, "500"),
    "no namespace": (wrapped(states().replace(f' xmlns="{SPACE}"', "")), {}, 500, "500"),
    "an answer": (wrapped(f'<TraCuuTrangThaiResponse xmlns="{SPACE}"/>'), {}, 500, "500"),
    "a fault": (wrapped("<s:Fault><faultcode>s:Client</faultcode></s:Fault>"), {}, 500, "500"),
    "no content": (wrapped(""), {}, 500, "500"),
    "two contents": (wrapped(states() + states()), {}, 500, "500"),
    "text beside": (wrapped("x" + states()), {}, 500, "500"),
    "envelope inside": (wrapped(wrapped(states()).decode()), {}, 500, "500"),
    "no envelope": (states().encode(), {}, 500, "500"),
    "two bodies": (wrapped(states() + "</s:Body><s:Body>" + states()), {}, 500, "500"),
    "wrong order": (
        wrapped(f'<TraCuuTrangThai xmlns="{SPACE}"><MaHoSo>{NUMBER}</MaHoSo>{common()}</TraCuuTrangThai>'),
        {},
        500,
        "500",
    ),
    "fifty-one": (
        wrapped(states().replace("<MaHoSo>", f"<MaHoSo>{NUMBER}</MaHoSo>" * 50 + "<MaHoSo>", 1)),
        {},
        500,
        "500",
    ),
    "short call": (wrapped(states(call="x")), {}, 500, "500"),
    "action of another": (wrapped(states()), {"soapaction": f'"{SPACE}/RutHoSo"'}, 500, "500"),
    "other version": (wrapped(states(), "1.2"), {}, 500, "VersionMismatch"),
    "unknown header": (
        wrapped(states(), header='<x:A xmlns:x="urn:x" s:mustUnderstand="1"/>'),
        {},
        500,
        "MustUnderstand",
    ),
    "mime": (
        b"--b\r\n\r\n" + wrapped(states()) + b"\r\n--b--",
        {"content_type": 'multipart/related; boundary="b"'},
        415,
        "",
    ),
    "plain text": (wrapped(states()), {"content_type": "text/plain"}, 415, ""),
    "charset": (wrapped(states()), {"content_type": "text/xml; charset=tcvn-5712"}, 500, "500"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_request_is_answered_with_its_fault_and_nothing_happens(name):
    body, headers, status, said = HOSTILE[name]
    async with ministry() as world:
        answer = await world.post(body, **headers)

        assert answer.status_code == status
        if said == "500":
            assert code(answer) == "500"
        elif said:
            assert said in told(answer).findtext(".//faultcode")
        assert "root:" not in answer.text
        assert world.record()["order"] == []
        assert code(await world.post(wrapped(states()))) == "201"  # it goes on


async def test_other_doors_are_shut():
    async with ministry() as world, httpx.AsyncClient() as client:
        assert (await client.post(world.url + "/anything")).status_code == 404
        assert (await client.get(world.url + "/bxd/CapPhepXayDung")).status_code == 405
        to_12 = await client.post(
            world.url + "/bxd/CapPhepXayDung12",
            content=wrapped(states()),
            headers={"content-type": "text/xml", "soapaction": '""'},
        )
        assert "VersionMismatch" in to_12.text
        nothing = {"content-type": "text/xml"}
        quiet = await client.post(
            world.url + "/bxd/CapPhepXayDung", content=wrapped(states()), headers=nothing
        )
        assert "SOAPAction" in quiet.text


async def test_the_description_is_the_pinned_one_with_the_addresses_of_the_ministry():
    async with ministry() as world, httpx.AsyncClient() as client:
        schema = await client.get(f"{world.url}/bxd/CapPhepXayDung?xsd")
        wsdl = await client.get(f"{world.url}/bxd/CapPhepXayDung?wsdl")

        assert schema.content == (SPEC / "CapPhepXayDung.xsd").read_bytes()
        assert wsdl.text.count(world.url) == 2
        assert "localhost" not in wsdl.text


async def test_a_stranger_needs_nothing_but_the_address_of_the_description():
    async with ministry() as world:
        client = await asyncio.to_thread(
            zeep.Client,
            f"{world.url}/bxd/CapPhepXayDung?wsdl",
            transport=Transport(session=session(), cache=None),
        )
        for port in ("CapPhepXayDungSoap11", "CapPhepXayDungSoap12"):
            ask = client.bind("CapPhepXayDungService", port).LayDanhMuc
            answer = await asyncio.to_thread(ask, ThongTinChung=world.caller(), LoaiDanhMuc="3")
            assert [each.Ma for each in answer.Muc] == ["DB", "I", "II", "III", "IV"]
        client.transport.session.close()


# Files


def _filing(*files: tuple[str, bytes]) -> bytes:
    """The first example of the contract with other papers."""
    root = etree.parse(SPEC / "samples" / "s1.xml").getroot()
    record = root.find(f"{Q}HoSo")
    (old,) = record.findall(f"{Q}TepDinhKem")
    place = record.index(old)
    record.remove(old)
    for number, (kind, content) in enumerate(files):
        each = etree.SubElement(record, f"{Q}TepDinhKem")
        fields = {**paper(kind, content), "NoiDung": encoded(content)}
        for name, value in fields.items():
            etree.SubElement(each, f"{Q}{name}").text = str(value)
        record.insert(place + number, each)
    return wrapped(etree.tostring(root, encoding="unicode"))


async def test_a_file_of_twenty_megabytes_is_taken_and_none_of_it_kept():
    content = bytes(range(256)) * (20 * MIB // 256)
    body = _filing(*((each, b"x") for each in ("DON", "DAT", "BAN_VE_NHA_O")), ("CAM_KET", content))
    async with ministry() as world:
        tracemalloc.start()
        answer = await world.post(body)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert code(answer) == "ok"
        assert world.case()["papers"][-1]["sha256"] == hashlib.sha256(content).hexdigest()
        assert kept < 70 * MIB  # the request itself is still in the client's hands


async def test_a_file_of_twenty_five_megabytes_is_too_large():
    content = b"x" * 25_000_000
    body = _filing(*((each, b"x") for each in ("DON", "DAT", "BAN_VE_NHA_O")), ("CAM_KET", content))
    async with ministry() as world:
        answer = await world.post(body)
        assert code(answer) == "303"
        assert world.record()["order"] == []


async def test_a_large_file_that_is_no_base64_is_refused():
    body = _filing(*((each, b"x") for each in ("DON", "DAT", "BAN_VE_NHA_O")), ("CAM_KET", b"y" * 3_000_000))
    cut = body.index(b"eXl5eXl5") + 500_000
    async with ministry() as world:
        answer = await world.post(body[:cut] + b"=" + body[cut + 1 :])
        assert code(answer) == "500"
        assert "NoiDung" in answer.text


async def test_files_together_have_a_limit():
    papers = [(each, b"x" * 900) for each in ("DON", "DAT", "BAN_VE_NHA_O", "CAM_KET")]
    async with ministry(SimulatorConfig(files=FileLimits(each=1000, together=3000))) as world:
        assert code(await world.post(_filing(*papers))) == "303"


async def test_a_file_by_its_address_is_believed_for_now():
    async with ministry() as world:
        record = house()
        del record["TepDinhKem"][0]["NoiDung"]
        record["TepDinhKem"][0]["DuongDan"] = "https://kho.mot-cua.example/don.pdf"
        assert (await world.ask("NopHoSo", HoSo=record)).KetQua.TrangThai == "1"
        assert world.case()["papers"][0]["by_address"]


# Callers


async def test_the_platform_in_front_wants_a_token_before_there_is_any_soap():
    access = OAuth2Basic(
        token_url="https://nen-tang.example/token", key="khach", secret=Secret("bi-mat"), scope="cpxd"
    )
    async with ministry(SimulatorConfig(access=access)) as world, httpx.AsyncClient() as client:
        assert (await world.post(wrapped(states()))).status_code == 401
        granted = await client.post(
            f"{world.url}/token", auth=("khach", "bi-mat"), data={"grant_type": "client_credentials"}
        )
        token = f"Bearer {granted.json()['access_token']}"
        assert code(await world.post(wrapped(states()), authorization=token)) == "201"
        assert world.order("expire_sessions") == {"tokens": 1}
        assert (await world.post(wrapped(states()), authorization=token)).status_code == 401
        assert "bi-mat" not in str(world.record())


XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"


def _xroad(member: str = "H99", service: str = "TraCuuTrangThai", *, without: str = "") -> str:
    def party(name: str, code_: str, subsystem: str, more: str = "") -> str:
        return (
            f'<x:{name} xmlns:x="{XROAD}" xmlns:id="{IDENTIFIERS}"><id:xRoadInstance>VN</id:xRoadInstance>'
            f"<id:memberClass>GOV</id:memberClass><id:memberCode>{code_}</id:memberCode>"
            f"<id:subsystemCode>{subsystem}</id:subsystemCode>{more}</x:{name}>"
        )

    blocks = {
        "client": party("client", member, "MOTCUA"),
        "service": party("service", "G17", "CAPPHEP", f"<id:serviceCode>{service}</id:serviceCode>"),
        "id": f'<x:id xmlns:x="{XROAD}">goi-0000001</x:id>',
        "protocolVersion": f'<x:protocolVersion xmlns:x="{XROAD}">4.0</x:protocolVersion>',
    }
    return "".join(block for name, block in blocks.items() if name != without)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (_xroad(), "201"),
        ("", "100"),
        (_xroad(without="id"), "100"),
        (_xroad(without="protocolVersion"), "100"),
        (_xroad(service="RutHoSo"), "100"),
        (_xroad(member="H98"), "101"),
    ],
)
async def test_x_road_headers_say_who_calls_what(header, said):
    member = XRoadMember(instance="VN", member_class="GOV", member="H99", subsystem="MOTCUA")
    provider = XRoadMember(instance="VN", member_class="GOV", member="G17", subsystem="CAPPHEP")
    access = XRoadAccess(client=member, service=provider)
    async with ministry(SimulatorConfig(access=access)) as world:
        answer = await world.post(wrapped(states(), header=header), x_road_client="VN/GOV/H99/MOTCUA")
        blocks = [etree.QName(each).localname for each in told(answer)[0]]

        assert code(answer) == said
        if header == _xroad():
            assert blocks == ["client", "service", "id", "protocolVersion"]  # §5: copied, in their order


async def test_a_gateway_can_turn_the_copied_headers_round():
    async with ministry() as world:
        await world.ask("NopHoSo", HoSo=house())
        world.inject("header_order")
        turned = await world.post(wrapped(states(), header=_xroad()))
        assert [etree.QName(each).localname for each in told(turned)[0]] == [
            "protocolVersion",
            "id",
            "service",
            "client",
        ]


async def test_tokens_can_be_forgotten_in_the_middle():
    access = OAuth2Basic(token_url="https://nen-tang.example/token", key="khach", secret=Secret("bi-mat"))
    async with ministry(SimulatorConfig(access=access)) as world, httpx.AsyncClient() as client:
        grant = {"grant_type": "client_credentials"}
        granted = await client.post(f"{world.url}/token", auth=("khach", "bi-mat"), data=grant)
        token = f"Bearer {granted.json()['access_token']}"
        world.inject("session_expired", "TraCuuTrangThai")
        assert (await world.post(wrapped(states()), authorization=token)).status_code == 401
        assert world.record()["calls"]["total"] == 0


# Anything at all


def test_any_bytes_at_any_address_are_answered():
    simulator = ConstructionSimulator()
    for path in ("", "/", "/bxd/CapPhepXayDung", "/bxd/CapPhepXayDung12", "/\x00"):
        for method in ("GET", "POST", "PUT", ""):
            for kind in ("", "text/xml", "application/soap+xml; action=x", "multipart/related"):
                for body in (b"", b"<", b"\xff", wrapped(states()), wrapped(states(), "1.2")):
                    request = SimulatedRequest(
                        method=method,
                        path=path,
                        query="wsdl",
                        headers=(("content-type", kind), ("soapaction", '"')),
                        body=body,
                        now=NOW,
                    )
                    assert 200 <= simulator.handle(request).status < 600
                    assert simulator.service(request)


async def test_planning_is_refused_by_its_own_rules():
    async with ministry() as world:
        body = question(NguoiYeuCau={**house()["NguoiNop"], "LaNguoiDuocUyQuyen": True, "LoaiDoiTuong": "2"})
        with pytest.raises(Fault) as refused:
            await world.ask("YeuCauThongTinQuyHoach", YeuCau=body)
        assert places(refused.value) == [
            "YeuCau/NguoiYeuCau/TenToChuc",
            "YeuCau/NguoiYeuCau/MaSoDoanhNghiep",
            "YeuCau/TepDinhKem",
        ]


def _filed(**texts: str) -> bytes:
    """The complete application of the examples with other texts, by the names of the elements."""
    papers = [(each, b"x") for each in ("DON", "DAT", "BAN_VE_NHA_O", "CAM_KET")]
    root = etree.fromstring(_filing(*papers))
    for name, text in texts.items():
        for element in root.iter(f"{Q}{name}"):
            element.text = text
    return etree.tostring(root)


EXTREMES = {
    "a promise in another age": ({"NgayHenTra": "12026-12-04T17:00:00+07:00"}, "500"),
    "a promise before our era": ({"NgayHenTra": "-0044-03-15T12:00:00Z"}, "500"),
    "a promise at midnight's end": ({"NgayHenTra": "2026-12-04T24:00:00+07:00"}, "500"),
    "a promise at the end of time": ({"NgayHenTra": "9999-12-31T23:59:59-14:00"}, "500"),
    "a size of five thousand digits": ({"KichThuoc": "9" * 5000}, "303"),
    "a size with a sign": ({"KichThuoc": "+1"}, "ok"),
    "storeys beyond counting": ({"SoTang": "9" * 5000}, "ok"),
    "an area beyond the earth": ({"TongDienTichSan": "9" * 5000}, "ok"),
    "a name of blanks": ({"Ten": " "}, "ok"),
    "an amount with a point": ({"SoTien": "75000."}, "ok"),
}


@pytest.mark.parametrize("name", EXTREMES)
async def test_what_only_the_schema_allows_does_no_harm(name):
    texts, expected = EXTREMES[name]
    async with ministry() as world:
        world.order("script", code=NUMBER, outcome="fee" if "SoTien" in texts else "permit")
        assert code(await world.post(_filed(**texts))) == expected
        world.clock.days(7)
        if expected == "ok" and "SoTien" not in texts:
            body = (
                f'<LayKetQua xmlns="{SPACE}">{common(call="ket-qua-01")}<MaHoSo>{NUMBER}</MaHoSo></LayKetQua>'
            )
            assert code(await world.post(wrapped(body))) == "ok"
        assert "invalid_answer" not in world.record()["calls"]["outcomes"]


@pytest.mark.parametrize(
    ("day", "said"), [("2024-02-29+07:00", "1"), ("9999-12-31", "500"), ("-0001-01-01", "500")]
)
async def test_dates_of_old_permits_are_read_before_they_are_needed(day, said):
    async with ministry() as world:
        record = change("6", {**PERMIT, "NgayCap": "2024-02-29"}, NUMBER, LanGiaHan=1)
        proxy = world.client()
        message = proxy._client.create_message(proxy, "NopHoSo", ThongTinChung=world.caller(), HoSo=record)
        next(message.iter(f"{Q}NgayCap")).text = day
        answer = await world.post(etree.tostring(message))
        if said == "500":
            assert code(answer) == "500"
            return
        world.clock.days(7)
        permit = (await world.ask("LayKetQua", MaHoSo=NUMBER)).GiayPhep
        assert permit.NgayHetHieuLucKhoiCong.isoformat() == "2026-02-28"


async def test_an_outline_as_large_as_the_sky_is_no_area():
    async with ministry() as world:
        far = Decimal(10) ** 30
        body = question()
        corners = [{"X": Decimal(0), "Y": Decimal(0)}, {"X": far, "Y": Decimal(0)}, {"X": far, "Y": far}]
        body["ViTri"] = {**body["ViTri"], "RanhGioi": {"HeToaDo": "VN-2000", "Diem": corners}}
        await world.ask("YeuCauThongTinQuyHoach", YeuCau=body)
        world.clock.days(15)
        told_ = (await world.ask("LayThongTinQuyHoach", MaHoSo="H99.17-261125-0007")).ThongTinQuyHoach
        assert told_.ODat[0].DienTich == Decimal("120.50")
