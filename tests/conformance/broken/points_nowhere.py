"""Reports violations at places that the record does not have."""

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard
from gateway.domain.violation import Violation

BREAKS = "hostile-text"
SAYS = ("which is not in the record",)


class Lost(WardBoard):
    def check(self, dossier, catalogues):
        if not dossier.summary.isprintable():
            wrong = Violation(pointer="/card/TrichYeu", code="unprintable", got="", expected="", advice="")
            return [wrong]
        return super().check(dossier, catalogues)


def build(settings):
    return Lost(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
