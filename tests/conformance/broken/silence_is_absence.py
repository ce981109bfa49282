"""Takes an unreadable answer to the in-doubt question for "we do not have it"."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import Deferred, InDoubt

BREAKS = "unreadable-is-in-doubt"
SAYS = ("(query", "is Deferred")


class Concluding(WardBoard):
    def interpret_query(self, deliveries, response, context):
        outcomes = super().interpret_query(deliveries, response, context)
        return [
            Deferred(code="absent", reason="absent") if isinstance(each, InDoubt) else each
            for each in outcomes
        ]


def build(settings):
    return Concluding(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
