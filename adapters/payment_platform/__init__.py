"""The payment platform of the national portal: payments asked for, asked about and heard of (contract
``payment_platform``)."""

from __future__ import annotations

from adapters.payment_platform.adapter import build
from adapters.payment_platform.manifest import manifest
from adapters.payment_platform.settings import Settings
from adapters.payment_platform.stand_in import simulate

__all__ = ["Settings", "build", "manifest", "simulate"]
