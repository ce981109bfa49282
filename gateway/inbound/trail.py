"""What a partner's call leaves in the trace of the dossier version that it is about.

The call's own request is a trace of its own, since nobody has proved yet what it is about; once its dossier is known, a
second span joins the dossier's trace and links back. Invariant: without traces nothing of this runs; a database that is
away costs a span, never a call.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from gateway.domain.errors import StorageUnavailable
from gateway.storage.journeys import latest_journey
from gateway.telemetry.tracing import Journey, Span, here, plain_code, read_traceparent, stand

if TYPE_CHECKING:
    from gateway.inbound.receiving import Hub


class Arrival:
    """A call about a dossier whose trace is known; until ``leave`` the running task is part of it."""

    def __init__(self, hub: Hub, accepted: Journey, began: int) -> None:
        self._hub = hub
        self._accepted = accepted
        self._request = here()
        self._began = began
        self._place = hub.tracing.root(accepted.place)
        stand(Journey(self._place, accepted.correlation))

    def leave(self, destination: str, *, dossier: str, kind: str, result: str) -> None:
        """The call was answered with ``result``."""
        stand(self._request)
        self._hub.tracing.keep(
            Span(
                name=f"callback {destination}",
                kind="consumer",
                place=self._place,
                parent=self._accepted.place.span,
                began=self._began,
                ended=time.time_ns(),
                links=() if self._request is None else (self._request.place,),
                attributes={
                    "lienthong.correlation_id": self._accepted.correlation,
                    "lienthong.dossier": dossier,
                    "lienthong.destination": destination,
                    "lienthong.kind": plain_code(kind),
                    "lienthong.result": result,
                },
                failed=result == "failed",
            )
        )


async def arrive(hub: Hub, dossier: str | None, *, began: int | None = None) -> Arrival | None:
    """Join the trace of the newest version of ``dossier``; None when there is none. ``began``: when the call came, in
    nanoseconds since 1970; left out, just now."""
    if not hub.tracing.on or dossier is None:
        return None
    try:
        row = await hub.database.glance(partial(latest_journey, dossier=dossier))
    except StorageUnavailable:
        return None
    accepted = None if row is None else read_traceparent(row.traceparent)
    if row is None or accepted is None:
        return None
    return Arrival(hub, Journey(accepted, row.correlation), time.time_ns() if began is None else began)
