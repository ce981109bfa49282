"""What a source system calls things: the second system speaks its own words.

Invariant: ``spoken`` changes words only, never instants, names or numbers; ``mappings/sources`` translates every one
of them back. States are those of national_portal §10.1, column "OpenCPS local status".
"""

from __future__ import annotations

from msgspec.structs import replace

from examples.journey import CONSULTATION
from gateway.domain.dossier import Dossier, Procedure, Step
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
CONSULTING = "interoperating"  # no state of its own elsewhere: the dossier is in process
LOCAL_PROCEDURE: dict[str, str] = {"1.009901.000.00.00.H99": "TN-01"}


def spoken(dossier: Dossier) -> Dossier:
    """``dossier`` as its source system sends it."""
    if dossier.source != SECOND_SOURCE:
        return dossier
    steps = [replace(step, status=_word(step)) for step in dossier.steps]
    local = LOCAL_PROCEDURE.get(dossier.procedure.code)
    return replace(
        dossier,
        status=steps[-1].status,
        steps=steps,
        procedure=Procedure(code=local) if local else dossier.procedure,
    )


def understood(dossier: Dossier) -> Dossier:
    """The translation back into the gateway's own words."""
    if dossier.source != SECOND_SOURCE:
        return dossier
    canonical = {local: status for status, local in LOCAL_STATUS.items()} | {CONSULTING: Status.PROCESSING}
    return replace(
        dossier,
        status=canonical[dossier.status],
        steps=[replace(step, status=canonical[step.status]) for step in dossier.steps],
    )


def _word(step: Step) -> str:
    return CONSULTING if step.note == CONSULTATION else LOCAL_STATUS[Status(step.status)]
