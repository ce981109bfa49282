"""The load that every contender gets: dossiers with ordered messages of about 4 KB, and the adapter for them."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Sequence

from gateway.delivery.destination import Destination, Hub
from gateway.domain.delivery import Delivery
from gateway.domain.outcome import Accepted, Deferred, Outcome
from gateway.port import (
    Capacity,
    Context,
    Manifest,
    Operation,
    OperationKind,
    WireRequest,
    WireResponse,
)
from gateway.settings import DestinationSettings
from gateway.storage.intake import Acceptance, DossierRow, LanePlan, PlannedDelivery, accept_dossiers

SLOTS = 64
_WORDS = [
    "hồ",
    "sơ",
    "thủ",
    "tục",
    "cơ",
    "quan",
    "tiếp",
    "nhận",
    "xử",
    "lý",
    "kết",
    "quả",
    "công",
    "dân",
    "doanh",
    "nghiệp",
    "bổ",
    "sung",
    "giấy",
    "tờ",
]


def body(dossier: int, index: int, size: int = 4000) -> bytes:
    """One message; the same arguments give the same bytes."""
    source = random.Random(dossier * 1000 + index)
    words = " ".join(source.choices(_WORDS, k=size // 7))
    return f'{{"dossier":{dossier},"index":{index},"text":"{words}"}}'.encode()[: size - 2] + b'"}'


class BenchAdapter:
    """Sends the payload as it is; 200 means accepted."""

    credentials = ()

    def __init__(self, url: str, *, slots: int = SLOTS, personal: tuple[str, ...] = ()) -> None:
        self._url = url
        self.manifest = Manifest(
            name="bench",
            title="Bench partner",
            title_vi="Đối tác đo",
            contract="none",
            operations=(
                Operation(
                    name="note", kind=OperationKind.EVENT, title="A note", source="bench", repeatable=True
                ),
            ),
            personal_fields=personal,
            capacity=Capacity(concurrency=slots),
        )

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        return request_for(self._url, deliveries[0].payload)

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        if response.status == 200:
            return [Accepted()]
        return [Deferred(code=f"http_{response.status}", reason="not accepted")]


def request_for(url: str, payload: bytes) -> WireRequest:
    return WireRequest(method="POST", url=url, headers=(("content-type", "application/json"),), body=payload)


def destination(
    hub: Hub, partner: str, *, name: str = "bench", slots: int = SLOTS, personal: tuple[str, ...] = ()
) -> Destination:
    """A partner; ``personal``: names of the fields in its messages that hold personal data."""
    adapter = BenchAdapter(partner, slots=slots, personal=personal)
    return Destination(name, adapter, hub, DestinationSettings())  # type: ignore[arg-type]


async def enqueue(hub: Hub, number: int, messages: int, *, name: str = "bench", due_at: int = 0) -> None:
    """Accept dossier ``number`` with ``messages`` deliveries."""
    await plan(hub, number, [body(number, index) for index in range(messages)], name=name, due_at=due_at)


async def plan(hub: Hub, number: int, payloads: Sequence[bytes], *, name: str, due_at: int) -> None:
    """Accept dossier ``number`` with a delivery of each of ``payloads``."""
    planned = []
    for index, payload in enumerate(payloads):
        planned.append(
            PlannedDelivery(
                operation="note",
                key=str(index),
                payload=payload,
                digest=hashlib.sha256(payload).digest(),
                snapshot=False,
            )
        )
    lane = LanePlan(destination=name, partner_codes=(), deliveries=tuple(planned))
    await hub.database.apply(accept_dossiers, acceptance(f"H99.{name}-{number:07d}", lane, due_at))


def acceptance(code: str, lane: LanePlan, due_at: int) -> Acceptance:
    """A new dossier with one lane; ``due_at`` orders it among the others."""
    row = DossierRow(
        code=code,
        source="bench",
        version=1,
        status="received",
        procedure_code="1.000001",
        agency_code="H99",
        channel="online",
        submitted_at=None,
        received_at=None,
        due_at=due_at or None,
        finished_at=None,
        digest=b"-",
        record=b"{}",
    )
    return Acceptance(dossier=row, lanes=(lane,), now=time.time_ns() // 1000)
