"""Reads a table in whatever charset the machine speaks; fine everywhere but in a bare container."""

from pathlib import Path

import mappings.ward_board
from adapters.ward_board import Settings, build, manifest, simulate

BREAKS = "deterministic-encoding"
SAYS = ("locale C", "UnicodeDecodeError")

LABELS = Path(mappings.ward_board.__file__).with_name("states.csv").read_text()

__all__ = ["Settings", "build", "manifest", "simulate"]
