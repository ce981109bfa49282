"""What a second person says, carried out: every kind of approval by one door.

Invariant: an approval and what it allows are two transactions; when the second one fails, the approval stands, its failure
is told, and whoever gives the same order again carries it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from gateway.domain.errors import ConflictError, GatewayError, NotFoundError
from gateway.storage.approvals import Approval, Word, decide
from gateway.storage.database import Database
from gateway.storage.delivery_edits import Edit, EditDone, KeptEdit, edit_delivery, edits_of, end_proposals
from gateway.storage.operators import operate
from gateway.storage.orders import DeliveryDone, Order, Resolve, Skip, Verdict
from gateway.storage.oversight import Dangerous
from gateway.storage.payment_orders import Answer, DecisionDone, RefundDone
from gateway.storage.queries_approvals import PAYMENTS, ApprovalFilter, approvals, find_approval

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

Carrier: TypeAlias = Callable[[Approval], Awaitable[None]]
"""Carries out what was approved, in the name of who asked for it; GatewayError when it cannot be."""
_REFUND = f"{PAYMENTS}refund"


class Cashbox(Protocol):
    """Who decides about money (``gateway.payments.desk``)."""

    async def answer(self, order: Answer) -> DecisionDone:
        """Approve or decline a proposal."""

    async def answer_refund(self, order: Answer) -> RefundDone:
        """Approve or decline a refund."""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """An approval afterwards. ``done``: what was approved has been done. ``trouble``: why it has not been, although it
    was approved; the same order, given again, does it while the approval is good."""

    approval: Approval
    done: bool
    trouble: str | None = None


class ApprovalDesk:
    """Takes the second person's word. ``carriers``: what can be done at once, by action."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        cashbox: Cashbox,
        carriers: Mapping[Dangerous, Carrier],
    ) -> None:
        self._database = database
        self._clock = clock
        self._cashbox = cashbox
        self._carriers = carriers

    async def search(self, wanted: ApprovalFilter) -> list[Approval]:
        """What waits and what was decided, newest first."""
        return await self._database.read(partial(approvals, wanted=wanted))

    async def find(self, identifier: int) -> Approval:
        """One of them. NotFoundError."""
        found = await self._database.read(partial(find_approval, identifier=identifier, now=self._clock()))
        if found is None:
            raise NotFoundError(f"there is no approval {identifier}")
        return found

    async def say(self, word: Word) -> Decided:
        """Approve or decline; what is approved is done at once where it can be. ConflictError, NotFoundError."""
        about = await self.find(word.approval)
        if about.action.startswith(PAYMENTS):
            return await self._about_money(word, about)
        decided = await self._database.write(partial(_decided, word=word, about=about))
        if isinstance(decided, ConflictError):
            raise decided
        if decided.state != "approved":
            return Decided(approval=decided, done=decided.state == "carried_out")
        carrier = self._carriers.get(Dangerous(decided.action))
        trouble: str | None = "give the same order again"
        if carrier is not None:
            trouble = await _carried_out(carrier, decided)
        return Decided(approval=await self.find(word.approval), done=trouble is None, trouble=trouble)

    async def _about_money(self, word: Word, about: Approval) -> Decided:
        if word.digest not in {None, about.digest}:
            raise ConflictError(
                f"approval {about.id} is of something else than what you have seen; look again"
            )
        answer = Answer(
            actor=word.actor, reason=word.reason, now=word.now, target=word.approval, verdict=word.verdict
        )
        if about.action == _REFUND:
            await self._cashbox.answer_refund(answer)
        else:
            await self._cashbox.answer(answer)
        after = await self.find(word.approval)
        return Decided(approval=after, done=after.state == "carried_out")


def _decided(transaction: Transaction, word: Word, about: Approval) -> Approval | ConflictError:
    decided = decide(transaction, word)
    if about.action == Dangerous.EDIT:
        end_proposals(transaction, about if isinstance(decided, ConflictError) else decided, word.now)
    return decided


async def _carried_out(carrier: Carrier, decided: Approval) -> str | None:
    try:
        await carrier(decided)
    except GatewayError as fault:
        return str(fault)
    return None


def proposal_of(about: Approval, kept: Sequence[KeptEdit]) -> KeptEdit | None:
    """The correction, among those ``kept`` of its delivery, that approval ``about`` was asked for."""
    digests = (about.parameters["shown"], about.parameters["edit"])
    return next((each for each in kept if (each.before_digest, each.after_digest) == digests), None)


def delivery_carriers(
    database: Database, clock: Callable[[], datetime], wake: Callable[[str], None]
) -> dict[Dangerous, Carrier]:
    """Skipping, resolving and correcting. ``wake`` is told the destination that may have something to send now."""

    async def give(order: Order) -> None:
        done = await database.apply(operate, order)
        if isinstance(done, DeliveryDone):
            wake(done.destination)

    async def skip(about: Approval) -> None:
        await give(
            Skip(
                actor=about.requested_by,
                reason=about.reason,
                now=clock(),
                delivery=int(about.parameters["delivery"]),
            )
        )

    async def resolve(about: Approval) -> None:
        verdict: Verdict = msgspec.convert(about.parameters["verdict"], Verdict)
        await give(
            Resolve(
                actor=about.requested_by,
                reason=about.reason,
                now=clock(),
                delivery=int(about.parameters["delivery"]),
                verdict=verdict,
                snapshot=bool(about.parameters["snapshot"]),
            )
        )

    async def edit(about: Approval) -> None:
        told = about.parameters
        kept = await database.read(partial(edits_of, delivery_id=int(told["delivery"]), now=clock()))
        found = proposal_of(about, kept)
        if found is None:
            raise NotFoundError("the proposed correction is not kept any more; make it again")
        order = Edit(
            actor=about.requested_by,
            reason=about.reason,
            now=clock(),
            delivery=int(told["delivery"]),
            shown=found.before_digest,
            content=found.after,
            pointers=tuple(found.pointers),
        )
        done = await database.write(partial(edit_delivery, order=order))
        if isinstance(done, EditDone):
            wake(done.destination)

    return {Dangerous.SKIP: skip, Dangerous.RESOLVE: resolve, Dangerous.EDIT: edit}
