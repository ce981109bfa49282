"""``python -m bench [SUITE …] [--runs N] [--quick]``: medians, ratios and targets; JSON into bench/results/.

Every suite measures its contenders in turn inside the same run, so that ratios survive a noisy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import accepting, console, delivering, drifting, evidencing, ministries, paying, reporting, signing

RESULTS = Path(__file__).parent / "results"
Suite = Callable[[int, bool], list[dict[str, Any]]]
SUITES: dict[str, Suite] = {
    "throughput": delivering.throughput,
    "scale": delivering.scale,
    "accept": accepting.latency,
    "memory": delivering.memory,
    "stored": delivering.stored,
    "neighbours": delivering.neighbours,
    "reports": reporting.reporting,
    "drift": drifting.drift,
    "callback": paying.callback,
    "signing": signing.signing,
    "ministries": ministries.ministries,
    "evidence": evidencing.evidence,
    "console": console.console,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("suites", nargs="*", default=list(SUITES), choices=[*SUITES, []], help="default: all")
    parser.add_argument("--runs", type=int, default=5, help="runs per contender; the median counts")
    parser.add_argument("--quick", action="store_true", help="a tenth of the load, to see that it works")
    options = parser.parse_args()
    screen = Console()
    rows: list[dict[str, Any]] = []
    for name in options.suites or list(SUITES):
        screen.rule(name)
        started = time.perf_counter()
        found = SUITES[name](options.runs, options.quick)
        rows += [{"suite": name, **row} for row in found]
        screen.print(_table(found), f"{time.perf_counter() - started:.0f} s")
    _save(rows, options.runs, quick=options.quick)
    missed = [row["what"] for row in rows if row.get("met") is False]
    screen.print(f"targets missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("what", "median", "unit", "runs", "target", "met")
    for row in rows:
        met = {True: "yes", False: "NO"}.get(row.get("met"), "")  # type: ignore[arg-type]
        spread = " ".join(f"{value:.4g}" for value in row.get("runs", []))
        table.add_row(row["what"], f"{row['median']:.4g}", row["unit"], spread, row.get("target", ""), met)
    return table


def _save(rows: list[dict[str, Any]], runs: int, *, quick: bool) -> None:
    RESULTS.mkdir(exist_ok=True)
    document = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "runs": runs,
        "quick": quick,
        "rows": rows,
    }
    name = "quick.json" if quick else "latest.json"
    (RESULTS / name).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
