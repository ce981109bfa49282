"""The stand-ins as a process of their own, and the doors of each.

Invariant: the process ends with the demo, whatever happens to the demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from gateway.cli.demo.ministry import MINISTRIES
from gateway.cli.demo.platform import NAME as PLATFORM
from gateway.cli.demo.platform import Platform
from gateway.cli.demo.stand import Stand
from gateway.domain.errors import ConfigurationError

NAME = "national_portal"
START_SECONDS = 30.0
STOP_SECONDS = 5.0


class Announced(msgspec.Struct, frozen=True):
    """What ``lienthong sandbox --json`` says once it listens."""

    control: str
    stands: dict[str, str]


class Partner:
    """The running stand-ins: the portal, the payment platform, the ministries by name."""

    def __init__(self, announced: Announced) -> None:
        stands = {name: Stand(name, url, announced.control) for name, url in announced.stands.items()}
        self.portal = stands.pop(NAME)
        self.platform = Platform(stands.pop(PLATFORM))
        self.ministries = stands

    async def close(self) -> None:
        """Close connections."""
        for stand in (self.portal, self.platform.stand, *self.ministries.values()):
            await stand.close()


@asynccontextmanager
async def started(arguments: list[str], environment: Mapping[str, str]) -> AsyncIterator[Partner]:
    """Run ``lienthong sandbox …`` with the portal, the payment platform and ministries until the block ends."""
    command = (
        sys.executable,
        "-m",
        "gateway.cli",
        "sandbox",
        NAME,
        PLATFORM,
        *MINISTRIES,
        "--json",
        "--attached",
        *arguments,
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,  # closed by the system even when the demo is killed
        stdout=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,  # Ctrl-C reaches the demo first, which then ends the process
    )
    try:
        partner = Partner(await _announced(process))
        try:
            yield partner
        finally:
            await partner.close()
    finally:
        await _end(process)


async def _announced(process: asyncio.subprocess.Process) -> Announced:
    if process.stdout is None:
        raise RuntimeError("the process has no standard output")
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
        return msgspec.json.decode(line, type=Announced)
    except (TimeoutError, msgspec.DecodeError) as fault:
        raise ConfigurationError(
            "the simulated portal did not start; its own message stands above. "
            "Try: lienthong sandbox national_portal"
        ) from fault


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
