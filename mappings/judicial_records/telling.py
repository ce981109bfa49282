"""Leg C: how VNeID is told where a dossier stands and what came of it (judicial_records §4.5, §4.6).

Invariant: a certificate or a decision travels as its bytes; of what it says nothing else is kept or sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.dossier import FileReference
from gateway.mapping import Field, Table
from gateway.mapping.formats import day_first, line
from mappings.judicial_records.scope import JudicialScope
from mappings.judicial_records.written import in_base64

RESULT, REVOCATION = "ketqua", "thuhoi"


class Telling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that VNeID is told. ``reason``: of a refusal or of a supplement."""

    code: str
    status: str
    reason: str = ""
    due_at: datetime | None = None
    number: str = ""
    certificate: FileReference | None = None
    decision: FileReference | None = None


def _remembered(name: str, key: str) -> Field:
    return Field(name=name, source=lambda _, scope: scope.memory.get(key, ""), pointer="/results")


def _nothing(name: str) -> Field:
    return Field(name=name, source=lambda _record, _scope: "")


def _bytes(file: FileReference | None, scope: JudicialScope) -> str:
    return "" if file is None else in_base64(file, scope)


OUTCOME = Table(
    name="ketQuaXuLy",
    clause="judicial_records §4.4, §4.5",
    fields=(
        Field(name="soPhieuLLTP", source="number", format=line),
        _remembered("ngayCapPhieu", "certificate_day"),
        _remembered("loaiPhieu", "certificate_kind"),
        _remembered("nguoiLapPhieu", "prepared_by"),
        _remembered("nguoiKy", "signed_by"),
        _remembered("chucVu", "signer_title"),
        _nothing("tinhTrangAnTich"),
        _nothing("tenTinhTrangAnTich"),
        _nothing("thongTinCDNCV"),
        _nothing("tenThongTinCDNCV"),
        Field(
            name="phieuLLTP", source=lambda told, scope: _bytes(told.certificate, scope), pointer="/results"
        ),
        Field(
            name="quyetDinhThuHoi",
            source=lambda told, scope: _bytes(told.decision, scope),
            pointer="/results",
        ),
    ),
)
KEPT: Mapping[str, str] = {
    "certificate_day": "ngayCapPhieu",
    "certificate_kind": "loaiPhieu",
    "prepared_by": "nguoiLapPhieu",
    "signed_by": "nguoiKy",
    "signer_title": "chucVu",
}
"""What a lane remembers of a certificate: who made it and when, never what it says about the person."""


def _due(told: Telling, _scope: JudicialScope) -> object:
    return None if told.due_at is None else day_first(told.due_at)


def _outcome(told: Telling, _scope: JudicialScope) -> Any:
    return told if told.certificate or told.decision else None


TELL = Table(
    name="traKetQuaHoSoLLTP",
    clause="judicial_records §4.5",
    fields=(
        Field(name="maTinh", source=lambda _, scope: scope.options.province_code, pointer=""),
        Field(name="tenTinh", source=lambda _, scope: scope.options.province_name, pointer=""),
        Field(name="maHoSoMCDT", source=lambda _, scope: scope.number, pointer="/code"),
        Field(name="trangThaiXuLy", source="status", code="TrangThaiXuLy", required=True),
        Field(
            name="tenTrangThaiXuLy",
            source=lambda told, scope: scope.label("TrangThaiXuLy", told.status),
            pointer="/status",
        ),
        Field(name="lyDoTuChoi", source="reason", format=line, max_length=4000, shorten=True),
        Field(name="ngayHenTraKetQua", source=_due, pointer="/due_at", omit_empty=True),
        Field(name="type", source=lambda told, _: REVOCATION if told.decision else RESULT, pointer=""),
        Field(name="ketQuaXuLy", source=_outcome, part=OUTCOME, pointer="/results", omit_empty=True),
    ),
)
