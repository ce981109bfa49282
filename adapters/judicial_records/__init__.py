"""Adapter for judicial record certificates (phiếu lý lịch tư pháp): the issuing centre, and VNeID (judicial_records)."""

from __future__ import annotations

from adapters.judicial_records.adapter import build
from adapters.judicial_records.manifest import manifest
from adapters.judicial_records.settings import Settings
from adapters.judicial_records.simulator import simulate

__all__ = ["Settings", "build", "manifest", "simulate"]
