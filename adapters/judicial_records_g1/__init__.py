"""Adapter for the older interface of the judicial record centre, ``apiLyLichTuPhap`` 1.0 (judicial_records §5)."""

from __future__ import annotations

from adapters.judicial_records_g1.adapter import build
from adapters.judicial_records_g1.manifest import manifest
from adapters.judicial_records_g1.settings import Settings
from adapters.judicial_records_g1.simulator import simulate

__all__ = ["Settings", "build", "manifest", "simulate"]
