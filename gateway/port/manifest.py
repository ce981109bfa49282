"""What an adapter declares about itself: its operations, its reads, its limits. Data only."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from gateway.domain.cause import Cause
from gateway.port.signing import UNSIGNED, SigningPolicy


class OperationKind(StrEnum):
    """snapshot: a newer one makes an unsent older one pointless. event: every single one must arrive, once."""

    SNAPSHOT = "snapshot"
    EVENT = "event"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of delivery.

    ``batch``: at most so many consecutive deliveries of one lane go in one call. ``across``: at most so many lanes
    may share a call, with one delivery each; lanes whose memory differs under a name in ``alike`` never do.
    ``repeatable``: sending it twice has the same effect as once, by the contract.
    ``queryable``: after a lost answer the partner can be asked whether it has it (``Adapter.encode_query``).
    ``signing``: how requests are signed (the question after a lost answer, too), and what answers must prove.
    ``calls``: the contract's own names of it, by which people may ask for it.
    """

    name: str
    kind: OperationKind
    title: str
    source: str
    calls: tuple[str, ...] = ()
    batch: int = 1
    across: int = 1
    alike: tuple[str, ...] = ()
    repeatable: bool = False
    queryable: bool = False
    signing: SigningPolicy = UNSIGNED


class ReadOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One question that changes nothing at the partner. ``parameters`` names what ``encode_read`` needs.

    ``catalogue``: the answer is reference data, cached with its age and refreshed by a job. ``signing``: as for
    operations.
    """

    name: str
    title: str
    source: str
    parameters: tuple[str, ...] = ()
    catalogue: bool = False
    signing: SigningPolicy = UNSIGNED


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults for a destination; settings may change each. Times in seconds."""

    concurrency: int = 8
    rate: float | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    max_response_bytes: int = 16 * 1024 * 1024


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter's self-description. ``secret_fields``: names of body fields that are never stored in clear;
    ``personal_fields``: of those that hold personal data, which can be taken out of a proof; ``off_contract``: codes of
    outcomes that say of an answer that the contract does not describe it."""

    name: str
    title: str
    title_vi: str
    contract: str
    operations: tuple[Operation, ...]
    reads: tuple[ReadOperation, ...] = ()
    secret_fields: tuple[str, ...] = ()
    personal_fields: tuple[str, ...] = ()
    secret_headers: tuple[str, ...] = ("authorization", "cookie", "set-cookie")
    capacity: Capacity = Capacity()
    causes: tuple[Cause, ...] = ()
    off_contract: tuple[str, ...] = ()

    def operation(self, name: str) -> Operation:
        """The operation called ``name``; KeyError when the adapter has none."""
        for operation in self.operations:
            if operation.name == name:
                return operation
        raise KeyError(name)
