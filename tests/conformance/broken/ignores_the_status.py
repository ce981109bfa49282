"""Takes success text for success whatever the status: a cached page behind a 502 counts."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "hostile-answers"
SAYS = ("Accepted at a status that is no success",)


class Blind(WardBoard):
    def interpret(self, deliveries, response, context):
        return super().interpret(deliveries, msgspec.structs.replace(response, status=200), context)


def build(settings):
    return Blind(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
