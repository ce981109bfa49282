"""Asking for money: a request for a stored dossier, its next attempt, and what that attempt would be on the wire.

Invariants: what the platform would refuse for its form is refused here, before anything is written; a reference and its
time are made once, stored, and never made again (payment_platform §11.2); a dossier is asked once for one purpose; before
a payer is given a second address, the platform is asked what became of the first (§11.3).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from gateway.codec import canonical
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode, ConflictError, NotFoundError, RecordError
from gateway.domain.payment import CURRENCY, OPEN, RequestState
from gateway.domain.payment_order import OrderItem, OrderPayer, PaymentOrder
from gateway.domain.violation import Violation, shown
from gateway.payments.questions import Questioned
from gateway.payments.terms import Sketch, refusal, sketch
from gateway.port import Adapter, AttemptName, CollectsPayments, Context, WireRequest
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.payment_standing import EndedAttempt, Standing, StandingAttempt, standing
from gateway.storage.payments import INIT, Opened, Opening, open_payments

FEES = "fees"
PURPOSE_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,49}$(?!\n)"
Result = Literal["begun", "going_on", "paid"]
Ask: TypeAlias = Callable[[int], Awaitable[Questioned]]
_PURPOSE = re.compile(PURPOSE_PATTERN)
_SILENT = frozenset({"no_answer", "shut"})
_ORDERS = canonical.decoder(PaymentOrder)
_DOSSIERS = canonical.decoder(Dossier)


class PaymentWish(msgspec.Struct, frozen=True, kw_only=True):
    """Who (``actor``) wants which dossier paid for.

    ``purpose``: what is paid for, a short key (``PURPOSE_PATTERN``); the same purpose is asked for once.
    ``destination`` None: the one payment platform that there is. ``items`` None: every fee of the dossier that is not
    paid yet. ``payer`` None: the applicant.
    """

    dossier: str
    actor: str
    purpose: str = FEES
    destination: str | None = None
    items: tuple[OrderItem, ...] | None = None
    payer: OrderPayer | None = None


class PaymentMade(msgspec.Struct, frozen=True, kw_only=True):
    """``begun``: a new attempt is on its way. ``going_on``: an earlier one is still open. ``paid``: nothing to do."""

    result: Result
    payment: str
    attempt: str
    reference: str


class PaymentPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves, byte for byte. ``begun``: were an attempt made now; its name is never used again. ``going_on``,
    ``paid``: of the newest attempt that there is. Credentials stand in ``request``: whoever shows it redacts them."""

    destination: str
    order: PaymentOrder
    request: WireRequest
    result: Result


class Destination(Protocol):
    """What is needed of a destination."""

    @property
    def name(self) -> str:
        """As in the configuration."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What would be asked for, and the order for it. ``going_on``: the attempt that is open now."""

    drawn: Sketch
    order: PaymentOrder
    going_on: StandingAttempt | None


