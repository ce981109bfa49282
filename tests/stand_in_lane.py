"""A dossier at a partner's stand-in: the adapter, a lane's memory and a clock, without the hub."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.port import Context, SimulatedRequest, WireRequest, WireResponse


class StandInLane:
    """One dossier on its way. ``partner``: the stand-in; whoever knows its contract adds its questions."""

    def __init__(self, adapter: Any, partner: Any, dossier: Dossier, now: datetime) -> None:
        self.adapter, self.partner, self.dossier, self.now = adapter, partner, dossier, now
        self.memory, self.files = dict[str, str](), dict[str, bytes]()

    @property
    def context(self) -> Context:
        return Context(now=self.now, memory=dict(self.memory), files=self.files)

    def deliveries(self, operation: str = "submit") -> list[Delivery]:
        """What this version calls for, as it is sent."""
        return [
            Delivery(
                id=number,
                lane=1,
                destination=self.adapter.manifest.name,
                dossier=self.dossier.code,
                operation=each.operation,
                key=each.key,
                position=number,
                payload=each.payload,
            )
            for number, each in enumerate(self.adapter.plan(self.dossier))
            if each.operation == operation
        ]

    def call(self, request: WireRequest, fault: str = "") -> WireResponse:
        """What the stand-in answers, with ``fault`` if it takes one."""
        received = SimulatedRequest(
            method=request.method,
            path="/" + request.url.split("/", 3)[3],
            query="",
            headers=request.headers,
            body=request.body,
            now=self.now,
        )
        answer = self.partner.twist(fault, received) if fault else self.partner.handle(received)
        assert answer is not None
        return WireResponse(status=answer.status, headers=answer.headers, body=answer.body)

    def deliver(self, delivery: Delivery, fault: str = "") -> Any:
        """The outcome of ``delivery``, from which the lane learns."""
        context = self.context
        response = self.call(self.adapter.encode([delivery], context), fault)
        (outcome,) = self.adapter.interpret([delivery], response, context)
        self.memory.update(getattr(outcome, "learned", {}))
        return outcome

    def submit(self, fault: str = "") -> Any:
        """Send the application that this version calls for."""
        return self.deliver(self.deliveries()[0], fault)

    def ask(self, fault: str = "", **later: float) -> Any:
        """One question about progress, so much later."""
        self.now += timedelta(**later)
        response = self.call(self.adapter.encode_progress(self.dossier.code, self.context), fault)
        return self.adapter.interpret_progress(self.dossier.code, response, self.context)
