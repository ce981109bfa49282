"""Suite about ministries: construction permits over SOAP and judicial records over REST, against what one would write
without a gateway.

Three questions: what a message costs (encode, sign, interpret), what the contract costs at start-up and never again,
and how many applications a second arrive, with a partner that judges them. zeep gets its values ready in its own shape
and stores nothing; ours decodes what is stored, proves every attachment, validates by the schema and is durable.
"""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec

from bench import ministries_load as load
from bench import ministries_partner as partner
from bench.partner import record_of
from bench.running import STOLEN, Row, ratio_row, row, scratch, sqlite, stolen, wait

LATENCY = 0.02
THREADS = 32  # best for zeep of 1 to 64, measured
LEAST = 1.5  # against a plain zeep client, by the order
STARTUP_SECONDS = 1.0
FULL, QUICK = {"messages": 300, "dossiers": 3000}, {"messages": 40, "dossiers": 400}
STEPS = ("encode", "sign", "interpret")
Cost = dict[str, list[float]]  # by step: seconds of the processor, seconds of the clock


def ministries(runs: int, quick: bool) -> list[Row]:
    """Cost of a message, start-up, messages a second."""
    shape = QUICK if quick else FULL
    shares: list[float] = []
    with scratch() as folder:
        for kind in load.KINDS.values():
            load.key_files(folder, kind)
        plan = {**shape, "keys": str(folder)}
        with stolen(shares):
            rows = [*costs(runs, plan), *startup(runs, plan), *delivered(runs, plan)]
    return [*rows, row(STOLEN, "%", shares)]


def costs(runs: int, plan: Row) -> list[Row]:
    """Processor's time of one message by step, and the whole against the peer's."""
    ours, peers = [], []
    for _ in range(runs):
        ours.append(_run("ministries_steps", "ours", plan))
        peers.append(_run("ministries_steps", "zeep", plan))
    rows: list[Row] = []
    for about in load.SIZES:
        for title in load.KINDS:
            name = f"{about} {title}"
            what = f"permit of {about}, {title}"
            rows += _steps(what, [each[name] for each in ours])
            rows += _steps(f"{what}, zeep", [each[name] for each in peers])
            rows += _compared(what, [each[name] for each in ours], [each[name] for each in peers])
    for title in load.KINDS:
        name = f"record {title}"
        rows += _steps(f"judicial record, detached JWS {title}", [each[name] for each in ours])
    return rows


def _steps(what: str, found: list[Cost]) -> list[Row]:
    steps = [row(f"{what}: {step}", "us CPU", [each[step][0] * 1e6 for each in found]) for step in STEPS]
    return [*steps, row(f"{what}: all, by the clock", "us", [_whole(each, 1) * 1e6 for each in found])]


def _compared(what: str, ours: list[Cost], peers: list[Cost]) -> list[Row]:
    ratios = [
        [_whole(theirs, place) / _whole(mine, place) for mine, theirs in zip(ours, peers, strict=True)]
        for place in (0, 1)
    ]
    cpu = f"{what}: zeep / ours, CPU"
    return [
        # a large one is libxml2's and OpenSSL's work on both sides, and of ours the proof of its digest besides
        row(cpu, "x", ratios[0]) if "MB" in what else ratio_row(cpu, ratios[0], LEAST),
        row(f"{what}: zeep / ours, by the clock", "x", ratios[1]),
    ]


def _whole(cost: Cost, place: int) -> float:
    return float(sum(cost[step][place] for step in STEPS))


def startup(runs: int, plan: Row) -> list[Row]:
    """Seconds until the first message could leave, in a fresh process; and that nothing is read afterwards."""
    ours = [_run("ministries_startup", "ours", plan) for _ in range(runs)]
    peers = [_run("ministries_startup", "zeep", plan) for _ in range(runs)]
    built = [each["build"] for each in ours]
    opened, reads = ([float(each[name]) for each in ours] for name in ("opened", "reads"))
    target = f"< {STARTUP_SECONDS:g}"
    return [
        row(
            "the contract at start-up: schema compiled", "s", built, target, met=max(built) < STARTUP_SECONDS
        ),
        row("imports before that", "s", [each["import"] for each in ours]),
        row("the contract at start-up, zeep: WSDL parsed", "s", [each["build"] for each in peers]),
        row("imports before that, zeep", "s", [each["import"] for each in peers]),
        row(f"files opened by {plan['messages']} messages", "files", opened, "0", met=max(opened) == 0),
        row(f"reads of the kernel by {plan['messages']} messages", "calls", reads, "0", met=max(reads) == 0),
    ]


def delivered(runs: int, plan: Row) -> list[Row]:
    """Applications a second from the queue to an outcome, and the processor's time of one."""
    rows: list[Row] = []
    for title, kind in load.KINDS.items():
        signed = {**plan, "kind": kind}
        ours, peers = _in_turn(runs, signed, "zeep")
        rows += _rates(f"permits delivered, {title}", ours, "zeep, nothing stored", peers)
    ours, peers = _in_turn(runs, {**plan, "keys": "", "kind": ""}, "requests")
    return [*rows, *_rates("judicial records delivered", ours, "requests, nothing stored", peers)]


def _rates(what: str, ours: list[Row], peer: str, theirs: list[Row]) -> list[Row]:
    ratios = [mine["rate"] / other["rate"] for mine, other in zip(ours, theirs, strict=True)]
    costs = [other["cost"] / mine["cost"] for mine, other in zip(ours, theirs, strict=True)]
    name = f"{what}: ours / {peer}"
    return [
        row(what, "1/s", [each["rate"] for each in ours]),
        row(f"{what}: CPU of one", "us", [each["cost"] for each in ours]),
        row(f"{what}, {peer}", "1/s", [each["rate"] for each in theirs]),
        row(f"{what}, {peer}: CPU of one", "us", [each["cost"] for each in theirs]),
        # what is asked for is about SOAP; a judicial record has no peer with a signature
        ratio_row(name, ratios, LEAST) if peer.startswith("zeep") else row(name, "x", ratios),
        row(f"{what}: {peer} / ours, CPU of one", "x", costs),
    ]


def _in_turn(runs: int, plan: Row, peer: str) -> tuple[list[Row], list[Row]]:
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(_deliver("gateway", plan))
        theirs.append(_deliver(peer, plan))
    return ours, theirs


def _deliver(name: str, plan: Row) -> Row:
    """One contender against a ministry of its own, whose verdict must be flawless."""
    keys = load.keys_in(plan["keys"], plan["kind"]) if plan["keys"] else None
    with sqlite() as database, partner.running(LATENCY, keys.certificate if keys else None) as url:
        result = _run(
            "ministries_ends", name, {**plan, "database": database, "partner": url, "threads": THREADS}
        )
        verdict = msgspec.convert(record_of(url), partner.Verdict)
    if verdict != partner.Verdict(received=plan["dossiers"], repeated=0, invalid=0, unsigned=0):
        raise RuntimeError(f"{name}: the ministry's record is not flawless: {verdict}")
    total = plan["dossiers"]
    return {"rate": total / result["seconds"], "cost": result["cpu"] / total * 1e6}


def _run(module: str, name: str, plan: Row) -> Row:
    return wait(
        subprocess.Popen(
            [sys.executable, "-m", f"bench.{module}", name, json.dumps(plan)],
            stdout=subprocess.PIPE,
            text=True,
        )
    )
