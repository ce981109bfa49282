"""The manifest has an English title where Vietnamese officials read one, and an operation cites nothing."""

import msgspec

from adapters.ward_board import Settings, simulate
from adapters.ward_board import manifest as whole
from adapters.ward_board.adapter import WardBoard

BREAKS = "manifest"
SAYS = ("is not Vietnamese", "cites no source")

_unsourced = msgspec.structs.replace(whole.operations[0], source="")
manifest = msgspec.structs.replace(
    whole, title_vi=whole.title, operations=(_unsourced, *whole.operations[1:])
)


class Untitled(WardBoard):
    manifest = manifest


def build(settings):
    return Untitled(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
