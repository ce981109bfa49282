"""The vendored contract, and what our tables make of it: order, codes, facets, and a SOAP library as the oracle."""

from __future__ import annotations

import hashlib
import time
from functools import cache
from typing import Any

import msgspec
import pytest
import zeep
from lxml import etree

from gateway.codec import xml
from gateway.codec.tree import build
from gateway.domain.declarations.construction import PaperKind
from gateway.mapping.tree import Row, pointer_at
from mappings.construction import calls, codes, parts
from tests.unit.construction_world import (
    SPEC,
    call,
    declared,
    dossier,
    element,
    every_call,
    filing,
    paper,
    schema,
)

XS = "{http://www.w3.org/2001/XMLSchema}"
TYPES: dict[str, tuple[Row, ...]] = {
    "ThongTinChungType": calls.COMMON,
    "DiaChiType": parts.ADDRESS,
    "TepDinhKemType": calls.ENCLOSED,
    "NguoiNopType": parts.SUBMITTER,
    "ChuDauTuType": parts.INVESTOR,
    "NguoiThietKeType": parts.PROFESSIONAL,
    "DonViThietKeType": parts.DESIGNER,
    "DiemToaDoType": parts.POINT,
    "RanhGioiType": parts.BOUNDARY,
    "ThuaDatType": parts.PARCEL,
    "DiaDiemType": parts.SITE,
    "CongTrinhType": parts.WORK,
    "DuAnType": parts.PROJECT,
    "GiayPhepGocType": parts.ISSUED_PERMIT,
    "NoiDungDeNghiType": parts.REQUEST,
    "NhanKetQuaType": calls.RETURN,
    "LePhiType": calls.CHARGE,
    "HoSoType": calls.HO_SO,
    "YeuCauQuyHoachType": calls.YEU_CAU,
}
# A file travels as bytes, never as an address; a fee has no number of its own in a dossier.
LEFT_OUT = {"TepDinhKemType": {"DuongDan"}, "LePhiType": {"MaGiaoDich", "SoBienLai"}}
ENUMERATIONS: dict[str, dict[Any, str]] = {
    "LoaiThuTucType": codes.PERMIT_KINDS,
    "NhomCongTrinhType": codes.WORK_GROUPS,
    "PhamViCapType": codes.SCOPES,
    "CapCongTrinhType": codes.WORK_GRADES,
    "LoaiCongTrinhType": codes.WORK_KINDS,
    "MaGiayToType": codes.PAPERS,
    "NoiDungQuyHoachType": codes.TOPICS,
}
CALLS = [(name, number) for name, made in every_call().items() for number in range(len(made))]


@cache
def _client() -> zeep.Client:
    return zeep.Client(str(SPEC / "CapPhepXayDung.wsdl"))


def _xsd() -> xml.Element:
    return xml.read((SPEC / "CapPhepXayDung.xsd").read_bytes())


def test_the_vendored_files_are_those_of_the_contract() -> None:
    lines = (SPEC / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split() for line in lines)}
    present = {
        str(path.relative_to(SPEC)) for path in SPEC.rglob("*") if path.suffix in {".wsdl", ".xsd", ".xml"}
    }
    assert set(listed) == present
    assert listed == {name: hashlib.sha256((SPEC / name).read_bytes()).hexdigest() for name in listed}


@pytest.mark.parametrize("name", TYPES)
def test_rows_stand_in_the_order_of_the_schema_and_none_is_missing(name: str) -> None:
    declared_type = _xsd().find(f"{XS}complexType[@name='{name}']")
    assert declared_type is not None
    sequence = declared_type[-1] if declared_type[-1].tag == f"{XS}sequence" else declared_type[0]
    names = [each.get("name") for each in _direct(sequence)]
    assert [row.name for row in TYPES[name]] == [
        each for each in names if each not in LEFT_OUT.get(name, set())
    ]


def _direct(sequence: xml.Element) -> list[xml.Element]:
    """Elements of a sequence, and of choices inside it, but not of types inside elements."""
    found: list[xml.Element] = []
    for child in sequence:
        if child.tag == f"{XS}choice":
            found += _direct(child)
        elif child.tag == f"{XS}element":
            found.append(child)
    return found


