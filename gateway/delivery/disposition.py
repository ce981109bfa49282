"""What an outcome makes of a delivery: the outcome table of DESIGN, as a pure function.

| outcome | state | then |
|---|---|---|
| Accepted | delivered | next in lane |
| Rejected | rejected | the lane waits for a corrected version or an operator |
| Deferred | waiting until a stored instant; parked when too old | back-off with jitter, Retry-After honoured |
| InDoubt  | in_doubt until it is time to ask; without an instant when only an operator can tell | never resent blindly |

What was asked about and is surely absent waits to be sent again; after too many such rounds it is parked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from gateway.delivery.retry import Chance, back_off, exhausted, swallowed
from gateway.delivery.sealing import CANNOT_SIGN
from gateway.domain.delivery import DeliveryState
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.port import Operation
from gateway.settings import RetrySettings
from gateway.storage.lanes import QueuedDelivery, Result

MAX_REASON = 1000
LONGEST_PAUSE_SECONDS = 86_400.0


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a disposition depends on besides the outcome. ``immediate``: quick second tries already spent."""

    settings: RetrySettings
    operation: Operation
    now: datetime
    chance: Chance
    immediate: int = 0


def after_sending(queued: QueuedDelivery, outcome: Outcome, case: Circumstances) -> Result:
    """The delivery's next state after it was sent (or after it could not be)."""
    match outcome:
        case Accepted(receipt=receipt):
            return _result(queued, DeliveryState.DELIVERED, None, "accepted", receipt)
        case Rejected(code=code, reason=reason, actor=actor):
            return _result(queued, DeliveryState.REJECTED, None, code, reason, actor=actor)
        case Deferred():
            return _deferred(queued, outcome, case)
        case InDoubt(code=code, reason=reason):
            due = (
                case.now if code == "batch_refused" else case.now + timedelta(seconds=case.settings.ask_after)
            )
            return _doubt(queued, code, reason, due, case)
        case _:
            assert_never(outcome)


def after_asking(queued: QueuedDelivery, outcome: Outcome, case: Circumstances) -> Result:
    """The next state of a delivery in doubt after the partner was asked whether it has it."""
    match outcome:
        case Accepted(receipt=receipt):
            return _result(queued, DeliveryState.DELIVERED, None, "found_at_partner", receipt)
        case Rejected(code=code, reason=reason, actor=actor):
            return _result(queued, DeliveryState.REJECTED, None, code, reason, actor=actor)
        case Deferred(reason=reason):
            return _absent(queued, reason, case)
        case InDoubt(code=code, reason=reason):
            return _cannot_tell(queued, code, reason, case, sends=queued.delivery.attempts)
        case _:
            assert_never(outcome)


def ask_again(queued: QueuedDelivery, outcome: Outcome, case: Circumstances) -> Result:
    """The partner could not be asked: try later, however long it is away; a very old doubt is an operator's."""
    code, reason = getattr(outcome, "code", "not_asked"), getattr(outcome, "reason", "")
    if exhausted(case.settings, _since(queued, case), case.now):
        return _result(queued, DeliveryState.IN_DOUBT, None, code, reason, actor=Actor.OPERATOR, doubted=True)
    renewed = getattr(outcome, "renew", ()) and case.immediate < case.settings.immediate
    pause = timedelta() if renewed else back_off(case.settings, queued.doubts, case.chance)
    return _result(queued, DeliveryState.IN_DOUBT, case.now + pause, code, reason, doubted=True)


def _absent(queued: QueuedDelivery, reason: str, case: Circumstances) -> Result:
    """Sent again at once; with the usual back-off when the partner keeps swallowing it; in the end to a person."""
    sends = queued.delivery.attempts
    if swallowed(case.settings, sends, queued.doubts):
        told = f"sent {sends} times, lost and not found at the partner each time; see why with the partner, then retry"
        return _result(queued, DeliveryState.PARKED, None, "swallowed", told, actor=Actor.OPERATOR)
    pause = timedelta() if sends <= case.settings.immediate else back_off(case.settings, sends, case.chance)
    return _result(queued, DeliveryState.WAITING, case.now + pause, "absent_at_partner", reason)


def _deferred(queued: QueuedDelivery, outcome: Deferred, case: Circumstances) -> Result:
    if outcome.code == CANNOT_SIGN:  # DESIGN, the way of a dossier, 2: no wait mends a key
        return _result(queued, DeliveryState.PARKED, None, outcome.code, outcome.reason, actor=Actor.OPERATOR)
    pause = None if outcome.retry_after is None else honoured(outcome.retry_after)
    at_once = pause == 0 and case.immediate < case.settings.immediate
    if not at_once and exhausted(case.settings, _since(queued, case), case.now):
        return _result(queued, DeliveryState.PARKED, None, outcome.code, outcome.reason, actor=Actor.OPERATOR)
    if pause is None or (pause == 0 and not at_once):
        due = case.now + back_off(case.settings, queued.delivery.attempts + 1, case.chance)
    else:
        due = case.now + timedelta(seconds=pause)
    return _result(queued, DeliveryState.WAITING, due, outcome.code, outcome.reason)


def _since(queued: QueuedDelivery, case: Circumstances) -> datetime:
    """From when the patience counts: a person who has it sent again gives it the whole of it."""
    return queued.delivery.retried_at or queued.delivery.created_at or case.now


def honoured(retry_after: float) -> float:
    """The pause that a partner asked for, in seconds, within reason: it is a partner's text, after all."""
    return min(LONGEST_PAUSE_SECONDS, max(0.0, retry_after))  # in this order, what is not a number becomes 0


def _doubt(queued: QueuedDelivery, code: str, reason: str, due: datetime, case: Circumstances) -> Result:
    if case.operation.queryable:
        return _result(queued, DeliveryState.IN_DOUBT, due, code, reason, doubted=True)
    return _cannot_tell(queued, code, reason, case, sends=queued.delivery.attempts + 1)


def _cannot_tell(
    queued: QueuedDelivery, code: str, reason: str, case: Circumstances, *, sends: int
) -> Result:
    """DESIGN decision 2: resend only what is declared repeatable, and not for ever; else an operator decides."""
    if case.operation.repeatable and not swallowed(case.settings, sends, queued.doubts + 1):
        due = case.now + back_off(case.settings, queued.delivery.attempts, case.chance)
        return _result(queued, DeliveryState.WAITING, due, code, reason, doubted=True)
    return _result(queued, DeliveryState.IN_DOUBT, None, code, reason, actor=Actor.OPERATOR, doubted=True)


def _result(  # noqa: PLR0913 - the columns of a result
    queued: QueuedDelivery,
    state: DeliveryState,
    due_at: datetime | None,
    code: str,
    reason: str,
    *,
    actor: Actor | None = None,
    doubted: bool = False,
) -> Result:
    return Result(
        delivery=queued.delivery.id,
        state=state,
        due_at=due_at,
        code=code,
        reason=reason[:MAX_REASON],
        actor=actor,
        doubted=doubted,
    )
