"""Says the same in other bytes than the recorded ones, and reads a recorded refusal as a delay."""

import json

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import Deferred, Rejected

BREAKS = "recorded-cases"
SAYS = ("the body differs from byte", "the answer means")


class Reworded(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        body = json.dumps(json.loads(request.body)).encode()
        return msgspec.structs.replace(request, body=body)

    def interpret(self, deliveries, response, context):
        return [
            Deferred(code=each.code, reason=each.reason) if isinstance(each, Rejected) else each
            for each in super().interpret(deliveries, response, context)
        ]


def build(settings):
    return Reworded(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
