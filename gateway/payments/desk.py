"""What people do to payments: cancel, propose, decide, give money back. Every order has its actor and its reason.

Invariants: nothing here settles by itself; whoever approves is not whoever asked; before a request is cancelled the
platform is asked about what is still open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeAlias, TypeVar

from gateway.domain.errors import NotFoundError
from gateway.domain.payment import OPEN
from gateway.domain.persons import same_person
from gateway.storage.database import Database, Transaction
from gateway.storage.payment_cancelling import cancel_payment
from gateway.storage.payment_decisions import find_decision
from gateway.storage.payment_desk import answer_proposal, propose
from gateway.storage.payment_files import lock_attempts, lock_request
from gateway.storage.payment_orders import (
    Answer,
    Cancel,
    CancelDone,
    DecisionDone,
    Proposal,
    RefundDone,
    RefundOrder,
)
from gateway.storage.payment_refunds import answer_refund, request_refund

Ask: TypeAlias = Callable[[int], Awaitable[object]]
"""Asks the platform about one attempt now; what it answered is in the rows afterwards."""
_Order = TypeVar("_Order")
_Done = TypeVar("_Done")


class PaymentDesk:
    """Takes orders. ``clock`` gives aware UTC; orders carry the time at which they were given."""

    def __init__(self, database: Database, ask: Ask, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._ask = ask
        self.clock = clock

    async def cancel(self, order: Cancel) -> CancelDone:
        """Ask for this money no more; an open attempt is asked about first.

        ConflictError: it could still be paid, was paid, or somebody must decide about it. NotFoundError.
        """
        for attempt in await self._database.write(partial(_open_attempts, payment=order.payment)):
            # who cannot be asked (switched off by now) says nothing; what is open stays a reason to refuse
            with suppress(NotFoundError):
                await self._ask(attempt)
        return await self._carry_out(cancel_payment, order)

    async def propose(self, order: Proposal) -> DecisionDone:
        """Put what is to be done about an attempt before a second person. ConflictError, NotFoundError, RecordError."""
        return await self._carry_out(propose, order)

    async def answer(self, order: Answer) -> DecisionDone:
        """Approve or decline a proposal; what is to be given up is asked about once more. ConflictError: the actor
        made it, it was decided, or it cannot be carried out any more; then nothing has changed. NotFoundError."""
        if order.verdict == "approved":
            attempt = await self._database.write(partial(_given_up, order=order))
            if attempt is not None:
                with suppress(NotFoundError):
                    await self._ask(attempt)
        return await self._carry_out(answer_proposal, order)

    async def request_refund(self, order: RefundOrder) -> RefundDone:
        """Ask for money to be given back. ConflictError: more than came in. NotFoundError, RecordError."""
        return await self._carry_out(request_refund, order)

    async def answer_refund(self, order: Answer) -> RefundDone:
        """Approve or decline a refund. ConflictError: the actor asked for it, or it was decided. NotFoundError."""
        return await self._carry_out(answer_refund, order)

    async def _carry_out(self, unit: Callable[[Transaction, _Order], _Done], order: _Order) -> _Done:
        return await self._database.write(lambda transaction: unit(transaction, order))


def _given_up(transaction: Transaction, order: Answer) -> int | None:
    """The attempt that would be given up by ``order``; None when it would not."""
    found = find_decision(transaction, order.target)
    waits = found.kind == "give_up" and found.state == "requested"
    return found.attempt if waits and not same_person(found.requested_by, order.actor) else None


def _open_attempts(transaction: Transaction, payment: int) -> list[int]:
    request = lock_request(transaction, payment)
    return [each.id for each in lock_attempts(transaction, request) if each.state in OPEN]
