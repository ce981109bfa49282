"""The stand-ins as a process of their own, and the national portal's admin door.

Invariant: the process ends with the demo, whatever happens to the demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway.cli.demo.platform import NAME as PLATFORM
from gateway.cli.demo.platform import Platform
from gateway.domain.errors import ConfigurationError, GatewayError
from gateway.port import Capacity, WireRequest
from gateway.wire.client import Answered, HttpClient

NAME = "national_portal"
START_SECONDS = 30.0
STOP_SECONDS = 5.0
READ_SECONDS = 30.0
_RECORD_BYTES = 256 * 1024 * 1024


class Announced(msgspec.Struct, frozen=True):
    """What ``lienthong sandbox --json`` says once it listens."""

    control: str
    stands: dict[str, str]


class Partner:
    """The running stand-in."""

    def __init__(self, announced: Announced) -> None:
        self.url = announced.stands[NAME]
        self.platform = Platform(announced.stands[PLATFORM], announced.control)
        self._admin = f"{announced.control}/{NAME}/-"

    async def record(self) -> dict[str, Any]:
        """The portal's own record of everything that it received and kept."""
        return await self._read("record")

    async def faults(self) -> dict[str, int]:
        """What was injected, by fault."""
        counts: dict[str, int] = (await self._read("faults"))["counts"]
        return counts

    async def _read(self, name: str) -> dict[str, Any]:
        client = HttpClient(Capacity(read_timeout=READ_SECONDS, max_response_bytes=_RECORD_BYTES))
        try:
            answer = await client.exchange(WireRequest(method="GET", url=f"{self._admin}/{name}"))
        finally:
            await client.close()
        if not isinstance(answer, Answered) or answer.response.status != 200:
            raise GatewayError(f"the simulated portal does not show its {name}: {answer}")
        document: dict[str, Any] = msgspec.json.decode(answer.response.body)
        return document


@asynccontextmanager
async def started(arguments: list[str], environment: Mapping[str, str]) -> AsyncIterator[Partner]:
    """Run ``lienthong sandbox national_portal payment_platform …`` until the block ends."""
    command = (
        sys.executable,
        "-m",
        "gateway.cli",
        "sandbox",
        NAME,
        PLATFORM,
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
            await partner.platform.close()
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
