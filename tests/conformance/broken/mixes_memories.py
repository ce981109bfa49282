"""Lets lanes share a call, and gives every lane the first one's lesson, and a success for silence."""

from msgspec.structs import replace

from adapters.ward_board import Settings, simulate
from adapters.ward_board import manifest as alone
from adapters.ward_board.adapter import WardBoard

BREAKS = "together-rule"
SAYS = ("a lane learns something else in company", "an empty answer is a success in company")

manifest = replace(alone, operations=(replace(alone.operations[0], across=3), *alone.operations[1:]))


class Mixing(WardBoard):
    manifest = manifest

    def interpret(self, deliveries, response, context):
        if len(deliveries) > 1 and not response.body:
            response = replace(response, body=b'{"code":"ok","message":""}')
        outcomes = super().interpret(deliveries, response, context)
        if deliveries[0].operation != "card":
            return outcomes
        learned = {"shown_first": deliveries[0].dossier}
        return [replace(outcome, learned=learned) for outcome in outcomes]


def build(settings):
    return Mixing(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
