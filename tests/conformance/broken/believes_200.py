"""Takes HTTP 200 for success."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import Accepted

BREAKS = "hostile-answers"
SAYS = ("Accepted from an unreadable answer", "Accepted from an answer of another shape")


class Believing(WardBoard):
    def interpret(self, deliveries, response, context):
        if response.status == 200:
            return [Accepted()] * len(deliveries)
        return super().interpret(deliveries, response, context)


def build(settings):
    return Believing(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
