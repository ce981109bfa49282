"""How the portal's own record reads: what it keeps of every dossier, in the gateway's words.

For judging the delivery from outside. Invariant: this module shares nothing with the tables that write to the portal, so
that a fault in those cannot hide itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

_VIETNAM = timezone(timedelta(hours=7))


class KeptStep(msgspec.Struct, frozen=True, kw_only=True):
    """A processing step as the portal has it. ``status``: the national number."""

    at: datetime | None
    status: int


class KeptDossier(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier as the portal has it; ``steps`` in the order in which they arrived. Instants are aware UTC.

    ``known`` False: the number is taken, but nothing was ever stored under it.
    """

    known: bool
    status: int
    procedure: str
    applicant: str
    received_at: datetime | None
    due_at: datetime | None
    finished_at: datetime | None
    returned_at: datetime | None
    supplements: int
    results: int
    steps: tuple[KeptStep, ...]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The whole record. The counts are the portal's own: copies that its sandbox made by itself are not in them.

    ``out_of_order``: steps that arrived after a later one. ``regressions``: an older state stored over a newer one.
    """

    dossiers: dict[str, KeptDossier]
    duplicates: int
    out_of_order: int
    regressions: int
    rejected: int
    writes: int


def read_record(document: Mapping[str, Any]) -> Kept:
    """The record as its admin door gives it (``GET /-/record``)."""
    return Kept(
        dossiers={code: _dossier(kept) for code, kept in document["dossiers"].items()},
        duplicates=len(document["duplicates"]),
        out_of_order=len(document["out_of_order"]),
        regressions=len(document["regressions"]),
        rejected=len(document["rejected"]),
        writes=int(document["writes"]),
    )


def _dossier(kept: Mapping[str, Any]) -> KeptDossier:
    fields = kept["fields"]
    return KeptDossier(
        known=bool(fields),
        status=_number(fields.get("TrangThaiHoSo")),
        procedure=str(fields.get("MaTTHC") or ""),
        applicant=str(fields.get("ChuHoSo") or ""),
        received_at=_instant(fields.get("NgayTiepNhan")),
        due_at=_instant(fields.get("NgayHenTra")),
        finished_at=_instant(fields.get("NgayKetThucXuLy")),
        returned_at=_instant(fields.get("NgayTra")),
        supplements=len(fields.get("DanhSachHoSoBoSung") or ()),
        results=len(fields.get("DanhSachGiayToKetQua") or ()),
        steps=tuple(
            KeptStep(at=_instant(step.get("ThoiDiemXuLy")), status=_number(step.get("TrangThai")))
            for step in sorted(kept["steps"], key=lambda step: int(step["arrival"]))
        ),
    )


def _number(value: object) -> int:
    text = str(value or "").strip()
    return int(text) if text.isdecimal() else 0


def _instant(value: object) -> datetime | None:
    """``yyyyMMddHHmmss``, Vietnam's time without a zone (national_portal §2.10)."""
    text = str(value or "").strip()
    if not text:
        return None
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=_VIETNAM).astimezone(UTC)
