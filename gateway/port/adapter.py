"""The adapter protocol: encode a delivery to bytes, interpret bytes to an outcome.

Every method is a pure function of its arguments. ``interpret``, ``interpret_query``, ``interpret_read`` and
``read_callback`` never raise, whatever the bytes: what cannot be read is ``InDoubt`` (or ``CannotRead``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.outcome import Outcome
from gateway.domain.violation import Violation
from gateway.port.callback import Callback, CallbackRequest
from gateway.port.credential import CredentialLayer
from gateway.port.manifest import Manifest
from gateway.port.simulator import Simulator
from gateway.port.wire import WireRequest, WireResponse

Catalogues = Mapping[str, Mapping[str, Any]]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub lends to an adapter for one call.

    ``now``: aware UTC. ``credentials``: value per credential layer. ``memory``: what earlier answers taught us
    about this dossier at this partner (``learned``); ``memories``: the same by delivery, where one call carries
    deliveries of several lanes. ``catalogues``: cached reference data, catalogue name to entry key to entry; a
    catalogue that was never fetched is missing, which is not the same as empty. ``files``: bytes by lower-case SHA-256,
    as far as an encoding has asked for them (``FILE`` in ``CannotEncode.missing``).
    """

    now: datetime
    credentials: Mapping[str, str] = {}
    memory: Mapping[str, str] = {}
    memories: Mapping[int, Mapping[str, str]] = {}
    catalogues: Catalogues = {}
    files: Mapping[str, bytes] = {}

    def memory_of(self, delivery: Delivery) -> Mapping[str, str]:
        """What is remembered about the dossier of ``delivery``."""
        return self.memories.get(delivery.id, self.memory)

    def number_of(self, dossier: str) -> str:
        """The number by which the partner knows ``dossier``: the one that is remembered, else the province's own."""
        return self.memory.get("partner_code") or dossier


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that a version of a dossier calls for; the hub drops those whose key it already has.

    ``fingerprint``: what the partner would see of it. A snapshot with the fingerprint of the one before it is not
    sent again; without one the payload is compared. ``happened_at``: aware instant of what it tells, if that is
    one thing; the lag of synchronisation is counted from it.
    """

    operation: str
    key: str
    payload: bytes
    fingerprint: bytes = b""
    happened_at: datetime | None = None


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """The partner's answer to a question. ``entries`` maps an entry's key to the entry (for catalogues), and is
    empty when the partner knows nothing of what was asked."""

    entries: dict[str, Any]


class CannotRead(msgspec.Struct, frozen=True, kw_only=True):
    """No usable answer. ``renew`` names credential layers to renew before asking again."""

    code: str
    reason: str
    renew: tuple[str, ...] = ()


Reading = Read | CannotRead


class Adapter(Protocol):
    """One partner system."""

    @property
    def manifest(self) -> Manifest:
        """What the adapter declares about itself."""

    @property
    def credentials(self) -> Sequence[CredentialLayer]:
        """Authentication layers, in the order in which they are obtained; empty when there are none."""

    def wants(self, dossier: Dossier) -> bool:
        """Whether this partner is told about ``dossier`` at all."""

    def check(self, dossier: Dossier, catalogues: Catalogues) -> Sequence[Violation]:
        """What this partner would refuse in a translated dossier, with JSON pointers into the local record."""

    def plan(self, dossier: Dossier) -> Sequence[Planned]:
        """All deliveries that this version calls for, in the order in which they must leave."""

    def partner_codes(self, dossier: Dossier) -> Sequence[str]:
        """Dossier numbers to use at the partner, best first; the hub keeps the first one that is still free.
        Usually just the local one. It comes back as ``memory["partner_code"]``."""

    def encode(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        """The request for one to ``Operation.batch`` deliveries of one lane and one operation, or for one delivery
        each of up to ``Operation.across`` lanes. Same arguments, same bytes. Raises CannotEncode and nothing else."""

    def interpret(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        """One outcome per delivery, in the same order. ``context`` is the one given to ``encode``."""

    def encode_query(self, deliveries: Sequence[Delivery], context: Context) -> WireRequest:
        """The question whether the partner has these deliveries (operations declared ``queryable``)."""

    def interpret_query(
        self, deliveries: Sequence[Delivery], response: WireResponse, context: Context
    ) -> Sequence[Outcome]:
        """Per delivery: Accepted (it is there), Deferred (surely absent: send again), InDoubt (cannot tell)."""

    def encode_read(self, name: str, parameters: Mapping[str, str], context: Context) -> WireRequest:
        """The request for read operation ``name``."""

    def interpret_read(self, name: str, parameters: Mapping[str, str], response: WireResponse) -> Reading:
        """The answer of read operation ``name``."""

    def read_callback(self, request: CallbackRequest, context: Context) -> Callback:
        """What an inbound call means and how to answer it."""


class AdapterModule(Protocol):
    """The names that a folder ``adapters/<name>/`` exposes; such a folder *is* an adapter."""

    manifest: Manifest
    Settings: type[msgspec.Struct]

    @staticmethod
    def build(settings: Any) -> Adapter:
        """The adapter for these settings."""

    @staticmethod
    def simulate(settings: Any) -> Simulator:
        """A stand-in for the partner, for the sandbox and the conformance kit.

        One of messages that may be signed takes ``proof`` besides (``gateway.port.simulator.Proof``).
        """
