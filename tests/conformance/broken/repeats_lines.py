"""Declares adding a line repeatable, which shows it twice; and can neither repeat nor ask about a card."""

import msgspec

from adapters.ward_board import Settings, simulate
from adapters.ward_board import manifest as whole
from adapters.ward_board.adapter import WardBoard

BREAKS = "repeat-rule"
SAYS = ("state differs", "neither repeatable nor queryable")

_card, _line = whole.operations
manifest = msgspec.structs.replace(
    whole,
    operations=(
        msgspec.structs.replace(_card, repeatable=False, queryable=False),
        msgspec.structs.replace(_line, repeatable=True),
    ),
)


class Repeating(WardBoard):
    manifest = manifest


def build(settings):
    return Repeating(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
