"""What a certificate costs, from the table of fees (judicial_records §1, §12 U7).

Invariant: an amount of a day comes from the rows that hold on that day, never from code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from gateway.domain.declarations.judicial_record import JudicialRecordDeclaration
from gateway.domain.errors import ConfigurationError
from gateway.mapping import CodeTable

FREE_COPIES = 2
TABLE = "PhiLLTP"
EXTRA = "extra_copy"


def fee(declaration: JudicialRecordDeclaration, on: date, codes: Mapping[str, CodeTable]) -> int:
    """What is to be paid for ``declaration`` on a day, in đồng: the fee of the group, and every copy beyond two."""
    extra = max(declaration.copies - FREE_COPIES, 0)
    return _amount(declaration.payer_group, on, codes) + extra * _amount(EXTRA, on, codes)


def require_amounts(codes: Mapping[str, CodeTable]) -> None:
    """ConfigurationError when a table of fees, terms or ages has something that is no whole number."""
    for name in (TABLE, "ThoiHan", "TuoiToiThieu"):
        for row in codes[name].rows:
            if not (row.wire.isascii() and row.wire.isdecimal()):
                raise ConfigurationError(f"code table {name}: {row.wire!r} is no whole number")


def _amount(code: str, on: date, codes: Mapping[str, CodeTable]) -> int:
    written = codes[TABLE].wire(code, on)
    if written is None:
        raise ConfigurationError(f"code table {TABLE}: no amount for {code!r} on {on}; add a row")
    return int(written)
