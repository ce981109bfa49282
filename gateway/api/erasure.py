"""Erasing a dossier's content over HTTP: what would go, and doing it once a second person has approved.

Invariant: nothing is erased that was not shown before, since an approval is of exactly what the plan says.
"""

from __future__ import annotations

from gateway.api.deliveries import Reasoned
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.messagelog import erasure
from gateway.messagelog.erasure import Erase


async def plan_erasure(api: Api, call: Call) -> Answer:
    """What erasing a dossier would take."""
    return Answer(value=await erasure.plan(api.gateway.database, str(call.path["code"]), api.now))


async def erase_dossier(api: Api, call: Call) -> Answer:
    """Erase a dossier's content."""
    order = Erase(
        actor=call.actor,
        reason=call.body_as(Reasoned).reason,
        now=api.now,
        dossier=str(call.path["code"]),
    )
    return Answer(value=await erasure.erase(api.gateway.database, order))
