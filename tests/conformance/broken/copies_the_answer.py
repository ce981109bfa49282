"""Copies the whole answer into the reason, sixteen megabytes if need be."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import InDoubt

BREAKS = "hostile-answers"
SAYS = ("reason has more than", "reason holds NUL")


class Copying(WardBoard):
    def interpret(self, deliveries, response, context):
        outcomes = super().interpret(deliveries, response, context)
        reason = response.body.decode("utf-8", errors="surrogateescape")
        return [
            InDoubt(code=each.code, reason=reason) if isinstance(each, InDoubt) else each for each in outcomes
        ]


def build(settings):
    return Copying(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
