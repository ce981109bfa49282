"""Takes a card that is there, in whatever version, for the delivery that was asked about."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import Accepted, InDoubt

BREAKS = "query-rule"
SAYS = ("Accepted about what was never sent", "whose neighbour alone was sent")


class Content(WardBoard):
    def interpret_query(self, deliveries, response, context):
        outcomes = super().interpret_query(deliveries, response, context)
        if any(isinstance(each, InDoubt) for each in outcomes):
            return outcomes
        there = bool(msgspec.json.decode(response.body).get("cards"))
        return [Accepted() if there else each for each in outcomes]


def build(settings):
    return Content(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
