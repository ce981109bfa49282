"""Remembered agreement: everything that a verdict "in step" followed from, as two digests, ours and theirs.

A comparison is pure: the same lane, read by the same rules, and the same answer give the same verdict. Invariant: what a
comparison looks at stands in one of the digests, so that two equal pairs were one comparison; whoever adds to what is
looked at adds to what is digested.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from hashlib import sha256
from importlib import metadata
from typing import Any

import msgspec

from gateway.mapping.formats import local_date
from gateway.port import Context, ShowsRecords, TellsRules, WireResponse, header
from gateway.storage.drift_lanes import LaneOutline

_sorted = msgspec.json.Encoder(order="sorted")


def lane_digest(rules: bytes, lane: LaneOutline) -> bytes:
    """Digest of our side: the rules, the lane's memory, and each of its deliveries with its place, state and
    last correction. Nothing else changes what a delivery tells, so its identifier stands for that."""
    content = (lane.destination, lane.dossier, lane.lane, lane.stamp.next_position, lane.memory, lane.told)
    return sha256(rules + _sorted.encode(content)).digest()


def answer_digest(response: WireResponse) -> bytes:
    """Digest of their side: what an adapter may read in an answer (``TellsRules``)."""
    head = _sorted.encode((response.status, header(response.headers, "content-type")))
    return sha256(head + b"\0" + response.body).digest()


class Recall:
    """One look's chance to recognise an answer. ``ours``: digest of our side. ``remembered``: digest of the answer that
    was in step with it; None: there is none. ``theirs``: digest of the answer that came."""

    __slots__ = ("ours", "remembered", "theirs")

    def __init__(self, ours: bytes, remembered: bytes | None) -> None:
        self.ours = ours
        self.remembered = remembered
        self.theirs: bytes | None = None

    def recognises(self, response: WireResponse) -> bool:
        """Whether this is the answer that was in step, byte by byte."""
        self.theirs = answer_digest(response)
        return self.theirs == self.remembered


class Rules:
    """The rules by which the records of one partner are read, as a digest: the gateway's own version, and what the
    adapter tells of itself. ``context``: what the adapter is lent now. ``version``: the gateway's, if not the installed."""

    def __init__(
        self, reader: ShowsRecords, context: Callable[[], Context], *, version: str | None = None
    ) -> None:
        self._reader = reader
        self._context = context
        self._version = version or metadata.version("lienthong")
        self._known: tuple[Any, date, bytes] | None = None

    def digest(self) -> bytes | None:
        """The rules that hold now; None when the adapter does not tell them, and then nothing is remembered."""
        if not isinstance(self._reader, TellsRules):
            return None
        context = self._context()
        catalogues, day = context.catalogues, local_date(context.now)
        if self._known is None or self._known[0] is not catalogues or self._known[1] != day:
            told = self._reader.record_rules(context)
            # catalogues are replaced as a whole, never changed: the same object says the same
            self._known = (catalogues, day, sha256(_sorted.encode(self._version) + told).digest())
        return self._known[2]
