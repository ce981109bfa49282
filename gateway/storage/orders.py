"""What an operator may order, and what the answer says: values only.

Invariant: every order carries its actor and a reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from gateway.domain.delivery import DeliveryState, LaneState

Verdict: TypeAlias = Literal["delivered", "absent", "rejected"]
Retryable: TypeAlias = Literal["rejected", "parked", "waiting"]


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """Who does it, why and when."""

    actor: str
    reason: str
    now: datetime


class Retry(Instruction, frozen=True, kw_only=True):
    """Send a rejected, parked or waiting delivery again as soon as its turn comes."""

    delivery: int


class Skip(Instruction, frozen=True, kw_only=True):
    """Never send this delivery; the lane goes on with the next one."""

    delivery: int


class Resolve(Instruction, frozen=True, kw_only=True):
    """Say what became of a delivery in doubt. ``snapshot``: its operation tells the partner the whole dossier."""

    delivery: int
    verdict: Verdict
    snapshot: bool = False


class Hold(Instruction, frozen=True, kw_only=True):
    """Send nothing more of this dossier to this destination, from the next delivery on."""

    destination: str
    dossier: str


class Unhold(Instruction, frozen=True, kw_only=True):
    """Let a held lane go on."""

    destination: str
    dossier: str


class BulkRetry(Instruction, frozen=True, kw_only=True):
    """Retry what stands in ``state`` at ``destination``, oldest first, at most ``limit`` deliveries."""

    destination: str
    state: Retryable
    code: str | None = None
    dossier: str | None = None
    limit: int = 1000
    dry_run: bool = True


class AskAgain(Instruction, frozen=True, kw_only=True):
    """Ask the partner once more what became of a delivery in doubt, as soon as its turn comes."""

    delivery: int


class Pause(Instruction, frozen=True, kw_only=True):
    """Send nothing to a destination until it is resumed."""

    destination: str


class Resume(Instruction, frozen=True, kw_only=True):
    """End a pause."""

    destination: str


class DeliveryDone(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery was moved. ``lane_state`` as it is now."""

    action: str
    delivery: str
    destination: str
    dossier: str
    before: DeliveryState
    after: DeliveryState
    lane_state: LaneState


class LaneDone(msgspec.Struct, frozen=True, kw_only=True):
    """A lane was held or released. While ``state`` is ``leased`` a worker finishes its turn at it first."""

    action: str
    destination: str
    dossier: str
    held: bool
    state: LaneState


class BulkDone(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk retry did, or would do. ``more``: the limit cut it off; repeat it for the rest."""

    action: str | None
    dry_run: bool
    deliveries: list[str]
    busy: list[str]
    more: bool


class DestinationDone(msgspec.Struct, frozen=True, kw_only=True):
    """A destination was paused or resumed."""

    action: str
    destination: str
    paused: bool


DeliveryOrder: TypeAlias = Retry | Skip | Resolve
Order: TypeAlias = DeliveryOrder | AskAgain | Hold | Unhold | BulkRetry | Pause | Resume
Done: TypeAlias = DeliveryDone | LaneDone | BulkDone | DestinationDone
