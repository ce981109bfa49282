"""Puts the session into the address under another name, and tells it to the operator."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import InDoubt

BREAKS = "secrets-canary"
SAYS = ("its URL is not declared secret", "shows the session of the simulator")


class Addressed(WardBoard):
    def encode(self, deliveries, context):
        request = super().encode(deliveries, context)
        url = f"{request.url}?token={context.credentials.get('session', '')}"
        return msgspec.structs.replace(request, url=url)

    def interpret(self, deliveries, response, context):
        told = f"session {context.credentials.get('session', '')} had no answer"
        return [
            InDoubt(code=each.code, reason=told) if isinstance(each, InDoubt) else each
            for each in super().interpret(deliveries, response, context)
        ]


def build(settings):
    return Addressed(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
