"""Numbers its requests, so the same delivery never has the same bytes twice."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "deterministic-encoding"
SAYS = ("other bytes", "here again")
_calls = []


class Counting(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        _calls.append(request)
        return msgspec.structs.replace(request, url=f"{request.url}?n={len(_calls)}")


def build(settings):
    return Counting(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
