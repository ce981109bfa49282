"""Waiting between two rounds.

Invariant: whoever waits here is awake as soon as the process stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

MEASURING_SECONDS = 60.0


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until ``stopping``."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


async def once_a_minute(refresh: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> None:
    """``refresh`` at once and then once a minute until ``stopping``."""
    while not stopping.is_set():
        await refresh()
        await pause(stopping, MEASURING_SECONDS)
