"""Takes an expired session for a refusal of the dossier, and for an answer to the question."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import Deferred, InDoubt, Rejected
from gateway.port import CannotRead

BREAKS = "renewal-rule"
SAYS = ("Rejected instead of Deferred", "instead of InDoubt with ask_again and renew", "without renew")


class Stubborn(WardBoard):
    def interpret(self, deliveries, response, context):
        return [
            Rejected(code=each.code, reason=each.reason) if isinstance(each, Deferred) else each
            for each in super().interpret(deliveries, response, context)
        ]

    def interpret_query(self, deliveries, response, context):
        return [
            InDoubt(code=each.code, reason=each.reason) if isinstance(each, InDoubt) else each
            for each in super().interpret_query(deliveries, response, context)
        ]

    def interpret_read(self, name, parameters, response):
        reading = super().interpret_read(name, parameters, response)
        if isinstance(reading, CannotRead):
            return CannotRead(code=reading.code, reason=reading.reason)
        return reading


def build(settings):
    return Stubborn(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
