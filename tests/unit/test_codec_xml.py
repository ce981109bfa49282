"""Reading XML safely: fault bodies are told, everything that XML can be abused for is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codec import Unreadable, xml
from tests.unit.portal_answers import FAULT

SOAP12 = b"""<?xml version="1.0"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"><env:Body>
<env:Fault><env:Code><env:Value>env:Sender</env:Value></env:Code>
<env:Reason><env:Text xml:lang="vi">Kh\xc3\xb4ng h\xe1\xbb\xa3p l\xe1\xbb\x87</env:Text></env:Reason></env:Fault>
</env:Body></env:Envelope>"""
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x ['
    + b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10 if n else b"ha") for n in range(12))
    + b"]><x>&e11;</x>"
)
REFUSED: list[tuple[bytes, str]] = [
    (b"", "not_xml"),
    (b"OK", "not_xml"),
    (b"<a><b></a>", "not_xml"),
    (b"<a>\x00</a>", "not_xml"),
    (BOMB, "document_type"),
    (b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><x>&f;</x>', "document_type"),
    (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><x/>', "document_type"),
    (BOMB.decode().encode("utf-16"), "document_type"),
    (b"<!doctype html><html></html>", "document_type"),
    (b"<a>" * 200 + b"</a>" * 200, "too_deep"),
    (b"<a>" * 100_000 + b"</a>" * 100_000, "not_xml"),
    (b"<a>" + b"<b/>" * 100_001 + b"</a>", "too_large"),
    (b"<a>" + b"x" * xml.MAX_BYTES + b"</a>", "too_large"),
]


@pytest.mark.parametrize(("body", "code"), REFUSED, ids=lambda value: repr(value)[:30])
def test_dangerous_or_broken_xml_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        xml.read(body)
    assert refused.value.code == code


def test_faults_of_both_soap_versions_are_told() -> None:
    assert xml.fault(xml.read(FAULT)) == (
        "Server.ServerProxy.ServiceFailed.HttpError: Server responded with error 500"
    )
    assert xml.fault(xml.read(SOAP12)) == "env:Sender: Không hợp lệ"
    assert xml.fault(xml.read(b"<Fault/>")) == "fault without a text"
    assert xml.fault(xml.read(b"<a>Fault</a>")) is None


def test_entities_and_comments_leave_no_trace() -> None:
    assert xml.read(b"<a>x&amp;y<!-- z --></a>").text == "x&y"


@pytest.mark.parametrize(
    ("body", "markup"),
    [
        (b"<a/>", True),
        (b"\xef\xbb\xbf <a/>", True),
        ("<a/>".encode("utf-16"), True),
        (b"{}", False),
        (b"", False),
    ],
)
def test_markup_is_known_by_its_beginning(body: bytes, *, markup: bool) -> None:
    assert xml.looks_like(body) is markup


@given(st.binary(max_size=200) | st.text(alphabet="<>/&;!-[]ab \"'=?x", max_size=60).map(str.encode))
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_an_element_or_unreadable(body: bytes) -> None:
    xml.looks_like(body)
    try:
        root = xml.read(body)
    except Unreadable:
        return
    xml.fault(root)
