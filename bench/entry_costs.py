"""What one entry of the message log costs in one process: finding personal values, committing, packing, encrypting.

A record of 4 KB with 13 personal values as it comes in, and the largest message to the national portal. Contenders take
turns within milliseconds, and the quickest turn counts, so that a busy machine moves all of them alike.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from bench import portal_load
from bench.running import Row, row
from gateway.domain.declarations import PERSONAL_FIELDS
from gateway.messagelog.content import compressed, head_of, pack
from gateway.messagelog.entry import About, Scope, leaf_of, request_entry
from gateway.messagelog.personal import Cutter
from gateway.messagelog.redaction import redact_body, redact_headers, redact_url
from gateway.messagelog.vault import KEY_BYTES, DataKey
from gateway.port import WireRequest
from gateway.proof.commitment import SEED_BYTES, committed
from gateway.storage.instants import to_micros
from gateway.storage.rows import MessageRow

MOST_MICROSECONDS = 40.0
WANTED_BYTES, WANTED_VALUES = 4000, 13
TURNS, AT_ONCE = 400, 20
_HEADERS = (
    ("content-type", "application/json"),
    ("authorization", "Bearer bench"),
    ("user-agent", "one-door/1.0"),
    ("host", "gateway.h99.example"),
)
Work = Callable[[], object]


def measured(runs: int, quick: bool) -> Iterator[Row]:
    """The parts of an entry, the whole, and the whole before there was evidence."""
    turns = TURNS // 4 if quick else TURNS
    record = Scope(channel="api", secret_headers=("authorization",), personal_fields=PERSONAL_FIELDS)
    yield from _rows("record of 4 KB with 13 personal values", record, _record(), (runs, turns))
    portal = Scope(channel="portal", personal_fields=portal_load.personal_fields())
    yield from _rows("largest portal message", portal, portal_load.largest(), (runs, turns))


def _rows(name: str, scope: Scope, body: bytes, often: tuple[int, int]) -> Iterator[Row]:
    runs, turns = often
    found = [_quickest(_works(scope, body), turns) for _ in range(runs)]
    for part in found[0]:
        yield row(f"{name}: {part}", "us", [each[part] for each in found])
    more = [each["entry, encrypted"] - each["entry before evidence"] for each in found]
    met = sorted(more)[len(more) // 2] <= MOST_MICROSECONDS
    yield row(f"{name}: what evidence adds", "us", more, f"<= {MOST_MICROSECONDS:g}", met=met)


def _quickest(works: Mapping[str, Work], turns: int) -> dict[str, float]:
    best = dict.fromkeys(works, float("inf"))
    for _ in range(turns):
        for name, work in works.items():
            work()
            started = time.perf_counter()
            for _ in range(AT_ONCE):
                work()
            best[name] = min(best[name], (time.perf_counter() - started) / AT_ONCE)
    return {name: seconds * 1e6 for name, seconds in best.items()}


def _works(scope: Scope, body: bytes) -> dict[str, Work]:
    request = WireRequest(
        method="PUT", url="https://gateway.h99.example/v1/dossiers/H99.14-1", headers=_HEADERS, body=body
    )
    about = About(id=2**62, at=datetime(2026, 11, 22, tzinfo=UTC), operation="dossier", dossier="H99.14-1")
    cutter, key, seed = Cutter(scope.personal_fields), DataKey(os.urandom(KEY_BYTES)), os.urandom(SEED_BYTES)
    head = head_of(request.method, request.url, msgspec.json.encode(_HEADERS).decode())
    content = head + body
    cuts = cutter.places(content, len(head))
    packed = pack(seed, cuts, body)
    return {
        "cut": lambda: cutter.places(content, len(head)),
        "commit": lambda: committed(content, cuts, seed),
        "pack": lambda: pack(seed, cuts, body),
        "encrypt": lambda: key.encrypt(about.id, packed),
        "entry, encrypted": lambda: key.encrypt(about.id, request_entry(scope, about, request).body),
        "entry before evidence": lambda: _before(scope, about, request),
    }


def _before(scope: Scope, about: About, request: WireRequest) -> MessageRow:
    """The entry of form 1: no personal values, no commitments, a digest of the body."""
    headers = redact_headers(request.headers, names=scope.secret_headers)
    body = redact_body(request.body, fields=())
    row = MessageRow(
        id=about.id,
        at=to_micros(about.at),
        direction=about.direction,
        kind="request",
        channel=scope.channel,
        operation=about.operation,
        dossier_code=about.dossier,
        method=request.method,
        url=redact_url(request.url, fields=()),
        headers=msgspec.json.encode(headers).decode(),
        body_digest=hashlib.sha256(body).digest(),
        body_size=len(body),
        leaf=b"",
        body=compressed(body)[1],
        form=1,
    )
    msgspec.structs.force_setattr(row, "leaf", leaf_of(row))
    return row


def _record() -> bytes:
    """The example of about 4 KB with the wanted number of personal values."""
    cutter = Cutter(PERSONAL_FIELDS)

    def distance(record: bytes) -> tuple[int, int]:
        return abs(len(cutter.cuts(record, 0)) - WANTED_VALUES), abs(len(record) - WANTED_BYTES)

    return min(portal_load.EXAMPLES.read_bytes().splitlines(), key=distance)
