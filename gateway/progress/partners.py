"""The partners that are asked, and what the jobs that ask them share.

Invariant: there is one questioner per partner, so that whoever asks knows what else is being asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from gateway.domain.errors import NotFoundError
from gateway.port import Adapter
from gateway.progress.telling import Teller
from gateway.storage.database import Database
from gateway.wire import asking
from gateway.wire.asking import Questioner

P = TypeVar("P")


class Destination(asking.Destination, Protocol):
    """What is needed of a destination (``gateway.delivery.destination``)."""

    @property
    def adapter(self) -> Adapter:
        """Its adapter."""


class Partners:
    """``may_probe``: nobody else in this process tries whether a partner is back."""

    def __init__(
        self,
        database: Database,
        destinations: Mapping[str, Destination],
        teller: Teller,
        *,
        clock: Callable[[], datetime],
        may_probe: Callable[[], bool],
    ) -> None:
        self.database = database
        self.teller = teller
        self.clock = clock
        self.questioners = {
            name: Questioner(each, may_probe=may_probe) for name, each in destinations.items()
        }
        self._adapters = {name: each.adapter for name, each in destinations.items()}

    def those(self, part: Callable[[Adapter], P | None]) -> dict[str, P]:
        """The part of every adapter that has it, by destination."""
        found = {name: part(adapter) for name, adapter in sorted(self._adapters.items())}
        return {name: each for name, each in found.items() if each is not None}


def chosen(parts: Mapping[str, object], name: str | None, *, otherwise: str) -> tuple[str, ...]:
    """``name``, or every destination in ``parts``. NotFoundError, in the words of ``otherwise``: it is not there."""
    if name is None:
        return tuple(parts)
    if name not in parts:
        raise NotFoundError(f"{otherwise} at a destination {name!r}")
    return (name,)
