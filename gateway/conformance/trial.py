"""Calling an adapter that may misbehave: its exceptions become text, its flaws are told once, not a thousand times.

Invariant: what an adapter raises never ends a check, and the kit's own faults never pass for the adapter's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from gateway.conformance.finding import Flaw
from gateway.domain.errors import CannotEncode

T = TypeVar("T")


class Returned(msgspec.Struct, Generic[T], frozen=True):
    """The call came back with ``value``."""

    value: T


class Refused(msgspec.Struct, frozen=True):
    """The call raised CannotEncode, as it may."""

    error: CannotEncode

    def __str__(self) -> str:
        return "raised CannotEncode"


class Raised(msgspec.Struct, frozen=True):
    """The call raised something that it must not."""

    error: BaseException

    def __str__(self) -> str:
        text = " ".join(str(self.error).split())
        return f"raised {type(self.error).__name__}: {text[:160]}"


def attempt(call: Callable[[], T]) -> Returned[T] | Refused | Raised:
    """The result of ``call``, whatever happens."""
    try:
        return Returned(call())
    except CannotEncode as error:
        return Refused(error)
    except Exception as error:  # why: the point of the kit is to see what an adapter raises
        return Raised(error)


class Tally:
    """Flaws of one check, the first example of each kind with a count of the others."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], str] = {}
        self._count: Counter[tuple[str, str]] = Counter()

    def add(self, where: str, kind: str, example: str) -> None:
        """Note that ``where`` did ``kind``, seen with ``example``."""
        self._first.setdefault((where, kind), example)
        self._count[where, kind] += 1

    def flaws(self) -> Iterator[Flaw]:
        """One flaw per place and kind."""
        for (where, kind), example in self._first.items():
            others = self._count[where, kind] - 1
            more = f" and {others} more" if others else ""
            yield Flaw(where=where, what=f"{kind} ({example}{more})")
