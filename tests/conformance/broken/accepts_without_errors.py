"""Takes every well-formed answer without a message for success, whatever its code says."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.codec import Unreadable
from gateway.codec.json import read
from gateway.domain.outcome import Accepted, InDoubt

BREAKS = "verdict-decides"
SAYS = ("no value of the answer decides",)


class Optimistic(WardBoard):
    def interpret(self, deliveries, response, context):
        try:
            document = read(response.body)
        except Unreadable:
            document = None
        fine = response.status == 200 and isinstance(document, dict) and len(document) > 0
        return [Accepted() if fine else InDoubt(code="other", reason="other")] * len(deliveries)


def build(settings):
    return Optimistic(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
