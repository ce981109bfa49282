"""What came in over HTTP, read as the service of the contract reads it: two versions of SOAP, schema first.

Invariants: whatever is handed on is valid against the pinned schema and belongs to the operation that the binding names;
contents of files are taken out before there is a tree, so that a file of 20 MB (R10) is no text of an XML document.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from adapters.construction.simulator_elements import every, text
from adapters.construction.simulator_words import SPACE, Refused
from gateway.access import Access, XRoadAccess
from gateway.codec import Unreadable, soap
from gateway.codec.soap import Fault, Version
from gateway.codec.xml import Element, local
from gateway.codec.xsd import Schema
from gateway.port import SimulatedRequest, header

SPEC = Path(__file__).with_name("spec")
LARGEST = 160 * 1024 * 1024
_ACTION = f"{SPACE}/"
_PARAMETER = re.compile(r';\s*action\s*=\s*"?([^";]*)"?', re.IGNORECASE)
_LONG = re.compile(rb"(<(?:[\w.-]+:)?NoiDung(?:\s[^<>]*)?>)([A-Za-z0-9+/=\s]{1000000,})(?=</)")
_FIRST = re.compile(rb"<(?:[\w.-]+:)?Body[^>]*>\s*<(?:[\w.-]+:)?(\w+)")
_CALL = re.compile(rb"<(?:[\w.-]+:)?MaYeuCau>\s*([^<\s]{8,64})\s*<")
_STAND_IN = "c3RhbmQtaW4t"  # base64 of "stand-in-", then the number of the file
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
_IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
_MEMBER = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
UNDERSTOOD = frozenset({WSSE, XROAD})


class Kind(NamedTuple):
    """An operation of the port type. ``writes``: it changes something at the ministry."""

    writes: bool = False


OPERATIONS: dict[str, Kind] = {
    "NopHoSo": Kind(writes=True),
    "TraCuuTrangThai": Kind(),
    "LayDanhSachThayDoi": Kind(),
    "LayYeuCauBoSung": Kind(),
    "NopBoSung": Kind(writes=True),
    "LayKetQua": Kind(),
    "XacNhanDaNhan": Kind(writes=True),
    "RutHoSo": Kind(writes=True),
    "YeuCauThongTinQuyHoach": Kind(writes=True),
    "LayThongTinQuyHoach": Kind(),
    "TraCuuGiayPhep": Kind(),
    "TraCuuChungChiHanhNghe": Kind(),
    "LayDanhMuc": Kind(),
}


class Envelope(Struct, frozen=True, kw_only=True):
    """A message that is SOAP. ``lifted``: contents of large files, in base64, by what stands in their place."""

    version: Version
    content: Element
    headers: tuple[Element, ...]
    lifted: dict[str, bytes]

    @property
    def is_signed(self) -> bool:
        """Whether there is a Security header or a signature of XML-DSig anywhere."""
        signature = next(self.content.iter(_SIGNATURE), None)
        return signature is not None or any(_namespace(block) == WSSE for block in self.headers)


class Asked(Struct, frozen=True, kw_only=True):
    """A valid call. ``id``: MaYeuCau; ``unit``: MaDonVi; ``dossiers``: every MaHoSo that it names."""

    operation: str
    element: Element
    id: str
    unit: str
    dossiers: tuple[str, ...]
    lifted: dict[str, bytes]
    now: datetime


class NotSoap(Exception):
    """A request that no SOAP answer fits. ``status``: of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Misunderstood(Exception):
    """SOAP's own faults: ``VersionMismatch`` and ``MustUnderstand``."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@cache
def schema() -> Schema:
    """The pinned schema, compiled once."""
    return Schema((SPEC / "CapPhepXayDung.xsd").read_bytes(), name="CapPhepXayDung.xsd")


def operation_named(request: SimulatedRequest) -> str:
    """The operation that a request seems to ask for; ``unknown`` when it is none of ours. Cheap, for fault rules."""
    words = [_action(request, version).removeprefix(_ACTION) for version in Version]
    if found := _FIRST.search(request.body[:65536]):
        words.append(found[1].decode("ascii", "replace"))
    return next((word for word in words if word in OPERATIONS), "unknown")


def call_named(request: SimulatedRequest) -> str:
    """MaYeuCau as it seems to be; empty when there is none that the schema would allow."""
    found = _CALL.search(request.body[:65536])
    return found[1].decode("utf-8", "replace") if found else ""


def version_of(request: SimulatedRequest) -> Version:
    """The version that the media type announces; NotSoap for any other."""
    kind = (header(request.headers, "content-type") or "").partition(";")[0].strip().lower()
    for version in Version:
        if kind == version.media_type:
            return version
    raise NotSoap(415, "Unsupported Media Type")


def opened(request: SimulatedRequest, version: Version) -> Envelope:
    """The envelope. Raises Refused and Misunderstood."""
    lifted: dict[str, bytes] = {}

    def lift(match: re.Match[bytes]) -> bytes:
        place = f"{_STAND_IN}{len(lifted):04d}"
        lifted[place] = match[2]
        return match[1] + place.encode()

    body = _LONG.sub(lift, request.body) if len(request.body) > 1_000_000 else request.body
    try:
        found = soap.read(body, request.headers, version, limit=LARGEST)
    except Unreadable as fault:
        if fault.code == "mixed_versions":
            raise Misunderstood("VersionMismatch", str(fault)) from fault
        raise Refused("500", f"Bản tin không đọc được ({fault.code}): {fault}"[:1000]) from fault
    if isinstance(found.content, Fault):
        raise Refused("500", "Bản tin yêu cầu không được là một Fault")
    for block in found.headers:
        if _must_be_understood(block, version) and _namespace(block) not in UNDERSTOOD:
            raise Misunderstood("MustUnderstand", f"Không hiểu phần đầu {local(block)}")
    return Envelope(version=version, content=found.content, headers=found.headers, lifted=lifted)


def asked(request: SimulatedRequest, envelope: Envelope) -> Asked:
    """The call in ``envelope``. Raises Refused with the places that the schema forbids."""
    element = envelope.content
    name = local(element)
    if element.tag != f"{{{SPACE}}}{name}" or name not in OPERATIONS:
        raise Refused("500", "Không có thao tác này", [(name, f"{element.tag!s:.200} không có trong WSDL")])
    _require_action(request, envelope.version, name)
    findings = schema().findings(element)
    if findings:
        raise Refused("500", fields=[(_below(each.path), each.reason) for each in findings])
    return Asked(
        operation=name,
        element=element,
        id=call_id(element),
        unit=text(element, "ThongTinChung/MaDonVi"),
        dossiers=_dossiers(element),
        lifted=envelope.lifted,
        now=request.now,
    )


def require_member(access: Access, envelope: Envelope, operation: str) -> None:
    """The header blocks of X-Road's message protocol 4.0 (§5, C13), where that is how callers come in."""
    if not isinstance(access, XRoadAccess):
        return
    found = {local(block): block for block in envelope.headers if _namespace(block) == XROAD}
    absent = [name for name in ("client", "service", "id", "protocolVersion") if name not in found]
    if absent:
        raise Refused("100", f"Thiếu phần đầu X-Road: {', '.join(absent)}")
    client, service = (_identifier(found[name]) for name in ("client", "service"))
    member = access.client
    wanted = (member.instance, member.member_class, member.member, member.subsystem)
    if tuple(client.get(name) for name in _MEMBER) != wanted:
        raise Refused("101", "Thành viên X-Road không được phép truy cập")
    if service.get("serviceCode") != operation:
        raise Refused("100", "serviceCode của X-Road không phải thao tác được gọi")


