"""The messages of legs B1, B2 and C as a whole (judicial_records §4.3-§4.5).

Invariant: what could not be filled stands in ``scope.problems``, what must be fetched first in ``scope.missing``.
"""

from __future__ import annotations

from typing import Any

from gateway.mapping import Encoder
from mappings.judicial_records.scope import JudicialScope
from mappings.judicial_records.submit import Application
from mappings.judicial_records.telling import Telling


def submission(encoder: Encoder, application: Application, scope: JudicialScope) -> dict[str, Any]:
    """Leg B1. Without a temporary residence the element is an empty object (judicial_records §7)."""
    message = encoder.encode(application, scope)
    message.get("toKhai", {}).setdefault("nycTamTru", {})
    return message


def question(scope: JudicialScope) -> dict[str, Any]:
    """Leg B2: one dossier a call."""
    return {
        "authKey": scope.auth_key,
        "maTinh": scope.options.province_code,
        "maHoSoMCDT": scope.number,
    }


def telling(encoder: Encoder, told: Telling, scope: JudicialScope) -> dict[str, Any]:
    """Leg C. What there is not is null, not absent (judicial_records §4.5)."""
    return {"ngayHenTraKetQua": None, "ketQuaXuLy": None, **encoder.encode(told, scope)}
