"""Lets the decoder's own exception out instead of CannotEncode."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.dossier import Dossier

BREAKS = "hostile-text"
SAYS = ("raised ValidationError", "raised DecodeError")


class Trusting(WardBoard):
    def encode(self, deliveries, context):
        if deliveries[0].operation == "card":
            msgspec.json.decode(deliveries[0].payload, type=Dossier)
        return super().encode(deliveries, context)


def build(settings):
    return Trusting(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
