"""The header block that X-Road wants in a SOAP message (X-Road message protocol 4.0; construction §5, C13).

Invariant: every value is escaped, and one that XML 1.0 cannot hold is refused; the order of elements is fixed, because
the provider copies them into the answer in that order.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

import msgspec

from gateway.access.settings import XRoadAccess, XRoadMember
from gateway.domain.errors import CannotEncode

XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XRoadCall(msgspec.Struct, frozen=True, kw_only=True):
    """``id``: a UUID that the answer repeats. ``service_code``: the wrapper element's name. ``issue``: the dossier or
    request that the call is about."""

    id: str
    service_code: str
    issue: str = ""


def soap_header(access: XRoadAccess, call: XRoadCall) -> bytes:
    """The elements that go into ``soap:Header``, one after the other; the provider is ``access.service``."""
    if access.service is None:
        raise CannotEncode("access.service is not configured; X-Road needs the provider's subsystem")
    parts = [
        _member("client", "SUBSYSTEM", access.client, ()),
        _member("service", "SERVICE", access.service, _service(access, call)),
        _element("xro:userId", access.user_id),
        _element("xro:id", call.id),
        _element("xro:issue", call.issue),
        _element("xro:protocolVersion", access.protocol),
    ]
    return "".join(parts).encode()


def _service(access: XRoadAccess, call: XRoadCall) -> tuple[tuple[str, str], ...]:
    return ("serviceCode", call.service_code), ("serviceVersion", access.service_version)


def _member(name: str, kind: str, member: XRoadMember, more: tuple[tuple[str, str], ...]) -> str:
    rows = (
        ("xRoadInstance", member.instance),
        ("memberClass", member.member_class),
        ("memberCode", member.member),
        ("subsystemCode", member.subsystem),
        *more,
    )
    inside = "".join(_element(f"id:{tag}", value) for tag, value in rows)
    namespaces = f'xmlns:xro="{XROAD}" xmlns:id="{IDENTIFIERS}"'
    return f'<xro:{name} {namespaces} id:objectType="{kind}">{inside}</xro:{name}>'


def _element(tag: str, value: str) -> str:
    """An element with its text; nothing for an empty optional one."""
    if not value:
        return ""
    if _UNWRITABLE.search(value):
        raise CannotEncode(f"{tag}: {value[:60]!r} has characters that XML cannot hold")
    namespace = f' xmlns:xro="{XROAD}"' if tag.startswith("xro:") else ""
    return f"<{tag}{namespace}>{escape(value)}</{tag}>"
