"""Reads the answer without looking at its shape first."""

import json

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.outcome import Accepted, InDoubt

BREAKS = "hostile-answers"
SAYS = (
    "raised AttributeError",
    "raised JSONDecodeError",
    "raised UnicodeDecodeError",
    "raised RecursionError",
)


class Expecting(WardBoard):
    def interpret(self, deliveries, response, context):
        code = json.loads(response.body).get("code")
        accepted = code == "ok" and response.status == 200
        return [Accepted() if accepted else InDoubt(code="other", reason="other")] * len(deliveries)


def build(settings):
    return Expecting(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
