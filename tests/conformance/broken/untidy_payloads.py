"""Plans payloads that are no canonical JSON, one of them twice, and an operation that does not exist."""

import json

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.port import Planned

BREAKS = "plan-rules"
SAYS = ("not canonical JSON", "twice in one plan", "not declared in the manifest")


class Untidy(WardBoard):
    def plan(self, dossier):
        card, *lines = super().plan(dossier)
        spaced = json.dumps(json.loads(card.payload), indent=1).encode()
        stray = Planned(operation="stray", key="1", payload=b"{}")
        return [msgspec.structs.replace(card, payload=spaced), *lines, *lines[:1], stray]


def build(settings):
    return Untidy(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
