"""Requests as bytes: valid in both versions, and refused before they leave when the schema forbids them."""

from __future__ import annotations

from xml.sax.saxutils import escape

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.codec import soap, xml
from gateway.codec.soap import Version
from gateway.domain.errors import CannotEncode
from mappings.construction import calls
from mappings.construction.messages import action, compose
from tests.unit.construction_world import SPEC, call, declared, dossier, every_call, filing, schema

SCHEMA = schema()
WSDL = xml.read((SPEC / "CapPhepXayDung.wsdl").read_bytes())


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("operation", calls.REQUESTS)
def test_every_request_can_be_read_back_and_is_valid(operation: str, version: Version) -> None:
    for made in every_call()[operation]:
        written = compose(operation, made, version, SCHEMA)
        assert written == compose(operation, made, version, SCHEMA)
        answer = soap.read(written, soap.request_headers(version, action(operation)), version)
        assert isinstance(answer.content, etree._Element)
        assert answer.content.tag == f"{{{calls.NAMESPACE}}}{operation}"
        assert SCHEMA.findings(answer.content) == ()


def test_actions_are_those_of_the_bindings() -> None:
    for kind in ("soap", "soap12"):
        space = {
            "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
            "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
        }
        found = [each.get("soapAction") for each in WSDL.iter(f"{{{space[kind]}}}operation")]
        assert sorted(map(str, found)) == sorted(map(action, calls.REQUESTS))


def test_what_the_schema_forbids_is_refused_with_the_dossier_the_element_and_the_field() -> None:
    record = dossier(declared(), code="sai-ma-so")
    with pytest.raises(
        CannotEncode, match="NopHoSo for dossier sai-ma-so: the schema forbids NopHoSo/HoSo/MaHoSo"
    ) as no:
        compose("NopHoSo", call(filing=filing(record)), Version.SOAP_11, SCHEMA)
    assert {(each.pointer, each.got) for each in no.value.violations} == {("/code", "NopHoSo/HoSo/MaHoSo")}


def test_a_missing_time_is_told_at_the_next_element() -> None:
    record = dossier(declared(), received_at=None)
    with pytest.raises(CannotEncode) as refused:
        compose("NopHoSo", call(filing=filing(record)), Version.SOAP_11, SCHEMA)
    (violation,) = refused.value.violations
    assert (violation.pointer, "NgayTiepNhan" in violation.expected) == ("/due_at", True)


def test_more_dossiers_than_a_question_may_name_are_refused() -> None:
    most = tuple(f"H99-261125-{number:04}" for number in range(51))
    assert compose("TraCuuTrangThai", call(dossiers=most[:50]), Version.SOAP_11, SCHEMA)
    with pytest.raises(CannotEncode):
        compose("TraCuuTrangThai", call(dossiers=most), Version.SOAP_11, SCHEMA)


@given(st.text(max_size=300))
def test_any_text_travels_as_text_or_is_refused(words: str) -> None:
    record = dossier(declared(addressed_to=words))
    try:
        written = compose("NopHoSo", call(filing=filing(record)), Version.SOAP_11, SCHEMA)
    except CannotEncode as refused:
        assert refused.violations, words  # noqa: PT017 - either is right
        return
    content = soap.read_any(written).content
    assert isinstance(content, etree._Element)
    (found,) = content.iter(f"{{{calls.NAMESPACE}}}KinhGui")
    assert found.text
    assert escape(found.text).encode() in written


def test_the_pointer_of_a_finding_inside_a_list_has_its_number() -> None:
    works = [*declared().request.works, msgspec.structs.replace(declared().request.works[0], name="x" * 256)]
    record = dossier(declared(request=msgspec.structs.replace(declared().request, works=works)))
    with pytest.raises(CannotEncode) as refused:
        compose("NopHoSo", call(filing=filing(record)), Version.SOAP_12, SCHEMA)
    assert "/declaration/request/works/1/name" in {each.pointer for each in refused.value.violations}
