"""How values are written for the judicial record centre: everything as text, days first (judicial_records §4.3).

Invariant: pure; what is not known stays empty.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from gateway.domain.declarations.judicial_record import JudicialRecordDeclaration, Place
from gateway.domain.dossier import FileReference
from gateway.mapping import CodeTable, Unfit
from gateway.mapping.formats import day_first, line, local_date
from mappings.judicial_records.scope import JudicialScope


def partial(value: object) -> str:
    """``yyyy-MM-dd``, ``yyyy-MM`` or ``yyyy`` with the day first."""
    return "/".join(reversed(str(value).split("-")))


def area(value: object) -> str:
    """The plain code of an administrative unit: the last part of a dotted one (judicial_records §4.3)."""
    return line(value).rpartition(".")[2]


def on_one_line(place: Place | None) -> str:
    """An address as one text, smallest part first."""
    if place is None:
        return ""
    parts = (place.detail, place.ward_name, place.district_name, place.province_name, place.country_name)
    return ", ".join(line(part) for part in parts if part.strip())


def in_base64(file: FileReference, scope: JudicialScope) -> str:
    """The bytes of ``file``; what the hub does not have yet is noted in ``scope.missing``."""
    limit = scope.options.max_file_bytes
    if file.sha256 is None:
        raise Unfit("no_digest", "the file's SHA-256", "send the digest of the file with its address")
    if file.size is not None and file.size > limit:
        raise Unfit("too_large", f"at most {limit} bytes", "attach a smaller file")
    if scope.files is None:
        return "-"
    content = scope.files.get(file.sha256)
    if content is None:
        scope.missing.append(file)
        return "-"
    if len(content) > limit:
        raise Unfit("too_large", f"at most {limit} bytes", "attach a smaller file")
    return base64.b64encode(content).decode("ascii")


def promised(
    due_at: datetime | None,
    received_at: datetime | None,
    declaration: JudicialRecordDeclaration,
    terms: CodeTable,
) -> str:
    """The day of the result; where the dossier has none, so many days after reception as the table says for it."""
    if due_at is not None:
        return day_first(due_at)
    if received_at is None:
        return ""
    lived = [declaration.person.residence, *(each.address for each in declaration.sojourns)]
    abroad = any(place.country != "VN" for place in lived)
    manifold = abroad or len({place.province for place in lived if place.province}) > 1
    days = terms.wire("manifold" if manifold else "ordinary", local_date(received_at))
    return "" if days is None else day_first(received_at + timedelta(days=int(days)))
