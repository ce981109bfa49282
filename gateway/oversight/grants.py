"""Carrying out a change of roles that a second person has approved.

Invariant: what is given is what was approved: roles of an account that were changed meanwhile are another change, and need
another approval.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec

from gateway.domain.errors import ApprovalRequired
from gateway.oversight.approvals import Carrier
from gateway.storage.account_grants import carry_out
from gateway.storage.account_orders import SetRoles
from gateway.storage.approvals import Approval
from gateway.storage.database import Database
from gateway.storage.scopes import Role


def grant_carrier(database: Database, clock: Callable[[], datetime]) -> Carrier:
    """Gives the roles that were approved."""

    async def give(about: Approval) -> None:
        order = SetRoles(
            actor=about.requested_by,
            reason=about.reason,
            now=clock(),
            account=str(about.parameters["account"]),
            roles=msgspec.convert(about.parameters["roles"], frozenset[Role]),
        )
        before = msgspec.convert(about.parameters["before"], frozenset[Role])
        done = await database.write(partial(carry_out, order=order, before=before))
        if isinstance(done, ApprovalRequired):
            raise done

    return give
