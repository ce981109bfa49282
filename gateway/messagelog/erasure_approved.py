"""Carrying out an erasure that a second person has approved.

Invariant: what is erased is what was approved: a dossier that has a newer version, or shares other calls by now, is another
erasure, and needs another approval.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.messagelog.erasure import Erase, erase
from gateway.oversight.approvals import Carrier
from gateway.storage.approvals import Approval
from gateway.storage.database import Database


def erasure_carrier(database: Database, clock: Callable[[], datetime]) -> Carrier:
    """Carries out what ``erase`` was approved for."""

    async def carry_out(about: Approval) -> None:
        order = Erase(
            actor=about.requested_by,
            reason=about.reason,
            now=clock(),
            dossier=str(about.parameters["dossier"]),
        )
        await erase(database, order)

    return carry_out
