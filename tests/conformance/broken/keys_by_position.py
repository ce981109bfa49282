"""Keys steps by their place from the end, so every new step renames all the others."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "plan-rules"
SAYS = ("one key stands for two payloads", "an event of an earlier version is missing")


class Positional(WardBoard):
    def plan(self, dossier):
        card, *lines = super().plan(dossier)
        renamed = [
            msgspec.structs.replace(planned, key=f"{dossier.status}-{index}")
            for index, planned in enumerate(lines)
        ]
        return [msgspec.structs.replace(card, key="card"), *renamed]


def build(settings):
    return Positional(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
