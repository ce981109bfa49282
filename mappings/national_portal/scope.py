"""What the portal's tables look at besides the record: options, code tables, reference data, the dossier itself.

Invariant: a scope belongs to one call and is built from its arguments only, so that the same call gives the same
bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from gateway.domain.dossier import Dossier
from gateway.mapping import CodeTable, Scope
from mappings.national_portal.catalogue import Catalogues, Procedure, find_procedure


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The uncertain things that change what is written (national_portal §15), and who writes (``unit``)."""

    unit: str = ""
    unit_name: str = ""
    default_actor: str = "Chuyên viên"
    default_fee_code: str = "1"
    unpaid_fees: bool = False
    identity_codes: Mapping[str, str] = {}
    reappointment_as: Literal["note", "supplement", "omit"] = "note"
    store_base_url: str = ""
    download_base_url: str = ""


class PortalScope(Scope):
    """Scope of one dossier or of steps of one dossier. ``code`` is the dossier's number at the portal."""

    __slots__ = ("_procedure", "catalogues", "code", "codes", "dossier", "options")

    def __init__(
        self,
        code: str,
        *,
        codes: Mapping[str, CodeTable],
        options: Options,
        catalogues: Catalogues,
        on: date | None = None,
    ) -> None:
        super().__init__(on)
        self.code = code
        self.codes = codes
        self.options = options
        self.catalogues = catalogues
        self.dossier: Dossier | None = None
        self._procedure: Procedure | None = None

    @property
    def procedure(self) -> Procedure:
        """What the portal's catalogue knows of the dossier's procedure."""
        if self._procedure is None:
            if self.dossier is None:
                raise AssertionError("a procedure is looked up for a dossier only")
            procedure = self.dossier.procedure
            self._procedure = find_procedure(self.catalogues, procedure.national_code or procedure.code)
        return self._procedure

    def label(self, table: str, code: str) -> str:
        """What an official reads for ``code`` of a code table; nothing when the table does not have it."""
        row = self.codes[table].row(code, self.on)
        return "" if row is None else row.label
