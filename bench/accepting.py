"""Suite about accepting over HTTP: latency of ``PUT /v1/dossiers/{code}`` at a fixed rate."""

from __future__ import annotations

from bench.running import Row


def latency(runs: int, quick: bool) -> list[Row]:
    return []
