"""Declares an operation that no dossier ever calls for, and a read that finds nothing."""

import msgspec

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.port import Read

BREAKS = "round-trip"
SAYS = ("no sample calls for it", "nothing found")


class Silent(WardBoard):
    def plan(self, dossier):
        return [planned for planned in super().plan(dossier) if planned.operation == "card"]

    def interpret_read(self, name, parameters, response):
        reading = super().interpret_read(name, parameters, response)
        return msgspec.structs.replace(reading, entries={}) if isinstance(reading, Read) else reading


def build(settings):
    return Silent(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
