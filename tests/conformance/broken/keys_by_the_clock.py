"""Keys what it hears by when it heard it, counts how often it reads, and has news of everybody."""

from itertools import count

import msgspec

from adapters.ward_board import Settings, manifest
from gateway.port import CannotRead, Progress, ProgressReport
from tests.conformance.asked import AskedBoard, simulate

BREAKS = "progress-rule"
SAYS = (
    "gives the same report another key, so it would have two effects",
    "has news of a dossier that the partner does not have",
    "reads the same answer in two ways",
    "an expired credential gives CannotRead without renew",
)


class Hasty(AskedBoard):
    def __init__(self, settings):
        super().__init__(settings)
        self._readings = count()

    def interpret_progress(self, dossier, response, context):
        told = super().interpret_progress(dossier, response, context)
        if isinstance(told, CannotRead):
            return msgspec.structs.replace(told, renew=())
        seen = ProgressReport(key=f"seen {context.now}", kind="ward_board.seen")
        learned = {"readings": str(next(self._readings))}
        return Progress(reports=(seen,), learned=learned)


def build(settings):
    return Hasty(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
