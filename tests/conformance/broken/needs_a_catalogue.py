"""Cannot write a card before the list of procedures is there; says so for cards wrongly, for lines not at all."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.errors import CannotEncode

BREAKS = "well-formed-requests"
SAYS = ("which no read of the manifest gives", "does not say which it misses")


class Needy(WardBoard):
    def encode(self, deliveries, context):
        if "procedures" in context.catalogues:
            return super().encode(deliveries, context)
        wrong = [("procedures", {"code": "TN-01"})] if deliveries[0].operation == "card" else []
        raise CannotEncode("the list of procedures is not there yet", missing=wrong)


def build(settings):
    return Needy(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
