"""The stub ministry: takes every submission after a fixed delay, and judges afterwards what it was sent.

Its own process. While it is measured it only keeps bodies and answers them; asked for its record (GET) it validates each
against the ministry's schema and verifies each signature, with lxml and python-xmlsec alone: Body and Timestamp must be
what is signed, with SHA-2, and with the certificate that it was given.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvloop
import xmlsec
from lxml import etree

from bench.ministries_load import JUDICIAL_ANSWER, XSD, acknowledgement, call_of
from bench.partner import Connection

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity"
_WSU, _WSSE = f"{_OASIS}-utility-1.0.xsd", f"{_OASIS}-secext-1.0.xsd"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_WEAK = re.compile(r"sha1|md5")
_DOSSIER = re.compile(rb"<(?:[A-Za-z0-9]+:)?MaHoSo>([^<]+)<")
_NUMBER = re.compile(rb'"maHoSoMCDT": ?"([^"]+)"')
_XML_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/xml; charset=utf-8\r\ncontent-length: %d\r\n\r\n"
_JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was received: messages, dossiers that came more than once, messages that are not what they must be."""

    received: int
    repeated: int
    invalid: int
    unsigned: int


class Construction:
    """The ministry of construction over SOAP 1.1."""

    def __init__(self, certificate: str) -> None:
        self._key = xmlsec.Key.from_file(certificate, xmlsec.KeyFormat.CERT_PEM)
        self._schema = etree.XMLSchema(etree.parse(str(XSD)))
        self._bodies: list[bytes] = []

    def answer(self, body: bytes) -> bytes:
        self._bodies.append(body)
        text = acknowledgement(call_of(body))
        return _XML_HEAD % len(text) + text

    def verdict(self) -> Verdict:
        dossiers = [_first(_DOSSIER, body) for body in self._bodies]
        roots = [etree.fromstring(body) for body in self._bodies]
        return Verdict(
            received=len(dossiers),
            repeated=len(dossiers) - len(set(dossiers)),
            invalid=sum(not self._schema.validate(root.find(f"{{{_SOAP}}}Body")[0]) for root in roots),
            unsigned=sum(not _is_signed(root, self._key) for root in roots),
        )


class Judicial:
    """The centre for judicial records over REST; nothing is signed there."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    def answer(self, body: bytes) -> bytes:
        self._bodies.append(body)
        return _JSON_HEAD % len(JUDICIAL_ANSWER) + JUDICIAL_ANSWER

    def verdict(self) -> Verdict:
        numbers = [_first(_NUMBER, body) for body in self._bodies]
        invalid = sum(not _is_application(body) for body in self._bodies)
        return Verdict(
            received=len(numbers), repeated=len(numbers) - len(set(numbers)), invalid=invalid, unsigned=0
        )


def _first(pattern: re.Pattern[bytes], body: bytes) -> bytes:
    found = pattern.search(body)
    return found[1] if found else b""


def _is_application(body: bytes) -> bool:
    document = msgspec.json.decode(body)
    return isinstance(document, dict) and "toKhai" in document


def _is_signed(envelope: etree._Element, key: xmlsec.Key) -> bool:
    security = envelope.find(f"{{{_SOAP}}}Header/{{{_WSSE}}}Security")
    signature = None if security is None else security.find(f"{{{_DS}}}Signature")
    if security is None or signature is None:
        return False
    context = xmlsec.SignatureContext()
    context.key = key
    parts = (envelope.find(f"{{{_SOAP}}}Body"), security.find(f"{{{_WSU}}}Timestamp"))
    bearers = [each for each in envelope.iter() if each.get(f"{{{_WSU}}}Id")]
    for each in bearers:
        context.register_id(each, "Id", _WSU)
    targets = {each.get("URI") for each in signature.iter(f"{{{_DS}}}Reference")}
    methods = [each.get("Algorithm", "") for each in signature.iter() if each.get("Algorithm")]
    if any(part is None or f"#{part.get(f'{{{_WSU}}}Id')}" not in targets for part in parts):
        return False
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return not any(_WEAK.search(method) for method in methods)


class Desk(Connection):
    """A connection of ``bench.partner`` that answers as a ministry does."""

    def __init__(self, ministry: Construction | Judicial, latency: float) -> None:
        super().__init__(None, latency)  # type: ignore[arg-type]  # the ministry keeps its own record
        self._ministry = ministry

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get"):
            text = msgspec.json.encode(self._ministry.verdict())
            self._write(_JSON_HEAD % len(text) + text)
            return
        answer = self._ministry.answer(body)
        asyncio.get_running_loop().call_later(self._latency, self._write, answer)


async def serve(ministry: Construction | Judicial, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Desk(ministry, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running(latency: float, certificate: Path | None) -> Iterator[str]:
    """A ministry in its own process, construction with a ``certificate`` and judicial without; yields its URL."""
    arguments = [str(latency), *([str(certificate)] if certificate else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ministries_partner", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    uvloop.run(serve(Construction(sys.argv[2]) if len(sys.argv) > 2 else Judicial(), float(sys.argv[1])))
