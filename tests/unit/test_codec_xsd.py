"""XML Schema: findings name the element and the line, and quote no value; a schema never fetches another."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.codec import xml
from gateway.codec.xsd import MOST_FINDINGS, Schema
from gateway.domain.errors import ConfigurationError

HEAD = b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:m" xmlns="urn:m" '
SCHEMA = (
    HEAD
    + b"""elementFormDefault="qualified"><xs:simpleType name="So"><xs:restriction base="xs:string">
<xs:pattern value="[0-9]{12}"/></xs:restriction></xs:simpleType>
<xs:element name="Ho"><xs:complexType><xs:sequence>
<xs:element name="SoDinhDanh" type="So" maxOccurs="unbounded"/><xs:element name="Ngay" type="xs:date"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>"""
)


def _schema() -> Schema:
    return Schema(SCHEMA, name="test")


def _read(inner: str) -> xml.Element:
    return xml.read(f'<Ho xmlns="urn:m">\n{inner}\n</Ho>'.encode())


def test_a_valid_element_has_no_findings() -> None:
    valid = _read("<SoDinhDanh>000000000001</SoDinhDanh><Ngay>2026-11-25</Ngay>")
    assert _schema().findings(valid) == ()


def test_a_finding_names_the_element_and_the_line_and_quotes_no_value() -> None:
    wrong = _read(
        "<SoDinhDanh>000000000001</SoDinhDanh>\n<SoDinhDanh>12345x</SoDinhDanh><Ngay>hom 'nay</Ngay>"
    )
    identity, day = _schema().findings(wrong)
    assert (identity.path, identity.line) == ("Ho/SoDinhDanh[2]", 3)
    assert "[0-9]{12}" in identity.reason
    assert (day.path, day.line) == ("Ho/Ngay", 3)
    assert str(day).startswith("Ho/Ngay (line 3): ")
    assert "12345x" not in str(identity)
    assert "nay" not in str(day)


def test_order_is_enforced() -> None:
    findings = _schema().findings(_read("<Ngay>2026-11-25</Ngay><SoDinhDanh>000000000001</SoDinhDanh>"))
    assert [finding.path for finding in findings] == ["Ho/Ngay"]
    assert "SoDinhDanh" in findings[0].reason


def test_an_element_inside_a_document_is_validated_by_itself_and_one_that_was_built_has_no_line() -> None:
    holder = etree.Element("Body")
    built = etree.SubElement(holder, "{urn:m}Ho")
    etree.SubElement(built, "{urn:m}SoDinhDanh").text = "1"
    paths = {(finding.path, finding.line) for finding in _schema().findings(built)}
    assert ("Ho/SoDinhDanh", 0) in paths
    assert str(_schema().findings(built)[0]).startswith("Ho")


def test_findings_are_counted_in_bounds_and_the_schema_can_be_used_again() -> None:
    schema = _schema()
    assert len(schema.findings(_read("<SoDinhDanh>1</SoDinhDanh>" * 500))) == MOST_FINDINGS
    assert schema.findings(_read("<SoDinhDanh>000000000001</SoDinhDanh><Ngay>2026-11-25</Ngay>")) == ()


@pytest.mark.parametrize(
    "source",
    [
        HEAD + b'><xs:import namespace="urn:x" schemaLocation="http://127.0.0.1:1/x.xsd"/></xs:schema>',
        HEAD + b'><xs:include schemaLocation="file:///etc/hostname"/></xs:schema>',
        HEAD + b'><xs:element name="a" type="Nobody"/></xs:schema>',
    ],
)
def test_a_schema_that_needs_another_or_is_none_is_a_fault_of_the_configuration(source: bytes) -> None:
    with pytest.raises(ConfigurationError, match="test"):
        Schema(source, name="test")
