"""One turn at a lane as values: what is about to be exchanged, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.outcome import Deferred, InDoubt, Outcome
from gateway.messagelog.entry import About
from gateway.port import Context, WireRequest
from gateway.storage.lanes import ClaimedLane, QueuedDelivery, Result, Start
from gateway.storage.rows import MessageRow
from gateway.wire.authentication import Credentials

Kind = Literal["send", "query"]


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A request and the context that it was encoded in, which its answer is interpreted in."""

    request: WireRequest
    context: Context


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange about to start."""

    batch: list[QueuedDelivery]
    kind: Kind
    credentials: Credentials
    encoded: Encoded
    probe: bool


class Exchanged(msgspec.Struct, frozen=True):
    """An exchange, for traces: nanoseconds since 1970, and the status of the answer if there was one."""

    began: int
    ended: int
    status: int | None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn's batch and what came of it. ``unanswered``: no answer came, or nothing could be sent."""

    batch: list[QueuedDelivery]
    kind: Kind
    outcomes: list[Outcome]
    attempt: int | None = None
    messages: tuple[MessageRow, ...] = ()
    unanswered: bool = False
    exchanged: Exchanged | None = None

    @property
    def sends(self) -> int:
        """1 when deliveries were sent, 0 when they were asked about or nothing could leave."""
        return int(self.kind == "send" and self.attempt is not None)


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What a call that carried several lanes meant for one of them: its attempt, its outcome, its answer's entry."""

    attempt: int
    outcome: Outcome
    message: MessageRow
    unanswered: bool
    exchanged: Exchanged | None = None


def start_of(  # noqa: PLR0913 - the parts of an attempt
    lane: ClaimedLane,
    worker: int,
    batch: Sequence[QueuedDelivery],
    kind: Kind,
    *,
    about: About,
    message: MessageRow,
) -> Start:
    """The attempt to put ``batch`` in flight; ``about``, with its attempt, is what ``message`` was made of."""
    if about.attempt is None:
        raise ValueError("an attempt needs a number")
    return Start(
        attempt=about.attempt,
        lane=lane.id,
        token=lane.token,
        worker=worker,
        destination=lane.destination,
        dossier=lane.dossier,
        operation=batch[0].delivery.operation,
        kind=kind,
        deliveries=tuple(queued.delivery.id for queued in batch),
        now=about.at,
        message=message,
    )


def is_delivered(result: Result) -> bool:
    """Whether the delivery is done."""
    return result.state is DeliveryState.DELIVERED


def deliveries_of(batch: Sequence[QueuedDelivery]) -> list[Delivery]:
    """What the adapter is given."""
    return [queued.delivery for queued in batch]


def wire_request(encoded: object) -> WireRequest:
    """What an adapter encoded, if it is a request at all; TypeError when it is not."""
    if not isinstance(encoded, WireRequest):
        raise TypeError(f"got {type(encoded).__name__}, expected WireRequest")
    return encoded


def tag_of(outcomes: Sequence[Outcome]) -> str:
    """The one kind of outcome of a batch, or ``mixed``."""
    tags = {str(outcome.__struct_config__.tag) for outcome in outcomes}
    return tags.pop() if len(tags) == 1 else "mixed"


def code_of(outcomes: Sequence[Outcome]) -> str:
    """The one code of a batch, or ``mixed``."""
    codes = {getattr(outcome, "code", "accepted") for outcome in outcomes}
    return str(codes.pop()) if len(codes) == 1 else "mixed"


def asks_again(outcome: Outcome) -> bool:
    """Whether a question got no usable answer."""
    return isinstance(outcome, InDoubt) and outcome.ask_again


def on_own_schedule(outcome: Outcome) -> bool:
    """Whether the wait is our own back-off, which a recovered destination cuts short."""
    return isinstance(outcome, InDoubt) or (isinstance(outcome, Deferred) and outcome.retry_after is None)
