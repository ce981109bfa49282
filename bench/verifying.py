"""Verifying a whole message log: 100,000 entries of dossiers as the portal gets them, encrypted, under checkpoints.

One process makes the log, another verifies it, on one core: what is measured is the verifier's time for one entry, and its
memory after a tenth and at the end. ``ENTRIES=1000000 python -m bench evidence`` measures a million.
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench import portal_load
from bench.running import Row, row, run, sqlite
from gateway.domain.declarations import PERSONAL_FIELDS
from gateway.evidence.checkpointer import Checkpointer, Source
from gateway.messagelog.entry import About, Scope, request_entry, response_entry
from gateway.messagelog.keys import open_contents
from gateway.messagelog.log_keys import LogKeys
from gateway.messagelog.verification import Verification
from gateway.port import WireRequest, WireResponse
from gateway.settings_evidence import EvidenceSettings
from gateway.storage import migrate, upkeep
from gateway.storage.database import Database
from gateway.storage.reading import ReadingDatabase
from gateway.storage.rows import MessageRow, insert_messages

PER_DOSSIER = 20
AT_ONCE = 2_000
ENTRIES, QUICK = int(os.environ.get("ENTRIES", "100000")), 10_000
MILLION, MOST_SECONDS, MOST_GROWTH_MB = 1_000_000, 60.0, 64.0  # 20,000 keys of dossiers are kept
_HEADERS = (("content-type", "application/json"), ("user-agent", "lienthong/1.0"))
_ANSWER = b'{"error_code":0,"message":"OK","result":{"maHoSo":"H99.14-261122-%06d","trangThai":"da nhan"}}'


def measured(runs: int, quick: bool) -> Iterator[Row]:
    """What one entry costs, what a million would, and whether memory stays where it is."""
    count = QUICK if quick else ENTRIES
    with sqlite() as database:
        plan = {"database": database, "entries": count}
        made = run("fill_log", plan)
        found = [run("verify_log", plan) for _ in range(runs)]
    if any(each["checked"] != count or each["faults"] for each in found):
        raise RuntimeError(f"the log was not verified: {found}")
    whole = [each["seconds"] / count * MILLION for each in found]
    met = sorted(whole)[len(whole) // 2] <= MOST_SECONDS
    grown = [each["grown_mb"] for each in found]
    yield row(f"verify: {count:,} entries, a body and its head", "bytes", [made["bytes"]])
    yield row("verify: one entry", "us", [each["seconds"] / count * 1e6 for each in found])
    yield row("verify: one entry", "us CPU", [each["cpu"] / count * 1e6 for each in found])
    yield row("verify: a million entries", "s", whole, f"<= {MOST_SECONDS:g}", met=met)
    yield row("verify: memory", "MB", [each["peak_mb"] for each in found])
    flat = max(grown) <= MOST_GROWTH_MB
    yield row(
        "verify: memory, more at the end than after a tenth", "MB", grown, f"<= {MOST_GROWTH_MB:g}", met=flat
    )


async def fill(plan: dict[str, Any]) -> dict[str, Any]:
    """Make the log: encrypted, sealed, in tiles, a checkpoint for every ``AT_ONCE`` entries."""
    migrate.upgrade(plan["database"])
    database = Database(plan["database"])
    folder = _folder(plan)
    open_contents(database, folder)
    clock = partial(datetime.now, UTC)
    source = Source(database=database, keys=LogKeys(database, folder, clock), clock=clock)
    checkpointer = Checkpointer(source, EvidenceSettings(), owner=lambda: 0)
    size = 0
    for first in range(0, plan["entries"], AT_ONCE):
        rows = list(_entries(database, first, min(AT_ONCE, plan["entries"] - first)))
        size += sum(each.body_size + len(each.headers) + len(each.url or "") for each in rows)
        await database.write(partial(_insert, rows=rows))
        while (await database.write(upkeep.seal)).messages:
            await asyncio.sleep(0)
        await checkpointer.make()
    database.close()
    return {"bytes": size / plan["entries"]}


def _insert(transaction: Any, rows: Sequence[MessageRow]) -> None:
    insert_messages(transaction, rows)


def _entries(database: Database, first: int, count: int) -> Iterator[MessageRow]:
    """Requests with the portal's bodies, and answers."""
    scope = Scope(
        channel="national_portal", personal_fields=(*portal_load.personal_fields(), *PERSONAL_FIELDS)
    )
    for dossier in range(first // PER_DOSSIER, (first + count) // PER_DOSSIER):
        code = f"H99.14-261122-{dossier:06d}"
        for body in portal_load.payloads(dossier, PER_DOSSIER // 2):
            about = About(
                id=database.identifiers.next(),
                at=datetime.now(UTC),
                operation="step",
                dossier=code,
                attempt=dossier,
            )
            wire = WireRequest(
                method="POST", url="https://portal.example/forward/mapi", headers=_HEADERS, body=body
            )
            asked = request_entry(scope, about, wire)
            yield asked
            heard = About(
                id=database.identifiers.next(),
                at=datetime.now(UTC),
                operation="step",
                dossier=code,
                attempt=dossier,
                request_id=asked.id,
                outcome="accepted",
                code="0",
            )
            yield response_entry(
                scope, heard, WireResponse(status=200, headers=_HEADERS, body=_ANSWER % dossier)
            )


async def verify(plan: dict[str, Any]) -> dict[str, Any]:
    """Verify the log, in one thread."""
    database = ReadingDatabase(plan["database"])
    open_contents(database, _folder(plan))
    run_ = Verification(database)
    wall, cpu = time.perf_counter(), time.process_time()
    early = 0.0
    for step in run_.steps():
        if not early and step.seq * 10 >= step.last:
            early = _peak_mb()
    report = run_.report
    spent = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    database.close()
    peak = _peak_mb()
    return {
        **spent,
        "checked": report.checked,
        "faults": len(report.faults),
        "peak_mb": peak,
        "grown_mb": peak - early,
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _folder(plan: dict[str, Any]) -> Path:
    return Path(plan["database"].removeprefix("sqlite:///")).parent / "keys"
