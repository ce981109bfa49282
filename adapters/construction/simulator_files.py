"""Files at the ministry's stand-in: what it demands of those that come in (rule R10), and how it gives its own out.

Invariant: no content of a file is kept, only its size and its digest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from msgspec import Struct

from adapters.construction.simulator_elements import every, text, whole
from adapters.construction.simulator_message import Asked
from adapters.construction.simulator_words import Refused, leaf, node
from gateway.codec.tree import Tree
from gateway.codec.xml import Element

MIB = 1024 * 1024
MEDIA_TYPES = ("application/pdf", "image/jpeg", "image/png", "application/zip", "application/dwg")


class Paper(Struct, frozen=True, kw_only=True):
    """An attachment that was taken."""

    kind: str
    name: str
    size: int
    sha256: str
    by_address: bool


class FileLimits(Struct, frozen=True, kw_only=True):
    """R10, in bytes."""

    each: int = 20 * MIB
    together: int = 100 * MIB


def papers(asked: Asked, place: str, limits: FileLimits) -> tuple[Paper, ...]:
    """The attachments at ``place`` (``HoSo/TepDinhKem``), all of them good. Raises Refused."""
    found = every(asked.element, place)
    taken = tuple(
        _taken(each, asked, f"{place}[{number}]" if len(found) > 1 else place, limits)
        for number, each in enumerate(found, start=1)
    )
    if sum(each.size for each in taken) > limits.together:
        raise Refused("303", f"Tổng dung lượng vượt quá {limits.together} byte", [(place, "Tổng dung lượng")])
    return taken


def _taken(element: Element, asked: Asked, place: str, limits: FileLimits) -> Paper:
    kind, declared = text(element, "MaGiayTo"), whole(text(element, "KichThuoc"))
    if text(element, "LoaiTep") not in MEDIA_TYPES:
        raise Refused("500", fields=[(f"{place}/LoaiTep", "Định dạng tệp không được chấp nhận")])
    if declared > limits.each:
        raise Refused("303", fields=[(f"{place}/KichThuoc", f"Tối đa {limits.each} byte")])
    digest = text(element, "MaBamSHA256")
    taken = Paper(
        kind=kind,
        name=text(element, "TenTep"),
        size=declared,
        sha256=digest,
        by_address=bool(text(element, "DuongDan")),
    )
    if taken.by_address:  # the ministry would fetch it later
        return taken
    content = _content(text(element, "NoiDung"), asked, place)
    if len(content) > limits.each:
        raise Refused("303", fields=[(f"{place}/NoiDung", f"Tối đa {limits.each} byte")])
    if len(content) != declared:
        raise Refused("500", fields=[(f"{place}/KichThuoc", "Không bằng số byte của tệp")])
    if hashlib.sha256(content).hexdigest() != digest:
        raise Refused("301", fields=[(f"{place}/MaBamSHA256", "Không khớp nội dung tệp")])
    return taken


def _content(written: str, asked: Asked, place: str) -> bytes:
    long = asked.lifted.get(written)
    raw = b"".join((written.encode() if long is None else long).split())
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error as fault:
        raise Refused("500", fields=[(f"{place}/NoiDung", "Không phải base64")]) from fault


def issued(element: str, kind: str, title: str, lines: tuple[str, ...]) -> Tree:
    """A PDF of the ministry, as ``element``."""
    content = pdf(lines)
    return node(
        element,
        leaf("MaGiayTo", kind),
        leaf("TenGiayTo", title),
        leaf("TenTep", f"{kind.lower()}.pdf"),
        leaf("LoaiTep", "application/pdf"),
        leaf("KichThuoc", str(len(content))),
        leaf("MaBamSHA256", hashlib.sha256(content).hexdigest()),
        leaf("NoiDung", base64.b64encode(content).decode()),
    )


def pdf(lines: tuple[str, ...]) -> bytes:
    """Bytes that begin and end like a PDF and say ``lines`` in comments."""
    said = "".join(f"% {line}\n" for line in lines)
    return f"%PDF-1.4\n{said}1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".encode()
