"""The National Public Service Portal: dossiers and their progress out, online dossiers in (contract
``national_portal``)."""

from __future__ import annotations

from adapters.national_portal.adapter import build
from adapters.national_portal.manifest import manifest
from adapters.national_portal.settings import Settings
from adapters.national_portal.stand_in import simulate

__all__ = ["Settings", "build", "manifest", "simulate"]
