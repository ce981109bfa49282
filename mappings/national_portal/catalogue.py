"""Looking things up in the portal's cached reference data (national_portal §4; domain_rules §2.5).

Procedures are matched on the short, national part of their code, because the suffix only names the owning agency.
Invariant: a catalogue that was never fetched answers nothing and refuses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

Catalogue: TypeAlias = Mapping[str, Any]
Catalogues: TypeAlias = Mapping[str, Catalogue]

# Names of the cached catalogues, as ``reads`` declares them.
PROCEDURE_LIST = "procedures"
PROCEDURE_DETAIL = "procedure"
AGENCIES = "agencies"
FIELDS = "fields"

_SHORT = re.compile(r"[0-9]{1,2}\.[0-9]{6}(?![0-9])")
_LEGACY_AGENCY = re.compile(r"[0-9]{3}(\.[0-9]{2,3})*\.[A-Z][0-9]{2}\Z")


class Procedure(msgspec.Struct, frozen=True, kw_only=True):
    """What the portal knows of a procedure. ``code`` is its own spelling; ``listed`` is False only where the list is
    there and does not have it. The rest is read when it is asked for; it is empty where the portal does not say."""

    code: str
    listed: bool = True
    entry: Mapping[str, Any] = {}
    detail: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        return str(self.detail.get("TENTTHC") or self.entry.get("TENTTHC") or "")

    @property
    def field_code(self) -> str:
        return str(_first(self.detail.get("LINHVUCTHUCHIEN")).get("MALINHVUC") or "")

    @property
    def field_name(self) -> str:
        return str(_first(self.detail.get("LINHVUCTHUCHIEN")).get("TENLINHVUC") or "")

    @property
    def fee_codes(self) -> tuple[str, ...]:
        """Every fee code of the procedure, once."""
        return tuple(dict.fromkeys(_fee_codes(self.detail)))

    @property
    def result_codes(self) -> tuple[str, ...]:
        """Every result code of the procedure, once."""
        rows = _rows(self.detail, "KETQUATHUCHIEN")
        return tuple(dict.fromkeys(str(each["MAKETQUA"]) for each in rows if each.get("MAKETQUA")))


def short_code(code: str) -> str:
    """The national part of a procedure code; the code itself when it has another shape."""
    match = _SHORT.match(code)
    return match[0] if match else code


def is_national(code: str) -> bool:
    """Whether ``code`` has the shape of a national procedure code."""
    return _SHORT.match(code) is not None


def find_procedure(catalogues: Catalogues, code: str) -> Procedure:
    """The procedure with this code."""
    if not catalogues:
        return Procedure(code=code)
    entry = _entry(catalogues.get(PROCEDURE_LIST), code)
    detail = _entry(catalogues.get(PROCEDURE_DETAIL), code) or {}
    return Procedure(
        code=_spelling(entry or detail, code),
        listed=entry is not None or PROCEDURE_LIST not in catalogues,
        entry=entry or {},
        detail=detail,
    )


def field_name(catalogues: Catalogues, code: str) -> str:
    """The name of a field of procedures, or nothing."""
    entry = catalogues.get(FIELDS, {}).get(code) if code else None
    return str(entry.get("TENLINHVUC") or "") if isinstance(entry, Mapping) else ""


def agency_name(catalogues: Catalogues, code: str) -> str:
    """The name of an agency, or nothing."""
    entry = catalogues.get(AGENCIES, {}).get(code)
    return str(entry.get("TENDONVI") or "") if isinstance(entry, Mapping) else ""


def knows_agency(catalogues: Catalogues, code: str) -> bool:
    """Whether the portal's list has the agency, in the old or the new spelling (§3); True without a list."""
    known = catalogues.get(AGENCIES)
    if not known or code in known:
        return True
    plain = modern_agency(code)
    return plain in known or any(modern_agency(each) == plain for each in known)


def modern_agency(code: str) -> str:
    """``000.00.14.H99`` as ``H99.14``; a code of another shape as it is (§3)."""
    if not _LEGACY_AGENCY.match(code):
        return code
    parts = code.split(".")[::-1]
    while len(parts) > 1 and not parts[-1].strip("0"):
        parts.pop()
    return ".".join(parts)


def nearest_procedures(catalogues: Catalogues, code: str, count: int = 3) -> list[str]:
    """Listed codes that begin like ``code``, for advice."""
    known = catalogues.get(PROCEDURE_LIST, {})
    stem = short_code(code)
    for length in range(len(stem), 1, -1):
        found = sorted(each for each in known if each.startswith(stem[:length]))[:count]
        if found:
            return found
    return sorted(known)[:count]


def _entry(catalogue: Catalogue | None, code: str) -> Mapping[str, Any] | None:
    if catalogue is None:
        return None
    short = short_code(code)
    entry = catalogue.get(code)
    if entry is None:
        entry = catalogue.get(short)
    if entry is None:  # rare: unknown, or keyed by the full code of another agency
        entry = next((each for key, each in catalogue.items() if short_code(key) == short), None)
    return entry if isinstance(entry, Mapping) else None


def _spelling(entry: Mapping[str, Any], code: str) -> str:
    if code in (entry.get("variants") or ()):
        return code
    return str(entry.get("MATTHC") or code)


def _fee_codes(detail: Mapping[str, Any]) -> Iterator[str]:
    for channel in _rows(detail, "CACHTHUCTHUCHIEN"):
        for duration in _rows(channel, "THOIGIAN"):
            for fee in _rows(duration, "PHILEPHI"):
                if fee.get("MAPHILEPHI"):
                    yield str(fee["MAPHILEPHI"])


def _rows(entry: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    rows = entry.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _first(rows: object) -> Mapping[str, Any]:
    first = rows[0] if isinstance(rows, list) and rows else None
    return first if isinstance(first, Mapping) else {}
