"""Carrying out a repair that a second person has approved: a status is taken back at the partner.

Invariant: the partner is asked again first; when other deliveries would be sent than those that were approved, it is
another repair, and needs another approval.
"""

from __future__ import annotations

from gateway.domain.errors import ConflictError
from gateway.oversight.approvals import Carrier
from gateway.statussync.repair import RepairDesk, RepairRequest
from gateway.storage.approvals import Approval


def repair_carrier(desk: RepairDesk) -> Carrier:
    """Carries out what ``drift.repair_backwards`` was approved for."""

    async def carry_out(about: Approval) -> None:
        request = RepairRequest(
            actor=about.requested_by,
            reason=about.reason,
            ids=tuple(int(each) for each in about.parameters["drifts"]),
            allow_backwards=True,
            dry_run=False,
        )
        [done] = (await desk.carry_out(request)).dossiers
        if done.outcome != "ordered":
            raise ConflictError(
                done.reason or f"dossier {done.dossier} at {done.destination}: {done.outcome}"
            )

    return carry_out
