"""What the tables of judicial records may look at besides the record.

Invariant: one per call; nothing here outlives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from gateway.domain.dossier import FileReference
from gateway.mapping import CodeTable, Scope


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination's settings say. Limits in bytes."""

    province_code: str
    province_name: str
    max_file_bytes: int
    max_files: int


class JudicialScope(Scope):
    """``number``: the dossier's number at the partner. ``files``: bytes by digest; None while a record is only
    checked. ``missing`` collects the files whose bytes are still to be fetched; ``memory`` is the lane's."""

    __slots__ = ("auth_key", "codes", "files", "memory", "missing", "number", "options")

    def __init__(
        self, number: str, options: Options, codes: Mapping[str, CodeTable], on: date | None = None
    ) -> None:
        super().__init__(on)
        self.number = number
        self.options = options
        self.codes = codes
        self.auth_key = ""
        self.files: Mapping[str, bytes] | None = None
        self.memory: Mapping[str, str] = {}
        self.missing: list[FileReference] = []

    def label(self, table: str, code: str) -> str:
        """What an official reads for ``code``; empty when the table does not have it."""
        row = self.codes[table].row(code, self.on)
        return "" if row is None else row.label
