"""A gateway's payment door on a real database: the contract's partner, payments that were asked for, and a platform
that seals what it says (payment_platform §4, by the stand-in's own code)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from adapters.payment_platform.simulator_mac import sealed
from gateway.codec import canonical
from gateway.delivery.destination import Destination, Hub
from gateway.inbound.callbacks import Callbacks
from gateway.port import CallbackRequest, Secret, WireResponse
from gateway.settings import DeliverySettings, DestinationSettings
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import accept_dossiers
from gateway.storage.payments import Opened, Opening, open_payments
from tests.log_reading import logged_bodies
from tests.storage.builders import acceptance
from tests.unit import payment_world
from tests.unit.payment_world import CONFIRM, NOW, REFERENCE, SECRET

NAME = "payment_platform"
DOSSIER = "H99.15-260928-0007"
JSON = (("content-type", "application/json"),)
LAND_KEY = "khoa-chung-mo-phong"


def confirm(**changes: Any) -> dict[str, Any]:
    """A CONFIRM with these fields, sealed as the platform would."""
    fields = {**CONFIRM, **changes}
    return {**fields, "MaXacThuc": sealed("CONFIRM", fields, SECRET)}


class NoDossiers:
    """No door for dossiers."""

    def acceptance(self, *_given: Any, **_more: Any) -> Any:
        raise AssertionError("a payment's report is no dossier")


class DoorWorld:
    """One process that receives."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime] = lambda: NOW, **settings: Any
    ) -> None:
        self.database = database
        self.adapter = payment_world.adapter(
            **{
                "lookup_path": "dptracuuthanhtoanhs",
                "land": {"security_key": Secret(LAND_KEY)},
                **settings,
            }
        )
        self.hub = Hub(database=database, clock=clock, settings=DeliverySettings())
        self.destination = Destination(NAME, self.adapter, self.hub, DestinationSettings())
        self.destination.configured_secrets = (SECRET, LAND_KEY)
        self.callbacks = Callbacks(
            self.hub, {NAME: self.destination}, NoDossiers(), refusals_logged={NAME: 6.0}
        )

    async def open(
        self, reference: str = REFERENCE, dossier: str = DOSSIER, amount: int = 250_000, purpose: str = "fees"
    ) -> Opened:
        """A dossier of ours, and money that it was asked for."""
        await self.add_dossier(dossier)
        order = payment_world.single(amount, reference=reference, dossier=dossier)
        opening = Opening(
            destination=NAME,
            dossier=dossier,
            purpose=purpose,
            amount=amount,
            currency="VND",
            terms=b"{}",
            partner="DEMOH99",
            reference=reference,
            asked_at=order.asked_at,
            payload=canonical.encode(order),
            by="one-door",
            now=to_micros(NOW),
        )
        opened = await self.database.apply(open_payments, opening)
        assert isinstance(opened, Opened)
        return opened

    async def add_dossier(self, code: str = DOSSIER) -> None:
        if not self.rows("SELECT 1 FROM dossier WHERE code = :code", code=code):
            await self.database.apply(accept_dossiers, acceptance(code, destination=NAME))

    async def tell(self, document: Any, path: str = "confirm", **request: Any) -> WireResponse:
        """A call of the platform; a dictionary is sent as JSON."""
        body = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
        parts = {"method": "POST", "path": path, "headers": JSON, "body": body, **request}
        return await self.callbacks.receive(NAME, CallbackRequest(**parts))

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    def events(self) -> list[tuple[str, Any]]:
        """(kind, data) of every event, in order."""
        found = self.rows("SELECT kind, data FROM event WHERE kind <> 'dossier.stored' ORDER BY id")
        return [(kind, msgspec.json.decode(data)) for kind, data in found]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events()]

    def state(self, reference: str = REFERENCE) -> str:
        [(state,)] = self.rows("SELECT state FROM payment_attempt WHERE reference = :r", r=reference)
        return str(state)

    def settlements(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT transaction_no, amount, source FROM settlement ORDER BY id")

    def journal(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT effect, alarm, status, deliveries FROM payment_callback ORDER BY at, digest")

    def log(self) -> list[tuple[Any, ...]]:
        """(kind, status, outcome, code, dossier) of every log entry, in order."""
        return self.rows("SELECT kind, status, outcome, code, dossier_code FROM message ORDER BY id")

    def bodies(self) -> list[bytes]:
        return logged_bodies(self.database)

    def money(self) -> tuple[Any, ...]:
        """Everything that a refused call must leave as it is."""
        tables = (
            *("payment_request", "payment_attempt", "settlement", "payment_callback", "payment_orphan"),
            *("receipt", "refund", "event"),
        )
        return tuple(tuple(self.rows(f"SELECT * FROM {table} ORDER BY 1")) for table in tables)  # noqa: S608


def told(answer: WireResponse) -> tuple[int, str]:
    """HTTP status and MaLoi of an answer of the contract's shape."""
    document = json.loads(answer.body)
    assert set(document) == {"MaLoi", "MoTaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD", "MaXacThuc"}
    return answer.status, document["MaLoi"]
