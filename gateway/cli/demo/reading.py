"""The demo's figures, read from the gateway's own database.

Invariant: every figure is counted from rows; see ``gateway.storage.tallies``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

import msgspec

from gateway.cli.demo.kinds import Doubts, calls, settled_doubts, troubles
from gateway.domain.delivery import DeliveryState, LaneState
from gateway.port import Manifest, OperationKind
from gateway.storage import tallies
from gateway.storage.queries_status import destination_rows, lane_counts

_ADVANCING = (LaneState.READY, LaneState.WAITING, LaneState.LEASED)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How far one kind of delivery is; what a newer state replaced is neither done nor to be done."""

    done: int
    all: int
    replaced: int

    @property
    def left(self) -> int:
        """What is still to be delivered."""
        return self.all - self.done


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One destination at one moment. ``advancing``: lanes that will go on without a person."""

    dossiers: Done
    steps: Done
    troubles: dict[str, int]
    dossier_doubts: Doubts
    step_doubts: Doubts
    calls: int
    breaker_open: bool
    advancing: int

    @property
    def retries(self) -> int:
        """Attempts that did not end in an acceptance."""
        return sum(self.troubles.values())

    @property
    def doubts_settled(self) -> int:
        """Deliveries that were in doubt and are not any more."""
        return self.dossier_doubts.settled + self.step_doubts.settled

    @property
    def doubts_open(self) -> int:
        """Deliveries that the partner is being asked about."""
        return self.dossier_doubts.open + self.step_doubts.open

    @property
    def left(self) -> int:
        """Everything still to be delivered."""
        return self.dossiers.left + self.steps.left


def read_figures(connection: Any, manifest: Manifest) -> Figures:
    """The figures of the destination that the demo delivers to."""
    name = manifest.name
    # Lanes first: what is counted after them can only be further on, so "nothing advances" is never said too early.
    lanes = lane_counts(connection).get(name, {})
    attempts = tallies.attempts(connection, name)
    states = tallies.states(connection, name)
    doubts = tallies.doubts(connection, name)
    noted = destination_rows(connection, [name])[name]
    return Figures(
        dossiers=_done(states, manifest, OperationKind.SNAPSHOT),
        steps=_done(states, manifest, OperationKind.EVENT),
        troubles=troubles(attempts),
        dossier_doubts=settled_doubts(_of_kind(doubts, manifest, OperationKind.SNAPSHOT)),
        step_doubts=settled_doubts(_of_kind(doubts, manifest, OperationKind.EVENT)),
        calls=calls(attempts),
        breaker_open=noted.open_until is not None,
        advancing=sum(lanes.get(state, 0) for state in _ADVANCING),
    )


_Row = TypeVar("_Row", tallies.StateCount, tallies.DoubtCount)


def _of_kind(rows: list[_Row], manifest: Manifest, kind: OperationKind) -> list[_Row]:
    return [row for row in rows if manifest.operation(row.operation).kind is kind]


def _done(states: list[tallies.StateCount], manifest: Manifest, kind: OperationKind) -> Done:
    found: Counter[str] = Counter()
    for row in _of_kind(states, manifest, kind):
        found[row.state] += row.count
    replaced = found.pop(DeliveryState.SUPERSEDED, 0)
    return Done(done=found[DeliveryState.DELIVERED], all=found.total(), replaced=replaced)
