"""The gateway with its console, as ``lienthong serve`` has it, watched: how long its loop was held.

``python -m bench.console_server CONFIGURATION DATABASE KEYS``: prints where it listens and the word of a session; for every
line that it reads, how long at most the loop was held since the line before, in milliseconds: by the clock, and of
processor time of its own thread, which a busy machine does not stretch.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import sqlalchemy as sa

from gateway.api.server import run, serve
from gateway.bootstrap import Gateway, open_gateway
from gateway.console.app import faces
from gateway.settings import Settings, load
from gateway.storage.schema_accounts import account
from gateway.storage.scopes import Role, joined
from gateway.storage.sessions import Opening, open_session
from gateway.telemetry import configure_logging

ACCOUNT = "can.bo.bench"
_TICK = 0.001


class Watch:
    """The longest that the loop was held since it was last asked."""

    def __init__(self) -> None:
        self.clock = self.processor = 0.0

    async def run(self) -> None:
        """Look as often as the loop lets us."""
        while True:
            at, spent = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_TICK)
            self.clock = max(self.clock, time.perf_counter() - at - _TICK)
            self.processor = max(self.processor, time.thread_time() - spent)

    def told(self) -> str:
        """Both, in milliseconds; begun anew. The process's own processor seconds beside them."""
        found = {"clock": self.clock * 1000, "processor": self.processor * 1000, "spent": time.process_time()}
        self.clock = self.processor = 0.0
        return json.dumps(found)


async def _serve(configuration: str, database: str, keys: str) -> None:
    configure_logging("error", "json")
    gateway = await open_gateway(settings_of(Path(configuration), database, keys))
    word = await signed_in(gateway)
    watch = Watch()
    watching = asyncio.create_task(watch.run())
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for _ in sys.stdin:
            print(asyncio.run_coroutine_threadsafe(_told(watch), loop).result(), flush=True)

    def started(url: str) -> None:
        print(json.dumps({"url": url, "word": word, "pid": os.getpid()}), flush=True)
        threading.Thread(target=listen, daemon=True).start()

    try:
        await serve(gateway, worker=False, started=started, faces=faces)
    finally:
        watching.cancel()
        await gateway.close()


def settings_of(configuration: Path, database: str, keys: str) -> Settings:
    """The demo's settings for another database, on any free port."""
    settings = load(configuration)
    return msgspec.structs.replace(
        settings,
        database=msgspec.structs.replace(settings.database, url=database),
        evidence=msgspec.structs.replace(settings.evidence, keys=keys),
        api=msgspec.structs.replace(settings.api, port=0, rate=100_000.0, burst=100_000),
    )


async def _told(watch: Watch) -> str:
    return watch.told()


async def signed_in(gateway: Gateway) -> str:
    """The word of a new session of somebody who may see everything."""
    now = gateway.hub.clock()
    row = {
        "name": ACCOUNT,
        "display_name": "Cán bộ đo",
        "password_hash": "-",
        "roles": joined((), list(Role)),
        "failures": 0,
        "must_change": False,
        "created_at": int(now.timestamp() * 1e6),
    }
    database = gateway.database
    engine = sa.create_engine(sa.make_url(database.url).set(drivername=_driver(database.dialect)))
    with engine.begin() as connection:
        if connection.execute(sa.select(account.c.name).where(account.c.name == ACCOUNT)).first() is None:
            connection.execute(account.insert(), row)
    engine.dispose()
    opening = Opening(account=ACCOUNT, now=now, lifetime=timedelta(hours=4), peer="127.0.0.1", agent="bench")
    word, _ = await database.write(partial(open_session, opening=opening))
    return word


def _driver(dialect: str) -> str:
    return "sqlite" if dialect == "sqlite" else "postgresql+psycopg"


if __name__ == "__main__":
    run(_serve(*sys.argv[1:4]))
