"""A stand-in that falls over the first body that is no object, and records what JSON cannot say."""

import json

from adapters.ward_board import Settings, build, manifest
from adapters.ward_board.simulator import BoardSimulator

BREAKS = "sturdy-simulator"
SAYS = ("raised JSONDecodeError", "raised AttributeError", "cannot be written as JSON")


class Fragile(BoardSimulator):
    def handle(self, request):
        json.loads(request.body).get("session")
        return super().handle(request)

    def record(self):
        return {**super().record(), "by": self}


def simulate(settings):
    return Fragile(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
