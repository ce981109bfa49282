"""Keeps a private log while it is built."""

import os
from pathlib import Path

from adapters.ward_board import Settings, manifest, simulate
from adapters.ward_board.adapter import WardBoard

BREAKS = "pure-behaviour"
SAYS = ("for writing",)


def build(settings):
    Path(os.devnull).write_text("built")
    return WardBoard(settings)


__all__ = ["Settings", "build", "manifest", "simulate"]
