"""Gives one outcome for a whole batch."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "hostile-answers"
SAYS = ("gives 1 outcomes for",)


class Single(WardBoard):
    def interpret(self, deliveries, response, context):
        outcomes = super().interpret(deliveries, response, context)
        return outcomes if response.status == 200 else outcomes[:1]


def build(settings):
    return Single(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
