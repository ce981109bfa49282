"""Always wants one more answer, and reports what nobody can store."""

from datetime import datetime

import msgspec

from adapters.ward_board import Settings, manifest
from gateway.port import Progress, ProgressReport
from tests.conformance.asked import AskedBoard, simulate

BREAKS = "progress-rule"
SAYS = (
    "wants to ask again at once after 8 answers",
    "gives two different reports one key",
    "gives a report without a key",
    "gives at without a time zone",
    "gives data that is no JSON object",
    "reports a kind that is not lower-case words joined by dots",
)


class Insatiable(AskedBoard):
    def interpret_progress(self, dossier, response, context):
        told = super().interpret_progress(dossier, response, context)
        if not isinstance(told, Progress):
            return told
        place = context.memory.get("place", "0")
        reports = (
            ProgressReport(key="place", kind="ward_board.place", note=place),
            ProgressReport(key="", kind="Ward board", data=b"[]", at=datetime(2026, 9, 28)),  # noqa: DTZ001
        )
        learned = {"place": str(int(place) + 1)}
        return msgspec.structs.replace(told, reports=reports, again=True, learned=learned)


def build(settings):
    return Insatiable(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