@pytest.mark.parametrize("operation", calls.REQUESTS)
def test_requests_have_the_rows_of_their_wrapper(operation: str) -> None:
    wrapper = _xsd().find(f"{XS}element[@name='{operation}']/{XS}complexType/{XS}sequence")
    assert wrapper is not None
    assert [row.name for row in calls.REQUESTS[operation]] == [each.get("name") for each in _direct(wrapper)]


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_every_code_of_the_schema_has_one_member(name: str) -> None:
    found = _xsd().findall(f"{XS}simpleType[@name='{name}']/{XS}restriction/{XS}enumeration")
    table = ENUMERATIONS[name]
    assert sorted(table.values()) == sorted(str(each.get("value")) for each in found)
    assert set(table) == set(type(next(iter(table))))


def test_the_states_of_a_dossier_are_the_national_ones() -> None:
    found = _xsd().findall(f"{XS}simpleType[@name='TrangThaiXuLyType']/{XS}restriction/{XS}enumeration")
    assert set(codes.STATUSES) == {str(each.get("value")) for each in found}


@pytest.mark.parametrize(("operation", "number"), CALLS)
def test_every_request_is_valid_and_the_oracle_writes_the_same(operation: str, number: int) -> None:
    ours = element(operation, every_call()[operation][number])
    assert schema().findings(ours) == ()
    kind = _client().get_element(f"{{{calls.NAMESPACE}}}{operation}")
    value = kind.parse(ours, _client().wsdl.types)
    for port in ("CapPhepXayDungSoap11", "CapPhepXayDungSoap12"):
        service = _client().bind("CapPhepXayDungService", port)
        fields = {name: value[name] for name in value.__values__}
        theirs = _client().create_message(service, operation, **fields)
        wrapper = theirs.find(f".//{{{calls.NAMESPACE}}}{operation}")
        assert wrapper is not None
        assert _infoset(wrapper) == _infoset(ours)


def _infoset(top: xml.Element) -> bytes:
    """Canonical XML, without the prefixes that each writer chooses."""
    return etree.tostring(build(_plain(top), calls.NAMESPACE), method="c14n2")


def _plain(top: xml.Element) -> Any:
    name = etree.QName(top)
    assert name.namespace == calls.NAMESPACE
    return (name.localname, tuple(map(_plain, top)) if len(top) else top.text or "", "")


def test_the_contract_has_thirteen_operations_and_so_have_we() -> None:
    service = _client().bind("CapPhepXayDungService", "CapPhepXayDungSoap11")
    assert set(service._operations) == set(calls.REQUESTS)
    assert len(calls.REQUESTS) == 13


def test_the_example_of_the_contract_is_written_text_by_text() -> None:
    application = msgspec.structs.replace(
        paper(PaperKind.APPLICATION), title="Đơn đề nghị cấp giấy phép xây dựng", file_name="don.pdf"
    )
    ours = _texts(element("NopHoSo", call(filing=filing(dossier(declared(attachments=[application]))))))
    theirs = _texts(xml.read((SPEC / "samples" / "s1.xml").read_bytes()))
    # the number of a payment is not part of a dossier
    assert ours == [(path, words) for path, words in theirs if not path.endswith("MaGiaoDich")]


def _texts(top: xml.Element) -> list[tuple[str, str]]:
    tree = top.getroottree()
    return [(tree.getelementpath(each), each.text or "") for each in top.iter() if len(each) == 0]


@pytest.mark.parametrize("path", sorted((SPEC / "samples").glob("*.xml")), ids=lambda path: path.stem)
def test_the_examples_of_the_contract_are_valid(path: Any) -> None:
    assert schema().findings(xml.read(path.read_bytes())) == ()


def test_a_finding_leads_back_to_the_field_of_the_record() -> None:
    record = dossier(declared(), code="khong-hop-le", due_at=None)
    made = calls.request("NopHoSo", call(filing=filing(record)))
    findings = schema().findings(build(made, calls.NAMESPACE))
    assert {pointer_at(made, finding.path) for finding in findings} == {"/code", "/declaration/addressed_to"}


def test_the_contract_is_loaded_in_less_than_a_second() -> None:
    begun = time.perf_counter()
    schema()
    assert time.perf_counter() - begun < 1
