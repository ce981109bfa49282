"""Suite about evidence: what it costs deliveries, what one log entry costs, how large and how fast proofs are,
how long a whole log takes to verify.

With and without it run in turn inside one run. "Without" is less than any setting gives: contents in clear, no personal
value looked for, no checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import entry_costs, partner, portal_load, proving, verifying
from bench.delivering import FULL, LATENCY, require_flawless, total
from bench.running import STOLEN, Row, ratio_row, row, run, sqlite, stolen
from gateway.messagelog.proofs import EntryProof
from gateway.proof import merkle
from gateway.proof.lienthong_verify import HASH_SIZE, read_checkpoint, verify_inclusion
from gateway.proof.note import Signer, checkpoint_text, signed

LEAST = 0.85
LOADS: dict[str, Row] = {"4 KB": {}, "portal messages": {"load": "portal"}}
EVERY = 1.0
MANY, STORED = 10_000_000, 200_000
MOST_BYTES = 2048
_AT = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)


def evidence(runs: int, quick: bool) -> list[Row]:
    """Every part, one after the other."""
    return [found for part in PARTS for found in part(runs, quick)]


def _throughput(runs: int, quick: bool) -> Iterator[Row]:
    shape = {**FULL, "dossiers": 150} if quick else FULL  # the first stamp costs as much as 100 messages
    shares: list[float] = []
    for name, load in LOADS.items():
        on: list[Row] = []
        off: list[Row] = []
        for _ in range(runs):
            with stolen(shares):
                off.append(_delivered({**shape, **load, "evidence": False}))
                on.append(_with_evidence({**shape, **load}))
        yield row(f"{name}: without evidence", "msg/s", [each["rate"] for each in off])
        yield row(f"{name}: with evidence", "msg/s", [each["rate"] for each in on])
        yield row(f"{name}: CPU without", "us/msg", [each["cpu_us"] for each in off])
        yield row(f"{name}: CPU with", "us/msg", [each["cpu_us"] for each in on])
        pairs = list(zip(on, off, strict=True))
        yield row(f"{name}: CPU with / without", "x", [a["cpu_us"] / b["cpu_us"] for a, b in pairs])
        yield ratio_row(
            f"{name}: throughput with / without", [a["rate"] / b["rate"] for a, b in pairs], LEAST
        )
    yield row(STOLEN, "%", shares)


def _with_evidence(plan: Row) -> Row:
    with proving.authority() as authority:
        asked = {"every": EVERY, "timestamps": authority}
        personal = list(portal_load.personal_fields())
        found = _delivered({**plan, "evidence": asked, "personal": personal})
    if not found["checkpoints"] or not found["stamped"]:
        raise RuntimeError(f"nothing was proven: {found}")
    return found


def _delivered(plan: Row) -> Row:
    with sqlite() as database, partner.running(LATENCY) as url:
        whole: dict[str, Any] = {**plan, "database": database, "partner": url}
        run("fill", whole)
        found = run("gateway", whole)
        require_flawless(partner.record_of(url), total(plan))
    count = total(plan)
    return {**found, "rate": count / found["seconds"], "cpu_us": found["cpu"] * 1e6 / count}


def _proofs(runs: int, quick: bool) -> Iterator[Row]:
    size = _proof_bytes()
    yield row(
        f"proof of one message at {MANY:,} entries", "bytes", [size], f"< {MOST_BYTES}", met=size < MOST_BYTES
    )
    count = STORED // 10 if quick else STORED
    found = [_tree_costs(count) for _ in range(runs)]
    for what in found[0]:
        yield row(f"{what}, {count:,} entries", "us CPU", [each[what] for each in found])


def _proof_bytes() -> float:
    """The largest proof of so many entries, as the API gives it, with a checkpoint that names the one before it."""

    def nodes(height: int, index: int, count: int) -> bytes:
        return b"".join(_hash(b"%d %d" % (height, index + each)) for each in range(count))

    signer = Signer.of_log("nhat-ky.h99.example", Ed25519PrivateKey.from_private_bytes(bytes(HASH_SIZE)))
    root, proof = merkle.root(MANY, nodes), merkle.inclusion(0, MANY, nodes)
    before = read_checkpoint(checkpoint_text(signer.key.name, MANY, root, at=_AT))
    text = checkpoint_text(signer.key.name, MANY, root, at=_AT, previous=before)
    answer = EntryProof(
        entry=str(2**62),
        index=MANY - 1,
        size=MANY,
        leaf=_coded(nodes(0, 0, 1)),
        proof=list(map(_coded, proof)),
        checkpoint=signed(text, signer).decode(),
    )
    return float(len(msgspec.json.encode(answer)))


def _tree_costs(count: int) -> dict[str, float]:
    leaves = [_hash(b"%d" % number) for number in range(count)]
    edge, whole = merkle.Edge(), merkle.Tree(leaves)
    started = time.process_time()
    edge.extend(leaves)
    appending = (time.process_time() - started) / count
    tiles = {(each.level, each.index): each.hashes for each in (*edge.take(), *edge.tails())}

    def fresh() -> merkle.Nodes:
        return merkle.TileNodes(count, lambda level, index, _: tiles.get((level, index))).nodes

    return {
        "append to the tree": appending * 1e6,
        "inclusion proof out of tiles that nobody has read yet": _proving(leaves, edge.root(), fresh),
        "inclusion proof, all nodes in memory": _proving(leaves, edge.root(), lambda: whole.nodes),
    }


def _proving(leaves: Sequence[bytes], root: bytes, nodes: Callable[[], merkle.Nodes]) -> float:
    """Microseconds of a proof; all of them are checked afterwards."""
    size, asked = len(leaves), range(0, len(leaves), len(leaves) // 200)
    started = time.process_time()
    proofs = [merkle.inclusion(index, size, nodes()) for index in asked]
    spent = (time.process_time() - started) / len(asked)
    for index, proof in zip(asked, proofs, strict=True):
        verify_inclusion(leaves[index], index, size, proof, root)
    return spent * 1e6


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


Part = Callable[[int, bool], Iterator[Row]]
PARTS: tuple[Part, ...] = (_throughput, _proofs, entry_costs.measured, verifying.measured)
