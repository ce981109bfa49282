"""What the ministry's contract costs at start-up, and that it costs nothing afterwards: ``python -m
bench.ministries_startup NAME JSON`` prints one line.

Each in a fresh process: the seconds from the first import to a client that could send, and, of ours, how many files were
opened and how many times the kernel was asked to read while messages were encoded, signed and interpreted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

Plan = dict[str, Any]
_COUNTERS = Path("/proc/self/io")


def ours(plan: Plan) -> dict[str, Any]:
    began = time.perf_counter()
    from bench import ministries_load as load
    from bench import ministries_steps as steps

    imported = time.perf_counter()
    load.construction_adapter("http://127.0.0.1:9/")
    built = time.perf_counter()
    permit = steps.Permit(load.SMALL, load.keys_in(plan["keys"], "rsa"))
    opened: list[str] = []
    sys.addaudithook(lambda event, about: opened.append(str(about[0])) if event == "open" else None)
    alone = _reads(), _reads()
    opened.clear()
    before = _reads()
    for _ in range(plan["messages"]):
        for step in steps.STEPS:
            getattr(permit, step)()
    reads = _reads() - before - (alone[1] - alone[0])
    files = [each for each in opened if each != str(_COUNTERS)]
    return {"import": imported - began, "build": built - imported, "opened": len(files), "reads": reads}


def _reads() -> int:
    """How many times this process has asked the kernel to read (proc(5)); 0 where no kernel tells."""
    try:
        lines = _COUNTERS.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("syscr"))


def zeep(plan: Plan) -> dict[str, Any]:
    began = time.perf_counter()
    from bench.ministries_peer import client

    imported = time.perf_counter()
    client()
    return {"import": imported - began, "build": time.perf_counter() - imported}


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "zeep": zeep}[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
