"""The state of the whole message log over HTTP: how far it is proven, what its last verification found, what is archived.

Invariant: a verification changes nothing but the record of its run, so whoever may read the log's proof may have it made.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import msgspec

from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import NotFoundError
from gateway.evidence import views
from gateway.evidence.views import CheckpointView
from gateway.jobs.log_verification import NAME
from gateway.jobs.service import RunOrder
from gateway.storage.queries_jobs import RunView
from gateway.storage.queries_log_state import LogExtent, log_extent


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """How the log stands. ``proven``: entries that the newest checkpoint covers; ``delay``: seconds for which evidence could
    not be produced, ``reason`` why; ``stopped``: traffic is. ``authority``: one that stamps is configured; ``witnesses``:
    names of those whose cosignatures are taken. ``running``, ``verification``: the verification that goes on, and the one
    that ended last."""

    extent: LogExtent
    proven: int
    delay: float
    reason: str
    stopped: bool
    newest: CheckpointView | None
    authority: bool
    witnesses: list[str]
    running: RunView | None
    verification: RunView | None


class VerificationOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``scope``: what came since the last verification that found nothing, or all of it."""

    scope: Literal["new", "all"] = "new"


async def get_log_state(api: Api, _call: Call) -> Answer:
    """How the log stands."""
    gateway = api.gateway
    evidence = await gateway.evidence.traffic.look()
    read = gateway.database.read
    newest = await read(partial(views.listed, before=None, limit=1))
    job = await gateway.jobs.view(NAME)
    return Answer(
        value=LogState(
            extent=await read(log_extent),
            proven=newest[0].size if newest else 0,
            delay=evidence.delay,
            reason=evidence.reason,
            stopped=evidence.stopped,
            newest=newest[0] if newest else None,
            authority=gateway.settings.evidence.timestamps is not None,
            witnesses=[key.name for key in gateway.evidence.witnesses],
            running=job.running,
            verification=job.last,
        )
    )


async def verify_log(api: Api, call: Call) -> Answer:
    """Have the log verified; a worker does it."""
    scope = call.body_as(VerificationOrder).scope
    order = RunOrder(job=NAME, actor=call.actor, parameters={"scope": scope})
    view = await api.gateway.jobs.start(order)
    return Answer(value=view, status=202, headers=(("location", f"/v1/log/verifications/{view.id}"),))


async def get_verification(api: Api, call: Call) -> Answer:
    """One verification: how far it is, and what it has found."""
    view = await api.gateway.jobs.run_view(int(call.path["run"]))
    if view.job != NAME:
        raise NotFoundError(f"run {view.id} is no verification of the log")
    return Answer(value=view)
