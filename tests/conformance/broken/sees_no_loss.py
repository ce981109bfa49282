"""Shows the lines that it expects instead of those that are there, and goes by keys that a repair does not have."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.port import CannotRead, NoRecord, PartnerRecord
from tests.conformance.remembering import RememberingBoard

BREAKS = "record-rule"
SAYS = (
    "PartnerRecord of a dossier that was never told",
    "UNKNOWN_HERE though everything was accepted",
    "an event that never arrived is not missed",
    "is not found by the question under a repair's key",
    "CannotRead without renew",
)


class Trusting(RememberingBoard):
    def interpret_query(self, deliveries, response, context):
        return WardBoard.interpret_query(self, deliveries, response, context)

    def interpret_record(self, dossier, response, context):
        reading = super().interpret_record(dossier, response, context)
        if isinstance(reading, NoRecord):
            return PartnerRecord(detail=False)
        return CannotRead(code="x", reason="x") if isinstance(reading, CannotRead) else reading

    def expected_record(self, deliveries, context):
        cards = [each for each in deliveries if each.operation == "card"]
        return super().expected_record(cards, context)


def build(settings):
    return Trusting(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
