"""What the end of an INIT means for the attempt that it carried: the rule, as a pure function.

Invariant: what evidence has made of the attempt meanwhile stands; only an attempt that nobody has judged yet moves
(payment_platform §11.1, §11.4).
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from gateway.domain.delivery import DeliveryState
from gateway.domain.payment import OPEN, AttemptState

_UNJUDGED = frozenset({AttemptState.CREATED, AttemptState.INIT_UNKNOWN})


class Init(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery that carries an attempt, as it stands now. ``sends``: how often it left, as far as is known."""

    state: DeliveryState
    sends: int = 0
    pay_url: str = ""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What follows. ``move`` None: the attempt stays as it is. ``event``: what the one-door system is told.

    ``take_url``: the payer's address is kept. ``step_aside``: the delivery must not keep others of its lane waiting.
    ``ask_now``: the platform has more to say than INIT's answer did.
    """

    move: AttemptState | None = None
    event: str = ""
    take_url: bool = False
    step_aside: bool = False
    ask_now: bool = False


NOTHING = Heard()


def heard(state: AttemptState, init: Init, *, has_url: bool) -> Heard:
    """What ``init`` means for an attempt in ``state``; ``has_url``: the payer's address is known already."""
    match init.state:
        case DeliveryState.DELIVERED:
            return _delivered(state, init, has_url=has_url)
        case DeliveryState.IN_DOUBT:
            return _doubted(state)
        case DeliveryState.SKIPPED:
            return _doubted(state) if init.sends else _over(state)  # given up by a person, sent or unsent
        case DeliveryState.REJECTED | DeliveryState.PARKED:
            return msgspec.structs.replace(_over(state), step_aside=True)
        case (
            DeliveryState.PENDING | DeliveryState.WAITING | DeliveryState.IN_FLIGHT | DeliveryState.SUPERSEDED
        ):
            return NOTHING
        case _:
            assert_never(init.state)


def _doubted(state: AttemptState) -> Heard:
    if state is AttemptState.CREATED:
        return Heard(move=AttemptState.INIT_UNKNOWN, event="payment.init_unknown")
    return NOTHING


def _over(state: AttemptState) -> Heard:
    if state in _UNJUDGED:
        return Heard(move=AttemptState.FAILED, event="payment.failed")
    return NOTHING


def _delivered(state: AttemptState, init: Init, *, has_url: bool) -> Heard:
    if init.pay_url and state in OPEN and not has_url:
        move = AttemptState.REDIRECTED if state in _UNJUDGED else None
        return Heard(move=move, event="payment.redirected", take_url=True)
    if not init.pay_url and state in _UNJUDGED:  # the platform has it, and the payer no address
        return Heard(move=AttemptState.PENDING, ask_now=True)
    return NOTHING
