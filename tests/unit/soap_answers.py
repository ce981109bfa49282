"""Answers that no SOAP partner should give, by name, with the code of the refusal that each must meet."""

from __future__ import annotations

from gateway.codec import soap, xml

V11 = "http://schemas.xmlsoap.org/soap/envelope/"
V12 = "http://www.w3.org/2003/05/soap-envelope"
TEXT_XML = "text/xml; charset=utf-8"


def wrapped(body: str, *, space: str = V11, head: str = "") -> bytes:
    """An envelope by hand, so that it may be wrong."""
    return f'<s:Envelope xmlns:s="{space}">{head}<s:Body>{body}</s:Body></s:Envelope>'.encode()


def _bomb(kind: str) -> bytes:
    if kind == "laughs":
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(12))
        return f"<?xml version='1.0'?><!DOCTYPE x [{entities}]>".encode() + wrapped("<a>&e11;</a>")
    entity = "x" * 100_000
    return f'<!DOCTYPE x [<!ENTITY q "{entity}">]>'.encode() + wrapped("<a>" + "&q;" * 10_000 + "</a>")


Hostile = tuple[bytes, str, str]
"""Body, Content-Type, code of the refusal."""

HOSTILE: dict[str, Hostile] = {
    "nothing": (b"", TEXT_XML, "not_xml"),
    "one space": (b" ", TEXT_XML, "not_xml"),
    "plain word": (b"OK", TEXT_XML, "not_xml"),
    "json": (b'{"TrangThai":"1"}', TEXT_XML, "not_xml"),
    "json that says so": (b'{"TrangThai":"1"}', "application/json", "media_type"),
    "error page as html": (b"<html><body>502</body></html>", "text/html", "media_type"),
    "error page as xml": (b"<html><body>502</body></html>", TEXT_XML, "not_soap"),
    "html with a doctype": (b"<!DOCTYPE html><html></html>", TEXT_XML, "document_type"),
    "no media type": (wrapped("<a/>"), "", "media_type"),
    "octet stream": (wrapped("<a/>"), "application/octet-stream", "media_type"),
    "media type of the other version": (wrapped("<a/>"), "application/soap+xml", "media_type"),
    "multipart with mtom": (
        b"--b\r\nContent-Type: application/xop+xml\r\n\r\n<a/>\r\n--b--",
        'multipart/related; type="application/xop+xml"; boundary=b',
        "mime_parts",
    ),
    "multipart without parts": (b"", "multipart/related", "mime_parts"),
    "mime junk around the envelope": (b"--b\r\n\r\n" + wrapped("<a/>") + b"\r\n--b--", TEXT_XML, "not_xml"),
    "another charset": (wrapped("<a/>"), "text/xml; charset=windows-1258", "not_utf8"),
    "utf-16": (wrapped("<a/>").decode().encode("utf-16"), TEXT_XML, "not_utf8"),
    "a document that says latin-1": (
        b"<?xml version='1.0' encoding='iso-8859-1'?>" + wrapped("<a/>"),
        TEXT_XML,
        "not_utf8",
    ),
    "a million elements in utf-7": (
        b"<?xml version='1.0' encoding='utf-7'?>"
        + wrapped("X").replace(b"<", b"+ADw-").replace(b"X", b"+ADw-a/>" * 1_000_000),
        TEXT_XML,
        "not_utf8",
    ),
    "bytes that are no utf-8": (wrapped("<a>X</a>").replace(b"X", b"\xff\xfe"), TEXT_XML, "not_utf8"),
    "a zero byte": (wrapped("<a>X</a>").replace(b"X", b"\x00"), TEXT_XML, "not_xml"),
    "billion laughs": (_bomb("laughs"), TEXT_XML, "document_type"),
    "quadratic blow-up": (_bomb("quadratic"), TEXT_XML, "document_type"),
    "external entity": (
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + wrapped("<a>&f;</a>"),
        TEXT_XML,
        "document_type",
    ),
    "external document type": (
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + wrapped("<a/>"),
        TEXT_XML,
        "document_type",
    ),
    "document type behind a long comment": (
        b"<!--" + b"x" * 70_000 + b'--><!DOCTYPE x [<!ENTITY f "v">]>' + wrapped("<a>&f;</a>"),
        TEXT_XML,
        "document_type",
    ),
    "cut short": (wrapped("<a>long</a>")[:-20], TEXT_XML, "not_xml"),
    "two documents": (wrapped("<a/>") + wrapped("<a/>"), TEXT_XML, "not_xml"),
    "wrong namespace of the envelope": (wrapped("<a/>", space="urn:nobody"), TEXT_XML, "not_soap"),
    "no namespace": (b"<Envelope><Body><a/></Body></Envelope>", TEXT_XML, "not_soap"),
    "another root": (b"<a/>", TEXT_XML, "not_soap"),
    "no body": (f'<s:Envelope xmlns:s="{V11}"/>'.encode(), TEXT_XML, "not_soap"),
    "only a header": (f'<s:Envelope xmlns:s="{V11}"><s:Header/></s:Envelope>'.encode(), TEXT_XML, "not_soap"),
    "empty body": (wrapped(""), TEXT_XML, "not_soap"),
    "two elements in the body": (wrapped("<a/><b/>"), TEXT_XML, "not_soap"),
    "words in the body": (wrapped("thành công<a/>"), TEXT_XML, "not_soap"),
    "words behind the body element": (wrapped("<a/>thành công"), TEXT_XML, "not_soap"),
    "two bodies": (
        f'<s:Envelope xmlns:s="{V11}"><s:Body><a/></s:Body><s:Body><a/></s:Body></s:Envelope>'.encode(),
        TEXT_XML,
        "not_soap",
    ),
    "header behind the body": (
        f'<s:Envelope xmlns:s="{V11}"><s:Body><a/></s:Body><s:Header/></s:Envelope>'.encode(),
        TEXT_XML,
        "not_soap",
    ),
    "body of another namespace": (
        f'<s:Envelope xmlns:s="{V11}"><Body><a/></Body></s:Envelope>'.encode(),
        TEXT_XML,
        "not_soap",
    ),
    "soap 1.2 in the type of 1.1": (wrapped("<a/>", space=V12), TEXT_XML, "mixed_versions"),
    "body of 1.2 in an envelope of 1.1": (
        f'<s:Envelope xmlns:s="{V11}" xmlns:z="{V12}"><z:Body><a/></z:Body></s:Envelope>'.encode(),
        TEXT_XML,
        "not_soap",
    ),
    "fault of 1.2 in an envelope of 1.1": (
        wrapped(f'<z:Fault xmlns:z="{V12}"><z:Code><z:Value>z:Sender</z:Value></z:Code></z:Fault>'),
        TEXT_XML,
        "mixed_versions",
    ),
    "header block of the other version": (
        wrapped("<a/>", head=f'<s:Header><z:Upgrade xmlns:z="{V12}"/></s:Header>'),
        TEXT_XML,
        "mixed_versions",
    ),
    "envelope in the body": (wrapped(wrapped("<a/>").decode()), TEXT_XML, "not_soap"),
    "envelope deep in the body": (wrapped(f"<a>{wrapped('<a/>').decode()}</a>"), TEXT_XML, "not_soap"),
    "fault without a code": (
        wrapped("<s:Fault><faultstring>x</faultstring></s:Fault>"),
        TEXT_XML,
        "not_soap",
    ),
    "too deep": (wrapped("<a>" * 200 + "</a>" * 200), TEXT_XML, "too_deep"),
    "deeper than the parser goes": (wrapped("<a>" * 50_000 + "</a>" * 50_000), TEXT_XML, "not_xml"),
    "a million elements": (wrapped("<a/>" * 1_000_000), TEXT_XML, "too_large"),
    "a million attributes": (
        wrapped("<a " + " ".join(f'a{n}=""' for n in range(1_000_000)) + "/>"),
        TEXT_XML,
        "too_large",
    ),
    "elements above the limit of a tree": (wrapped("<a/>" * (xml.MAX_ELEMENTS + 1)), TEXT_XML, "too_large"),
    "a text longer than the parser takes": (wrapped("<a>" + "x" * 11_000_000 + "</a>"), TEXT_XML, "not_xml"),
    "50 MB": (wrapped("<a>" + "x" * 50_000_000 + "</a>"), TEXT_XML, "too_large"),
    "one byte too many": (b" " * (soap.MAX_BYTES + 1), TEXT_XML, "too_large"),
}
