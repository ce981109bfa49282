"""Leaves out an element that the board demands."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "round-trip"
SAYS = ("not accepted: Rejected invalid",)


class Forgetful(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        document = msgspec.json.decode(request.body)
        document.get("card", {}).pop("NguoiNop", None)
        return msgspec.structs.replace(request, body=msgspec.json.encode(document))


def build(settings):
    return Forgetful(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
