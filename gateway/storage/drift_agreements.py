"""Agreements: digests of what a verdict "in step" followed from, one a lane, replaced by the next full comparison.

Invariant: a row says what was compared in full at ``compared_at`` and found in step, and nothing more; whether that still
holds is for the reader to find out from both digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.schema_status import drift_agreement
from gateway.storage.sql import insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """``ours``: digest of the lane and of the rules it was read by. ``theirs``: of the partner's answer. Both SHA-256.
    ``compared_at``: when everything was compared, in microseconds."""

    lane: int
    ours: bytes
    theirs: bytes
    compared_at: int


_SAVE = insert(
    "drift_agreement",
    ("lane_id", "ours", "theirs", "compared_at"),
    suffix="ON CONFLICT (lane_id) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs, "
    "compared_at = excluded.compared_at",
)


def save_agreements(transaction: Transaction, groups: Sequence[Sequence[Agreement]]) -> list[None]:
    """Keep each agreement in place of the lane's earlier one."""
    rows = {
        each.lane: {
            "lane_id": each.lane,
            "ours": each.ours,
            "theirs": each.theirs,
            "compared_at": each.compared_at,
        }
        for group in groups
        for each in group
    }
    transaction.many(
        _SAVE, [rows[lane] for lane in sorted(rows)]
    )  # in one order, so that two passes never deadlock
    return [None] * len(groups)


def agreements(connection: sa.Connection, lanes: Sequence[int], since: int) -> dict[int, Agreement]:
    """What is remembered of ``lanes`` that was compared in full after ``since`` (microseconds), by lane."""
    columns = drift_agreement.c
    rows = connection.execute(
        sa.select(columns.lane_id, columns.ours, columns.theirs, columns.compared_at).where(
            columns.lane_id.in_(lanes), columns.compared_at > since
        )
    )
    return {
        row[0]: Agreement(lane=row[0], ours=bytes(row[1]), theirs=bytes(row[2]), compared_at=row[3])
        for row in rows
    }
