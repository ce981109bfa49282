"""Questions to the portal: reference data, look-ups, the e-document store (national_portal §4, §8.1).

Invariant: what comes back is told in text only (numbers may arrive as number or text, §4.2), keyed by the entry's own
code where it has one, so that a cached catalogue can be asked by code.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from gateway.codec import Json
from mappings.national_portal.catalogue import short_code


class Endpoint(StrEnum):
    """Which configured address a question goes to (§1.4; the split is where it happened to work)."""

    SHARE = "share"
    INTEGRATION = "integration"
    STORE_RESULTS = "store_results"
    STORE_FILE = "store_file"


STORE_ENDPOINTS = frozenset({Endpoint.STORE_RESULTS, Endpoint.STORE_FILE})


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One read service. ``name`` is ours, ``service`` the portal's.

    ``parameters``: our name and the official one, in order. ``fixed``: official parameters with one value.
    ``keys``: the official name of an entry's key, the first that is filled wins.
    """

    name: str
    service: str
    title: str
    clause: str = "national_portal §4.1"
    endpoint: Endpoint = Endpoint.SHARE
    parameters: tuple[tuple[str, str], ...] = ()
    fixed: Mapping[str, str] = {}
    keys: tuple[str, ...] = ()
    catalogue: bool = False


def _catalogue(name: str, service: str, title: str, *keys: str) -> Question:
    return Question(name=name, service=service, title=title, keys=keys, catalogue=True)


LOOKUP = Question(
    name="lookup",
    service="TraCuuHoSo",
    title="look up a dossier by its number at the portal",
    clause="national_portal §4.3",
    endpoint=Endpoint.INTEGRATION,
    parameters=(("code", "mahoso"),),
    keys=("MaHoSo", "MAHOSO"),
)
QUESTIONS: tuple[Question, ...] = (
    LOOKUP,
    _catalogue("procedures", "LayDanhSachTTHC", "procedures of the whole country", "MATTHC"),
    Question(
        name="agency_procedures",
        service="LayDanhSachTTHCDonVi",
        title="procedures of one agency",
        parameters=(("agency", "maDonVi"),),
        keys=("MATTHC",),
    ),
    Question(
        name="procedure",
        service="LayThuTuc",
        title="one procedure in full",
        clause="national_portal §4.2",
        endpoint=Endpoint.INTEGRATION,
        parameters=(("procedure", "maTTHC"),),
        keys=("MATTHC",),
        catalogue=True,
    ),
    Question(
        name="publication_decision",
        service="LayQDCB",
        title="a decision that publishes procedures",
        parameters=(("decision", "idQDCB"),),
        keys=("IDQUYETDINHCONGBO", "ID"),
    ),
    _catalogue("agencies", "LayDanhMucCoQuan", "agencies", "MADONVI"),
    _catalogue("fields", "LayDanhMucLinhVuc", "fields of procedures", "MALINHVUC"),
    _catalogue("levels", "LayDanhMucCapThucHien", "levels of government", "CAPTHUCHIEN", "MACAP"),
    _catalogue("provinces", "LayDanhMucTinhThanh", "provinces", "MATINHTHANH", "MATINH"),
    _catalogue("districts", "LayDanhMucQuanHuyen", "districts, until 2025-07-01", "MAQUANHUYEN", "MAHUYEN"),
    _catalogue("communes", "LayDanhMucPhuongXa", "communes", "MAPHUONGXA", "MAXA"),
    _catalogue("sexes", "LayDanhMucGioiTinh", "sexes", "MAGIOITINH"),
    _catalogue("peoples", "LayDanhMucDanToc", "peoples", "MADANTOC"),
    _catalogue("religions", "LayDanhMucTonGiao", "religions", "MATONGIAO"),
    _catalogue("countries", "LayDanhMucQuocGia", "countries", "MAQUOCGIA"),
    _catalogue(
        "marital_states", "LayDanhMucTinhTrangHonNhan", "marital states", "MATTHN", "MATINHTRANGHONNHAN"
    ),
    _catalogue("applicant_kinds", "LayDanhMucDoiTuong", "kinds of applicant", "MADOITUONG"),
    _catalogue("legal_bases", "LayDanhMucCanCuPhapLy", "legal bases", "SOVANBAN"),
    _catalogue("fees", "LayDanhMucLePhi", "fees and charges", "MAPHILEPHI"),
    _catalogue("procedure_kinds", "LayDanhMucLoaiThuTuc", "kinds of procedure", "MALINHVUC"),
    _catalogue("procedure_groups", "LayDanhMucNhomThuTuc", "groups of procedures", "MALINHVUC"),
    _catalogue("kind_members", "LayDanhMucThuTucThuocLoai", "procedures of a kind", "MALINHVUC"),
    Question(
        name="portal_account",
        service="TraCuuTechID",
        title="the portal account of a person or an enterprise",
        clause="national_portal §4.1, §12.8",
        parameters=(("number", "mstorcmnd"),),
        fixed={"provider": "wso2is"},
        keys=("TECHNICALID",),
    ),
    Question(
        name="stored_results",
        service="GetKetQuaGiayTo",
        title="digitised results in the national document store",
        clause="national_portal §8.1",
        endpoint=Endpoint.STORE_RESULTS,
        parameters=(
            ("owner", "SoDinhDanhChuSoHuu"),
            ("requester", "SoDinhDanhNguoiYeuCau"),
            ("requester_name", "HoTenNguoiYeuCau"),
            ("channel", "KenhThucHien"),
            ("procedure_code", "MaThuTuc"),
            ("results", "DanhSachDanhMucKetQua"),
        ),
    ),
    Question(
        name="stored_file",
        service="GetGiayToByUrl",
        title="the file of a digitised result",
        clause="national_portal §8.1",
        endpoint=Endpoint.STORE_FILE,
        parameters=(("agency", "CoQuanChuQuan"), ("path", "DuongDan")),
    ),
)
BY_NAME: Mapping[str, Question] = {question.name: question for question in QUESTIONS}

