"""What the tables of the older interface may look at besides the record.

Invariant: one per call; nothing here outlives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from gateway.mapping import CodeTable, Scope, Unfit


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination's settings say, as the centre's own numbers: the unit that receives, the region that asks."""

    unit_id: str
    region_id: int


class RegistrationScope(Scope):
    """``number``: the receipt number, by which the centre knows the dossier."""

    __slots__ = ("codes", "number", "options")

    def __init__(
        self, number: str, options: Options, codes: Mapping[str, CodeTable], on: date | None = None
    ) -> None:
        super().__init__(on)
        self.number = number
        self.options = options
        self.codes = codes

    def numeral(self, table: str, code: str) -> int:
        """The centre's number for ``code``; Unfit when the table does not have it."""
        wire = self.codes[table].wire(code, self.on)
        if wire is None:
            raise Unfit(
                "unmapped_code",
                f"a code of table {table}: {', '.join(self.codes[table].codes())}",
                f"use a known code, or add a row to {table}.csv",
            )
        return int(wire)
