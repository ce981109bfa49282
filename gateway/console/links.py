"""Addresses with a query, and days as forms give them.

Invariant: what is left empty is left out, so that an address can be handed on and read strictly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from gateway.api.problem import Refused
from gateway.console.page import Visit
from gateway.console.render import VIETNAM
from gateway.storage.clients import Scope


def link(path: str, query: Mapping[str, object]) -> str:
    """``path`` with what of ``query`` is not empty."""
    given = {name: str(value) for name, value in query.items() if value is not None and value != ""}
    return f"{path}?{urlencode(given)}" if given else path


def to_approval(visit: Visit, approval: object, otherwise: str) -> str:
    """Where whoever has asked for a second person goes: to the request, or ``otherwise`` when it may not be seen."""
    return f"/console/approvals/{approval}" if visit.viewer.may(Scope.APPROVALS_READ) else otherwise


def chosen(query: msgspec.Struct, *without: str) -> dict[str, object]:
    """The query by its names on the wire, but those in ``without``."""
    return {
        field.encode_name: getattr(query, field.name)
        for field in msgspec.structs.fields(query)
        if field.encode_name not in without
    }


def day_of(text: str, field: str) -> date | None:
    """The day that a form gives; None for none. Refused for what is no day."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise Refused("invalid", f"{field}: got {text[:40]!r}, expected a day like 2026-09-28") from fault


def morning(day: date | None, *, after: int = 0) -> str | None:
    """The instant at which ``day`` begins in Viet Nam, ``after`` days later, as the API takes it."""
    if day is None:
        return None
    begins = datetime(day.year, day.month, day.day, tzinfo=VIETNAM)
    return (begins + timedelta(days=after)).isoformat()
