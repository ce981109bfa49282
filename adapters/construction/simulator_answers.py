"""How the ministry's stand-in answers over HTTP: envelopes of both versions, faults, its own description (§C.7 to §C.10).

Invariant: an answer that the pinned schema does not allow never leaves; it becomes a fault of the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy

from msgspec import Struct

from adapters.construction.simulator_message import SPEC, schema
from adapters.construction.simulator_record import Heard
from adapters.construction.simulator_words import CODES, SPACE, Refused, detail, node
from gateway.codec import soap
from gateway.codec.soap import FaultSide, Version
from gateway.codec.tree import Tree, build
from gateway.codec.xml import Element
from gateway.port import SimulatedRequest, SimulatedResponse, header

_PLAIN = (("content-type", "text/plain; charset=utf-8"),)
_XML = (("content-type", "text/xml; charset=utf-8"),)
_XROAD = "{http://x-road.eu/xsd/xroad.xsd}"


class Said(Struct, frozen=True, kw_only=True):
    """An answer before it is bytes. ``content``: an answer's tree, or None for the fault of ``refused``."""

    operation: str
    version: Version
    call: str = ""
    content: Tree | None = None
    refused: Refused | None = None
    headers: tuple[Element, ...] = ()
    heard: Heard | None = None


def answer_tree(operation: str, parts: Iterable[Tree]) -> Tree:
    """The wrapper of an answer."""
    return node(f"{operation}Response", *parts)


def findings(tree: Tree) -> Sequence[object]:
    """What the schema has against an answer."""
    return schema().findings(build(tree, SPACE))


def written(said: Said, *, fault_status: int = 0) -> SimulatedResponse:
    """The bytes of ``said``. ``fault_status``: of HTTP for every fault; 0: as §C.8 and §C.9 have it."""
    version, blocks = said.version, [deepcopy(block) for block in said.headers]
    headers = (("content-type", f"{version.media_type}; charset=utf-8"),)
    if said.refused is None and said.content is not None:
        body = soap.envelope(build(said.content, SPACE), version, blocks)
        return SimulatedResponse(headers=headers, body=body, service=said.operation)
    refused = said.refused or Refused("503")
    side = CODES[refused.code].side or FaultSide.SENDER
    fault = soap.fault_element(
        version, side, refused.sentence[:500], build(detail(refused, said.call), SPACE)
    )
    sender = version is Version.SOAP_12 and side is FaultSide.SENDER
    return SimulatedResponse(
        status=fault_status or (400 if sender else 500),
        headers=headers,
        body=soap.envelope(fault, version, blocks),
        service=said.operation,
    )


def misunderstood(version: Version, code: str, reason: str) -> SimulatedResponse:
    """VersionMismatch or MustUnderstand, which no side has caused and which has no detail of ours."""
    fault = soap.fault_element(version, FaultSide.SENDER, reason)
    space = f"{{{version.namespace}}}"
    place = fault.find("faultcode" if version is Version.SOAP_11 else f"{space}Code/{space}Value")
    if place is not None:
        place.text = f"soapenv:{code}"
    headers = (("content-type", f"{version.media_type}; charset=utf-8"),)
    return SimulatedResponse(
        status=500, headers=headers, body=soap.envelope(fault, version), service="unknown"
    )


def fault_without_detail(said: Said) -> SimulatedResponse:
    """A fault of whatever stands behind the service, without LoiDichVu."""
    fault = soap.fault_element(said.version, FaultSide.RECEIVER, "Internal Error")
    headers = (("content-type", f"{said.version.media_type}; charset=utf-8"),)
    body = soap.envelope(fault, said.version)
    return SimulatedResponse(status=500, headers=headers, body=body, service=said.operation)


def plain(status: int, words: str, service: str = "unknown") -> SimulatedResponse:
    """Bare text, from whatever stands in front of the service."""
    return SimulatedResponse(status=status, headers=_PLAIN, body=words.encode(), service=service)


def xroad_blocks(blocks: Iterable[Element]) -> tuple[Element, ...]:
    """The header blocks that a provider copies into its answer, in their order (§5, C13)."""
    return tuple(block for block in blocks if str(block.tag).startswith(_XROAD))


def description(request: SimulatedRequest, paths: tuple[str, str]) -> SimulatedResponse | None:
    """``?wsdl`` and ``?xsd`` of either binding (§7); None for any other question."""
    if request.method.upper() != "GET" or request.path not in paths:
        return None
    asked = request.query.lower()
    if asked == "xsd":
        body = (SPEC / "CapPhepXayDung.xsd").read_bytes()
    elif asked == "wsdl":
        body = _wsdl(header(request.headers, "host") or "localhost", paths)
    else:
        return None
    return SimulatedResponse(headers=_XML, body=body, service="description")


def _wsdl(host: str, paths: tuple[str, str]) -> bytes:
    """The pinned description with the addresses under which it was asked for."""
    written = (SPEC / "CapPhepXayDung.wsdl").read_bytes()
    named = (("CapPhepXayDung12", paths[1]), ("CapPhepXayDung", paths[0]))
    for name, path in named:
        pinned = f'location="http://localhost:8080/bxd/{name}"'
        written = written.replace(pinned.encode(), f'location="http://{host}{path}"'.encode())
    return written.replace(
        b'schemaLocation="CapPhepXayDung.xsd"', f'schemaLocation="{paths[0]}?xsd"'.encode()
    )
