"""SOAP 1.1 and 1.2 envelopes: built from one body element, and read back as a body or as a fault.

Elements come from mapping tables and go straight to lxml; a SOAP library is the contract's oracle in the tests only.
Invariant: any bytes in; one ``Answer`` in the version that was asked for or ``Unreadable`` out, in bounded memory. A
fault is told by the body and never by the HTTP status (construction §C.9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec
from lxml import etree

from gateway.codec import Unreadable, xml
from gateway.codec.xml import Element
from gateway.port.wire import Headers, header

MAX_BYTES = 16 * 1024 * 1024
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)
_MOST_REASON = 500


class Version(StrEnum):
    """The two versions of SOAP; bindings of one contract differ in nothing else."""

    SOAP_11 = "1.1"
    SOAP_12 = "1.2"

    @property
    def namespace(self) -> str:
        """Namespace of the envelope."""
        return _NAMESPACES[self]

    @property
    def media_type(self) -> str:
        """Media type of a message (SOAP 1.1 §6.1.1, RFC 3902)."""
        return _MEDIA_TYPES[self]


_NAMESPACES = {
    Version.SOAP_11: "http://schemas.xmlsoap.org/soap/envelope/",
    Version.SOAP_12: "http://www.w3.org/2003/05/soap-envelope",
}
_MEDIA_TYPES = {Version.SOAP_11: "text/xml", Version.SOAP_12: "application/soap+xml"}
_VERSIONS = {namespace: version for version, namespace in _NAMESPACES.items()}


class FaultSide(StrEnum):
    """Whom a fault blames. ``sender``: Client or Sender; ``receiver``: Server or Receiver; ``other``: the rest."""

    SENDER = "sender"
    RECEIVER = "receiver"
    OTHER = "other"


_SIDES = {
    "Client": FaultSide.SENDER,
    "Sender": FaultSide.SENDER,
    "Server": FaultSide.RECEIVER,
    "Receiver": FaultSide.RECEIVER,
}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault. ``code``: local name of its outermost code; ``detail``: the elements of the detail entry."""

    code: str
    side: FaultSide
    reason: str
    detail: tuple[Element, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an envelope carries: one body element or a fault, and the header blocks."""

    version: Version
    content: Element | Fault
    headers: tuple[Element, ...] = ()


def envelope(body: Element, version: Version, headers: Sequence[Element] = ()) -> bytes:
    """The message with ``body`` as its only body element, in UTF-8; the same arguments give the same bytes.

    ``body`` and ``headers`` are moved into the envelope and belong to it from then on. There is always a header
    element, because gateways put theirs into it (construction §4).
    """
    root = etree.Element(f"{{{version.namespace}}}Envelope", nsmap={"soapenv": version.namespace})
    etree.SubElement(root, f"{{{version.namespace}}}Header").extend(headers)
    etree.SubElement(root, f"{{{version.namespace}}}Body").append(body)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def header_blocks(fragment: bytes) -> tuple[Element, ...]:
    """Header blocks for ``envelope`` from ``fragment``, whole elements one after the other with their own namespaces;
    Unreadable when that is not what it is."""
    return tuple(xml.read(b"<blocks>" + fragment + b"</blocks>"))


def fault_element(version: Version, side: FaultSide, reason: str, detail: Element | None = None) -> Element:
    """A fault as a body element, for stand-ins of partners; ``side`` is sender or receiver."""
    space = version.namespace
    fault = etree.Element(f"{{{space}}}Fault", nsmap={"soapenv": space})
    if version is Version.SOAP_11:
        code = "Client" if side is FaultSide.SENDER else "Server"
        etree.SubElement(fault, "faultcode").text = f"soapenv:{code}"
        etree.SubElement(fault, "faultstring").text = reason
        holder = "detail"
    else:
        code = "Sender" if side is FaultSide.SENDER else "Receiver"
        etree.SubElement(
            etree.SubElement(fault, f"{{{space}}}Code"), f"{{{space}}}Value"
        ).text = f"soapenv:{code}"
        text = etree.SubElement(etree.SubElement(fault, f"{{{space}}}Reason"), f"{{{space}}}Text")
        text.set(_XML_LANG, "vi")
        text.text = reason
        holder = f"{{{space}}}Detail"
    if detail is not None:
        etree.SubElement(fault, holder).append(detail)
    return fault


def request_headers(version: Version, action: str) -> Headers:
    """The HTTP headers of a request: SOAPAction quoted in 1.1, the ``action`` parameter in 1.2 (construction §C.10)."""
    content = f"{version.media_type}; charset=utf-8"
    if version is Version.SOAP_11:
        return (("content-type", content), ("soapaction", f'"{action}"'))
    return (("content-type", f'{content}; action="{action}"'),)


def read(body: bytes, headers: Headers, version: Version, *, limit: int = MAX_BYTES) -> Answer:
    """The message in ``body``, which must be of ``version`` in its HTTP headers and in every part."""
    _require_media_type(header(headers, "content-type") or "", version)
    found = read_any(body, limit=limit)
    if found.version is not version:
        raise Unreadable("mixed_versions", f"asked in SOAP {version}, answered in SOAP {found.version}")
    return found


def read_any(body: bytes, *, limit: int = MAX_BYTES) -> Answer:
    """The message in ``body``, in the version that its envelope says."""
    root = _root(body, limit)
    name = etree.QName(root)
    version = _VERSIONS.get(name.namespace or "")
    if name.localname != "Envelope" or version is None:
        raise Unreadable("not_soap", f"the document is a {root.tag[:120]}, not a SOAP envelope")
    blocks, content = _parts(root, version)
    _require_one_version([root, *root, *blocks, content], version)
    if content.tag == f"{{{version.namespace}}}Fault":
        return Answer(version=version, content=_fault(content, version), headers=blocks)
    return Answer(version=version, content=content, headers=blocks)


def _require_media_type(value: str, version: Version) -> None:
    kind = value.partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        # construction §7: no operation of ours is declared with attachments, so nobody may answer with them
        raise Unreadable("mime_parts", f"the answer is {kind[:60]}, not one XML document")
    if kind != version.media_type:
        raise Unreadable(
            "media_type",
            f"the answer is {kind[:60] or 'without a media type'}, expected {version.media_type}",
        )
    charset = _CHARSET.search(value)
    if charset is not None and charset[1].lower() not in xml.UTF8:
        raise Unreadable("not_utf8", f"the answer is in {charset[1][:40]}; UTF-8 is mandatory")


def _root(body: bytes, limit: int) -> Element:
    """The root element; what would grow far beyond its bytes as a tree is refused before there is a tree."""
    if len(body) > limit:
        raise Unreadable("too_large", f"{len(body)} bytes, at most {limit} are read")
    xml.require_lean(body)
    root = xml.read(body, limit=limit)
    encoding = root.getroottree().docinfo.encoding or "utf-8"
    if encoding.lower() not in xml.UTF8:
        raise Unreadable("not_utf8", f"the document says that it is in {encoding[:40]}")
    return root


def _parts(root: Element, version: Version) -> tuple[tuple[Element, ...], Element]:
    """Header blocks and the one body element. Envelope is an optional Header and then a Body, nothing else."""
    space = version.namespace
    tags = [child.tag for child in root]
    if tags not in ([f"{{{space}}}Body"], [f"{{{space}}}Header", f"{{{space}}}Body"]):
        names = ", ".join(str(tag)[:80] for tag in tags[:5]) or "nothing"
        raise Unreadable("not_soap", f"the envelope holds {names}; expected a Header, if any, and a Body")
    _require_no_text(root)
    body = root[-1]
    _require_no_text(body)
    if len(body) != 1:
        raise Unreadable("not_soap", f"the body holds {len(body)} elements, expected one")
    return tuple(root[0]) if len(root) == 2 else (), body[0]


def _require_no_text(element: Element) -> None:
    words = [element.text, *(child.tail for child in element)]
    if any(word and not word.isspace() for word in words):
        raise Unreadable("not_soap", f"there is text between the parts of {xml.local(element)}")


def _require_one_version(parts: Sequence[Element], version: Version) -> None:
    """No part in the other version's namespace, and no envelope hidden inside the body."""
    for part in parts:
        foreign = _VERSIONS.get(etree.QName(part).namespace or "")
        if foreign is not None and foreign is not version:
            raise Unreadable("mixed_versions", f"{xml.local(part)} is SOAP {foreign} inside SOAP {version}")
    if any(xml.local(inner) == "Envelope" for inner in parts[-1].iter()):
        raise Unreadable("not_soap", "there is an envelope inside the body")


def _fault(element: Element, version: Version) -> Fault:
    if version is Version.SOAP_11:
        code, reason = element.findtext("faultcode"), element.findtext("faultstring")
        details: Iterator[Element] = element.iterchildren("detail")
    else:
        space = f"{{{version.namespace}}}"
        code = element.findtext(f"{space}Code/{space}Value")
        reason = element.findtext(f"{space}Reason/{space}Text")
        details = element.iterchildren(f"{space}Detail")
    if not code or not code.strip():
        raise Unreadable("not_soap", f"a SOAP {version} fault without its code")
    name = code.strip().rpartition(":")[2]
    return Fault(
        code=name[:60],
        side=_SIDES.get(name.partition(".")[0], FaultSide.OTHER),
        reason=" ".join((reason or "").split())[:_MOST_REASON] or "fault without a text",
        detail=tuple(child for holder in details for child in holder),
    )
