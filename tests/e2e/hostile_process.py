"""A process with a whole gateway that files what it is given at a ministry, until nothing is left to do.

Usage: hostile_process FILE, which holds the ``Errand``; a file beside it says then what became of each dossier, and by
how many MB the process has grown since the first one.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.bootstrap import Gateway, open_gateway
from gateway.delivery.intake import Submission
from gateway.settings import (
    BreakerSettings,
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    FileSettings,
    RetrySettings,
    Settings,
)

MINISTRY = "construction"
PATIENCE = 60.0
START = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)  # the samples were received on that day
_MOVING = ("pending", "waiting", "in_flight", "in_doubt")
_BEGUN = time.monotonic()


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """``url``: the ministry; ``store``: host of the attachments; ``records``: dossiers, the first of which is honest."""

    database: str
    url: str
    store: str
    records: list[msgspec.Raw]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """``deliveries``: state and code of each dossier's."""

    deliveries: dict[str, tuple[str, str]]
    grown_mb: int


def settings(errand: Errand) -> Settings:
    ministry = {
        "url": errand.url,
        "unit": "H99.99.99",
        "soap_version": "1.1",
        "timeout_s": 10.0,
        "feed": None,
    }
    return Settings(
        database=DatabaseSettings(url=errand.database),
        delivery=DeliverySettings(
            retry=RetrySettings(first=0.02, longest=0.1, ask_after=0.01, jitter=0.0),
            breaker=BreakerSettings(failures=100_000, first_pause=0.01, longest_pause=0.02),
        ),
        files=FileSettings(
            address="https://gateway.h99.example",
            hosts=[errand.store],
            plain_http_hosts=[errand.store],
            inside=[errand.store],
        ),
        destination={MINISTRY: DestinationSettings(settings=ministry)},
    )


async def file(gateway: Gateway, records: list[msgspec.Raw]) -> None:
    for record in records:
        code = msgspec.json.decode(record)["code"]
        submission = Submission(body=bytes(record), client="one-door", code=code)
        await gateway.intake.accept(submission)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and any(state in _MOVING for _, state, _ in await rows(gateway)):  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(0.05)


async def rows(gateway: Gateway) -> list[Any]:
    question = sa.text(
        "SELECT lane.dossier_code, delivery.state, delivery.code FROM delivery JOIN lane ON lane.id = delivery.lane_id"
    )
    return list(await gateway.database.read(lambda connection: connection.execute(question).all()))


def clock() -> datetime:
    return START + timedelta(seconds=time.monotonic() - _BEGUN)


def peak_mb() -> int:
    """Of this program; what getrusage tells is also what its parent had when it was started."""
    (line,) = (
        each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM")
    )
    return int(line.split()[1]) // 1024


async def run(errand: Errand) -> Ended:
    gateway = await open_gateway(settings(errand), clock=clock)
    working = asyncio.create_task(gateway.worker.run())
    await file(gateway, errand.records[:1])
    before = peak_mb()
    await file(gateway, errand.records[1:])
    found = {dossier: (state, code or "") for dossier, state, code in await rows(gateway)}
    gateway.worker.stop()
    await working
    await gateway.close()
    return Ended(deliveries=found, grown_mb=peak_mb() - before)


def main(path: Path) -> None:
    ended = asyncio.run(run(msgspec.json.decode(path.read_bytes(), type=Errand)))
    path.with_suffix(".ended").write_bytes(msgspec.json.encode(ended))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
