"""Answers to questions that change nothing: issued permits, practising certificates, code lists, the feed of changes.

Invariant: entries hold what a clerk compares, in our names; the number and the birthday of a person stay out of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.codec.xml import Element
from gateway.mapping.tree import Row
from gateway.port.progress import FeedChange, FeedPage
from mappings.construction.answers import SPACE
from mappings.construction.reading import PERMIT, states, unfold

FIELD = (Row("Ten", "name"), Row("Hang", "grade"), Row("NgayHetHan", "until"))
CERTIFICATE = (
    Row("MaSoChungChi", "number"),
    Row("HoVaTen", "holder"),
    Row("TrinhDo", "education"),
    Row("LinhVuc", "fields", FIELD),
    Row("NgayCap", "issued_on"),
    Row("CoQuanCap", "issued_by"),
    Row("TrangThai", "state", codes={"valid": "1", "expired": "2", "revoked": "3"}),
)
ITEM = (Row("Ma", "code"), Row("Ten", "name"), Row("MaCha", "parent"))
CATALOGUES = {
    "places": "1",
    "work_kinds": "2",
    "work_grades": "3",
    "papers": "4",
    "land_uses": "5",
    "agencies": "6",
}
"""Our names of the code lists, and LoaiDanhMuc."""


def progress(content: Element) -> dict[str, Any]:
    """States in an answer to TraCuuTrangThai, by the number that we gave; officials who work on it stay out."""
    return {seen.dossier: msgspec.json.decode(seen.report.data) for seen in states(content)}


def permits(content: Element) -> dict[str, Any]:
    """Permits in an answer to TraCuuGiayPhep, by number."""
    return _by("number", (unfold(PERMIT, each) for each in content.iterchildren(f"{SPACE}GiayPhep")))


def certificates(content: Element) -> dict[str, Any]:
    """Certificates in an answer to TraCuuChungChiHanhNghe, by number."""
    return _by("number", (unfold(CERTIFICATE, each) for each in content.iterchildren(f"{SPACE}ChungChi")))


def items(content: Element) -> dict[str, Any]:
    """Items of a code list in an answer to LayDanhMuc, by code."""
    return _by("code", (unfold(ITEM, each) for each in content.iterchildren(f"{SPACE}Muc")))


def feed(content: Element, cursor: str) -> FeedPage:
    """A page of LayDanhSachThayDoi that was asked for with ``cursor``.

    A page without ConTroTiepTheo leaves the cursor where it is: nothing that follows it was told yet. It has no more
    either, whatever ConDuLieu says, or the same page would be asked for without end. Unreadable for an impossible time.
    """
    following = content.findtext(f"{SPACE}ConTroTiepTheo", "").strip()
    more = content.findtext(f"{SPACE}ConDuLieu", "").strip() in {"true", "1"}
    changes = tuple(FeedChange(dossier=seen.dossier, reports=(seen.report,)) for seen in states(content))
    return FeedPage(
        changes=changes,
        cursor=following or cursor,
        more=more and bool(following) and following != cursor,
    )


def _by(name: str, entries: Any) -> dict[str, Any]:
    return {entry[name]: entry for entry in entries}
