"""Tables of the older interface for judicial record certificates, ``apiLyLichTuPhap`` 1.0 (judicial_records §5).

Fees, terms and kinds of certificates are those of ``mappings.judicial_records``. Invariant: every element that the
contract names is mapped or waived.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from gateway.domain.errors import ConfigurationError
from gateway.mapping import CodeTable, Element, Table, Waiver, elements, read_table, read_tables
from mappings import judicial_records
from mappings.judicial_records.fees import require_amounts
from mappings.judicial_records_g1.responses import RESPONSES
from mappings.judicial_records_g1.submit import DECLARATION, MANDATE, SOJOURN, SUBMIT

__all__ = ["ELEMENTS", "RESPONSES", "SECRET_FIELDS", "TABLES", "WAIVED", "code_tables"]

ELEMENTS: Mapping[str, tuple[Element, ...]] = {
    "nhanHoSoDangKy": elements(
        "judicial_records §5",
        mandatory="idReceivedDec dateReceivedDec datePromissoryDec idMoneyReceipt",
        optional="""idMinistryJustice declarationWSForm declarationForm residenceWSForm residenceForm
            mandatorWSForm mandatorForm""",
    ),
    "declarationWSForm": elements(
        "judicial_records §5",
        mandatory="""fullName genderId birthDateStr nationalityId idTypeId identifyNo phone declareDate declareTypeId
            requestQty objectRequestId formType""",
        optional="""birthPlace ethnicId residence reRegionId residenceTemporary rtRegionId idIssueDate idIssuePlace
            dadName dadDob momName momDob partnerName partnerDob email ministryJusticeId requestQtyAdd agencyRequestId
            regionRequestId isBanPosition delivery deliveryAddress deliveryDistrict note purpose receiveNo
            declarationPortalID otherName giveProfileDistrict""",
    ),
    "residenceWSForm": elements(
        "judicial_records §5", mandatory="fromDateStr toDateStr residencePlace", optional="jobName workPlace"
    ),
    "mandatorWSForm": elements(
        "judicial_records §5",
        mandatory="fullName",
        optional="""genderId birthDateStr birthPlaceId residence regionId idTypeId identifyNo idIssueDate
            idIssuePlace mandatorRelation mandatorDate""",
    ),
}

TABLES: Mapping[str, Table] = {table.name: table for table in (SUBMIT, DECLARATION, SOJOURN, MANDATE)}

_DECIDED = date(2026, 11, 22)
_AREA = Waiver(
    reason="wants the centre's own number of a district; districts have ended, and no list of numbers is public",
    on=_DECIDED,
)
WAIVED: Mapping[str, Mapping[str, Waiver]] = {
    "declarationWSForm": {
        "deliveryDistrict": _AREA,
        "giveProfileDistrict": _AREA,
        "ministryJusticeId": Waiver(
            reason="stands at the top of the message as idMinistryJustice; the example leaves it out here",
            on=_DECIDED,
        ),
        "note": Waiver(reason="the declaration has nothing for it", on=_DECIDED),
        "declarationPortalID": Waiver(
            reason="an encrypted number of another portal's, of which no dossier tells", on=_DECIDED
        ),
    }
}

SECRET_FIELDS = ("access_token", "client_secret")
"""Body fields that are blanked before anything is recorded. The messages themselves bear no key and no certificate."""

_SHARED = ("LoaiPhieu", "PhiLLTP", "ThoiHan", "TuoiToiThieu")
_NUMERALS = ("LoaiToKhai", "DoiTuong", "QuocTich")


def code_tables(override: Path | None = None) -> Mapping[str, CodeTable]:
    """The code tables by name; files of the folder ``override`` replace the built-in ones."""
    shared = judicial_records.code_tables()
    found = {**read_tables(Path(__file__).parent), **{name: shared[name] for name in _SHARED}}
    given = {} if override is None else {path.stem: path for path in sorted(override.glob("*.csv"))}
    if strange := sorted(set(given) - set(found)):
        raise ConfigurationError(
            f"code tables: {override}: no such table {', '.join(strange)}; tables are {', '.join(found)}"
        )
    found |= {name: read_table(path) for name, path in given.items()}
    require_amounts(found)
    for name in _NUMERALS:
        if wrong := [
            row.wire for row in found[name].rows if not (row.wire.isascii() and row.wire.isdecimal())
        ]:
            raise ConfigurationError(f"code table {name}: {wrong[0]!r} is no whole number")
    return found
