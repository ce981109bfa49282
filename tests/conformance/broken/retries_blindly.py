"""Sends a line again when the answer could not be read, so it is shown twice."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import Deferred, InDoubt

BREAKS = "unreadable-is-in-doubt"
SAYS = ("is Deferred",)


class Retrying(WardBoard):
    def interpret(self, deliveries, response, context):
        outcomes = super().interpret(deliveries, response, context)
        return [
            Deferred(code="retry", reason="retry") if isinstance(each, InDoubt) else each for each in outcomes
        ]


def build(settings):
    return Retrying(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
