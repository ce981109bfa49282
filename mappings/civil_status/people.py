"""What is known of the inside of a civil status declaration: people by prefix, birth, death (judicial_records §9.3).

The document's lists end in dots, so a declaration made of these tables alone is not complete; ``document`` therefore wants
the rest by its official names. Invariant: an element is here only if the document spells its whole name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import msgspec

from gateway.codec import Json
from gateway.domain.declarations.judicial_record import PartialDate, Place
from gateway.domain.errors import CannotEncode
from gateway.mapping import Field, Scope, Table, Unfit, Variant
from gateway.mapping.formats import line
from mappings.judicial_records.written import area

PREFIXES = ("nks", "nkt", "cha", "me", "nyc", "vo", "chong")
"""Child, deceased, father, mother, requester, wife, husband."""


class CivilPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever stands in a declaration. Codes are the receiver's own: its tables are not public."""

    name: str
    born_on: PartialDate | None = None
    ethnicity: str = ""
    other_ethnicity: str = ""
    nationality: str = ""
    residence_kind: str = ""
    residence: Place | None = None
    paper_kind: str = ""
    other_paper: str = ""
    paper_number: str = ""
    personal_number: str = ""


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """What the document names of a birth besides people. ``notice_issued_on``: a whole day."""

    notice_number: str = ""
    notice_issued_on: PartialDate | None = None
    registration_kind: str = ""
    registered_at: str = ""
    copies: int = 0
    date_in_words: str = ""
    birthplace: Place | None = None
    home: Place | None = None
    birth_kind: str = ""
    foreign_number: str = ""


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """What the document names of a death besides people. ``at_time``: hour and minute, as the declarant says."""

    died_on: PartialDate
    at_time: str = ""
    place: str = ""
    cause: str = ""
    notice_kind: str = ""
    notice_number: str = ""
    notice_issued_on: PartialDate | None = None
    notice_issued_by: str = ""


def dotted(value: object) -> str:
    """``yyyy-MM-dd``, ``yyyy-MM`` or ``yyyy`` with the day first and dots."""
    return ".".join(reversed(str(value).split("-")))


def split_day(value: PartialDate) -> dict[str, str]:
    """The same in three parts, as since the middle of 2025 (§9.4); what is not known is empty."""
    year, month, day = [*value.split("-"), "", ""][:3]
    return {"ngaySinh": day, "thangSinh": month, "namSinh": year}


def place_since_2025(place: Place) -> dict[str, str]:
    """An address as since the middle of 2025: without a district (§9.4)."""
    return {
        "dcChiTiet": line(place.detail),
        "quocGia": place.country,
        "maTinh": area(place.province or ""),
        "maXa": area(place.ward or ""),
    }


def _text(name: str, source: str, *, required: bool = False) -> Field:
    return Field(name=name, source=source, format=line, required=required)


ADDRESS = Table(
    name="NoiCuTru",
    clause="judicial_records §9.3",
    fields=(
        Field(name="maTinh", source="province", format=area),
        Field(name="maHuyen", source="district", format=area),
        Field(name="maXa", source="ward", format=area),
        _text("dcChiTiet", "detail"),
    ),
)


def person(prefix: str) -> Table:
    """The elements of one person; CannotEncode for a prefix that the document does not have."""
    if prefix not in PREFIXES:
        raise CannotEncode(
            f"civil_status: nobody has documented a person {prefix!r}; known are {', '.join(PREFIXES)}"
        )
    return Table(
        name=prefix,
        clause="judicial_records §9.3",
        fields=(
            _text(f"{prefix}HoTen", "name", required=True),
            Field(name=f"{prefix}NgaySinh", source="born_on", format=dotted),
            _text(f"{prefix}DanToc", "ethnicity"),
            _text(f"{prefix}DanTocKhac", "other_ethnicity"),
            _text(f"{prefix}QuocTich", "nationality"),
            _text(f"{prefix}LoaiCuTru", "residence_kind"),
            Field(name=f"{prefix}NoiCuTru", source="residence", part=ADDRESS),
            _text(f"{prefix}LoaiGiayToTuyThan", "paper_kind"),
            _text(f"{prefix}GiayToKhac", "other_paper"),
            _text(f"{prefix}SoGiayToTuyThan", "paper_number"),
            _text(f"{prefix}SoDDCN", "personal_number"),
        ),
    )


def _whole_day(value: object) -> str:
    if str(value).count("-") != 2:
        raise Unfit("not_a_day", "a whole day", "give day, month and year of the paper")
    return dotted(value)


BIRTH = Table(
    name="birth",
    clause="judicial_records §9.3",
    fields=(
        _text("maGCS", "notice_number"),
        Field(name="ngayCapGCS", source="notice_issued_on", format=_whole_day),
        _text("loaiDangKy", "registration_kind"),
        _text("noiDangKy", "registered_at"),
        Field(name="soLuongBanSao", source="copies", format=str),
        _text("nksNgaySinhBangChu", "date_in_words"),
        Field(name="nksNoiSinh", source="birthplace", part=ADDRESS),
        Field(name="nksQueQuan", source="home", part=ADDRESS),
        _text("nksLoaiKhaiSinh", "birth_kind"),
        _text("soDangKyNuocNgoai", "foreign_number"),
    ),
)
DEATH = Table(
    name="death",
    clause="judicial_records §9.3",
    fields=(
        Field(name="nktNgayChet", source="died_on", format=dotted, required=True),
        _text("nktGioPhutChet", "at_time"),
        _text("nktNoiChet", "place"),
        _text("nktNguyenNhanChet", "cause"),
        _text("gbtLoai", "notice_kind"),
        _text("gbtSo", "notice_number"),
        Field(name="gbtNgay", source="notice_issued_on", format=dotted),
        _text("gbtCoQuanCap", "notice_issued_by"),
    ),
)


def filled(table: Table, record: object) -> dict[str, Any]:
    """The elements of ``record``; CannotEncode names the one that cannot be written."""
    scope = Scope()
    written = table.compile(Variant()).encode(record, scope)
    if scope.problems:
        first = scope.problems[0]
        raise CannotEncode(
            f"encoding {table.name}: {first.pointer}: expected {first.expected}; {first.advice}",
            scope.problems,
        )
    return written


def document(known: Mapping[str, Json], rest: Mapping[str, Json] | None) -> str:
    """The XML of a direct registration: ``known`` from these tables, ``rest`` as the ministry's own list has it.

    CannotEncode without ``rest``: the document's lists end in dots, and what is behind them is not made up.
    """
    if rest is None:
        raise CannotEncode(
            "civil_status: the list of elements of a declaration is not public (judicial_records §9.3); ask the ministry "
            "for its own and hand in the elements that are missing here"
        )
    if both := sorted(set(known) & set(rest)):
        raise CannotEncode(f"civil_status: {', '.join(both)}: given twice")
    return f"<hotich><hoso>{_elements({**known, **rest})}</hoso></hotich>"


def _elements(fields: Mapping[str, Json]) -> str:
    return "".join(f"<{_named(name)}>{_content(value)}</{name}>" for name, value in fields.items())


def _content(value: Json) -> str:
    match value:
        case dict():
            return _elements(value)
        case None:
            return ""
        case str() | int():
            return escape(line(value))
        case _:
            raise CannotEncode("civil_status: a declaration has texts, whole numbers and groups of them")


def _named(name: str) -> str:
    if not (name.isascii() and name.isidentifier()):
        raise CannotEncode(f"civil_status: {name[:40]!r} is no name of an element")
    return name
