"""Leg B1: a declaration as the judicial record centre wants it, every scalar as text (judicial_records §4.3).

Rows keep the contract's order and its spelling, slips included (``nyqQuanHe``, ``nuqLoaiGiayto``). Invariant: the
record is an ``Application``, whose pointers are those of the dossier.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.declarations.judicial_record import JudicialRecordDeclaration
from gateway.domain.dossier import Document
from gateway.mapping import Field, Table
from gateway.mapping.formats import Format, day_first, digits, flag, line
from mappings.judicial_records.scope import JudicialScope
from mappings.judicial_records.written import area, in_base64, on_one_line, partial, promised

_PERSON = "declaration.person"
_AGENT = "declaration.authorised"


class Round(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a supplement brought. ``answered``: the applicant has answered."""

    answered: bool = False
    documents: list[Document] = []


class Application(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told of a dossier, and stored as the payload: nothing that may change without being told again."""

    code: str
    declaration: JudicialRecordDeclaration
    received_at: datetime | None = None
    due_at: datetime | None = None
    documents: list[Document] = []
    supplements: list[Round] = []


def _text(name: str, source: str, *, required: bool = False) -> Field:
    return Field(name=name, source=source, format=line, required=required, max_length=4000)


def _as(name: str, source: str, how: Format, *, required: bool = False) -> Field:
    return Field(name=name, source=source, format=how, required=required)


def _made(name: str, pointer: str, make: Callable[[Any, Any], object], how: Format = line) -> Field:
    return Field(name=name, source=make, format=how, pointer=pointer)


def _empty(name: str) -> Field:
    """What the real sender leaves empty, because nobody declares it (judicial_records §4.3)."""
    return Field(name=name, source=lambda _record, _scope: None)


ADDRESS = Table(
    name="DiaChi",
    clause="judicial_records §4.3",
    fields=(
        _as("maTinhThanh", "province", area),
        _text("tenTinhThanh", "province_name"),
        _as("maQuanHuyen", "district", area),
        _text("tenQuanHuyen", "district_name"),
        _as("maPhuongXa", "ward", area),
        _text("tenPhuongXa", "ward_name"),
        _text("dcChiTiet", "detail"),
    ),
)
SOJOURN = Table(
    name="nycCuTru",
    clause="judicial_records §4.3",
    fields=(
        _as("tuNgay", "since", partial, required=True),
        _as("denNgay", "until", partial, required=True),
        Field(
            name="noiCuTru",
            source=lambda sojourn, _: on_one_line(sojourn.address),
            pointer="/address",
            required=True,
        ),
        _text("ngheNghiep", "occupation"),
        _text("noiLamViec", "workplace"),
    ),
)
FILE = Table(
    name="fileHoSo",
    clause="judicial_records §4.3",
    fields=(
        _text("tenLoaiFile", "name", required=True),
        _made("tenFile", "/id", lambda document, _: file_name(document)),
        Field(
            name="noiDungFile",
            source=lambda document, scope: in_base64(document.file, scope),
            pointer="/file",
            required=True,
        ),
    ),
)


def file_name(document: Document) -> str:
    """A name with an ending by kind; the real sender's own is ``DinhKem.pdf``."""
    kind = document.file.media_type if document.file else None
    ending = (kind or "application/pdf").rpartition("/")[2].lower()
    return f"DinhKem.{ending if ending.isalnum() else 'bin'}"


def sent_files(record: Application) -> list[tuple[str, Document]]:
    """The documents that travel as bytes, each with its place in the dossier."""
    placed = [(f"/documents/{index}", document) for index, document in enumerate(record.documents)]
    for number, brought in enumerate(record.supplements):
        at = f"/supplements/{number}/documents"
        placed += [(f"{at}/{index}", document) for index, document in enumerate(brought.documents)]
    return [(at, document) for at, document in placed if document.file is not None and not document.deleted]


def _due(record: Application, scope: JudicialScope) -> str:
    return promised(record.due_at, record.received_at, record.declaration, scope.codes["ThoiHan"])


def _paper_name(record: Application, scope: JudicialScope) -> str:
    paper = record.declaration.person.paper
    return paper.kind_name or scope.label("LoaiGiayTo", paper.kind)


DECLARATION = Table(
    name="toKhai",
    clause="judicial_records §4.3",
    fields=(
        _made("ngayHenTra", "/due_at", _due),
        Field(name="loaiPhieu", source="declaration.certificate", code="LoaiPhieu", required=True),
        _as("yeuCauCDNCV", "declaration.confirm_prohibitions", flag),
        _text("maMucDich", "declaration.purpose"),
        _text("mucDich", "declaration.purpose_text"),
        _text("tenMucDich", "declaration.purpose_name"),
        _text("mucDichKhac", "declaration.purpose_text"),
        _as("soLuongCap", "declaration.copies", digits),
        _text("nycHoTen", f"{_PERSON}.name", required=True),
        _text("nycTenGoiKhac", f"{_PERSON}.other_name"),
        Field(name="nycGioiTinh", source=f"{_PERSON}.gender", code="GioiTinh", required=True),
        _made(
            "nycTenGioiTinh",
            "/declaration/person/gender",
            lambda record, scope: scope.label("GioiTinh", record.declaration.person.gender),
        ),
        _as("nycNgaySinh", f"{_PERSON}.born_on", partial, required=True),
        Field(name="nycThuongTru", source=f"{_PERSON}.residence", part=ADDRESS, required=True),
        Field(name="nycTamTru", source=f"{_PERSON}.temporary_residence", part=ADDRESS, omit_empty=True),
        _text("nycDienThoai", f"{_PERSON}.phone"),
        _text("nycEmail", f"{_PERSON}.email"),
        Field(name="nycLoaiGiayTo", source=f"{_PERSON}.paper.kind", code="LoaiGiayTo", required=True),
        _made("nycTenLoaiGiayTo", "/declaration/person/paper/kind_name", _paper_name),
        _text("nycSoGiayTo", f"{_PERSON}.paper.number", required=True),
        _as("nycNgayCapGiayTo", f"{_PERSON}.paper.issued_on", partial),
        _text("nycNoiCapGiayTo", f"{_PERSON}.paper.issued_by"),
        _text("nycQuocTich", f"{_PERSON}.nationality"),
        _text("nycTenQuocTich", f"{_PERSON}.nationality_name"),
        _text("nycDanToc", f"{_PERSON}.ethnicity"),
        _text("nycTenDanToc", f"{_PERSON}.ethnicity_name"),
        _text("nycHoTenCha", "declaration.father.name"),
        _as("chaNgaySinh", "declaration.father.born_on", partial),
        _empty("chaLoaiGiayTo"),
        _empty("chaSoGiayTo"),
        _text("nycHoTenMe", "declaration.mother.name"),
        _as("meNgaySinh", "declaration.mother.born_on", partial),
        _empty("meLoaiGiayTo"),
        _empty("meSoGiayTo"),
        _text("nycHoTenVoChong", "declaration.spouse.name"),
        _as("voChongNgaySinh", "declaration.spouse.born_on", partial),
        _empty("voChongLoaiGiayTo"),
        _empty("voChongSoGiayTo"),
        # §4.3: "1" is born in Viet Nam, "2" abroad, whatever the element's name seems to say.
        _made(
            "nycNoiSinhNuocNgoai",
            "/declaration/person/birthplace/country",
            lambda record, _: "1" if record.declaration.person.birthplace.country == "VN" else "2",
        ),
        Field(name="nycNoiSinh", source=f"{_PERSON}.birthplace", part=ADDRESS, required=True),
        _made("uyQuyen", "/declaration/authorised", lambda record, _: flag(record.declaration.authorised)),
        _text("uyQuyenHoTen", f"{_AGENT}.name"),
        _text("nuqTenGoiKhac", f"{_AGENT}.other_name"),
        Field(name="nuqGioiTinh", source=f"{_AGENT}.gender", code="GioiTinh"),
        _as("nuqNgaySinh", f"{_AGENT}.born_on", partial),
        _text("nuqTenDanToc", f"{_AGENT}.ethnicity_name"),
        _text("nuqDanToc", f"{_AGENT}.ethnicity"),
        _text("nuqTenQuocTich", f"{_AGENT}.nationality_name"),
        _text("nuqQuocTich", f"{_AGENT}.nationality"),
        _text("nuqEmail", f"{_AGENT}.email"),
        _text("nyqQuanHe", f"{_AGENT}.relation"),
        _made(
            "nuqThuongTruChiTiet",
            "/declaration/authorised/residence",
            lambda record, _: on_one_line(
                record.declaration.authorised and record.declaration.authorised.residence
            ),
        ),
        _text("nuqDienThoai", f"{_AGENT}.phone"),
        Field(name="nuqLoaiGiayto", source=f"{_AGENT}.paper.kind", code="LoaiGiayTo"),
        _text("thongTinAnTich", "declaration.convictions"),
        _text("nuqSoGiayTo", f"{_AGENT}.paper.number"),
        _as("nuqNgayCapGiayTo", f"{_AGENT}.paper.issued_on", partial),
        _text("nuqNoiCapGiayTo", f"{_AGENT}.paper.issued_by"),
        Field(name="nycCuTru", source="declaration.sojourns", rows=SOJOURN, required=True),
        Field(name="fileHoSo", source=lambda record, _: sent_files(record), rows=FILE, pointer="/documents"),
    ),
)
SUBMIT = Table(
    name="nhanHoSoDangKyLLTP",
    clause="judicial_records §4.3",
    fields=(
        _made("authKey", "", lambda _, scope: scope.auth_key),
        _made("maTinh", "", lambda _, scope: scope.options.province_code),
        _made("tenTinh", "", lambda _, scope: scope.options.province_name),
        _made("maHoSoMCDT", "/code", lambda _, scope: scope.number),
        Field(name="nguonDangKy", source="declaration.filed_through", code="NguonDangKy", required=True),
        _made(
            "tenNguonDangKy",
            "/declaration/filed_through",
            lambda record, scope: scope.label("NguonDangKy", record.declaration.filed_through),
        ),
        _as("ngayTiepNhan", "received_at", day_first, required=True),
        Field(name="toKhai", source=lambda record, _: record, pointer="", part=DECLARATION),
    ),
)
