"""SOAP envelopes: what is built is read back, faults are told by the body, hostile answers are refused in bounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.access import XRoadAccess, XRoadCall, XRoadMember, soap_header
from gateway.codec import Unreadable, soap, xml
from gateway.codec.soap import FaultSide, Version
from tests.unit.soap_answers import HOSTILE, TEXT_XML, V11, V12, wrapped

ROOT = Path(__file__).resolve().parents[2]
MOST_GROWTH_MB = 260  # the largest body is 50 MB, its text and its copies in this process are 150


def _element(text: str = "Đường Mẫu <&>") -> xml.Element:
    element = etree.Element("{urn:mau}NopHoSo", nsmap={None: "urn:mau"})
    etree.SubElement(element, "{urn:mau}Ten").text = text
    return element


@pytest.mark.parametrize("version", Version)
def test_what_is_built_is_read_back(version: Version) -> None:
    token = etree.Element("{urn:mau}Token")
    written = soap.envelope(_element(), version, [token])
    answer = soap.read(written, soap.request_headers(version, "urn:a"), version)
    assert answer.version is version
    assert isinstance(answer.content, etree._Element)
    assert answer.content.findtext("{urn:mau}Ten") == "Đường Mẫu <&>"
    assert [block.tag for block in answer.headers] == ["{urn:mau}Token"]


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert soap.envelope(_element(), Version.SOAP_11) == soap.envelope(_element(), Version.SOAP_11)


def test_the_action_travels_where_each_version_wants_it() -> None:
    assert soap.request_headers(Version.SOAP_11, "urn:a") == (
        ("content-type", "text/xml; charset=utf-8"),
        ("soapaction", '"urn:a"'),
    )
    assert soap.request_headers(Version.SOAP_12, "urn:a") == (
        ("content-type", 'application/soap+xml; charset=utf-8; action="urn:a"'),
    )


def test_header_blocks_of_an_access_layer_travel_in_their_order() -> None:
    member = XRoadMember(instance="VN", member_class="GOV", member="H99", subsystem="MOTCUA")
    access = XRoadAccess(client=member, service=member, user_id="VN000000000002", service_version="v1")
    blocks = soap.header_blocks(soap_header(access, XRoadCall(id="3f0c2b5e", service_code="TraCuuTrangThai")))
    answer = soap.read_any(soap.envelope(_element(), Version.SOAP_11, blocks))
    names = [xml.local(block) for block in answer.headers]
    assert names == ["client", "service", "userId", "id", "protocolVersion"]
    assert answer.headers[2].text == "VN000000000002"


@pytest.mark.parametrize("fragment", [b"</blocks><a/>", b"<a>", b"<x:a/>"])
def test_what_is_no_header_block_is_refused(fragment: bytes) -> None:
    with pytest.raises(Unreadable):
        soap.header_blocks(fragment)


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("side", [FaultSide.SENDER, FaultSide.RECEIVER])
def test_a_fault_is_read_with_its_side_and_its_detail(version: Version, side: FaultSide) -> None:
    written = soap.envelope(soap.fault_element(version, side, "Dữ liệu  sai", _element()), version)
    fault = soap.read(written, soap.request_headers(version, "urn:a"), version).content
    assert isinstance(fault, soap.Fault)
    assert (fault.side, fault.reason) == (side, "Dữ liệu sai")
    assert [child.tag for child in fault.detail] == ["{urn:mau}NopHoSo"]


@pytest.mark.parametrize(
    ("code", "side"),
    [
        ("s:Client.Authentication", FaultSide.SENDER),
        ("Server", FaultSide.RECEIVER),
        ("s:MustUnderstand", FaultSide.OTHER),
        ("s:VersionMismatch", FaultSide.OTHER),
    ],
)
def test_the_code_of_a_fault_tells_whom_it_blames(code: str, side: FaultSide) -> None:
    answer = soap.read_any(wrapped(f"<s:Fault><faultcode>{code}</faultcode></s:Fault>"))
    assert isinstance(answer.content, soap.Fault)
    assert answer.content.side is side
    assert answer.content.detail == ()


def test_an_envelope_without_a_header_and_with_layout_is_read() -> None:
    written = f'<s:Envelope xmlns:s="{V12}">\n <s:Body>\n  <a/>\n </s:Body>\n</s:Envelope>'.encode()
    assert soap.read_any(b"\xef\xbb\xbf" + written).version is Version.SOAP_12


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_refused_for_its_own_reason(name: str) -> None:
    body, content_type, code = HOSTILE[name]
    with pytest.raises(Unreadable) as refused:
        soap.read(body, (("Content-Type", content_type),), Version.SOAP_11)
    assert refused.value.code == code


def test_there_are_more_than_thirty_hostile_answers_and_the_innocent_one_passes() -> None:
    assert len(HOSTILE) > 30
    assert soap.read(wrapped("<a/>"), (("Content-Type", TEXT_XML),), Version.SOAP_11).version.namespace == V11


def test_hostile_answers_are_refused_in_bounded_memory() -> None:
    program = """
import re, sys
from gateway.codec import Unreadable, soap
from tests.unit.soap_answers import HOSTILE
def peak():  # getrusage would also tell what the parent had
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak()
for body, kind, code in HOSTILE.values():
    try:
        soap.read(body, (("content-type", kind),), soap.Version.SOAP_11)
    except Unreadable as refused:
        assert refused.code == code, (refused, code)
print((peak() - before) // 1024)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120
    )
    assert int(answer.stdout) < MOST_GROWTH_MB, answer.stdout


def _is_answer_or_refusal(body: bytes) -> bool:
    try:
        return soap.read_any(body).version in Version
    except Unreadable as refused:
        return bool(refused.reason)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert _is_answer_or_refusal(body)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_damaged_envelope_is_read_or_refused(place: int, damage: bytes) -> None:
    whole = soap.envelope(_element(), Version.SOAP_11)
    at = place % len(whole)
    assert _is_answer_or_refusal(whole[:at] + damage + whole[at + len(damage) :])
