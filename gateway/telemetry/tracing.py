"""Where on its journey something is: W3C trace contexts, spans as values, and the place that a line of the program log is
written at.

Invariants: switched off, nothing is made, stored or sent; a span holds names, codes, numbers and durations, never an
address, a header, a body or anybody's words.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Literal, TypeAlias

import msgspec

Value: TypeAlias = str | int | float | bool
Kind: TypeAlias = Literal["server", "client", "producer", "consumer", "internal"]
# W3C Trace Context §3.2.2: a version of two digits, of which 00 is the one that we write; later ones may say more
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HALF = 1 << 64


class Place(msgspec.Struct, frozen=True):
    """A span in a trace. ``sampled``: whether it is recorded."""

    trace: int
    span: int
    sampled: bool

    @property
    def traceparent(self) -> str:
        """As W3C Trace Context writes it."""
        return f"00-{self.trace:032x}-{self.span:016x}-{int(self.sampled):02x}"


class Journey(msgspec.Struct, frozen=True):
    """A place, and the correlation id of what began there."""

    place: Place
    correlation: str


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has ended. ``began``, ``ended``: nanoseconds since 1970; ``parent``: the span that it belongs to."""

    name: str
    kind: Kind
    place: Place
    began: int
    ended: int
    parent: int | None = None
    attributes: Mapping[str, Value] = {}
    links: tuple[Place, ...] = ()
    failed: bool = False


class Tracing:
    """Switched off: what everybody has who was given no other."""

    on = False

    def root(self, incoming: Place | None = None) -> Place:
        """Where a journey begins, or goes on that began with somebody else, who has then decided whether it is recorded."""
        del incoming
        return Place(0, 0, sampled=False)

    def keep(self, span: Span) -> None:
        """Hand ``span`` over to whoever sends it; never waits, never fails."""

    def close(self) -> None:
        """Send what is there, for a moment at most."""


OFF = Tracing()


class Drawing:
    """Draws places; ``ratio``: the share of traces that is recorded, decided by the trace's number alone."""

    def __init__(self, ratio: float) -> None:
        self._bound = round(ratio * _HALF)
        self._bits = random.Random().getrandbits  # noqa: S311 - numbers, no secrets

    def root(self, incoming: Place | None = None) -> Place:
        """A new place in ``incoming``'s trace, or in a new one."""
        if incoming is not None:
            return Place(incoming.trace, self._bits(64) or 1, incoming.sampled)
        trace = self._bits(128) or 1
        return Place(trace, self._bits(64) or 1, self._is_sampled(trace))

    def _is_sampled(self, trace: int) -> bool:
        return trace % _HALF < self._bound  # as OpenTelemetry's TraceIdRatioBased does


def span_of(seed: str) -> int:
    """The number of the span that ``seed`` names, the same in every process."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8, person=b"span").digest()) or 1


def within(place: Place, seed: str) -> Place:
    """The span that ``seed`` names, in the trace of ``place``."""
    return Place(place.trace, span_of(seed), place.sampled)


def read_traceparent(text: str) -> Place | None:
    """The place that a ``traceparent`` header names; None when it names none."""
    found = _TRACEPARENT.fullmatch(text.strip())
    if found is None or (found[1] == "00" and found[5] is not None):
        return None
    trace, span = int(found[2], 16), int(found[3], 16)
    return Place(trace, span, bool(int(found[4], 16) & 1)) if trace and span else None


def plain_code(code: str) -> str:
    """``code`` where it is fit to stand in a trace: partners put words into theirs."""
    return code if _CODE.fullmatch(code) else "unprintable"


_HERE: ContextVar[Journey | None] = ContextVar("lienthong_journey", default=None)


def here() -> Journey | None:
    """The journey that the running task is part of."""
    return _HERE.get()


def stand(journey: Journey | None) -> None:
    """From now on the running task is part of ``journey``."""
    _HERE.set(journey)
