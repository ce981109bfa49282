"""Asking one partner for its record of one dossier: at a pace of its own, logged like every exchange.

Invariant: what is returned is what the adapter made of a logged answer, or why there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.port import (
    Adapter,
    Agreed,
    CannotRead,
    Context,
    Expected,
    NoRecord,
    PartnerRecord,
    RecordReading,
    ShowsRecords,
    WireResponse,
)
from gateway.port.adapter import Catalogues
from gateway.statussync.agreement import Recall, Rules
from gateway.storage.intake import LanePlan
from gateway.wire import asking
from gateway.wire.asking import Question, Questioner, Unasked
from gateway.wire.authentication import Credentials

OPERATION = "record"
_SIGNED_OUT = Credentials(values={}, generations={})


class Destination(asking.Destination, Protocol):
    """What is needed of a destination (``gateway.delivery.destination``)."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""

    @property
    def catalogues(self) -> Catalogues:
        """Reference data of the partner."""

    @property
    def provide(self) -> Callable[[Sequence[tuple[str, Mapping[str, str]]]], Awaitable[str | None]]:
        """Fetches reference data that an encoding misses."""

    def secrets(self) -> Sequence[str]:
        """What must not be shown."""


RecordAnswer: TypeAlias = PartnerRecord | NoRecord | Unasked


class Pace:
    """At most ``rate`` questions a second; 0 for no limit of our own."""

    def __init__(self, rate: float) -> None:
        self._pause = 1.0 / rate if rate > 0 else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next question's turn."""
        if not self._pause:
            return
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + self._pause
        if mine > now:
            await asyncio.sleep(mine - now)


class Inquiry:
    """Questions to one partner. ``may_probe``: nobody else in this process tries whether it is back. ``plan``: what the
    partner would be told about a dossier."""

    def __init__(
        self,
        destination: Destination,
        reader: ShowsRecords,
        *,
        pace: Pace | None = None,
        may_probe: Callable[[], bool],
        plan: Callable[[Dossier], LanePlan],
    ) -> None:
        self.destination = destination
        self.plan = plan
        self.rules = Rules(reader, partial(destination.context, _SIGNED_OUT, {}))
        self._reader = reader
        self._pace = pace or Pace(0)
        self._questioner = Questioner(destination, may_probe=may_probe)

    @property
    def name(self) -> str:
        """The destination's name."""
        return self.destination.name

    async def ask(
        self, dossier: str, memory: Mapping[str, str], recall: Recall | None = None
    ) -> RecordAnswer:
        """What the partner has of ``dossier``; ``memory`` is the lane's. Agreed, when ``recall`` recognises the answer."""
        await self._pace.turn()
        question: Question[PartnerRecord | NoRecord] = Question(
            operation=OPERATION,
            kind=(PartnerRecord, NoRecord),
            encode=partial(self._reader.encode_record, dossier),
            read=partial(self._read, dossier, recall),
            memory=memory,
            dossier=dossier,
        )
        told = (await self._questioner.ask(question)).told
        if isinstance(told, CannotRead):
            return Unasked(code=told.code, reason=told.reason, answered=True)
        return told

    def _read(
        self, dossier: str, recall: Recall | None, response: WireResponse, context: Context
    ) -> RecordReading:
        if recall is not None and recall.recognises(response):
            return Agreed()
        return self._reader.interpret_record(dossier, response, context)

    async def expected(self, deliveries: Sequence[Delivery], memory: Mapping[str, str]) -> Expected | None:
        """What the partner has once ``deliveries`` were applied. CannotEncode when nobody can tell."""
        if not deliveries:
            return None
        context = self.destination.context(_SIGNED_OUT, memory)
        try:
            return self._reader.expected_record(deliveries, context)
        except CannotEncode as fault:
            if not fault.missing or await self.destination.provide(fault.missing) is not None:
                raise
        return self._reader.expected_record(deliveries, self.destination.context(_SIGNED_OUT, memory))
