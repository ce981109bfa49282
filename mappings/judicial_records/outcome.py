"""What leg B2 shows of one dossier (judicial_records §4.4): state, reason, certificate, decision to revoke.

Invariant: of a certificate only who made it and when leaves this module besides its bytes; what it says about a person's
convictions does not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from gateway.codec import Json, Unreadable
from gateway.domain.status import Status
from gateway.mapping import CodeTable
from mappings.judicial_records.answers import day, lowered, text
from mappings.judicial_records.telling import KEPT

_PDF = b"%PDF-"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``kept``: what the lane remembers, by our names. Without certificate: none is there yet."""

    status: Status | None
    reason: str = ""
    number: str = ""
    signer: str = ""
    title: str = ""
    kept: Mapping[str, str] = {}
    certificate: bytes | None = None
    decision: bytes | None = None


def row_of(rows: tuple[Mapping[str, Json], ...], number: str) -> Mapping[str, Json] | None:
    """The row of dossier ``number``."""
    return next((row for row in rows if text(row, "mahosomcdt") == number), None)


def read(row: Mapping[str, Json], states: CodeTable, largest: int) -> Shown:
    """What ``row`` shows; Unreadable when a file in it is none, or too large."""
    code = states.of_wire(text(row, "trangthaixuly"))
    result = row.get("ketquaxuly")
    fields = lowered(result) if isinstance(result, dict) else {}
    kept = {ours: text(fields, theirs.lower())[:200] for ours, theirs in KEPT.items()}
    kept["certificate_day"] = day(kept["certificate_day"])
    return Shown(
        status=None if code is None else Status(code),
        reason=text(row, "lydotuchoi") or text(row, "ghichu") or text(fields, "lydo"),
        number=text(fields, "sophieulltp")[:50],
        signer=kept["signed_by"],
        title=kept["signer_title"],
        kept={name: value for name, value in kept.items() if value},
        certificate=_document(fields, "phieulltp", largest),
        decision=_document(fields, "quyetdinhthuhoi", largest),
    )


def _document(fields: Mapping[str, Json], name: str, largest: int) -> bytes | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Unreadable("not_a_file", f"{name} is no text")
    if len(value) > largest * 3 // 2:
        raise Unreadable("file_too_large", f"{name}: at most {largest} bytes are taken")
    try:
        # §8.5: with line breaks, as some senders write it.
        content = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Unreadable("not_base64", f"{name} is not base64") from fault
    if len(content) > largest:
        raise Unreadable("file_too_large", f"{name}: at most {largest} bytes are taken")
    if not content.startswith(_PDF):
        raise Unreadable("not_a_pdf", f"{name} does not begin like a PDF")
    return content