class Cashier:
    """Asks for money. ``wake`` says that there is something to send; ``chance`` gives 60 random bits; ``ask`` asks the
    platform about one attempt and lets its answer do what it may."""

    def __init__(  # noqa: PLR0913 - what it is put together from, each by its name
        self,
        database: Database,
        destinations: Mapping[str, Destination],
        clock: Callable[[], datetime],
        *,
        wake: Callable[[str], None],
        chance: Callable[[], int],
        ask: Ask,
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._clock = clock
        self._wake = wake
        self._chance = chance
        self._ask = ask

    async def create(self, wish: PaymentWish) -> PaymentMade:
        """Open the request, or its next attempt, or go on with what there is; durable on return.

        RecordError lists everything that could not be sent; NotFoundError: no such dossier or destination;
        ConflictError: asked for with other terms, a person must decide first, or nobody can say now whether an earlier
        attempt was paid after all.
        """
        destination = self._destination(wish)
        found = await self._standing(destination, wish)
        if found.ended and not _is_over(found):
            for earlier in found.ended:
                await self._require_unpaid(wish, earlier)
            found = await self._standing(destination, wish)
        if (ended := _paid(found)) is not None:
            return ended
        now = self._clock()
        draft = self._draft(destination, wish, found, now)
        if draft.going_on is None:
            self._encoded(destination, draft, now)
        opened: Opened = await self._database.apply(open_payments, _opening(destination, wish, draft, now))
        if opened.result == "begun":
            self._wake(destination.name)
        return PaymentMade(
            result=opened.result,
            payment=str(opened.request),
            attempt=str(opened.attempt),
            reference=opened.reference,
        )

    async def preview(self, wish: PaymentWish) -> PaymentPreview:
        """What ``create`` would send; nothing is written. The same errors but ConflictError."""
        destination = self._destination(wish)
        found = await self._standing(destination, wish)
        now = self._clock()
        attempt = None if found.request is None else found.request.attempt
        paid = _paid(found) is not None
        if attempt is not None and attempt.payload is not None and (paid or attempt.state in OPEN):
            order = _ORDERS.decode(attempt.payload)
            result: Result = "paid" if paid else "going_on"
            try:
                request = _encode(destination.adapter, order, now)
            except CannotEncode as fault:  # the settings have changed since
                raise RecordError(str(fault), fault.violations) from fault
            return PaymentPreview(destination=destination.name, order=order, request=request, result=result)
        draft = self._draft(destination, wish, found, now)
        request = self._encoded(destination, draft, now)
        return PaymentPreview(
            destination=destination.name, order=draft.order, request=request, result="begun"
        )

    async def _require_unpaid(self, wish: PaymentWish, earlier: EndedAttempt) -> None:
        """ConflictError unless the platform says that ``earlier``, which a payer had the address of, is over.

        A page that has told of one failure may take the money at the second try, and the report of that may be lost.
        """
        said = await self._ask(earlier.id)
        waits = said.effect in _SILENT or (said.effect == "ignored" and not said.alarm)
        if waits and not earlier.given_up:
            raise ConflictError(
                f"dossier {wish.dossier}: the platform cannot say now whether attempt {earlier.reference} was paid after "
                f"all (đang xử lý: {said.reason or said.code or 'pending'}); ask again in a few minutes"
            )

    def _destination(self, wish: PaymentWish) -> Destination:
        names = ", ".join(sorted(self._destinations)) or "none"
        if wish.destination is not None:
            if wish.destination not in self._destinations:
                raise NotFoundError(f"there is no payment platform {wish.destination!r}; there are: {names}")
            return self._destinations[wish.destination]
        if not self._destinations:
            raise NotFoundError("no payment platform is switched on; configure a destination for one")
        if len(self._destinations) > 1:
            raise RecordError(
                "there are several payment platforms",
                [
                    Violation(
                        pointer="/destination",
                        code="missing",
                        got="none",
                        expected=f"one of {names}",
                        advice="name the destination that is to collect the money",
                    )
                ],
            )
        return next(iter(self._destinations.values()))

    async def _standing(self, destination: Destination, wish: PaymentWish) -> Standing:
        if not _PURPOSE.match(wish.purpose):
            raise RecordError(
                "the purpose is no key",
                [
                    Violation(
                        pointer="/purpose",
                        code="pattern",
                        got=shown(wish.purpose),
                        expected="1 to 50 of a-z, 0-9, '.', '_' and '-', a letter or a digit first",
                        advice=f"leave it out for the dossier's fees ({FEES}), or give a short key",
                    )
                ],
            )
        found = await self._database.read(
            functools.partial(standing, destination=destination.name, code=wish.dossier, purpose=wish.purpose)
        )
        if found is None:
            raise NotFoundError(f"there is no dossier {wish.dossier}")
        return found

    def _draft(self, destination: Destination, wish: PaymentWish, found: Standing, now: datetime) -> _Draft:
        dossier, request = _DOSSIERS.decode(found.record), found.request
        before = None if request is None else request.terms
        drawn = sketch(dossier, wish.items, wish.payer, before=before)
        attempt = None if request is None else request.attempt
        going_on = attempt if attempt is not None and attempt.state in OPEN else None
        name, partner = self._named(destination, now)
        terms = drawn.terms
        order = PaymentOrder(
            reference=name.reference,
            asked_at=name.asked_at,
            partner=partner,
            dossier=wish.dossier,
            amount=drawn.amount,
            items=terms.items,
            payer=terms.payer,
            procedure=terms.procedure,
            agency=terms.agency,
            beneficiary=terms.beneficiary,
        )
        return _Draft(drawn=drawn, order=order, going_on=going_on)

    def _named(self, destination: Destination, now: datetime) -> tuple[AttemptName, str]:
        adapter = destination.adapter
        if not isinstance(adapter, CollectsPayments):
            raise NotFoundError(f"{destination.name} is no payment platform")
        return adapter.name_attempt(now, self._chance()), adapter.payment_terms.partner

    def _encoded(self, destination: Destination, draft: _Draft, now: datetime) -> WireRequest:
        try:
            return _encode(destination.adapter, draft.order, now)
        except CannotEncode as fault:
            raise refusal(draft.drawn, draft.order.dossier, fault) from fault


def _is_over(found: Standing) -> bool:
    """Whether no attempt would begin anyway: it is paid, or one is open."""
    request = found.request
    if request is None:
        return False
    return request.state is not RequestState.OPEN or (
        request.attempt is not None and request.attempt.state in OPEN
    )


def _paid(found: Standing) -> PaymentMade | None:
    """The request's end, if it has been paid; what the dossier says of its fees by now does not matter then."""
    request = found.request
    if request is None or request.state is RequestState.OPEN:
        return None
    attempt = request.attempt
    return PaymentMade(
        result="paid",
        payment=str(request.id),
        attempt="" if attempt is None else str(attempt.id),
        reference="" if attempt is None else attempt.reference,
    )


def _encode(adapter: Adapter, order: PaymentOrder, now: datetime) -> WireRequest:
    delivery = Delivery(
        id=0,
        lane=0,
        destination=adapter.manifest.name,
        dossier=order.dossier,
        operation=INIT,
        key=order.reference,
        position=0,
        payload=canonical.encode(order),
    )
    return adapter.encode([delivery], Context(now=now))


def _opening(destination: Destination, wish: PaymentWish, draft: _Draft, now: datetime) -> Opening:
    order = draft.order
    return Opening(
        destination=destination.name,
        dossier=wish.dossier,
        purpose=wish.purpose,
        amount=order.amount,
        currency=CURRENCY,
        terms=canonical.encode(draft.drawn.terms),
        partner=order.partner,
        reference=order.reference,
        asked_at=order.asked_at,
        payload=canonical.encode(order),
        by=wish.actor,
        now=to_micros(now),
    )
