"""What a source system calls things: the second system speaks its own status codes.

Invariant: ``spoken`` changes words only, never instants, names or numbers; codes are those of national_portal §10.1,
column "OpenCPS local status".
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain.dossier import Dossier
from gateway.domain.status import Status

SECOND_SOURCE = "opencps"
LOCAL_STATUS: dict[Status, str] = {
    Status.REGISTERED: "receiving",
    Status.RECEIVED: "new",
    Status.REFUSED: "denied",
    Status.PROCESSING: "processing",
    Status.SUPPLEMENT_REQUESTED: "waiting",
    Status.PAYMENT_REQUESTED: "paying",
    Status.WITHDRAWN: "cancelled",
    Status.STOPPED: "unresolved",
    Status.FINISHED: "releasing",
    Status.RETURNED: "done",
}


def spoken(dossier: Dossier) -> Dossier:
    """``dossier`` as its source system sends it."""
    if dossier.source != SECOND_SOURCE:
        return dossier
    return replace(
        dossier,
        status=LOCAL_STATUS[Status(dossier.status)],
        steps=[replace(step, status=LOCAL_STATUS[Status(step.status)]) for step in dossier.steps],
    )


def understood(dossier: Dossier) -> Dossier:
    """The translation back into the gateway's own words."""
    if dossier.source != SECOND_SOURCE:
        return dossier
    canonical = {local: status for status, local in LOCAL_STATUS.items()}
    return replace(
        dossier,
        status=canonical[dossier.status],
        steps=[replace(step, status=canonical[step.status]) for step in dossier.steps],
    )
