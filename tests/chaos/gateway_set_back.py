"""``gateway_process`` with a wall clock that loses an hour as soon as a file exists: ``… --set-back FILE …``.

A module of its own, because whoever looks at the clock keeps the function that it found when it was imported.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

HOUR = 3600


def set_back_when(file: Path) -> None:
    """From the moment ``file`` exists, the wall clock of this process is an hour behind."""
    wall, wall_ns = time.time, time.time_ns
    time.time = lambda: wall() - (HOUR if file.exists() else 0)
    time.time_ns = lambda: wall_ns() - (HOUR * 10**9 if file.exists() else 0)


if __name__ == "__main__":
    place = sys.argv.index("--set-back")
    set_back_when(Path(sys.argv[place + 1]))
    del sys.argv[place : place + 2]
    runpy.run_module("tests.chaos.gateway_process", run_name="__main__")
