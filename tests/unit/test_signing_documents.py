"""Canonical form and reading of what is signed: the standard's own examples, and what is never read."""

import pytest
from lxml import etree

from gateway.codec import Unreadable
from gateway.signing import documents
from gateway.signing.findings import Examination, Stop

# W3C Exclusive XML Canonicalization 1.0, §2.2: the same element in two envelopes
IN_LOCAL = b"""<n0:local xmlns:n0="http://foo.example" xmlns:n3="ftp://example.org">
   <n1:elem2 xmlns:n1="http://example.net" xml:lang="en">
       <n3:stuff xmlns:n3="ftp://example.org"/>
   </n1:elem2>
</n0:local>"""
IN_PDU = b"""<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xmlns:n3="ftp://example.org" xml:lang="fr"
     xml:space="retain">
   <n1:elem2 xmlns:n1="http://example.net" xml:lang="en">
       <n3:stuff xmlns:n3="ftp://example.org"/>
   </n1:elem2>
</n2:pdu>"""
EXCLUSIVE = b"""<n1:elem2 xmlns:n1="http://example.net" xml:lang="en">
       <n3:stuff xmlns:n3="ftp://example.org"></n3:stuff>
   </n1:elem2>"""


@pytest.mark.parametrize("envelope", [IN_LOCAL, IN_PDU])
def test_exclusive_form_is_the_same_in_every_envelope(envelope):
    (element,) = etree.fromstring(envelope).iter("{http://example.net}elem2")

    assert documents.canonical(element) == EXCLUSIVE


def test_inclusive_prefixes_of_ancestors_are_written():
    """§2.1 of the same: a prefix of the list is treated as canonical XML treats all of them."""
    (element,) = etree.fromstring(IN_LOCAL).iter("{http://example.net}elem2")

    written = documents.canonical(element, ["n0", "n3"])

    assert written.startswith(
        b'<n1:elem2 xmlns:n0="http://foo.example" xmlns:n1="http://example.net" xmlns:n3="ftp://example.org" xml:lang="en">'
    )
    assert b"<n3:stuff></n3:stuff>" in written


def test_prefixes_of_one_namespace_are_kept_apart():
    (element,) = etree.fromstring('<a:x xmlns:a="urn:1" xmlns:b="urn:1"><b:y a:z="1"/></a:x>').iter(
        "{urn:1}y"
    )

    written = b'<b:y xmlns:a="urn:1" xmlns:b="urn:1" a:z="1"></b:y>'
    assert documents.canonical(element) == documents.canonical(element, ["a", "b"]) == written


# W3C Canonical XML 1.0, §3.2 and §3.4 (without their document types, which are never read here)
WHITE_SPACE = (
    b"<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n   <mixed>\n      A\n   </mixed>\n</doc>"
)
QUOTED = b"""<c expr='value>"0" &amp;&amp; value&lt;"10" ?"valid":"error"'>valid</c>"""
UNQUOTED = b"""<c expr="value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; ?&quot;valid&quot;:&quot;error&quot;">valid</c>"""


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        (WHITE_SPACE, WHITE_SPACE),
        (b"<text>First line&#x0d;&#10;Second line</text>", b"<text>First line&#xD;\nSecond line</text>"),
        (b"<value>&#x32;</value>", b"<value>2</value>"),
        (b'<c><![CDATA[value>"0" && value<"10"]]></c>', b'<c>value&gt;"0" &amp;&amp; value&lt;"10"</c>'),
        (QUOTED, UNQUOTED),
        (
            b"<norm attr=' &apos;   &#x20;&#13;&#xa;&#9;   &apos; '/>",
            b"""<norm attr=" '    &#xD;&#xA;&#x9;   ' "></norm>""",
        ),
        (b'<e3   name = "elem3"   id="elem3"   />', b'<e3 id="elem3" name="elem3"></e3>'),
        (b'<?xml version="1.0" encoding="UTF-8"?><doc>&#169;</doc>', b"<doc>\xc2\xa9</doc>"),
        (b"<?xml version='1.0'?><d>a<!-- gone -->b</d>", b"<d>ab</d>"),
    ],
)
def test_canonical_form_is_the_standards(document, canonical):
    assert documents.canonical(documents.read(document)) == canonical


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"<!DOCTYPE a><a/>", "document_type"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "document_type"),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "not_utf8"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><doc/>', "not_utf8"),
        (b"<a", "not_xml"),
        (b"<a>&x;</a>", "not_xml"),
        (b"<a>" * 300 + b"</a>" * 300, "not_xml"),
        (b"", "not_xml"),
    ],
)
def test_what_is_never_read(document, code):
    with pytest.raises(Unreadable) as refused:
        documents.read(document)

    assert refused.value.code == code


def test_a_document_that_is_too_large_is_not_read():
    with pytest.raises(Unreadable) as refused:
        documents.read(b"<a>" + b" " * 100 + b"</a>", limit=50)

    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"<a>1<!-- -->2</a>", "comment"),
        (b"<!-- before --><a/>", None),
        (b"<a><b>1</b><?x y?></a>", "instruction"),
    ],
)
def test_what_two_readers_may_read_differently_is_refused(document, code):
    exam = Examination()
    if code is None:  # beside the root it changes no value, and no reference reaches it
        documents.read_plain(exam, document)
        return
    with pytest.raises(Stop):
        documents.read_plain(exam, document)

    assert exam.refused().code == code
