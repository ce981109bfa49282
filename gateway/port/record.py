"""The partner's own record of one dossier, and what it must hold: what an adapter may add so that both can be compared.

Optional: an adapter whose partner can be asked fulfils ``ShowsRecords`` besides ``Adapter``. Everything is pure, and
``interpret_record`` never raises, whatever the bytes. Invariant: the same step has the same key on both sides, and a
field that both sides hold alike has the same text.

A repair sends an earlier delivery again, under a key of its own that begins with ``repair:``; what makes a delivery
that delivery for the partner must therefore stand in its payload, never in its key alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from gateway.domain.delivery import Delivery
from gateway.domain.status import Status
from gateway.port.adapter import Adapter, CannotRead, Context
from gateway.port.wire import WireRequest, WireResponse

REPAIR_PREFIX = "repair:"


class RecordStep(msgspec.Struct, frozen=True, kw_only=True):
    """One processing step in a record. ``key``: the same for the same step on both sides, without personal data."""

    key: str
    at: datetime | None = None
    status: Status | None = None


class PartnerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner has of one dossier. Instants are aware UTC; None: the partner has none.

    ``detail`` False: the partner shows only that the dossier is there, so nothing else can be compared. ``steps`` in
    the order in which the partner shows them; None: it shows none. ``fields``: everything else worth comparing, by
    JSON pointer into the local record, as text that is equal when the values are. ``learned``: as in outcomes.
    """

    detail: bool = True
    status: Status | None = None
    received_at: datetime | None = None
    due_at: datetime | None = None
    finished_at: datetime | None = None
    steps: tuple[RecordStep, ...] | None = None
    fields: Mapping[str, str] = {}
    learned: Mapping[str, str] = {}
    raw: Any = None


class NoRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The partner surely has nothing under this number."""

    learned: Mapping[str, str] = {}


class Agreed(PartnerRecord, frozen=True, kw_only=True):
    """The very answer that was in step before; nothing of it was read."""


RecordReading = PartnerRecord | NoRecord | CannotRead


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner must have once deliveries were applied; each is named by its id.

    ``snapshots``: sent again in this order, they restore everything that is not a step. ``steps``: step key to the
    delivery that told it last. ``order``: all of these in the order in which they would have to leave if everything were
    sent again. ``whole`` False: the deliveries tell the dossier's status and no more, so that nothing else can be
    compared, and sending them again does not give the partner a dossier that it lacks. ``ends``: a dossier that has
    ended must show a step into one of these states, best first, else the partner takes it for unfinished; empty when
    that is not so, or when it has not ended.
    """

    record: PartnerRecord
    snapshots: tuple[int, ...] = ()
    steps: Mapping[str, int] = {}
    order: tuple[int, ...] = ()
    whole: bool = True
    ends: tuple[Status, ...] = ()


@runtime_checkable
class ShowsRecords(Protocol):
    """The optional part of an adapter."""

    @property
    def shows_records(self) -> bool:
        """Whether this partner, as configured, can be asked at all."""

    def encode_record(self, dossier: str, context: Context) -> WireRequest:
        """The question for everything that the partner has of ``dossier``. It changes nothing at the partner."""

    def interpret_record(self, dossier: str, response: WireResponse, context: Context) -> RecordReading:
        """The answer to ``encode_record``; ``context`` is the one given to it."""

    def expected_record(self, deliveries: Sequence[Delivery], context: Context) -> Expected | None:
        """What the partner has once ``deliveries``, all of one lane and in its order, were applied; None when they
        say nothing about a record. Raises CannotEncode and nothing else."""


@runtime_checkable
class TellsRules(Protocol):
    """What an adapter that ``ShowsRecords`` may add, so that what was in step is not compared again until something
    changes.

    It promises that both sides are read by these rules, the deliveries and the lane's memory, and by an answer's
    status, content type and body alone; by the clock only as far as the rules say.
    """

    def record_rules(self, context: Context) -> bytes:
        """Everything else that ``expected_record`` and ``interpret_record`` follow from, as bytes that differ when it
        does: settings, code tables as they hold on the day (in Việt Nam) of ``context.now``, ``context.catalogues``.
        Of ``context`` nothing else is looked at. Pure; a digest, so that no secret is in it."""


def record_reader(adapter: Adapter) -> ShowsRecords | None:
    """``adapter`` as one whose partner can be asked for its record; None when it cannot."""
    if isinstance(adapter, ShowsRecords) and adapter.shows_records:
        return adapter
    return None
