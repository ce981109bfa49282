"""A gateway that receives: a real database, the real intake, and an adapter whose contract is a line of JSON.

The calls that it understands: ``{"key": …, "code": …, "kind": …, "status": …, "dossier": {…}, "say": …}``. It
refuses what is no JSON object and breaks down where it is told to (``"break": true``).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.delivery.destination import Destination, Hub
from gateway.delivery.intake import Intake
from gateway.domain.dossier import Dossier
from gateway.domain.status import Status
from gateway.inbound.callbacks import Callbacks
from gateway.port import (
    Callback,
    CallbackRequest,
    Context,
    Manifest,
    Operation,
    OperationKind,
    Planned,
    Refusal,
    Report,
    WireResponse,
)
from gateway.settings import DeliverySettings, DestinationSettings
from gateway.storage import upkeep
from gateway.storage.database import Database

NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
PORTAL = "portal"
JSON = (("content-type", "application/json"),)


def answer(text: str, status: int = 200) -> WireResponse:
    return WireResponse(status=status, headers=JSON, body=msgspec.json.encode({"message": text}))


class Partner:
    """The adapter."""

    credentials = ()
    manifest = Manifest(
        name=PORTAL,
        title="Portal",
        title_vi="Cổng",
        contract="none",
        operations=(Operation(name="dossier", kind=OperationKind.SNAPSHOT, title="Dossier", source="none"),),
        secret_fields=("session",),
    )

    def wants(self, dossier: Dossier) -> bool:
        return True

    def check(self, dossier: Dossier, catalogues: object) -> list[Any]:
        return []

    def partner_codes(self, dossier: Dossier) -> list[str]:
        return [dossier.code]

    def plan(self, dossier: Dossier) -> list[Planned]:
        if dossier.status == Status.REGISTERED:
            return []
        return [Planned(operation="dossier", key=str(dossier.version), payload=msgspec.json.encode(dossier))]

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        try:
            body = msgspec.json.decode(request.body, type=dict[str, Any])
        except msgspec.DecodeError:
            return Refusal(code="no_json", reason="no JSON object", answer=answer("unreadable", 400))
        if body.get("break"):
            raise KeyError("a defect of this adapter")
        record = body.get("dossier")
        return Report(
            key=body["key"],
            kind=body.get("kind", "message_received"),
            dossier_code=body["code"],
            data=body["raw"].encode()
            if "raw" in body
            else msgspec.json.encode({"said": body.get("say", "")}),
            first=answer(f"taken {body.get('say', '')}".strip()),
            again=answer("taken before"),
            dossier=None
            if record is None
            else msgspec.convert({**_RECORD, "code": body["code"], **record}, Dossier),
            status=None if body.get("status") is None else Status(body["status"]),
        )


_RECORD: dict[str, Any] = {
    "version": 1,
    "procedure": {"code": "1.000001", "national_code": "1.000001"},
    "agency": {"code": "H99.14", "name": "Sở Thử nghiệm"},
    "channel": "online",
    "applicant": {"kind": "citizen", "name": "Nguyễn Văn Thử"},
    "summary": "Đề nghị cấp giấy",
    "status": "registered",
}


class Unchanged:
    """A translation for records that use our own codes."""

    def translate(self, dossier: Dossier, on: date) -> Dossier:
        return dossier


class World:
    """One process that receives."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: NOW) -> None:
        self.database = database
        self.hub = Hub(database=database, clock=clock, settings=DeliverySettings())
        self.partner = Partner()
        self.destination = Destination(PORTAL, self.partner, self.hub, DestinationSettings())  # type: ignore[arg-type]
        self.intake = Intake(self.hub, {PORTAL: self.destination}, Unchanged())
        self.callbacks = Callbacks(self.hub, {PORTAL: self.destination}, self.intake)

    async def call(self, **body: Any) -> WireResponse:
        """A partner's call that says ``body``."""
        return await self.send(msgspec.json.encode(body))

    async def send(self, body: bytes, **request: Any) -> WireResponse:
        parts = {"method": "POST", "path": "notify", "headers": JSON, "body": body, **request}
        return await self.callbacks.receive(PORTAL, CallbackRequest(**parts))

    async def local_version(self, code: str, version: int, status: str) -> None:
        """The one-door system sends a version of its own."""
        dossier = msgspec.convert({**_RECORD, "code": code, "version": version, "status": status}, Dossier)
        await self.database.write(lambda tx: _accept(tx, self.intake.acceptance(dossier)))

    async def seal(self) -> None:
        await self.database.write(upkeep.seal)

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    def events(self) -> list[tuple[str, Any]]:
        """(kind, data) of every event, in order."""
        found = self.rows("SELECT kind, data FROM event ORDER BY id")
        return [(kind, msgspec.json.decode(data)) for kind, data in found]

    def log(self) -> list[tuple[Any, ...]]:
        """(kind, status, outcome, code) of every log entry, in order."""
        return self.rows("SELECT kind, status, outcome, code FROM message ORDER BY id")


def _accept(transaction: Any, acceptance: Any) -> None:
    from gateway.domain.errors import GatewayError
    from gateway.storage.intake import accept_dossiers

    [result] = accept_dossiers(transaction, [acceptance])
    if isinstance(result, GatewayError):
        raise result