# Services whose entries are procedures, found by the national part of their code.
_PROCEDURES = frozenset({"LayDanhSachTTHC", "LayDanhSachTTHCDonVi", "LayThuTuc"})
_AS_IT_IS = frozenset({"TraCuuHoSo"})


def parameters(question: Question, given: Mapping[str, str]) -> dict[str, str]:
    """The official parameters of a question at the portal, in the contract's order."""
    return {**question.fixed, **{official: given.get(name, "") for name, official in question.parameters}}


def entries(question: Question, result: Json, province: str) -> dict[str, Any] | None:
    """The entries of an answer by key; None when ``result`` is no list. Rows that are no objects are passed over."""
    if not isinstance(result, list):
        return None
    rows = [as_text(row) for row in result if isinstance(row, dict)]
    if question.service not in _AS_IT_IS:
        rows = [_upper(row) for row in rows]
    if question.service in _PROCEDURES:
        return _procedures(rows, province)
    found: dict[str, Any] = {}
    for number, row in enumerate(rows):
        key = _key(question, row, number)
        found[key if key not in found else f"{key}#{number}"] = row
    return found


def as_text(value: Json) -> Any:
    """``value`` with every scalar as text: numbers as digits, null as nothing, booleans as ``True``/``False``."""
    match value:
        case dict():
            return {name: as_text(item) for name, item in value.items()}
        case list():
            return [as_text(item) for item in value]
        case None:
            return ""
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _upper(row: dict[str, Any]) -> dict[str, Any]:
    # §2.6: keys of results are upper-case; a facade may spell them otherwise.
    return {name.upper(): _upper_value(value) for name, value in row.items()}


def _upper_value(value: Any) -> Any:
    match value:
        case dict():
            return _upper(value)
        case list():
            return [_upper_value(item) for item in value]
        case _:
            return value


def _key(question: Question, row: Mapping[str, Any], number: int) -> str:
    for name in question.keys:
        if row.get(name):
            return str(row[name])
    # §4.1: of many tables only the name is known; their codes begin with MA.
    coded = next((str(value) for name, value in row.items() if name.startswith("MA") and value), "")
    return coded or f"#{number}"


def _procedures(rows: list[dict[str, Any]], province: str) -> dict[str, Any]:
    """By the national part of the code (domain_rules §2.5); of several spellings the province's own is preferred."""
    found: dict[str, Any] = {}
    for row in rows:
        code = str(row.get("MATTHC") or "")
        if not code:
            continue
        short = short_code(code)
        known = found.get(short)
        if known is None:
            found[short] = {**row, "variants": [code]}
            continue
        variants = [*known["variants"], code]
        best = row if _rank(code, province) < _rank(str(known["MATTHC"]), province) else known
        found[short] = {**best, "variants": variants}
    return found


def _rank(code: str, province: str) -> int:
    if code.endswith(province):
        return 0
    return 1 if code == short_code(code) else 2
