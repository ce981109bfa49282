"""Adapter for a ward's public board: one card per dossier, one line per processing step."""

from adapters.ward_board.adapter import build
from adapters.ward_board.manifest import manifest
from adapters.ward_board.settings import Settings
from adapters.ward_board.simulator import simulate

__all__ = ["Settings", "build", "manifest", "simulate"]
