"""Safe reading of XML: no DTD, no entities, no network, bounded size, depth and number of elements.

Needed where an access layer answers with a fault instead of the agreed JSON (national_portal §2.1).
Invariant: any bytes in; an element or ``Unreadable`` out, and nothing outside the bytes is ever looked at.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from lxml import etree

from gateway.codec import Unreadable

Element: TypeAlias = etree._Element  # noqa: SLF001 - lxml's only name for the type

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 128
MAX_ELEMENTS = 100_000
MOST_TAGS = 2 * MAX_ELEMENTS
MOST_ATTRIBUTES = MAX_ELEMENTS
UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]{0,40})""")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_FAULT_WORDS = ("faultcode", "faultstring", "Value", "Text", "detail")


def looks_like(body: bytes) -> bool:
    """Whether ``body`` begins like markup (XML or HTML)."""
    head = body[:64]
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\x00", b"").lstrip()[:1] == b"<"


def read(body: bytes, *, limit: int = MAX_BYTES) -> Element:
    """The root element of ``body``, at most ``limit`` bytes long."""
    if len(body) > limit:
        raise Unreadable("too_large", f"{len(body)} bytes, at most {limit} are read")
    # Before libxml2 sees it: a document type is the door to entities, and no partner's contract has one.
    if b"<!doctype" in body[:65536].replace(b"\x00", b"").lower():
        raise Unreadable("document_type", "a document type is not accepted")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as fault:
        raise Unreadable("not_xml", str(fault)[:200]) from fault
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("document_type", "a document type is not accepted")
    _require_bounded(root)
    return root


def require_lean(body: bytes) -> None:
    """Raise Unreadable for what would grow far beyond its bytes as a tree, before there is a tree; and for what is not
    UTF-8, in which a tag could be written without the byte that is counted."""
    if body.count(b"<") > MOST_TAGS or body.count(b"=") > MOST_ATTRIBUTES:
        raise Unreadable("too_large", "more tags or attributes than an answer can need")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise Unreadable("not_utf8", f"byte {fault.start} is not UTF-8") from fault
    declared = _DECLARED.match(body.removeprefix(_MARKS[0]))
    if declared is not None and declared[1].decode().lower() not in UTF8:
        raise Unreadable("not_utf8", f"the document says that it is in {declared[1].decode()}")


def fault(root: Element) -> str | None:
    """Code and text of a SOAP 1.1 or 1.2 fault in one line; None when ``root`` carries none."""
    for element in root.iter():
        if local(element) == "Fault":
            words = [
                " ".join((child.text or "").split())
                for child in element.iter()
                if local(child) in _FAULT_WORDS and len(child) == 0
            ]
            return ": ".join(word for word in words if word)[:500] or "fault without a text"
    return None


def local(element: Element) -> str:
    """The name of ``element`` without its namespace."""
    return etree.QName(element).localname


def _require_bounded(root: Element) -> None:
    depth = count = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH:
            raise Unreadable("too_deep", f"nested deeper than {MAX_DEPTH}")
        if count > MAX_ELEMENTS:
            raise Unreadable("too_large", f"more than {MAX_ELEMENTS} elements")