def _identifier(block: Element) -> dict[str, str]:
    space = f"{{{_IDENTIFIERS}}}"
    return {local(each): (each.text or "").strip() for each in block if str(each.tag).startswith(space)}


def call_id(element: Element) -> str:
    """MaYeuCau of a call, valid or not."""
    return text(element, "ThongTinChung/MaYeuCau")


def _require_action(request: SimulatedRequest, version: Version, name: str) -> None:
    """WSDL 1.1 §3.4 and §C.10; ``""`` is what the clients of the population service send (§5, C11)."""
    if version is Version.SOAP_11 and header(request.headers, "soapaction") is None:
        raise Refused("500", "Thiếu tiêu đề SOAPAction")
    action = _action(request, version)
    if action not in {"", _ACTION + name}:
        raise Refused("500", f"SOAPAction không phải của thao tác {name}")


def _action(request: SimulatedRequest, version: Version) -> str:
    if version is Version.SOAP_11:
        return (header(request.headers, "soapaction") or "").strip().strip('"')
    found = _PARAMETER.search(header(request.headers, "content-type") or "")
    return found[1].strip() if found else ""


def _dossiers(element: Element) -> tuple[str, ...]:
    places = ("MaHoSo", "HoSo/MaHoSo", "YeuCau/MaHoSo")
    found = (each for place in places for each in every(element, place))
    return tuple(dict.fromkeys((each.text or "").strip() for each in found))


def _below(path: str) -> str:
    """§C.7: paths begin below the operation."""
    return path.partition("/")[2] or path


def _must_be_understood(block: Element, version: Version) -> bool:
    return block.get(f"{{{version.namespace}}}mustUnderstand", "").strip() in {"1", "true"}


def _namespace(block: Element) -> str:
    return str(block.tag)[1:].partition("}")[0]
