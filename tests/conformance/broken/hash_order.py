"""Writes the members of a set in the order of their hashes, which every process draws anew."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "deterministic-encoding"
SAYS = ("other bytes", "hash seed")


class Unordered(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        document = msgspec.json.decode(request.body)
        document["tags"] = list({"card", "line", "ward", "board", "dossier"})
        return msgspec.structs.replace(request, body=msgspec.json.encode(document))


def build(settings):
    return Unordered(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
