"""What a lane's turns leave in the traces of the dossier versions whose deliveries they carry.

A delivery's span has a number that follows from the delivery's own, so that attempts in whichever process, days apart,
belong to it; it is told when the delivery has come to an end or waits for a person. Invariant: without traces nothing of
this runs; a database that is away costs spans, never a delivery.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from gateway.delivery.turn import Exchanged, Turn
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.errors import StorageUnavailable
from gateway.domain.outcome import Accepted, Outcome
from gateway.storage.instants import to_micros
from gateway.storage.journeys import JourneyRow, journeys_of
from gateway.telemetry.tracing import Journey, Place, Span, Value, plain_code, read_traceparent, stand, within
from gateway.wire.client import Answered, Exchange

if TYPE_CHECKING:
    from gateway.delivery.destination import Destination
    from gateway.storage.lanes import QueuedDelivery, Result

_ENDED = frozenset({DeliveryState.DELIVERED, DeliveryState.REJECTED, DeliveryState.PARKED})


class _Leg(msgspec.Struct, frozen=True):
    """One delivery on its journey: where it was accepted, its own span, the span of the attempt under way."""

    accepted: Place
    correlation: str
    delivery: Place
    attempt: Place


class Trail:
    """The trail of one lane's run at ``destination``."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._legs: dict[int, _Leg] = {}

    async def enter(self, batch: Sequence[QueuedDelivery]) -> None:
        """A turn begins: the running task is part of the first delivery's journey from now on."""
        known = await self._journeys([queued.delivery for queued in batch])
        self._legs = {
            queued.delivery.id: leg
            for queued in batch
            if (leg := self._leg(queued.delivery, known)) is not None
        }
        first = self._legs.get(batch[0].delivery.id)
        stand(None if first is None else Journey(first.attempt, first.correlation))

    def leave(self, turn: Turn, results: Sequence[Result]) -> None:
        """The turn is over: tell its attempt, and each delivery that has come to an end."""
        for queued, outcome, result in zip(turn.batch, turn.outcomes, results, strict=True):
            leg = self._legs.get(queued.delivery.id)
            if leg is None:
                continue
            if turn.exchanged is not None:
                self._tell_attempt(leg, queued.delivery, turn, outcome)
            if result.state in _ENDED:
                self._tell_delivery(leg, queued.delivery, turn, result)

    async def _journeys(self, deliveries: Sequence[Delivery]) -> dict[int, JourneyRow]:
        moments = {to_micros(each.created_at) for each in deliveries if each.created_at is not None}
        question = partial(journeys_of, dossier=deliveries[0].dossier, moments=moments)
        try:
            return await self._destination.hub.database.glance(question)
        except StorageUnavailable:
            return {}

    def _leg(self, delivery: Delivery, known: dict[int, JourneyRow]) -> _Leg | None:
        row = None if delivery.created_at is None else known.get(to_micros(delivery.created_at))
        accepted = None if row is None else read_traceparent(row.traceparent)
        if row is None or accepted is None:
            return None
        return _Leg(
            accepted,
            row.correlation,
            within(accepted, f"delivery {delivery.id}"),
            self._destination.hub.tracing.root(accepted),
        )

    def _about(self, leg: _Leg, delivery: Delivery) -> dict[str, Value]:
        return {
            "lienthong.correlation_id": leg.correlation,
            "lienthong.dossier": delivery.dossier,
            "lienthong.destination": self._destination.name,
            "lienthong.operation": delivery.operation,
            "lienthong.delivery": str(delivery.id),
        }

    def _tell_attempt(self, leg: _Leg, delivery: Delivery, turn: Turn, outcome: Outcome) -> None:
        exchanged = turn.exchanged
        if exchanged is None:
            return
        attributes = self._about(leg, delivery) | {
            "lienthong.kind": turn.kind,
            "lienthong.outcome": str(outcome.__struct_config__.tag),
        }
        if exchanged.status is not None:
            attributes["http.response.status_code"] = exchanged.status
        if not isinstance(outcome, Accepted):
            attributes["error.type"] = plain_code(outcome.code)
        self._destination.hub.tracing.keep(
            Span(
                name=f"{turn.kind} {self._destination.name} {delivery.operation}",
                kind="client",
                place=leg.attempt,
                parent=leg.delivery.span,
                began=exchanged.began,
                ended=exchanged.ended,
                attributes=attributes,
                failed=not isinstance(outcome, Accepted),
            )
        )

    def _tell_delivery(self, leg: _Leg, delivery: Delivery, turn: Turn, result: Result) -> None:
        planned = delivery.created_at
        ended = time.time_ns()
        attributes = self._about(leg, delivery) | {
            "lienthong.state": result.state.value,
            "lienthong.attempts": delivery.attempts + turn.sends,
        }
        self._destination.hub.tracing.keep(
            Span(
                name=f"deliver {self._destination.name} {delivery.operation}",
                kind="producer",
                place=leg.delivery,
                parent=leg.accepted.span,
                began=ended if planned is None else to_micros(planned) * 1000,
                ended=ended,
                attributes=attributes,
                failed=result.state is not DeliveryState.DELIVERED,
            )
        )


def exchanged(began: int, answer: Exchange) -> Exchanged:
    """What there is to tell of an exchange that began at ``began`` (nanoseconds since 1970) and has just ended."""
    status = answer.response.status if isinstance(answer, Answered) else None
    return Exchanged(began, time.time_ns(), status)
