"""Writes the time of the machine's own zone."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "deterministic-encoding"
SAYS = ("other bytes", "Asia/Tokyo")


class Local(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        url = f"{request.url}?at={context.now.astimezone():%H%M}"
        return msgspec.structs.replace(request, url=url)


def build(settings):
    return Local(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
