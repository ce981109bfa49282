"""Civil status messages whose elements are known: the envelopes of both services (judicial_records §9.1, §9.2).

What stands inside ``data`` is known in parts only (``people``), so it is handed in. Invariant: rows keep the contract's
spelling, and numbers that the contract calls whole are JSON numbers.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.errors import CannotEncode
from gateway.mapping import Field, Scope, Table, Unfit, Variant, local_date
from gateway.mapping.codes import CodeTable
from gateway.mapping.formats import day_first_time, line, whole

MOST_ASKED = 3
"""Dossiers in one question, as practice has it (judicial_records §9.2)."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that travels. ``kind``: the receiver's number of the paper; ``withdrawn``: takes one back."""

    id: int
    kind: int
    paper: str
    file_name: str
    content: bytes
    withdrawn: bool = False


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One direct registration. ``office``: the ward's code; ``data``: the XML of the declaration."""

    office: int
    module: str
    code: str
    received_at: datetime
    data: str


class LinkedRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """One of the linked procedures. ``kind``: birth or death; ``linked_code``: the portal's number."""

    office: int
    kind: str
    linked_code: str
    code: str
    received_at: datetime
    data: str
    attachments: tuple[Attachment, ...] = ()


def _day(value: object) -> str:
    """``yyyy-MM-dd``, as the direct service has it."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Unfit("not_an_instant", "an instant with its offset", "send the offset, such as +07:00")
    return local_date(value).isoformat()


def _base64(value: object) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else b"").decode("ascii")


def _number(name: str, source: str) -> Field:
    return Field(name=name, source=source, format=whole)


DIRECT = Table(
    name="dangKyHoTich",
    clause="judicial_records §9.1",
    fields=(
        _number("maDonVi", "office"),
        Field(name="module", source="module", format=line, required=True),
        Field(name="maHoSo", source="code", format=line, required=True),
        Field(name="ngayTiepNhan", source="received_at", format=_day, required=True),
        Field(name="data", source="data", required=True),
    ),
)
FILE = Table(
    name="fileDinhKem",
    clause="judicial_records §9.2",
    fields=(
        _number("id", "id"),
        _number("loaiGiayTo", "kind"),
        Field(name="tenGiayTo", source="paper", format=line, required=True),
        Field(name="tenTepDinhKem", source="file_name", format=line, required=True),
        Field(name="huyGiayTo", source="withdrawn", format=lambda value: int(bool(value))),
        Field(name="duLieuTepDinhKem", source="content", format=_base64, required=True),
    ),
)
LINKED = Table(
    name="NhanDKHT",
    clause="judicial_records §9.2",
    fields=(
        _number("maDonVi", "office"),
        Field(name="module", source="kind", code="Module", required=True),
        Field(name="maHoSoLT", source="linked_code", format=line, required=True),
        Field(name="maHoSoMCDT", source="code", format=line, required=True),
        Field(name="ngayTiepNhan", source="received_at", format=day_first_time, required=True),
        Field(name="data", source="data", required=True),
        Field(name="fileDinhKem", source="attachments", rows=FILE),
    ),
)


def direct(record: Registration) -> dict[str, Any]:
    """``dangKyHoTich``; CannotEncode names what is missing."""
    return _whole(DIRECT, record, {})


def linked(record: LinkedRegistration, codes: dict[str, CodeTable]) -> dict[str, Any]:
    """``NhanDKHT``; CannotEncode for a kind of registration that nobody has documented."""
    return _whole(LINKED, record, codes)


def direct_question(office: int, code: str) -> dict[str, Any]:
    """``traTrangThaiHoSo`` and ``ketQuaDangKyHS``: one dossier a call."""
    return {"maDonVi": office, "maHoSo": code}


def linked_question(numbers: list[str], province: str, module: str) -> dict[str, Any]:
    """The linked service's question about up to three dossiers of one module."""
    if not 1 <= len(numbers) <= MOST_ASKED:
        raise CannotEncode(
            f"civil_status: {len(numbers)} dossiers in one question; 1 to {MOST_ASKED} can be asked"
        )
    return {"maDinhDanhHoSo": numbers, "maTinh": province, "module": module}


def _whole(table: Table, record: Any, codes: dict[str, CodeTable]) -> dict[str, Any]:
    scope = Scope()
    message = table.compile(Variant(codes=codes)).encode(record, scope)
    if scope.problems:
        first = scope.problems[0]
        raise CannotEncode(
            f"encoding {table.name} of dossier {record.code}: {first.pointer}: expected {first.expected}; {first.advice}",
            scope.problems,
        )
    return message
