"""CONFIRM on its way to the agency: what is sent when, what came back, when it is repeated (payment_platform §15).

Invariant: a notice is delivered at most once at a time and never again after it was understood; at most one delivery
more than there are pauses. The stand-in only says what is due: somebody else has the socket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from adapters.payment_platform.simulator_answers import BAD, OK
from adapters.payment_platform.simulator_mac import digest
from adapters.payment_platform.simulator_model import Notice, State, Transaction
from adapters.payment_platform.simulator_variants import SPOILING, VARIANTS, Scene, body_of
from gateway.port.simulator import OutgoingCall

_HEADERS = (("content-type", "application/json; charset=utf-8"),)
KEPT_ANSWER = 2_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One notice to be made: its code and number, when, and whether it goes before the answer of INIT."""

    code: str
    number: str
    due_at: datetime
    variant: str = ""
    ahead: bool = False


def settle(transaction: Transaction, state: State, now: datetime, *, paid: bool) -> None:
    """The payer has paid, or failed to; the agency is told in the way of the transaction's faults."""
    at = now + timedelta(seconds=transaction.faults.get("clock_skew", 0.0))
    transaction.closed_at = at
    transaction.state = "paid" if paid else "failed"
    if paid:
        transaction.number = state.take_money(transaction, at).number
    for plan in _plans(transaction, state, now, paid=paid):
        announce(plan, transaction, state)


def _plans(transaction: Transaction, state: State, now: datetime, *, paid: bool) -> list[Plan]:
    faults, config = transaction.faults, state.config
    if "no_callback" in faults:
        return []
    late = faults.get("late_callback", 0.0) * config.time_scale
    start = now + timedelta(seconds=late)
    after = start + timedelta(seconds=config.gap_seconds * config.time_scale)
    plan = Plan(
        code=OK if paid else BAD,
        number=transaction.number,
        due_at=start,
        ahead="callback_before_init_reply" in faults,
    )
    failure = Plan(code=BAD, number="", due_at=after, variant="contradiction")
    if paid and "fail_then_success" in faults:
        return [msgspec.structs.replace(failure, due_at=start), msgspec.structs.replace(plan, due_at=after)]
    if paid and "success_then_fail" in faults:
        return [plan, failure]
    if paid and "second_MaGiaoDich" in faults:
        second = state.take_money(transaction, transaction.closed_at or now, second=True)
        return [plan, Plan(code=OK, number=second.number, due_at=after, variant="second_MaGiaoDich")]
    copies = int(faults.get("duplicate_callback", 1))
    step = timedelta(0) if config.parallel else after - start
    return [
        msgspec.structs.replace(plan, due_at=start + turn * step, variant="copy" if turn else "")
        for turn in range(copies)
    ]


def announce(plan: Plan, transaction: Transaction, state: State) -> Notice:
    """Put one notice on its way."""
    scene = Scene(state=state, transaction=transaction, code=plan.code, number=plan.number)
    chosen = [name for name in VARIANTS if name in transaction.faults]
    harmless = [name for name in chosen if name not in SPOILING]
    bodies = [body_of(scene, harmless)]
    if len(harmless) < len(chosen):
        bodies = [body_of(scene, chosen)] * state.config.spoilt_deliveries + bodies
    return post(
        Notice(
            id=state.next_id(),
            partner=transaction.partner,
            reference=transaction.reference,
            code=plan.code,
            variant=plan.variant or "+".join(chosen),
            bodies=tuple(bodies),
            due_at=plan.due_at,
            ahead=plan.ahead,
            repeats=plan.variant != "copy",
        ),
        state,
    )


def post(notice: Notice, state: State) -> Notice:
    """Keep a notice until it is understood or given up."""
    state.notices[notice.id] = state.waiting[notice.id] = notice
    return notice


def due(state: State, now: datetime) -> Sequence[OutgoingCall]:
    """What is to be sent now; each is in flight until ``answered``."""
    calls = []
    for notice in state.waiting.values():
        partner = state.partners.get(notice.partner)
        ready = notice.due_at is not None and notice.due_at <= now and not notice.in_flight
        if not ready or partner is None or not partner.callback_url:
            continue
        notice.in_flight = True
        turn = len(notice.deliveries)
        notice.deliveries.append({"sent_at": now.isoformat()})
        calls.append(
            OutgoingCall(
                id=notice.id,
                url=partner.callback_url,
                headers=_HEADERS,
                body=notice.bodies[min(turn, len(notice.bodies) - 1)],
                ahead=notice.ahead and turn == 0,
            )
        )
    return calls


def heard(notice: Notice, state: State, status: int, body: bytes) -> None:
    """Take the answer of a delivery; plan the next one, or none."""
    sent = notice.deliveries[-1]
    sent.update(status=status, answer=body[:KEPT_ANSWER].decode("utf-8", "replace"))
    notice.in_flight = False
    notice.accepted = status == 200 and _code(body) in {OK, notice.code}  # §14, U7: a failure may be echoed
    pauses = state.config.repeat_seconds
    turn = len(notice.deliveries)
    if notice.accepted or not notice.repeats or turn > len(pauses):
        notice.due_at = None
        state.waiting.pop(notice.id, None)
        return
    pause = pauses[turn - 1] * state.config.time_scale
    notice.due_at = datetime.fromisoformat(sent["sent_at"]) + timedelta(seconds=pause)


def _code(body: bytes) -> str | None:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    fields: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    code = next((value for name, value in fields.items() if name.lower() == "maloi"), None)
    return code if isinstance(code, str) else None


def return_url(transaction: Transaction, state: State, code: str, *, forged: bool) -> str | None:
    """Where the payer's browser goes (§5.4, V16); None when no page was registered."""
    partner = state.partners.get(transaction.partner)
    if partner is None or not partner.return_url:
        return None
    secret = "" if forged else partner.secrets[0]
    told = {
        "data": transaction.reference,
        "responseCode": code,
        "secureCode": digest((transaction.reference, code), secret),
    }
    joint = "&" if urlsplit(partner.return_url).query else "?"
    return f"{partner.return_url}{joint}{urlencode(told)}"
