"""Reading what the portal sends, common to all inbound messages: lenient values, bounded files, the two answers.

Invariant: a message is read completely or refused with the contract's ``-1`` and a reason; nothing in it is executed,
fetched or trusted to be of a certain type.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from gateway.codec import Json, canonical
from gateway.domain.dossier import Dossier, IdentityKind
from gateway.domain.errors import GatewayError
from gateway.mapping import CodeTable, parse_date14
from gateway.mapping.formats import line, text
from gateway.port import WireResponse
from mappings.national_portal.catalogue import Catalogues

Body: TypeAlias = Mapping[str, Any]

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}\Z")
_LONGEST_FILE_NAME = 500
_HEADERS = (("content-type", "application/json; charset=utf-8"),)
_ENCODER = msgspec.json.Encoder()

# §7.3, as one portal client answers; the words are the contract's.
TAKEN = "{code}| create dossier success"
TAKEN_AGAIN = "{code}| duplicate refId"


class NotTaken(GatewayError):
    """The message is refused; ``reason`` goes back to the portal with code -1."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Household(msgspec.Struct, frozen=True, kw_only=True):
    """Who reads: the province's own agency, its code tables and the cached reference data."""

    agency_code: str
    agency_name: str
    codes: Mapping[str, CodeTable]
    catalogues: Catalogues
    identity_codes: Mapping[str, str]
    max_bytes: int


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """An inbound message that is understood. ``key`` names it for ever; ``data`` is what the one-door system gets.

    ``corrects``: the dossier may replace one that came before; a first filing may not.
    """

    key: str
    kind: str
    code: str
    data: dict[str, Any]
    dossier: Dossier | None = None
    corrects: bool = False


def answer(code: int, message: str) -> WireResponse:
    """§7.3: ``error_code`` 0 stored, 1 already there, -1 refused."""
    body = _ENCODER.encode({"error_code": code, "message": message})
    return WireResponse(status=200, headers=_HEADERS, body=body)


def field(body: Body, name: str) -> str:
    """A value as text on one line; numbers and booleans count as text, null and absent as nothing (§2.10)."""
    value = body.get(name)
    match value:
        case None | dict() | list():
            return ""
        case bool():
            return "True" if value else "False"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return line(str(value))


def passage(body: Body, name: str) -> str:
    """A value as text with its lines."""
    value = body.get(name)
    return text(value).strip() if isinstance(value, str) else field(body, name)


def needed(body: Body, name: str) -> str:
    """As ``field``; NotTaken when it is empty, in the words of §12.10."""
    value = field(body, name)
    if not value:
        raise NotTaken(f"{name} empty")
    return value


def number(body: Body, name: str) -> str:
    """A dossier number; NotTaken when it is empty or cannot be one."""
    value = needed(body, name)
    if not _CODE.match(value):
        raise NotTaken(f"{name} invalid")
    return value


def moment(body: Body, name: str) -> datetime | None:
    """A date14; None when empty, NotTaken when it is no date."""
    value = field(body, name)
    if not value:
        return None
    instant = parse_date14(value)
    if instant is None:
        raise NotTaken(f"{name} invalid")
    return instant


def rows(body: Body, name: str) -> list[Body]:
    """The objects of an array; NotTaken when it is something else."""
    value = body.get(name)
    if value is None or value == "":
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise NotTaken(f"{name} invalid")
    return value


def part(body: Body, name: str) -> Body:
    """An object inside the message; empty when it is not there."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def file_bytes(body: Body, name: str, limit: int) -> int:
    """The size of a base64 file; NotTaken when it is none or too large. Nothing is decoded beyond the limit."""
    value = body.get(name)
    if value is None or value == "":
        return 0
    if not isinstance(value, str):
        raise NotTaken(f"{name} invalid")
    written = "".join(value.split())
    if len(written) // 4 * 3 > limit:
        raise NotTaken(f"{name} too large")
    try:
        return len(base64.b64decode(written, validate=True))
    except (binascii.Error, ValueError) as fault:
        raise NotTaken(f"{name} invalid base64") from fault


def file_name(body: Body, name: str) -> str:
    """A file name without any path."""
    return field(body, name).replace("\\", "/").rpartition("/")[2][:_LONGEST_FILE_NAME]


def identities(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Kind and number of every identity that our record can hold."""
    kept = [(kind, re.sub(r"[\s.]", "", digits)) for kind, digits in pairs]
    return [
        {"kind": kind, "number": digits}
        for kind, digits in kept
        if re.fullmatch(r"[0-9A-Za-z-]{4,30}", digits, re.ASCII)
    ]


def kind_of(household: Household, wire: str, digits: str) -> str:
    """Our kind for the portal's code; where the code says nothing, what the number looks like (§10.7)."""
    known = household.codes["LoaiDinhDanh"].of_wire(wire)
    if known is None:
        known = next((kind for kind, code in household.identity_codes.items() if code == wire), None)
    if known is not None:
        return known
    if digits.isascii() and digits.isdecimal() and len(digits) in {9, 12}:
        return IdentityKind.PERSONAL_ID if len(digits) == 12 else IdentityKind.OLD_ID_CARD
    return IdentityKind.TAX_CODE if digits[:10].isdecimal() else IdentityKind.PASSPORT


def dossier(document: dict[str, Any]) -> Dossier:
    """The local record in ``document``; NotTaken with the place where it does not fit."""
    try:
        return msgspec.convert(document, Dossier, strict=False)
    except msgspec.ValidationError as fault:
        raise NotTaken(f"data invalid: {str(fault)[:200]}") from fault


def fingerprint(content: Json) -> str:
    """What makes two messages the same message, however their bytes are written."""
    return canonical.digest(content)[:32]


def file_fingerprint(body: Body, name: str) -> str:
    """SHA-256 of a base64 file that was found good."""
    return hashlib.sha256(base64.b64decode("".join(str(body[name]).split()))).hexdigest()


def without_blanks(document: dict[str, Any]) -> dict[str, Any]:
    """``document`` without what is empty."""
    return {name: value for name, value in document.items() if value not in ("", None, [])}
