"""Builders of what the deadline rules write, so that a test shows only what it is about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from gateway.deadlines.account import Account
from gateway.deadlines.instants import day_number_of
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.schema_status import STILL
from gateway.storage.standings import AnomalyRow, DueChangeRow, StandingRow
from tests.storage.builders import NOW, event, later

DUE = later(days=3)


def account(code: str, version: int = 1, status: Status = Status.RECEIVED, **fields: Any) -> Account:
    """What a version says: received at the counter at ``NOW``, due three days later."""
    base: dict[str, Any] = {
        "channel": Channel.COUNTER,
        "agency_code": "H99.14",
        "procedure_code": "1.000001",
        "received_at": NOW,
        "due_at": DUE,
    }
    return Account(code=code, version=version, status=status, **{**base, **fields})


def heard(said: Account) -> bytes:
    """An account as the intake stores it."""
    return msgspec.json.encode(said)


def period(database: Database, code: str, since: datetime, **fields: Any) -> StandingRow:
    """One period from ``since`` on, still open unless said otherwise."""
    due_at = fields.pop("due_at", DUE)
    base: dict[str, Any] = {
        "id": database.identifiers.next(),
        "dossier_code": code,
        "version": 1,
        "effective_from": to_micros(since),
        "effective_to": STILL,
        "recorded_at": to_micros(NOW),
        "status": Status.PROCESSING.national,
        "channel": "counter",
        "agency_code": "H99.14",
        "procedure_code": "1.000001",
        "by_date": "IN_TIME",
        "by_instant": "IN_TIME",
        "original_by_date": "IN_TIME",
        "original_by_instant": "IN_TIME",
        "rule_version": "r1",
        "calendar_version": "c1",
    }
    if due_at is not None:
        micros = to_micros(due_at)
        base |= {"due_at": micros, "due_day": day_number_of(micros), "due_original_at": micros}
    return StandingRow(**{**base, **fields})


def due_change(database: Database, code: str, key: str = "reappointment:1") -> DueChangeRow:
    return DueChangeRow(
        id=database.identifiers.next(),
        dossier_code=code,
        version=1,
        recorded_at=to_micros(NOW),
        old_due_at=to_micros(DUE),
        new_due_at=to_micros(later(days=5)),
        cause="reappointment",
        document_number="12/PXL",
        signer=None,
        issued_at=to_micros(NOW),
        message_id=None,
        applied=True,
        flags="[]",
        key=key,
    )


def anomaly(database: Database, code: str, key: str = "jump") -> AnomalyRow:
    return AnomalyRow(
        id=database.identifiers.next(),
        dossier_code=code,
        version=1,
        recorded_at=to_micros(NOW),
        kind="STATE_JUMP",
        field="status",
        first_value="3",
        later_value="9",
        message_id=None,
        key=key,
    )


__all__ = ["DUE", "account", "anomaly", "due_change", "event", "heard", "period"]
