"""One call to the partner, whoever's deliveries it carries: encode it, understand the answer, tell the breaker.

Invariant: whatever an adapter or a partner does, what was sent is Accepted only on the adapter's sound word, and stays
in doubt otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import structlog

from gateway.delivery.disposition import honoured
from gateway.delivery.sealing import Distrusted, refused, unagreed
from gateway.delivery.soundness import sound
from gateway.delivery.turn import Encoded, Kind, code_of, wire_request
from gateway.domain.delivery import Delivery
from gateway.domain.errors import CannotEncode, LeaseLost
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.messagelog.redaction import redact_text
from gateway.port import Context, WireRequest, WireResponse, header
from gateway.wire.authentication import Credentials
from gateway.wire.client import Answered, Exchange, NoAnswer, NotSent

if TYPE_CHECKING:
    from gateway.delivery.destination import Destination

log = structlog.get_logger(__name__)
_STRAINED = frozenset({429, 500, 502, 503, 504})


def encode(
    destination: Destination, deliveries: Sequence[Delivery], kind: Kind, context: Context
) -> Encoded | Rejected | CannotEncode:
    """The request for ``deliveries``, or why there is none."""
    adapter = destination.adapter
    make = adapter.encode if kind == "send" else adapter.encode_query
    try:
        return Encoded(request=wire_request(make(deliveries, context)), context=context)
    except CannotEncode as fault:
        return fault
    except Exception as fault:  # why: a defect in one adapter must stop one lane, not the gateway
        log.exception("adapter_failed", destination=destination.name, lane=deliveries[0].lane)
        return Rejected(
            code="adapter_defect", reason=f"{type(fault).__name__} while encoding", actor=Actor.OPERATOR
        )


async def exchange(destination: Destination, request: WireRequest, *, logged_at: float) -> Exchange:
    """Send what was logged. ``logged_at``: the loop's time before the request went to the log; LeaseLost when this
    process has slept since, so that others may have taken the lanes: what the log says may be sent no more."""
    if asyncio.get_running_loop().time() - logged_at >= destination.hub.settings.dead_after:
        raise LeaseLost("this process slept after it had logged the request")
    return await destination.timed_exchange(request)


def understood(
    destination: Destination,
    deliveries: Sequence[Delivery],
    kind: Kind,
    answer: Exchange,
    encoded: Encoded,
) -> list[Outcome]:
    """One outcome per delivery, out of what is verified in the answer to ``encoded``."""
    if isinstance(answer, NotSent):
        return [Deferred(code=answer.code, reason=answer.reason)] * len(deliveries)
    if isinstance(answer, NoAnswer):
        return [InDoubt(code=answer.code, reason=answer.reason)] * len(deliveries)
    asked, now = kind == "query", destination.hub.clock()
    opened = destination.sealer.verify(deliveries[0].operation, encoded.request, answer.response, now)
    if isinstance(opened, Distrusted):
        log.error("signature_was_refused", destination=destination.name, lane=deliveries[0].lane)
        return [refused(destination.shown(opened.reason), asked=asked)] * len(deliveries)
    outcomes = _interpreted(destination, deliveries, kind, opened.response, encoded.context)
    return outcomes if opened.agreed else unagreed(outcomes, asked=asked)


def _interpreted(
    destination: Destination,
    deliveries: Sequence[Delivery],
    kind: Kind,
    response: WireResponse,
    context: Context,
) -> list[Outcome]:
    """What the adapter makes of ``response``, as far as it is sound."""
    adapter = destination.adapter
    interpret = adapter.interpret if kind == "send" else adapter.interpret_query
    try:
        given = list(interpret(deliveries, response, context))
    except Exception as fault:  # why: whatever an adapter does, what was sent stays in doubt
        log.exception("adapter_failed", destination=destination.name, lane=deliveries[0].lane)
        doubt = InDoubt(code="adapter_defect", reason=f"{type(fault).__name__} while interpreting")
        return [doubt] * len(deliveries)
    outcomes = sound(given, len(deliveries))
    if outcomes is None:
        log.error("adapter_failed", destination=destination.name, lane=deliveries[0].lane, gave=len(given))
        doubt = InDoubt(code="adapter_defect", reason="not one sound outcome per delivery")
        return [doubt] * len(deliveries)
    secrets = tuple(destination.secrets())
    return [_without(secrets, outcome) for outcome in outcomes] if secrets else outcomes


def _without(secrets: tuple[str, ...], outcome: Outcome) -> Outcome:
    """``outcome`` without live credentials in the partner's words: they are shown to people and go into events."""
    name = "receipt" if isinstance(outcome, Accepted) else "reason"
    told: str = getattr(outcome, name)
    shown = redact_text(told, secrets=secrets) if told else told
    return outcome if shown == told else msgspec.structs.replace(outcome, **{name: shown})


def renew(destination: Destination, outcomes: Sequence[Outcome], credentials: Credentials) -> None:
    """Give up the credentials that the answer calls worn out."""
    names = {name for outcome in outcomes for name in getattr(outcome, "renew", ())}
    if names:
        destination.authenticator.spoil(tuple(names), credentials)


async def report_health(
    destination: Destination, answer: Exchange, outcomes: Sequence[Outcome], *, probe: bool
) -> None:
    """Tell the breaker whether the destination works. A business refusal is a working destination."""
    gate = destination.gate
    doubtful = any(
        isinstance(item, InDoubt) and item.code != "batch_refused" and not item.renew for item in outcomes
    )
    if not isinstance(answer, Answered):
        await gate.failed(f"{answer.code}: {answer.reason}", probe=probe)
    elif answer.response.status in _STRAINED or doubtful:
        _breathe(destination, answer, outcomes)
        await gate.failed(f"{code_of(outcomes)} (HTTP {answer.response.status})", probe=probe)
    else:
        await gate.succeeded()


def _breathe(destination: Destination, answer: Answered, outcomes: Sequence[Outcome]) -> None:
    if header(answer.response.headers, "retry-after") is None:
        return
    pauses = [
        honoured(item.retry_after)
        for item in outcomes
        if isinstance(item, Deferred) and item.retry_after is not None
    ]
    if pauses:  # one lane's pause may be a day; the destination's own is no longer than our longest back-off
        destination.gate.breathe(min(max(pauses), destination.hub.settings.retry.longest))
