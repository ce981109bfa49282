"""Asking for money: a request for a stored dossier, its next attempt, and what that attempt would be on the wire.

Invariants: what the platform would refuse for its form is refused here, before anything is written; a reference and its
time are made once, stored, and never made again (payment_platform §11.2); a dossier is asked once for one purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from gateway.domain.payment_order import OrderItem, OrderPayer, PaymentOrder
from gateway.port import Adapter, WireRequest
from gateway.storage.database import Database

FEES = "fees"


class PaymentWish(msgspec.Struct, frozen=True, kw_only=True):
    """Who (``actor``) wants which dossier paid for.

    ``purpose``: what is paid for; the same purpose is asked for once. ``destination`` None: the one payment platform
    that there is. ``items`` None: every fee of the dossier that is not paid yet. ``payer`` None: the applicant.
    """

    dossier: str
    actor: str
    purpose: str = FEES
    destination: str | None = None
    items: tuple[OrderItem, ...] | None = None
    payer: OrderPayer | None = None


class PaymentMade(msgspec.Struct, frozen=True, kw_only=True):
    """``begun``: a new attempt is on its way. ``going_on``: an earlier one is still open. ``paid``: nothing to do."""

    result: Literal["begun", "going_on", "paid"]
    payment: str
    attempt: str
    reference: str


class PaymentPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would leave, byte for byte, were the attempt made now. ``going_on``: that of the attempt that is open."""

    destination: str
    order: PaymentOrder
    request: WireRequest
    result: Literal["begun", "going_on", "paid"]


class Destination(Protocol):
    """What is needed of a destination."""

    @property
    def name(self) -> str:
        """As in the configuration."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""


class Cashier:
    """Asks for money. ``wake`` says that there is something to send; ``chance`` gives 60 random bits."""

    def __init__(
        self,
        database: Database,
        destinations: Mapping[str, Destination],
        clock: Callable[[], datetime],
        *,
        wake: Callable[[str], None],
        chance: Callable[[], int],
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._clock = clock
        self._wake = wake
        self._chance = chance

    async def create(self, wish: PaymentWish) -> PaymentMade:
        """Open the request, or its next attempt, or go on with what there is; durable on return.

        RecordError lists everything that could not be sent; NotFoundError: no such dossier or destination;
        ConflictError: asked for with other terms, or a person must decide first.
        """
        raise NotImplementedError

    async def preview(self, wish: PaymentWish) -> PaymentPreview:
        """What ``create`` would send; nothing is written. The same errors."""
        raise NotImplementedError
