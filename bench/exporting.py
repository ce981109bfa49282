"""How long it takes to export, and to verify, the evidence of a dossier with 40 messages of 4 KB.

    python -m bench.exporting [messages]

The log has 20,000 other entries. Everything is measured: collecting, redacting, both reports, signing.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from gateway.proof import lienthong_verify as verifier
from gateway.storage import migrate
from gateway.storage.database import Database
from tests.bundle_world import CODE, NAME, BundleWorld
from tests.storage.evidence_world import NOW

OTHERS, ROUNDS = 20_000, 7
_RECORD = '{{"full_name": "{name}", "number": {number}, "text": "{text}"}}'


async def main(messages: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        migrate.upgrade(url)
        database = Database(url)
        world = BundleWorld(database, Path(folder, "keys"))
        await world.fill(OTHERS)
        for number in range(messages // 2):
            body = _RECORD.format(name=NAME, number=number, text="hồ sơ " * 500).encode()
            call = world.request(CODE, body, at=NOW + timedelta(minutes=number))
            await world.write(call, world.answer(CODE, call, body))
        await world.checkpoint()
        bundle = world.bundle()
        trust = verifier.read_trust(world.keys())
        print(f"{messages} messages, {OTHERS:,} other entries, bundle of {len(bundle):,} bytes")
        print(f"export            {timed(world.bundle):6.1f} ms")
        print(f"export, redacted  {timed(lambda: world.bundle('personal')):6.1f} ms")
        print(f"verify            {timed(lambda: verifier.verify_bundle(bundle, trust)):6.1f} ms")
        database.close()


def timed(work: Callable[[], object]) -> float:
    """The median of a few rounds, in ms."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
