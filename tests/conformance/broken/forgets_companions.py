"""Lets lanes share a call, and puts only the first one's card into it."""

from msgspec.structs import replace

from adapters.ward_board import Settings, simulate
from adapters.ward_board import manifest as alone
from adapters.ward_board.adapter import WardBoard

BREAKS = "together-rule"
SAYS = ("the partner has something else when lanes share a call",)

manifest = replace(alone, operations=(replace(alone.operations[0], across=3), *alone.operations[1:]))


class Forgetful(WardBoard):
    manifest = manifest


def build(settings):
    return Forgetful(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
