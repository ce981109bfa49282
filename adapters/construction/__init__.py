"""Adapter for the ministry of construction: permits and planning information over SOAP (construction)."""

from __future__ import annotations

from adapters.construction.adapter import build
from adapters.construction.manifest import manifest
from adapters.construction.settings import Settings
from adapters.construction.stand_in import simulate

__all__ = ["Settings", "build", "manifest", "simulate"]
