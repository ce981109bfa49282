"""Asking a payment platform something; evidence names the log entry of its answer.

Invariant: what is returned is what the adapter made of a logged answer, or why there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeAlias

from gateway.port import Adapter, CannotRead, Context, Read, WireResponse
from gateway.wire import asking
from gateway.wire.asking import Question, Questioner, Reply, Unasked


class Destination(asking.Destination, Protocol):
    """What is needed of a destination (``gateway.delivery.destination``)."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""


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
                kind=Read,
                encode=partial(adapter.encode_read, name, parameters),
                read=read,
                dossier=dossier,
            )
        )
