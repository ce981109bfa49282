"""Asking a payment platform something, logged so that evidence names the entry of its answer.

Invariant: what is returned is what the adapter made of a logged answer, or why there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol, TypeAlias

import msgspec

from gateway.messagelog.entry import About, Scope, request_entry
from gateway.port import Adapter, CannotRead, Context, Read, WireRequest, WireResponse
from gateway.storage.database import Database
from gateway.storage.rows import MessageRow
from gateway.wire import asking
from gateway.wire.asking import Logged, Question, Questioner, Reply, Unasked
from gateway.wire.client import Exchange


class Hub(Protocol):
    """What destinations share (``gateway.delivery.destination``)."""

    @property
    def database(self) -> Database:
        """The message log's."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Aware UTC."""


class Destination(asking.Destination, Protocol):
    """What is needed of a destination (``gateway.delivery.destination``)."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""

    @property
    def hub(self) -> Hub:
        """What destinations share."""

    @property
    def scope(self) -> Scope:
        """Its place in the message log."""

    async def timed_exchange(self, request: WireRequest) -> Exchange:
        """The bare exchange; the caller has logged the request."""

    def answer_entry(self, about: About, result: Exchange) -> MessageRow:
        """The log entry of what came back."""

    async def append(self, row: MessageRow) -> None:
        """Write one log entry; StorageUnavailable when it cannot be written, and then nothing may leave."""

    def secrets(self) -> Sequence[str]:
        """What must not be shown."""


Told: TypeAlias = Read | CannotRead | Unasked
Asked: TypeAlias = Reply[Read]
"""What was told, and the log entry that it stands in; None when nothing was asked."""


class Asker:
    """Reads of one destination. ``may_probe``: nobody else in this process tries whether it is back."""

    def __init__(self, destination: Destination, *, may_probe: Callable[[], bool]) -> None:
        self.destination = destination
        self._questioner = Questioner(destination, may_probe=may_probe)

    async def read(self, name: str, parameters: Mapping[str, str], dossier: str) -> Told:
        """What the platform says to read operation ``name``. Raises StorageUnavailable when it cannot be logged."""
        return (await self.ask(name, parameters, dossier)).told

    async def ask(self, name: str, parameters: Mapping[str, str], dossier: str) -> Asked:
        """Like ``read``, with the log entry that the answer stands in."""
        adapter = self.destination.adapter

        def read(response: WireResponse, _context: Context) -> Read | CannotRead:
            return adapter.interpret_read(name, parameters, response)

        return await self._questioner.ask(
            Question(
                operation=name,
                encode=partial(adapter.encode_read, name, parameters),
                exchange=partial(self._exchange, name, dossier),
                read=read,
            )
        )

    async def _exchange(self, name: str, dossier: str, request: WireRequest) -> Logged:
        """The exchange, logged before and after, with the number of the answer's entry."""
        destination, hub = self.destination, self.destination.hub
        about = About(id=hub.database.identifiers.next(), at=hub.clock(), operation=name, dossier=dossier)
        secrets = destination.secrets()
        await destination.append(request_entry(destination.scope, about, request, secrets=secrets))
        result = await destination.timed_exchange(request)
        answer = hub.database.identifiers.next()
        told = msgspec.structs.replace(about, id=answer, at=hub.clock(), request_id=about.id)
        await destination.append(destination.answer_entry(told, result))
        return Logged(result=result, message=answer)
