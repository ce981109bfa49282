"""One gateway process of a chaos run: takes in its part of a file and delivers, until it is killed or told to stop.

    python -m tests.chaos.gateway_process --config FILE --feed FILE --part 0/3 --acks FILE --pace 10 [--journal URL]

A line is written to the acks once the gateway has promised to deliver it. ``--journal`` adds the journal adapter to
those that the configuration names.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.bootstrap import Gateway, open_gateway
from gateway.delivery.intake import Submission
from gateway.domain.errors import ConflictError, StorageUnavailable
from gateway.settings import load
from gateway.telemetry import configure_logging
from tests.chaos.journal import DESTINATION, JournalAdapter


class _Line(msgspec.Struct):
    code: str
    version: int


def lines_of(feed: Path, part: str) -> Iterator[tuple[str, int, bytes]]:
    """(code, version, record) of every line that falls to ``part``; a dossier always falls to the same."""
    mine, parts = (int(number) for number in part.split("/"))
    for body in feed.read_bytes().splitlines():
        head = msgspec.json.decode(body, type=_Line)
        if zlib.crc32(head.code.encode()) % parts == mine:
            yield head.code, head.version, body


async def take_in(gateway: Gateway, options: argparse.Namespace) -> None:
    """Feed the gateway; what was acknowledged before an earlier death is not fed again."""
    descriptor = os.open(options.acks, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    known = set(os.read(descriptor, 2**24).decode().splitlines())
    for code, version, body in lines_of(Path(options.feed), options.part):
        ack = f"{code} {version}"
        if ack in known:
            continue
        await accept(gateway, body)
        os.write(descriptor, f"{ack}\n".encode())
        await asyncio.sleep(1 / options.pace)


async def accept(gateway: Gateway, body: bytes) -> None:
    """Hand the record over until it is taken, as a one-door system does."""
    while True:
        try:
            await gateway.intake.accept(Submission(body=body, client="chaos"))
        except ConflictError:
            return  # a newer version was acknowledged before the process died
        except StorageUnavailable:
            await asyncio.sleep(0.2)
        else:
            return


async def main(options: argparse.Namespace) -> None:
    """Run until SIGTERM."""
    settings = load(options.config, {})
    configure_logging("warning", "json")
    extra = {DESTINATION: JournalAdapter(options.journal)} if options.journal else None
    gateway = await open_gateway(settings, extra=extra)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, gateway.worker.stop)
    feeding = asyncio.create_task(take_in(gateway, options))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        await gateway.worker.run()
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding
        await gateway.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--config", "--feed", "--acks"):
        parser.add_argument(name, required=True)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--pace", type=float, default=20.0)
    parser.add_argument("--journal")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
