"""XML as it is signed: read without interpretation, canonical form, nodes by their Id.

Invariants: a document that reads differently to two readers is refused before anything is verified (document type,
comments, processing instructions, an Id that occurs twice); nothing outside the bytes is looked at.
"""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Mapping
from typing import cast

from lxml import etree

from gateway.codec import Unreadable, xml
from gateway.codec.xml import Element, local
from gateway.signing.findings import Examination

DS = "http://www.w3.org/2000/09/xmldsig#"
EC = "http://www.w3.org/2001/10/xml-exc-c14n#"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU_ID = f"{{{WSU}}}Id"
# What a reference may point at. A plain "id" is content: no reference of ours resolves to it.
ID_ATTRIBUTES = (WSU_ID, "Id", "ID", "{http://www.w3.org/XML/1998/namespace}id")
MAX_BYTES = 64 * 1024 * 1024
_LONGEST_SHOWN = 80


def read(body: bytes, *, limit: int = MAX_BYTES) -> Element:
    """The root of ``body``. Raises Unreadable, with a code of its own for what has no place in a signed message."""
    if len(body) > limit:
        raise Unreadable("too_large", f"{len(body)} bytes, at most {limit} are read")
    xml.require_lean(body)
    if b"<!doctype" in body[:65536].replace(b"\x00", b"").lower():
        raise Unreadable("document_type", "a document type is not accepted")
    try:
        root = etree.fromstring(body, _parser())
    except (etree.XMLSyntaxError, ValueError) as fault:
        raise Unreadable("not_xml", str(fault)[:200]) from fault
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("document_type", "a document type is not accepted")
    return root


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )


def read_plain(exam: Examination, body: bytes) -> Element:
    """The root of ``body``, every text of which has one reading only."""
    try:
        root = read(body)
    except Unreadable as fault:
        exam.stop("document", fault.code, fault.reason)
    for node in root.iter(etree.Comment, etree.ProcessingInstruction):
        # The digest skips comments, and a reader of values may stop at one: "12<!-- -->34" is 1234 or 12.
        kind = "comment" if isinstance(node, etree._Comment) else "instruction"  # noqa: SLF001 - its only name
        parent = node.getparent()
        where = f"inside {local(parent)}" if parent is not None else "beside the root"
        exam.stop("document", kind, f"a {kind} {where}; a signed message has none")
    return root


def by_id(exam: Examination, root: Element) -> Mapping[str, Element]:
    """Every node that bears an Id. Two with the same one, or one with two, are refused."""
    found: dict[str, Element] = {}
    for element in cast("list[Element]", _bearers()(root)):
        names = [element.get(name) for name in ID_ATTRIBUTES if name in element.attrib]
        if len(names) > 1:
            exam.stop("ids", "duplicate_id", f"{local(element)} has {len(names)} Ids")
        for name in names:
            if not name or name in found:
                exam.stop(
                    "ids", "duplicate_id", f"Id {(name or '')[:_LONGEST_SHOWN]!r} is there more than once"
                )
            found[name] = element
    return found


@functools.cache
def _bearers() -> etree.XPath:
    """Every element with attributes: few have any, and naming the four kinds of Id here takes five times as long."""
    return etree.XPath("descendant-or-self::*[@*]")


def only(exam: Examination, parent: Element, name: str, missing: str) -> Element:
    """The one child called ``name``; ``missing`` is the code when there is none, ``repeated`` when several."""
    children = parent.findall(name)
    word = etree.QName(name).localname
    if not children:
        exam.stop(word, missing, f"there is none in {local(parent)}")
    if len(children) > 1:
        exam.stop(word, "repeated", f"{len(children)} times in {local(parent)}, expected once")
    return children[0]


def canonical(element: Element, inclusive: list[str] | None = None) -> bytes:
    """Exclusive canonical form without comments (W3C xml-exc-c14n). ``inclusive``: InclusiveNamespaces."""
    if inclusive:
        # lxml canonicalises a copy of the node, on which declarations of its ancestors are not seen; written out and
        # read again, it bears them itself
        element = etree.fromstring(etree.tostring(element, with_tail=False), _parser())
    written: bytes = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=inclusive
    )
    return written


def binary(exam: Examination, element: Element, subject: str) -> bytes:
    """The Base64 text of ``element``."""
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        exam.stop(subject, "not_base64", f"the text of {local(element)} is not Base64")


def text64(value: bytes) -> str:
    """Base64 in one line."""
    return base64.b64encode(value).decode("ascii")


def child(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    """A new last child."""
    made = etree.SubElement(parent, name, attributes)
    made.text = text
    return made
